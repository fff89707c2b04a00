//! BN254 over prefixes of two to eight rows: multiplied, added and reduced limb after limb.
//!
//! In: rows of blocks, a block a lane. Out: canonical Montgomery representations.
//!
//! A quotient comes from the rows and not from their sum: with `W = floor(w 2^54 / p)` for every weight,
//! `q = floor(sum of x W / 2^54)`. Weights and p are cut into nine limbs of 28 bits, the last one with
//! the bits above, and `sum of x w - q p` is wanted modulo `2^256`. A word is the sum of its limbs'
//! sums, shifted, and of the carry from below, and wraps; only the carry needs sums from limb to limb,
//! and floors of floors lose nothing.
//!
//! Two rows have a quotient below `2^32` too: if their weights sum to more than p, what is formed is
//! `q' p - sum of x (p - w)` with the ceiling for a quotient.
//!
//! Sketch, per vector of blocks of n rows: 11 n + 9 multiplies (9 more from four rows on), as many
//! additions, 12 additions and 19 shifts to make words of limbs, and a transpose of four words. PERF.md row K-5.

use super::MAX_LIMBS;
use super::bn254::{MU_LOW, P, sub_words, subtract_once};
use crate::prefix_short::{MAX_SHORT_ROWS, ShortFactors, block_of_lane};
use crate::word_lanes::WordLanes;
use ark_bn254::Fr;
use ark_ff::BigInt;

const SHORT_LIMBS: usize = 9;
const SHORT_LIMB_BITS: usize = 28;
/// Where the parts of the W lie among the factors, and what is added to the low parts' sum.
const W_LOW: usize = SHORT_LIMBS;
const W_HIGH: usize = SHORT_LIMBS + 1;
const W_CEILING: usize = 0;

/// Bits of a W, and of its low part.
const W_BITS: u32 = 54;
const W_LOW_BITS: u32 = 28;
/// Two W that sum to more than this are of weights whose sum is above p.
const W_LIMIT: u64 = (1 << W_BITS) + (1 << 8);

/// `2^256 - p`.
pub(super) const MINUS_P: [u64; 4] = minus(P);
/// The limbs of `-2^32 p` modulo `2^256`: for the bits of a quotient from the 32nd on.
const MINUS_P_32: [u64; SHORT_LIMBS] = limbs([
    MINUS_P[0] << 32,
    MINUS_P[1] << 32 | MINUS_P[0] >> 32,
    MINUS_P[2] << 32 | MINUS_P[1] >> 32,
    MINUS_P[3] << 32 | MINUS_P[2] >> 32,
]);

/// The bounds of `dot` from rows of largest values.
const _: () = {
    let rows = MAX_SHORT_ROWS as u128;
    let value = u32::MAX as u128;
    // Sums of both parts of W, and of a limb that has a carry: rows, both parts of a quotient, a carry.
    assert!(rows * value * ((1 << W_LOW_BITS) - 1) + (1 << W_BITS) < 1 << 64);
    assert!(rows * value * (1 << (W_BITS - W_LOW_BITS)) + (1 << 36) < 1 << 64);
    let limb = (1 << SHORT_LIMB_BITS) - 1;
    assert!((rows + 2) * value * limb + (1 << (64 - SHORT_LIMB_BITS)) < 1 << 64);
    // All that is above the last limb's own bits belongs to it, and a factor has 32.
    assert!(256 - (SHORT_LIMBS - 1) * SHORT_LIMB_BITS == 32);
    // The quotient's error: W is at most two from what it stands for.
    assert!((rows * value * 2) >> (W_BITS - 18) == 0);
    // The value lies below p (1 + 2^-17), within its four words, and the quotient's high part is small.
    assert!(rows * value < 1 << 35 && P[3] < 1 << 62);
    // Of two rows it has none. Below the limit the weights sum to less than p (1 + 2^-45); above it
    // both differences from p to less than p (1 - 2^-46), and the error does not lead to 2^32.
    assert!(W_LIMIT + 4 < (1 << W_BITS) + (1 << 9) && value >> 45 == 0);
    assert!(
        (value << 2) >> W_BITS < 1 && value >> (46 - 14) == 0 && (value << 2) >> (W_BITS - 15) == 0
    );
};

