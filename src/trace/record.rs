//! The record pass: facts of execution go straight into a chunk's columns.
//!
//! In: the machine's facts through [`Recorder`]. Out: filled raw columns. Which groups of columns
//! are written is part of the type, so that a sweep pays for what it asks and the loop has no
//! question in it. `pc_index` and `next_pc` are ramps and are written a block at a time.

use super::chunk::Chunk;
use super::columns::{Column, ColumnSet};
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

/// Writes retired instructions into a chunk, behind the rows it already has.
pub struct ChunkRecorder<'a, const GROUPS: u8> {
    set: ColumnSet,
    rows: &'a mut usize,
    /// Row of the open block's first instruction.
    row: usize,
    pc_index: &'a mut [u32],
    rs1_value: &'a mut [u32],
    rs2_value: &'a mut [u32],
    rd_before: &'a mut [u32],
    rd_after: &'a mut [u32],
    memory_address: &'a mut [u32],
    memory_before: &'a mut [u32],
    memory_after: &'a mut [u32],
    next_pc: &'a mut [u32],
}

impl<'a, const GROUPS: u8> ChunkRecorder<'a, GROUPS> {
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
        let [
            pc_index,
            rs1_value,
            rs2_value,
            rd_before,
            rd_after,
            memory_address,
            memory_before,
            memory_after,
            next_pc,
        ] = columns;
        let row = *rows;
        Self {
            set,
            rows,
            row,
            pc_index,
            rs1_value,
            rs2_value,
            rd_before,
            rd_after,
            memory_address,
            memory_before,
            memory_after,
            next_pc,
        }
    }
}

/// Writes `first`, `first + step`, ... over `values`.
fn ramp(values: &mut [u32], first: u32, step: u32) {
    for (offset, value) in values.iter_mut().enumerate() {
        *value = first.wrapping_add(step.wrapping_mul(offset as u32));
    }
}

impl<const GROUPS: u8> Recorder for ChunkRecorder<'_, GROUPS> {
    type Block<'b>
        = ChunkBlock<'b, GROUPS>
    where
        Self: 'b;

    #[inline(always)]
    fn begin_block(&mut self, pc_index: u32, pc: u32, rows: usize) -> ChunkBlock<'_, GROUPS> {
        let row = self.row;
        if self.set.contains(Column::PcIndex.id()) {
            ramp(&mut self.pc_index[row..][..rows], pc_index, 1);
        }
        if self.set.contains(Column::NextPc.id()) {
            ramp(&mut self.next_pc[row..][..rows], pc.wrapping_add(4), 4);
        }
        // One length for all, so that one comparison per instruction serves every store.
        macro_rules! block_of {
            ($group:ident, $column:ident) => {
                if GROUPS & $group != 0 {
                    &mut self.$column[row..][..rows]
                } else {
                    &mut []
                }
            };
        }
        ChunkBlock {
            rs1_value: block_of!(GROUP_SOURCES, rs1_value),
            rs2_value: block_of!(GROUP_SOURCES, rs2_value),
            rd_before: block_of!(GROUP_DESTINATION, rd_before),
            rd_after: block_of!(GROUP_DESTINATION, rd_after),
            memory_address: block_of!(GROUP_MEMORY, memory_address),
            memory_before: block_of!(GROUP_MEMORY, memory_before),
            memory_after: block_of!(GROUP_MEMORY, memory_after),
        }
    }

    #[inline(always)]
    fn end_block(&mut self, rows: usize, next_pc: u32) {
        self.row += rows;
        *self.rows = self.row;
        if rows > 0 && self.set.contains(Column::NextPc.id()) {
            self.next_pc[self.row - 1] = next_pc;
        }
    }
}

/// The rows of one block.
pub struct ChunkBlock<'a, const GROUPS: u8> {
    rs1_value: &'a mut [u32],
    rs2_value: &'a mut [u32],
    rd_before: &'a mut [u32],
    rd_after: &'a mut [u32],
    memory_address: &'a mut [u32],
    memory_before: &'a mut [u32],
    memory_after: &'a mut [u32],
}

impl<const GROUPS: u8> BlockRecorder for ChunkBlock<'_, GROUPS> {
    const MEMORY: bool = GROUPS & GROUP_MEMORY != 0;

    #[inline(always)]
    fn rs1(&mut self, offset: usize, value: u32) {
        if GROUPS & GROUP_SOURCES != 0 {
            self.rs1_value[offset] = value;
        }
    }

    #[inline(always)]
    fn rs2(&mut self, offset: usize, value: u32) {
        if GROUPS & GROUP_SOURCES != 0 {
            self.rs2_value[offset] = value;
        }
    }

    #[inline(always)]
    fn rd(&mut self, offset: usize, before: u32, after: u32) {
        if GROUPS & GROUP_DESTINATION != 0 {
            self.rd_before[offset] = before;
            self.rd_after[offset] = after;
        }
    }

    #[inline(always)]
    fn memory(&mut self, offset: usize, address: u32, before: u32, after: u32) {
        if GROUPS & GROUP_MEMORY != 0 {
            self.memory_address[offset] = address;
            self.memory_before[offset] = before;
            self.memory_after[offset] = after;
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
                    let mut recorder = ChunkRecorder::<$groups>::new(chunk);
                    machine.advance(program, budget as u64, &mut recorder, &mut DiscardText)
                })+
                groups => unreachable!("column groups {groups}"),
            }
        };
    }
    advance!(0 1 2 3 4 5 6 7)
}
