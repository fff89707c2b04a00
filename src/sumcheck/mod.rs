//! Sum-check over the columns of an oracle, in a few sweeps and little memory.
//!
//! In: a [`PolynomialOracle`](crate::oracle::PolynomialOracle), a [`Batch`], public facts. Out: a
//! [`Proof`]; from a proof and the batch it must be of, [`PendingClaims`] that only the oracle can
//! settle. Sources: ePrint
//! 2025/611 (small-space sum-check), 2025/1473 (windows), 2025/1117 (small values first).
//! Proof bytes do not depend on the schedule, nor on anything the oracle was built with.

mod block;
mod calibrate;
mod conversation;
mod cost;
mod encoding;
mod forecast;
mod next;
mod order;
mod proof;
mod prover;
mod reader;
mod round_poly;
mod schedule;
mod statement;
mod tables;
mod verifier;
mod window;

pub use calibrate::{calibrate, calibrate_regeneration};
pub use cost::CostModel;
pub use encoding::EncodedBatch;
pub use forecast::{Prediction, ScheduleInputs};
pub use order::BindingOrder;
pub use proof::{Proof, PublicInstance};
pub use prover::{ProveError, SumCheckProver};
pub use reader::DecodeError;
pub use schedule::{BudgetError, Schedule};
pub use statement::{Batch, LinearForm, Product, RowWeight, Statement, StatementError};
pub use verifier::{PendingClaims, Verified, VerifyError, verify, verify_at, verify_in};
