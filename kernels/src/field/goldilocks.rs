//! Goldilocks, p = 2^64 - 2^32 + 1, and its quadratic extension with x^2 = 7: six limbs of 22 bits.
//!
//! In: limb sums, or 192-bit sums of products. Out: canonical Montgomery representations in `[0, p)`.
//!
//! The prime field is an ordinary `ark_ff` Montgomery field whose arithmetic is replaced here:
//! ark-ff 0.6.0's generic multiplication drops the carry of a modulus without a spare top bit
//! (its two subtraction branches are exchanged), which the special form of p avoids altogether.

use super::goldilocks_rounds as rounds;
use super::goldilocks_short as short;
use super::{
    MAX_DOT_ROWS, MAX_LIMBS, MAX_PRODUCTS, MAX_SUMS, REDUCE_LANES_LOG2, WeightField, sealed,
};
use crate::fold::{self, EqFactors};
use crate::lanes::Lanes;
use crate::prefix_short::ShortFactors;
use crate::round;
use crate::word_lanes::WordLanes;
use ark_ff::{BigInt, Field, Fp64, MontBackend, MontConfig, QuadExtConfig, QuadExtField};

/// The modulus, 2^64 - 2^32 + 1.
pub(super) const P: u64 = 0xffff_ffff_0000_0001;
/// `2^64 mod p`.
const TWO_64: u64 = 0xffff_ffff;

/// The parameters of Goldilocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GoldilocksConfig;

/// The prime field of 2^64 - 2^32 + 1 elements.
pub type Goldilocks = Fp64<MontBackend<GoldilocksConfig, 1>>;

/// The parameters of the quadratic extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Goldilocks2Config;

/// Goldilocks with a square root of 7.
pub type Goldilocks2 = QuadExtField<Goldilocks2Config>;

/// `value` in `[0, 2^64)` to `[0, p)`; `2p > 2^64`.
#[inline(always)]
const fn canonical(value: u64) -> u64 {
    let (less, negative) = value.overflowing_sub(P);
    if negative { value } else { less }
}

/// Canonical plus canonical, canonical. The sum minus p is right exactly when the sum reaches p.
#[inline(always)]
const fn add(a: u64, b: u64) -> u64 {
    let (sum, carry) = a.overflowing_add(b);
    let (less, borrow) = sum.overflowing_sub(P);
    if carry || !borrow { less } else { sum }
}

/// Canonical minus canonical, canonical.
#[inline(always)]
const fn sub(a: u64, b: u64) -> u64 {
    let (less, borrow) = a.overflowing_sub(b);
    if borrow { less.wrapping_add(P) } else { less }
}

/// `x / 2^64 mod p`, in `[0, 2^64)`; canonical if `x < p * 2^64`.
///
/// `p^-1 = 2^32 + 1 mod 2^64`, so `m = low * (2^32 + 1)` makes `x - m p` divisible by `2^64`:
/// the quotient is `high - floor(m p / 2^64)`, and `floor(m p / 2^64) = m - (m >> 32) - carry`.
#[inline(always)]
const fn montgomery_reduce(x: u128) -> u64 {
    let (low, high) = (x as u64, (x >> 64) as u64);
    let (m, carry) = low.overflowing_add(low << 32);
    let mp_high = m.wrapping_sub(m >> 32).wrapping_sub(carry as u64);
    let (less, borrow) = high.overflowing_sub(mp_high);
    if borrow { less.wrapping_add(P) } else { less }
}

/// Canonical times canonical in Montgomery form, canonical.
#[inline(always)]
const fn mul(a: u64, b: u64) -> u64 {
    montgomery_reduce(a as u128 * b as u128)
}

/// `(x + y) / 2^64 mod p`, canonical; both below `p * 2^64`.
#[inline(always)]
const fn montgomery_reduce_sum(x: u128, y: u128) -> u64 {
    let (sum, carry) = x.overflowing_add(y);
    // Below 2p * 2^64: taking p from the high word once leaves it below p.
    let high = (sum >> 64) as u64;
    let (less, borrow) = high.overflowing_sub(P);
    let high = if carry || !borrow { less } else { high };
    montgomery_reduce((high as u128) << 64 | sum as u64 as u128)
}