const fn minus(words: [u64; 4]) -> [u64; 4] {
    sub_words([0; 4], words).0
}

#[inline(always)]
const fn limbs(words: [u64; 4]) -> [u64; SHORT_LIMBS] {
    let mut limbs = [0; SHORT_LIMBS];
    let mut k = 0;
    while k < SHORT_LIMBS {
        let (word, shift) = (SHORT_LIMB_BITS * k / 64, SHORT_LIMB_BITS * k % 64);
        let mut bits = words[word] >> shift;
        if shift > 64 - SHORT_LIMB_BITS {
            bits |= words[word + 1] << (64 - shift);
        }
        if k < SHORT_LIMBS - 1 {
            bits &= (1 << SHORT_LIMB_BITS) - 1;
        }
        limbs[k] = bits;
        k += 1;
    }
    limbs
}

/// The words of a weight.
#[inline(always)]
pub(super) fn words(limbs: &[u32; MAX_LIMBS]) -> [u64; 4] {
    let mut words = [0; 4];
    for (k, limb) in limbs.iter().enumerate() {
        let (word, shift) = (26 * k / 64, 26 * k % 64);
        words[word] |= u64::from(*limb) << shift;
        if shift > 64 - 26 && word < 3 {
            words[word + 1] |= u64::from(*limb) >> (64 - shift);
        }
    }
    words
}

/// `floor(w 2^64 / p)`, or a few less.
#[inline(always)]
pub(super) fn full_quotient_weight(words: &[u64; 4]) -> u64 {
    // The weight from bit 190 on; `2^64 + MU_LOW = floor(2^318 / p)`. Each floor costs a unit or two.
    let top = words[3] << 2 | words[2] >> 62;
    top + ((u128::from(top) * u128::from(MU_LOW)) >> 64) as u64
}

/// `floor(w 2^54 / p)`, or one or two less.
#[inline(always)]
fn quotient_weight(words: &[u64; 4]) -> u64 {
    full_quotient_weight(words) >> (64 - W_BITS)
}

/// See `WeightField::short_factors`.
#[inline(always)]
pub(super) fn factors<const ROWS: usize>(
    weights: &[[u32; MAX_LIMBS]; ROWS],
) -> ShortFactors<u64, ROWS> {
    let mut factors = ShortFactors::ZERO;
    let weights = weights.map(|limbs| words(&limbs));
    let quotient_weights = weights.map(|words| quotient_weight(&words));
    let negative = ROWS == 2 && quotient_weights.iter().sum::<u64>() > W_LIMIT;
    for row in 0..ROWS {
        let (mut weight, mut w) = (weights[row], quotient_weights[row]);
        if negative {
            (weight, w) = (sub_words(weight, P).0, (1 << W_BITS) - w);
        }
        for (k, limb) in limbs(weight).into_iter().enumerate() {
            factors.rows[k][row] = limb;
        }
        factors.rows[W_LOW][row] = w & ((1 << W_LOW_BITS) - 1);
        factors.rows[W_HIGH][row] = w >> W_LOW_BITS;
    }
    let modulus = limbs(if negative { P } else { MINUS_P });
    factors.quotient[..SHORT_LIMBS].copy_from_slice(&modulus);
    factors.words[W_CEILING] = if negative { (1 << W_BITS) - 1 } else { 0 };
    factors
}

/// The products of all rows with their factors.
#[inline(always)]
fn sum_rows<D: WordLanes, const ROWS: usize>(
    isa: D,
    factors: &[D::Words; ROWS],
    rows: &[D::Words; ROWS],
) -> D::Words {
    let mut sum = isa.mul(rows[0], factors[0]);
    for row in 1..ROWS {
        sum = isa.add(sum, isa.mul(rows[row], factors[row]));
    }
    sum
}

