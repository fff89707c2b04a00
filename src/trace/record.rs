//! The record pass: facts of execution go straight into a chunk's columns.
//!
//! In: the machine's facts through [`Recorder`]. Out: filled raw columns. Which groups of columns
//! are written is part of the type, so that a sweep pays for what it asks and the loop has no
//! question in it. `pc_index` and `next_pc` are ramps and are written a block at a time.

use super::chunk::{Chunk, stride_of};
use super::columns::{Column, ColumnSet};
use super::raw::{RawBlock, RawColumns};
use crate::limits::CHUNK_ROWS;
use crate::program::Program;
use crate::vm::{BlockRecorder, DiscardText, GuestMemory, Machine, Recorder, Stop};

/// The group of columns that hold source operands.
pub const GROUP_SOURCES: u8 = 1;
/// The group of columns that hold the destination.
pub const GROUP_DESTINATION: u8 = 2;
/// The group of columns that hold memory accesses.
pub const GROUP_MEMORY: u8 = 4;

/// The groups that `set` needs.
#[must_use]
pub fn groups_of(set: ColumnSet) -> u8 {
    let any = |columns: &[Column]| columns.iter().any(|column| set.contains(column.id()));
    let mut groups = 0;
    if any(&[Column::Rs1Value, Column::Rs2Value]) {
        groups |= GROUP_SOURCES;
    }
    if any(&[Column::RdBefore, Column::RdAfter]) {
        groups |= GROUP_DESTINATION;
    }
    if any(&[
        Column::MemoryAddress,
        Column::MemoryBefore,
        Column::MemoryAfter,
    ]) {
        groups |= GROUP_MEMORY;
    }
    groups
}

const PC_INDEX: usize = Column::PcIndex as usize;
const RS1_VALUE: usize = Column::Rs1Value as usize;
const RS2_VALUE: usize = Column::Rs2Value as usize;
const RD_BEFORE: usize = Column::RdBefore as usize;
const RD_AFTER: usize = Column::RdAfter as usize;
const MEMORY_ADDRESS: usize = Column::MemoryAddress as usize;
const MEMORY_BEFORE: usize = Column::MemoryBefore as usize;
const MEMORY_AFTER: usize = Column::MemoryAfter as usize;
const NEXT_PC: usize = Column::NextPc as usize;

/// Stride of a chunk of the usual capacity, for which the loop is compiled with it.
const STRIDE: usize = stride_of(CHUNK_ROWS);

/// Writes retired instructions into a chunk, behind the rows it already has.
pub struct ChunkRecorder<'a, const GROUPS: u8, const STRIDE: usize> {
    columns: RawColumns<'a>,
    rows: &'a mut usize,
    /// Row of the open block's first instruction.
    row: usize,
    wants_pc_index: bool,
    wants_next_pc: bool,
}

impl<'a, const GROUPS: u8, const STRIDE: usize> ChunkRecorder<'a, GROUPS, STRIDE> {
    /// A recorder that appends to `chunk`; at most as many rows may be recorded as are free.
    ///
    /// # Panics
    /// If `GROUPS` is not what the chunk's columns need.
    #[must_use]
    pub fn new(chunk: &'a mut Chunk) -> Self {
        let set = chunk.set();
        assert_eq!(
            GROUPS,
            groups_of(set),
            "a recorder for the groups of the chunk's columns"
        );
        let (rows, columns) = chunk.raw_parts_mut();
        let row = *rows;
        Self {
            columns,
            rows,
            row,
            wants_pc_index: set.contains(Column::PcIndex.id()),
            wants_next_pc: set.contains(Column::NextPc.id()),
        }
    }
}

impl<const GROUPS: u8, const STRIDE: usize> Recorder for ChunkRecorder<'_, GROUPS, STRIDE> {
    type Block<'b>
        = ChunkBlock<'b, GROUPS, STRIDE>
    where
        Self: 'b;

    #[inline(always)]
    fn begin_block(&mut self, rows: usize) -> ChunkBlock<'_, GROUPS, STRIDE> {
        ChunkBlock(self.columns.block(self.row, rows))
    }

    #[inline(always)]
    fn end_block(&mut self, pc_index: u32, pc: u32, rows: usize, next_pc: u32) {
        if rows > 0 {
            let mut block = self.columns.block::<STRIDE>(self.row, rows);
            if self.wants_pc_index {
                block.ramp::<PC_INDEX>(pc_index, 1);
            }
            if self.wants_next_pc {
                block.ramp::<NEXT_PC>(pc.wrapping_add(4), 4);
                block.set::<NEXT_PC>(rows - 1, next_pc);
            }
        }
        self.row += rows;
        *self.rows = self.row;
    }
}

/// The rows of one block.
pub struct ChunkBlock<'a, const GROUPS: u8, const STRIDE: usize>(RawBlock<'a, STRIDE>);

impl<const GROUPS: u8, const STRIDE: usize> BlockRecorder for ChunkBlock<'_, GROUPS, STRIDE> {
    const MEMORY: bool = GROUPS & GROUP_MEMORY != 0;

    #[inline(always)]
    fn rs1(&mut self, offset: usize, value: u32) {
        if GROUPS & GROUP_SOURCES != 0 {
            self.0.set::<RS1_VALUE>(offset, value);
        }
    }

    #[inline(always)]
    fn rs2(&mut self, offset: usize, value: u32) {
        if GROUPS & GROUP_SOURCES != 0 {
            self.0.set::<RS2_VALUE>(offset, value);
        }
    }

    #[inline(always)]
    fn rd(&mut self, offset: usize, before: u32, after: u32) {
        if GROUPS & GROUP_DESTINATION != 0 {
            self.0.set::<RD_BEFORE>(offset, before);
            self.0.set::<RD_AFTER>(offset, after);
        }
    }

    #[inline(always)]
    fn memory(&mut self, offset: usize, address: u32, before: u32, after: u32) {
        if GROUPS & GROUP_MEMORY != 0 {
            self.0.set::<MEMORY_ADDRESS>(offset, address);
            self.0.set::<MEMORY_BEFORE>(offset, before);
            self.0.set::<MEMORY_AFTER>(offset, after);
        }
    }
}

/// Advances `machine` by at most `budget` cycles and appends them to `chunk`.
///
/// # Panics
/// If the chunk has fewer free rows than `budget`.
pub fn record<M: GuestMemory>(
    machine: &mut Machine<M>,
    program: &Program,
    budget: usize,
    chunk: &mut Chunk,
) -> Stop {
    let free = chunk.capacity() - chunk.rows();
    assert!(budget <= free, "{budget} rows to record, {free} free");
    macro_rules! advance {
        ($($groups:literal)+) => {
            match groups_of(chunk.set()) {
                $($groups => {
                    if chunk.stride() == STRIDE {
                        let mut recorder = ChunkRecorder::<$groups, STRIDE>::new(chunk);
                        machine.advance(program, budget as u64, &mut recorder, &mut DiscardText)
                    } else {
                        let mut recorder = ChunkRecorder::<$groups, 0>::new(chunk);
                        machine.advance(program, budget as u64, &mut recorder, &mut DiscardText)
                    }
                })+
                groups => unreachable!("column groups {groups}"),
            }
        };
    }
    advance!(0 1 2 3 4 5 6 7)
}
