//! The scalar tier: the lane vocabulary as plain array loops. Always available; used under Miri.

use crate::lanes::{Group, Lanes, WideGroup};
use crate::word_lanes::WordLanes;

/// Plain Rust; needs nothing of the processor.
#[derive(Clone, Copy, Debug)]
pub struct Scalar;

type Eight = [u32; 8];

impl Lanes for Scalar {
    type U32 = Eight;
    type Pair = Eight;
    type Mask = Eight;
    type Sum = [u64; 4];
    type Wide = [u64; 8];
    type Dense = Self;

    const REGISTERS: usize = 16;

    #[inline(always)]
    fn dense(self) -> Self {
        self
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
    fn load(self, rows: &Eight) -> Eight {
        *rows
    }
    #[inline(always)]
    fn zero(self) -> Eight {
        [0; 8]
    }
    #[inline(always)]
    fn load_group(self, group: &Group) -> Eight {
        group.0
    }
    #[inline(always)]
    fn load_pair(self, groups: &[Group; 2]) -> Eight {
        groups[0].0
    }
    #[inline(always)]
    fn load_u16(self, rows: &[u16; 8]) -> Eight {
        rows.map(u32::from)
    }
    #[inline(always)]
    fn load_u8(self, rows: &[u8; 8]) -> Eight {
        rows.map(u32::from)
    }
    #[inline(always)]
    fn mask_bits(self, bits: u8) -> Eight {
        std::array::from_fn(|k| 0u32.wrapping_sub(u32::from(bits >> k & 1)))
    }
    #[inline(always)]
    fn mask_add(self, acc: Eight, mask: Eight, x: Eight) -> Eight {
        std::array::from_fn(|k| acc[k].wrapping_add(mask[k] & x[k]))
    }
    #[inline(always)]
    fn deinterleave(self, a: Eight, b: Eight) -> [Eight; 2] {
        let at = |k: usize| if k < 8 { a[k] } else { b[k - 8] };
        [
            std::array::from_fn(|k| at(2 * k)),
            std::array::from_fn(|k| at(2 * k + 1)),
        ]
    }
    #[inline(always)]
    fn transpose(self, rows: [Eight; 8]) -> [Eight; 8] {
        std::array::from_fn(|i| std::array::from_fn(|k| rows[k][i]))
    }
    #[inline(always)]
    fn split(self, x: Eight) -> Eight {
        x
    }
    #[inline(always)]
    fn splat_pair(self, x: u32) -> Eight {
        [x; 8]
    }
    #[inline(always)]
    fn sum_zero(self) -> [u64; 4] {
        [0; 4]
    }
    #[inline(always)]
    fn mul_add(self, acc: [u64; 4], a: Eight, b: Eight) -> [u64; 4] {
        let p = self.wide_mul(a, b);
        std::array::from_fn(|k| acc[k].wrapping_add(p[k]).wrapping_add(p[k + 4]))
    }
    #[inline(always)]
    fn mul_add_signed(self, acc: [u64; 4], a: Eight, b: Eight) -> [u64; 4] {
        let p = self.wide_mul_signed(a, b);
        std::array::from_fn(|k| acc[k].wrapping_add(p[k]).wrapping_add(p[k + 4]))
    }
    #[inline(always)]
    fn widen_add(self, acc: [u64; 4], x: Eight) -> [u64; 4] {
        std::array::from_fn(|k| {
            acc[k]
                .wrapping_add(u64::from(x[k]))
                .wrapping_add(u64::from(x[k + 4]))
        })
    }
    #[inline(always)]
    fn sum_add(self, a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
        std::array::from_fn(|k| a[k].wrapping_add(b[k]))
    }
    #[inline(always)]
    fn sum_low(self, a: [u64; 4]) -> [u64; 4] {
        a.map(|lane| lane & 0xffff_ffff)
    }
    #[inline(always)]
    fn sum_high(self, a: [u64; 4]) -> [u64; 4] {
        a.map(|lane| lane >> 32)
    }
    #[inline(always)]
    fn sum_to_array(self, a: [u64; 4]) -> [u64; 4] {
        a
    }
    #[inline(always)]
    fn sum_from_array(self, a: &[u64; 4]) -> [u64; 4] {
        *a
    }
    #[inline(always)]
    fn wide_zero(self) -> [u64; 8] {
        [0; 8]
    }
    #[inline(always)]
    fn widen(self, x: Eight) -> [u64; 8] {
        x.map(u64::from)
    }
    #[inline(always)]
    fn narrow(self, x: [u64; 8]) -> Eight {
        x.map(|lane| lane as u32)
    }
    #[inline(always)]
    fn wide_add(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        std::array::from_fn(|k| a[k].wrapping_add(b[k]))
    }
    #[inline(always)]
    fn wide_sub(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        std::array::from_fn(|k| a[k].wrapping_sub(b[k]))
    }
    #[inline(always)]
    fn wide_and(self, a: [u64; 8], mask: u64) -> [u64; 8] {
        a.map(|lane| lane & mask)
    }
    #[inline(always)]
    fn wide_shl(self, a: [u64; 8], bits: u32) -> [u64; 8] {
        a.map(|lane| lane << bits)
    }
    #[inline(always)]
    fn wide_shr(self, a: [u64; 8], bits: u32) -> [u64; 8] {
        a.map(|lane| lane >> bits)
    }
    #[inline(always)]
    fn wide_mul(self, a: Eight, b: Eight) -> [u64; 8] {
        std::array::from_fn(|k| u64::from(a[k]) * u64::from(b[k]))
    }
    #[inline(always)]
    fn wide_mul_signed(self, a: Eight, b: Eight) -> [u64; 8] {
        std::array::from_fn(|k| (i64::from(a[k] as i32) * i64::from(b[k] as i32)) as u64)
    }
    #[inline(always)]
    fn wide_load(self, group: &WideGroup) -> [u64; 8] {
        group.0
    }
    #[inline(always)]
    fn wide_store(self, a: [u64; 8], group: &mut WideGroup) {
        group.0 = a;
    }
    #[inline(always)]
    fn wide_to_array(self, a: [u64; 8]) -> [u64; 8] {
        a
    }
    #[inline(always)]
    fn wide_any_above(self, a: [u64; 8], limit: u64) -> bool {
        a.iter().any(|lane| *lane > limit)
    }
    #[inline(always)]
    fn wide_transpose(self, words: [[u64; 8]; 4]) -> [[u64; 4]; 8] {
        std::array::from_fn(|lane| words.map(|word| word[lane]))
    }
}

impl WordLanes for Scalar {
    type Words = [u64; 4];
    const COUNT: usize = 4;
    const FASTER: bool = false;

