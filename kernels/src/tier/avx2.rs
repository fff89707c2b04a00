//! The AVX2 tier: the lane vocabulary over `core::arch`, found at run time.
//!
//! A value of [`Avx2`] is the proof that the processor has AVX2 and BMI2: only [`Avx2::detect`]
//! makes one. BMI2 is asked for because the scalar field code that runs inside this tier then
//! compiles to `mulx`; every x86-64-v3 processor has both.
#![expect(
    unsafe_code,
    reason = "calls instructions whose presence a value of Avx2 proves"
)]

use crate::lanes::{Group, Lanes, WideGroup};
use crate::word_lanes::WordLanes;
use core::arch::x86_64::*;

/// Calls intrinsics between registers: they need nothing but the instruction to exist.
macro_rules! avx2 {
    ($call:expr) => {{
        // SAFETY: the call is reachable only through a method of `Avx2`, whose value proves that the
        // processor has AVX2 and FMA, and touches no memory.
        unsafe { $call }
    }};
}

/// Proof that AVX2, FMA and BMI2 may be executed.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

impl Avx2 {
    /// The proof, where the processor has AVX2, FMA and BMI2.
    #[inline]
    pub fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2");
        found.then_some(Self(()))
    }
}

impl Avx2 {
    /// Turns four rows of four words into four columns.
    #[inline(always)]
    pub(super) fn transpose_words(self, r: [__m256i; 4]) -> [__m256i; 4] {
        avx2!({
            let (p0, q0) = (
                _mm256_unpacklo_epi64(r[0], r[1]),
                _mm256_unpackhi_epi64(r[0], r[1]),
            );
            let (p1, q1) = (
                _mm256_unpacklo_epi64(r[2], r[3]),
                _mm256_unpackhi_epi64(r[2], r[3]),
            );
            [
                _mm256_permute2x128_si256::<0x20>(p0, p1),
                _mm256_permute2x128_si256::<0x20>(q0, q1),
                _mm256_permute2x128_si256::<0x31>(p0, p1),
                _mm256_permute2x128_si256::<0x31>(q0, q1),
            ]
        })
    }
}

/// Compiles `body` with the tier's instructions; everything in it is `inline(always)`.
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
fn with_features<R>(body: impl FnOnce() -> R) -> R {
    body()
}

/// As `with_features`, without vectors wider than the build has.
#[target_feature(enable = "bmi1,bmi2")]
fn with_scalar_features<R>(body: impl FnOnce() -> R) -> R {
    body()
}

/// Even and odd lanes; only the low 32 bits of each 64-bit lane count.
type EvenOdd = (__m256i, __m256i);

impl Lanes for Avx2 {
    type U32 = __m256i;
    type Pair = EvenOdd;
    type Mask = __m256i;
    type Sum = __m256i;
    type Wide = EvenOdd;
    type Dense = Self;

    const REGISTERS: usize = 16;

