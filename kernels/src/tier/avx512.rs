//! The AVX-512 tier: the lane vocabulary with one vector of eight 64-bit lanes where AVX2 has two.
//!
//! A value of [`Avx512`] is the proof that the processor has AVX-512 F and VL and all that the AVX2
//! tier needs, and IFMA where it is the tier of that: only [`Avx512::detect`] makes one. Eight 32-bit
//! lanes stay in 256-bit vectors, and what concerns only them is the AVX2 tier's. The planes are those
//! of every tier: limbs for IFMA are joined from them.
#![expect(
    unsafe_code,
    reason = "calls instructions whose presence a value of Avx512 proves"
)]

use super::avx2::Avx2;
use crate::lanes::{Group, Lanes, WideGroup, add_high52, add_low52, by_lanes};
use crate::word_lanes::WordLanes;
use core::arch::x86_64::*;

/// Proof that AVX-512 F and VL, AVX2 and BMI2 may be executed, and with `IFMA` that too.
#[derive(Clone, Copy, Debug)]
pub struct Avx512<const IFMA: bool>(Avx2);

impl<const IFMA: bool> Avx512<IFMA> {
    /// The proof, where the processor has the features.
    #[inline]
    pub fn detect() -> Option<Self> {
        let narrow = Avx2::detect()?;
        let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
        let found = wide && (!IFMA || is_x86_feature_detected!("avx512ifma"));
        found.then_some(Self(narrow))
    }
}

/// Compiles `body` with the tier's instructions; everything in it is `inline(always)`.
#[target_feature(enable = "avx512f,avx512vl,avx2,fma,bmi1,bmi2")]
fn with_features<R>(body: impl FnOnce() -> R) -> R {
    body()
}

/// As `with_features`, with IFMA beside them.
#[target_feature(enable = "avx512ifma,avx512f,avx512vl,avx2,fma,bmi1,bmi2")]
fn with_ifma<R>(body: impl FnOnce() -> R) -> R {
    body()
}

/// Calls intrinsics between registers: they need nothing but the instruction to exist.
macro_rules! avx512 {
    ($call:expr) => {{
        // SAFETY: the call is reachable only through a method of `Avx512`, whose value proves that
        // the processor has AVX-512 F and VL, and touches no memory.
        unsafe { $call }
    }};
}

impl<const IFMA: bool> Lanes for Avx512<IFMA> {
    type U32 = __m256i;
    type Pair = __m512i;
    type Mask = __mmask8;
    type Sum = __m512i;
    type Wide = __m512i;
    type Dense = Self;

    const REGISTERS: usize = 32;
    const HAS_MUL52: bool = IFMA;

