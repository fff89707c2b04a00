//! The raw columns of a chunk while they are being filled: one pointer, one stride.
//!
//! In: a chunk's values. Out: writes of single cells and of ramps, checked against one row count per
//! block. It does not know what is written. One of the files that may hold `unsafe` (ARCHITECTURE.md,
//! unsafe budget): as nine slices, every block paid nine bounds checks and nine spilled pointers
//! (PERF.md M-6b, M-6c).
#![expect(
    unsafe_code,
    reason = "cells are reached by a stride that slices can't express"
)]

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::columns::Column;

/// Rows a ramp writes at a time: up to one less than this lie behind its end.
pub(super) const RAMP_ROWS: usize = 8;

/// Exclusive access to the raw columns of a chunk, from the first free row on. `STRIDE` is that of the chunk
/// where it is known, else 0: a cell of a known stride is one addressing mode from the first (PERF.md
/// M-6e).
pub(super) struct RawColumns<'a, const STRIDE: usize> {
    /// The first free row's cell in column 0; column c's is `c * stride` values behind.
    first: NonNull<u32>,
    stride: usize,
    /// Rows that may be filled.
    free: usize,
    _values: PhantomData<&'a mut [u32]>,
}

impl<'a, const STRIDE: usize> RawColumns<'a, STRIDE> {
    /// The columns that lie in `values` at every `stride` values, `capacity` rows of each, from `row` on.
    ///
    /// # Panics
    /// If they do not fit, a column has no room for a ramp's end, or the stride is another.
    pub(super) fn new(values: &'a mut [u32], stride: usize, capacity: usize, row: usize) -> Self {
        assert!(values.len() >= Column::RAW_COUNT * stride);
        assert!(stride >= RAMP_ROWS && capacity <= stride - RAMP_ROWS);
        assert!(STRIDE == 0 || STRIDE == stride, "the chunk's stride");
        let free = capacity.checked_sub(row).expect("a row of the chunk");
        // SAFETY: `row` is at most `capacity`, which is below `stride`, and `values` has `RAW_COUNT`
        // times as many.
        let first = unsafe { NonNull::from(values).cast().add(row) };
        Self {
            first,
            stride,
            free,
            _values: PhantomData,
        }
    }

    /// Access to the `rows` rows behind the first `row` free ones, and to the one behind them, which a pair may
    /// take along (or which is the ramps' room): cells of both ops of a pair are then checked by one question.
    ///
    /// # Panics
    /// If fewer are free.
    #[inline(always)]
    pub(super) fn block<'b>(&'b mut self, row: usize, rows: usize) -> RawBlock<'a, 'b, STRIDE> {
        assert!(
            row <= self.free && rows <= self.free - row,
            "rows beyond the chunk's capacity"
        );
        // SAFETY: at most as many rows as are free: the row is at most `capacity`, as in `new`.
        let first = unsafe { self.first.add(row) };
        RawBlock {
            first,
            rows,
            columns: self,
        }
    }
}

/// Exclusive access to consecutive rows of the raw columns.
pub(super) struct RawBlock<'a, 'b, const STRIDE: usize> {
    columns: &'b mut RawColumns<'a, STRIDE>,
    /// The block's first row in column 0.
    first: NonNull<u32>,
    /// At most as many as are free; the row behind them is the block's too.
    rows: usize,
}

impl<const STRIDE: usize> RawBlock<'_, '_, STRIDE> {
    #[inline(always)]
    fn start_of(&self, column: usize) -> usize {
        column
            * if STRIDE == 0 {
                self.columns.stride
            } else {
                STRIDE
            }
    }

    /// Writes one cell.
    ///
    /// # Panics
    /// If the block has no such row; a loop over its rows needs no such question.
    #[inline(always)]
    pub(super) fn set<const COLUMN: usize>(&mut self, offset: usize, value: u32) {
        const { assert!(COLUMN < Column::RAW_COUNT) };
        assert!(offset <= self.rows, "a row behind the block");
        // SAFETY: the block has at most the rows that are free, all below the capacity, and `offset` is
        // one of them or the next: at most the capacity, and a column has `RAMP_ROWS` values more than that
        // (checked in `new`). With the column below `RAW_COUNT` the cell is one of the allocation's, to
        // which `RawColumns`, and through its borrow this block, has exclusive access.
        unsafe {
            let cell = self.first.add(self.start_of(COLUMN) + offset);
            cell.write(value);
        }
    }

    /// Writes `start`, `start + 1`, ... over the first `rows` rows of one column. Up to `RAMP_ROWS - 1` cells
    /// behind them get values too; whoever fills those rows overwrites them.
    ///
    /// # Panics
    /// If the block has fewer, the one behind it included.
    #[inline(always)]
    pub(super) fn ramp<const COLUMN: usize>(&mut self, start: u32, rows: usize) {
        const { assert!(COLUMN < Column::RAW_COUNT) };
        assert!(rows <= self.rows + 1, "rows behind the block");
        let mut lanes: [u32; RAMP_ROWS] =
            std::array::from_fn(|lane| start.wrapping_add(lane as u32));
        let mut offset = 0;
        while offset < rows {
            // SAFETY: `offset` is below `rows`, so at most `self.rows`, as in `set`, and at most the
            // capacity; the last lane lies `RAMP_ROWS - 1` behind it, within the `RAMP_ROWS` values that a
            // column has more (checked in `new`).
            unsafe {
                let cells = self.first.add(self.start_of(COLUMN) + offset);
                cells.cast::<[u32; RAMP_ROWS]>().write_unaligned(lanes);
            }
            for lane in &mut lanes {
                *lane = lane.wrapping_add(RAMP_ROWS as u32);
            }
            offset += RAMP_ROWS;
        }
    }
}
