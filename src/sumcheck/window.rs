//! A window: several rounds from one sweep.
//!
//! In: an oracle, the challenges so far, the window's width w. Out: per statement the (degree + 1)^w
//! sums from which the window's w messages follow without another look at the trace. The first window
//! works on the columns' integers where a statement allows; later ones fold the bound prefix first.
//! Sums of columns one row later ride along in the first sweep.

use tracelane_kernels::{
    GROUP_ROWS, Kernels, MAX_GRID_COLUMNS, MAX_WINDOW, WeightField, WeightPlanes, WindowGrid,
    grid_points, value_bits,
};

use super::block::{BatchPlan, BlockSums, Factor, Plan};
use super::next::{NextRounds, NextSums, NextWeights};
use crate::mle::SplitEq;
use crate::oracle::fold::PrefixFold;
use crate::oracle::{OracleError, PolynomialOracle};
use crate::trace::columns::ColumnId;
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
    let weights = BlockWeights::new(tau.filter(|_| !integers.is_empty()), rows, window);
    let tau = tau.filter(|_| !folded.is_empty());
    let fold = Fold::new(kernels, plan, bound, window, tau, rows);
    let set = match next {
        Some(_) => plan.swept.union(plan.next_columns),
        None => plan.swept,
    };
    let identity = || Sums {
        integers: integers
            .iter()
            .map(|one| IntegerSums::new(one, window))
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
        bound: &[F],
        window: usize,
        tau: Option<&[F]>,
        chunk_rows: usize,
    ) -> Self {
        let prefix = PrefixFold::new(kernels, bound);
        let columns: Vec<ColumnId> = plan.swept.iter().collect();
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
        for (id, column) in fold
            .columns
            .iter()
            .zip(self.values.chunks_exact_mut(values))
        {
            let out = &mut column[first..first + count];
            prefix.fold(view.first_row(), view.column(*id), out);
        }
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

/// Whether the integer grids take this statement: plain columns and ones, sums that fit, and chunks that hold
/// whole groups of blocks.
pub fn integers_fit<F: WeightField>(plan: &Plan<F>, window: usize, chunk_rows: usize) -> bool {
    let plain = || {
        let mut factors = plan.products.iter().flat_map(|(_, factors)| factors);
        factors.all(|factor| !matches!(factor, Factor::Form(..)))
    };
    (2..=MAX_GRID_COLUMNS).contains(&plan.degree)
        && window <= MAX_WINDOW
        && plan.degree as u32 * value_bits(window, plan.degree) <= 126
        && (chunk_rows >> window).is_multiple_of(GROUP_ROWS)
        && chunk_rows >> window > 0
        && plain()
}

/// Weights of a chunk's blocks, for statements with eq and without.
struct BlockWeights<F: WeightField> {
    /// A chunk of the constant 1, which is an integer column like any other.
    one_rows: Vec<u32>,
    blocks: usize,
    eq: Option<(SplitEq<F>, WeightPlanes<F>)>,
    ones: (SplitEq<F>, WeightPlanes<F>),
}

impl<F: WeightField> BlockWeights<F> {
    fn new(tau: Option<&[F]>, chunk_rows: usize, window: usize) -> Self {
        let blocks = chunk_rows >> window;
        let with_planes = |eq: SplitEq<F>| {
            let planes = WeightPlanes::from_weights(&eq.inner);
            (eq, planes)
        };
        // A run of inner weights covers whole chunks.
        let inner_log2 = INNER_LOG2_MIN.max(blocks.max(1).ilog2() as usize);
        let ones = SplitEq {
            inner: vec![F::ONE; blocks],
            outer: vec![F::ONE],
        };
        Self {
            one_rows: vec![1; chunk_rows],
            blocks,
            eq: tau.map(|tau| with_planes(SplitEq::new(tau, inner_log2))),
            ones: with_planes(ones),
        }
    }

    fn of(&self, plan: &Plan<F>) -> &(SplitEq<F>, WeightPlanes<F>) {
        match &self.eq {
            Some(eq) if plan.eq => eq,
            _ => &self.ones,
        }
    }
}

/// One worker's integer grids of a statement, one a product.
struct IntegerSums<F: WeightField> {
    grids: Vec<WindowGrid<F>>,
    /// Outer eq index the grids belong to.
    outer: usize,
    totals: Vec<F>,
}

impl<F: WeightField> IntegerSums<F> {
    fn new(plan: &Plan<F>, window: usize) -> Self {
        let grid = WindowGrid::new(window, plan.degree, plan.degree);
        Self {
            grids: vec![grid; plan.products.len()],
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
        let (eq, planes) = weights.of(plan);
        let block = view.first_row() as usize >> window;
        let outer = block / eq.inner.len() % eq.outer.len();
        if outer != self.outer {
            self.flush(plan, weights);
            self.outer = outer;
        }
        let planes = planes.rows(block % eq.inner.len(), weights.blocks);
        for (grid, (_, factors)) in self.grids.iter_mut().zip(&plan.products) {
            let mut values: [&[u32]; MAX_GRID_COLUMNS] = [&[]; MAX_GRID_COLUMNS];
            for (value, factor) in values.iter_mut().zip(factors) {
                *value = match factor {
                    Factor::Slot(slot) => view.column(columns[*slot]),
                    _ => &weights.one_rows,
                };
            }
            kernels.grid_accumulate(grid, planes, &values[..factors.len()]);
        }
    }

    fn flush(&mut self, plan: &Plan<F>, weights: &BlockWeights<F>) {
        let weight = weights.of(plan).0.outer[self.outer];
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