/// `7 a` modulo p, in `[0, 2^64)`.
#[inline(always)]
const fn times_seven(a: u64) -> u64 {
    let x = a as u128 * 7;
    // The high word is at most 6; after a carry the sum is below 2^35.
    let (sum, carry) = (x as u64).overflowing_add((x >> 64) as u64 * TWO_64);
    if carry { sum.wrapping_add(TWO_64) } else { sum }
}

/// `x mod p`, canonical: `2^64 = 2^32 - 1` and `2^96 = -1` modulo p.
#[inline(always)]
pub(super) const fn reduce_u128(x: u128) -> u64 {
    let (low, high) = (x as u64, (x >> 64) as u64);
    let (top, middle) = (high >> 32, high & TWO_64);
    // top < 2^32; after a borrow the difference is at least 2^64 - 2^32, so the second one is exact.
    let (mut t, borrow) = low.overflowing_sub(top);
    if borrow {
        t = t.wrapping_sub(TWO_64);
    }
    // middle * (2^32 - 1) <= (2^32 - 1)^2; after a carry the sum is below 2^64 - 2^33.
    let (sum, carry) = t.overflowing_add(middle * TWO_64);
    canonical(if carry { sum.wrapping_add(TWO_64) } else { sum })
}

const fn raw(value: u64) -> Goldilocks {
    Goldilocks::new_unchecked(BigInt([value]))
}

/// Montgomery form of a small constant.
const fn constant(value: u64) -> Goldilocks {
    raw(reduce_u128((value as u128) << 64))
}

impl MontConfig<1> for GoldilocksConfig {
    const MODULUS: BigInt<1> = BigInt([P]);
    const GENERATOR: Goldilocks = constant(7);
    /// `7^((p - 1) / 2^32)`.
    const TWO_ADIC_ROOT_OF_UNITY: Goldilocks = constant(1_753_635_133_440_165_772);

    #[inline(always)]
    fn add_assign(a: &mut Goldilocks, b: &Goldilocks) {
        *a = raw(add(a.0.0[0], b.0.0[0]));
    }
    #[inline(always)]
    fn sub_assign(a: &mut Goldilocks, b: &Goldilocks) {
        *a = raw(sub(a.0.0[0], b.0.0[0]));
    }
    #[inline(always)]
    fn double_in_place(a: &mut Goldilocks) {
        *a = raw(add(a.0.0[0], a.0.0[0]));
    }
    #[inline(always)]
    fn neg_in_place(a: &mut Goldilocks) {
        *a = raw(sub(0, a.0.0[0]));
    }
    #[inline(always)]
    fn mul_assign(a: &mut Goldilocks, b: &Goldilocks) {
        *a = raw(mul(a.0.0[0], b.0.0[0]));
    }
    #[inline(always)]
    fn square_in_place(a: &mut Goldilocks) {
        *a = raw(mul(a.0.0[0], a.0.0[0]));
    }
    #[inline(always)]
    fn into_bigint(a: Goldilocks) -> BigInt<1> {
        BigInt([montgomery_reduce(u128::from(a.0.0[0]))])
    }
    /// `a^(p - 2)`; zero has no inverse.
    fn inverse(a: &Goldilocks) -> Option<Goldilocks> {
        (a.0.0[0] != 0).then(|| a.pow([P - 2]))
    }
    fn sum_of_products<const M: usize>(a: &[Goldilocks; M], b: &[Goldilocks; M]) -> Goldilocks {
        a.iter().zip(b).map(|(a, b)| *a * b).sum()
    }
}

impl QuadExtConfig for Goldilocks2Config {
    type BasePrimeField = Goldilocks;
    type BaseField = Goldilocks;
    type FrobCoeff = Goldilocks;

    const DEGREE_OVER_BASE_PRIME_FIELD: usize = 2;
    const NONRESIDUE: Goldilocks = constant(7);
    /// 7 generates the group, so `7^((p - 1) / 2) = -1`.
    const FROBENIUS_COEFF_C1: &[Goldilocks] = &[constant(1), constant(P - 1)];

