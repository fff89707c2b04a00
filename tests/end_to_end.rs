//! Law: a proof over a recorded run has the bytes of the naive dense prover over its eager trace,
//! whatever the interval, chunk size, threads, schedule, memory budget, tier and guest memory are: a grid
//! of the usual ones, and random draws over all of them at once, from fixed seeds. And it is accepted.

#[path = "support/dense_prover.rs"]
mod dense_prover;
#[path = "support/draw.rs"]
mod draw;
#[path = "support/guests.rs"]
mod guests;
#[path = "support/plain_mle.rs"]
mod plain_mle;
#[path = "support/recorded.rs"]
mod recorded;

use ark_bn254::Fr;
use draw::Draw;
use rayon::ThreadPoolBuilder;
use recorded::{Recorded, SMALL};
use tracelane::oracle::{PolynomialOracle, StreamingOracle};
use tracelane::replay::{ReplayOptions, Run};
use tracelane::sumcheck::{Batch, Proof, ProveError, Schedule, Statement, SumCheckProver, verify};
use tracelane::trace::columns::Column;
use tracelane::vm::MemoryKind;
use tracelane_kernels::{Goldilocks2, Kernels, WeightField};

/// The streaming proof's bytes, once the verifier has accepted it.
fn prove<F: WeightField>(
    recorded: &Recorded,
    statement: &Statement,
    oracle: &StreamingOracle<'_>,
    schedule: Option<Schedule>,
) -> Vec<u8> {
    let instance = recorded.instance();
    let mut prover = SumCheckProver::<F>::for_statement(oracle.num_vars(), statement.clone())
        .with_instance(instance);
    if let Some(schedule) = schedule {
        prover = prover.with_schedule(schedule);
    }
    let proof = prover.prove_actual(oracle).expect("an honest prover");
    let again = Proof::<F>::from_bytes(&proof.to_bytes()).expect("its own bytes");
    let batch = Batch::of(statement.clone());
    let pending = verify(&again, &instance, &batch, oracle.column_names());
    let pending = pending.expect("an honest proof");
    let verified = pending
        .check(oracle, Kernels::detect())
        .expect("true claims");
    assert_eq!(verified.claimed_sums(), proof.claimed_sums);
    proof.to_bytes()
}

fn law<F: WeightField>(statement: &Statement) {
    for (name, input) in &SMALL[..3] {
        let recorded = Recorded::new(name, input);
        let trace = recorded.padded_trace();
        let columns: Vec<(&str, &[u32])> = Column::NAMES
            .iter()
            .zip(&trace)
            .map(|(name, values)| (*name, values.as_slice()))
            .collect();
        let expected = dense_prover::prove::<F>(
            &columns,
            &Batch::of(statement.clone()),
            &recorded.instance(),
        )
        .to_bytes();
        let num_vars = recorded.instance().num_vars as usize;
        for interval in [61, 1 << 10, 1 << 30] {
            let store = recorded.checkpoints(interval);
            for threads in [1, 2, 3] {
                let pool = ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .build()
                    .expect("threads");
                for chunk_rows in [8, 1 << 9, 1 << 20] {
                    let run = Run::new(&recorded.program, &store).expect("its own program");
                    let options = ReplayOptions {
                        chunk_rows,
                        pool: Some(&pool),
                        ..Default::default()
                    };
                    let oracle = StreamingOracle::new(run, options).expect("workers");
                    let at = format!("{name}, {interval}, {threads} threads, {chunk_rows}");
                    let windows = Schedule {
                        windows: vec![3, 2, 1],
                    };
                    for schedule in [None, Some(Schedule::per_round(num_vars)), Some(windows)] {
                        let actual = prove::<F>(&recorded, statement, &oracle, schedule);
                        assert!(actual == expected, "{at}");
                    }
                }
            }
        }
    }
}

fn product(columns: &[Column], eq: bool) -> Statement {
    let ids: Vec<_> = columns.iter().map(|column| column.id()).collect();
    Statement::product(&ids, eq)
}

#[test]
fn the_default_statement_over_bn254() {
    law::<Fr>(&product(&[Column::Rs1Value, Column::Rs2Value], false));
}

#[test]
fn three_columns_with_eq_over_bn254() {
    law::<Fr>(&product(
        &[Column::RdAfter, Column::MemoryBefore, Column::Pc],
        true,
    ));
}

