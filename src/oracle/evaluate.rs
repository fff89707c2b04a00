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
    /// Values of the blocks that a chunk holds, or the part of one block so far.
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
    // Half of the variables, whatever the chunks are: weights for all of a large chunk would be as
    // large as the chunk.
    let prefix_log2 = point.len().div_ceil(2);
    let (low, high) = point.split_at(prefix_log2);
    let fold = PrefixFold::new(kernels, low);
    let SplitEq { inner, outer } = SplitEq::new(high, 0);
    let columns: Vec<ColumnId> = set.iter().collect();
    let count = fold.values(oracle.chunk_rows().get());
    let accumulate = |sums: &mut Sums<F>, view: &ChunkView<'_>| {
        fold.fold_columns(view, &columns, sums.open.chunks_exact_mut(count));
        let end = view.first_row() + view.rows() as u64;
        let complete = end.trailing_zeros() as usize >= prefix_log2;
        let first = (view.first_row() >> prefix_log2) as usize;
        for (open, total) in sums.open.chunks_exact(count).zip(&mut sums.total) {
            let blocks = open.iter().zip(first..).filter(|_| complete);
            for (value, block) in blocks {
                let weight = inner[block % inner.len()] * outer[block / inner.len()];
                *total += weight * value;
            }
        }
    };
    let combine = |mut a: Sums<F>, b: Sums<F>| {
        a.total.iter_mut().zip(&b.total).for_each(|(a, b)| *a += b);
        a
    };
    let identity = || Sums {
        open: vec![F::ZERO; count * columns.len()],
        total: vec![F::ZERO; columns.len()],
    };
    Ok(oracle
        .sweep(set, prefix_log2, identity, accumulate, combine)?
        .total)
}
