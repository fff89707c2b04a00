//! Law: a proof over a recorded run has the bytes of the naive dense prover over its eager trace,
//! for every interval, chunk size, thread count and schedule; and it is accepted.

#[path = "support/dense_prover.rs"]
mod dense_prover;
#[path = "support/guests.rs"]
mod guests;
#[path = "support/recorded.rs"]
mod recorded;

use ark_bn254::Fr;
use rayon::ThreadPoolBuilder;
use recorded::{Recorded, SMALL};
use tracelane::oracle::{PolynomialOracle, StreamingOracle};
use tracelane::replay::{ReplayOptions, Run};
use tracelane::sumcheck::{Batch, Proof, Schedule, Statement, SumCheckProver, verify};
use tracelane::trace::columns::Column;
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
    let pending = verify(&again, &instance, oracle.column_names()).expect("an honest proof");
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
