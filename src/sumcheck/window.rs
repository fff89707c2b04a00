//! A window: several rounds from one sweep.
//!
//! In: an oracle, the challenges so far, the window's width w. Out: per statement the (degree + 1)^w
//! sums from which the window's w messages follow without another look at the trace. The first window
//! works on the columns' integers where a statement allows; later ones fold the bound prefix first.
//! Sums of columns one row later ride along in the first sweep.

use tracelane_kernels::{
    GROUP_ROWS, GridColumn, Kernels, MAX_GRID_COLUMNS, ValueRange, WeightField, WeightPlanes,
    WindowGrid, grid_fits, grid_points,
};

use super::block::{BatchPlan, BlockSums, Factor, Plan};
use super::next::{NextRounds, NextSums, NextWeights};
use crate::mle::SplitEq;
use crate::oracle::fold::PrefixFold;
use crate::oracle::{OracleError, PolynomialOracle};
use crate::trace::columns::{ColumnId, ColumnSet};
use crate::trace::view::ChunkView;

/// log2 of the blocks between two reductions of unreduced sums, at least: reducing (d + 1)^w sums
/// costs as much as some hundred blocks do.
pub const INNER_LOG2_MIN: usize = 12;

/// What one sweep came to.
pub struct WindowSums<F> {
    /// Per statement on grids, its sums over the grid.
    pub grids: Vec<Vec<F>>,
    /// Per statement about the next row, its low rounds; empty unless asked for.
    pub nexts: Vec<NextRounds<F>>,
}

/// Sums over the grid of the window of `window` variables that follows the bound ones.
///
/// `tau` holds the eq point's coordinates behind the window, if rows are weighted; `next` the factors
/// of eq plus one, if this sweep serves those statements.
pub fn sweep_window<F: WeightField, O: PolynomialOracle>(
    oracle: &O,
    kernels: Kernels<F>,
    plan: &BatchPlan<F>,
    bound: &[F],
    window: usize,
    tau: Option<&[F]>,
    next: Option<&NextWeights<F>>,
) -> Result<WindowSums<F>, OracleError> {
    let rows = oracle.chunk_rows().get();
    let takes_integers = |one: &&Plan<F>| bound.is_empty() && integers_fit(one, window, rows);
    let integers: Vec<&Plan<F>> = plan.grids.iter().filter(takes_integers).collect();
    let folded: Vec<&Plan<F>> = plan
        .grids
        .iter()
        .filter(|one| !takes_integers(one))
        .collect();
    let any_eq = |plans: &[&Plan<F>]| plans.iter().any(|one| one.eq);
    let weights = BlockWeights::new(tau.filter(|_| any_eq(&integers)), rows, window);
    let tau = tau.filter(|_| any_eq(&folded));
    let columns = folded.iter().map(|one| one.columns);
    let columns = columns.fold(ColumnSet::EMPTY, ColumnSet::union);
    let fold = Fold::new(kernels, plan, columns, bound, window, tau, rows);
    let set = match next {
        Some(_) => plan.swept.union(plan.next_columns),
        None => plan.swept,
    };
    let identity = || Sums {
        integers: integers
            .iter()
            .map(|one| IntegerSums::new(one, window, rows))
            .collect(),
        folded: (!folded.is_empty()).then(|| FoldedSums::new(&fold, kernels, &folded)),
        nexts: match next {
            Some(weights) => {
                let nexts = plan.nexts.iter();
                let sums = |one| NextSums::new(kernels, one, weights, rows);
                nexts.map(sums).collect()
            }
            None => Vec::new(),
        },
    };
    let accumulate = |sums: &mut Sums<'_, F>, view: &ChunkView<'_>| {
        for (one, integers) in integers.iter().zip(&mut sums.integers) {
            integers.add(kernels, one, &plan.columns, &weights, window, view);
        }
        if let Some(folded) = &mut sums.folded {
            folded.add(&fold, view);
        }
        for one in &mut sums.nexts {
            one.add(&plan.columns, view);
        }
    };
    let align_log2 = if folded.is_empty() {
        0
    } else {
        bound.len() + window
    };
    let sums = oracle.sweep(set, align_log2, identity, accumulate, |a, b| {
        Sums::merge(a, b, &integers, &weights)
    })?;

    let totals = sums.integers.into_iter().zip(&integers);
    let mut totals = totals.map(|(sums, one)| sums.finish(one, &weights));
    let mut others = sums.folded.into_iter().flat_map(FoldedSums::finish);
    let grids = plan.grids.iter().map(|one| {
        let sums = match takes_integers(&one) {
            true => totals.next(),
            false => others.next(),
        };
        sums.expect("sums for each statement")
    });
    Ok(WindowSums {
        grids: grids.collect(),
        nexts: sums.nexts.into_iter().map(NextSums::finish).collect(),
    })
}

/// One worker's sums.
struct Sums<'a, F: WeightField> {
    integers: Vec<IntegerSums<F>>,
    folded: Option<FoldedSums<'a, F>>,
    nexts: Vec<NextSums<'a, F>>,
}

