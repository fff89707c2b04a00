//! Laws of schedules: the cheapest within the budget of all there are, an error where there is none,
//! and predictions that grow with what they are about.

use ark_bn254::Fr;
use tracelane::oracle::{OracleError, PolynomialOracle};
use tracelane::sumcheck::{
    Batch, BindingOrder, CostModel, LinearForm, Product, ProveError, RowWeight, Schedule,
    ScheduleInputs, Statement, SumCheckProver, calibrate, verify,
};
use tracelane::trace::columns::{ColumnId, ColumnSet};
use tracelane::trace::view::ChunkView;
use tracelane_kernels::{Goldilocks2, Kernels, WeightField};

#[path = "support/ranged_oracle.rs"]
mod ranged_oracle;

use ranged_oracle::RangedOracle;

fn batches() -> Vec<Batch> {
    let id = ColumnId::new;
    let product = |columns: &[usize], eq| {
        let columns: Vec<ColumnId> = columns.iter().map(|&column| id(column)).collect();
        Statement::product(&columns, eq)
    };
    let several = |statements: Vec<Statement>, extra: usize| Batch {
        statements,
        extra: ColumnSet::first(extra),
    };
    vec![
        Batch::of(product(&[0, 1], false)),
        several(vec![product(&[0, 1], true)], 15),
        several(vec![product(&[0, 1, 2, 3], true), product(&[4], false)], 0),
        several(vec![product(&[0, 1, 2], true), Statement::next(id(3))], 9),
        several(vec![Statement::next(id(3)), Statement::next(id(4))], 0),
    ]
}

/// Every way to cut some of `num_vars` rounds into windows of at most `widest`.
fn all_schedules(num_vars: usize, widest: usize) -> Vec<Schedule> {
    let mut all = vec![Schedule::in_memory()];
    let mut next = 0;
    while next < all.len() {
        let left = num_vars - all[next].streamed();
        for window in 1..=left.min(widest) {
            let mut longer = all[next].clone();
            longer.windows.push(window);
            all.push(longer);
        }
        next += 1;
    }
    all
}

fn inputs<F: WeightField>(
    batch: &Batch,
    num_vars: usize,
    budget: Option<u64>,
    chunk_rows: usize,
    workers: usize,
) -> ScheduleInputs {
    let mut prover = SumCheckProver::<F>::for_batch(num_vars, batch.clone());
    if let Some(bytes) = budget {
        prover = prover.with_memory_bytes(bytes);
    }
    prover.schedule_inputs(chunk_rows, workers)
}

fn is_the_best_of_all<F: WeightField>(num_vars: usize, chunk_rows: usize, workers: usize) {
    let costs = CostModel::committed::<F>();
    for batch in batches() {
        let grids = batch
            .statements
            .iter()
            .any(|one| one.weight != RowWeight::EqPlusOne);
        // Without grids one sweep serves any number of rounds.
        let all = all_schedules(num_vars, if grids { 7 } else { num_vars });
        let free = inputs::<F>(&batch, num_vars, None, chunk_rows, workers);
        let mut all: Vec<_> = all.iter().map(|one| free.predict(one, &costs)).collect();
        all.sort_by_key(|one| one.bytes);
        let least_bytes = all[0].bytes;
        let budgets = all
            .iter()
            .step_by(all.len().div_ceil(40))
            .map(|one| one.bytes);
        for budget in budgets.chain([least_bytes - 1, u64::MAX]) {
            let inputs = inputs::<F>(&batch, num_vars, Some(budget), chunk_rows, workers);
            let fit = all.iter().take_while(|one| one.bytes <= budget);
            let fit: Vec<_> = fit.collect();
            let least = |all: &mut dyn Iterator<Item = f64>| all.min_by(f64::total_cmp);
            let cheapest = least(&mut fit.iter().map(|one| one.seconds));
            let near = |seconds: f64| seconds <= 1.1 * cheapest.expect("some fit");
            let fewest = fit.iter().filter(|one| near(one.seconds));
            let fewest = fewest.map(|one| one.schedule.windows.len()).min();
            let of_fewest = fit
                .iter()
                .filter(|one| Some(one.schedule.windows.len()) == fewest);
            let seconds = least(&mut of_fewest.map(|one| one.seconds));
            match (Schedule::new(&inputs, &costs), seconds) {
                (Ok(chosen), Some(seconds)) => {
                    let chosen = inputs.predict(&chosen, &costs);
                    assert!(chosen.bytes <= budget, "{chosen:?} within {budget}");
                    let apart = (chosen.seconds - seconds).abs();
                    assert!(apart <= 1e-9 * seconds, "{chosen:?}, {seconds} at best");
                }
                (Err(error), None) => {
                    assert_eq!((error.budget, error.least), (budget, least_bytes));
                }
                (chosen, best) => panic!("{chosen:?} within {budget}, {best:?} expected"),
            }
        }
    }
}

