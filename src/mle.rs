//! eq, split in two: weights of 2^m rows from two tables of about 2^(m/2).
//!
//! In: a point. Out: [`SplitEq`]. Bit j of an index pairs with coordinate j of the point.
//! Source: ePrint 2024/1210 (Dao, Thaler), section 3.

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
