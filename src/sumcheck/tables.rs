//! The rest in memory: tables of the columns once enough variables are bound.
//!
//! In: an oracle and the challenges so far; then one challenge after the other. Out: the remaining
//! rounds' sums, and at the end each column's value at the point. All opened columns are materialised,
//! not only the factors, so that openings cost no further sweep. Binding and the next round's sums
//! are one pass, tile by tile.

use std::sync::{Mutex, PoisonError};

use tracelane_kernels::{Kernels, WeightField};

use super::block::{BatchPlan, Factor, Plan};
use super::statement::FACTOR_COUNT_MAX;
use crate::mle::SplitEq;
use crate::oracle::fold::PrefixFold;
use crate::oracle::{OracleError, PolynomialOracle};
use crate::trace::view::ChunkView;

/// log2 of the pairs of a tile: two columns of BN254 stay in a first-level cache.
const TILE_PAIRS_LOG2: usize = 8;

/// One table per column, with 2^(unbound variables) values each.
pub struct Tables<F> {
    columns: Vec<Vec<F>>,
}

impl<F: WeightField> Tables<F> {
    /// Folds every opened column of `plan` over the bound variables: one sweep.
    ///
    /// Workers fold into a scratch of a chunk's values and copy what is complete: the tables lie in
    /// memory once, and nothing is merged.
    pub fn materialise<O: PolynomialOracle>(
        oracle: &O,
        kernels: Kernels<F>,
        plan: &BatchPlan<F>,
        bound: &[F],
    ) -> Result<Self, OracleError> {
        let fold = PrefixFold::new(kernels, bound);
        let rows = 1usize << (oracle.num_vars() - fold.log2());
        let columns = plan.columns.iter().map(|_| vec![F::ZERO; rows]);
        let tables = Mutex::new(Self {
            columns: columns.collect(),
        });
        let count = fold.values(oracle.chunk_rows().get());
        let identity = || vec![F::ZERO; count * plan.columns.len()];
        let accumulate = |scratch: &mut Vec<F>, view: &ChunkView<'_>| {
            fold.fold_columns(view, &plan.columns, scratch.chunks_exact_mut(count));
            let end = view.first_row() + view.rows() as u64;
            if end.is_multiple_of(1 << fold.log2()) {
                let end = (end >> fold.log2()) as usize;
                let mut tables = tables.lock().unwrap_or_else(PoisonError::into_inner);
                for (table, values) in tables.columns.iter_mut().zip(scratch.chunks_exact(count)) {
                    table[end - count..end].copy_from_slice(values);
                }
            }
        };
        oracle.sweep(plan.opened, fold.log2(), identity, accumulate, |a, _| a)?;
        Ok(tables.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The values of the column at `slot`.
    pub fn column(&self, slot: usize) -> &[F] {
        &self.columns[slot]
    }

    /// Binds the lowest unbound variable to `challenge`, if there is one, and sums each statement over
    /// the digits of the next: one pass. `before` is what is known of those sums.
    pub fn round(
        &mut self,
        kernels: Kernels<F>,
        plan: &BatchPlan<F>,
        challenge: Option<F>,
        before: &Before<'_, F>,
    ) -> Vec<Vec<F>> {
        let eq = before
            .tau
            .map(|tau| SplitEq::new(&tau[1..], TILE_PAIRS_LOG2));
        let rows = self.columns[0].len() >> usize::from(challenge.is_some());
        let mut sums: Vec<StatementSums<'_, F>> = Vec::new();
        for (index, one) in plan.grids.iter().enumerate() {
            let claim = before.claims.map(|claims| claims[index]);
            let eq = eq.as_ref().filter(|_| one.eq);
            sums.push(StatementSums::new(one, eq, claim, before));
        }
        for first in (0..rows / 2).step_by(1 << TILE_PAIRS_LOG2) {
            let pairs = (rows / 2 - first).min(1 << TILE_PAIRS_LOG2);
            if let Some(challenge) = challenge {
                for table in &mut self.columns {
                    let tile = &mut table[4 * first..4 * (first + pairs)];
                    kernels.bind_low(tile, challenge);
                    let bound = 4 * first..4 * first + 2 * pairs;
                    table.copy_within(bound, 2 * first);
                }
            }
            for one in &mut sums {
                one.add(kernels, &self.columns, first, pairs);
            }
        }
        self.columns
            .iter_mut()
            .for_each(|table| table.truncate(rows));
        sums.into_iter().map(StatementSums::finish).collect()
    }

    /// Binds the last variable: what is left is each column's value at the point.
    pub fn openings(mut self, kernels: Kernels<F>, challenge: Option<F>) -> Vec<F> {
        if let Some(challenge) = challenge {
            for table in &mut self.columns {
                kernels.bind_low(table, challenge);
            }
        }
        self.columns.iter().map(|table| table[0]).collect()
    }
}

/// What is known before a round in memory.
pub struct Before<'a, F> {
    /// eq's coordinates of the round's variable and those behind it, if rows are weighted.
    pub tau: Option<&'a [F]>,
    /// For each statement on grids what its sums come to: (1 - t) times that at 0 and t times that at
    /// 1, t being eq's coordinate, or both together without eq. Unknown before the first round.
    pub claims: Option<&'a [F]>,
}

