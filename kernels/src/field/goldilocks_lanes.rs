//! Goldilocks^2 by vectors of words: products with one factor for a whole table, products, and sums of
//! products.
//!
//! In: canonical Montgomery representations, a coordinate a lane. Out: the same, or sums that
//! `WideSum` takes. It knows nothing of tables and rounds.
//!
//! Write `f` for `2^32`: modulo p, `f^2 = f - 1`, `f^3 = -1`, and so `1 / 2^64 = -f`. Reductions take
//! `low + f high`.

use super::goldilocks::{Goldilocks2, P, WideSum, reduce_u128};
use crate::word_lanes::WordLanes;
use ark_ff::PrimeField;

/// Bits of the pieces that one factor of a product is cut into, so that products of them and of halves
/// of words add up without carries.
const PIECE_BITS: u32 = 22;
const PIECES: usize = 3;
const PIECE_MASK: u64 = (1 << PIECE_BITS) - 1;
pub(super) const HALF_MASK: u64 = 0xffff_ffff;

/// Steps of `Sums` between two flushes; two products of a piece and a half enter a lane each time.
pub(super) const SUM_STEPS: usize = 512;

const _: () = {
    let product = PIECE_MASK as u128 * HALF_MASK as u128;
    assert!(PIECES as u32 * PIECE_BITS >= 64);
    assert!(2 * SUM_STEPS as u128 * product < 1 << 64);
    // `Factor::fold`: three pieces of two coordinates, and half a word; `reduce` takes it.
    assert!(2 * PIECES as u128 * product + (HALF_MASK as u128) < 1 << 62);
    // `product`, and eight of them: the bias makes the high sum positive and is a multiple of p.
    assert!(BIAS_HIGH >= 8 * 2 * HALF_MASK && 8 * 2 * HALF_MASK + BIAS_HIGH < 1 << 62);
    assert!((((BIAS_HIGH as u128) << 32) + BIAS as u128).is_multiple_of(P as u128));
};
/// `2^36 f = 16 f^2 = 16 f - 16` modulo p: what is added to a high sum, and to the low one.
const BIAS_HIGH: u64 = (1 << 36) - 16;
const BIAS: u64 = 16;

/// `low + f high` modulo p, canonical; high is at most `(2^32 - 1)^2`.
///
/// With the carry moved up the value is a word and `top < 2^32` times `2^64 = 2^32 - 1`: at most
/// `2^64 - 1 + (2^32 - 1)^2 = 2p - 2`, from which one p is taken if it is not below p.
#[inline(always)]
pub(super) fn reduce<D: WordLanes>(isa: D, low: D::Words, high: D::Words) -> D::Words {
    let high = isa.add(high, isa.shr::<32>(low));
    let word = isa.join(low, high);
    let top = isa.shr::<32>(high);
    let excess = isa.sub(isa.shl::<32>(top), top);
    isa.sub_mod(word, isa.sub(isa.splat(P), excess), P)
}

#[inline(always)]
fn pieces<D: WordLanes>(isa: D, word: D::Words) -> [D::Words; PIECES] {
    [
        isa.and(word, PIECE_MASK),
        isa.and(isa.shr::<22>(word), PIECE_MASK),
        isa.shr::<44>(word),
    ]
}

/// A factor for many elements: its multiples by powers of `2^22`, in halves.
#[derive(Clone, Copy)]
pub(super) struct Factor<D: WordLanes> {
    /// By which pieces of a coordinate are multiplied for the same coordinate of the product.
    same: [[D::Words; 2]; PIECES],
    /// And for the other one.
    other: [[D::Words; 2]; PIECES],
}

impl<D: WordLanes> Factor<D> {
    #[inline(always)]
    pub(super) fn new(isa: D, r: Goldilocks2) -> Self {
        // Not Montgomery forms: the products' other factors are.
        let mut r0 = r.c0.into_bigint().0[0];
        let mut r1 = r.c1.into_bigint().0[0];
        let zero = [isa.splat(0); 2];
        let (mut same, mut other) = ([zero; PIECES], [zero; PIECES]);
        let times = |word: u64, factor: u64| reduce_u128(u128::from(word) * u128::from(factor));
        for k in 0..PIECES {
            let r1_sevenfold = times(r1, 7);
            let alternating = isa.words(
                #[inline(always)]
                |at| if at % 2 == 0 { r1_sevenfold } else { r1 },
            );
            same[k] = [isa.splat(r0), isa.splat(r0 >> 32)];
            other[k] = [alternating, isa.shr::<32>(alternating)];
            (r0, r1) = (times(r0, 1 << PIECE_BITS), times(r1, 1 << PIECE_BITS));
        }
        Self { same, other }
    }

    /// `low + r (high - low)`, elements' coordinates being neighbours.
    #[inline(always)]
    pub(super) fn fold(&self, isa: D, low: D::Words, high: D::Words) -> D::Words {
        let slopes = pieces(isa, isa.sub_mod(high, low, P));
        let mut sums = [isa.and(low, HALF_MASK), isa.shr::<32>(low)];
        for k in 0..PIECES {
            let swapped = isa.swap(slopes[k]);
            for half in 0..2 {
                let same = isa.mul(slopes[k], self.same[k][half]);
                let other = isa.mul(swapped, self.other[k][half]);
                sums[half] = isa.add(sums[half], isa.add(same, other));
            }
        }
        reduce(isa, sums[0], sums[1])
    }
}

