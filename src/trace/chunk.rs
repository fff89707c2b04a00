//! A chunk: the buffer for consecutive rows, struct-of-arrays, allocated once and recycled.
//!
//! In: rows from a recorder, static columns from the program table. Out: a [`ChunkView`].
//! It does not know who runs the machine, nor which chunk of the trace it holds next.

use bytemuck::{Pod, Zeroable};
use tracelane_kernels::ChunkKernels;

use super::columns::{Column, ColumnSet};
use super::raw::{RAMP_ROWS, RawColumns};
use super::view::ChunkView;
use crate::limits::CHUNK_ROWS_MAX;
use crate::program::Program;

/// One cache line of values: what makes every column start on a line.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u32; LINE_ROWS]);

/// Values in a cache line.
const LINE_ROWS: usize = 16;

const _: () = assert!(LINE_ROWS >= RAMP_ROWS);
const _: () = assert!((Column::PcIndex as usize) < Column::NextPc as usize);

/// Buffers for up to `capacity()` rows of every column of the machine.
pub struct Chunk {
    lines: Vec<Line>,
    capacity: usize,
    /// Distance between the starts of two columns, in values.
    stride: usize,
    rows: usize,
    first_row: u64,
    set: ColumnSet,
    kernels: ChunkKernels,
}

/// Distance between the starts of two columns in a chunk for `capacity` rows, in values.
///
/// One line more than needed: columns a power of two apart would share their cache sets, and a ramp
/// may write behind the last row.
pub(super) const fn stride_of(capacity: usize) -> usize {
    (capacity.div_ceil(LINE_ROWS) + 1) * LINE_ROWS
}

impl Chunk {
    /// A chunk for up to `capacity` rows, with the fastest kernels.
    ///
    /// # Panics
    /// If `capacity` is 0 or above [`CHUNK_ROWS_MAX`].
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self::with_kernels(capacity, ChunkKernels::detect())
    }

    /// The same with the kernels given.
    ///
    /// # Panics
    /// As there.
    #[must_use]
    pub fn with_kernels(capacity: usize, kernels: ChunkKernels) -> Self {
        assert!(
            (1..=CHUNK_ROWS_MAX).contains(&capacity),
            "chunk of {capacity} rows, expected 1 to {CHUNK_ROWS_MAX}"
        );
        let stride = stride_of(capacity);
        let lines = vec![Line::zeroed(); Column::ALL.len() * stride / LINE_ROWS];
        Self {
            lines,
            capacity,
            stride,
            rows: 0,
            first_row: 0,
            set: ColumnSet::EMPTY,
            kernels,
        }
    }

    /// Rows that fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Rows filled so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Empties the chunk for rows from `first_row` on, of the columns in `set`.
    ///
    /// The columns of second sources and memory accesses, which most instructions leave out, are zeroed
    /// here, a vector at a time; in the others every instruction stores its own zeros (PERF.md M-6i, M-12).
    pub fn begin(&mut self, first_row: u64, set: ColumnSet) {
        (self.rows, self.first_row, self.set) = (0, first_row, set);
        // Static columns are gathered by pc_index, and next_pc follows from it.
        if Column::STATIC
            .iter()
            .chain([&Column::NextPc])
            .any(|column| set.contains(column.id()))
        {
            self.set = set.with(Column::PcIndex.id());
        }
        for column in [
            Column::Rs2Value,
            Column::MemoryAddress,
            Column::MemoryBefore,
            Column::MemoryAfter,
        ] {
            if set.contains(column.id()) {
                let capacity = self.capacity;
                self.column_mut(column)[..capacity].fill(0);
            }
        }
    }

    /// The columns being filled.
    #[must_use]
    pub fn set(&self) -> ColumnSet {
        self.set
    }

    fn column_mut(&mut self, column: Column) -> &mut [u32] {
        let start = column as usize * self.stride;
        &mut bytemuck::cast_slice_mut(&mut self.lines)[start..start + self.stride]
    }

    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// The raw columns to fill, behind the rows that are filled.
    pub(super) fn raw_columns_mut<const STRIDE: usize>(&mut self) -> RawColumns<'_, STRIDE> {
        let values = bytemuck::cast_slice_mut(&mut self.lines);
        RawColumns::new(values, self.stride, self.capacity, self.rows)
    }

    /// Takes in `rows` rows that were filled.
    pub(super) fn append(&mut self, rows: usize) {
        self.rows += rows;
    }

    /// Appends `rows` padding rows: the program's padding index, which jumps to itself, and zeros.
    ///
    /// # Panics
    /// If they do not fit.
    pub fn pad(&mut self, program: &Program, rows: usize) {
        let (start, end) = (self.rows, self.rows + rows);
        assert!(
            end <= self.capacity,
            "{end} rows in a chunk of {}",
            self.capacity
        );
        let index = program.padding_index();
        let pc = program.pc_of(index);
        let set = self.set;
        for column in Column::RAW
            .iter()
            .filter(|column| set.contains(column.id()))
        {
            let value = match column {
                Column::PcIndex => index,
                Column::NextPc => pc,
                _ => 0,
            };
            self.column_mut(*column)[start..end].fill(value);
        }
        self.rows = end;
    }

    /// Fills `next_pc`, if it is in the set, from row `first` on: the pc of the next row's `pc_index`, and
    /// `end_pc` behind the last row.
    pub(super) fn follow_pcs(&mut self, program: &Program, first: usize, end_pc: u32) {
        let (rows, stride) = (self.rows, self.stride);
        if !self.set.contains(Column::NextPc.id()) || first == rows {
            return;
        }
        // The next pc of an instruction that has retired is a multiple of 4.
        let text_base = program.text_base();
        let values: &mut [u32] = bytemuck::cast_slice_mut(&mut self.lines);
        let (before, next_pcs) = values.split_at_mut(Column::NextPc as usize * stride);
        let indices = &before[Column::PcIndex as usize * stride..][first + 1..rows];
        let next_pcs = &mut next_pcs[first..rows];
        let (last, next_pcs) = next_pcs.split_last_mut().expect("a row");
        self.kernels.addresses(text_base, indices, next_pcs);
        *last = end_pc;
    }

    /// Fills the static columns of the set from the program table, by `pc_index`; `pc` needs no table.
    pub fn gather_statics(&mut self, program: &Program) {
        let (set, rows, stride) = (self.set, self.rows, self.stride);
        let values: &mut [u32] = bytemuck::cast_slice_mut(&mut self.lines);
        let (raw, statics) = values.split_at_mut(Column::RAW_COUNT * stride);
        let indices = &raw[Column::PcIndex as usize * stride..][..rows];
        let (mut imm, mut bytes) = (None, [const { None }; 4]);
        for (column, target) in Column::STATIC.iter().zip(statics.chunks_exact_mut(stride)) {
            let target = &mut target[..rows];
            match (column, Program::static_byte(*column)) {
                _ if !set.contains(column.id()) => {}
                (_, Some(byte)) => bytes[byte] = Some(target),
                (Column::Pc, None) => {
                    self.kernels.addresses(program.text_base(), indices, target);
                }
                (_, None) => imm = Some(target),
            }
        }
        if imm.is_some() || bytes.iter().any(Option::is_some) {
            let table = program.statics();
            self.kernels.gather_split(table, indices, imm, bytes);
        }
    }

    /// The rows filled so far.
    #[must_use]
    pub fn view(&self) -> ChunkView<'_> {
        let values = bytemuck::cast_slice(&self.lines);
        ChunkView::new(self.first_row, self.rows, self.stride, self.set, values)
    }
}
