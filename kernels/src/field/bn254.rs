//! BN254 `Fr`: ten limbs of 26 bits, and reductions of wide integers modulo its 254-bit order.
//!
//! In: limb sums, or 512-bit sums of products. Out: canonical Montgomery representations in `[0, p)`.
//! Words are little-endian. Names: `canonical` is below p, `wide` is below `p * 2^64`.

use super::{
    MAX_LIMBS, MAX_PRODUCTS, MAX_SUMS, WeightField, add_carry, bn254_lanes, bn254_short,
    bn254_single, mul_carry, sealed, sub_borrow,
};
use crate::lanes::Lanes;
use crate::prefix_short::ShortFactors;
use crate::word_lanes::WordLanes;
use ark_bn254::{Fr, FrConfig};
use ark_ff::{BigInt, MontConfig};

pub(super) const P: [u64; 4] = <FrConfig as MontConfig<4>>::MODULUS.0;
const _: () = {
    assert!(P[3] < 1 << 62, "p lies below 2^254");
    assert!(
        MAX_PRODUCTS.ilog2() + 2 * 254 < 64 * 9,
        "an accumulator has nine words"
    );
    // Their fold: 2^60 p (p / 2^256) + p, where p / 2^256 is below 2^-2.
    assert!((MAX_PRODUCTS >> 2) as u128 + 1 < 1 << 64);
};

/// `2p`, below `2^255`.
const P2: [u64; 4] = double(P);
/// `-p^-1 mod 2^64`.
const NEG_INVERSE: u64 = <FrConfig as MontConfig<4>>::INV;
/// `floor(2^318 / p) - 2^64`: the Barrett constant without its leading bit.
pub(super) const MU_LOW: u64 = barrett_constant();

pub(super) const LIMB_MASK: u64 = (1 << 26) - 1;

const fn double(x: [u64; 4]) -> [u64; 4] {
    let mut carry = 0;
    let mut out = [0; 4];
    let mut k = 0;
    while k < 4 {
        out[k] = add_carry(x[k], x[k], &mut carry);
        k += 1;
    }
    assert!(carry == 0);
    out
}

/// `a + b` modulo `2^256`.
#[inline(always)]
pub(super) const fn add_words(a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
    let mut carry = 0;
    [
        add_carry(a[0], b[0], &mut carry),
        add_carry(a[1], b[1], &mut carry),
        add_carry(a[2], b[2], &mut carry),
        add_carry(a[3], b[3], &mut carry),
    ]
}

/// `a - b`, and whether it went below zero.
#[inline(always)]
pub(super) const fn sub_words(a: [u64; 4], b: [u64; 4]) -> ([u64; 4], bool) {
    let mut borrow = 0;
    let out = [
        sub_borrow(a[0], b[0], &mut borrow),
        sub_borrow(a[1], b[1], &mut borrow),
        sub_borrow(a[2], b[2], &mut borrow),
        sub_borrow(a[3], b[3], &mut borrow),
    ];
    (out, borrow != 0)
}

/// Long division of `2^318` by p, one bit a step; the remainder stays below p < 2^254.
const fn barrett_constant() -> u64 {
    let mut quotient: u128 = 0;
    let mut remainder = [1, 0, 0, 0];
    let mut step = 0;
    while step < 318 {
        remainder = double(remainder);
        quotient <<= 1;
        let (less, negative) = sub_words(remainder, P);
        if !negative {
            remainder = less;
            quotient |= 1;
        }
        step += 1;
    }
    assert!(quotient >> 64 == 1, "p lies between 2^253 and 2^254");
    quotient as u64
}

/// `a` in `[0, b + c)` with `c <= b`: subtracts `b` once if it fits.
#[inline(always)]
pub(super) fn subtract_once(a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
    let (less, negative) = sub_words(a, b);
    if negative { a } else { less }
}

/// Reduces a wide value (below `p * 2^64`) to canonical form.
///
/// With `top = floor(V / 2^254)` and `mu = floor(2^318 / p)`, `q = floor(top * mu / 2^64)` satisfies
/// `V/p - 4 < q <= V/p`, since `2^254/p < 1.33`, `top/2^64 < 1` and the floor costs less than 1.
/// So `r = V - q p` lies in `[0, 4p)`, and `4p < 2^256`: the low four words are enough.
#[inline(always)]
fn reduce_wide(v: [u64; 5]) -> Fr {
    let top = v[4] << 2 | v[3] >> 62;
    let q = top.wrapping_add(((u128::from(top) * u128::from(MU_LOW)) >> 64) as u64);
    let mut carry = 0;
    let qp = [
        mul_carry(0, q, P[0], &mut carry),
        mul_carry(0, q, P[1], &mut carry),
        mul_carry(0, q, P[2], &mut carry),
        mul_carry(0, q, P[3], &mut carry),
    ];
    let (r, _) = sub_words([v[0], v[1], v[2], v[3]], qp);
    Fr::new_unchecked(BigInt(subtract_once(subtract_once(r, P2), P)))
}

/// Adds `value * 2^bits` to `words`; the caller's bound keeps the sum below `2^320`.
#[inline(always)]
fn add_shifted(words: &mut [u64; 5], value: u128, bits: usize) {
    let (first, shift) = (bits / 64, bits % 64);
    let low = value << shift;
    let high = if shift == 0 {
        0
    } else {
        (value >> (128 - shift)) as u64
    };
    let parts = [low as u64, (low >> 64) as u64, high];
    let mut carry = 0;
    for (k, word) in words.iter_mut().enumerate().skip(first) {
        let part = parts.get(k - first).copied().unwrap_or(0);
        *word = add_carry(*word, part, &mut carry);
    }
}

