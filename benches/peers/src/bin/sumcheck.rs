//! Nanoseconds a row for one sum over 2^n rows of a product of two columns: this prover over
//! regenerated columns, and other people's over field elements that lie ready in memory.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml --bin sumcheck`. One thread, one
//! process, medians. Ours hashes a transcript and opens both columns; arkworks' hashes one too; p3's
//! rounds are given their challenges.

#[path = "../../../../tests/support/guests.rs"]
mod guests;

use std::hint::black_box;
use std::rc::Rc;
use std::time::Instant;

use ark_linear_sumcheck::ml_sumcheck::MLSumcheck;
use ark_linear_sumcheck::ml_sumcheck::data_structures::ListOfProductsOfPolynomials;
use ark_poly_04::DenseMultilinearExtension;
use guests::Guest;
use p3_field::PrimeCharacteristicRing;
use p3_field::extension::BinomialExtensionField;
use p3_multilinear_util::poly::Poly;
use p3_sumcheck::strategy::{fold_and_round_coefficients_prefix, sumcheck_coefficients_prefix};
use tracelane::Program;
use tracelane::checkpoint::MemoryStore;
use tracelane::oracle::{PolynomialOracle, StreamingOracle};
use tracelane::replay::{FastPass, ReplayOptions, Run, fast_pass};
use tracelane::sumcheck::{Schedule, Statement, SumCheckProver};
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane::vm::DiscardText;
use tracelane_kernels::{Goldilocks2, WeightField};

const CYCLES_LOG2: u32 = 20;
const RUNS: usize = 5;

type Fr04 = ark_bn254_04::Fr;
type P3 = BinomialExtensionField<p3_goldilocks::Goldilocks, 2>;

fn median_nanos(rows: usize, mut work: impl FnMut()) -> f64 {
    let mut runs: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_nanos() as f64 / rows as f64
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    runs[RUNS / 2]
}

fn ours<F: WeightField>(oracle: &StreamingOracle<'_>, eq: bool, schedule: Option<Schedule>) -> f64 {
    let columns = [Column::Rs1Value, Column::Rs2Value].map(Column::id);
    let statement = Statement::product(&columns, eq);
    let mut prover = SumCheckProver::<F>::for_statement(oracle.num_vars(), statement);
    if let Some(schedule) = schedule {
        prover = prover.with_schedule(schedule);
    }
    median_nanos(1 << oracle.num_vars(), || {
        black_box(prover.prove_actual(oracle).expect("an honest prover"));
    })
}

/// Both columns, whole: what the others need.
fn columns(oracle: &StreamingOracle<'_>) -> [Vec<u32>; 2] {
    let ids = [Column::Rs1Value, Column::Rs2Value].map(Column::id);
    let set: ColumnSet = ids.into_iter().collect();
    let whole = oracle.sweep(
        set,
        0,
        || [Vec::new(), Vec::new()],
        |whole, view| {
            for (whole, id) in whole.iter_mut().zip(ids) {
                whole.extend_from_slice(view.column(id));
            }
        },
        |mut low, high| {
            low.iter_mut()
                .zip(high)
                .for_each(|(low, high)| low.extend(high));
            low
        },
    );
    whole.expect("sound checkpoints")
}

fn arkworks(columns: &[Vec<u32>; 2], num_vars: usize, eq: bool) -> f64 {
    let polynomial = |column: &Vec<u32>| {
        let values = column.iter().map(|&value| Fr04::from(value)).collect();
        Rc::new(DenseMultilinearExtension::from_evaluations_vec(
            num_vars, values,
        ))
    };
    let mut product = ListOfProductsOfPolynomials::new(num_vars);
    let mut factors: Vec<_> = columns.iter().map(polynomial).collect();
    if eq {
        // To a prover that knows no eq it is a third factor.
        let tau: Vec<Fr04> = (1..=num_vars as u64)
            .map(|t| Fr04::from(t) * Fr04::from(t + 7))
            .collect();
        let mut weights = vec![Fr04::from(1u64)];
        for t in tau.iter().rev() {
            let split = |weight: &Fr04| [*weight * (Fr04::from(1u64) - t), *weight * t];
            weights = weights.iter().flat_map(split).collect();
        }
        let weights = DenseMultilinearExtension::from_evaluations_vec(num_vars, weights);
        factors.push(Rc::new(weights));
    }
    product.add_product(factors, Fr04::from(1u64));
    median_nanos(1 << num_vars, || {
        black_box(MLSumcheck::prove(&product).expect("a proof"));
    })
}

