//! A window: several rounds from one sweep.
//!
//! In: an oracle, the challenges so far, the window's width w. Out: the (degree + 1)^w sums from which
//! the window's w messages follow without another look at the trace. The first window works on the
//! columns' integers where the statement allows; later ones fold the bound prefix first.

use tracelane_kernels::{
    GROUP_ROWS, Kernels, MAX_GRID_COLUMNS, MAX_WINDOW, WeightField, WeightPlanes, WindowGrid,
    grid_points, value_bits,
};

use super::block::{BlockSums, Plan};
use crate::mle::SplitEq;
use crate::oracle::fold::PrefixFold;
use crate::oracle::{OracleError, PolynomialOracle};
use crate::trace::view::ChunkView;

/// Sums over the grid of the window of `window` variables that follows the bound ones.
///
/// `tau` holds the eq point's coordinates behind the window, if rows are weighted.
pub fn sweep_window<F: WeightField, O: PolynomialOracle>(
    oracle: &O,
    kernels: Kernels<F>,
    plan: &Plan<F>,
    bound: &[F],
    window: usize,
    tau: Option<&[F]>,
) -> Result<Vec<F>, OracleError> {
    let rows = oracle.chunk_rows().get();
    if bound.is_empty() && integers_fit(plan, window, rows) {
        return sweep_integers(oracle, kernels, plan, window, tau);
    }
    let fold = PrefixFold::new(kernels, bound);
    let eq = tau.map(|tau| SplitEq::new(tau, 0));
    let values = fold.values(rows).max(1 << window);
    let identity = || Folded {
        values: vec![F::ZERO; values * plan.columns.len()],
        sums: BlockSums::new(kernels, plan, eq.as_ref(), window),
    };
    let accumulate = |folded: &mut Folded<'_, F>, view: &ChunkView<'_>| {
        let Folded {
            values: buffer,
            sums,
        } = folded;
        let first = (view.first_row() >> fold.log2()) as usize % values;
        let count = fold.values(view.rows());
        for (id, column) in plan.columns.iter().zip(buffer.chunks_exact_mut(values)) {
            fold.fold(
                view.first_row(),
                view.column(*id),
                &mut column[first..first + count],
            );
        }
        let end = view.first_row() + view.rows() as u64;
        if end.is_multiple_of((values as u64) << fold.log2()) {
            let end = (end >> fold.log2()) as usize;
            for start in (0..values).step_by(1 << window) {
                let block = (end - values + start) >> window;
                sums.add(block, |slot| {
                    &buffer[slot * values + start..][..1 << window]
                });
            }
        }
    };
    let align_log2 = fold.log2() + window;
    let folded = oracle.sweep(plan.set, align_log2, identity, accumulate, Folded::merge)?;
    Ok(folded.sums.finish())
}

/// One worker's open block and its sums.
struct Folded<'a, F: WeightField> {
    /// Folded values, one run per column.
    values: Vec<F>,
    sums: BlockSums<'a, F>,
}

impl<F: WeightField> Folded<'_, F> {
    fn merge(self, other: Self) -> Self {
        Self {
            values: self.values,
            sums: self.sums.merge(other.sums),
        }
    }
}

/// Whether the integer grids take this statement: plain columns, sums that fit, and chunks that hold
/// whole groups of blocks.
pub fn integers_fit<F: WeightField>(plan: &Plan<F>, window: usize, chunk_rows: usize) -> bool {
    let plain = || {
        plan.products
            .iter()
            .all(|(_, factors)| Plan::plain_slots(factors).is_some())
    };
    (2..=MAX_GRID_COLUMNS).contains(&plan.degree)
        && window <= MAX_WINDOW
        && plan.degree as u32 * value_bits(window, plan.degree) <= 126
        && (chunk_rows >> window).is_multiple_of(GROUP_ROWS)
        && chunk_rows >> window > 0
        && plain()
}

/// One worker's integer grids, one a product.
struct Integers<F: WeightField> {
    grids: Vec<WindowGrid<F>>,
    /// Outer eq index the grids belong to.
    outer: usize,
    totals: Vec<F>,
}

impl<F: WeightField> Integers<F> {
    fn flush(&mut self, plan: &Plan<F>, eq: &SplitEq<F>) {
        for (grid, (coefficient, _)) in self.grids.iter_mut().zip(&plan.products) {
            grid.drain_into(*coefficient * eq.outer[self.outer], &mut self.totals);
        }
    }
}

/// [`sweep_window`] for the first window, on plain columns.
fn sweep_integers<F: WeightField, O: PolynomialOracle>(
    oracle: &O,
    kernels: Kernels<F>,
    plan: &Plan<F>,
    window: usize,
    tau: Option<&[F]>,
) -> Result<Vec<F>, OracleError> {
    let blocks = oracle.chunk_rows().get() >> window;
    let eq = match tau {
        // A run of inner weights covers whole chunks.
        Some(tau) => SplitEq::new(tau, blocks.trailing_zeros() as usize),
        None => SplitEq {
            inner: vec![F::ONE; blocks],
            outer: vec![F::ONE],
        },
    };
    let planes = WeightPlanes::from_weights(&eq.inner);
    let slots = plan
        .products
        .iter()
        .map(|(_, factors)| Plan::plain_slots(factors));
    let slots: Vec<Vec<usize>> = slots
        .map(|slots| slots.expect("checked to be plain"))
        .collect();
    let identity = || Integers {
        grids: vec![WindowGrid::new(window, plan.degree, plan.degree); plan.products.len()],
        outer: 0,
        totals: vec![F::ZERO; grid_points(window, plan.degree)],
    };
    let accumulate = |sums: &mut Integers<F>, view: &ChunkView<'_>| {
        let block = view.first_row() as usize >> window;
        let outer = block / eq.inner.len() % eq.outer.len();
        if outer != sums.outer {
            sums.flush(plan, &eq);
            sums.outer = outer;
        }
        let weights = planes.rows(block % eq.inner.len(), blocks);
        for (grid, slots) in sums.grids.iter_mut().zip(&slots) {
            let mut columns: [&[u32]; MAX_GRID_COLUMNS] = [&[]; MAX_GRID_COLUMNS];
            for (column, slot) in columns.iter_mut().zip(slots) {
                *column = view.column(plan.columns[*slot]);
            }
            kernels.grid_accumulate(grid, weights, &columns[..slots.len()]);
        }
    };
    let combine = |mut a: Integers<F>, mut b: Integers<F>| {
        a.flush(plan, &eq);
        b.flush(plan, &eq);
        a.totals
            .iter_mut()
            .zip(&b.totals)
            .for_each(|(a, b)| *a += b);
        a
    };
    let mut sums = oracle.sweep(plan.set, 0, identity, accumulate, combine)?;
    sums.flush(plan, &eq);
    Ok(sums.totals)
}
