//! The fields a weight may live in, and how a weight is cut into limbs.
//!
//! In: `ark_ff` field elements. Out: limbs below `2^LIMB_BITS` that fit a 32x32 multiply, and the
//! way back from integer sums of limb products to one field element. It knows nothing of vectors.
//!
//! Limbs are taken from the Montgomery representation as it lies in memory. Because
//! `sum(w * x) * R = sum((w * R) * x)` for plain integers `x`, a sum of `limb * value` products is
//! already the Montgomery form of the result: one reduction modulo p, no Montgomery step.

mod bn254;
mod bn254_lanes;
mod bn254_short;
mod bn254_single;
mod goldilocks;
mod goldilocks_lanes;
mod goldilocks_rounds;
mod goldilocks_short;

pub use goldilocks::{Goldilocks, Goldilocks2, Goldilocks2Config, GoldilocksConfig};

use crate::fold::{self, EqFactors};
use crate::lanes::Lanes;
use crate::prefix_short::ShortFactors;
use crate::round;
use crate::word_lanes::WordLanes;
use ark_bn254::Fr;
use ark_ff::{Field, PrimeField};

/// Most limbs a weight of any field has.
pub const MAX_LIMBS: usize = 10;

/// Most limb sums a reduction takes (limbs times value pieces, see `grid_int`).
pub const MAX_SUMS: usize = 16;

/// Most rows one dot product may run over: `2^31` values of 32 bits keep every sum in range.
pub const MAX_DOT_ROWS: usize = 1 << 31;

/// log2 of the sum of values one output of `reduce_lanes` may have.
pub(crate) const REDUCE_LANES_LOG2: u32 = 39;
/// Banks `reduce_lanes` takes at most.
pub(crate) const REDUCE_LANES_BANKS: usize = 4;

/// Most products one [`WeightField::Accumulator`] may hold.
pub const MAX_PRODUCTS: u64 = 1 << 60;

pub(crate) mod sealed {
    /// Closes `WeightField`: limb widths and reductions are proven for the fields listed here.
    pub trait Sealed {}
}

/// A field whose elements the kernels can use as weights of integer columns.
///
/// Sealed. Implemented for BN254 `Fr` (one coordinate of ten 26-bit limbs) and for the quadratic
/// extension of Goldilocks (two coordinates of three 22-bit limbs).
pub trait WeightField: Field + sealed::Sealed {
    /// Limbs of one element; coordinate `c` owns limbs `c * LIMBS / COORDS ..`.
    const LIMBS: usize;
    /// Bits per limb.
    const LIMB_BITS: u32;
    /// Coordinates over the prime field.
    const COORDS: usize;
    /// Bits of the number of elements, rounded down: what a uniform challenge is drawn from.
    const CHALLENGE_BITS: u32 = <Self::BasePrimeField as PrimeField>::MODULUS_BIT_SIZE
        * Self::COORDS as u32
        - Self::COORDS as u32;
    /// Unreduced sum of products of two field elements.
    type Accumulator: Copy + Default + Send + Sync + std::fmt::Debug;

    /// Cuts the Montgomery representation into limbs, low limb first; entries from `LIMBS` on are
    /// zero. Each limb lies in `[0, 2^LIMB_BITS)`.
    fn split(&self) -> [u32; MAX_LIMBS];

    /// `sum over k of sums[c * stride + k] * 2^(LIMB_BITS * k)` per coordinate `c`, read as a
    /// Montgomery representation and reduced.
    ///
    /// Any `i128` below `2^126` in magnitude is accepted.
    fn reduce_sums(sums: &[i128; MAX_SUMS], stride: usize) -> Self;

    /// As `reduce_sums` with `stride = LIMBS / COORDS`, for the sums of one dot product:
    /// each sum lies in `[0, 2^90)` and the whole value below `p * 2^64`.
    fn reduce_dot(sums: &[u128; MAX_LIMBS]) -> Self;

    /// `reduce_dot` of eight lanes at once: lane k of limb j summed over the banks is sum j of
    /// `out[k]`. Lanes are below `2^63`, at most four banks, and the values of the products'
    /// `u32` factors sum to at most `2^REDUCE_LANES_LOG2` per output.
    #[doc(hidden)]
    fn reduce_lanes<L: Lanes>(isa: L, banks: &[[L::Wide; MAX_LIMBS]], out: &mut [Self; 8]);

    /// What the rows of a prefix are multiplied by, from their weights' limbs.
    #[doc(hidden)]
    fn short_factors<const ROWS: usize>(
        weights: &[[u32; MAX_LIMBS]; ROWS],
    ) -> ShortFactors<u64, ROWS>;

    /// Blocks of a short prefix, a lane each, rows in the low halves: one output per block, the lanes
    /// being in the order of `prefix_short::block_of_lane`. The result is `highest`, and what
    /// `finish_short` has to know of these outputs.
    #[doc(hidden)]
    fn dot_short<D: WordLanes, const ROWS: usize>(
        isa: D,
        factors: &ShortFactors<D::Words, ROWS>,
        rows: [D::Words; ROWS],
        highest: D::Words,
        out: &mut [Self],
    ) -> D::Words;

    /// Makes outputs of `dot_short` canonical, where any may not be.
    #[doc(hidden)]
    #[inline(always)]
    fn finish_short<D: WordLanes, const ROWS: usize>(
        _isa: D,
        _highest: D::Words,
        _out: &mut [Self],
    ) {
    }

