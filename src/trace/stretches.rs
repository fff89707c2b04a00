//! Stretches: rows whose instructions stand one behind the other in the program table.
//!
//! In: for each stretch the table index of its first row, and its length. Out: copies of the table's columns, many
//! rows at a time where a look-up row by row takes up to three times as long (PERF.md M-10). It does not know
//! who ran, nor what the table's columns mean.

use crate::program::STATIC_SLACK;

/// Rows written at a time: a column needs as many values more than rows, and the table than indices.
pub(super) const FILL_ROWS: usize = 16;

const _: () = assert!(FILL_ROWS <= STATIC_SLACK);

const ROOM: &str = "room behind the last row";

/// Rows of consecutive table indices.
#[derive(Clone, Copy, Default)]
pub(super) struct Stretch {
    pc_index: u32,
    rows: u32,
}

/// The stretches of a chunk's rows, in order.
pub(super) struct Stretches {
    /// Room for as many as there can be: one a row.
    list: Vec<Stretch>,
    count: usize,
}

impl Stretches {
    /// None, with room for those of `rows` rows.
    pub(super) fn new(rows: usize) -> Self {
        Self {
            list: vec![Stretch::default(); rows],
            count: 0,
        }
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// Adds one of `rows` rows from `pc_index` on, unless it is empty.
    ///
    /// # Panics
    /// If there are more than rows.
    #[inline(always)]
    pub(super) fn push(&mut self, pc_index: u32, rows: usize) {
        if rows > 0 {
            let rows = rows as u32;
            self.list[self.count] = Stretch { pc_index, rows };
            self.count += 1;
        }
    }

    /// All of them.
    pub(super) fn list(&self) -> &[Stretch] {
        &self.list[..self.count]
    }
}

/// Writes what `table` has at the indices of `stretches` over `target`, and says how many rows that are. Values
/// behind the last row are overwritten too.
///
/// # Panics
/// If `target` has not [`FILL_ROWS`] values more than there are rows, or `table` not as many behind the
/// last index.
pub(super) fn fill_from(table: &[u32], stretches: &[Stretch], target: &mut [u32]) -> usize {
    let mut first = 0;
    for stretch in stretches {
        let (mut row, mut index) = (first, stretch.pc_index as usize);
        first += stretch.rows as usize;
        while row < first {
            let values: &[u32; FILL_ROWS] = table[index..].first_chunk().expect(ROOM);
            *target[row..].first_chunk_mut().expect(ROOM) = *values;
            row += FILL_ROWS;
            index += FILL_ROWS;
        }
    }
    first
}
