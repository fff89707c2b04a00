//! The columns' multilinear extensions at a point, by one sweep.
//!
//! In: an oracle, a set of columns, a point. Out: one field element a column. This is what settles
//! a verifier's claims where there is no commitment.

use tracelane_kernels::{Kernels, WeightField};

use super::fold::PrefixFold;
use super::{OracleError, PolynomialOracle};
use crate::mle::SplitEq;
use crate::trace::columns::{ColumnId, ColumnSet};
use crate::trace::view::ChunkView;

/// One worker's sums, per column: the open block's, and the total of all blocks before.
struct Sums<F> {
    open: Vec<F>,
    total: Vec<F>,
}

/// The value at `point` (variable 0 first) of each column in `set`, in registry order.
///
/// # Errors
/// What the oracle's sweep says.
///
/// # Panics
/// If the point does not have one coordinate per variable.
pub fn evaluate_columns<F: WeightField, O: PolynomialOracle>(
    oracle: &O,
    kernels: Kernels<F>,
    set: ColumnSet,
    point: &[F],
) -> Result<Vec<F>, OracleError> {
    assert_eq!(
        point.len(),
        oracle.num_vars(),
        "one coordinate per variable"
    );
    let chunk_log2 = oracle.chunk_rows().trailing_zeros() as usize;
    let prefix_log2 = point.len().div_ceil(2).max(chunk_log2);
    let (low, high) = point.split_at(prefix_log2);
    let fold = PrefixFold::new(kernels, low);
    let SplitEq { inner, outer } = SplitEq::new(high, 0);
    let columns: Vec<ColumnId> = set.iter().collect();
    let zeros = || vec![F::ZERO; columns.len()];
    let accumulate = |sums: &mut Sums<F>, view: &ChunkView<'_>| {
        for (sum, id) in sums.open.iter_mut().zip(&columns) {
            fold.fold(
                view.first_row(),
                view.column(*id),
                std::slice::from_mut(sum),
            );
        }
        let end = view.first_row() + view.rows() as u64;
        if end.trailing_zeros() as usize >= prefix_log2 {
            let block = (end - 1) as usize >> prefix_log2;
            let weight = inner[block % inner.len()] * outer[block / inner.len()];
            for (total, open) in sums.total.iter_mut().zip(&sums.open) {
                *total += weight * open;
            }
        }
    };
    let combine = |mut a: Sums<F>, b: Sums<F>| {
        a.total.iter_mut().zip(&b.total).for_each(|(a, b)| *a += b);
        a
    };
    let identity = || Sums {
        open: zeros(),
        total: zeros(),
    };
    Ok(oracle
        .sweep(set, prefix_log2, identity, accumulate, combine)?
        .total)
}
