//! Law: the proof's bytes are those of the naive dense prover, whatever the schedule, the chunk size
//! and the ranges of a sweep; and an honest proof is accepted.

#[path = "support/dense_prover.rs"]
mod dense_prover;
#[path = "support/draw.rs"]
mod draw;
#[path = "support/plain_mle.rs"]
mod plain_mle;
#[path = "support/ranged_oracle.rs"]
mod ranged_oracle;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use ark_bn254::Fr;
use draw::Draw;
use ranged_oracle::RangedOracle;
use tracelane::oracle::{DenseOracle, OracleError, PolynomialOracle};
use tracelane::sumcheck::{
    Batch, LinearForm, Product, Proof, ProveError, PublicInstance, RowWeight, Schedule, Statement,
    SumCheckProver, verify,
};
use tracelane::trace::columns::{ColumnId, ColumnSet};
use tracelane::trace::view::ChunkView;
use tracelane_kernels::{Goldilocks2, Kernels, Tier, WeightField};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Columns with small, huge and zero values, from a fixed seed.
fn columns(num_vars: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut state = seed | 1;
    let mut next = || {
        state = state
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        let value = (state >> 32) as u32;
        match state >> 29 & 7 {
            0 => 0,
            1 => u32::MAX,
            2 => value & 1,
            _ => value,
        }
    };
    (0..NAMES.len())
        .map(|_| (0..1 << num_vars).map(|_| next()).collect())
        .collect()
}

fn instance(num_vars: usize) -> PublicInstance {
    PublicInstance {
        program_digest: [1; 32],
        input_digest: [2; 32],
        output_digest: [3; 32],
        exit_code: 4,
        cycles: 5,
        num_vars: num_vars as u32,
    }
}

fn form(constant: i32, terms: &[(usize, i32)]) -> LinearForm {
    let terms = terms
        .iter()
        .map(|&(id, value)| (ColumnId::new(id), value))
        .collect();
    LinearForm { constant, terms }
}

/// One batch of every shape: 1 to 4 factors, plain and combined columns, several products of different
/// lengths, each weight, more evaluation points than needed, several statements, extra columns.
fn batches() -> Vec<Batch> {
    let id = ColumnId::new;
    let long = Product {
        coefficient: -3,
        factors: vec![
            form(7, &[(0, 1), (1, -2)]),
            form(-1, &[]),
            form(0, &[(3, 5)]),
        ],
    };
    let short = Product {
        coefficient: 1,
        factors: vec![form(0, &[(2, 1)])],
    };
    let statement = |weight, eval_points, products: &[&Product]| Statement {
        weight,
        eval_points,
        products: products.iter().map(|&product| product.clone()).collect(),
    };
    let next_form = Product {
        coefficient: 2,
        factors: vec![form(-9, &[(3, 1), (0, -4)])],
    };
    let one = [
        Statement::product(&[id(0)], false),
        Statement::product(&[id(0), id(1)], false),
        Statement::product(&[id(2), id(2)], true),
        Statement::product(&[id(0), id(1), id(3)], true),
        Statement::product(&[id(0), id(1), id(2), id(3)], true),
        statement(RowWeight::Eq, 5, &[&long, &short]),
        statement(RowWeight::One, 7, &[&short, &long]),
        Statement::next(id(1)),
        statement(RowWeight::EqPlusOne, 4, &[&short, &next_form]),
    ];
    let several = [
        vec![one[0].clone(), one[3].clone(), one[5].clone()],
        vec![one[7].clone(), one[8].clone()],
        vec![Statement::product(&[id(0)], true), Statement::next(id(1))],
        vec![
            one[8].clone(),
            one[1].clone(),
            one[2].clone(),
            one[6].clone(),
        ],
    ];
    let mut batches: Vec<Batch> = one.into_iter().map(Batch::of).collect();
    batches.extend(several.map(|statements| Batch {
        statements,
        extra: ColumnSet::EMPTY.with(id(2)),
    }));
    batches
}

/// A few ways to cut `num_vars` rounds into windows, the prover's own choice among them.
fn schedules(num_vars: usize) -> Vec<Option<Schedule>> {
    let half = Schedule {
        windows: vec![num_vars / 2; usize::from(num_vars > 1)],
    };
    let all = Schedule {
        windows: vec![1; num_vars],
    };
    let mut growing = Schedule {
        windows: vec![1, 2, 3],
    };
    while growing.streamed() > num_vars {
        growing.windows.pop();
    }
    let named = [
        Schedule::in_memory(),
        Schedule::per_round(num_vars),
        Schedule::half_split(num_vars, 3),
        half,
        all,
        growing,
    ];
    std::iter::once(None)
        .chain(named.into_iter().map(Some))
        .collect()
}

