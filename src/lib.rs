//! Tracelane: a trace engine for small-space zkVM proving.

pub mod checkpoint;
pub mod isa;
pub mod limits;
pub mod mle;
pub mod oracle;
pub mod program;
pub mod replay;
pub mod sumcheck;
pub mod trace;
pub mod transcript;
pub mod vm;

pub use program::Program;