/// See `WeightField::dot_short`; the highest halves are those of the last words.
#[inline(always)]
pub(super) fn dot<D: WordLanes, const ROWS: usize>(
    isa: D,
    factors: &ShortFactors<D::Words, ROWS>,
    rows: [D::Words; ROWS],
    highest: D::Words,
    out: &mut [Fr],
) -> D::Words {
    let mut low = sum_rows(isa, &factors.rows[W_LOW], &rows);
    if ROWS == 2 {
        low = isa.add(low, factors.words[W_CEILING]);
    }
    let high = isa.add(
        isa.shr::<28>(low),
        sum_rows(isa, &factors.rows[W_HIGH], &rows),
    );
    let q = isa.shr::<26>(high);
    let q_high = isa.shr::<32>(q);
    // Macros, because closures may be compiled without the tier's instructions.
    macro_rules! limb {
        ($k:literal) => {{
            let sum = sum_rows(isa, &factors.rows[$k], &rows);
            if ROWS <= 2 {
                isa.add(sum, isa.mul(q, factors.quotient[$k]))
            } else {
                let modulus = isa.splat(const { limbs(MINUS_P)[$k] });
                let sum = isa.add(sum, isa.mul(q, modulus));
                isa.add(sum, isa.mul(q_high, isa.splat(MINUS_P_32[$k])))
            }
        }};
    }
    macro_rules! sum {
        ($a:expr) => { $a };
        ($a:expr, $($rest:expr),+) => { isa.add($a, sum!($($rest),+)) };
    }
    let [l0, l1, l2] = [limb!(0), limb!(1), limb!(2)];
    let word_0 = sum!(l0, isa.shl::<28>(l1), isa.shl::<56>(l2));
    let carry = sum!(isa.shr::<28>(l0), l1);
    let carry = sum!(isa.shr::<28>(carry), l2);
    let [l3, l4] = [limb!(3), limb!(4)];
    let word_1 = sum!(isa.shr::<8>(carry), isa.shl::<20>(l3), isa.shl::<48>(l4));
    let carry = sum!(isa.shr::<28>(carry), l3);
    let carry = sum!(isa.shr::<28>(carry), l4);
    let [l5, l6] = [limb!(5), limb!(6)];
    let word_2 = sum!(isa.shr::<16>(carry), isa.shl::<12>(l5), isa.shl::<40>(l6));
    let carry = sum!(isa.shr::<28>(carry), l5);
    let carry = sum!(isa.shr::<28>(carry), l6);
    let [l7, l8] = [limb!(7), limb!(8)];
    let word_3 = sum!(isa.shr::<24>(carry), isa.shl::<4>(l7), isa.shl::<32>(l8));
    let words = isa.by_lanes([word_0, word_1, word_2, word_3]);
    let out = &mut out[..D::COUNT];
    for lane in 0..D::COUNT {
        out[block_of_lane::<ROWS>(lane, D::COUNT)] = Fr::new_unchecked(BigInt(words[lane]));
    }
    isa.max_halves(highest, word_3)
}

/// Where a quotient is one off the value is not below p, nor is its highest half below p's.
#[inline(always)]
pub(super) fn finish<D: WordLanes, const ROWS: usize>(isa: D, highest: D::Words, out: &mut [Fr]) {
    let half = if ROWS == 1 {
        isa.and(highest, 0xffff_ffff)
    } else {
        isa.shr::<32>(highest)
    };
    if isa.any_above(half, (P[3] >> 32) - 1) {
        subtract_all(out);
    }
}

