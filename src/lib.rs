//! Tracelane: a trace engine for small-space zkVM proving.

pub mod checkpoint;
pub mod isa;
pub mod limits;
pub mod oracle;
pub mod program;
pub mod replay;
pub mod trace;
pub mod vm;

pub use program::Program;
