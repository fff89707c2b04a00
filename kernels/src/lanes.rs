//! The lane vocabulary: the few vector operations the kernels are written in.
//!
//! In and out: eight-row groups of `u32` column values, their 64-bit products, and four-lane sums.
//! It knows nothing about fields, planes or columns longer than eight rows, and it is not a general
//! SIMD library: an operation is here because a kernel in this crate needs it.
//!
//! An implementation is a zero-sized proof that its instructions may run: the value can only be
//! obtained where they can (see `tier`). Every method takes that proof, so the methods are safe.
//!
//! Order of lanes. A group of eight `u32` splits into a [`Lanes::Pair`] of four and four. Which four
//! is the tier's choice (even/odd on AVX2, low/high elsewhere), so [`Lanes::Sum`] and
//! [`Lanes::Wide`] have no defined lane order until they leave through `wide_to_array`.

/// Rows per vector group. All tiers use eight, so results cannot depend on a tier's width.
pub const GROUP_ROWS: usize = 8;

/// Eight `u32` lanes in memory, aligned for one 256-bit load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(32))]
pub struct Group(pub [u32; GROUP_ROWS]);

/// Eight 64-bit lanes in memory, in the tier's own order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(32))]
pub struct WideGroup(pub [u64; GROUP_ROWS]);

/// The operations; see the module text for the meaning of the types.
pub trait Lanes: Copy {
    /// Eight `u32`, in row order.
    type U32: Copy;
    /// Eight `u32` prepared as multiplicands: four and four.
    type Pair: Copy;
    /// Four `u64` sums.
    type Sum: Copy;
    /// Eight 64-bit values, signed or unsigned as the operation says.
    type Wide: Copy;

    /// Runs `body` compiled with this tier's instructions.
    fn run<R>(self, body: impl FnOnce() -> R) -> R;

    /// Loads eight values.
    fn load(self, rows: &[u32; 8]) -> Self::U32;
    /// Eight zeros.
    fn zero(self) -> Self::U32;
    /// Loads an aligned group.
    fn load_group(self, group: &Group) -> Self::U32;
    /// Loads eight values, zero-extended.
    fn load_u16(self, rows: &[u16; 8]) -> Self::U32;
    /// Loads eight values, zero-extended.
    fn load_u8(self, rows: &[u8; 8]) -> Self::U32;
    /// Lane `k` is all ones if bit `k` is set, else zero.
    fn mask_bits(self, bits: u8) -> Self::U32;
    /// Lane-wise and.
    fn and(self, a: Self::U32, b: Self::U32) -> Self::U32;
    /// Lane-wise wrapping sum.
    fn add(self, a: Self::U32, b: Self::U32) -> Self::U32;
    /// Turns eight rows of eight into eight columns of eight.
    fn transpose(self, rows: [Self::U32; 8]) -> [Self::U32; 8];

    /// Prepares multiplicands.
    fn split(self, x: Self::U32) -> Self::Pair;
    /// The same multiplicand in all eight lanes.
    fn splat_pair(self, x: u32) -> Self::Pair;

    /// Four zeros.
    fn sum_zero(self) -> Self::Sum;
    /// `acc + a * b`, unsigned 32x32 products, two per lane; wraps at 2^64.
    fn mul_add(self, acc: Self::Sum, a: Self::Pair, b: Self::Pair) -> Self::Sum;
    /// `acc + a * b`, signed 32x32 products, two per lane; wraps at 2^64.
    fn mul_add_signed(self, acc: Self::Sum, a: Self::Pair, b: Self::Pair) -> Self::Sum;
    /// `acc + x`, eight zero-extended values into four lanes.
    fn widen_add(self, acc: Self::Sum, x: Self::U32) -> Self::Sum;
    /// Lane-wise wrapping sum.
    fn sum_add(self, a: Self::Sum, b: Self::Sum) -> Self::Sum;
    /// Low 32 bits of every lane.
    fn sum_low(self, a: Self::Sum) -> Self::Sum;
    /// High 32 bits of every lane.
    fn sum_high(self, a: Self::Sum) -> Self::Sum;
    /// The four lanes, in the tier's order.
    fn sum_to_array(self, a: Self::Sum) -> [u64; 4];
    /// Inverse of `sum_to_array`.
    fn sum_from_array(self, a: &[u64; 4]) -> Self::Sum;

    /// Eight zeros.
    fn wide_zero(self) -> Self::Wide;
    /// Zero-extends prepared multiplicands.
    fn widen(self, x: Self::Pair) -> Self::Wide;
    /// The low 32 bits of every lane as multiplicands.
    fn narrow(self, x: Self::Wide) -> Self::Pair;
    /// Lane-wise wrapping sum.
    fn wide_add(self, a: Self::Wide, b: Self::Wide) -> Self::Wide;
    /// Lane-wise wrapping difference.
    fn wide_sub(self, a: Self::Wide, b: Self::Wide) -> Self::Wide;
    /// Lane-wise and with one mask.
    fn wide_and(self, a: Self::Wide, mask: u64) -> Self::Wide;
    /// Lane-wise shift left; `bits` is a constant wherever it is called.
    fn wide_shl(self, a: Self::Wide, bits: u32) -> Self::Wide;
    /// Lane-wise logical shift right; `bits` is a constant wherever it is called.
    fn wide_shr(self, a: Self::Wide, bits: u32) -> Self::Wide;
    /// Eight unsigned products.
    fn wide_mul(self, a: Self::Pair, b: Self::Pair) -> Self::Wide;
    /// Eight signed products.
    fn wide_mul_signed(self, a: Self::Pair, b: Self::Pair) -> Self::Wide;
    /// Loads eight lanes stored by `wide_store` of the same tier.
    fn wide_load(self, group: &WideGroup) -> Self::Wide;
    /// Stores eight lanes in the tier's order.
    fn wide_store(self, a: Self::Wide, group: &mut WideGroup);
    /// The eight lanes in row order.
    fn wide_to_array(self, a: Self::Wide) -> [u64; 8];
}