/// The 512-bit product, 16 multiplies.
#[inline(always)]
fn mul_words(a: &[u64; 4], b: &[u64; 4]) -> [u64; 8] {
    let mut out = [0u64; 8];
    for i in 0..4 {
        let mut carry = 0;
        for j in 0..4 {
            out[i + j] = mul_carry(out[i + j], a[i], b[j], &mut carry);
        }
        out[i + 4] = carry;
    }
    out
}

/// `floor((v + m p) / 2^256)` with `m` chosen so that the division is exact: below `v/2^256 + p`.
#[inline(always)]
fn montgomery_fold(v: &[u64; 9]) -> [u64; 5] {
    let mut v = *v;
    let mut over = 0;
    for i in 0..4 {
        let m = v[i].wrapping_mul(NEG_INVERSE);
        let mut carry = 0;
        for j in 0..4 {
            v[i + j] = mul_carry(v[i + j], m, P[j], &mut carry);
        }
        // The carry of the previous row lands one word above its own row, that is, here.
        let t = u128::from(v[i + 4]) + u128::from(carry) + u128::from(over);
        v[i + 4] = t as u64;
        over = (t >> 64) as u64;
    }
    [v[4], v[5], v[6], v[7], v[8] + over]
}

impl sealed::Sealed for Fr {}

impl WeightField for Fr {
    const LIMBS: usize = 10;
    const LIMB_BITS: u32 = 26;
    const COORDS: usize = 1;
    /// Nine words: products are below `2^508`, so `2^60` of them stay below `2^568`.
    type Accumulator = [u64; 9];

    #[inline(always)]
    fn split(&self) -> [u32; MAX_LIMBS] {
        let words = self.0.0;
        std::array::from_fn(|k| {
            let (word, shift) = (26 * k / 64, 26 * k % 64);
            let mut bits = words[word] >> shift;
            if shift > 38 && word < 3 {
                bits |= words[word + 1] << (64 - shift);
            }
            (bits & LIMB_MASK) as u32
        })
    }

    fn reduce_sums(sums: &[i128; MAX_SUMS], stride: usize) -> Self {
        // Carry-normalises to digits of 26 bits, then takes the value in 26-bit steps from the top:
        // r < p gives r * 2^26 + digit < p * 2^64, the input bound of `reduce_wide`.
        let mut digits = [0u64; MAX_SUMS];
        let mut carry = 0i128;
        for (digit, sum) in digits.iter_mut().zip(&sums[..stride]) {
            let total = sum + carry;
            *digit = total as u64 & LIMB_MASK;
            carry = total >> 26;
        }
        let top = carry.unsigned_abs();
        let mut acc = reduce_wide([top as u64, (top >> 64) as u64, 0, 0, 0]);
        if carry < 0 {
            acc = -acc;
        }
        for digit in digits[..stride].iter().rev() {
            let w = acc.0.0;
            acc = reduce_wide([
                w[0] << 26 | digit,
                w[1] << 26 | w[0] >> 38,
                w[2] << 26 | w[1] >> 38,
                w[3] << 26 | w[2] >> 38,
                w[3] >> 38,
            ]);
        }
        acc
    }

    #[inline(always)]
    fn reduce_dot(sums: &[u128; MAX_LIMBS]) -> Self {
        let mut words = [0u64; 5];
        for k in 0..5 {
            // Below 2^90 + 2^116: no overflow.
            let pair = sums[2 * k] + (sums[2 * k + 1] << 26);
            add_shifted(&mut words, pair, 52 * k);
        }
        reduce_wide(words)
    }

    #[inline(always)]
    fn reduce_lanes<L: Lanes>(isa: L, banks: &[[L::Wide; MAX_LIMBS]], out: &mut [Self; 8]) {
        bn254_lanes::reduce(isa, banks, out);
    }

    #[inline(always)]
    fn short_factors<const ROWS: usize>(
        weights: &[[u32; MAX_LIMBS]; ROWS],
    ) -> ShortFactors<u64, ROWS> {
        if ROWS == 1 {
            bn254_single::factors(weights)
        } else {
            bn254_short::factors(weights)
        }
    }

    #[inline(always)]
    fn dot_short<D: WordLanes, const ROWS: usize>(
        isa: D,
        factors: &ShortFactors<D::Words, ROWS>,
        rows: [D::Words; ROWS],
        highest: D::Words,
        out: &mut [Self],
    ) -> D::Words {
        if ROWS == 1 {
            bn254_single::dot(isa, factors, rows[0], highest, out)
        } else {
            bn254_short::dot(isa, factors, rows, highest, out)
        }
    }

    #[inline(always)]
    fn finish_short<D: WordLanes, const ROWS: usize>(isa: D, highest: D::Words, out: &mut [Self]) {
        bn254_short::finish::<D, ROWS>(isa, highest, out);
    }

    #[inline(always)]
    fn mul_inline(&self, other: &Self) -> Self {
        *self * other
    }

    #[inline(always)]
    fn accumulate(acc: &mut [u64; 9], a: &Self, b: &Self) {
        let product = mul_words(&a.0.0, &b.0.0);
        let mut carry = 0;
        for k in 0..8 {
            acc[k] = add_carry(acc[k], product[k], &mut carry);
        }
        acc[8] += carry;
    }

    #[inline(always)]
    fn merge(acc: &mut [u64; 9], other: &[u64; 9]) {
        let mut carry = 0;
        for k in 0..9 {
            acc[k] = add_carry(acc[k], other[k], &mut carry);
        }
    }

    #[inline(always)]
    fn reduce(acc: &[u64; 9]) -> Self {
        // acc < 2^60 p^2, so the fold is below 2^60 p * (p / 2^256) + p < p * 2^64.
        reduce_wide(montgomery_fold(acc))
    }
}