#[cold]
fn subtract_all(out: &mut [Fr]) {
    for out in out {
        out.0.0 = subtract_once(out.0.0, P);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::WeightField;
    use crate::tier::scalar::Scalar;
    use ark_ff::{AdditiveGroup, Field, PrimeField};

    /// `ROWS` rows of one value and one weight, in every lane.
    fn dot_of<const ROWS: usize>(value: u32, weight: Fr) -> [Fr; 4] {
        let factors = Fr::short_factors(&[weight.split(); ROWS]).in_lanes(Scalar);
        let rows = [Scalar.splat(u64::from(value)); ROWS];
        let mut out = [Fr::ONE; 4];
        let highest = Fr::dot_short(Scalar, &factors, rows, Scalar.splat(0), &mut out);
        finish::<_, ROWS>(Scalar, highest, &mut out);
        out
    }

    fn case<const ROWS: usize>(value: u32, weight: Fr) {
        let out = dot_of::<ROWS>(value, weight);
        assert_eq!(out, [weight * Fr::from(ROWS as u64 * u64::from(value)); 4]);
        assert!(out[0].0 < Fr::MODULUS, "canonical: {ROWS} {value} {weight}");
    }

    #[test]
    fn sums_next_to_a_multiple_of_the_modulus() {
        for value in [1, 2, 3, 0xffff, 1 << 31, u32::MAX - 1, u32::MAX] {
            // Which value it is makes no difference to memory.
            if cfg!(miri) && value != u32::MAX {
                continue;
            }
            for offset in [-2i64, -1, 0, 1, 2, 1 << 40] {
                // The representation times the value is the offset and a multiple of p.
                let quotient = Fr::from(offset) / Fr::from(value);
                let weight = Fr::new_unchecked(quotient.into_bigint());
                case::<1>(value, weight);
                case::<2>(value, weight);
                case::<4>(value, weight);
                case::<8>(value, weight);
            }
        }
    }

    #[test]
    fn a_row_of_zeros_is_below_the_modulus_at_once() {
        for bits in (0..254).step_by(if cfg!(miri) { 50 } else { 1 }) {
            for weight in [Fr::from(2u64).pow([bits]), -Fr::from(3u64).pow([bits])] {
                let weight = Fr::new_unchecked(weight.into_bigint());
                let factors = Fr::short_factors(&[weight.split()]).in_lanes(Scalar);
                let (row, mut out) = ([Scalar.splat(0)], [Fr::ONE; 4]);
                let highest = Fr::dot_short(Scalar, &factors, row, Scalar.splat(0), &mut out);
                assert_eq!((out, highest[0] as u32), ([Fr::ZERO; 4], 0), "{weight}");
            }
        }
    }

    #[test]
    fn two_weights_that_sum_to_the_modulus() {
        let below = |bits: u32| Fr::from(2u64).pow([u64::from(bits)]);
        let offsets = [0, 1, 64, 200, 207, 208, 209, 222, 223, 250].map(below);
        for first in [below(10), below(252), -below(252), -Fr::ONE] {
            for offset in offsets
                .iter()
                .flat_map(|offset| [*offset, -*offset, Fr::ZERO])
                .step_by(if cfg!(miri) { 7 } else { 1 })
            {
                // As representations: the sum is p and the offset, or the offset alone.
                let weights = [first, offset - first].map(|w| Fr::new_unchecked(w.into_bigint()));
                let factors =
                    Fr::short_factors(&weights.map(|weight| weight.split())).in_lanes(Scalar);
                for values in [[0, 0], [1, 1], [u32::MAX; 2], [u32::MAX, 0], [1, u32::MAX]] {
                    let rows = values.map(|value| Scalar.splat(u64::from(value)));
                    let mut out = [Fr::ONE; 4];
                    let highest = Fr::dot_short(Scalar, &factors, rows, Scalar.splat(0), &mut out);
                    finish::<_, 2>(Scalar, highest, &mut out);
                    let expected =
                        weights[0] * Fr::from(values[0]) + weights[1] * Fr::from(values[1]);
                    assert_eq!(out, [expected; 4], "{weights:?} {values:?}");
                    assert!(out[0].0 < Fr::MODULUS, "canonical: {weights:?} {values:?}");
                }
            }
        }
    }

    #[test]
    fn largest_rows() {
        let largest = [P[0] - 1, P[1], P[2], P[3]];
        let full = [u64::MAX, u64::MAX, u64::MAX, (1 << 61) - 1];
        for words in [largest, full, [0; 4], [1, 0, 0, 0]] {
            let weight = Fr::new_unchecked(BigInt(words));
            case::<1>(u32::MAX, weight);
            case::<2>(u32::MAX, weight);
            case::<4>(u32::MAX, weight);
            case::<8>(u32::MAX, weight);
            assert_eq!(dot_of::<8>(0, weight), [Fr::ZERO; 4]);
        }
    }
}