    #[inline(always)]
    fn dense(self) -> Self {
        self
    }
    #[inline(always)]
    fn run<R>(self, body: impl FnOnce() -> R) -> R {
        // SAFETY: `self` proves that the processor has the features `with_features` enables.
        unsafe { with_features(body) }
    }
    #[inline(always)]
    fn run_scalar<R>(self, body: impl FnOnce() -> R) -> R {
        // SAFETY: `self` proves that the processor has the features `with_scalar_features` enables.
        unsafe { with_scalar_features(body) }
    }
    #[inline(always)]
    fn load(self, rows: &[u32; 8]) -> __m256i {
        // SAFETY: `self` proves AVX2; reads the 32 bytes of `rows`, at any alignment.
        unsafe { _mm256_loadu_si256(rows.as_ptr().cast()) }
    }
    #[inline(always)]
    fn zero(self) -> __m256i {
        self.sum_zero()
    }
    #[inline(always)]
    fn load_group(self, group: &Group) -> __m256i {
        // SAFETY: `self` proves AVX2; reads the 32 bytes of a group, whose alignment is 32.
        unsafe { _mm256_load_si256(group.0.as_ptr().cast()) }
    }
    #[inline(always)]
    fn load_pair(self, groups: &[Group; 2]) -> EvenOdd {
        let odd = groups.as_ptr().cast::<u32>().wrapping_add(1);
        // SAFETY: `self` proves AVX2; reads bytes 4 to 36 of the 64 that `groups` has, through a
        // pointer to all of them, at any alignment.
        let odd = unsafe { _mm256_loadu_si256(odd.cast()) };
        (self.load_group(&groups[0]), odd)
    }
    #[inline(always)]
    fn load_u16(self, rows: &[u16; 8]) -> __m256i {
        // SAFETY: `self` proves AVX2; reads the 16 bytes of `rows`, at any alignment.
        unsafe { _mm256_cvtepu16_epi32(_mm_loadu_si128(rows.as_ptr().cast())) }
    }
    #[inline(always)]
    fn load_u8(self, rows: &[u8; 8]) -> __m256i {
        // SAFETY: `self` proves AVX2; reads the 8 bytes of `rows`, at any alignment.
        unsafe { _mm256_cvtepu8_epi32(_mm_loadl_epi64(rows.as_ptr().cast())) }
    }
    #[inline(always)]
    fn mask_bits(self, bits: u8) -> __m256i {
        avx2!({
            let lane_bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
            let present = _mm256_and_si256(_mm256_set1_epi32(i32::from(bits)), lane_bit);
            _mm256_cmpeq_epi32(present, lane_bit)
        })
    }
    #[inline(always)]
    fn mask_add(self, acc: __m256i, mask: __m256i, x: __m256i) -> __m256i {
        avx2!(_mm256_add_epi32(acc, _mm256_and_si256(mask, x)))
    }
    #[inline(always)]
    fn deinterleave(self, a: __m256i, b: __m256i) -> [__m256i; 2] {
        avx2!({
            let (a, b) = (_mm256_castsi256_ps(a), _mm256_castsi256_ps(b));
            // Each half has two lanes of a, then two of b.
            let even = _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(a, b));
            let odd = _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(a, b));
            [
                _mm256_permute4x64_epi64::<0b11_01_10_00>(even),
                _mm256_permute4x64_epi64::<0b11_01_10_00>(odd),
            ]
        })
    }
    #[inline(always)]
    fn transpose(self, r: [__m256i; 8]) -> [__m256i; 8] {
        avx2!({
            let mut low = [r[0]; 4];
            let mut high = [r[0]; 4];
            for (half, quad) in [(&mut low, 0), (&mut high, 4)] {
                let p0 = _mm256_unpacklo_epi32(r[quad], r[quad + 1]);
                let q0 = _mm256_unpackhi_epi32(r[quad], r[quad + 1]);
                let p1 = _mm256_unpacklo_epi32(r[quad + 2], r[quad + 3]);
                let q1 = _mm256_unpackhi_epi32(r[quad + 2], r[quad + 3]);
                half[0] = _mm256_unpacklo_epi64(p0, p1);
                half[1] = _mm256_unpackhi_epi64(p0, p1);
                half[2] = _mm256_unpacklo_epi64(q0, q1);
                half[3] = _mm256_unpackhi_epi64(q0, q1);
            }
            let mut out = r;
            for k in 0..4 {
                out[k] = _mm256_permute2x128_si256::<0x20>(low[k], high[k]);
                out[k + 4] = _mm256_permute2x128_si256::<0x31>(low[k], high[k]);
            }
            out
        })
    }
    #[inline(always)]
    fn split(self, x: __m256i) -> EvenOdd {
        avx2!((
            x,
            _mm256_castps_si256(_mm256_movehdup_ps(_mm256_castsi256_ps(x)))
        ))
    }
    #[inline(always)]
    fn splat_pair(self, x: u32) -> EvenOdd {
        let all = avx2!(_mm256_set1_epi32(x as i32));
        (all, all)
    }
    #[inline(always)]
    fn sum_zero(self) -> __m256i {
        avx2!(_mm256_setzero_si256())
    }
    #[inline(always)]
    fn mul_add(self, acc: __m256i, a: EvenOdd, b: EvenOdd) -> __m256i {
        avx2!({
            let acc = _mm256_add_epi64(acc, _mm256_mul_epu32(a.0, b.0));
            _mm256_add_epi64(acc, _mm256_mul_epu32(a.1, b.1))
        })
    }
    #[inline(always)]
    fn mul_add_signed(self, acc: __m256i, a: EvenOdd, b: EvenOdd) -> __m256i {
        avx2!({
            let acc = _mm256_add_epi64(acc, _mm256_mul_epi32(a.0, b.0));
            _mm256_add_epi64(acc, _mm256_mul_epi32(a.1, b.1))
        })
    }
    #[inline(always)]
    fn widen_add(self, acc: __m256i, x: __m256i) -> __m256i {
        avx2!({
            let acc = _mm256_add_epi64(acc, _mm256_srli_epi64::<32>(x));
            _mm256_add_epi64(acc, _mm256_and_si256(x, _mm256_set1_epi64x(0xffff_ffff)))
        })
    }
    #[inline(always)]
    fn sum_add(self, a: __m256i, b: __m256i) -> __m256i {
        avx2!(_mm256_add_epi64(a, b))
    }
    #[inline(always)]
    fn sum_low(self, a: __m256i) -> __m256i {
        avx2!(_mm256_and_si256(a, _mm256_set1_epi64x(0xffff_ffff)))
    }
    #[inline(always)]
    fn sum_high(self, a: __m256i) -> __m256i {
        avx2!(_mm256_srli_epi64::<32>(a))
    }
    #[inline(always)]
    fn sum_to_array(self, a: __m256i) -> [u64; 4] {
        let mut out = [0; 4];
        // SAFETY: `self` proves AVX2; writes the 32 bytes of `out`, at any alignment.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), a) };
        out
    }
    #[inline(always)]
    fn sum_from_array(self, a: &[u64; 4]) -> __m256i {
        // SAFETY: `self` proves AVX2; reads the 32 bytes of `a`, at any alignment.
        unsafe { _mm256_loadu_si256(a.as_ptr().cast()) }
    }
    #[inline(always)]
    fn wide_zero(self) -> EvenOdd {
        (self.sum_zero(), self.sum_zero())
    }
    #[inline(always)]
    fn widen(self, x: EvenOdd) -> EvenOdd {
        (self.sum_low(x.0), self.sum_low(x.1))
    }
    #[inline(always)]
    fn narrow(self, x: EvenOdd) -> EvenOdd {
        x
    }
    #[inline(always)]
    fn wide_add(self, a: EvenOdd, b: EvenOdd) -> EvenOdd {
        avx2!((_mm256_add_epi64(a.0, b.0), _mm256_add_epi64(a.1, b.1)))
    }
    #[inline(always)]
    fn wide_sub(self, a: EvenOdd, b: EvenOdd) -> EvenOdd {
        avx2!((_mm256_sub_epi64(a.0, b.0), _mm256_sub_epi64(a.1, b.1)))
    }
    #[inline(always)]
    fn wide_and(self, a: EvenOdd, mask: u64) -> EvenOdd {
        avx2!({
            let mask = _mm256_set1_epi64x(mask as i64);
            (_mm256_and_si256(a.0, mask), _mm256_and_si256(a.1, mask))
        })
    }
    #[inline(always)]
    fn wide_shl(self, a: EvenOdd, bits: u32) -> EvenOdd {
        avx2!({
            let count = _mm_cvtsi32_si128(bits as i32);
            (_mm256_sll_epi64(a.0, count), _mm256_sll_epi64(a.1, count))
        })
    }
    #[inline(always)]
    fn wide_shr(self, a: EvenOdd, bits: u32) -> EvenOdd {
        avx2!({
            let count = _mm_cvtsi32_si128(bits as i32);
            (_mm256_srl_epi64(a.0, count), _mm256_srl_epi64(a.1, count))
        })
    }
    #[inline(always)]
    fn wide_mul(self, a: EvenOdd, b: EvenOdd) -> EvenOdd {
        avx2!((_mm256_mul_epu32(a.0, b.0), _mm256_mul_epu32(a.1, b.1)))
    }
    #[inline(always)]
    fn wide_mul_signed(self, a: EvenOdd, b: EvenOdd) -> EvenOdd {
        avx2!((_mm256_mul_epi32(a.0, b.0), _mm256_mul_epi32(a.1, b.1)))
    }
    #[inline(always)]
    fn wide_load(self, group: &WideGroup) -> EvenOdd {
        let (even, odd) = group.0.split_at(4);
        // SAFETY: `self` proves AVX2; each half is 32 bytes of a group, whose alignment is 64.
        unsafe {
            (
                _mm256_load_si256(even.as_ptr().cast()),
                _mm256_load_si256(odd.as_ptr().cast()),
            )
        }
    }
    #[inline(always)]
    fn wide_store(self, a: EvenOdd, group: &mut WideGroup) {
        let (even, odd) = group.0.split_at_mut(4);
        // SAFETY: `self` proves AVX2; each half is 32 bytes of a group, whose alignment is 64.
        unsafe {
            _mm256_store_si256(even.as_mut_ptr().cast(), a.0);
            _mm256_store_si256(odd.as_mut_ptr().cast(), a.1);
        }
    }
    #[inline(always)]
    fn wide_to_array(self, a: EvenOdd) -> [u64; 8] {
        let (even, odd) = (self.sum_to_array(a.0), self.sum_to_array(a.1));
        let mut rows = [0; 8];
        for k in 0..4 {
            rows[2 * k] = even[k];
            rows[2 * k + 1] = odd[k];
        }
        rows
    }
    #[inline(always)]
    fn wide_any_above(self, a: EvenOdd, limit: u64) -> bool {
        avx2!({
            let limit = _mm256_set1_epi64x(limit as i64);
            let (even, odd) = (
                _mm256_cmpgt_epi64(a.0, limit),
                _mm256_cmpgt_epi64(a.1, limit),
            );
            _mm256_movemask_epi8(_mm256_or_si256(even, odd)) != 0
        })
    }
    #[inline(always)]
    fn wide_transpose(self, words: [EvenOdd; 4]) -> [[u64; 4]; 8] {
        let [a, b, c, d] = words;
        let even = self.transpose_words([a.0, b.0, c.0, d.0]);
        let odd = self.transpose_words([a.1, b.1, c.1, d.1]);
        let mut rows = [[0; 4]; 8];
        for k in 0..4 {
            rows[2 * k] = self.sum_to_array(even[k]);
            rows[2 * k + 1] = self.sum_to_array(odd[k]);
        }
        rows
    }
}

