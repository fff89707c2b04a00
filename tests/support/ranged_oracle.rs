//! An oracle over slices that splits every sweep into ranges, so that merging really happens.

use std::num::NonZeroUsize;

use tracelane::oracle::{DenseOracle, OracleError, PolynomialOracle};
use tracelane::trace::columns::{ColumnId, ColumnSet};
use tracelane::trace::view::ChunkView;

/// A dense oracle whose sweeps run as `ranges` contiguous ranges with an accumulator each.
pub struct RangedOracle<'a> {
    dense: DenseOracle<'a>,
    ranges: usize,
}

impl<'a> RangedOracle<'a> {
    /// The oracle over `columns`, in chunks of `chunk_rows`.
    pub fn new(columns: &[(&'a str, &[u32])], chunk_rows: usize, ranges: usize) -> Self {
        let chunk_rows = NonZeroUsize::new(chunk_rows).expect("at least one row");
        Self {
            dense: DenseOracle::new(columns, chunk_rows).expect("one table"),
            ranges,
        }
    }
}

impl PolynomialOracle for RangedOracle<'_> {
    fn num_vars(&self) -> usize {
        self.dense.num_vars()
    }

    fn column_names(&self) -> &[&str] {
        self.dense.column_names()
    }

    fn chunk_rows(&self) -> NonZeroUsize {
        self.dense.chunk_rows()
    }

    fn sweep<A: Send>(
        &self,
        set: ColumnSet,
        align_log2: usize,
        identity: impl Fn() -> A + Sync,
        accumulate: impl Fn(&mut A, &ChunkView<'_>) + Sync,
        combine: impl Fn(A, A) -> A + Sync,
    ) -> Result<A, OracleError> {
        let rows = 1u64 << self.num_vars();
        let unit = (self.chunk_rows().get() as u64)
            .max(1 << align_log2)
            .min(rows);
        let units_per_range = (rows / unit).div_ceil(self.ranges as u64);
        let range_rows = units_per_range * unit;
        // The dense oracle visits chunks in order: a new range begins a new accumulator.
        let parts = self.dense.sweep(
            set,
            align_log2,
            Vec::new,
            |parts: &mut Vec<A>, view| {
                if view.first_row().is_multiple_of(range_rows) {
                    parts.push(identity());
                }
                accumulate(parts.last_mut().expect("row 0 begins a range"), view);
            },
            |a, _| a,
        )?;
        Ok(parts
            .into_iter()
            .reduce(combine)
            .expect("at least one range"))
    }

    fn evaluate_index(&self, column: ColumnId, row: u64) -> Result<u32, OracleError> {
        self.dense.evaluate_index(column, row)
    }
}
