//! Law: a column one row later is proven by eq plus one, in sweeps that other statements share.

#[path = "support/guests.rs"]
mod guests;
#[path = "support/ranged_oracle.rs"]
mod ranged_oracle;
#[path = "support/recorded.rs"]
mod recorded;

use ark_bn254::Fr;
use ark_ff::Field;
use ranged_oracle::RangedOracle;
use recorded::Recorded;
use tracelane::oracle::{PolynomialOracle, StreamingOracle};
use tracelane::replay::{ReplayOptions, Run};
use tracelane::sumcheck::{
    Batch, LinearForm, Product, ProveError, RowWeight, Schedule, Statement, SumCheckProver,
    VerifyError, verify, verify_at,
};
use tracelane::trace::columns::{Column, ColumnId, ColumnSet};
use tracelane_kernels::{Goldilocks2, Kernels, WeightField};

fn eq<F: Field>(tau: &[F], row: usize) -> F {
    let factor = |(j, t): (usize, &F)| if row >> j & 1 == 1 { *t } else { F::ONE - t };
    tau.iter().enumerate().map(factor).product()
}

/// `sum over rows of eq(tau, row) * column(row + 1)`.
fn next_sum<F: Field>(tau: &[F], column: &[u32]) -> F {
    let rows = column[1..].iter().enumerate();
    rows.map(|(row, &value)| eq(tau, row) * F::from(value))
        .sum()
}

#[test]
fn the_next_pc_of_every_row_is_the_pc_of_the_next_one() {
    let recorded = Recorded::new("quicksort", b"40 7");
    let store = recorded.checkpoints(500);
    let trace = recorded.padded_trace();
    let (next_pc, pc) = (
        &trace[Column::NextPc.id().index()],
        &trace[Column::Pc.id().index()],
    );
    let last_real = recorded.result.cycles as usize - 1;
    let last = pc.len() - 1;
    let batch = Batch {
        statements: vec![
            Statement::product(&[Column::NextPc.id()], true),
            Statement::next(Column::Pc.id()),
        ],
        extra: ColumnSet::EMPTY,
    };
    let instance = recorded.instance();
    let num_vars = instance.num_vars as usize;
    let schedules = [
        Schedule::in_memory(),
        Schedule::per_round(num_vars),
        Schedule {
            windows: vec![4, 3],
        },
    ];
    let mut proofs = Vec::new();
    for schedule in schedules {
        let run = Run::new(&recorded.program, &store).expect("its own program");
        let options = ReplayOptions {
            chunk_rows: 64,
            ..ReplayOptions::default()
        };
        let oracle = StreamingOracle::new(run, options).expect("a worker");
        let prover = SumCheckProver::<Fr>::for_batch(num_vars, batch.clone())
            .with_instance(instance)
            .with_schedule(schedule.clone());
        let proof = prover.prove_actual(&oracle).expect("an honest prover");
        assert_eq!(
            oracle.sweeps(),
            schedule.sweeps() as u64,
            "sweeps are shared"
        );
        let pending = verify(&proof, &instance, &batch, Column::NAMES).expect("consistent");
        let tau = pending.tau().expect("weighted").to_vec();
        let &[now, next] = pending.claimed_sums() else {
            panic!("two statements have two sums")
        };
        assert_eq!(next, next_sum(&tau, pc));
        // All rows agree but the exit, behind which padding begins, and the last, behind which
        // nothing comes.
        let exit = Fr::from(next_pc[last_real]) - Fr::from(pc[last_real + 1]);
        let ends = eq(&tau, last_real) * exit + eq(&tau, last) * Fr::from(next_pc[last]);
        assert_eq!(now - next, ends);
        pending
            .check(&oracle, Kernels::detect())
            .expect("true claims");
        proofs.push(proof.to_bytes());
    }
    assert!(
        proofs.windows(2).all(|pair| pair[0] == pair[1]),
        "one proof"
    );
}

