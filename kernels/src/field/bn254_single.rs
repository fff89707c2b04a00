//! BN254 over prefixes of one row: a value times a weight, in eight halves of words.
//!
//! In: blocks of one row, a block a lane. Out: canonical Montgomery representations.
//!
//! The quotient q is that of `bn254_short`. A weight w and `2^256 - p` are cut into digits of 32 bits
//! between `-2^31` and `2^31`, and `x - 2^31` and `q - 2^31` are what is multiplied, so that two signed
//! products and a carry fit a word; `2^31 (w - p)` is added, and to every digit's sum `2^63` that
//! keeps it above zero and leaves with its carry. A sum's low half is a half of the result.
//!
//! Sketch, per vector of blocks: 18 multiplies, 26 additions, 9 shifts, and a transpose of eight halves.
//! PERF.md row K-5.

use super::MAX_LIMBS;
use super::bn254::{P, add_words, sub_words};
use super::bn254_short::{MINUS_P, full_quotient_weight, words};
use crate::prefix_short::ShortFactors;
use crate::word_lanes::WordLanes;
use ark_bn254::Fr;
use ark_ff::BigInt;

const HALVES: usize = 8;
/// Where the parts of the W lie among the factors.
const W_LOW: usize = HALVES;
const W_HIGH: usize = HALVES + 1;
/// Where `-2^31` lies among the words.
const MINUS_HALF: usize = HALVES;
/// What makes a number of 32 bits a signed one.
const HALF: u64 = 1 << 31;
/// What a sum is kept above zero by.
const BIAS: u64 = 1 << 63;

/// The bounds of `dot`.
const _: () = {
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
    let w = full_quotient_weight(&weight);
    factors.rows[W_LOW][0] = w & 0xffff_ffff;
    factors.rows[W_HIGH][0] = w >> 32;
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
    let low = isa.mul(row, factors.rows[W_LOW][0]);
    let high = isa.mul(row, factors.rows[W_HIGH][0]);
    let q = isa.shr::<32>(isa.add(isa.shr::<32>(low), high));
    let minus_half = factors.words[MINUS_HALF];
    let (row, q) = (isa.add(row, minus_half), isa.add(q, minus_half));
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
