//! The portable tier: the lane vocabulary over crate `wide`, which picks its instructions at build
//! time (SSE2 in a plain x86-64 build, AVX2 or NEON where the build allows them).
//!
//! With SSE2 alone it is the faster of the two tiers that need nothing of the processor for dots, and the
//! slower one for integer grids, whose signed products and shifts SSE2 takes apart. It is not what
//! `Tier::detect` chooses where there is AVX2, and kept whole: one tier for all of a table's kernels.

use super::scalar::Scalar;
use crate::lanes::{Group, Lanes, WideGroup};
use bytemuck::cast;
use wide::{i32x4, u8x16, u16x8, u32x4, u32x8, u64x4};

/// Crate `wide`; needs nothing of the processor beyond what the build targets.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

/// Low four and high four lanes.
type Halves = [u32x4; 2];
type WideHalves = [u64x4; 2];

const LOW: u64x4 = u64x4::new([0xffff_ffff; 4]);

/// Whether `wide` multiplies signed lanes one by one.
const NO_SIGNED_MUL: bool = cfg!(all(target_feature = "sse2", not(target_feature = "sse4.1")));

/// Where the signed multiplication would be four scalar ones, the unsigned one is corrected: a negative
/// factor was read as `2^32` too large, and the product is too large by as many of the other.
#[inline(always)]
fn signed_mul(a: u32x4, b: u32x4) -> u64x4 {
    let (signed_a, signed_b): (i32x4, i32x4) = (cast(a), cast(b));
    if NO_SIGNED_MUL {
        let excess =
            (cast::<i32x4, u32x4>(signed_a >> 31) & b) + (cast::<i32x4, u32x4>(signed_b >> 31) & a);
        a.widening_mul(b) - (zero_extend(excess) << 32)
    } else {
        cast(signed_a.widening_mul(signed_b))
    }
}

/// As `signed_mul`, `a` being no negative factor.
#[inline(always)]
fn half_signed_mul(a: u32x4, b: u32x4) -> u64x4 {
    if NO_SIGNED_MUL {
        let negative: u32x4 = cast(cast::<u32x4, i32x4>(b) >> 31);
        a.widening_mul(b) - (zero_extend(negative & a) << 32)
    } else {
        signed_mul(a, b)
    }
}

#[inline(always)]
fn low_words(x: u64x4) -> u32x4 {
    let words: [u64; 4] = cast(x);
    u32x4::new(words.map(|word| word as u32))
}

#[inline(always)]
fn zero_extend(x: u32x4) -> u64x4 {
    let words: [u32; 4] = cast(x);
    u64x4::new(words.map(u64::from))
}

impl Lanes for Portable {
    type U32 = u32x8;
    type Pair = Halves;
    type Mask = u32x8;
    type Sum = u64x4;
    type Wide = WideHalves;
    /// Without AVX2 words are faster in general registers.
    type Dense = Scalar;

    const REGISTERS: usize = 16;

