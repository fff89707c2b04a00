//! The engine and the specification side by side: every row, every register, memory.
//!
//! In: an instruction sequence with its data, or any state to begin from. Out: nothing, or a panic that
//! shows where they part. What is compared: the fast pass and the record pass, each in pieces of
//! any budget, chunks of the usual and of another stride, every group of columns, both memories.

#![allow(dead_code, reason = "each test takes the part it needs")]

use std::collections::BTreeMap;

use tracelane::Program;
use tracelane::limits::CHUNK_ROWS;
use tracelane::trace::chunk::Chunk;
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane::trace::record::record;
use tracelane::trace::view::ChunkView;
use tracelane::vm::{GuestMemory, Limits, Machine, NoRecorder, PagedMemory, ReservedMemory, Stop};

use crate::encode::{self, Segment};
use crate::spec::{Row, Spec, Step};

/// Where test programs have their text.
pub const TEXT: u32 = 0x0001_0000;
/// Where test programs have writable data: a page and its neighbours.
pub const DATA: u32 = 0x0010_0000;
/// Cycles after which a fast pass is stopped and compared.
pub const LOOK_CYCLES: usize = 1 << 10;
/// What test programs may use; of text no more than a specification can write byte by byte.
pub const LIMITS: Limits = Limits {
    cycles_max: u64::MAX,
    memory_bytes_max: 1 << 30,
    text_bytes_max: 1 << 16,
};

/// A program to compare.
pub struct Case<'a> {
    pub words: &'a [u32],
    pub data: &'a [u8],
    /// Cycles after which to stop, at most.
    pub budget: usize,
}

/// What the specification says of a run.
pub struct Expected {
    /// Position and registers before the first cycle.
    pub start: (u32, [u32; 32]),
    pub rows: Vec<Row>,
    /// How it ended; nothing where the budget did.
    pub last: Option<Step>,
    /// Registers after every [`LOOK_CYCLES`] cycles.
    looks: Vec<[u32; 32]>,
    budget: usize,
}

impl Expected {
    /// Runs `spec` on for at most `budget` cycles.
    pub fn of(spec: &mut Spec, budget: usize) -> Self {
        let mut expected = Self {
            start: (spec.pc, spec.registers),
            rows: Vec::new(),
            last: None,
            looks: Vec::new(),
            budget,
        };
        while expected.rows.len() < budget && expected.last.is_none() {
            match spec.step() {
                Step::Next(row) => expected.rows.push(row),
                Step::Exit(row, code) => {
                    expected.rows.push(row);
                    expected.last = Some(Step::Exit(row, code));
                }
                trap => expected.last = Some(trap),
            }
            if expected.rows.len() == LOOK_CYCLES * (expected.looks.len() + 1) {
                expected.looks.push(spec.registers);
            }
        }
        expected
    }
}

/// One run of the engine, begun where the specification began.
pub struct Bout<'a> {
    pub program: &'a Program,
    /// The specification behind its last cycle.
    pub spec: &'a Spec,
    pub expected: &'a Expected,
}

