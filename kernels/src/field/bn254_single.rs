//! BN254 over prefixes of one row: a value times a weight, in eight halves of words.
//!
//! In: blocks of one row, a block a lane. Out: canonical Montgomery representations.
//!
//! The quotient `q = floor(x W)` is made of `f64`s in one operation, with W an odd multiple of `2^-53` next below
//! `w / p`: `2^52 + x` has x for its lowest bits, and what is added to its product with W takes
//! `2^52 W` away again, which ends in a half, and brings the sum to where units are its last
//! bits. Rounding to the nearest is then a floor, and the quotient's bits lie where a multiply takes them.
//!
//! A weight w and `2^256 - p` are cut into digits of 32 bits between `-2^31` and `2^31`, and `x - 2^31` and
//! `q - 2^31` are what is multiplied, so that two signed products and a carry fit a word; `2^31 (w - p)`
//! is added, and to every digit's sum `2^63` that keeps it above zero and leaves with its carry. A sum's
//! low half is a half of the result.
//!
//! Sketch, per vector of blocks: 16 multiplies and a fused one, 25 additions, 7 shifts, and a transpose of
//! eight halves. PERF.md row K-5.

use super::MAX_LIMBS;
use super::bn254::{P, add_words, sub_words};
use super::bn254_short::{MINUS_P, full_quotient_weight, words};
use crate::prefix_short::ShortFactors;
use crate::word_lanes::WordLanes;
use ark_bn254::Fr;
use ark_ff::BigInt;

const HALVES: usize = 8;
/// Where the bits of three `f64`s lie among the factors: of what is added to a row to make it one, of W, and of
/// what is added to their product.
const TO_FLOAT: usize = HALVES;
const W: usize = HALVES + 1;
const TO_QUOTIENT: usize = HALVES + 2;
/// Where `-2^31` lies among the words.
const MINUS_HALF: usize = HALVES;
/// What makes a number of 32 bits a signed one.
const HALF: u64 = 1 << 31;
/// Bits of a W behind the point.
const W_BITS: u32 = 53;
/// From here to twice this an `f64` is a number without a fraction, and its lowest bits are the number's.
const WHOLE: u64 = 1 << 52;
/// What a quotient less `2^31` is added to; even, so that a half below it, which is the row 0, becomes it.
const QUOTIENT_BASE: u64 = WHOLE + WHOLE / 2 - HALF;
/// What a sum is kept above zero by.
const BIAS: u64 = 1 << 63;

/// The bounds of `dot`.
const _: () = {
    // W is less than four units below what it stands for: the value lies below p (1 + 2^-17).
    assert!(u32::MAX as u128 * 4 <= 1 << (W_BITS - 17));
    // Rows and quotients are whole `f64`s, and so is what is added to a product, whatever W is.
    assert!(WHOLE + (u32::MAX as u64) < 2 * WHOLE);
    assert!(QUOTIENT_BASE >= WHOLE && QUOTIENT_BASE + (u32::MAX as u64) < 2 * WHOLE);
    assert!(QUOTIENT_BASE.is_multiple_of(2) && QUOTIENT_BASE > 1 << (W_BITS - 1));
    let digits = signed_halves(MINUS_P);
    let mut k = 0;
    while k < HALVES {
        // Two products, a carry and a half of what is added, on both sides of the bias.
        let product = (digits[k] as u32 as i32).unsigned_abs() as u128 * HALF as u128;
        let row = (HALF * HALF) as u128;
        assert!(row + product + (1 << 33) < BIAS as u128);
        k += 1;
    }
};

/// Halves of words, each with a sign, that sum to `words` modulo `2^256`.
#[inline(always)]
const fn signed_halves(words: [u64; 4]) -> [u64; HALVES] {
    const HALF_OF_ALL: [u64; 4] = [HALF << 32 | HALF; 4];
    let mut digits = halves(add_words(words, HALF_OF_ALL));
    let mut k = 0;
    while k < HALVES {
        digits[k] ^= HALF;
        k += 1;
    }
    digits
}

#[inline(always)]
const fn halves(words: [u64; 4]) -> [u64; HALVES] {
    let mut halves = [0; HALVES];
    let mut k = 0;
    while k < HALVES {
        halves[k] = words[k / 2] >> (k % 2 * 32) & 0xffff_ffff;
        k += 1;
    }
    halves
}

/// See `WeightField::short_factors`.
#[inline(always)]
pub(super) fn factors<const ROWS: usize>(
    weights: &[[u32; MAX_LIMBS]; ROWS],
) -> ShortFactors<u64, ROWS> {
    let mut factors = ShortFactors::ZERO;
    let weight = words(&weights[0]);
    // Odd: of no row but 0 is the product a whole number, of which a half less could be rounded either way. The
    // least one gives no row a quotient.
    let w = ((full_quotient_weight(&weight) >> (64 - W_BITS)).max(1) - 1) | 1;
    factors.rows[TO_FLOAT][0] = (WHOLE as f64).to_bits();
    factors.rows[W][0] = (w as f64 / (1u64 << W_BITS) as f64).to_bits();
    factors.rows[TO_QUOTIENT][0] = ((QUOTIENT_BASE - w.div_ceil(2)) as f64).to_bits();
    factors.words[MINUS_HALF] = HALF.wrapping_neg();
    let [d0, d1, d2, d3] = sub_words(weight, P).0;
    let added = halves([
        d0 << 31,
        d1 << 31 | d0 >> 33,
        d2 << 31 | d1 >> 33,
        d3 << 31 | d2 >> 33,
    ]);
    let digits = signed_halves(weight);
    let modulus = signed_halves(MINUS_P);
    for k in 0..HALVES {
        factors.rows[k][0] = digits[k];
        factors.quotient[k] = modulus[k];
        let bias_from_below = if k == 0 { 0 } else { BIAS >> 32 };
        factors.words[k] = (BIAS + added[k]).wrapping_sub(bias_from_below);
    }
    factors
}

/// See `WeightField::dot_short`; the highest halves are the last halves.
#[inline(always)]
pub(super) fn dot<D: WordLanes, const ROWS: usize>(
    isa: D,
    factors: &ShortFactors<D::Words, ROWS>,
    row: D::Words,
    highest: D::Words,
    out: &mut [Fr],
) -> D::Words {
    let float = isa.add(row, factors.rows[TO_FLOAT][0]);
    let q = isa.fused(float, factors.rows[W][0], factors.rows[TO_QUOTIENT][0]);
    let row = isa.add(row, factors.words[MINUS_HALF]);
    let mut sum = isa.splat(0);
    let mut halves = [sum; HALVES];
    for k in 0..HALVES {
        let added = factors.words[k];
        sum = if k == 0 {
            added
        } else {
            isa.add(isa.shr::<32>(sum), added)
        };
        let products = isa.add(
            isa.mul_signed(row, factors.rows[k][0]),
            isa.mul_signed(q, factors.quotient[k]),
        );
        sum = isa.add(sum, products);
        halves[k] = sum;
    }
    let words = isa.halves_by_lanes(halves);
    let out = &mut out[..D::COUNT];
    for lane in 0..D::COUNT {
        out[lane] = Fr::new_unchecked(BigInt(words[lane]));
    }
    isa.max_halves(highest, sum)
}