/// All that must not matter.
#[derive(Clone, Debug)]
struct Shape {
    schedule: Option<Schedule>,
    memory_bytes: Option<u64>,
    chunk_rows: usize,
    ranges: usize,
    tier: Tier,
}

fn prove<F: WeightField>(
    columns: &[(&str, &[u32])],
    batch: &Batch,
    Shape {
        schedule,
        memory_bytes,
        chunk_rows,
        ranges,
        tier,
    }: Shape,
) -> Proof<F> {
    let oracle = RangedOracle::new(columns, chunk_rows, ranges);
    let num_vars = columns[0].1.len().ilog2() as usize;
    let mut prover =
        SumCheckProver::<F>::for_batch(num_vars, batch.clone()).with_instance(instance(num_vars));
    if let Some(kernels) = Kernels::for_tier(tier) {
        prover = prover.with_kernels(kernels);
    }
    if let Some(schedule) = schedule {
        prover = prover.with_schedule(schedule);
    }
    if let Some(bytes) = memory_bytes {
        prover = prover.with_memory_bytes(bytes);
    }
    // A budget below the least there is gets that one.
    if let Err(ProveError::Budget(error)) = prover.schedule_for(&oracle) {
        prover = prover.with_memory_bytes(error.least);
    }
    let proof = prover.prove_actual(&oracle).expect("a sum");
    let pending = verify(&proof, &instance(num_vars), batch, &NAMES).expect("consistent");
    for (id, claimed) in pending.claims() {
        let plain = plain_mle::evaluate(columns[id.index()].1, pending.point());
        assert_eq!(*claimed, plain, "by plain ark-ff");
    }
    let verified = pending
        .check(&oracle, Kernels::detect())
        .expect("true claims");
    assert_eq!(verified.claimed_sums(), proof.claimed_sums);
    proof
}

fn same_as_dense<F: WeightField>(num_vars: usize, chunks: &[usize], tiers: &[Tier]) {
    let values = columns(num_vars, num_vars as u64);
    let columns: Vec<(&str, &[u32])> = NAMES
        .iter()
        .zip(&values)
        .map(|(name, values)| (*name, values.as_slice()))
        .collect();
    for batch in batches() {
        let expected = dense_prover::prove::<F>(&columns, &batch, &instance(num_vars));
        let bytes = expected.to_bytes();
        assert_eq!(Proof::from_bytes(&bytes).as_ref(), Ok(&expected));
        for (index, schedule) in schedules(num_vars).into_iter().enumerate() {
            for &chunk_rows in chunks {
                let ranges = 1 + (index + chunk_rows) % 3;
                let tier = tiers[(index + chunk_rows.ilog2() as usize) % tiers.len()];
                let shape = Shape {
                    schedule: schedule.clone(),
                    memory_bytes: None,
                    chunk_rows,
                    ranges,
                    tier,
                };
                let proof: Proof<F> = prove(&columns, &batch, shape.clone());
                assert!(proof.to_bytes() == bytes, "{shape:?} for {batch:?}");
            }
        }
    }
}

#[test]
fn every_shape_of_up_to_seven_variables_equals_the_dense_prover() {
    for num_vars in 1..=7 {
        let chunks: Vec<usize> = (0..=num_vars).map(|log2| 1 << log2).collect();
        let tiers = Tier::ALL;
        same_as_dense::<Fr>(num_vars, &chunks, &tiers);
        same_as_dense::<Goldilocks2>(num_vars, &chunks, &tiers);
    }
}

#[test]
fn longer_traces_equal_the_dense_prover() {
    for num_vars in 8..=11 {
        let chunks = [2, 64, 256, 1 << num_vars];
        same_as_dense::<Fr>(num_vars, &chunks, &[Tier::detect()]);
        same_as_dense::<Goldilocks2>(num_vars, &chunks, &[Tier::detect()]);
    }
}

#[test]
fn traces_of_12_to_14_variables_equal_the_dense_prover_over_bn254() {
    (12..=14).for_each(|num_vars| same_as_dense::<Fr>(num_vars, &[256], &[Tier::detect()]));
}

