//! Tracelane: a trace engine for small-space zkVM proving.
//!
//! A [`Program`] runs on the RV32IM machine in [`vm`]; a [fast pass](replay::fast_pass()) leaves
//! [checkpoints](checkpoint); [`replay`] regenerates any rows of the witness [columns](trace::columns)
//! from them, identical every time; an [oracle](oracle::PolynomialOracle) hands them out chunk by
//! chunk; [`sumcheck`] proves sums over them in a few such sweeps and little memory.
//!
//! README.md has an example of the whole way, ARCHITECTURE.md the floors, the machine's rules and the
//! file format. Nothing here prints, reads the environment, or starts a thread of its own.

pub mod checkpoint;
pub mod isa;
pub mod limits;
pub mod mle;
pub mod oracle;
pub mod profile;
pub mod program;
pub mod replay;
pub mod sumcheck;
pub mod trace;
pub mod transcript;
pub mod vm;

pub use program::Program;

/// The README's example, kept true.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