    #[inline(always)]
    fn mul_base_field_by_frob_coeff(fe: &mut Goldilocks, power: usize) {
        *fe *= &Self::FROBENIUS_COEFF_C1[power % 2];
    }
}

/// `value + carries * 2^128`: a sum of products below `2^128`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WideSum {
    value: u128,
    carries: u64,
}

impl WideSum {
    #[inline(always)]
    fn add(&mut self, product: u128) {
        let (value, carry) = self.value.overflowing_add(product);
        self.value = value;
        self.carries += u64::from(carry);
    }

    /// Adds `sum * 2^bits`; the sum is below `2^67`, and `bits` at most 76.
    #[inline(always)]
    pub(super) fn add_shifted(&mut self, sum: u128, bits: u32) {
        // Below 2^15, and nothing where no bit of the sum is shifted out.
        self.carries += ((sum >> 1) >> (127 - bits)) as u64;
        self.add(sum << bits);
    }

    /// The sum divided by `2^64` modulo p, canonical.
    #[inline(always)]
    fn montgomery_reduce(&self) -> u64 {
        // carries * 2^128 / 2^64 = carries * 2^64, which is carries * (2^32 - 1) modulo p.
        let high = reduce_u128(u128::from(self.carries) * u128::from(TWO_64));
        add(canonical(montgomery_reduce(self.value)), high)
    }
}

impl sealed::Sealed for Goldilocks2 {}

const LIMB_MASK: u64 = (1 << 22) - 1;

const _: () = {
    // The middle sum takes two products at a time, and each carries once at most.
    assert!(2 * MAX_PRODUCTS as u128 <= u64::MAX as u128);
    // `reduce_dot`: a weight is below 2^64, and so many values sum to below 2^63.
    assert!(u64::MAX as u128 * (MAX_DOT_ROWS as u128 * 0xffff_ffff) < 1 << 127);
};

impl WeightField for Goldilocks2 {
    const LIMBS: usize = 6;
    const LIMB_BITS: u32 = 22;
    const COORDS: usize = 2;
    /// Sums of `a0 b0`, `a1 b1` and `a0 b1 + a1 b0`.
    type Accumulator = [WideSum; 3];

    #[inline(always)]
    fn split(&self) -> [u32; MAX_LIMBS] {
        let mut limbs = [0; MAX_LIMBS];
        for (c, word) in [self.c0.0.0[0], self.c1.0.0[0]].into_iter().enumerate() {
            for k in 0..3 {
                limbs[3 * c + k] = (word >> (22 * k) & LIMB_MASK) as u32;
            }
        }
        limbs
    }

    fn reduce_sums(sums: &[i128; MAX_SUMS], stride: usize) -> Self {
        let coordinate = |sums: &[i128]| {
            let mut acc = 0;
            for sum in sums.iter().rev() {
                acc = reduce_u128(u128::from(acc) << 22);
                let magnitude = reduce_u128(sum.unsigned_abs());
                acc = if *sum < 0 {
                    sub(acc, magnitude)
                } else {
                    add(acc, magnitude)
                };
            }
            raw(acc)
        };
        Self::new(
            coordinate(&sums[..stride]),
            coordinate(&sums[stride..2 * stride]),
        )
    }

    #[inline(always)]
    fn reduce_dot(sums: &[u128; MAX_LIMBS]) -> Self {
        // A weight is below 2^64 and the values sum to below 2^63: the total fits 127 bits.
        let coordinate = |s: &[u128]| raw(reduce_u128(s[0] + (s[1] << 22) + (s[2] << 44)));
        Self::new(coordinate(&sums[..3]), coordinate(&sums[3..6]))
    }

