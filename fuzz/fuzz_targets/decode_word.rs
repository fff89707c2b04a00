//! Any word: legal as the specification says.
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

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::decode_word(bytes));