impl<'a, F: WeightField> Sums<'a, F> {
    fn merge(self, other: Self, integers: &[&Plan<F>], weights: &BlockWeights<F>) -> Self {
        let pairs = self.integers.into_iter().zip(other.integers);
        let pairs = pairs.zip(integers);
        let nexts = self.nexts.into_iter().zip(other.nexts);
        Self {
            integers: pairs
                .map(|((a, b), one)| a.merge(b, one, weights))
                .collect(),
            folded: match (self.folded, other.folded) {
                (Some(a), Some(b)) => Some(a.merge(b)),
                (a, b) => a.or(b),
            },
            nexts: nexts.map(|(a, b)| a.merge(b)).collect(),
        }
    }
}

/// What folding a window needs beside the chunks.
struct Fold<F: WeightField> {
    prefix: PrefixFold<F>,
    eq: Option<SplitEq<F>>,
    window: usize,
    /// Folded values of a column that are collected before blocks are complete.
    values: usize,
    columns: Vec<ColumnId>,
    /// For each slot its place among `columns`.
    places: Vec<usize>,
}

impl<F: WeightField> Fold<F> {
    fn new(
        kernels: Kernels<F>,
        plan: &BatchPlan<F>,
        columns: ColumnSet,
        bound: &[F],
        window: usize,
        tau: Option<&[F]>,
        chunk_rows: usize,
    ) -> Self {
        let prefix = PrefixFold::new(kernels, bound);
        let columns: Vec<ColumnId> = columns.iter().collect();
        let place = |id| {
            columns
                .iter()
                .position(|other| other == id)
                .unwrap_or(usize::MAX)
        };
        Self {
            eq: tau.map(|tau| SplitEq::new(tau, INNER_LOG2_MIN)),
            window,
            values: prefix.values(chunk_rows).max(1 << window),
            places: plan.columns.iter().map(place).collect(),
            columns,
            prefix,
        }
    }
}

/// One worker's open blocks and their sums, for the statements that are folded.
struct FoldedSums<'a, F: WeightField> {
    /// Folded values, one run per column.
    values: Vec<F>,
    sums: Vec<BlockSums<'a, F>>,
}

impl<'a, F: WeightField> FoldedSums<'a, F> {
    fn new(fold: &'a Fold<F>, kernels: Kernels<F>, plans: &[&'a Plan<F>]) -> Self {
        let sums = plans.iter().map(|one| {
            let eq = fold.eq.as_ref().filter(|_| one.eq);
            BlockSums::new(kernels, one, eq, fold.window)
        });
        Self {
            values: vec![F::ZERO; fold.values * fold.columns.len()],
            sums: sums.collect(),
        }
    }

    fn add(&mut self, fold: &Fold<F>, view: &ChunkView<'_>) {
        let (prefix, values) = (&fold.prefix, fold.values);
        let first = (view.first_row() >> prefix.log2()) as usize % values;
        let count = prefix.values(view.rows());
        let columns = self.values.chunks_exact_mut(values);
        let outs = columns.map(|column| &mut column[first..first + count]);
        prefix.fold_columns(view, &fold.columns, outs);
        let end = view.first_row() + view.rows() as u64;
        if !end.is_multiple_of((values as u64) << prefix.log2()) {
            return;
        }
        let end = (end >> prefix.log2()) as usize;
        for start in (0..values).step_by(1 << fold.window) {
            let block = (end - values + start) >> fold.window;
            for sums in &mut self.sums {
                sums.add(block, |slot| {
                    &self.values[fold.places[slot] * values + start..][..1 << fold.window]
                });
            }
        }
    }

    fn merge(self, other: Self) -> Self {
        let sums = self.sums.into_iter().zip(other.sums);
        Self {
            values: self.values,
            sums: sums.map(|(a, b)| a.merge(b)).collect(),
        }
    }

    fn finish(self) -> Vec<Vec<F>> {
        self.sums.into_iter().map(BlockSums::finish).collect()
    }
}

/// Whether the integer grids take this statement: sums that fit whatever the columns hold, and chunks
/// that hold whole groups of blocks. Products of four columns never fit.
pub fn integers_fit<F: WeightField>(plan: &Plan<F>, window: usize, chunk_rows: usize) -> bool {
    let fits = |(_, factors): &(F, Vec<Factor<F>>)| {
        let (ranges, count) = ranges(factors);
        count == factors.len() && grid_fits(window, plan.degree, &ranges[..count])
    };
    (chunk_rows >> window).is_multiple_of(GROUP_ROWS)
        && chunk_rows >> window > 0
        && plan.products.iter().all(fits)
}

/// Where the values of each factor lie, and how many of them a grid takes.
fn ranges<F: WeightField>(factors: &[Factor<F>]) -> ([ValueRange; MAX_GRID_COLUMNS], usize) {
    let mut ranges = [ValueRange::WORD; MAX_GRID_COLUMNS];
    let pairs = ranges.iter_mut().zip(factors);
    let count = pairs.map(|(range, factor)| *range = factor.range()).count();
    (ranges, count)
}

