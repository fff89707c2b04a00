//! Wall time of each stage over every guest: fast pass, record pass, sweep, proof.
//!
//! `cargo bench --bench pipeline`. Rates are cycles or rows a second; PERF.md says on which machine.

#[path = "../tests/support/guests.rs"]
mod guests;

use std::hint::black_box;

use ark_bn254::Fr;
use criterion::{BatchSize, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use guests::{ALL, Guest};
use tracelane::Program;
use tracelane::checkpoint::MemoryStore;
use tracelane::limits::CHUNK_ROWS;
use tracelane::oracle::{PolynomialOracle, StreamingOracle};
use tracelane::replay::{FastPass, ReplayOptions, Run, fast_pass};
use tracelane::sumcheck::{Schedule, Statement, SumCheckProver};
use tracelane::trace::chunk::Chunk;
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane::trace::record::record;
use tracelane::vm::{DiscardText, Limits, Machine, ReservedMemory, Stop};

/// log2 of the cycles of each guest here: some milliseconds of fast pass.
const CYCLES_LOG2: u32 = 21;

struct Subject {
    name: &'static str,
    program: Program,
    input: Vec<u8>,
    cycles: u64,
}

fn subject(guest: &Guest) -> Subject {
    let program = Program::from_elf(&guest.elf()).expect(guest.name);
    let input = guest.input(CYCLES_LOG2);
    let result = fast_pass(
        &program,
        &input,
        &FastPass::default(),
        None,
        &mut DiscardText,
    );
    let cycles = result.expect(guest.name).cycles;
    Subject {
        name: guest.name,
        program,
        input,
        cycles,
    }
}

fn machine(subject: &Subject) -> Machine<ReservedMemory> {
    Machine::new(&subject.program, &subject.input, Limits::default()).expect("a machine")
}

fn store(subject: &Subject) -> MemoryStore {
    let pass = FastPass::default();
    let mut store = MemoryStore::new(
        pass.identity(&subject.program, &subject.input),
        &subject.input,
    );
    fast_pass(
        &subject.program,
        &subject.input,
        &pass,
        Some(&mut store),
        &mut DiscardText,
    )
    .expect("it ran before");
    store
}

fn passes(criterion: &mut Criterion) {
    let subjects: Vec<Subject> = ALL.iter().map(subject).collect();
    let mut group = criterion.benchmark_group("fast pass");
    group.sampling_mode(SamplingMode::Flat).sample_size(15);
    for subject in &subjects {
        group.throughput(Throughput::Elements(subject.cycles));
        group.bench_function(subject.name, |bencher| {
            bencher.iter_batched_ref(
                || machine(subject),
                |machine| {
                    machine
                        .run(&subject.program, &mut DiscardText)
                        .expect("it ran before")
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("record pass, raw columns");
    group.sampling_mode(SamplingMode::Flat).sample_size(15);
    let mut chunk = Chunk::new(CHUNK_ROWS);
    for subject in &subjects {
        group.throughput(Throughput::Elements(subject.cycles));
        group.bench_function(subject.name, |bencher| {
            bencher.iter_batched_ref(
                || machine(subject),
                |machine| {
                    loop {
                        chunk.begin(machine.cycle(), Column::raw_set());
                        let stop = record(machine, &subject.program, CHUNK_ROWS, &mut chunk);
                        black_box(chunk.view().column(Column::RdAfter.id())[0]);
                        match stop {
                            Stop::Budget => {}
                            Stop::Exit(_) => break,
                            Stop::Trap(trap) => panic!("{trap}"),
                        }
                    }
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn sweeps(criterion: &mut Criterion) {
    let subject = subject(Guest::named("sha256"));
    let store = store(&subject);
    let mut group = criterion.benchmark_group("sweep of sha256");
    group.sampling_mode(SamplingMode::Flat).sample_size(15);
    group.throughput(Throughput::Elements(subject.cycles));
    let operands: ColumnSet = [Column::Rs1Value.id(), Column::Rs2Value.id()]
        .into_iter()
        .collect();
    for (columns, set) in [("2 columns", operands), ("9 columns", Column::raw_set())] {
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("threads");
            let run = Run::new(&subject.program, &store).expect("its own program");
            let options = ReplayOptions {
                pool: Some(&pool),
                ..ReplayOptions::default()
            };
            let oracle = StreamingOracle::new(run, options).expect("workers");
            group.bench_function(format!("{columns}, {threads} threads"), |bencher| {
                bencher.iter(|| {
                    oracle
                        .sweep(set, 0, || 0, |n, view| *n += view.rows(), |a, b| a + b)
                        .expect("rows")
                });
            });
        }
    }
    group.finish();
}

fn proofs(criterion: &mut Criterion) {
    let subject = subject(Guest::named("sha256"));
    let store = store(&subject);
    let run = Run::new(&subject.program, &store).expect("its own program");
    let oracle = StreamingOracle::new(run, ReplayOptions::default()).expect("a worker");
    let mut group = criterion.benchmark_group("prove over sha256, 1 thread");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.throughput(Throughput::Elements(1 << oracle.num_vars()));
    let [a, b, c] = [Column::Rs1Value, Column::Rs2Value, Column::RdAfter].map(Column::id);
    let num_vars = oracle.num_vars();
    let statements = [
        ("2 columns", vec![a, b], false),
        ("3 columns with eq", vec![a, b, c], true),
    ];
    for (name, columns, eq) in statements {
        let statement = Statement::product(&columns, eq);
        let prover = SumCheckProver::<Fr>::for_statement(num_vars, statement);
        let schedules = [
            ("windows", prover.clone()),
            (
                "a sweep a round",
                prover.clone().with_schedule(Schedule::per_round(num_vars)),
            ),
            ("in memory", prover.with_schedule(Schedule::in_memory())),
        ];
        for (schedule, prover) in schedules {
            group.bench_function(format!("{name}, {schedule}"), |bencher| {
                bencher.iter(|| prover.prove_actual(&oracle).expect("an honest prover"));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, passes, sweeps, proofs);
criterion_main!(benches);