#[test]
fn two_columns_with_eq_over_goldilocks() {
    law::<Goldilocks2>(&product(&[Column::NextPc, Column::PcIndex], true));
}

/// Draws for each batch.
const DRAWS: usize = 12;

/// Guests and inputs of 2^8 to 2^16 rows.
const RUNS: [(&str, &[u8], u32); 9] = [
    ("inflate", b"no gzip file", 8),
    ("sieve", b"20", 9),
    ("btree", b"3 5", 10),
    ("bytecode", b"2", 11),
    ("matmul", b"5 3", 12),
    ("sha256", b"a", 13),
    ("quicksort", b"160 7", 14),
    ("btree", b"100 5", 15),
    ("keccak256", b"x", 16),
];

/// One proof under circumstances that `draw` decides.
fn drawn<F: WeightField>(
    draw: &mut Draw,
    recorded: &Recorded,
    trace: &[Vec<u32>],
    batch: &Batch,
) -> (Proof<F>, String) {
    let instance = recorded.instance();
    let num_vars = instance.num_vars as usize;
    let cycles = recorded.result.cycles;
    let interval = draw.of(&[cycles / 37 + 1, 255, 1 << 10, cycles, 1 << 30]);
    let threads = 1 + draw.below(4);
    let tier = draw.tier();
    let options = ReplayOptions {
        chunk_rows: 1 << draw.below(num_vars + 3),
        memory: draw.of(&[MemoryKind::Paged, MemoryKind::Reserved]),
        ..ReplayOptions::default()
    };
    let (schedule, memory_bytes) = (draw.schedule(num_vars), draw.memory_bytes());
    let circumstances = format!(
        "interval {interval}, {threads} threads, {tier}, chunks of {}, {schedule:?}, {memory_bytes} \
         bytes, {batch:?}",
        options.chunk_rows
    );
    let store = recorded.checkpoints(interval);
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.expect("threads");
    let options = ReplayOptions {
        pool: (threads > 1).then_some(&pool),
        ..options
    };
    let run = Run::new(&recorded.program, &store).expect("its own program");
    let oracle = StreamingOracle::new(run, options).expect("workers");
    let mut prover = SumCheckProver::<F>::for_batch(num_vars, batch.clone())
        .with_instance(instance)
        .with_memory_bytes(memory_bytes)
        .with_kernels(Kernels::for_tier(tier).unwrap_or_else(Kernels::detect));
    if let Some(schedule) = schedule {
        prover = prover.with_schedule(schedule);
    }
    // A budget below the least there is gets that one.
    if let Err(ProveError::Budget(error)) = prover.schedule_for(&oracle) {
        prover = prover.with_memory_bytes(error.least);
    }
    let proof = prover.prove_actual(&oracle).expect("an honest prover");
    let pending = verify(&proof, &instance, batch, Column::NAMES).expect("consistent");
    for (id, claimed) in pending.claims() {
        let plain = plain_mle::evaluate(&trace[id.index()], pending.point());
        assert_eq!(*claimed, plain, "{circumstances}");
    }
    let kernels = Kernels::for_tier(draw.tier()).unwrap_or_else(Kernels::detect);
    pending.check(&oracle, kernels).expect("true claims");
    (proof, circumstances)
}

fn draws<F: WeightField>(seed: u64) {
    let mut draw = Draw::new(seed);
    for (name, input, num_vars) in RUNS {
        let recorded = Recorded::new(name, input);
        assert_eq!(recorded.instance().num_vars, num_vars, "{name}");
        let trace = recorded.padded_trace();
        let columns: Vec<(&str, &[u32])> = Column::NAMES
            .iter()
            .zip(&trace)
            .map(|(name, values)| (*name, values.as_slice()))
            .collect();
        let batch = draw.batch(columns.len());
        let expected = dense_prover::prove::<F>(&columns, &batch, &recorded.instance());
        let expected = expected.to_bytes();
        for _ in 0..DRAWS {
            let (proof, circumstances) = drawn::<F>(&mut draw, &recorded, &trace, &batch);
            assert!(proof.to_bytes() == expected, "{name}, {circumstances}");
        }
    }
}

#[test]
fn circumstances_never_change_a_byte_over_bn254() {
    draws::<Fr>(0x7ace_1a4e_0001);
}

#[test]
fn circumstances_never_change_a_byte_over_goldilocks() {
    draws::<Goldilocks2>(0x7ace_1a4e_0002);
}