#[test]
fn traces_of_12_to_14_variables_equal_the_dense_prover_over_goldilocks() {
    (12..=14)
        .for_each(|num_vars| same_as_dense::<Goldilocks2>(num_vars, &[256], &[Tier::detect()]));
}

/// A sample of shapes at sizes where the naive prover takes its time.
fn sample<F: WeightField>(cases: &[(usize, usize)]) {
    for &(num_vars, shape) in cases {
        let values = columns(num_vars, 77);
        let columns: Vec<(&str, &[u32])> = NAMES
            .iter()
            .zip(&values)
            .map(|(name, values)| (*name, values.as_slice()))
            .collect();
        let batch = &batches()[shape];
        let expected = dense_prover::prove::<F>(&columns, batch, &instance(num_vars));
        let named = [
            Schedule::per_round(num_vars),
            Schedule::half_split(num_vars, 3),
            Schedule::in_memory(),
        ];
        let schedules = named.map(|one| (Some(one), None));
        let budgets = [None, Some(1), Some(1 << 20)].map(|bytes| (None, bytes));
        for (schedule, memory_bytes) in budgets.into_iter().chain(schedules) {
            let shape = Shape {
                schedule,
                memory_bytes,
                chunk_rows: 1 << 11,
                ranges: 3,
                tier: Tier::detect(),
            };
            let actual: Proof<F> = prove(&columns, batch, shape.clone());
            assert!(
                actual == expected,
                "{num_vars} variables, {batch:?}, {shape:?}"
            );
        }
    }
}

#[test]
fn a_sample_of_up_to_20_variables_equals_the_dense_prover() {
    sample::<Fr>(&[(15, 10), (16, 4), (17, 12), (18, 7), (20, 11)]);
    sample::<Goldilocks2>(&[(15, 11), (17, 9), (18, 3), (19, 6), (20, 2)]);
}

#[test]
fn the_simple_entry_proves_a_product_of_the_first_columns() {
    let values = columns(6, 9);
    let named = [("a", values[0].as_slice()), ("b", values[1].as_slice())];
    let oracle = RangedOracle::new(&named, 16, 2);
    let sum: Fr = values[0]
        .iter()
        .zip(&values[1])
        .map(|(&a, &b)| Fr::from(a) * Fr::from(b))
        .sum();
    let prover = SumCheckProver::new(6, 2, 3);
    let proof = prover.prove(&oracle, sum).expect("the right sum");
    let statement = Statement::product(&[ColumnId::new(0), ColumnId::new(1)], false);
    let batch = Batch::of(statement);
    let pending = verify(&proof, &proof.instance, &batch, &["a", "b"]).expect("consistent");
    assert!(pending.check(&oracle, Kernels::detect()).is_ok());
    assert!(prover.prove(&oracle, sum + Fr::from(1u64)).is_err());
}

/// Draws over schedule, budget, chunk size, ranges and tier at once, for random batches.
fn draws<F: WeightField>(seed: u64, num_vars: impl Iterator<Item = usize>) {
    let mut draw = Draw::new(seed);
    for num_vars in num_vars {
        let values = columns(num_vars, seed);
        let columns: Vec<(&str, &[u32])> = NAMES
            .iter()
            .zip(&values)
            .map(|(name, values)| (*name, values.as_slice()))
            .collect();
        for _ in 0..4 {
            let batch = draw.batch(NAMES.len());
            let expected = dense_prover::prove::<F>(&columns, &batch, &instance(num_vars));
            for _ in 0..8 {
                let shape = Shape {
                    schedule: draw.schedule(num_vars),
                    memory_bytes: Some(draw.memory_bytes()),
                    chunk_rows: 1 << draw.below(num_vars + 1),
                    ranges: 1 + draw.below(5),
                    tier: draw.tier(),
                };
                let actual: Proof<F> = prove(&columns, &batch, shape.clone());
                assert!(actual == expected, "{shape:?} for {batch:?}");
            }
        }
    }
}

#[test]
fn random_shapes_of_random_batches_equal_the_dense_prover_over_bn254() {
    draws::<Fr>(0x5eed_0001, 8..=13);
}

#[test]
fn random_shapes_of_random_batches_equal_the_dense_prover_over_goldilocks() {
    draws::<Goldilocks2>(0x5eed_0002, 8..=13);
}