    #[inline(always)]
    fn words(self, word: impl Fn(usize) -> u64) -> [u64; 4] {
        [word(0), word(1), word(2), word(3)]
    }
    #[inline(always)]
    fn load_halves(self, values: &[u32]) -> [u64; 4] {
        std::array::from_fn(|k| u64::from(values[k]))
    }
    #[inline(always)]
    fn load_pairs(self, values: &[u32]) -> [u64; 4] {
        std::array::from_fn(|k| u64::from(values[2 * k]) | u64::from(values[2 * k + 1]) << 32)
    }
    #[inline(always)]
    fn to_array(self, a: [u64; 4]) -> [u64; 8] {
        std::array::from_fn(|k| a.get(k).copied().unwrap_or(0))
    }
    #[inline(always)]
    fn splat(self, word: u64) -> [u64; 4] {
        [word; 4]
    }
    #[inline(always)]
    fn add(self, a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
        std::array::from_fn(|k| a[k].wrapping_add(b[k]))
    }
    #[inline(always)]
    fn sub(self, a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
        std::array::from_fn(|k| a[k].wrapping_sub(b[k]))
    }
    #[inline(always)]
    fn sub_mod(self, a: [u64; 4], b: [u64; 4], modulus: u64) -> [u64; 4] {
        std::array::from_fn(|k| {
            let (less, borrow) = a[k].overflowing_sub(b[k]);
            less.wrapping_add(if borrow { modulus } else { 0 })
        })
    }
    #[inline(always)]
    fn mul(self, a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
        std::array::from_fn(|k| u64::from(a[k] as u32) * u64::from(b[k] as u32))
    }
    #[inline(always)]
    fn mul_signed(self, a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
        std::array::from_fn(|k| (i64::from(a[k] as i32) * i64::from(b[k] as i32)) as u64)
    }
    #[inline(always)]
    fn fused(self, a: [u64; 4], b: [u64; 4], c: [u64; 4]) -> [u64; 4] {
        std::array::from_fn(|k| {
            let [a, b, c] = [a[k], b[k], c[k]].map(f64::from_bits);
            a.mul_add(b, c).to_bits()
        })
    }
    #[inline(always)]
    fn and(self, a: [u64; 4], mask: u64) -> [u64; 4] {
        a.map(|word| word & mask)
    }
    #[inline(always)]
    fn max_halves(self, a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
        const LOW: u64 = 0xffff_ffff;
        std::array::from_fn(|k| (a[k] & LOW).max(b[k] & LOW) | (a[k] & !LOW).max(b[k] & !LOW))
    }
    #[inline(always)]
    fn shl<const BITS: i32>(self, a: [u64; 4]) -> [u64; 4] {
        a.map(|word| word << BITS)
    }
    #[inline(always)]
    fn shr<const BITS: i32>(self, a: [u64; 4]) -> [u64; 4] {
        a.map(|word| word >> BITS)
    }
    #[inline(always)]
    fn join(self, low: [u64; 4], high: [u64; 4]) -> [u64; 4] {
        std::array::from_fn(|k| low[k] & 0xffff_ffff | high[k] << 32)
    }
    #[inline(always)]
    fn swap(self, a: [u64; 4]) -> [u64; 4] {
        [a[1], a[0], a[3], a[2]]
    }
    #[inline(always)]
    fn unzip(self, a: [u64; 4], b: [u64; 4]) -> [[u64; 4]; 2] {
        [[a[0], b[0], a[2], b[2]], [a[1], b[1], a[3], b[3]]]
    }
    #[inline(always)]
    fn halves(self, a: [u64; 4], b: [u64; 4]) -> [[u64; 4]; 2] {
        [[a[0], a[1], b[0], b[1]], [a[2], a[3], b[2], b[3]]]
    }
    #[inline(always)]
    fn by_lanes(self, words: [[u64; 4]; 4]) -> [[u64; 4]; 8] {
        std::array::from_fn(|lane| words.map(|word| word.get(lane).copied().unwrap_or(0)))
    }
    #[inline(always)]
    fn any_above(self, a: [u64; 4], limit: u64) -> bool {
        a.iter().any(|word| *word > limit)
    }
    #[inline(always)]
    fn raise(self, a: [u64; 4]) -> [u64; 4] {
        [0, 0, a[0], a[1]]
    }
}