    #[inline(always)]
    fn reduce_lanes<L: Lanes>(isa: L, banks: &[[L::Wide; MAX_LIMBS]], out: &mut [Self; 8]) {
        // The values of an output sum to at most 2^39, so that all banks together fit the lanes.
        const { assert!(Self::LIMB_BITS + REDUCE_LANES_LOG2 <= 64) };
        let (first, others) = banks.split_first().expect("a bank");
        let mut lanes = [[0; 8]; MAX_LIMBS];
        for limb in 0..Self::LIMBS {
            let mut sum = first[limb];
            for bank in others {
                sum = isa.wide_add(sum, bank[limb]);
            }
            lanes[limb] = isa.wide_to_array(sum);
        }
        for (lane, out) in out.iter_mut().enumerate() {
            let mut sums = [0; MAX_LIMBS];
            for limb in 0..Self::LIMBS {
                sums[limb] = u128::from(lanes[limb][lane]);
            }
            *out = Self::reduce_dot(&sums);
        }
    }

    #[inline(always)]
    fn short_factors<const ROWS: usize>(
        weights: &[[u32; MAX_LIMBS]; ROWS],
    ) -> ShortFactors<u64, ROWS> {
        short::factors(weights)
    }

    #[inline(always)]
    fn dot_short<D: WordLanes, const ROWS: usize>(
        isa: D,
        factors: &ShortFactors<D::Words, ROWS>,
        rows: [D::Words; ROWS],
        highest: D::Words,
        out: &mut [Self],
    ) -> D::Words {
        short::dot(isa, factors, rows, out);
        highest
    }

    #[inline(always)]
    fn mul_inline(&self, other: &Self) -> Self {
        let [a0, a1] = [self.c0.0.0[0], self.c1.0.0[0]];
        let [b0, b1] = [other.c0.0.0[0], other.c1.0.0[0]].map(u128::from);
        let a1_sevenfold = u128::from(times_seven(a1));
        let (a0, a1) = (u128::from(a0), u128::from(a1));
        Self::new(
            raw(montgomery_reduce_sum(a0 * b0, a1_sevenfold * b1)),
            raw(montgomery_reduce_sum(a0 * b1, a1 * b0)),
        )
    }

    #[inline(always)]
    fn accumulate(acc: &mut [WideSum; 3], a: &Self, b: &Self) {
        let [a0, a1] = [a.c0.0.0[0], a.c1.0.0[0]].map(u128::from);
        let [b0, b1] = [b.c0.0.0[0], b.c1.0.0[0]].map(u128::from);
        acc[0].add(a0 * b0);
        acc[1].add(a1 * b1);
        acc[2].add(a0 * b1);
        acc[2].add(a1 * b0);
    }

    #[inline(always)]
    fn merge(acc: &mut [WideSum; 3], other: &[WideSum; 3]) {
        for (mine, theirs) in acc.iter_mut().zip(other) {
            mine.add(theirs.value);
            mine.carries += theirs.carries;
        }
    }

    #[inline(always)]
    fn reduce(acc: &[WideSum; 3]) -> Self {
        let [s00, s11, s01] = acc.map(|sum| sum.montgomery_reduce());
        let doubled = add(s11, s11);
        let sevenfold = sub(add(add(doubled, doubled), add(doubled, doubled)), s11);
        Self::new(raw(add(s00, sevenfold)), raw(s01))
    }

    #[inline(always)]
    fn bind_low<L: Lanes>(isa: L, table: &mut [Self], r: Self) {
        if L::Dense::FASTER {
            isa.run(
                #[inline(always)]
                || rounds::bind(isa.dense(), table, r),
            );
        } else {
            fold::bind(table, r);
        }
    }

    #[inline(always)]
    fn evaluate_low<L: Lanes>(
        isa: L,
        a: &[Self],
        b: &[Self],
        eq: EqFactors<'_, Self>,
    ) -> [Self; 2] {
        if L::Dense::FASTER {
            isa.run(
                #[inline(always)]
                || rounds::evaluate(isa.dense(), a, b, eq),
            )
        } else {
            fold::evaluate(a, b, eq)
        }
    }

    #[inline(always)]
    fn bind_evaluate_low<L: Lanes>(
        isa: L,
        a: &mut [Self],
        b: &mut [Self],
        r: Self,
        eq: EqFactors<'_, Self>,
    ) -> [Self; 2] {
        if L::Dense::FASTER {
            isa.run(
                #[inline(always)]
                || rounds::bind_evaluate(isa.dense(), a, b, r, eq),
            )
        } else {
            fold::bind_evaluate(a, b, r, eq)
        }
    }