/// A statement's sums while a round passes over the tables.
struct StatementSums<'a, F: WeightField> {
    plan: &'a Plan<F>,
    eq: Option<&'a SplitEq<F>>,
    /// What gives the sum at 1, where that is not added up: the claim, eq's coordinate and its
    /// inverse.
    recovery: Option<(F, F, F)>,
    /// Unreduced sums of each product since the outer factor of eq changed.
    open: Vec<Vec<F::Accumulator>>,
    outer: usize,
    sums: Vec<F>,
    /// Values of the factors of a tile that are no plain columns.
    forms: Vec<Vec<F>>,
}

impl<'a, F: WeightField> StatementSums<'a, F> {
    fn new(
        plan: &'a Plan<F>,
        eq: Option<&'a SplitEq<F>>,
        claim: Option<F>,
        before: &Before<'_, F>,
    ) -> Self {
        let coordinate = match (eq, before.tau) {
            (Some(_), Some(tau)) => tau[0],
            // Without eq the claim is the plain sum of both.
            _ => F::ONE,
        };
        // At coordinate 0 the value at 1 counts for nothing in the claim: it has to be added up.
        let recovery = claim.and_then(|claim| Some((claim, coordinate, coordinate.inverse()?)));
        let digits = plan.degree + 1;
        Self {
            plan,
            eq,
            recovery,
            open: vec![vec![F::Accumulator::default(); digits]; plan.products.len()],
            outer: 0,
            sums: vec![F::ZERO; digits],
            forms: vec![vec![F::ZERO; 2 << TILE_PAIRS_LOG2]; plan.degree],
        }
    }

    /// Adds `pairs` pairs of rows from pair `first` on: one tile.
    fn add(&mut self, kernels: Kernels<F>, columns: &[Vec<F>], first: usize, pairs: usize) {
        let rows = 2 * first..2 * (first + pairs);
        let mut weights: &[F] = &[];
        if let Some(eq) = self.eq {
            // A tile never crosses a run of inner weights: both are powers of two.
            let outer = first / eq.inner.len();
            if outer != self.outer {
                self.flush();
                self.outer = outer;
            }
            weights = &eq.inner[first % eq.inner.len()..][..pairs];
        }
        for ((_, factors), open) in self.plan.products.iter().zip(&mut self.open) {
            for (factor, form) in factors.iter().zip(&mut self.forms) {
                if let Factor::Form(terms) = factor {
                    terms.fill(&mut form[..2 * pairs], |slot| &columns[slot][rows.clone()]);
                }
            }
            let mut tables: [&[F]; FACTOR_COUNT_MAX] = [&[]; FACTOR_COUNT_MAX];
            let mut count = 0;
            for (factor, form) in factors.iter().zip(&self.forms) {
                tables[count] = match factor {
                    Factor::One => continue,
                    Factor::Slot(slot) => &columns[*slot][rows.clone()],
                    Factor::Form(..) => &form[..2 * pairs],
                };
                count += 1;
            }
            let skip_one = self.recovery.is_some();
            kernels.round_accumulate(&tables[..count], weights, skip_one, open);
        }
    }

    fn flush(&mut self) {
        let outer = self.eq.map_or(F::ONE, |eq| eq.outer[self.outer]);
        for ((coefficient, _), open) in self.plan.products.iter().zip(&mut self.open) {
            for (sum, open) in self.sums.iter_mut().zip(open) {
                *sum += outer * coefficient * F::reduce(open);
                *open = F::Accumulator::default();
            }
        }
    }

    fn finish(mut self) -> Vec<F> {
        self.flush();
        if let Some((claim, coordinate, inverse)) = self.recovery {
            let zero = match self.eq {
                Some(_) => (F::ONE - coordinate) * self.sums[0],
                None => self.sums[0],
            };
            self.sums[1] = (claim - zero) * inverse;
        }
        self.sums
    }
}