    #[inline(always)]
    fn dense(self) -> Scalar {
        Scalar
    }
    #[inline(always)]
    fn run<R>(self, body: impl FnOnce() -> R) -> R {
        body()
    }
    #[inline(always)]
    fn run_scalar<R>(self, body: impl FnOnce() -> R) -> R {
        body()
    }
    #[inline(always)]
    fn load(self, rows: &[u32; 8]) -> u32x8 {
        u32x8::new(*rows)
    }
    #[inline(always)]
    fn zero(self) -> u32x8 {
        u32x8::ZERO
    }
    #[inline(always)]
    fn load_group(self, group: &Group) -> u32x8 {
        u32x8::new(group.0)
    }
    #[inline(always)]
    fn load_pair(self, groups: &[Group; 2]) -> Halves {
        cast(groups[0].0)
    }
    #[inline(always)]
    fn load_u16(self, rows: &[u16; 8]) -> u32x8 {
        u32x8::new(rows.map(u32::from))
    }
    #[inline(always)]
    fn load_u8(self, rows: &[u8; 8]) -> u32x8 {
        let bytes: u8x16 = cast([u64::from_le_bytes(*rows), 0]);
        u32x8::from(u16x8::from_u8x16_low(bytes))
    }
    #[inline(always)]
    fn mask_bits(self, bits: u8) -> u32x8 {
        let lane_bit = u32x8::new([1, 2, 4, 8, 16, 32, 64, 128]);
        let present = u32x8::splat(u32::from(bits)) & lane_bit;
        present.simd_eq(lane_bit)
    }
    #[inline(always)]
    fn mask_add(self, acc: u32x8, mask: u32x8, x: u32x8) -> u32x8 {
        acc + (mask & x)
    }
    #[inline(always)]
    fn deinterleave(self, a: u32x8, b: u32x8) -> [u32x8; 2] {
        let lanes: [[u32; 2]; 8] = cast([a, b]);
        [
            u32x8::new(lanes.map(|pair| pair[0])),
            u32x8::new(lanes.map(|pair| pair[1])),
        ]
    }
    #[inline(always)]
    fn transpose(self, rows: [u32x8; 8]) -> [u32x8; 8] {
        u32x8::transpose(rows)
    }
    #[inline(always)]
    fn split(self, x: u32x8) -> Halves {
        cast(x)
    }
    #[inline(always)]
    fn splat_pair(self, x: u32) -> Halves {
        [u32x4::splat(x); 2]
    }
    #[inline(always)]
    fn sum_zero(self) -> u64x4 {
        u64x4::ZERO
    }
    #[inline(always)]
    fn mul_add(self, acc: u64x4, a: Halves, b: Halves) -> u64x4 {
        acc + a[0].widening_mul(b[0]) + a[1].widening_mul(b[1])
    }
    #[inline(always)]
    fn mul_add_signed(self, acc: u64x4, a: Halves, b: Halves) -> u64x4 {
        acc + half_signed_mul(a[0], b[0]) + half_signed_mul(a[1], b[1])
    }
    #[inline(always)]
    fn widen_add(self, acc: u64x4, x: u32x8) -> u64x4 {
        let pairs: u64x4 = cast(x);
        acc + (pairs & LOW) + (pairs >> 32)
    }
    #[inline(always)]
    fn sum_add(self, a: u64x4, b: u64x4) -> u64x4 {
        a + b
    }
    #[inline(always)]
    fn sum_low(self, a: u64x4) -> u64x4 {
        a & LOW
    }
    #[inline(always)]
    fn sum_high(self, a: u64x4) -> u64x4 {
        a >> 32
    }
    #[inline(always)]
    fn sum_to_array(self, a: u64x4) -> [u64; 4] {
        cast(a)
    }
    #[inline(always)]
    fn sum_from_array(self, a: &[u64; 4]) -> u64x4 {
        u64x4::new(*a)
    }
    #[inline(always)]
    fn wide_zero(self) -> WideHalves {
        [u64x4::ZERO; 2]
    }
    #[inline(always)]
    fn widen(self, x: Halves) -> WideHalves {
        x.map(zero_extend)
    }
    #[inline(always)]
    fn narrow(self, x: WideHalves) -> Halves {
        x.map(low_words)
    }
    #[inline(always)]
    fn wide_add(self, a: WideHalves, b: WideHalves) -> WideHalves {
        [a[0] + b[0], a[1] + b[1]]
    }
    #[inline(always)]
    fn wide_sub(self, a: WideHalves, b: WideHalves) -> WideHalves {
        [a[0] - b[0], a[1] - b[1]]
    }
    #[inline(always)]
    fn wide_and(self, a: WideHalves, mask: u64) -> WideHalves {
        a.map(|half| half & u64x4::splat(mask))
    }
    #[inline(always)]
    fn wide_shl(self, a: WideHalves, bits: u32) -> WideHalves {
        [a[0] << bits, a[1] << bits]
    }
    #[inline(always)]
    fn wide_shr(self, a: WideHalves, bits: u32) -> WideHalves {
        [a[0] >> bits, a[1] >> bits]
    }
    #[inline(always)]
    fn wide_mul(self, a: Halves, b: Halves) -> WideHalves {
        [a[0].widening_mul(b[0]), a[1].widening_mul(b[1])]
    }
    #[inline(always)]
    fn wide_mul_signed(self, a: Halves, b: Halves) -> WideHalves {
        [signed_mul(a[0], b[0]), signed_mul(a[1], b[1])]
    }
    #[inline(always)]
    fn wide_load(self, group: &WideGroup) -> WideHalves {
        cast(group.0)
    }
    #[inline(always)]
    fn wide_store(self, a: WideHalves, group: &mut WideGroup) {
        group.0 = cast(a);
    }
    #[inline(always)]
    fn wide_to_array(self, a: WideHalves) -> [u64; 8] {
        cast(a)
    }
    #[inline(always)]
    fn wide_any_above(self, a: WideHalves, limit: u64) -> bool {
        self.wide_to_array(a).iter().any(|lane| *lane > limit)
    }
    #[inline(always)]
    fn wide_transpose(self, words: [WideHalves; 4]) -> [[u64; 4]; 8] {
        let words: [[u64; 8]; 4] = cast(words);
        std::array::from_fn(|lane| words.map(|word| word[lane]))
    }
}
