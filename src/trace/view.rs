//! What a consumer of the trace sees: consecutive rows as one slice per column.
//!
//! In: borrowed column slices of equal length. Out: [`ChunkView`]. It does not know where the
//! rows came from (a replay, a slice in memory, padding).

use super::columns::{ColumnId, ColumnSet};

/// Consecutive rows, struct-of-arrays: `rows()` values for each column of the sweep's set.
#[derive(Clone, Copy)]
pub struct ChunkView<'a> {
    first_row: u64,
    rows: usize,
    stride: usize,
    set: ColumnSet,
    values: &'a [u32],
}

impl<'a> ChunkView<'a> {
    /// A view of `rows` rows starting at `first_row`; column `id` lies at `id.index() * stride`.
    ///
    /// # Panics
    /// If a column of `set` does not fit into `values`, or `rows` is above `stride`.
    #[must_use]
    pub fn new(
        first_row: u64,
        rows: usize,
        stride: usize,
        set: ColumnSet,
        values: &'a [u32],
    ) -> Self {
        assert!(rows <= stride, "{rows} rows in a stride of {stride}");
        if let Some(last) = set.iter().last() {
            let needed = last.index() * stride + rows;
            assert!(
                values.len() >= needed,
                "{needed} values expected, {} given",
                values.len()
            );
        }
        Self {
            first_row,
            rows,
            stride,
            set,
            values,
        }
    }

    /// Index of the first row, counted from the start of the run.
    #[must_use]
    pub fn first_row(&self) -> u64 {
        self.first_row
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns that this view carries.
    #[must_use]
    pub fn set(&self) -> ColumnSet {
        self.set
    }

    /// One column's values, `rows()` of them.
    ///
    /// # Panics
    /// If the sweep did not ask for that column.
    #[must_use]
    pub fn column(&self, id: ColumnId) -> &'a [u32] {
        assert!(
            self.set.contains(id),
            "column {} is not in {:?}",
            id.index(),
            self.set
        );
        let start = id.index() * self.stride;
        &self.values[start..start + self.rows]
    }
}
