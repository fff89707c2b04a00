//! Recorded runs of small guests, and their whole trace by one eager recording.
//!
//! In: a guest and its input. Out: the run with checkpoints in memory; all columns as vectors. Only
//! tests hold a whole trace.

#![allow(dead_code, reason = "each test takes the part it needs")]

use tracelane::Program;
use tracelane::checkpoint::MemoryStore;
use tracelane::replay::{FastPass, fast_pass};
use tracelane::sumcheck::PublicInstance;
use tracelane::trace::chunk::Chunk;
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane::trace::record::record;
use tracelane::vm::{DiscardText, Limits, Machine, PagedMemory, RunResult, Stop};

use crate::guests::Guest;

/// Guests and inputs of a few hundred to a few thousand cycles: heap, stack, host calls, output.
pub const SMALL: [(&str, &[u8]); 5] = [
    ("quicksort", b"40 7"),
    ("btree", b"12 5"),
    ("sieve", b"200"),
    ("bytecode", b"4"),
    ("inflate", b"no gzip file"),
];

/// A program and its input.
pub struct Recorded {
    pub program: Program,
    pub input: Vec<u8>,
    pub result: RunResult,
}

impl Recorded {
    /// Runs the guest called `name` on `input`.
    pub fn new(name: &str, input: &[u8]) -> Self {
        Self::of(name, &Guest::named(name).elf(), input)
    }

    /// Runs the guest whose ELF file is `elf` on `input`.
    pub fn of(name: &str, elf: &[u8], input: &[u8]) -> Self {
        let program = Program::from_elf(elf).expect(name);
        let pass = FastPass::default();
        let result = fast_pass(&program, input, &pass, None, &mut DiscardText).expect(name);
        Self {
            program,
            input: input.to_vec(),
            result,
        }
    }

    /// The checkpoints of another run of it.
    pub fn checkpoints(&self, interval: u64) -> MemoryStore {
        let pass = FastPass {
            interval,
            ..FastPass::default()
        };
        let mut store = MemoryStore::new(pass.identity(&self.program, &self.input), &self.input);
        let again = fast_pass(
            &self.program,
            &self.input,
            &pass,
            Some(&mut store),
            &mut DiscardText,
        );
        assert_eq!(
            again.expect("it ran before"),
            self.result,
            "checkpoints change nothing"
        );
        store
    }

    /// Every column of the run, from one recording without replay.
    pub fn trace(&self) -> Vec<Vec<u32>> {
        let rows = self.result.cycles as usize;
        let mut machine =
            Machine::<PagedMemory>::new(&self.program, &self.input, Limits::default())
                .expect("a machine");
        let mut chunk = Chunk::new(rows);
        chunk.begin(0, all_columns());
        let stop = record(&mut machine, &self.program, rows, &mut chunk);
        assert_eq!(stop, Stop::Exit(self.result.exit_code));
        chunk.gather_statics(&self.program);
        Column::ALL
            .iter()
            .map(|column| chunk.view().column(column.id()).to_vec())
            .collect()
    }

    /// The whole trace with padding rows up to a power of two: the last row's successor jumps to
    /// itself.
    pub fn padded_trace(&self) -> Vec<Vec<u32>> {
        let count = self.result.cycles.next_power_of_two() as usize;
        let index = self.program.padding_index();
        let pc = self.program.pc_of(index);
        let jump = tracelane::isa::Opcode::Jal as u32;
        let mut trace = self.trace();
        for (column, values) in Column::ALL.iter().zip(&mut trace) {
            let padding = match column {
                Column::PcIndex => index,
                Column::Pc | Column::NextPc => pc,
                Column::Opcode => jump,
                _ => 0,
            };
            values.resize(count, padding);
        }
        trace
    }

    /// The public facts of the run.
    pub fn instance(&self) -> PublicInstance {
        PublicInstance {
            program_digest: self.program.digest(),
            input_digest: *blake3::hash(&self.input).as_bytes(),
            output_digest: *blake3::hash(&self.result.output).as_bytes(),
            exit_code: self.result.exit_code,
            cycles: self.result.cycles,
            num_vars: self.result.cycles.next_power_of_two().trailing_zeros(),
        }
    }
}

/// Every column.
pub fn all_columns() -> ColumnSet {
    ColumnSet::first(Column::ALL.len())
}
