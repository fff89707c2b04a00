//! The engine and the specification side by side: every row, every register, all of memory.
//!
//! In: an instruction sequence with its data. Out: nothing, or a panic that shows where they part.

use tracelane::Program;
use tracelane::trace::chunk::Chunk;
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane::trace::record::record;
use tracelane::vm::{GuestMemory, Limits, Machine, PagedMemory, ReservedMemory, Stop};

use crate::encode::{self, Segment};
use crate::spec::{Row, Spec, Step};

/// Where test programs have their text.
pub const TEXT: u32 = 0x0001_0000;
/// Where test programs have writable data: a page and its neighbours.
pub const DATA: u32 = 0x0010_0000;

/// A program to compare.
pub struct Case<'a> {
    pub words: &'a [u32],
    pub data: &'a [u8],
    /// Cycles after which to stop, at most.
    pub budget: usize,
}

/// Runs `case` on both memories of the engine and on the specification.
pub fn compare(case: &Case<'_>) -> Spec {
    let segments = [
        encode::text(TEXT, case.words),
        Segment {
            memory_bytes: 4096,
            ..encode::data(DATA, case.data, true)
        },
    ];
    let program = Program::from_elf(&encode::elf(TEXT, &segments, &[])).expect("a sound ELF");
    let mut spec = Spec::new(TEXT, case.words);
    for (offset, byte) in case.data.iter().enumerate() {
        spec.put(DATA + offset as u32, 1, u32::from(*byte));
    }
    let mut rows = Vec::new();
    let mut last = None;
    while rows.len() < case.budget && last.is_none() {
        match spec.step() {
            Step::Next(row) => rows.push(row),
            Step::Exit(row, code) => {
                rows.push(row);
                last = Some(Step::Exit(row, code));
            }
            trap => last = Some(trap),
        }
    }
    check::<ReservedMemory>(&program, case, &spec, &rows, last);
    check::<PagedMemory>(&program, case, &spec, &rows, last);
    spec
}

fn check<M: GuestMemory>(
    program: &Program,
    case: &Case<'_>,
    spec: &Spec,
    rows: &[Row],
    last: Option<Step>,
) {
    let mut machine = Machine::<M>::new(program, &[], Limits::default()).expect("a machine");
    let mut chunk = Chunk::new(case.budget);
    chunk.begin(0, ColumnSet::first(Column::ALL.len()));
    let stop = record(&mut machine, program, case.budget, &mut chunk);
    assert_eq!(machine.cycle(), rows.len() as u64, "retired instructions");
    assert_eq!(chunk.rows(), rows.len(), "rows");
    match (stop, last) {
        (Stop::Budget, None) => {}
        (Stop::Exit(code), Some(Step::Exit(_, expected))) => assert_eq!(code, expected),
        (Stop::Trap(trap), Some(Step::Trap((name, address)))) => {
            let actual = format!("{:?}", trap.kind);
            assert!(actual.starts_with(name), "{actual}, expected {name}");
            assert_eq!(trap.address, address, "{name}");
            assert_eq!(trap.pc, spec.pc, "{name}");
            assert_eq!(trap.cycle, rows.len() as u64, "{name}");
        }
        (stop, last) => panic!("{stop:?}, expected {last:?}"),
    }
    chunk.gather_statics(program);
    let view = chunk.view();
    for (index, expected) in rows.iter().enumerate() {
        let value = |column: Column| view.column(column.id())[index];
        let actual = Row {
            pc: value(Column::Pc),
            rs1_value: value(Column::Rs1Value),
            rs2_value: value(Column::Rs2Value),
            rd_before: value(Column::RdBefore),
            rd_after: value(Column::RdAfter),
            memory_address: value(Column::MemoryAddress),
            memory_before: value(Column::MemoryBefore),
            memory_after: value(Column::MemoryAfter),
            next_pc: value(Column::NextPc),
        };
        let text = program.disassemble(expected.pc);
        assert_eq!(actual, *expected, "row {index}: {text}");
        assert_eq!(
            TEXT + 4 * value(Column::PcIndex),
            expected.pc,
            "row {index}: {text}"
        );
    }
    assert_eq!(machine.registers(), &spec.registers);
    for (&address, &byte) in &spec.memory {
        assert_eq!(
            u32::from(machine.memory().load_u8(address)),
            u32::from(byte),
            "{address:#x}"
        );
    }
}
