//! Single values: a few regenerated chunks, kept while they are asked for.
//!
//! In: a column and a row; chunks. Out: a value, if its chunk is kept. Holds at most
//! [`CHUNK_COUNT`] chunks of [`CHUNK_ROWS`] rows, whatever chunks a sweep has. It does not know how a
//! chunk is regenerated.

use std::ops::Range;

use crate::limits::CHUNK_ROWS;
use crate::trace::columns::{Column, ColumnId, ColumnSet};
use crate::trace::view::ChunkView;

/// Chunks kept.
pub(crate) const CHUNK_COUNT: usize = 8;

/// What all of them may take. A chunk of the largest size there is would be 960 MiB.
const CACHE_BYTES: usize = 1 << 20;

const _: () =
    assert!(CHUNK_COUNT * CHUNK_ROWS * Column::ALL.len() * size_of::<u32>() <= CACHE_BYTES);

/// Regenerated chunks, most recently used last.
pub(crate) struct ChunkCache {
    chunks: Vec<Cached>,
    chunk_rows: usize,
}

/// One chunk, all columns of the registry, one after the other.
pub(crate) struct Cached {
    first_row: u64,
    values: Vec<u32>,
}

impl ChunkCache {
    /// An empty cache of chunks of at most `chunk_rows` rows.
    pub(crate) fn new(chunk_rows: usize) -> Self {
        Self {
            chunks: Vec::with_capacity(CHUNK_COUNT),
            chunk_rows: chunk_rows.min(CHUNK_ROWS),
        }
    }

    /// Rows of its chunks.
    pub(crate) fn chunk_rows(&self) -> usize {
        self.chunk_rows
    }

    /// The rows of the chunk that holds `row`.
    pub(crate) fn chunk_of(&self, row: u64) -> Range<u64> {
        let rows = self.chunk_rows as u64;
        let first_row = row / rows * rows;
        first_row..first_row + rows
    }

    /// The value of `column` in `row`, if its chunk is kept.
    pub(crate) fn value(&mut self, column: ColumnId, row: u64) -> Option<u32> {
        let first_row = self.chunk_of(row).start;
        let same = |chunk: &Cached| chunk.first_row == first_row;
        let index = self.chunks.iter().position(same)?;
        self.chunks[index..].rotate_left(1);
        Some(self.chunks.last()?.value(column, row))
    }

    /// A buffer for a chunk: that of the one not used for longest, where there is no room for another.
    pub(crate) fn spare(&mut self) -> Cached {
        match self.chunks.len() == CHUNK_COUNT {
            true => self.chunks.remove(0),
            false => Cached {
                first_row: 0,
                values: Vec::with_capacity(Column::ALL.len() * self.chunk_rows),
            },
        }
    }

    /// Keeps `chunk`.
    pub(crate) fn keep(&mut self, chunk: Cached) {
        self.chunks.push(chunk);
    }
}

impl Cached {
    /// The columns that a chunk consists of.
    pub(crate) fn columns() -> ColumnSet {
        ColumnSet::first(Column::ALL.len())
    }

    /// The value of `column` in `row`, which is one of its rows.
    pub(crate) fn value(&self, column: ColumnId, row: u64) -> u32 {
        let rows = self.values.len() / Column::ALL.len();
        self.values[column.index() * rows + (row - self.first_row) as usize]
    }

    /// Takes over what `view` shows, which has all columns.
    pub(crate) fn fill(&mut self, view: &ChunkView<'_>) {
        self.first_row = view.first_row();
        self.values.clear();
        for id in Self::columns().iter() {
            self.values.extend_from_slice(view.column(id));
        }
    }
}