#[test]
fn windows_that_no_sweep_can_serve_are_refused() {
    let values = columns(12, 3);
    let named: Vec<(&str, &[u32])> = NAMES
        .iter()
        .zip(&values)
        .map(|(name, values)| (*name, values.as_slice()))
        .collect();
    let oracle = RangedOracle::new(&named, 64, 2);
    let id = ColumnId::new;
    let grids = Statement::product(&[id(0), id(1)], true);
    let bad: [&[usize]; 8] = [
        &[0],
        &[3, 0],
        &[30],
        &[8],
        &[4, 4, 5],
        &[usize::MAX, 1],
        &[1, usize::MAX],
        &[1; 13],
    ];
    let refused = |statement: &Statement, windows: &[usize]| {
        let windows = windows.to_vec();
        let prover = SumCheckProver::<Fr>::for_statement(12, statement.clone());
        let prover = prover.with_schedule(Schedule { windows });
        assert!(matches!(
            prover.schedule_for(&oracle),
            Err(ProveError::Window { .. })
        ));
        let refused = prover.prove_actual(&oracle);
        assert!(matches!(refused, Err(ProveError::Window { .. })));
    };
    for windows in bad {
        refused(&grids, windows);
        // Without grids a sweep serves any number of rounds, but not of none.
        if windows != [8] {
            refused(&Statement::next(id(2)), windows);
        }
    }
}

/// An oracle whose columns are others from some sweep on.
struct FickleOracle<'a> {
    before: DenseOracle<'a>,
    after: DenseOracle<'a>,
    sweeps: AtomicUsize,
    faithful: usize,
}

impl PolynomialOracle for FickleOracle<'_> {
    fn num_vars(&self) -> usize {
        self.before.num_vars()
    }

    fn column_names(&self) -> &[&str] {
        self.before.column_names()
    }

    fn chunk_rows(&self) -> NonZeroUsize {
        self.before.chunk_rows()
    }

    fn sweep<A: Send>(
        &self,
        set: ColumnSet,
        align_log2: usize,
        identity: impl Fn() -> A + Sync,
        accumulate: impl Fn(&mut A, &ChunkView<'_>) + Sync,
        combine: impl Fn(A, A) -> A + Sync,
    ) -> Result<A, OracleError> {
        let number = self.sweeps.fetch_add(1, Ordering::Relaxed);
        let source = match number < self.faithful {
            true => &self.before,
            false => &self.after,
        };
        source.sweep(set, align_log2, identity, accumulate, combine)
    }

    fn evaluate_index(&self, column: ColumnId, row: u64) -> Result<u32, OracleError> {
        self.before.evaluate_index(column, row)
    }
}

#[test]
fn sweeps_that_contradict_each_other_give_no_proof() {
    let values = columns(10, 5);
    let mut others = values.clone();
    others[1][700] ^= 4;
    let named = |values: &[Vec<u32>]| {
        let columns: Vec<(&str, &[u32])> = NAMES
            .iter()
            .zip(values)
            .map(|(name, values)| (*name, values.as_slice()))
            .collect();
        DenseOracle::new(&columns, NonZeroUsize::MIN.saturating_add(63)).expect("one table")
    };
    let id = ColumnId::new;
    for eq in [false, true] {
        let batch = Batch::of(Statement::product(&[id(0), id(1)], eq));
        for (faithful, round) in [(1, 2), (2, 5), (4, usize::MAX)] {
            let oracle = FickleOracle {
                before: named(&values),
                after: named(&others),
                sweeps: AtomicUsize::new(0),
                faithful,
            };
            let windows = vec![2, 3, 2];
            let prover = SumCheckProver::<Fr>::for_batch(10, batch.clone());
            let prover = prover.with_schedule(Schedule { windows });
            match prover.prove_actual(&oracle) {
                Err(ProveError::Contradiction { round: actual }) => assert_eq!(actual, round),
                proof => {
                    // All four sweeps were of one table: a proof, which another one refutes.
                    assert_eq!(faithful, 4);
                    let proof = proof.expect("one table");
                    let pending = verify(&proof, &proof.instance, &batch, &NAMES);
                    let verdict = pending
                        .expect("consistent")
                        .check(&oracle, Kernels::detect());
                    verdict.expect_err("other columns");
                }
            }
        }
    }
}
