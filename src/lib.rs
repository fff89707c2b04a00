//! Tracelane: a trace engine for small-space zkVM proving.

pub mod isa;
pub mod limits;
pub mod oracle;
pub mod program;
pub mod trace;
pub mod vm;

pub use program::Program;