    #[inline(always)]
    fn dense(self) -> Self {
        self
    }
    #[inline(always)]
    fn run<R>(self, body: impl FnOnce() -> R) -> R {
        if IFMA {
            // SAFETY: `self` proves that the processor has the features `with_ifma` enables.
            unsafe { with_ifma(body) }
        } else {
            // SAFETY: `self` proves that the processor has the features `with_features` enables.
            unsafe { with_features(body) }
        }
    }
    #[inline(always)]
    fn run_scalar<R>(self, body: impl FnOnce() -> R) -> R {
        self.0.run_scalar(body)
    }
    #[inline(always)]
    fn load(self, rows: &[u32; 8]) -> __m256i {
        self.0.load(rows)
    }
    #[inline(always)]
    fn zero(self) -> __m256i {
        self.0.zero()
    }
    #[inline(always)]
    fn load_group(self, group: &Group) -> __m256i {
        self.0.load_group(group)
    }
    #[inline(always)]
    fn load_pair(self, groups: &[Group; 2]) -> __m512i {
        self.split(self.load_group(&groups[0]))
    }
    #[inline(always)]
    fn load_u16(self, rows: &[u16; 8]) -> __m256i {
        self.0.load_u16(rows)
    }
    #[inline(always)]
    fn load_u8(self, rows: &[u8; 8]) -> __m256i {
        self.0.load_u8(rows)
    }
    #[inline(always)]
    fn mask_bits(self, bits: u8) -> __mmask8 {
        bits
    }
    #[inline(always)]
    fn mask_add(self, acc: __m256i, mask: __mmask8, x: __m256i) -> __m256i {
        avx512!(_mm256_mask_add_epi32(acc, mask, acc, x))
    }
    #[inline(always)]
    fn deinterleave(self, a: __m256i, b: __m256i) -> [__m256i; 2] {
        self.0.deinterleave(a, b)
    }
    #[inline(always)]
    fn transpose(self, rows: [__m256i; 8]) -> [__m256i; 8] {
        self.0.transpose(rows)
    }
    #[inline(always)]
    fn split(self, x: __m256i) -> __m512i {
        avx512!(_mm512_cvtepu32_epi64(x))
    }
    #[inline(always)]
    fn splat_pair(self, x: u32) -> __m512i {
        avx512!(_mm512_set1_epi64(i64::from(x)))
    }
    #[inline(always)]
    fn sum_zero(self) -> __m512i {
        avx512!(_mm512_setzero_si512())
    }
    #[inline(always)]
    fn mul_add(self, acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_add_epi64(acc, _mm512_mul_epu32(a, b)))
    }
    #[inline(always)]
    fn mul_add_signed(self, acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_add_epi64(acc, _mm512_mul_epi32(a, b)))
    }
    #[inline(always)]
    fn widen_add(self, acc: __m512i, x: __m256i) -> __m512i {
        avx512!(_mm512_add_epi64(acc, _mm512_cvtepu32_epi64(x)))
    }
    #[inline(always)]
    fn sum_add(self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_add_epi64(a, b))
    }
    #[inline(always)]
    fn sum_low(self, a: __m512i) -> __m512i {
        self.wide_and(a, 0xffff_ffff)
    }
    #[inline(always)]
    fn sum_high(self, a: __m512i) -> __m512i {
        avx512!(_mm512_srli_epi64::<32>(a))
    }
    #[inline(always)]
    fn sum_to_array(self, a: __m512i) -> [u64; 4] {
        let folded = avx512!(_mm256_add_epi64(
            _mm512_castsi512_si256(a),
            _mm512_extracti64x4_epi64::<1>(a)
        ));
        self.0.sum_to_array(folded)
    }
    #[inline(always)]
    fn sum_from_array(self, a: &[u64; 4]) -> __m512i {
        let low = self.0.sum_from_array(a);
        avx512!(_mm512_zextsi256_si512(low))
    }
    #[inline(always)]
    fn wide_zero(self) -> __m512i {
        self.sum_zero()
    }
    #[inline(always)]
    fn widen(self, x: __m512i) -> __m512i {
        self.sum_low(x)
    }
    #[inline(always)]
    fn narrow(self, x: __m512i) -> __m512i {
        x
    }
    #[inline(always)]
    fn wide_add(self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_add_epi64(a, b))
    }
    #[inline(always)]
    fn wide_sub(self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_sub_epi64(a, b))
    }
    #[inline(always)]
    fn wide_and(self, a: __m512i, mask: u64) -> __m512i {
        avx512!(_mm512_and_si512(a, _mm512_set1_epi64(mask as i64)))
    }
    #[inline(always)]
    fn wide_shl(self, a: __m512i, bits: u32) -> __m512i {
        avx512!(_mm512_sll_epi64(a, _mm_cvtsi32_si128(bits as i32)))
    }
    #[inline(always)]
    fn wide_shr(self, a: __m512i, bits: u32) -> __m512i {
        avx512!(_mm512_srl_epi64(a, _mm_cvtsi32_si128(bits as i32)))
    }
    #[inline(always)]
    fn wide_mul(self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_mul_epu32(a, b))
    }
    #[inline(always)]
    fn wide_mul_signed(self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_mul_epi32(a, b))
    }
    #[inline(always)]
    fn mul_add_low52(self, acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        if IFMA {
            // SAFETY: `IFMA` is part of what `self` proves; touches no memory.
            unsafe { _mm512_madd52lo_epu64(acc, a, b) }
        } else {
            by_lanes(self, [acc, a, b], add_low52)
        }
    }
    #[inline(always)]
    fn mul_add_high52(self, acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        if IFMA {
            // SAFETY: `IFMA` is part of what `self` proves; touches no memory.
            unsafe { _mm512_madd52hi_epu64(acc, a, b) }
        } else {
            by_lanes(self, [acc, a, b], add_high52)
        }
    }
    #[inline(always)]
    fn wide_sum(self, a: __m512i) -> __m512i {
        a
    }
    #[inline(always)]
    fn sub_where_negative(self, acc: __m512i, sign: __m512i, x: __m512i) -> __m512i {
        let negative = avx512!(_mm512_cmplt_epi64_mask(sign, _mm512_setzero_si512()));
        avx512!(_mm512_mask_sub_epi64(acc, negative, acc, x))
    }
    #[inline(always)]
    fn wide_load(self, group: &WideGroup) -> __m512i {
        // SAFETY: `self` proves AVX-512 F; reads the 64 bytes of a group, whose alignment is 64.
        unsafe { _mm512_load_si512(group.0.as_ptr().cast()) }
    }
    #[inline(always)]
    fn wide_store(self, a: __m512i, group: &mut WideGroup) {
        // SAFETY: `self` proves AVX-512 F; writes the 64 bytes of a group, whose alignment is 64.
        unsafe { _mm512_store_si512(group.0.as_mut_ptr().cast(), a) }
    }
    #[inline(always)]
    fn wide_to_array(self, a: __m512i) -> [u64; 8] {
        let mut group = WideGroup::default();
        self.wide_store(a, &mut group);
        group.0
    }
    #[inline(always)]
    fn wide_any_above(self, a: __m512i, limit: u64) -> bool {
        avx512!(_mm512_cmpgt_epi64_mask(a, _mm512_set1_epi64(limit as i64)) != 0)
    }
    #[inline(always)]
    fn wide_transpose(self, words: [__m512i; 4]) -> [[u64; 4]; 8] {
        let [a, b, c, d] = words;
        avx512!({
            // Pairs of words of even lanes, and of odd ones.
            let (low, high) = (_mm512_unpacklo_epi64(a, b), _mm512_unpacklo_epi64(c, d));
            let (odd_low, odd_high) = (_mm512_unpackhi_epi64(a, b), _mm512_unpackhi_epi64(c, d));
            let first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
            let last = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
            let mut rows = [[0; 4]; 8];
            for (lane, lanes) in [
                (0, _mm512_permutex2var_epi64(low, first, high)),
                (1, _mm512_permutex2var_epi64(odd_low, first, odd_high)),
                (4, _mm512_permutex2var_epi64(low, last, high)),
                (5, _mm512_permutex2var_epi64(odd_low, last, odd_high)),
            ] {
                rows[lane] = self.0.sum_to_array(_mm512_castsi512_si256(lanes));
                rows[lane + 2] = self.0.sum_to_array(_mm512_extracti64x4_epi64::<1>(lanes));
            }
            rows
        })
    }
}

