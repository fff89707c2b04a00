//! Tracelane: a trace engine for small-space zkVM proving.

pub mod oracle;
pub mod trace;