fn plonky3(columns: &[Vec<u32>; 2], num_vars: usize) -> f64 {
    let lift = |column: &Vec<u32>| column.iter().map(|&value| P3::from_u32(value)).collect();
    let [a, b]: [Vec<P3>; 2] = [lift(&columns[0]), lift(&columns[1])];
    let challenges: Vec<P3> = (0..num_vars as u64)
        .map(|round| P3::from_u64(round.wrapping_mul(0x9e37_79b9_7f4a_7c15)).square())
        .collect();
    let mut runs: Vec<f64> = (0..RUNS)
        .map(|_| {
            let (mut a, mut b) = (Poly::new(a.clone()), Poly::new(b.clone()));
            let start = Instant::now();
            black_box(sumcheck_coefficients_prefix(a.as_slice(), b.as_slice()));
            for challenge in &challenges[..num_vars - 1] {
                black_box(fold_and_round_coefficients_prefix(
                    &mut a, &mut b, *challenge,
                ));
            }
            start.elapsed().as_nanos() as f64 / (1u64 << num_vars) as f64
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    runs[RUNS / 2]
}

fn main() {
    let guest = Guest::named("sha256");
    let program = Program::from_elf(&guest.elf()).expect("a guest");
    let input = guest.input(CYCLES_LOG2);
    let pass = FastPass::default();
    let mut store = MemoryStore::new(pass.identity(&program, &input), &input);
    fast_pass(&program, &input, &pass, Some(&mut store), &mut DiscardText).expect("a run");
    let run = Run::new(&program, &store).expect("its own program");
    let oracle = StreamingOracle::new(run, ReplayOptions::default()).expect("a worker");
    let num_vars = oracle.num_vars();
    let columns = columns(&oracle);

    println!("sum of [eq *] rs1_value * rs2_value over sha256, 2^{num_vars} rows, ns a row\n");
    let in_memory = || Some(Schedule::in_memory());
    type Fr = ark_bn254::Fr;
    let rows = [
        (
            "BN254, eq",
            "tracelane, regenerating",
            ours::<Fr>(&oracle, true, None),
        ),
        (
            "BN254, eq",
            "tracelane, in memory",
            ours::<Fr>(&oracle, true, in_memory()),
        ),
        (
            "BN254, eq",
            "ark-linear-sumcheck 0.4",
            arkworks(&columns, num_vars, true),
        ),
        (
            "BN254",
            "tracelane, regenerating",
            ours::<Fr>(&oracle, false, None),
        ),
        (
            "BN254",
            "tracelane, in memory",
            ours::<Fr>(&oracle, false, in_memory()),
        ),
        (
            "BN254",
            "ark-linear-sumcheck 0.4",
            arkworks(&columns, num_vars, false),
        ),
        (
            "Goldilocks^2",
            "tracelane, regenerating",
            ours::<Goldilocks2>(&oracle, false, None),
        ),
        (
            "Goldilocks^2",
            "tracelane, in memory",
            ours::<Goldilocks2>(&oracle, false, in_memory()),
        ),
        (
            "Goldilocks^2",
            "p3-sumcheck 0.8",
            plonky3(&columns, num_vars),
        ),
    ];
    for (field, engine, nanos) in rows {
        let first = rows
            .iter()
            .find(|row| row.0 == field)
            .map_or(nanos, |row| row.2);
        println!("{field:14}{engine:28}{nanos:9.1}{:8.2}", nanos / first);
    }
}
