//! Dense rounds: fold a table at a challenge, evaluate the next round polynomial, or both at once.
//!
//! In: tables of `2^m` field elements, low variable first. Out: the folded table in
//! the first half of its slice, and the sums at 0 and at infinity of a product of two tables
//! weighted by eq. It knows nothing of transcripts; the third coefficient comes from the claim.
//!
//! Sketch, per pair and table: one multiplication to fold. Per pair of the product: two reduced
//! multiplications, two unreduced multiply-accumulates (BN254: 16 `mulx` each, no reduction).

use crate::field::WeightField;

/// eq over the pairs of a round as an outer product: pair `j` weighs
/// `inner[j % inner.len()] * outer[j / inner.len()]`. No weights at all count as ones.
#[derive(Clone, Copy, Debug)]
pub struct EqFactors<'a, F> {
    /// Weights of the low bits of the pair index.
    pub inner: &'a [F],
    /// Weights of the high bits.
    pub outer: &'a [F],
}

impl<'a, F: WeightField> EqFactors<'a, F> {
    /// Every pair weighs one.
    pub const fn ones() -> Self {
        Self {
            inner: &[],
            outer: &[],
        }
    }

    /// Whether there is one weight for each of `pairs`, or none at all.
    pub(crate) fn fits(&self, pairs: usize) -> bool {
        let weights = self.inner.len() * self.outer.len();
        weights == pairs || (self.inner.is_empty() && self.outer.is_empty())
    }
}

#[inline(always)]
pub(crate) fn interpolate<F: WeightField>(low: F, high: F, r: &F) -> F {
    low + r.mul_inline(&(high - low))
}

/// Table entries come in pairs; at most `pairs * 2` is read before entry `pairs` is written.
#[inline(always)]
pub(crate) fn bind<F: WeightField>(table: &mut [F], r: F) {
    assert!(
        table.len().is_multiple_of(2),
        "a table of {} entries has no pairs",
        table.len()
    );
    for j in 0..table.len() / 2 {
        table[j] = interpolate(table[2 * j], table[2 * j + 1], &r);
    }
}

/// Sums over one inner run, weighted by the outer factor and added up.
#[inline(always)]
fn weigh<F: WeightField>(
    eq: EqFactors<'_, F>,
    pairs: usize,
    mut pair: impl FnMut(usize) -> [[F; 2]; 2],
) -> [F; 2] {
    assert!(eq.fits(pairs), "one eq weight per pair, or none");
    let mut outer = [F::Accumulator::default(); 2];
    if eq.inner.is_empty() {
        for j in 0..pairs {
            let [[a0, a1], [b0, b1]] = pair(j);
            F::accumulate(&mut outer[0], &a0, &b0);
            F::accumulate(&mut outer[1], &(a1 - a0), &(b1 - b0));
        }
    }
    for (o, weight) in eq.outer.iter().enumerate() {
        let mut inner = [F::Accumulator::default(); 2];
        for (i, weight) in eq.inner.iter().enumerate() {
            let [[a0, a1], [b0, b1]] = pair(o * eq.inner.len() + i);
            F::accumulate(&mut inner[0], weight, &a0.mul_inline(&b0));
            F::accumulate(&mut inner[1], weight, &(a1 - a0).mul_inline(&(b1 - b0)));
        }
        F::accumulate(&mut outer[0], weight, &F::reduce(&inner[0]));
        F::accumulate(&mut outer[1], weight, &F::reduce(&inner[1]));
    }
    [F::reduce(&outer[0]), F::reduce(&outer[1])]
}

/// `[sum eq a b at 0, sum eq (delta a)(delta b)]` over the pairs of two tables.
#[inline(always)]
pub(crate) fn evaluate<F: WeightField>(a: &[F], b: &[F], eq: EqFactors<'_, F>) -> [F; 2] {
    assert_eq!(a.len(), b.len(), "tables of one length");
    assert!(a.len().is_multiple_of(2), "{} entries", a.len());
    weigh(
        eq,
        a.len() / 2,
        #[inline(always)]
        |j| {
            let (low, high) = (2 * j, 2 * j + 1);
            [[a[low], a[high]], [b[low], b[high]]]
        },
    )
}

/// `bind` of both tables at `r`, then `evaluate` of what they became, in one pass over memory.
#[inline(always)]
pub(crate) fn bind_evaluate<F: WeightField>(
    a: &mut [F],
    b: &mut [F],
    r: F,
    eq: EqFactors<'_, F>,
) -> [F; 2] {
    assert_eq!(a.len(), b.len(), "tables of one length");
    assert!(a.len().is_multiple_of(4), "{} entries", a.len());
    let after = a.len() / 2;
    weigh(
        eq,
        after / 2,
        #[inline(always)]
        |j| {
            let (low, high) = (2 * j, 2 * j + 1);
            let a_pair = [
                interpolate(a[2 * low], a[2 * low + 1], &r),
                interpolate(a[2 * high], a[2 * high + 1], &r),
            ];
            let b_pair = [
                interpolate(b[2 * low], b[2 * low + 1], &r),
                interpolate(b[2 * high], b[2 * high + 1], &r),
            ];
            (a[low], a[high]) = (a_pair[0], a_pair[1]);
            (b[low], b[high]) = (b_pair[0], b_pair[1]);
            [a_pair, b_pair]
        },
    )
}
