//! The rest in memory: tables of the columns once enough variables are bound.
//!
//! In: an oracle and the challenges so far; then one challenge after the other. Out: the remaining
//! rounds' sums, and at the end each column's value at the point. All opened columns are materialised,
//! not only the factors, so that openings cost no further sweep. Binding and the next round's sums
//! are one pass, tile by tile.

use tracelane_kernels::{EqFactors, Kernels, WeightField};

use super::block::{BatchPlan, BlockSums, Factor, Plan};
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
    /// Folds every column of `plan` over the bound variables: one sweep.
    pub fn materialise<O: PolynomialOracle>(
        oracle: &O,
        kernels: Kernels<F>,
        plan: &BatchPlan<F>,
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
            for (a, b) in a.columns.iter_mut().zip(b.columns) {
                a.reserve_exact(b.len());
                a.extend(b);
            }
            a
        };
        oracle.sweep(plan.opened, fold.log2(), identity, accumulate, combine)
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
            sums.push(StatementSums::new(kernels, one, eq, claim, before));
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
enum StatementSums<'a, F: WeightField> {
    /// One product of two columns: sums at 0 and at infinity; the one at 1 follows.
    Pair {
        slots: [usize; 2],
        eq: Option<&'a SplitEq<F>>,
        /// Without eq: unreduced.
        open: [F::Accumulator; 2],
        sums: [F; 2],
        /// What the sums come to.
        claim: F,
        /// eq's coordinate and its inverse, with eq.
        coordinate: Option<(F, F)>,
        coefficient: F,
    },
    /// Anything else.
    Blocks(Box<BlockSums<'a, F>>),
}

impl<'a, F: WeightField> StatementSums<'a, F> {
    fn new(
        kernels: Kernels<F>,
        plan: &'a Plan<F>,
        eq: Option<&'a SplitEq<F>>,
        claim: Option<F>,
        before: &Before<'_, F>,
    ) -> Self {
        let blocks = || Self::Blocks(Box::new(BlockSums::new(kernels, plan, eq, 1)));
        let coordinate = match (eq, before.tau) {
            (Some(_), Some(tau)) => match tau[0].inverse() {
                Some(inverse) => Some((tau[0], inverse)),
                // Nothing follows for the value at 1: it counts for nothing in the claim.
                None => return blocks(),
            },
            _ => None,
        };
        match (plan.products.as_slice(), claim) {
            ([(coefficient, factors)], Some(claim)) => match factors.as_slice() {
                [Factor::Slot(a), Factor::Slot(b)] => Self::Pair {
                    slots: [*a, *b],
                    eq,
                    open: Default::default(),
                    sums: [F::ZERO; 2],
                    claim,
                    coordinate,
                    coefficient: *coefficient,
                },
                _ => blocks(),
            },
            _ => blocks(),
        }
    }

    /// Adds `pairs` pairs of rows from pair `first` on.
    fn add(&mut self, kernels: Kernels<F>, columns: &[Vec<F>], first: usize, pairs: usize) {
        let rows = 2 * first..2 * (first + pairs);
        match self {
            Self::Blocks(sums) => {
                for pair in first..first + pairs {
                    sums.add(pair, |slot| &columns[slot][2 * pair..2 * pair + 2]);
                }
            }
            Self::Pair {
                slots,
                eq,
                open,
                sums,
                ..
            } => {
                let [a, b] = slots.map(|slot| &columns[slot][rows.clone()]);
                let Some(eq) = eq else {
                    for (a, b) in a.chunks_exact(2).zip(b.chunks_exact(2)) {
                        F::accumulate(&mut open[0], &a[0], &b[0]);
                        F::accumulate(&mut open[1], &(a[1] - a[0]), &(b[1] - b[0]));
                    }
                    return;
                };
                // A tile never crosses a run of inner weights: both are powers of two.
                let (run, place) = (first / eq.inner.len(), first % eq.inner.len());
                let factors = EqFactors {
                    inner: &eq.inner[place..place + pairs],
                    outer: &eq.outer[run..=run],
                };
                let more = kernels.evaluate_low(a, b, factors);
                sums.iter_mut()
                    .zip(more)
                    .for_each(|(sum, more)| *sum += more);
            }
        }
    }

    fn finish(self) -> Vec<F> {
        match self {
            Self::Blocks(sums) => sums.finish(),
            Self::Pair {
                open,
                sums,
                claim,
                coordinate,
                coefficient,
                ..
            } => {
                let [zero, slope] = [0, 1].map(|k| coefficient * (sums[k] + F::reduce(&open[k])));
                let one = match coordinate {
                    Some((t, inverse)) => (claim - (F::ONE - t) * zero) * inverse,
                    None => claim - zero,
                };
                vec![zero, one, slope]
            }
        }
    }
}
