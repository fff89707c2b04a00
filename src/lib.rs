//! Tracelane: a trace engine for small-space zkVM proving.