impl Bout<'_> {
    fn begin<M: GuestMemory>(&self, machine: &mut Machine<M>) {
        machine
            .restart(self.program, &[])
            .expect("it fitted before");
        let (pc, registers) = &self.expected.start;
        machine.set_state(self.program, 0, *pc, registers, 0);
    }

    /// Budgets of `pieces`, over and over, until the whole budget is used up.
    fn run<M: GuestMemory>(
        &self,
        machine: &mut Machine<M>,
        pieces: &[usize],
        mut advance: impl FnMut(&mut Machine<M>, usize) -> Stop,
    ) {
        self.begin(machine);
        let mut pieces = pieces.iter().cycle();
        loop {
            let left = self.expected.budget - machine.cycle() as usize;
            let piece = left.min(*pieces.next().expect("a piece"));
            let before = machine.cycle();
            let stop = advance(machine, piece);
            if stop == Stop::Budget {
                assert_eq!(machine.cycle(), before + piece as u64, "the whole budget");
            }
            if stop != Stop::Budget || piece == left {
                return self.check_end(machine, stop);
            }
        }
    }

    /// Runs without columns.
    pub fn fast<M: GuestMemory>(&self, machine: &mut Machine<M>, pieces: &[usize]) {
        let mut text = Vec::new();
        self.run(machine, pieces, |machine, budget| {
            machine.advance(self.program, budget as u64, &mut NoRecorder, &mut text)
        });
        assert_eq!(text, self.spec.text_output, "text");
    }

    /// Runs without columns, and compares registers and all memory stored to so far every
    /// [`LOOK_CYCLES`] cycles.
    pub fn fast_with_looks<M: GuestMemory>(&self, machine: &mut Machine<M>) {
        self.begin(machine);
        let mut words = BTreeMap::new();
        for (rows, registers) in self
            .expected
            .rows
            .chunks(LOOK_CYCLES)
            .zip(&self.expected.looks)
        {
            let budget = LOOK_CYCLES as u64;
            let stop = machine.advance(self.program, budget, &mut NoRecorder, &mut Vec::new());
            let at = machine.cycle();
            assert!(!matches!(stop, Stop::Trap(_)), "{stop:?} at cycle {at}");
            let last = rows.last().expect("a row");
            assert_eq!(machine.pc(self.program), last.next_pc, "cycle {at}");
            assert_eq!(machine.registers(), registers, "cycle {at}");
            words.extend(
                rows.iter()
                    .map(|row| (row.memory_address & !3, row.memory_after)),
            );
            for (&address, &word) in words.iter().filter(|(address, _)| **address > 0) {
                let actual = machine.memory().load_u32(address);
                assert_eq!(actual, word, "{address:#x}, cycle {at}");
            }
        }
    }

    /// Runs into `chunk`, over and over, with the columns of `set`; compares each of them.
    pub fn record<M: GuestMemory>(
        &self,
        machine: &mut Machine<M>,
        chunk: &mut Chunk,
        set: ColumnSet,
        pieces: &[usize],
    ) {
        chunk.begin(0, set);
        let mut first = 0;
        self.run(machine, pieces, |machine, budget| {
            let mut left = budget;
            loop {
                if chunk.rows() == chunk.capacity() {
                    first += self.check_rows(first, chunk);
                    chunk.begin(first as u64, set);
                }
                let piece = left.min(chunk.capacity() - chunk.rows());
                let stop = record(machine, self.program, piece, chunk);
                left -= piece;
                if stop != Stop::Budget || left == 0 {
                    break stop;
                }
            }
        });
        first += self.check_rows(first, chunk);
        assert_eq!(first, self.expected.rows.len(), "rows");
    }

    /// Compares the rows in `chunk`, of which `first` is the first one's number; returns how many.
    fn check_rows(&self, first: usize, chunk: &mut Chunk) -> usize {
        chunk.gather_statics(self.program);
        let view = chunk.view();
        let expected = &self.expected.rows[first..];
        assert!(view.rows() <= expected.len(), "more rows than there are");
        for (index, row) in expected[..view.rows()].iter().enumerate() {
            check_row(self.program, &view, index, row);
        }
        view.rows()
    }

    /// Compares how a run ended, and the state it left.
    fn check_end<M: GuestMemory>(&self, machine: &Machine<M>, stop: Stop) {
        let cycles = self.expected.rows.len() as u64;
        assert_eq!(machine.cycle(), cycles, "retired instructions");
        assert_eq!(machine.pc(self.program), self.spec.pc, "position");
        match (stop, self.expected.last) {
            (Stop::Budget, None) => {}
            (Stop::Exit(code), Some(Step::Exit(_, expected))) => assert_eq!(code, expected),
            (Stop::Trap(trap), Some(Step::Trap((name, address)))) => {
                let actual = format!("{:?}", trap.kind);
                assert!(actual.starts_with(name), "{actual}, expected {name}");
                assert_eq!(trap.address, address, "{name}");
                assert_eq!(trap.pc, self.spec.pc, "{name}");
                assert_eq!(trap.cycle, cycles, "{name}");
            }
            (stop, last) => panic!("{stop:?}, expected {last:?}"),
        }
        assert_eq!(machine.registers(), &self.spec.registers);
        let written = self.spec.text_output.len() as u64;
        assert_eq!(machine.text_bytes(), written, "bytes of text");
        for row in self.expected.rows.iter().rev().take(8) {
            let address = row.memory_address & !3;
            let actual = machine.memory().load_u32(address);
            assert_eq!(actual, self.spec.get(address, 4), "{address:#x}");
        }
    }

    /// Compares every byte that the specification has.
    pub fn check_memory<M: GuestMemory>(&self, machine: &Machine<M>) {
        for (&address, &byte) in &self.spec.memory {
            let actual = machine.memory().load_u8(address);
            assert_eq!(u32::from(actual), u32::from(byte), "{address:#x}");
        }
    }
}

