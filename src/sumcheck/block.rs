//! One block at a time: values of the columns become sums over the grid of a window.
//!
//! In: for each column 2^w field values of a block, and the block's number. Out: for each of the
//! (degree + 1)^w grid points the eq-weighted sum of the products. It does not know where the values
//! come from: a sweep folds them, or a table holds them.

use tracelane_kernels::{Kernels, ValueRange, WeightField, grid_points};

use super::statement::{Batch, FACTOR_COUNT_MAX, LinearForm, RowWeight, Statement};
use crate::mle::SplitEq;
use crate::trace::columns::{ColumnId, ColumnSet};

/// The smallest degree whose grid has both corners, 0 and 1, among its points.
const DEGREE_MIN: usize = 2;

/// A factor, with columns replaced by their places among the statement's columns.
pub enum Factor<F> {
    /// One column as it is.
    Slot(usize),
    /// A linear form of columns.
    Form(Form<F>),
    /// The constant 1 that fills up a product of fewer factors.
    One,
}

/// A linear form of columns, over the field and over the integers.
pub struct Form<F> {
    constant: F,
    /// Places with coefficients.
    terms: Vec<(usize, F)>,
    integer_constant: i32,
    integer_terms: Vec<(usize, i32)>,
}

impl<F: WeightField> Form<F> {
    fn new(form: &LinearForm, columns: &[ColumnId]) -> Self {
        let places = form
            .terms
            .iter()
            .map(|&(id, value)| (slot(id, columns), value));
        Self {
            constant: F::from(form.constant),
            terms: terms(form, columns),
            integer_constant: form.constant,
            integer_terms: places.collect(),
        }
    }

    /// Number of columns.
    pub fn term_count(&self) -> usize {
        self.terms.len()
    }

    /// Sets `out` to the form's values; `values(slot)` are that column's.
    pub fn fill<'v>(&self, out: &mut [F], values: impl Fn(usize) -> &'v [F])
    where
        F: 'v,
    {
        out.fill(self.constant);
        for (slot, coefficient) in &self.terms {
            let sums = out.iter_mut().zip(values(*slot));
            sums.for_each(|(sum, value)| *sum += *coefficient * value);
        }
    }

    /// [`fill`](Form::fill) over the integers, for forms whose [`range`](Form::range) fits.
    pub fn fill_integers<'v>(&self, out: &mut [i64], values: impl Fn(usize) -> &'v [u32]) {
        out.fill(i64::from(self.integer_constant));
        for (slot, coefficient) in &self.integer_terms {
            let coefficient = i64::from(*coefficient);
            let sums = out.iter_mut().zip(values(*slot));
            sums.for_each(|(sum, value)| *sum += coefficient * i64::from(*value));
        }
    }

    /// Where the values lie, whatever the columns hold.
    fn range(&self) -> ValueRange {
        let mut range = ValueRange {
            negative: 0,
            positive: 0,
        };
        let largest = self
            .integer_terms
            .iter()
            .map(|(_, value)| (*value, u32::MAX.into()));
        for (coefficient, largest) in largest.chain([(self.integer_constant, 1)]) {
            let reach = u128::from(coefficient.unsigned_abs()) * largest;
            match coefficient < 0 {
                true => range.negative += reach,
                false => range.positive += reach,
            }
        }
        range
    }
}

/// A statement made ready for a field.
pub struct Plan<F> {
    /// Whether rows are weighted with eq.
    pub eq: bool,
    /// The statement's columns.
    pub columns: ColumnSet,
    /// Factors of every product; products with fewer are filled up with the constant 1, whose value
    /// at infinity is 0.
    pub degree: usize,
    /// Coefficient and factors of each product.
    pub products: Vec<(F, Vec<Factor<F>>)>,
}

/// One linear form that is weighted with eq plus one.
pub struct NextPlan<F> {
    /// The constant.
    pub constant: F,
    /// Places among the columns, with coefficients.
    pub terms: Vec<(usize, F)>,
}

/// A batch made ready for a field.
pub struct BatchPlan<F> {
    /// The columns of the statements and the extra ones.
    pub opened: ColumnSet,
    /// The same, in registry order: a slot is a place in here.
    pub columns: Vec<ColumnId>,
    /// The columns of `grids`.
    pub swept: ColumnSet,
    /// The columns of `nexts`.
    pub next_columns: ColumnSet,
    /// The statements that sweeps evaluate on grids.
    pub grids: Vec<Plan<F>>,
    /// The statements weighted with eq plus one.
    pub nexts: Vec<NextPlan<F>>,
    /// For each statement where it is.
    pub places: Vec<Place>,
}

