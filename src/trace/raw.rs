//! The raw columns of a chunk while they are being filled: one pointer, one stride.
//!
//! In: a chunk's values. Out: writes of single cells and of ramps, checked against one row count per
//! block. It does not know what is written. One of the files that may hold `unsafe` (ARCHITECTURE.md,
//! unsafe budget): as nine slices, every block paid nine bounds checks and nine spilled pointers
//! (PERF.md M-6).
#![expect(
    unsafe_code,
    reason = "cells are reached by a stride that slices can't express"
)]

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::columns::Column;

/// Rows a ramp writes at a time: up to one less than this lie behind its end.
pub(super) const RAMP_ROWS: usize = 8;

/// Exclusive access to the raw columns of a chunk.
pub(super) struct RawColumns<'a> {
    /// Row 0 of column 0; column c begins `c * stride` values behind.
    first: NonNull<u32>,
    stride: usize,
    capacity: usize,
    _values: PhantomData<&'a mut [u32]>,
}

impl<'a> RawColumns<'a> {
    /// The columns that lie in `values` at every `stride` values, `capacity` rows of each.
    ///
    /// # Panics
    /// If they do not fit, or a column has no room for a ramp's end.
    pub(super) fn new(values: &'a mut [u32], stride: usize, capacity: usize) -> Self {
        assert!(values.len() >= Column::RAW_COUNT * stride);
        assert!(stride >= RAMP_ROWS && capacity <= stride - RAMP_ROWS);
        Self {
            first: NonNull::from(values).cast(),
            stride,
            capacity,
            _values: PhantomData,
        }
    }

    /// Access to `rows` rows from `row` on.
    ///
    /// # Panics
    /// If there are fewer.
    #[inline(always)]
    pub(super) fn block<const STRIDE: usize>(
        &mut self,
        row: usize,
        rows: usize,
    ) -> RawBlock<'_, STRIDE> {
        assert!(STRIDE == 0 || STRIDE == self.stride, "the chunk's stride");
        assert!(
            row <= self.capacity && rows <= self.capacity - row,
            "rows beyond the chunk's capacity"
        );
        // SAFETY: `row` is at most `capacity`, which is below `stride`, and the allocation behind
        // `first` has `RAW_COUNT * stride` values (checked in `new`).
        let first = unsafe { self.first.add(row) };
        RawBlock {
            first,
            stride: self.stride,
            rows,
            _values: PhantomData,
        }
    }
}

/// Exclusive access to consecutive rows of the raw columns. `STRIDE` is that of the chunk where it is
/// known, else 0: a cell of a known stride is one addressing mode from the first (PERF.md M-6e).
pub(super) struct RawBlock<'a, const STRIDE: usize> {
    first: NonNull<u32>,
    stride: usize,
    rows: usize,
    _values: PhantomData<&'a mut [u32]>,
}

impl<const STRIDE: usize> RawBlock<'_, STRIDE> {
    #[inline(always)]
    fn start_of(&self, column: usize) -> usize {
        column * if STRIDE == 0 { self.stride } else { STRIDE }
    }

    /// Writes one cell.
    ///
    /// # Panics
    /// If the block has no such row; a loop over its rows needs no such question.
    #[inline(always)]
    pub(super) fn set<const COLUMN: usize>(&mut self, offset: usize, value: u32) {
        const { assert!(COLUMN < Column::RAW_COUNT) };
        assert!(offset < self.rows, "a row behind the block");
        // SAFETY: `block` was given rows below the capacity, and `offset` is one of them: with the
        // column below `RAW_COUNT` the cell is one of the allocation's, to which `RawColumns`, and
        // through its borrow this block, has exclusive access.
        unsafe { self.first.add(self.start_of(COLUMN) + offset).write(value) }
    }

    /// Writes `start`, `start + step`, ... over one column. Up to `RAMP_ROWS - 1` cells behind the
    /// block get values too; whoever fills those rows overwrites them.
    #[inline(always)]
    pub(super) fn ramp<const COLUMN: usize>(&mut self, start: u32, step: u32) {
        const { assert!(COLUMN < Column::RAW_COUNT) };
        let mut lanes: [u32; RAMP_ROWS] =
            std::array::from_fn(|lane| start.wrapping_add(step.wrapping_mul(lane as u32)));
        let mut offset = 0;
        while offset < self.rows {
            // SAFETY: as in `set`; and because a column has `RAMP_ROWS` values more than the
            // capacity (checked in `new`), the last lane still lies in its own column.
            unsafe {
                let cells = self.first.add(self.start_of(COLUMN) + offset);
                cells.cast::<[u32; RAMP_ROWS]>().write_unaligned(lanes);
            }
            for lane in &mut lanes {
                *lane = lane.wrapping_add(step.wrapping_mul(RAMP_ROWS as u32));
            }
            offset += RAMP_ROWS;
        }
    }
}