/// Weights of a chunk's blocks, for statements with eq, and the column 1.
struct BlockWeights<F: WeightField> {
    /// A chunk of the constant 1, which is an integer column like any other.
    one_rows: Vec<u32>,
    blocks: usize,
    eq: Option<(SplitEq<F>, WeightPlanes<F>)>,
}

impl<F: WeightField> BlockWeights<F> {
    fn new(tau: Option<&[F]>, chunk_rows: usize, window: usize) -> Self {
        let blocks = chunk_rows >> window;
        // A run of inner weights covers whole chunks.
        let inner_log2 = INNER_LOG2_MIN.max(blocks.max(1).ilog2() as usize);
        let with_planes = |tau: &[F]| {
            let eq = SplitEq::new(tau, inner_log2);
            let planes = WeightPlanes::from_weights(&eq.inner);
            (eq, planes)
        };
        Self {
            one_rows: vec![1; chunk_rows],
            blocks,
            eq: tau.map(with_planes),
        }
    }

    /// The weights of `plan`'s blocks; none if each weighs 1.
    fn of(&self, plan: &Plan<F>) -> Option<&(SplitEq<F>, WeightPlanes<F>)> {
        self.eq.as_ref().filter(|_| plan.eq)
    }
}

/// One worker's integer grids of a statement, one a product.
struct IntegerSums<F: WeightField> {
    grids: Vec<WindowGrid<F>>,
    /// A chunk's values of the factors that are more than a column, a place a factor.
    forms: [Vec<i64>; MAX_GRID_COLUMNS],
    /// Outer eq index the grids belong to.
    outer: usize,
    totals: Vec<F>,
}

impl<F: WeightField> IntegerSums<F> {
    fn new(plan: &Plan<F>, window: usize, chunk_rows: usize) -> Self {
        let grid = |(_, factors): &(F, Vec<Factor<F>>)| {
            let (ranges, count) = ranges(factors);
            WindowGrid::for_ranges(window, plan.degree, &ranges[..count], plan.eq)
        };
        let form = |place: usize| {
            let mut factors = plan.products.iter().map(|(_, factors)| factors.get(place));
            match factors.any(|factor| matches!(factor, Some(Factor::Form(_)))) {
                true => vec![0; chunk_rows],
                false => Vec::new(),
            }
        };
        Self {
            grids: plan.products.iter().map(grid).collect(),
            forms: std::array::from_fn(form),
            outer: 0,
            totals: vec![F::ZERO; grid_points(window, plan.degree)],
        }
    }

    fn add(
        &mut self,
        kernels: Kernels<F>,
        plan: &Plan<F>,
        columns: &[ColumnId],
        weights: &BlockWeights<F>,
        window: usize,
        view: &ChunkView<'_>,
    ) {
        let planes = weights.of(plan).map(|(eq, planes)| {
            let block = view.first_row() as usize >> window;
            (
                block / eq.inner.len(),
                planes.rows(block % eq.inner.len(), weights.blocks),
            )
        });
        let outer = planes.map_or(0, |(outer, _)| outer);
        if outer != self.outer {
            self.flush(plan, weights);
            self.outer = outer;
        }
        for (grid, (_, factors)) in self.grids.iter_mut().zip(&plan.products) {
            for (factor, form) in factors.iter().zip(&mut self.forms) {
                if let Factor::Form(terms) = factor {
                    terms.fill_integers(form, |slot| view.column(columns[slot]));
                }
            }
            let mut values = [GridColumn::Words(&[]); MAX_GRID_COLUMNS];
            for ((value, factor), form) in values.iter_mut().zip(factors).zip(&self.forms) {
                *value = match factor {
                    Factor::Slot(slot) => GridColumn::Words(view.column(columns[*slot])),
                    Factor::Form(_) => GridColumn::Signed(form),
                    Factor::One => GridColumn::Words(&weights.one_rows),
                };
            }
            let values = &values[..factors.len()];
            match planes {
                Some((_, planes)) => kernels.grid_accumulate(grid, planes, values),
                None => kernels.grid_add(grid, values),
            }
        }
    }

    fn flush(&mut self, plan: &Plan<F>, weights: &BlockWeights<F>) {
        let weight = weights
            .of(plan)
            .map_or(F::ONE, |(eq, _)| eq.outer[self.outer]);
        for (grid, (coefficient, _)) in self.grids.iter_mut().zip(&plan.products) {
            grid.drain_into(*coefficient * weight, &mut self.totals);
        }
    }

    fn merge(mut self, mut other: Self, plan: &Plan<F>, weights: &BlockWeights<F>) -> Self {
        self.flush(plan, weights);
        other.flush(plan, weights);
        let totals = self.totals.iter_mut().zip(&other.totals);
        totals.for_each(|(a, b)| *a += b);
        self
    }

    fn finish(mut self, plan: &Plan<F>, weights: &BlockWeights<F>) -> Vec<F> {
        self.flush(plan, weights);
        self.totals
    }
}
