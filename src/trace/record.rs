//! The record pass: facts of execution go straight into a chunk's columns.
//!
//! In: the machine's facts through [`Recorder`]. Out: filled raw columns. Which groups of columns
//! are written is part of the type, so that a sweep pays for what it asks and the loop has no
//! question in it. `pc_index` is a ramp in every block; `next_pc` follows from it and is computed when the
//! pass is over.

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

/// Stride of a chunk of the usual capacity, for which the loop is compiled with it.
const STRIDE: usize = stride_of(CHUNK_ROWS);

/// Writes retired instructions into a chunk, behind the rows it already has.
pub struct ChunkRecorder<'a, const GROUPS: u8, const STRIDE: usize> {
    columns: RawColumns<'a, STRIDE>,
    wants_pc_index: bool,
}

impl<'a, const GROUPS: u8, const STRIDE: usize> ChunkRecorder<'a, GROUPS, STRIDE> {
    /// A recorder that appends to `chunk`, to whose free rows the rows of one pass go.
    ///
    /// # Panics
    /// If `GROUPS` is not what the chunk's columns need.
    #[must_use]
    fn new(chunk: &'a mut Chunk) -> Self {
        let set = chunk.set();
        assert_eq!(
            GROUPS,
            groups_of(set),
            "a recorder for the groups of the chunk's columns"
        );
        Self {
            columns: chunk.raw_columns_mut(),
            wants_pc_index: set.contains(Column::PcIndex.id()),
        }
    }
}

impl<'a, const GROUPS: u8, const STRIDE: usize> Recorder for ChunkRecorder<'a, GROUPS, STRIDE> {
    type Block<'b>
        = ChunkBlock<'a, 'b, GROUPS, STRIDE>
    where
        Self: 'b;
    const PAIRS: bool = STRIDE != 0;
    const MEMORY: bool = GROUPS & GROUP_MEMORY != 0;

    #[inline(always)]
    fn begin_block(&mut self, row: usize, rows: usize) -> ChunkBlock<'a, '_, GROUPS, STRIDE> {
        ChunkBlock {
            wants_pc_index: self.wants_pc_index,
            rows: self.columns.block(row, rows),
        }
    }
}

/// The rows of one block.
pub struct ChunkBlock<'a, 'b, const GROUPS: u8, const STRIDE: usize> {
    rows: RawBlock<'a, 'b, STRIDE>,
    wants_pc_index: bool,
}

impl<const GROUPS: u8, const STRIDE: usize> BlockRecorder for ChunkBlock<'_, '_, GROUPS, STRIDE> {
    #[inline(always)]
    fn rs1(&mut self, offset: usize, value: u32) {
        if GROUPS & GROUP_SOURCES != 0 {
            self.rows.set::<RS1_VALUE>(offset, value);
        }
    }

    #[inline(always)]
    fn rs2(&mut self, offset: usize, value: u32) {
        if GROUPS & GROUP_SOURCES != 0 {
            self.rows.set::<RS2_VALUE>(offset, value);
        }
    }

    #[inline(always)]
    fn rd(&mut self, offset: usize, before: u32, after: u32) {
        if GROUPS & GROUP_DESTINATION != 0 {
            self.rows.set::<RD_BEFORE>(offset, before);
            self.rows.set::<RD_AFTER>(offset, after);
        }
    }

    #[inline(always)]
    fn memory(&mut self, offset: usize, address: u32, before: u32, after: u32) {
        if GROUPS & GROUP_MEMORY != 0 {
            self.rows.set::<MEMORY_ADDRESS>(offset, address);
            self.rows.set::<MEMORY_BEFORE>(offset, before);
            self.rows.set::<MEMORY_AFTER>(offset, after);
        }
    }

    #[inline(always)]
    fn end(mut self, pc_index: u32, rows: usize, _next_pc: u32) {
        if self.wants_pc_index {
            self.rows.ramp::<PC_INDEX>(pc_index, rows);
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
    let first = chunk.rows();
    let free = chunk.capacity() - first;
    assert!(budget <= free, "{budget} rows to record, {free} free");
    macro_rules! advance {
        ($($groups:literal)+) => {
            match groups_of(chunk.set()) {
                $($groups => {
                    if chunk.stride() == STRIDE {
                        advance::<M, $groups, STRIDE>(machine, program, budget, chunk)
                    } else {
                        advance::<M, $groups, 0>(machine, program, budget, chunk)
                    }
                })+
                groups => unreachable!("column groups {groups}"),
            }
        };
    }
    let (stop, rows) = advance!(0 1 2 3 4 5 6 7);
    chunk.append(rows);
    chunk.follow_pcs(program, first, machine.pc(program));
    stop
}

/// Runs with the recorder of some groups and stride. Returns why it stopped, and the rows recorded.
fn advance<M: GuestMemory, const GROUPS: u8, const STRIDE: usize>(
    machine: &mut Machine<M>,
    program: &Program,
    budget: usize,
    chunk: &mut Chunk,
) -> (Stop, usize) {
    let mut recorder = ChunkRecorder::<GROUPS, STRIDE>::new(chunk);
    let cycle = machine.cycle();
    let stop = machine.advance(program, budget as u64, &mut recorder, &mut DiscardText);
    (stop, (machine.cycle() - cycle) as usize)
}
