//! eq and eq plus one: weights of 2^m rows, and eq split into two tables of about 2^(m/2).
//!
//! In: points. Out: [`SplitEq`], tables, values. Bit j of an index pairs with coordinate j of the
//! point. Sources: ePrint 2024/1210 (Dao, Thaler), section 3; eq plus one: ePrint 2025/611, section 5.

use tracelane_kernels::{WeightField, eq_table};

/// `eq(point, index)` as a product of a low and a high factor.
pub struct SplitEq<F> {
    /// eq of the low bits: `inner[index % inner.len()]`.
    pub inner: Vec<F>,
    /// eq of the high bits: `outer[index / inner.len()]`.
    pub outer: Vec<F>,
}

impl<F: WeightField> SplitEq<F> {
    /// The factors of `eq(point, .)`, at least `2^min(inner_log2_min, point.len())` rows inside.
    #[must_use]
    pub fn new(point: &[F], inner_log2_min: usize) -> Self {
        let inner_log2 = point.len().div_ceil(2).max(inner_log2_min).min(point.len());
        let (low, high) = point.split_at(inner_log2);
        Self {
            inner: eq_table(low),
            outer: eq_table(high),
        }
    }
}

/// `eq(a, b)` for two points of one length.
#[must_use]
pub fn eq_points<F: WeightField>(a: &[F], b: &[F]) -> F {
    assert_eq!(a.len(), b.len(), "points of one length");
    a.iter()
        .zip(b)
        .map(|(a, b)| *a * b + (F::ONE - a) * (F::ONE - b))
        .product()
}

/// `eq(a, b - 1)` as a polynomial: for bits, 1 where b is the row after a, and 0 for b = 0.
#[must_use]
pub fn eq_plus_one_points<F: WeightField>(a: &[F], b: &[F]) -> F {
    assert_eq!(a.len(), b.len(), "points of one length");
    // A carry runs through the low ones of a, which are zeros in b, and ends where a has its lowest
    // zero; behind it both agree.
    let (mut ended, mut running) = (F::ZERO, F::ONE);
    for (a, b) in a.iter().zip(b) {
        let same = *a * b + (F::ONE - a) * (F::ONE - b);
        ended = ended * same + running * (F::ONE - a) * b;
        running *= *a * (F::ONE - b);
    }
    ended
}

/// [`eq_plus_one_points`] of `point` and every row, and the product of the point's coordinates: the
/// weight of the carry that leaves the last row.
#[must_use]
pub fn eq_plus_one_table<F: WeightField>(point: &[F]) -> (Vec<F>, F) {
    let mut table = Vec::with_capacity(1 << point.len());
    table.push(F::ZERO);
    let mut carry = F::ONE;
    for coordinate in point {
        let low = table.len();
        for row in 0..low {
            let high = table[row] * coordinate;
            table[row] -= high;
            table.push(high);
        }
        table[low] += carry * (F::ONE - coordinate);
        carry *= *coordinate;
    }
    (table, carry)
}
