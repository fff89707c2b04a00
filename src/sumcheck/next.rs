//! Columns one row later: sums weighted with eq plus one, by prefix and suffix.
//!
//! In: a point, a linear form, chunks of columns; then one challenge after the other. Out: each
//! round's three sums. eq plus one is a sum of two products of a factor of the low variables and one
//! of the high ones: the carry ends among the low ones, or leaves them. So one sweep adds up, per low
//! row and for both products, the high rows weighted with their factor (`axpy`), which serves all
//! low rounds; the tables that every statement's switch to memory makes anyway serve the others.
//! Source: ePrint 2025/611, section 5.

use tracelane_kernels::{AxpySums, Kernels, WeightField, eq_table};

use super::block::NextPlan;
use crate::mle::eq_plus_one_table;
use crate::trace::columns::ColumnId;
use crate::trace::view::ChunkView;

/// The factors of eq plus one, cut at a number of low variables.
pub struct NextWeights<F> {
    low_log2: usize,
    /// `[carry ends here, carry leaves]` of the low rows.
    low: [Vec<F>; 2],
    /// The factors of the high rows that belong to them.
    high: [Vec<F>; 2],
}

impl<F: WeightField> NextWeights<F> {
    /// The factors for `tau`, cut behind `low_log2` variables.
    pub fn new(tau: &[F], low_log2: usize) -> Self {
        let (low, high) = tau.split_at(low_log2);
        let (ends, leaves) = eq_plus_one_table(low);
        let mut carry = vec![F::ZERO; ends.len()];
        carry[0] = leaves;
        Self {
            low_log2,
            low: [ends, carry],
            high: [eq_table(high), eq_plus_one_table(high).0],
        }
    }
}

/// One worker's sums of a form over the high rows, one a low row and product.
pub struct NextSums<'a, F: WeightField> {
    kernels: Kernels<F>,
    weights: &'a NextWeights<F>,
    plan: &'a NextPlan<F>,
    /// Unreduced sums, for each run of `run_rows` low rows.
    open: [Vec<AxpySums<F>>; 2],
    run_rows: usize,
    sums: [Vec<F>; 2],
}

impl<'a, F: WeightField> NextSums<'a, F> {
    /// Sums at zero, for chunks of `chunk_rows` rows.
    pub fn new(
        kernels: Kernels<F>,
        plan: &'a NextPlan<F>,
        weights: &'a NextWeights<F>,
        chunk_rows: usize,
    ) -> Self {
        let rows = 1usize << weights.low_log2;
        let run_rows = rows.min(chunk_rows);
        let open = || vec![AxpySums::new(run_rows); rows / run_rows];
        Self {
            kernels,
            weights,
            plan,
            open: [open(), open()],
            run_rows,
            sums: [vec![F::ZERO; rows], vec![F::ZERO; rows]],
        }
    }

    /// Adds a chunk; `columns` says which column a slot is.
    pub fn add(&mut self, columns: &[ColumnId], view: &ChunkView<'_>) {
        let rows = 1u64 << self.weights.low_log2;
        for start in (0..view.rows()).step_by(self.run_rows) {
            let row = view.first_row() + start as u64;
            let run = (row % rows) as usize / self.run_rows;
            let high = (row >> self.weights.low_log2) as usize;
            for (slot, coefficient) in &self.plan.terms {
                let column = &view.column(columns[*slot])[start..start + self.run_rows];
                for half in 0..2 {
                    if self.open[half][run].is_full() {
                        self.flush(half, run);
                    }
                    let weight = self.weights.high[half][high] * coefficient;
                    self.kernels.axpy(&mut self.open[half][run], weight, column);
                }
            }
        }
    }

    fn flush(&mut self, half: usize, run: usize) {
        let out = &mut self.sums[half][run * self.run_rows..][..self.run_rows];
        self.kernels.axpy_flush(&mut self.open[half][run], out);
    }

    fn flush_all(&mut self) {
        for half in 0..2 {
            (0..self.open[half].len()).for_each(|run| self.flush(half, run));
        }
    }

    /// Takes over what another worker has added up.
    pub fn merge(mut self, mut other: Self) -> Self {
        self.flush_all();
        other.flush_all();
        for (sums, others) in self.sums.iter_mut().zip(&other.sums) {
            sums.iter_mut().zip(others).for_each(|(a, b)| *a += b);
        }
        self
    }

    /// The rounds of the low variables.
    pub fn finish(mut self) -> NextRounds<F> {
        self.flush_all();
        let sums = self.sums.into_iter().zip(&self.weights.high);
        let with_constant = sums.map(|(mut sums, high)| {
            let constant = self.plan.constant * high.iter().sum::<F>();
            sums.iter_mut().for_each(|sum| *sum += constant);
            sums
        });
        let pairs = self.weights.low.iter().cloned().zip(with_constant);
        NextRounds {
            pairs: pairs.collect(),
        }
    }
}

/// The rounds of one form: sums of products of two tables each, low variable first.
pub struct NextRounds<F> {
    pairs: Vec<(Vec<F>, Vec<F>)>,
}

impl<F: WeightField> NextRounds<F> {
    /// The rounds of the high variables: `low` is what the low rounds came to, or none if there were
    /// none; `value(slot)` are that column's values, one a high row.
    pub fn high<'v>(
        low: Option<&Self>,
        plan: &NextPlan<F>,
        weights: &NextWeights<F>,
        value: impl Fn(usize) -> &'v [F],
    ) -> Self
    where
        F: 'v,
    {
        let bound = |half: usize| low.map_or(weights.low[half][0], |low| low.pairs[half].0[0]);
        let (ends, leaves) = (bound(0), bound(1));
        let [equal, next] = &weights.high;
        let weight = equal.iter().zip(next);
        let weight = weight.map(|(equal, next)| ends * equal + leaves * next);
        let mut form = vec![plan.constant; equal.len()];
        for (slot, coefficient) in &plan.terms {
            let column = value(*slot);
            form.iter_mut()
                .zip(column)
                .for_each(|(sum, value)| *sum += *coefficient * value);
        }
        Self {
            pairs: vec![(weight.collect(), form)],
        }
    }

    /// The sums over the next variable's digits 0, 1 and infinity.
    pub fn digits(&self) -> [F; 3] {
        let mut sums = [F::Accumulator::default(); 3];
        for (a, b) in &self.pairs {
            for (a, b) in a.chunks_exact(2).zip(b.chunks_exact(2)) {
                F::accumulate(&mut sums[0], &a[0], &b[0]);
                F::accumulate(&mut sums[1], &a[1], &b[1]);
                F::accumulate(&mut sums[2], &(a[1] - a[0]), &(b[1] - b[0]));
            }
        }
        sums.map(|sum| F::reduce(&sum))
    }

    /// Binds the next variable to `challenge`.
    pub fn bind(&mut self, kernels: Kernels<F>, challenge: F) {
        for table in self.pairs.iter_mut().flat_map(|(a, b)| [a, b]) {
            kernels.bind_low(table, challenge);
            table.truncate(table.len() / 2);
        }
    }
}
