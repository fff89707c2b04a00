//! BN254 over prefixes of one to eight rows: multiplied, added and reduced limb after limb.
//!
//! In: rows of blocks, a block a lane. Out: canonical Montgomery representations.
//!
//! A quotient comes from the rows and not from their sum: with `W = floor(w 2^54 / p)` for every weight,
//! `q = floor(sum of x W / 2^54)`. So the limbs of `sum of x w - q p` leave one by one, the carry being
//! all that is kept between two of them.
//!
//! Sketch, per vector of blocks of n rows: 12 n + 20 multiplies (10 fewer for one row), 12 n + 80
//! additions, shifts and masks, and a transpose of four words. PERF.md row K-5.

use super::MAX_LIMBS;
use super::bn254::{LIMB_MASK, MU_LOW, P, subtract_once};
use super::bn254_lanes::{MINUS_P, P_9};
use crate::prefix_short::{MAX_SHORT_ROWS, SHORT_FACTORS, ShortFactors, block_of_lane};
use crate::word_lanes::WordLanes;
use ark_bn254::Fr;
use ark_ff::BigInt;

/// Bits of a `W`'s low part.
const W_LOW_BITS: u32 = 28;
const W_HIGH_BITS: u32 = 26;

/// The limbs of `-2^32 p` modulo `2^260`: for the bits of a quotient from the 32nd on.
const MINUS_P_32: [u32; 10] = minus_p_32();

const fn minus_p_32() -> [u32; 10] {
    let mut limbs = [0; 10];
    let (mut below, mut carry) = (0, 0);
    let mut k = 0;
    while k < 10 {
        // 2^32 is one limb and six bits.
        let sum = below + carry;
        limbs[k] = (sum & LIMB_MASK) as u32;
        carry = sum >> 26;
        below = (MINUS_P[k] as u64) << 6;
        k += 1;
    }
    limbs
}

/// The bounds of `dot` from rows of largest values.
const _: () = {
    let rows = MAX_SHORT_ROWS as u128;
    let value = u32::MAX as u128;
    // Sums of both parts of W, and of a limb: rows, both parts of a quotient, a carry.
    assert!(rows * value * ((1 << W_LOW_BITS) - 1) < 1 << 63);
    assert!(rows * value * (1 << W_HIGH_BITS) + (1 << 35) < 1 << 63);
    assert!((rows + 2) * value * LIMB_MASK as u128 + (1 << 38) < 1 << 63);
    // The quotient's error: W is at most two below, and the low parts' sum loses less than 2^-26.
    assert!((rows * value * 2) >> (54 - 18) == 0);
    // V - q p lies below p (1 + 2^-17), within its ten limbs, and the quotient's high part is small.
    assert!(rows * value < 1 << 35 && P[3] < 1 << 62);
};

/// The limbs of a weight, and the low and the high part of its W.
#[inline(always)]
pub(super) fn factors(limbs: &[u32; MAX_LIMBS]) -> [u32; SHORT_FACTORS] {
    let mut factors = [0; SHORT_FACTORS];
    factors[..MAX_LIMBS].copy_from_slice(limbs);
    // The weight from bit 190 on; `2^64 + MU_LOW = floor(2^318 / p)`. Each floor costs 2^-10 of W's unit.
    let [l7, l8, l9] = [limbs[7], limbs[8], limbs[9]].map(u64::from);
    let top = u128::from(l7 >> 8 | l8 << 18 | l9 << 44);
    let w = ((top + ((top * u128::from(MU_LOW)) >> 64)) >> 10) as u64;
    factors[MAX_LIMBS] = (w & ((1 << W_LOW_BITS) - 1)) as u32;
    factors[MAX_LIMBS + 1] = (w >> W_LOW_BITS) as u32;
    factors
}

/// `acc` plus the products of all rows with their factors.
#[inline(always)]
fn add_rows<D: WordLanes, const ROWS: usize>(
    isa: D,
    mut acc: D::Words,
    factors: &[D::Words; ROWS],
    rows: &[D::Words; ROWS],
) -> D::Words {
    for row in 0..ROWS {
        acc = isa.add(acc, isa.mul(rows[row], factors[row]));
    }
    acc
}

/// See `WeightField::dot_short`.
#[inline(always)]
pub(super) fn dot<D: WordLanes, const ROWS: usize>(
    isa: D,
    factors: &ShortFactors<D, ROWS>,
    rows: [D::Words; ROWS],
    out: &mut [Fr],
) {
    let low = add_rows(isa, isa.splat(0), &factors[MAX_LIMBS], &rows);
    let high = add_rows(isa, isa.shr::<28>(low), &factors[MAX_LIMBS + 1], &rows);
    let q = isa.shr::<26>(high);
    let q_high = isa.shr::<32>(q);
    let mut sum = isa.splat(0);
    // Sums of a limb without the carry from the one below, which is then kept.
    macro_rules! limb {
        ($k:literal) => {{
            sum = add_rows(isa, isa.shr::<26>(sum), &factors[$k], &rows);
            sum = isa.add(sum, isa.mul(q, isa.splat(u64::from(MINUS_P[$k]))));
            if ROWS > 1 {
                sum = isa.add(sum, isa.mul(q_high, isa.splat(u64::from(MINUS_P_32[$k]))));
            }
            isa.and(sum, LIMB_MASK)
        }};
    }
    // A macro, because closures may be compiled without the tier's instructions.
    macro_rules! sum {
        ($a:expr) => { $a };
        ($a:expr, $($rest:expr),+) => { isa.add($a, sum!($($rest),+)) };
    }
    let [l0, l1, l2] = [limb!(0), limb!(1), limb!(2)];
    let word_0 = sum!(l0, isa.shl::<26>(l1), isa.shl::<52>(l2));
    let [l3, l4] = [limb!(3), limb!(4)];
    let word_1 = sum!(isa.shr::<12>(l2), isa.shl::<14>(l3), isa.shl::<40>(l4));
    let [l5, l6, l7] = [limb!(5), limb!(6), limb!(7)];
    let word_2 = sum!(
        isa.shr::<24>(l4),
        isa.shl::<2>(l5),
        isa.shl::<28>(l6),
        isa.shl::<54>(l7)
    );
    let [l8, l9] = [limb!(8), limb!(9)];
    let word_3 = sum!(isa.shr::<10>(l7), isa.shl::<16>(l8), isa.shl::<42>(l9));
    let words = isa.by_lanes([word_0, word_1, word_2, word_3]);
    let out = &mut out[..D::COUNT];
    for lane in 0..D::COUNT {
        out[block_of_lane::<ROWS>(lane, D::COUNT)] = Fr::new_unchecked(BigInt(words[lane]));
    }
    // Where the quotient is one too small the value is not below p, nor is its top limb below p's.
    if isa.any_above(l9, P_9 - 1) {
        for out in out {
            out.0.0 = subtract_once(out.0.0, P);
        }
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
        let numbers = factors(&weight.split());
        let factors = numbers.map(|number| [Scalar.splat(u64::from(number)); ROWS]);
        let rows = [Scalar.splat(u64::from(value)); ROWS];
        let mut out = [Fr::ONE; 4];
        dot(Scalar, &factors, rows, &mut out);
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
