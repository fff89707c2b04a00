//! Memory law: a proof's peak does not follow the trace's length.

#[path = "support/guests.rs"]
mod guests;
#[path = "support/stored.rs"]
mod stored;

use allocation_counter::{AllocationInfo, measure};
use ark_bn254::Fr;
use guests::Guest;
use tracelane::Program;
use tracelane::checkpoint::{CheckpointFile, CheckpointSource};
use tracelane::oracle::{PolynomialOracle, StreamingOracle};
use tracelane::replay::{FastPass, ReplayOptions, Run};
use tracelane::sumcheck::{
    Batch, CostModel, PublicInstance, Schedule, Statement, SumCheckProver, verify,
};
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane::vm::MemoryKind;
use tracelane_kernels::Kernels;

fn recorded(cycles_log2: u32) -> (Program, CheckpointFile) {
    let guest = Guest::named("bytecode");
    let input = guest.input(cycles_log2);
    let program = Program::from_elf(&guest.elf()).expect("a guest");
    let pass = FastPass {
        interval: 1 << 14,
        ..FastPass::default()
    };
    let file = stored::scratch(&program, &input, &pass);
    (program, file)
}

/// All work on the measuring thread, and guest memory where the counter sees it.
fn options() -> ReplayOptions<'static> {
    ReplayOptions {
        memory: MemoryKind::Paged,
        ..ReplayOptions::default()
    }
}

#[test]
fn a_proof_allocates_what_was_predicted() {
    let (program, file) = recorded(18);
    let run = Run::new(&program, &file).expect("its own program");
    let oracle = StreamingOracle::new(run, options()).expect("a worker");
    let num_vars = oracle.num_vars();
    let summary = file.summary();
    let instance = PublicInstance {
        program_digest: program.digest(),
        input_digest: file.identity().input_digest,
        output_digest: summary.output_digest,
        exit_code: summary.exit_code,
        cycles: summary.cycles,
        num_vars: num_vars as u32,
    };
    let id = |column: Column| column.id();
    let pair = [id(Column::Rs1Value), id(Column::Rs2Value)];
    let batches = [
        Batch::of(Statement::product(&pair, false)),
        Batch {
            statements: vec![
                Statement::product(&pair, true),
                Statement::product(
                    &[id(Column::RdAfter), id(Column::Pc), id(Column::Imm)],
                    true,
                ),
                Statement::next(id(Column::Pc)),
            ],
            extra: ColumnSet::first(Column::ALL.len()),
        },
    ];
    for batch in batches {
        let prover =
            SumCheckProver::<Fr>::for_batch(num_vars, batch.clone()).with_instance(instance);
        // The first sweep backs the guest's pages.
        let first = prover.prove_actual(&oracle).expect("an honest prover");
        let inputs = prover.schedule_inputs(oracle.chunk_rows().get(), oracle.workers());
        let schedules = [
            prover.schedule_for(&oracle).expect("a schedule"),
            Schedule::in_memory(),
            Schedule::per_round(num_vars),
            Schedule::half_split(num_vars, 3),
            Schedule {
                windows: vec![3, 7],
            },
        ];
        for schedule in schedules {
            let prediction = inputs.predict(&schedule, &CostModel::committed::<Fr>());
            let prover = prover.clone().with_schedule(schedule);
            let mut proof = None;
            let info = measure(|| proof = prover.prove_actual(&oracle).ok());
            assert_eq!(proof.as_ref(), Some(&first));
            // Chunks were there before.
            let chunks = 4 * oracle.chunk_rows().get() as u64 * (first.openings.len() as u64 + 1);
            let (measured, predicted) = (info.bytes_max + chunks, prediction.bytes);
            assert!(
                4 * measured.abs_diff(predicted) <= measured,
                "{measured} bytes measured, {prediction:?}"
            );
            let pending =
                verify(&first, &first.instance, &batch, oracle.column_names()).expect("a proof");
            let checked = measure(|| {
                let kernels = Kernels::detect();
                let checked = pending.check(&oracle, kernels).map(drop);
                assert!(checked.is_ok(), "{checked:?}");
            });
            assert!(checked.bytes_max + chunks <= prediction.check_bytes.max(predicted));
        }
    }
}

/// Peak of the proof alone, over a trace of about 2^k rows.
fn peak_of_proof(cycles_log2: u32) -> (usize, AllocationInfo) {
    let (program, file) = recorded(cycles_log2);
    let run = Run::new(&program, &file).expect("its own program");
    let mut num_vars = 0;
    let info = measure(|| {
        let oracle = StreamingOracle::new(run, options()).expect("a worker");
        num_vars = oracle.num_vars();
        let columns = [Column::Rs1Value.id(), Column::Rs2Value.id()];
        let prover =
            SumCheckProver::<Fr>::for_statement(num_vars, Statement::product(&columns, false));
        let proof = prover.prove_actual(&oracle).expect("an honest prover");
        assert_eq!(proof.messages.len(), 2 * num_vars);
    });
    (num_vars, info)
}

#[test]
fn the_peak_of_a_proof_follows_the_square_root_of_the_trace() {
    let (small_log2, small) = peak_of_proof(16);
    let (large_log2, large) = peak_of_proof(22);
    assert!(
        large_log2 >= small_log2 + 5,
        "2^{small_log2} and 2^{large_log2} rows"
    );
    // A row of the square root is two field elements of 32 bytes, as much again for each of a weight
    // with its limbs and eq's two halves, and four times all of it: what the square root may add.
    let root_bytes = (4 * 8 * 32u64) << large_log2.div_ceil(2);
    let grown = large.bytes_max.saturating_sub(small.bytes_max);
    assert!(
        grown <= root_bytes,
        "{small:?} to {large:?}, allowed {root_bytes}"
    );
    let trace_bytes = 4u64 << large_log2;
    assert!(
        large.bytes_max < 2 * trace_bytes,
        "less than two columns: {large:?}"
    );
}