/// Compares the columns of one row that the view has.
fn check_row(program: &Program, view: &ChunkView<'_>, index: usize, row: &Row) {
    let pc_index = program.index_of(row.pc);
    for column in Column::ALL {
        let expected = match column {
            Column::PcIndex => pc_index,
            Column::Pc => row.pc,
            Column::Rs1Value => row.rs1_value,
            Column::Rs2Value => row.rs2_value,
            Column::RdBefore => row.rd_before,
            Column::RdAfter => row.rd_after,
            Column::MemoryAddress => row.memory_address,
            Column::MemoryBefore => row.memory_before,
            Column::MemoryAfter => row.memory_after,
            Column::NextPc => row.next_pc,
            _ => program.static_value(*column, pc_index),
        };
        if view.set().contains(column.id()) {
            let actual = view.column(column.id())[index];
            if actual != expected {
                let (row, name) = (view.first_row() + index as u64, column.name());
                let text = program.disassemble(program.pc_of(pc_index));
                panic!("row {row}, `{text}`: {name} {actual:#x}, expected {expected:#x}");
            }
        }
    }
}

/// Every column.
pub fn all_columns() -> ColumnSet {
    ColumnSet::first(Column::ALL.len())
}

/// The columns of each of the eight combinations of groups a recorder is compiled for; every second
/// one without the ramps.
pub fn column_groups() -> [ColumnSet; 8] {
    std::array::from_fn(|groups| {
        let named = [Column::Rs1Value, Column::RdAfter, Column::MemoryBefore];
        let mut set = ColumnSet::EMPTY;
        for (bit, column) in named.into_iter().enumerate() {
            if groups >> bit & 1 == 1 {
                set = set.with(column.id());
            }
        }
        if groups.count_ones() % 2 == 0 {
            set = set.with(Column::NextPc.id()).with(Column::PcIndex.id());
        }
        set
    })
}

/// An ELF with `words` and one page of data.
pub fn program(words: &[u32], data: &[u8]) -> Program {
    let segments = [
        encode::text(TEXT, words),
        Segment {
            memory_bytes: 4096,
            ..encode::data(DATA, data, true)
        },
    ];
    Program::from_elf(&encode::elf(TEXT, &segments, &[])).expect("a sound ELF")
}

/// The specification before it runs `words`.
pub fn specification(words: &[u32], data: &[u8]) -> Spec {
    let mut spec = Spec::new(TEXT, words);
    spec.text_bytes_max = LIMITS.text_bytes_max;
    for (offset, byte) in data.iter().enumerate() {
        spec.put(DATA + offset as u32, 1, u32::from(*byte));
    }
    spec
}

/// Runs `case` on the specification and in every way on the engine. Returns the specification behind
/// its last cycle, and what it said.
pub fn compare(case: &Case<'_>) -> (Spec, Expected) {
    let program = program(case.words, case.data);
    let mut spec = specification(case.words, case.data);
    let expected = Expected::of(&mut spec, case.budget);
    let bout = Bout {
        program: &program,
        spec: &spec,
        expected: &expected,
    };
    every_way::<ReservedMemory>(&bout);
    every_way::<PagedMemory>(&bout);
    (spec, expected)
}

/// Runs in every way on one memory: fast and recording, whole and in pieces.
pub fn every_way<M: GuestMemory>(bout: &Bout<'_>) {
    const PIECES: [usize; 6] = [1, 2, 3, 7, 1024, 1];
    let mut machine = Machine::<M>::new(bout.program, &[], LIMITS).expect("a machine");
    bout.fast(&mut machine, &[usize::MAX]);
    bout.check_memory(&machine);
    bout.fast(&mut machine, &PIECES);
    bout.check_memory(&machine);
    bout.fast_with_looks(&mut machine);
    let mut usual = Chunk::new(CHUNK_ROWS);
    bout.record(&mut machine, &mut usual, all_columns(), &[usize::MAX]);
    bout.check_memory(&machine);
    bout.record(&mut machine, &mut usual, all_columns(), &PIECES);
    // Another stride: the recorder that was compiled for none.
    let rows = bout.expected.rows.len().clamp(1, 1 << 15);
    let mut whole = Chunk::new(if rows == CHUNK_ROWS { rows + 16 } else { rows });
    bout.record(&mut machine, &mut whole, all_columns(), &[usize::MAX]);
    bout.check_memory(&machine);
}
