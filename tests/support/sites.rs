//! Many short comparisons in one program: each begins at its own place, with its own registers.
//!
//! In: words and data, once; then places and registers. Out: nothing, or a panic that shows where engine
//! and specification part. An ELF a comparison would cost most of the time.

use tracelane::Program;
use tracelane::limits::CHUNK_ROWS;
use tracelane::trace::chunk::Chunk;
use tracelane::trace::columns::ColumnSet;
use tracelane::vm::{GuestMemory, Machine, PagedMemory, ReservedMemory};

use crate::differential::{self, Bout, DATA, Expected, LIMITS, TEXT, all_columns, column_groups};
use crate::spec::Spec;

/// Bytes of data that are compared whole.
const DATA_BYTES: u32 = 128;

/// A program and machines for it.
pub struct Sites {
    program: Program,
    spec: Spec,
    reserved: Machine<ReservedMemory>,
    paged: Machine<PagedMemory>,
    usual: Chunk,
    other: Chunk,
    groups: [ColumnSet; 8],
    count: usize,
}

impl Sites {
    pub fn new(words: &[u32], data: &[u8]) -> Self {
        let program = differential::program(words, data);
        Self {
            spec: differential::specification(words, data),
            reserved: Machine::new(&program, &[], LIMITS).expect("a machine"),
            paged: Machine::new(&program, &[], LIMITS).expect("a machine"),
            program,
            usual: Chunk::new(CHUNK_ROWS),
            other: Chunk::new(16),
            groups: column_groups(),
            count: 0,
        }
    }

    /// Runs at most `budget` cycles from the word at `index` on, fast and recording, whole and cut into
    /// `pieces`; one after the other on the two memories. Returns what the specification said.
    pub fn check(
        &mut self,
        index: usize,
        registers: &[u32; 32],
        budget: usize,
        pieces: &[usize],
    ) -> Expected {
        let Self { spec, count, .. } = self;
        (spec.pc, spec.registers) = (TEXT + 4 * index as u32, *registers);
        spec.text_output.clear();
        let expected = Expected::of(spec, budget);
        let data: Vec<u8> = (0..DATA_BYTES)
            .map(|offset| spec.get(DATA + offset, 1) as u8)
            .collect();
        *count += 1;
        let bout = Bout {
            program: &self.program,
            spec,
            expected: &expected,
        };
        let group = self.groups[*count % 8];
        let one_way = [usize::MAX];
        if *count % 2 == 0 {
            let machine = &mut self.reserved;
            bout.fast(machine, &one_way);
            check_data(machine, &data);
            bout.fast(machine, pieces);
            bout.record(machine, &mut self.usual, all_columns(), &one_way);
            check_data(machine, &data);
            bout.record(machine, &mut self.other, group, pieces);
            bout.record(machine, &mut self.usual, group, &one_way);
        } else {
            let machine = &mut self.paged;
            bout.fast(machine, &one_way);
            check_data(machine, &data);
            bout.fast(machine, pieces);
            bout.record(machine, &mut self.other, all_columns(), &one_way);
            check_data(machine, &data);
            bout.record(machine, &mut self.usual, all_columns(), pieces);
        }
        // Backwards through the rows memory comes to be as it was.
        for row in expected.rows.iter().rev() {
            if row.memory_address > 0 {
                spec.put(row.memory_address & !3, 4, row.memory_before);
            }
        }
        expected
    }
}

fn check_data<M: GuestMemory>(machine: &Machine<M>, expected: &[u8]) {
    // Without a byte in the file and a store there is no page.
    let page = machine.memory().page(DATA >> 12).unwrap_or(&[0; 4096]);
    assert_eq!(&page[..expected.len()], expected, "data");
}