    /// `self * other`, inlined into the calling tier.
    fn mul_inline(&self, other: &Self) -> Self;

    /// `acc += a * b` without reduction. Exact for up to [`MAX_PRODUCTS`].
    fn accumulate(acc: &mut Self::Accumulator, a: &Self, b: &Self);

    /// `acc += other`; the products of both count towards the bound of `accumulate`.
    fn merge(acc: &mut Self::Accumulator, other: &Self::Accumulator);

    /// The field element an accumulator stands for.
    fn reduce(acc: &Self::Accumulator) -> Self;

    /// The kernel of this name. Fields whose elements fill general registers use those.
    #[doc(hidden)]
    #[inline(always)]
    fn bind_low<L: Lanes>(isa: L, table: &mut [Self], r: Self) {
        isa.run_scalar(
            #[inline(always)]
            || fold::bind(table, r),
        );
    }

    /// The kernel of this name.
    #[doc(hidden)]
    #[inline(always)]
    fn evaluate_low<L: Lanes>(
        isa: L,
        a: &[Self],
        b: &[Self],
        eq: EqFactors<'_, Self>,
    ) -> [Self; 2] {
        isa.run_scalar(
            #[inline(always)]
            || fold::evaluate(a, b, eq),
        )
    }

    /// The kernel of this name.
    #[doc(hidden)]
    #[inline(always)]
    fn bind_evaluate_low<L: Lanes>(
        isa: L,
        a: &mut [Self],
        b: &mut [Self],
        r: Self,
        eq: EqFactors<'_, Self>,
    ) -> [Self; 2] {
        isa.run_scalar(
            #[inline(always)]
            || fold::bind_evaluate(a, b, r, eq),
        )
    }

    /// The kernel of this name.
    #[doc(hidden)]
    #[inline(always)]
    fn round_accumulate<L: Lanes>(
        isa: L,
        factors: &[&[Self]],
        weights: &[Self],
        skip_one: bool,
        sums: &mut [Self::Accumulator],
    ) {
        isa.run_scalar(
            #[inline(always)]
            || round::round_accumulate(factors, weights, skip_one, sums),
        );
    }
}

/// Rows one tile may add up in 64-bit lanes before the sums are split: two products of
/// `LIMB_BITS + value_bits` bits per eight rows enter each of four lanes. Not more than 4096, which
/// makes the splits too rare to matter and the bound short enough to be reached by a test.
pub(crate) const fn tile_rows<F: WeightField>(value_bits: u32) -> usize {
    4 << at_most((64 - F::LIMB_BITS - value_bits) as usize, 10)
}

/// The smaller one.
pub(crate) const fn at_most(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

/// Whether so many products of the largest limb and value fit a 64-bit lane.
pub(crate) const fn fits_lane(products: u64, limb_bits: u32, value_bits: u32) -> bool {
    let product = ((1u128 << limb_bits) - 1) * ((1 << value_bits) - 1);
    products as u128 * product < 1 << 64
}

const _: () = {
    assert!(tile_rows::<Fr>(32) == 256 && fits_lane(256 / 4, 26, 32));
    assert!(tile_rows::<Fr>(16) == 4096 && fits_lane(4096 / 4, 26, 16));
    assert!(tile_rows::<Fr>(8) == 4096 && fits_lane(4096 / 4, 26, 8));
    assert!(tile_rows::<Goldilocks2>(32) == 4096 && fits_lane(4096 / 4, 22, 32));
    assert!(tile_rows::<Goldilocks2>(16) == 4096 && fits_lane(4096 / 4, 22, 16));
    assert!(tile_rows::<Goldilocks2>(8) == 4096 && fits_lane(4096 / 4, 22, 8));
    // One sum of `reduce_dot`, and the value of all: a weight is below p, the values add to 2^63.
    let values = MAX_DOT_ROWS as u128 * 0xffff_ffff;
    assert!(values < 1 << 63 && values * ((1 << 26) - 1) < 1 << 90);
};

/// Limbs per coordinate.
pub(crate) const fn limbs_per_coord<F: WeightField>() -> usize {
    assert!(F::LIMBS.is_multiple_of(F::COORDS) && F::LIMBS <= MAX_LIMBS);
    F::LIMBS / F::COORDS
}

/// `a + b + carry` with carry out.
#[inline(always)]
pub(crate) const fn add_carry(a: u64, b: u64, carry: &mut u64) -> u64 {
    let t = a as u128 + b as u128 + *carry as u128;
    *carry = (t >> 64) as u64;
    t as u64
}

/// `a - b - borrow` with borrow out (0 or 1).
#[inline(always)]
pub(crate) const fn sub_borrow(a: u64, b: u64, borrow: &mut u64) -> u64 {
    let (t, first) = a.overflowing_sub(b);
    let (t, second) = t.overflowing_sub(*borrow);
    *borrow = (first | second) as u64;
    t
}

/// `a + b * c + carry` with carry out; the total is below `2^128`.
#[inline(always)]
pub(crate) const fn mul_carry(a: u64, b: u64, c: u64, carry: &mut u64) -> u64 {
    let t = a as u128 + b as u128 * c as u128 + *carry as u128;
    *carry = (t >> 64) as u64;
    t as u64
}
