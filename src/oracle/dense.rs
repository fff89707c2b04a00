//! The oracle over columns that already lie in memory.
//!
//! In: named `u32` slices of one power-of-two length. Out: [`DenseOracle`]. For small traces, for
//! tests and as the in-memory prover's source; it visits its rows on the calling thread.

use std::num::NonZeroUsize;

use super::{OracleError, PolynomialOracle};
use crate::trace::columns::{ColumnId, ColumnSet};
use crate::trace::view::ChunkView;

/// Columns in memory, `2^num_vars` rows each.
pub struct DenseOracle<'a> {
    names: Vec<&'a str>,
    /// All columns, one after the other, `2^num_vars` values each.
    values: Vec<u32>,
    num_vars: usize,
    chunk_rows: NonZeroUsize,
}

impl<'a> DenseOracle<'a> {
    /// An oracle over `columns`, copied, handed out in chunks of `chunk_rows` (capped at the
    /// number of rows).
    ///
    /// # Errors
    /// [`OracleError::ColumnLength`] when lengths differ or are no power of two.
    ///
    /// # Panics
    /// If there are no columns or more than 64, or if `chunk_rows` is no power of two.
    pub fn new(
        columns: &[(&'a str, &[u32])],
        chunk_rows: NonZeroUsize,
    ) -> Result<Self, OracleError> {
        assert!(
            chunk_rows.is_power_of_two(),
            "chunk rows {chunk_rows}: a power of two expected"
        );
        assert!(
            (1..=ColumnId::COUNT_MAX).contains(&columns.len()),
            "1 to 64 columns expected"
        );
        let expected = columns[0].1.len().next_power_of_two();
        for (column, (_, values)) in columns.iter().enumerate() {
            if values.len() != expected {
                return Err(OracleError::ColumnLength {
                    column,
                    actual: values.len(),
                    expected,
                });
            }
        }
        Ok(Self {
            names: columns.iter().map(|(name, _)| *name).collect(),
            values: columns
                .iter()
                .flat_map(|(_, values)| values.iter().copied())
                .collect(),
            num_vars: expected.trailing_zeros() as usize,
            chunk_rows: chunk_rows.min(NonZeroUsize::new(expected).unwrap_or(NonZeroUsize::MIN)),
        })
    }

    fn rows(&self) -> usize {
        1 << self.num_vars
    }
}

impl PolynomialOracle for DenseOracle<'_> {
    fn num_vars(&self) -> usize {
        self.num_vars
    }

    fn column_names(&self) -> &[&str] {
        &self.names
    }

    fn chunk_rows(&self) -> NonZeroUsize {
        self.chunk_rows
    }

    fn sweep<A: Send>(
        &self,
        set: ColumnSet,
        _align_log2: usize,
        identity: impl Fn() -> A + Sync,
        accumulate: impl Fn(&mut A, &ChunkView<'_>) + Sync,
        _combine: impl Fn(A, A) -> A + Sync,
    ) -> Result<A, OracleError> {
        let count = self.names.len();
        if let Some(id) = set.iter().find(|id| id.index() >= count) {
            return Err(OracleError::UnknownColumn {
                actual: id.index(),
                count,
            });
        }
        let mut accumulator = identity();
        for first in (0..self.rows()).step_by(self.chunk_rows.get()) {
            let rows = self.chunk_rows.get();
            let view = ChunkView::new(first as u64, rows, self.rows(), set, &self.values[first..]);
            accumulate(&mut accumulator, &view);
        }
        Ok(accumulator)
    }

    fn evaluate_index(&self, column: ColumnId, row: u64) -> Result<u32, OracleError> {
        let count = self.names.len();
        if column.index() >= count {
            return Err(OracleError::UnknownColumn {
                actual: column.index(),
                count,
            });
        }
        if row >= self.rows() as u64 {
            return Err(OracleError::UnknownRow {
                actual: row,
                count: self.rows() as u64,
            });
        }
        Ok(self.values[column.index() * self.rows() + row as usize])
    }
}
