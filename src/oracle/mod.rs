//! What a sum-check prover may ask of the trace: sweeps over aligned chunks, single values.
//!
//! In: a source of rows. Out: [`PolynomialOracle`], the columns as multilinear polynomials in
//! `num_vars` variables (bit j of a row index is variable j; variable 0 is the lowest bit).
//! It does not know what is accumulated, nor the field. No method returns a whole column.

use std::num::NonZeroUsize;

use crate::checkpoint::{RunIdentity, RunSummary};
use crate::replay::ReplayError;
use crate::trace::columns::{ColumnId, ColumnSet};
use crate::trace::view::ChunkView;

pub mod dense;
pub mod evaluate;
pub mod fold;
pub mod streaming;

pub use dense::DenseOracle;
pub use evaluate::evaluate_columns;
pub use streaming::StreamingOracle;

/// Why an oracle could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OracleError {
    /// The oracle has no such column.
    #[error("column {actual} asked for, the oracle has {count}")]
    UnknownColumn {
        /// Index asked for.
        actual: usize,
        /// Number of columns there are.
        count: usize,
    },
    /// A row beyond the padded trace was asked for.
    #[error("row {actual} asked for, the padded trace has {count} rows")]
    UnknownRow {
        /// Row asked for.
        actual: u64,
        /// Number of padded rows.
        count: u64,
    },
    /// The chunk size can't be split evenly over the padded trace.
    #[error("chunks of {actual} rows asked for, a sum-check needs a power of two")]
    ChunkRows {
        /// Rows asked for.
        actual: usize,
    },
    /// The run is longer than any proof could be.
    #[error("{actual} rows, at most 2^{max_log2} can be proven")]
    TooLong {
        /// Rows of the run.
        actual: u64,
        /// log2 of the limit.
        max_log2: usize,
    },
    /// Another sweep of the same oracle is running.
    #[error("the oracle is in another sweep; wait for its end, or use an oracle for each")]
    Busy,
    /// Rows could not be regenerated.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The dense oracle's slices do not describe one table.
    #[error("column {column} has {actual} rows, expected {expected}")]
    ColumnLength {
        /// Index of the column.
        column: usize,
        /// Its rows.
        actual: usize,
        /// Rows of the first column, or the nearest power of two.
        expected: usize,
    },
}

/// The columns of one run as multilinear polynomials, read by sweeps.
///
/// Implementations are interchangeable: two oracles of the same columns give the same sums for
/// every chunk size and thread count, because sums in a field do not depend on their order.
pub trait PolynomialOracle: Sync {
    /// Number of variables n; the padded trace has 2^n rows.
    fn num_vars(&self) -> usize;

    /// The names of the columns, in [`ColumnId`] order.
    fn column_names(&self) -> &[&str];

    /// The run that the columns are of, and what it came to; none where the oracle does not know. A
    /// verifier settles no claims about one run by an oracle of another.
    fn run(&self) -> Option<(&RunIdentity, &RunSummary)> {
        None
    }

    /// Rows of every chunk a sweep hands out: a power of two, at most 2^n.
    fn chunk_rows(&self) -> NonZeroUsize;

    /// Workers of a sweep: so many accumulators at once for real rows, and as many for padding. What
    /// a prover's memory is planned for.
    fn workers(&self) -> usize {
        1
    }

    /// One traversal of all 2^n rows, padding included.
    ///
    /// The rows are split into contiguous ranges that start at multiples of
    /// `max(chunk_rows, 2^align_log2)`; each range gets one accumulator from `identity`, is visited
    /// chunk by chunk in ascending order by `accumulate`, and neighbours are merged, the lower range
    /// first, by `combine`, which has to be associative. Every chunk is full and starts at a multiple
    /// of [`PolynomialOracle::chunk_rows`].
    ///
    /// # Errors
    /// When the source can't deliver its rows; never for a part of them. [`OracleError::Busy`] where it
    /// has one sweep at a time and is in it.
    fn sweep<A: Send>(
        &self,
        set: ColumnSet,
        align_log2: usize,
        identity: impl Fn() -> A + Sync,
        accumulate: impl Fn(&mut A, &ChunkView<'_>) + Sync,
        combine: impl Fn(A, A) -> A + Sync,
    ) -> Result<A, OracleError>;

    /// The value of one column in one row.
    ///
    /// # Errors
    /// For a column or row that does not exist, or when the source can't deliver it.
    fn evaluate_index(&self, column: ColumnId, row: u64) -> Result<u32, OracleError>;
}
