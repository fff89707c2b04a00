//! What hostile provers and hostile bytes may try, and what the transcript binds: one program, so that
//! the provers of both fields are compiled once.

#[path = "../support/case.rs"]
mod case;
#[path = "../support/dense_prover.rs"]
mod dense_prover;
#[path = "../support/guests.rs"]
mod guests;
#[path = "../support/plain_mle.rs"]
mod plain_mle;
#[path = "../support/recorded.rs"]
mod recorded;
#[path = "../support/spy.rs"]
mod spy;

mod absorption;
mod attacks;
mod proof_bytes;