#[test]
fn the_schedule_is_the_cheapest_with_the_fewest_sweeps_of_all_that_keep_to_the_budget() {
    for (num_vars, chunk_rows) in [(1, 2), (6, 4), (8, 16), (9, 1 << 9)] {
        for workers in [1, 3] {
            is_the_best_of_all::<Fr>(num_vars, chunk_rows, workers);
            is_the_best_of_all::<Goldilocks2>(num_vars, chunk_rows, workers);
        }
    }
}

#[test]
fn unless_given_the_budget_follows_the_square_root_and_holds() {
    let costs = CostModel::committed::<Fr>();
    for batch in batches() {
        let mut before = None;
        for num_vars in (20..=40).step_by(4) {
            let inputs = inputs::<Fr>(&batch, num_vars, None, 1 << 11, 2);
            let budget = inputs.budget_bytes();
            let chosen = Schedule::new(&inputs, &costs).expect("a schedule");
            assert!(inputs.predict(&chosen, &costs).bytes <= budget);
            if let Some(before) = before {
                assert!(
                    budget < 4 * before + 4096,
                    "four times the root: {before} to {budget}"
                );
            }
            before = Some(budget);
        }
    }
}

#[test]
fn predictions_grow_with_what_they_are_about() {
    let costs = CostModel::committed::<Fr>();
    let one = &batches()[0];
    let wider = Batch {
        extra: ColumnSet::first(9),
        ..one.clone()
    };
    for windows in [vec![], vec![4], vec![4, 3], vec![5, 3, 2]] {
        let schedule = Schedule { windows };
        let predict = |batch: &Batch, num_vars: usize, workers: usize| {
            let inputs = inputs::<Fr>(batch, num_vars, None, 1 << 11, workers);
            inputs.predict(&schedule, &costs)
        };
        let base = predict(one, 20, 1);
        assert!(base.regeneration_seconds > 0.0 && base.regeneration_seconds < base.seconds);
        for more in [predict(one, 21, 1), predict(&wider, 20, 1)] {
            assert!(
                more.seconds > base.seconds && more.bytes >= base.bytes,
                "{more:?}"
            );
        }
        let faster = predict(one, 20, 2);
        assert!(
            faster.seconds < base.seconds && faster.bytes > base.bytes,
            "{faster:?}"
        );
    }
}

#[test]
fn no_measured_cost_is_negative() {
    for workers in [1, 2, 5] {
        let CostModel {
            row,
            column,
            prefix_cell,
            dot_cell,
            reduce,
            grid_factor,
            block,
            integer_factor,
            integer_factor_cubic,
            plain_factor,
            plain_factor_cubic,
            integer_term,
            axpy_cell,
            bind,
            pair_factor,
            table_byte,
            weight,
            in_place,
            sweep,
            start,
            worker_gain,
        } = calibrate(Kernels::<Fr>::detect(), workers);
        let all = [
            row,
            column,
            prefix_cell,
            dot_cell,
            reduce,
            grid_factor,
            block,
            integer_factor,
            integer_factor_cubic,
            plain_factor,
            plain_factor_cubic,
            integer_term,
            axpy_cell,
            bind,
            pair_factor,
            table_byte,
            weight,
            in_place,
            sweep,
            start,
        ];
        assert!(
            all.iter().all(|cost| cost.is_finite() && *cost >= 0.0),
            "{all:?}"
        );
        assert!((0.0..=1.0).contains(&worker_gain), "{worker_gain}");
    }
}

/// An oracle that says how many workers it has.
struct Workers<'a>(RangedOracle<'a>, usize);

impl PolynomialOracle for Workers<'_> {
    fn num_vars(&self) -> usize {
        self.0.num_vars()
    }

    fn column_names(&self) -> &[&str] {
        self.0.column_names()
    }

    fn chunk_rows(&self) -> std::num::NonZeroUsize {
        self.0.chunk_rows()
    }

    fn workers(&self) -> usize {
        self.1
    }

    fn sweep<A: Send>(
        &self,
        set: ColumnSet,
        align_log2: usize,
        identity: impl Fn() -> A + Sync,
        accumulate: impl Fn(&mut A, &ChunkView<'_>) + Sync,
        combine: impl Fn(A, A) -> A + Sync,
    ) -> Result<A, OracleError> {
        self.0.sweep(set, align_log2, identity, accumulate, combine)
    }

    fn evaluate_index(&self, column: ColumnId, row: u64) -> Result<u32, OracleError> {
        self.0.evaluate_index(column, row)
    }
}

