//! Law: the proof's bytes are those of the naive dense prover, whatever the schedule, the chunk size
//! and the ranges of a sweep; and an honest proof is accepted.

#[path = "support/dense_prover.rs"]
mod dense_prover;
#[path = "support/ranged_oracle.rs"]
mod ranged_oracle;

use ark_bn254::Fr;
use proptest::prelude::*;
use ranged_oracle::RangedOracle;
use tracelane::sumcheck::{
    Batch, LinearForm, Product, Proof, PublicInstance, RowWeight, Schedule, Statement,
    SumCheckProver, verify,
};
use tracelane::trace::columns::{ColumnId, ColumnSet};
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

fn prove<F: WeightField>(
    columns: &[(&str, &[u32])],
    batch: &Batch,
    schedule: Option<Schedule>,
    chunk_rows: usize,
    ranges: usize,
    tier: Tier,
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
    let proof = prover.prove_actual(&oracle).expect("a sum");
    let pending = verify(&proof, &instance(num_vars), &NAMES).expect("consistent");
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
                let shape = (&batch, &schedule, chunk_rows, ranges, tier);
                let proof: Proof<F> =
                    prove(&columns, &batch, schedule.clone(), chunk_rows, ranges, tier);
                assert!(proof.to_bytes() == bytes, "other bytes for {shape:?}");
            }
        }
    }
}

#[test]
fn every_shape_of_up_to_seven_variables_equals_the_dense_prover() {
    for num_vars in 1..=7 {
        let chunks: Vec<usize> = (0..=num_vars).map(|log2| 1 << log2).collect();
        let tiers = [Tier::Scalar, Tier::Portable, Tier::Avx2];
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
        let actual: Proof<F> = prove(&columns, batch, None, 1 << 11, 3, Tier::detect());
        assert!(actual == expected, "{num_vars} variables, shape {shape}");
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
    let pending = verify(&proof, &proof.instance, &["a", "b"]).expect("consistent");
    assert!(pending.check(&oracle, Kernels::detect()).is_ok());
    assert!(prover.prove(&oracle, sum + Fr::from(1u64)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn random_schedules_give_one_proof(
        seed in any::<u64>(),
        widths in prop::collection::vec(1usize..5, 0..4),
        chunk_log2 in 0usize..11,
        ranges in 1usize..5,
        shape in 0usize..13,
    ) {
        let num_vars = 10;
        let values = columns(num_vars, seed);
        let columns: Vec<(&str, &[u32])> =
            NAMES.iter().zip(&values).map(|(name, values)| (*name, values.as_slice())).collect();
        let mut schedule = Schedule { windows: widths };
        while schedule.streamed() > num_vars {
            schedule.windows.pop();
        }
        let batch = &batches()[shape];
        let in_memory = Some(Schedule::in_memory());
        let expected: Proof<Fr> =
            prove(&columns, batch, in_memory, 1 << num_vars, 1, Tier::detect());
        let actual: Proof<Fr> =
            prove(&columns, batch, Some(schedule), 1 << chunk_log2, ranges, Tier::detect());
        prop_assert!(actual == expected);
    }
}