/// Where a statement is in a [`BatchPlan`].
#[derive(Clone, Copy)]
pub enum Place {
    /// In `grids`.
    Grid(usize),
    /// In `nexts`.
    Next(usize),
}

impl<F: WeightField> BatchPlan<F> {
    /// The plan of a checked batch.
    pub fn new(batch: &Batch) -> Self {
        let opened = batch.columns();
        let mut plan = Self {
            opened,
            columns: opened.iter().collect(),
            swept: ColumnSet::EMPTY,
            next_columns: ColumnSet::EMPTY,
            grids: Vec::new(),
            nexts: Vec::new(),
            places: Vec::new(),
        };
        for statement in &batch.statements {
            if statement.weight == RowWeight::EqPlusOne {
                plan.next_columns = plan.next_columns.union(statement.columns());
                plan.places.push(Place::Next(plan.nexts.len()));
                plan.nexts.push(NextPlan::new(statement, &plan.columns));
            } else {
                plan.swept = plan.swept.union(statement.columns());
                plan.places.push(Place::Grid(plan.grids.len()));
                plan.grids.push(Plan::new(statement, &plan.columns));
            }
        }
        plan
    }
}

/// The places of a form's columns, with coefficients.
fn terms<F: WeightField>(form: &LinearForm, columns: &[ColumnId]) -> Vec<(usize, F)> {
    let terms = form.terms.iter();
    terms
        .map(|&(id, value)| (slot(id, columns), F::from(value)))
        .collect()
}

fn slot(id: ColumnId, columns: &[ColumnId]) -> usize {
    let place = columns.iter().position(|&other| other == id);
    place.expect("a column of the batch")
}

impl<F: WeightField> NextPlan<F> {
    /// The sum of the statement's products, each of which is one form.
    fn new(statement: &Statement, columns: &[ColumnId]) -> Self {
        let (mut constant, mut sum) = (F::ZERO, vec![F::ZERO; columns.len()]);
        for product in &statement.products {
            let coefficient = F::from(product.coefficient);
            let form = &product.factors[0];
            constant += coefficient * F::from(form.constant);
            for (slot, value) in terms::<F>(form, columns) {
                sum[slot] += coefficient * value;
            }
        }
        let terms = sum.into_iter().enumerate().filter(|(_, c)| !c.is_zero());
        let terms = terms.collect();
        Self { constant, terms }
    }
}

impl<F: WeightField> Plan<F> {
    fn new(statement: &Statement, columns: &[ColumnId]) -> Self {
        let factor = |form: &LinearForm| match form.as_column() {
            Some(id) => Factor::Slot(slot(id, columns)),
            None => Factor::Form(Form::new(form, columns)),
        };
        let degree = statement.product_degree().max(DEGREE_MIN);
        let products = statement.products.iter().map(|product| {
            let missing = degree - product.factors.len();
            let ones = (0..missing).map(|_| Factor::One);
            let factors = product.factors.iter().map(factor).chain(ones).collect();
            (F::from(product.coefficient), factors)
        });
        Self {
            eq: statement.weight == RowWeight::Eq,
            columns: statement.columns(),
            degree,
            products: products.collect(),
        }
    }
}

impl<F: WeightField> Factor<F> {
    /// Where the values lie, whatever the columns hold.
    pub fn range(&self) -> ValueRange {
        match self {
            Self::Slot(_) => ValueRange::WORD,
            Self::Form(form) => form.range(),
            Self::One => ValueRange {
                negative: 0,
                positive: 1,
            },
        }
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
                match factor {
                    Factor::Slot(_) => {}
                    Factor::One => form.fill(F::ONE),
                    Factor::Form(terms) => terms.fill(form, &values),
                }
            }
            let mut tables: [&[F]; FACTOR_COUNT_MAX] = [&[]; FACTOR_COUNT_MAX];
            let forms = self.forms.chunks_exact(self.block_values);
            for ((table, factor), form) in tables.iter_mut().zip(factors).zip(forms) {
                *table = match factor {
                    Factor::Slot(slot) => values(*slot),
                    Factor::Form(..) | Factor::One => form,
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