impl<const IFMA: bool> WordLanes for Avx512<IFMA> {
    type Words = __m512i;
    const COUNT: usize = 8;
    const FASTER: bool = true;

    #[inline(always)]
    fn words(self, word: impl Fn(usize) -> u64) -> __m512i {
        let [a, b, c, d] = [word(0), word(1), word(2), word(3)];
        self.wide_load(&WideGroup([a, b, c, d, word(4), word(5), word(6), word(7)]))
    }
    #[inline(always)]
    fn load_halves(self, values: &[u32]) -> __m512i {
        self.split(self.load(values.first_chunk().expect("eight values")))
    }
    #[inline(always)]
    fn load_pairs(self, values: &[u32]) -> __m512i {
        let sixteen: &[u32; 16] = values.first_chunk().expect("sixteen values");
        // SAFETY: `self` proves AVX-512 F; reads the 64 bytes of `sixteen`, at any alignment.
        unsafe { _mm512_loadu_si512(sixteen.as_ptr().cast()) }
    }
    #[inline(always)]
    fn to_array(self, a: __m512i) -> [u64; 8] {
        self.wide_to_array(a)
    }
    #[inline(always)]
    fn splat(self, word: u64) -> __m512i {
        avx512!(_mm512_set1_epi64(word as i64))
    }
    #[inline(always)]
    fn add(self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_add_epi64(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_sub_epi64(a, b))
    }
    #[inline(always)]
    fn sub_mod(self, a: __m512i, b: __m512i, modulus: u64) -> __m512i {
        avx512!({
            let less = _mm512_sub_epi64(a, b);
            let borrow = _mm512_cmplt_epu64_mask(a, b);
            _mm512_mask_add_epi64(less, borrow, less, _mm512_set1_epi64(modulus as i64))
        })
    }
    #[inline(always)]
    fn mul(self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_mul_epu32(a, b))
    }
    #[inline(always)]
    fn mul_signed(self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_mul_epi32(a, b))
    }
    #[inline(always)]
    fn fused(self, a: __m512i, b: __m512i, c: __m512i) -> __m512i {
        avx512!({
            let [a, b, c] = [
                _mm512_castsi512_pd(a),
                _mm512_castsi512_pd(b),
                _mm512_castsi512_pd(c),
            ];
            _mm512_castpd_si512(_mm512_fmadd_pd(a, b, c))
        })
    }
    #[inline(always)]
    fn and(self, a: __m512i, mask: u64) -> __m512i {
        self.wide_and(a, mask)
    }
    #[inline(always)]
    fn max_halves(self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_max_epu32(a, b))
    }
    #[inline(always)]
    fn shl<const BITS: i32>(self, a: __m512i) -> __m512i {
        self.wide_shl(a, BITS as u32)
    }
    #[inline(always)]
    fn shr<const BITS: i32>(self, a: __m512i) -> __m512i {
        self.wide_shr(a, BITS as u32)
    }
    #[inline(always)]
    fn join(self, low: __m512i, high: __m512i) -> __m512i {
        avx512!(_mm512_mask_shuffle_epi32::<0b10_10_00_00>(
            low,
            0b1010_1010_1010_1010,
            high
        ))
    }
    #[inline(always)]
    fn swap(self, a: __m512i) -> __m512i {
        avx512!(_mm512_shuffle_epi32::<0b01_00_11_10>(a))
    }
    #[inline(always)]
    fn unzip(self, a: __m512i, b: __m512i) -> [__m512i; 2] {
        avx512!([_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b)])
    }
    #[inline(always)]
    fn halves(self, a: __m512i, b: __m512i) -> [__m512i; 2] {
        avx512!([
            _mm512_shuffle_i64x2::<0b10_00_10_00>(a, b),
            _mm512_shuffle_i64x2::<0b11_01_11_01>(a, b)
        ])
    }
    #[inline(always)]
    fn by_lanes(self, words: [__m512i; 4]) -> [[u64; 4]; 8] {
        self.wide_transpose(words)
    }
    #[inline(always)]
    fn any_above(self, a: __m512i, limit: u64) -> bool {
        self.wide_any_above(a, limit)
    }
    #[inline(always)]
    fn raise(self, a: __m512i) -> __m512i {
        avx512!(_mm512_maskz_permutex_epi64::<0b01_00_01_00>(0b1100_1100, a))
    }
}