#[test]
fn claims_that_a_proof_leaves_reduce_in_two_sweeps() {
    let recorded = Recorded::new("bytecode", b"4");
    let store = recorded.checkpoints(1000);
    let trace = recorded.padded_trace();
    let run = Run::new(&recorded.program, &store).expect("its own program");
    let oracle = StreamingOracle::new(run, ReplayOptions::default()).expect("a worker");
    let instance = recorded.instance();
    let num_vars = instance.num_vars as usize;
    let batch = Batch::of(Statement::product(
        &[Column::NextPc.id(), Column::RdAfter.id()],
        false,
    ));
    let first = SumCheckProver::<Fr>::for_batch(num_vars, batch.clone()).with_instance(instance);
    let proof = first.prove_actual(&oracle).expect("an honest prover");
    let pending = verify(&proof, &instance, &batch, Column::NAMES).expect("consistent");
    let point = pending.point().to_vec();

    // What rd_after and the pc are one row after that point, in one batch.
    let columns = [Column::RdAfter, Column::Pc].map(Column::id);
    let batch = Batch {
        statements: columns.map(Statement::next).to_vec(),
        extra: ColumnSet::EMPTY,
    };
    let sums = columns.map(|id| next_sum(&point, &trace[id.index()]));
    let second = SumCheckProver::for_batch(num_vars, batch.clone())
        .with_instance(instance)
        .at_point(point.clone());
    let before = oracle.sweeps();
    let proof = second.prove_sums(&oracle, &sums).expect("the right sums");
    assert!(oracle.sweeps() - before <= 2, "at most two sweeps");
    let pending = verify_at(&proof, &instance, &batch, Column::NAMES, &point).expect("consistent");
    assert_eq!(pending.tau(), Some(point.as_slice()));
    pending
        .check(&oracle, Kernels::detect())
        .expect("true claims");

    let wrong = [sums[0] + Fr::ONE, sums[1] - Fr::ONE];
    let refused = second.prove_sums(&oracle, &wrong);
    assert!(matches!(refused, Err(ProveError::ClaimedSum)));
    // Without the point, or at another, it proves nothing.
    let error = verify(&proof, &instance, &batch, Column::NAMES).expect_err("no point");
    assert!(matches!(error, VerifyError::FinalSum), "{error}");
    for coordinate in 0..num_vars {
        let mut other = point.clone();
        other[coordinate] += Fr::ONE;
        let error =
            verify_at(&proof, &instance, &batch, Column::NAMES, &other).expect_err("another");
        assert!(matches!(error, VerifyError::FinalSum), "{error}");
    }
    let error =
        verify_at(&proof, &instance, &batch, Column::NAMES, &point[1..]).expect_err("short");
    assert!(matches!(error, VerifyError::Length { .. }), "{error}");
    let short = second.at_point(point[1..].to_vec()).prove_actual(&oracle);
    assert!(matches!(short, Err(ProveError::NumVars { .. })));
}

/// At corners of the cube eq's coordinates have no inverse, and eq plus one is a single row.
fn corners<F: WeightField>() {
    let num_vars = 6;
    let columns: Vec<Vec<u32>> = (1..4u32)
        .map(|k| {
            (0..64u32)
                .map(|row| row.wrapping_mul(0x9e37_79b9_u32.wrapping_mul(k)))
                .collect()
        })
        .collect();
    let names = ["a", "b", "c"];
    let named: Vec<(&str, &[u32])> = names
        .into_iter()
        .zip(columns.iter().map(Vec::as_slice))
        .collect();
    let id = ColumnId::new;
    let batch = Batch {
        statements: vec![
            Statement::product(&[id(0), id(1)], true),
            Statement::next(id(2)),
            Statement::product(&[id(0), id(1), id(2)], true),
        ],
        extra: ColumnSet::EMPTY,
    };
    for row in [0, 1, 21, 62, 63] {
        for unusual in [None, Some(0), Some(5)] {
            let bit = |j: usize| if row >> j & 1 == 1 { F::ONE } else { F::ZERO };
            let mut tau: Vec<F> = (0..num_vars).map(bit).collect();
            if let Some(j) = unusual {
                tau[j] = F::from(12345u64);
            }
            let prover = SumCheckProver::<F>::for_batch(num_vars, batch.clone());
            let prover = prover.at_point(tau.clone());
            let mut proofs = Vec::new();
            for windows in [vec![], vec![1], vec![1; 6], vec![2, 1], vec![3, 3]] {
                let oracle = RangedOracle::new(&named, 8, 2);
                let prover = prover.clone().with_schedule(Schedule { windows });
                let proof = prover.prove_actual(&oracle).expect("an honest prover");
                let pending = verify_at(&proof, &proof.instance, &batch, &names, &tau);
                let pending = pending.expect("consistent");
                assert_eq!(pending.claimed_sums()[1], next_sum(&tau, &columns[2]));
                pending
                    .check(&oracle, Kernels::detect())
                    .expect("true claims");
                proofs.push(proof.to_bytes());
            }
            assert!(
                proofs.windows(2).all(|pair| pair[0] == pair[1]),
                "row {row}"
            );
        }
    }
}

#[test]
fn corners_of_the_cube_divide_by_nothing() {
    corners::<Fr>();
    corners::<Goldilocks2>();
}

#[test]
fn products_at_the_next_row_are_refused() {
    let factor = LinearForm::column(ColumnId::new(0));
    let statement = Statement {
        weight: RowWeight::EqPlusOne,
        eval_points: 4,
        products: vec![Product {
            coefficient: 1,
            factors: vec![factor.clone(), factor],
        }],
    };
    let column = [1u32; 8];
    let oracle = RangedOracle::new(&[("a", &column)], 8, 1);
    let prover = SumCheckProver::<Fr>::for_statement(oracle.num_vars(), statement);
    let error = prover.prove_actual(&oracle).expect_err("no linear form");
    assert!(matches!(error, ProveError::Statement(_)), "{error}");
}
