//! Instruction counts under Valgrind: the figures that gate, because noise does not touch them.
//!
//! `cargo bench --bench instructions`, with `iai-callgrind-runner` and Valgrind installed.

#![allow(missing_docs, reason = "the macros make items of their own")]

#[path = "../tests/support/guests.rs"]
mod guests;

use std::hint::black_box;

use ark_bn254::Fr;
use guests::Guest;
use iai_callgrind::{library_benchmark, library_benchmark_group, main};
use tracelane::Program;
use tracelane::limits::CHUNK_ROWS;
use tracelane::trace::chunk::Chunk;
use tracelane::trace::columns::Column;
use tracelane::trace::record::record;
use tracelane::vm::{DiscardText, Limits, Machine, ReservedMemory, Stop};
use tracelane_kernels::{Kernels, WeightPlanes, eq_planes};

/// Handed back by every bench, so that giving memory back is not counted.
type Subject = (Program, Machine<ReservedMemory>);

fn subject(name: &str) -> Subject {
    let guest = Guest::named(name);
    let program = Program::from_elf(&guest.elf()).expect("a guest");
    let machine = Machine::new(&program, &guest.input(17), Limits::default()).expect("a machine");
    (program, machine)
}

#[library_benchmark]
#[bench::sha256(subject("sha256"))]
#[bench::quicksort(subject("quicksort"))]
#[bench::sieve(subject("sieve"))]
fn fast_pass((program, mut machine): Subject) -> Subject {
    machine.run(&program, &mut DiscardText).expect("a run");
    (program, machine)
}

#[library_benchmark]
#[bench::sha256(subject("sha256"))]
#[bench::quicksort(subject("quicksort"))]
#[bench::sieve(subject("sieve"))]
fn record_pass((program, mut machine): Subject) -> (Subject, Chunk) {
    let mut chunk = Chunk::new(CHUNK_ROWS);
    loop {
        chunk.begin(machine.cycle(), Column::raw_set());
        match record(&mut machine, &program, CHUNK_ROWS, &mut chunk) {
            Stop::Budget => {}
            Stop::Exit(_) => return ((program, machine), chunk),
            Stop::Trap(trap) => panic!("{trap}"),
        }
    }
}

fn fold_operands() -> (WeightPlanes<Fr>, Vec<u32>) {
    let point: Vec<Fr> = (3..14u64).map(Fr::from).collect();
    let column = (0..1u32 << 11)
        .map(|row| row.wrapping_mul(0x9e37_79b9))
        .collect();
    (eq_planes(&point), column)
}

#[library_benchmark]
#[bench::rows_2048(fold_operands())]
fn dot_u32((planes, column): (WeightPlanes<Fr>, Vec<u32>)) -> Fr {
    Kernels::detect().dot_u32(black_box(planes.view()), black_box(&column))
}

library_benchmark_group!(name = machine; benchmarks = fast_pass, record_pass);
library_benchmark_group!(name = kernels; benchmarks = dot_u32);
main!(library_benchmark_groups = machine, kernels);