impl WordLanes for Avx2 {
    type Words = __m256i;
    const COUNT: usize = 4;
    const FASTER: bool = true;

    #[inline(always)]
    fn words(self, word: impl Fn(usize) -> u64) -> __m256i {
        self.sum_from_array(&[word(0), word(1), word(2), word(3)])
    }
    #[inline(always)]
    fn load_halves(self, values: &[u32]) -> __m256i {
        let four: &[u32; 4] = values.first_chunk().expect("four values");
        // SAFETY: `self` proves AVX2; reads the 16 bytes of `four`, at any alignment.
        unsafe { _mm256_cvtepu32_epi64(_mm_loadu_si128(four.as_ptr().cast())) }
    }
    #[inline(always)]
    fn load_pairs(self, values: &[u32]) -> __m256i {
        self.load(values.first_chunk().expect("eight values"))
    }
    #[inline(always)]
    fn to_array(self, a: __m256i) -> [u64; 8] {
        let [a, b, c, d] = self.sum_to_array(a);
        [a, b, c, d, 0, 0, 0, 0]
    }
    #[inline(always)]
    fn splat(self, word: u64) -> __m256i {
        avx2!(_mm256_set1_epi64x(word as i64))
    }
    #[inline(always)]
    fn add(self, a: __m256i, b: __m256i) -> __m256i {
        avx2!(_mm256_add_epi64(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m256i, b: __m256i) -> __m256i {
        avx2!(_mm256_sub_epi64(a, b))
    }
    #[inline(always)]
    fn sub_mod(self, a: __m256i, b: __m256i, modulus: u64) -> __m256i {
        avx2!({
            // Only signed words can be compared.
            let top = _mm256_set1_epi64x(i64::MIN);
            let (a, b) = (_mm256_xor_si256(a, top), _mm256_xor_si256(b, top));
            let borrow = _mm256_cmpgt_epi64(b, a);
            let fix = _mm256_and_si256(borrow, _mm256_set1_epi64x(modulus as i64));
            _mm256_add_epi64(_mm256_sub_epi64(a, b), fix)
        })
    }
    #[inline(always)]
    fn mul(self, a: __m256i, b: __m256i) -> __m256i {
        avx2!(_mm256_mul_epu32(a, b))
    }
    #[inline(always)]
    fn mul_signed(self, a: __m256i, b: __m256i) -> __m256i {
        avx2!(_mm256_mul_epi32(a, b))
    }
    #[inline(always)]
    fn fused(self, a: __m256i, b: __m256i, c: __m256i) -> __m256i {
        avx2!({
            let [a, b, c] = [
                _mm256_castsi256_pd(a),
                _mm256_castsi256_pd(b),
                _mm256_castsi256_pd(c),
            ];
            _mm256_castpd_si256(_mm256_fmadd_pd(a, b, c))
        })
    }
    #[inline(always)]
    fn and(self, a: __m256i, mask: u64) -> __m256i {
        avx2!(_mm256_and_si256(a, _mm256_set1_epi64x(mask as i64)))
    }
    #[inline(always)]
    fn max_halves(self, a: __m256i, b: __m256i) -> __m256i {
        avx2!(_mm256_max_epu32(a, b))
    }
    #[inline(always)]
    fn shl<const BITS: i32>(self, a: __m256i) -> __m256i {
        avx2!(_mm256_slli_epi64::<BITS>(a))
    }
    #[inline(always)]
    fn shr<const BITS: i32>(self, a: __m256i) -> __m256i {
        avx2!(_mm256_srli_epi64::<BITS>(a))
    }
    #[inline(always)]
    fn join(self, low: __m256i, high: __m256i) -> __m256i {
        avx2!(_mm256_blend_epi32::<0b1010_1010>(
            low,
            _mm256_slli_epi64::<32>(high)
        ))
    }
    #[inline(always)]
    fn swap(self, a: __m256i) -> __m256i {
        avx2!(_mm256_shuffle_epi32::<0b01_00_11_10>(a))
    }
    #[inline(always)]
    fn unzip(self, a: __m256i, b: __m256i) -> [__m256i; 2] {
        avx2!([_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b)])
    }
    #[inline(always)]
    fn halves(self, a: __m256i, b: __m256i) -> [__m256i; 2] {
        avx2!([
            _mm256_permute2x128_si256::<0x20>(a, b),
            _mm256_permute2x128_si256::<0x31>(a, b)
        ])
    }
    #[inline(always)]
    fn by_lanes(self, words: [__m256i; 4]) -> [[u64; 4]; 8] {
        let lanes = self.transpose_words(words);
        let mut rows = [[0; 4]; 8];
        for k in 0..4 {
            rows[k] = self.sum_to_array(lanes[k]);
        }
        rows
    }
    #[inline(always)]
    fn halves_by_lanes(self, halves: [__m256i; 8]) -> [[u64; 4]; 8] {
        // Of every two lanes the even numbers of the first, then those of the second; and the odd ones.
        macro_rules! pick {
            (even, $a:expr, $b:expr) => {
                avx2!(_mm256_shuffle_ps::<0b10_00_10_00>($a, $b))
            };
            (odd, $a:expr, $b:expr) => {
                avx2!(_mm256_shuffle_ps::<0b11_01_11_01>($a, $b))
            };
            ($a:literal, $b:literal) => {{
                let (a, b) = (halves[$a], halves[$b]);
                avx2!(_mm256_shuffle_ps::<0b10_00_10_00>(
                    _mm256_castsi256_ps(a),
                    _mm256_castsi256_ps(b)
                ))
            }};
        }
        let (ab, cd, ef, gh) = (pick!(0, 1), pick!(2, 3), pick!(4, 5), pick!(6, 7));
        let lanes = [
            (pick!(even, ab, cd), pick!(even, ef, gh)),
            (pick!(odd, ab, cd), pick!(odd, ef, gh)),
        ];
        let mut rows = [[0; 4]; 8];
        for (k, (low, high)) in lanes.into_iter().enumerate() {
            let [low, high] = avx2!([_mm256_castps_si256(low), _mm256_castps_si256(high)]);
            let [first, last] = WordLanes::halves(self, low, high);
            rows[k] = self.sum_to_array(first);
            rows[k + 2] = self.sum_to_array(last);
        }
        rows
    }
    #[inline(always)]
    fn any_above(self, a: __m256i, limit: u64) -> bool {
        avx2!({
            let above = _mm256_cmpgt_epi64(a, _mm256_set1_epi64x(limit as i64));
            _mm256_movemask_epi8(above) != 0
        })
    }
    #[inline(always)]
    fn raise(self, a: __m256i) -> __m256i {
        avx2!(_mm256_permute2x128_si256::<0x08>(a, a))
    }
}
