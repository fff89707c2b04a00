//! The rest in memory: tables of the columns once enough variables are bound.
//!
//! In: an oracle and the challenges so far; then one challenge after the other. Out: the remaining
//! rounds' sums, and at the end each column's value at the point. All columns are materialised, not
//! only the factors, so that openings cost no further sweep.

use tracelane_kernels::{Kernels, WeightField};

use super::block::{BlockSums, Plan};
use crate::mle::SplitEq;
use crate::oracle::fold::PrefixFold;
use crate::oracle::{OracleError, PolynomialOracle};
use crate::trace::view::ChunkView;

/// One table per column, with 2^(unbound variables) values each.
pub struct Tables<F> {
    columns: Vec<Vec<F>>,
}

impl<F: WeightField> Tables<F> {
    /// Folds every column of `plan` over the bound variables: one sweep.
    pub fn materialise<O: PolynomialOracle>(
        oracle: &O,
        kernels: Kernels<F>,
        plan: &Plan<F>,
        bound: &[F],
    ) -> Result<Self, OracleError> {
        let fold = PrefixFold::new(kernels, bound);
        let identity = || Tables {
            columns: vec![Vec::new(); plan.columns.len()],
        };
        let accumulate = |tables: &mut Tables<F>, view: &ChunkView<'_>| {
            let count = fold.values(view.rows());
            let fresh = view.first_row().trailing_zeros() as usize >= fold.log2();
            for (id, table) in plan.columns.iter().zip(&mut tables.columns) {
                if fresh {
                    table.resize(table.len() + count, F::ZERO);
                }
                let start = table.len() - count;
                fold.fold(view.first_row(), view.column(*id), &mut table[start..]);
            }
        };
        // Ranges are merged in ascending order: behind each other they are the whole table.
        let combine = |mut a: Tables<F>, b: Tables<F>| {
            a.columns
                .iter_mut()
                .zip(b.columns)
                .for_each(|(a, b)| a.extend(b));
            a
        };
        oracle.sweep(plan.set, fold.log2(), identity, accumulate, combine)
    }

    /// Sums over the one-variable grid of the next round; `tau` holds the eq point's coordinates
    /// behind that variable.
    pub fn round_sums(&self, kernels: Kernels<F>, plan: &Plan<F>, tau: Option<&[F]>) -> Vec<F> {
        let eq = tau.map(|tau| SplitEq::new(tau, 0));
        let mut sums = BlockSums::new(kernels, plan, eq.as_ref(), 1);
        let pairs = self.columns.first().map_or(0, |table| table.len() / 2);
        for pair in 0..pairs {
            sums.add(pair, |slot| &self.columns[slot][2 * pair..2 * pair + 2]);
        }
        sums.finish()
    }

    /// Binds the lowest unbound variable of every column to `challenge`.
    pub fn bind(&mut self, kernels: Kernels<F>, challenge: F) {
        for table in &mut self.columns {
            kernels.bind_low(table, challenge);
            table.truncate(table.len() / 2);
        }
    }

    /// The columns' values once every variable is bound.
    pub fn openings(&self) -> Vec<F> {
        self.columns.iter().map(|table| table[0]).collect()
    }
}
