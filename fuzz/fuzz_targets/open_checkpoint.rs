//! Hostile checkpoint files, with all digests made to fit too: refused, or the run they are of.
#![no_main]

#[path = "../../tests/support/bodies.rs"]
mod bodies;
#[path = "../../tests/support/differential.rs"]
mod differential;
#[path = "../../tests/support/encode.rs"]
mod encode;
#[path = "../../tests/support/flipping.rs"]
mod flipping;
#[path = "../../tests/support/forge.rs"]
mod forge;
#[path = "../../tests/support/sites.rs"]
mod sites;
#[path = "../../tests/support/spec.rs"]
mod spec;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::open_checkpoint(bytes));