    #[inline(always)]
    fn round_accumulate<L: Lanes>(
        isa: L,
        factors: &[&[Self]],
        weights: &[Self],
        skip_one: bool,
        sums: &mut [[WideSum; 3]],
    ) {
        match (factors, sums) {
            // What is neither at 0 nor at infinity follows from the claim.
            ([a, b], [zero, _, infinity]) if skip_one && L::Dense::FASTER => isa.run(
                #[inline(always)]
                || rounds::accumulate_ends(isa.dense(), [a, b], weights, [zero, infinity]),
            ),
            (_, sums) => isa.run_scalar(
                #[inline(always)]
                || round::round_accumulate(factors, weights, skip_one, sums),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::{FftField, One, PrimeField, Zero};

    /// Values around every boundary of the modulus and of 32-bit halves.
    const SPECIAL: [u64; 12] = [
        0,
        1,
        2,
        7,
        0xffff_ffff,
        1 << 32,
        (1 << 32) + 1,
        1 << 63,
        P - (1 << 32),
        P - 2,
        P - 1,
        0x1234_5678_9abc_def0,
    ];

    #[test]
    fn arithmetic_agrees_with_u128_remainders() {
        for a in SPECIAL {
            for b in SPECIAL {
                let (x, y) = (Goldilocks::from(a), Goldilocks::from(b));
                let modulo = |v: u128| (v % u128::from(P)) as u64;
                assert_eq!(
                    (x + y).into_bigint().0[0],
                    modulo(u128::from(a) + u128::from(b))
                );
                assert_eq!(
                    (x * y).into_bigint().0[0],
                    modulo(u128::from(a) * u128::from(b))
                );
                let difference = u128::from(a) + u128::from(P) - u128::from(b);
                assert_eq!((x - y).into_bigint().0[0], modulo(difference));
            }
            let x = Goldilocks::from(a);
            assert_eq!((x + -x).into_bigint().0[0], 0);
            if !x.is_zero() {
                assert!((x * x.inverse().unwrap()).is_one());
            }
        }
    }

    #[test]
    fn sevenfold_and_sums_of_products_agree_with_u128_remainders() {
        let sevenths = (1..7u64).map(|k| (u128::from(k) << 64) / 7);
        let near = sevenths.flat_map(|x| [x as u64 - 1, x as u64, x as u64 + 1]);
        for a in near.chain(SPECIAL) {
            let exact = (u128::from(a) * 7 % u128::from(P)) as u64;
            assert_eq!(canonical(times_seven(a)), exact, "{a:#x}");
        }
        for a in SPECIAL {
            for b in SPECIAL {
                for b in [b, u64::MAX] {
                    let (x, y) = (u128::from(a) * u128::from(b), u128::from(P - 1) << 64);
                    for y in [y, y | u128::from(u64::MAX), x] {
                        let parts = add(montgomery_reduce(x), montgomery_reduce(y));
                        assert_eq!(montgomery_reduce_sum(x, y), parts, "{x:#x} + {y:#x}");
                    }
                }
            }
        }
    }

    #[test]
    fn constants_are_what_they_claim() {
        let generator = Goldilocks::from(7u64);
        assert_eq!(GoldilocksConfig::GENERATOR, generator);
        // p - 1 = 2^32 * 3 * 5 * 17 * 257 * 65537.
        for prime in [2, 3, 5, 17, 257, 65537] {
            assert!(!generator.pow([(P - 1) / prime]).is_one());
        }
        assert_eq!(
            Goldilocks::TWO_ADIC_ROOT_OF_UNITY,
            generator.pow([(P - 1) >> 32])
        );
        assert_eq!(Goldilocks::TWO_ADICITY, 32);
        let root = Goldilocks2::new(Goldilocks::zero(), Goldilocks::one());
        assert_eq!(root.square(), Goldilocks2::from(7u64));
        let mut conjugate = Goldilocks2::new(Goldilocks::from(3u64), Goldilocks::from(5u64));
        let power = conjugate.pow([P]);
        conjugate.frobenius_map_in_place(1);
        assert_eq!(power, conjugate);
    }
}