/// The product of two words divided by `2^64`, as `low + f high`; high between `-2^33` and `2^32`.
///
/// With digits x0 to x3 of the product, base f, it is `x1 + x2 + f (x3 - x0 - x1)`.
#[inline(always)]
fn product<D: WordLanes>(isa: D, a: [D::Words; 2], b: [D::Words; 2]) -> [D::Words; 2] {
    let low = isa.mul(a[0], b[0]);
    let first = isa.add(isa.mul(a[1], b[0]), isa.shr::<32>(low));
    let second = isa.add(isa.mul(a[0], b[1]), isa.and(first, HALF_MASK));
    let carries = isa.add(isa.shr::<32>(first), isa.shr::<32>(second));
    let high = isa.add(isa.mul(a[1], b[1]), carries);
    let x1 = isa.and(second, HALF_MASK);
    [
        isa.add(x1, isa.and(high, HALF_MASK)),
        isa.sub(isa.sub(isa.shr::<32>(high), isa.and(low, HALF_MASK)), x1),
    ]
}

#[inline(always)]
fn sevenfold<D: WordLanes>(isa: D, x: D::Words) -> D::Words {
    isa.sub(isa.shl::<3>(x), x)
}

/// Products of elements whose coordinates lie in two vectors each.
#[inline(always)]
pub(super) fn mul<D: WordLanes>(isa: D, a: [D::Words; 2], b: [D::Words; 2]) -> [D::Words; 2] {
    let a0 = [a[0], isa.shr::<32>(a[0])];
    let a1 = [a[1], isa.shr::<32>(a[1])];
    let b0 = [b[0], isa.shr::<32>(b[0])];
    let b1 = [b[1], isa.shr::<32>(b[1])];
    let (bias_low, bias_high) = (isa.splat(BIAS), isa.splat(BIAS_HIGH));
    let first = {
        let (one, two) = (product(isa, a0, b0), product(isa, a1, b1));
        let low = isa.add(one[0], sevenfold(isa, two[0]));
        let high = isa.add(one[1], sevenfold(isa, two[1]));
        reduce(isa, isa.add(low, bias_low), isa.add(high, bias_high))
    };
    let second = {
        let (one, two) = (product(isa, a0, b1), product(isa, a1, b0));
        let (low, high) = (isa.add(one[0], two[0]), isa.add(one[1], two[1]));
        reduce(isa, isa.add(low, bias_low), isa.add(high, bias_high))
    };
    [first, second]
}

/// Unreduced sums of products, by lanes: of `a0 b0`, of `a1 b1` and of `a0 b1 + a1 b0`, each of
/// pieces of a and halves of b.
#[derive(Clone, Copy)]
pub(super) struct Sums<D: WordLanes>([[[D::Words; 2]; PIECES]; 3]);

impl<D: WordLanes> Sums<D> {
    #[inline(always)]
    pub(super) fn new(isa: D) -> Self {
        Self([[[isa.splat(0); 2]; PIECES]; 3])
    }

    /// Adds products of elements; at most `SUM_STEPS` times.
    #[inline(always)]
    pub(super) fn add(&mut self, isa: D, a: [D::Words; 2], b: [D::Words; 2]) {
        let (a0, a1) = (pieces(isa, a[0]), pieces(isa, a[1]));
        let b0 = [b[0], isa.shr::<32>(b[0])];
        let b1 = [b[1], isa.shr::<32>(b[1])];
        let [s00, s11, s01] = &mut self.0;
        for k in 0..PIECES {
            for half in 0..2 {
                s00[k][half] = isa.add(s00[k][half], isa.mul(a0[k], b0[half]));
                s11[k][half] = isa.add(s11[k][half], isa.mul(a1[k], b1[half]));
                s01[k][half] = isa.add(s01[k][half], isa.mul(a0[k], b1[half]));
                s01[k][half] = isa.add(s01[k][half], isa.mul(a1[k], b0[half]));
            }
        }
    }

    /// Adds the first two lanes of each block to the first accumulator, the others to the second.
    #[inline(always)]
    pub(super) fn flush(&self, isa: D, sums: &mut [[WideSum; 3]; 2]) {
        for (class, pieces) in self.0.iter().enumerate() {
            for (k, halves) in pieces.iter().enumerate() {
                for (half, lanes) in halves.iter().enumerate() {
                    let bits = PIECE_BITS * k as u32 + 32 * half as u32;
                    let lanes = isa.to_array(*lanes).map(u128::from);
                    let totals =
                        [0, 2].map(|at| lanes[at] + lanes[at + 1] + lanes[at + 4] + lanes[at + 5]);
                    sums[0][class].add_shifted(totals[0], bits);
                    sums[1][class].add_shifted(totals[1], bits);
                }
            }
        }
    }
}
