//! One block at a time: values of the columns become sums over the grid of a window.
//!
//! In: for each column 2^w field values of a block, and the block's number. Out: for each of the
//! (degree + 1)^w grid points the eq-weighted sum of the products. It does not know where the values
//! come from: a sweep folds them, or a table holds them.

use tracelane_kernels::{Kernels, WeightField, grid_points};

use super::statement::{FACTOR_COUNT_MAX, LinearForm, Statement};
use crate::mle::SplitEq;
use crate::trace::columns::{ColumnId, ColumnSet};

/// The smallest degree whose grid has both corners, 0 and 1, among its points.
const DEGREE_MIN: usize = 2;

/// A factor, with columns replaced by their places among the statement's columns.
pub enum Factor<F> {
    /// One column as it is.
    Slot(usize),
    /// Constant, and places with coefficients.
    Form(F, Vec<(usize, F)>),
}

/// A statement made ready for a field.
pub struct Plan<F> {
    /// The statement's columns.
    pub set: ColumnSet,
    /// The same, in registry order.
    pub columns: Vec<ColumnId>,
    /// Factors of every product; products with fewer are filled up with the constant 1, whose value
    /// at infinity is 0.
    pub degree: usize,
    /// Coefficient and factors of each product.
    pub products: Vec<(F, Vec<Factor<F>>)>,
}

impl<F: WeightField> Plan<F> {
    /// The plan of a checked statement.
    pub fn new(statement: &Statement) -> Self {
        let set = statement.columns();
        let columns: Vec<ColumnId> = set.iter().collect();
        let slot = |id: ColumnId| {
            columns
                .iter()
                .position(|&other| other == id)
                .expect("in the set")
        };
        let factor = |form: &LinearForm| match form.as_column() {
            Some(id) => Factor::Slot(slot(id)),
            None => {
                let terms = form.terms.iter();
                let terms = terms
                    .map(|&(id, value)| (slot(id), F::from(value)))
                    .collect();
                Factor::Form(F::from(form.constant), terms)
            }
        };
        let degree = statement.product_degree().max(DEGREE_MIN);
        let products = statement.products.iter().map(|product| {
            let missing = degree - product.factors.len();
            let ones = (0..missing).map(|_| Factor::Form(F::ONE, Vec::new()));
            let factors = product.factors.iter().map(factor).chain(ones).collect();
            (F::from(product.coefficient), factors)
        });
        let products = products.collect();
        Self {
            set,
            degree,
            products,
            columns,
        }
    }

    /// The places of a product's factors, where all of them are plain columns.
    pub fn plain_slots(factors: &[Factor<F>]) -> Option<Vec<usize>> {
        let slot = |factor: &Factor<F>| match factor {
            Factor::Slot(slot) => Some(*slot),
            Factor::Form(..) => None,
        };
        factors.iter().map(slot).collect()
    }
}

/// eq-weighted sums over the grid of one window.
pub struct BlockSums<'a, F: WeightField> {
    kernels: Kernels<F>,
    plan: &'a Plan<F>,
    eq: Option<&'a SplitEq<F>>,
    /// Unreduced sums of the blocks since the outer factor changed.
    sums: Vec<F::Accumulator>,
    /// The outer factor's index that `sums` belong to.
    outer: usize,
    totals: Vec<F>,
    reduced: Vec<F>,
    scratch: Vec<F>,
    /// Values of the factors that are no plain columns.
    forms: Vec<F>,
    block_values: usize,
}

impl<'a, F: WeightField> BlockSums<'a, F> {
    /// Sums at zero for windows of `window` variables. `eq` weighs block numbers, if rows are
    /// weighted at all.
    pub fn new(
        kernels: Kernels<F>,
        plan: &'a Plan<F>,
        eq: Option<&'a SplitEq<F>>,
        window: usize,
    ) -> Self {
        let points = grid_points(window, plan.degree);
        Self {
            kernels,
            plan,
            eq,
            sums: vec![F::Accumulator::default(); points],
            outer: 0,
            totals: vec![F::ZERO; points],
            reduced: vec![F::ZERO; points],
            scratch: vec![F::ZERO; points * plan.degree],
            forms: vec![F::ZERO; plan.degree << window],
            block_values: 1 << window,
        }
    }

    /// Adds block number `block`; `values(slot)` are the 2^w values of that column.
    pub fn add<'v>(&mut self, block: usize, values: impl Fn(usize) -> &'v [F])
    where
        F: 'v,
    {
        let weight = match self.eq {
            None => F::ONE,
            Some(eq) => {
                let outer = block / eq.inner.len();
                if outer != self.outer {
                    self.flush();
                    self.outer = outer;
                }
                eq.inner[block % eq.inner.len()]
            }
        };
        for (coefficient, factors) in &self.plan.products {
            let forms = self.forms.chunks_exact_mut(self.block_values);
            for (factor, form) in factors.iter().zip(forms) {
                if let Factor::Form(constant, terms) = factor {
                    form.fill(*constant);
                    for (slot, coefficient) in terms {
                        let column = values(*slot);
                        form.iter_mut()
                            .zip(column)
                            .for_each(|(f, v)| *f += *coefficient * v);
                    }
                }
            }
            let mut tables: [&[F]; FACTOR_COUNT_MAX] = [&[]; FACTOR_COUNT_MAX];
            let forms = self.forms.chunks_exact(self.block_values);
            for ((table, factor), form) in tables.iter_mut().zip(factors).zip(forms) {
                *table = match factor {
                    Factor::Slot(slot) => values(*slot),
                    Factor::Form(..) => form,
                };
            }
            self.kernels.field_grid_accumulate(
                weight * coefficient,
                &tables[..factors.len()],
                self.plan.degree,
                &mut self.scratch,
                &mut self.sums,
            );
        }
    }

    /// Moves the unreduced sums into the totals.
    fn flush(&mut self) {
        self.kernels.flush_reduce(&mut self.sums, &mut self.reduced);
        let weight = self.eq.map_or(F::ONE, |eq| eq.outer[self.outer]);
        for (total, sum) in self.totals.iter_mut().zip(&self.reduced) {
            *total += weight * sum;
        }
    }

    /// Takes over what another worker has added up.
    pub fn merge(mut self, mut other: Self) -> Self {
        self.flush();
        other.flush();
        self.totals
            .iter_mut()
            .zip(&other.totals)
            .for_each(|(a, b)| *a += b);
        self
    }

    /// The totals over all blocks added.
    pub fn finish(mut self) -> Vec<F> {
        self.flush();
        self.totals
    }
}
