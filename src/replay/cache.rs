//! Single values: a few regenerated chunks, kept while they are asked for.
//!
//! In: a column and a row. Out: its value, after one chunk's regeneration the first time and a
//! lookup afterwards. Holds a fixed number of chunks.

use super::{RangeReplay, ReplayError, ReplayOptions, Run};
use crate::trace::columns::{Column, ColumnId, ColumnSet};

/// Chunks kept. At 2^11 rows and 15 columns each is 120 KiB.
const CHUNK_COUNT: usize = 8;

/// Regenerated chunks, most recently used last.
#[derive(Default)]
pub struct ChunkCache {
    chunks: Vec<Cached>,
}

struct Cached {
    first_row: u64,
    /// All columns of the registry, one after the other.
    values: Vec<u32>,
}

impl ChunkCache {
    /// An empty cache.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of `column` in `row`, where rows behind the run's last one are padding rows.
    pub(crate) fn value(
        &mut self,
        worker: &mut dyn RangeReplay,
        run: &Run<'_>,
        options: &ReplayOptions<'_>,
        column: ColumnId,
        row: u64,
    ) -> Result<u32, ReplayError> {
        let rows = options.chunk_rows as u64;
        let first_row = row / rows * rows;
        let cached = match self
            .chunks
            .iter()
            .position(|chunk| chunk.first_row == first_row)
        {
            Some(index) => self.chunks.remove(index),
            None => {
                // The oldest chunk's buffer is used again.
                let full = self.chunks.len() == CHUNK_COUNT;
                let mut values = if full {
                    self.chunks.remove(0).values
                } else {
                    Vec::new()
                };
                values.clear();
                let set = ColumnSet::first(Column::ALL.len());
                let range = first_row..first_row + rows;
                worker.replay(run, options, range, set, &mut |view| {
                    set.iter()
                        .for_each(|id| values.extend_from_slice(view.column(id)));
                })?;
                Cached { first_row, values }
            }
        };
        let value = cached.values[column.index() * rows as usize + (row - first_row) as usize];
        self.chunks.push(cached);
        Ok(value)
    }
}