#[test]
fn a_budget_is_for_as_many_workers_as_the_oracle_has() {
    let values: Vec<u32> = (0..1 << 10)
        .map(|row: u32| row.wrapping_mul(0x9e37_79b9))
        .collect();
    let columns: [(&str, &[u32]); 2] = [("a", &values), ("b", &values)];
    let batch = &batches()[0];
    let least = |workers| {
        let inputs = inputs::<Fr>(batch, 10, Some(0), 16, workers);
        let costs = CostModel::committed::<Fr>();
        Schedule::new(&inputs, &costs)
            .expect_err("no bytes at all")
            .least
    };
    let prover = SumCheckProver::<Fr>::for_batch(10, batch.clone());
    let oracle = |workers| Workers(RangedOracle::new(&columns, 16, 2), workers);
    let free = prover.prove_actual(&oracle(1)).expect("a proof");
    let tight = prover.clone().with_memory_bytes(least(1));
    assert_eq!(tight.prove_actual(&oracle(1)).expect("a proof"), free);
    match tight.prove_actual(&oracle(4)) {
        Err(ProveError::Budget(error)) => {
            assert_eq!((error.budget, error.least), (least(1), least(4)));
        }
        other => panic!("{other:?}"),
    }
    let wide = tight.with_schedule(Schedule::in_memory());
    let refused = wide.prove_actual(&oracle(1));
    assert!(matches!(refused, Err(ProveError::Budget(_))), "{refused:?}");
}

/// Forms whose values need more than a word, or more than the integer grids have, over columns at the
/// ends of their range: one proof, whichever window reads them.
#[test]
fn forms_of_every_size_give_one_proof() {
    let ends = |period: u32| -> Vec<u32> {
        let rows = 0..1u32 << 9;
        rows.map(|row| if row % period == 0 { u32::MAX } else { row % 3 })
            .collect()
    };
    let (a, b) = (ends(2), ends(3));
    let columns: [(&str, &[u32]); 2] = [("a", &a), ("b", &b)];
    let form = |constant, coefficients: [i32; 2]| LinearForm {
        constant,
        terms: (0..2)
            .map(|one| (ColumnId::new(one), coefficients[one]))
            .collect(),
    };
    let factor_sets = [
        vec![form(0, [1, -1]), form(1, [-1, 1])],
        vec![form(i32::MIN, [63, -64]), form(0, [2, 2]), form(-1, [0, 0])],
        vec![
            form(i32::MAX, [i32::MAX, i32::MAX]),
            form(0, [i32::MIN, i32::MIN]),
        ],
        vec![form(3, [i32::MIN, 1]), LinearForm::column(ColumnId::new(1))],
    ];
    for weight in [RowWeight::One, RowWeight::Eq] {
        for factors in &factor_sets {
            let product = |factors: &[LinearForm]| Product {
                coefficient: -2,
                factors: factors.to_vec(),
            };
            let batch = Batch::of(Statement {
                weight,
                eval_points: 5,
                products: vec![product(factors), product(&factors[..1])],
            });
            let proof = |windows: &[usize], chunk_rows: usize| {
                let oracle = RangedOracle::new(&columns, chunk_rows, 3);
                let (windows_of, windows) = (windows, windows.to_vec());
                let prover = SumCheckProver::<Fr>::for_batch(9, batch.clone());
                let prover = prover.with_schedule(Schedule { windows });
                let proof = prover.prove_actual(&oracle).expect("an honest prover");
                let pending = verify(&proof, &proof.instance, &batch, oracle.column_names());
                let checked = pending.and_then(|one| one.check(&oracle, Kernels::detect()));
                assert!(
                    checked.is_ok(),
                    "{checked:?}: {weight:?} {factors:?} {windows_of:?} {chunk_rows}"
                );
                proof
            };
            let expected = proof(&[], 1 << 9);
            for windows in [&[1][..], &[2, 1], &[3, 3], &[4], &[6]] {
                for chunk_rows in [1 << 9, 1 << 6, 4] {
                    assert_eq!(
                        proof(windows, chunk_rows),
                        expected,
                        "{windows:?} {chunk_rows}"
                    );
                }
            }
        }
    }
}

#[test]
fn every_round_binds_one_variable_and_points_begin_with_variable_0() {
    let order = BindingOrder::default();
    let challenges: Vec<usize> = (100..140).collect();
    let point = order.point(&challenges);
    assert_eq!(point.len(), challenges.len());
    for (round, challenge) in challenges.iter().enumerate() {
        assert_eq!(point[order.variable(round)], *challenge);
    }
    let mut variables: Vec<usize> = (0..40).map(|round| order.variable(round)).collect();
    variables.sort_unstable();
    assert!(variables.into_iter().eq(0..40), "each variable once");
}
