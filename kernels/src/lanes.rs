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
//! is the tier's choice (even/odd on AVX2, low/high elsewhere, one vector of eight on AVX-512), so
//! [`Lanes::Sum`] and [`Lanes::Wide`] have no defined lane order until they leave through
//! `wide_to_array`.

/// Rows per vector group. All tiers use eight, so results cannot depend on a tier's width.
pub const GROUP_ROWS: usize = 8;

/// Eight `u32` lanes in memory, aligned for one 256-bit load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(32))]
pub struct Group(pub [u32; GROUP_ROWS]);

/// Eight 64-bit lanes in memory, in the tier's own order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct WideGroup(pub [u64; GROUP_ROWS]);

/// The body for each limb below a count, written out: a loop that the compiler does not unroll keeps its
/// sums in memory, and where it stops unrolling is a matter of its version.
macro_rules! for_limbs {
    ($limb:ident in 0..$count:expr => $body:block) => {
        for_limbs!(@ $limb ($count) $body 0 1 2 3 4 5 6 7 8 9)
    };
    (@ $limb:ident $count:tt $body:block $($k:literal)*) => {
        $(if $k < $count {
            let $limb: usize = $k;
            $body
        })*
    };
}
pub(crate) use for_limbs;

/// The operations; see the module text for the meaning of the types.
pub trait Lanes: Copy {
    /// Eight `u32`, in row order.
    type U32: Copy;
    /// Eight `u32` prepared as multiplicands: four and four.
    type Pair: Copy;
    /// What `mask_bits` makes of a byte.
    type Mask: Copy;
    /// `u64` sums: four lanes where they are in memory, on AVX-512 eight in a register.
    type Sum: Copy;
    /// Eight 64-bit values, signed or unsigned as the operation says.
    type Wide: Copy;

    /// Vectors of four sums that fit the register file at once.
    const REGISTERS: usize;
    /// Whether `mul_add_low52` and `mul_add_high52` are instructions: elsewhere they go lane by lane,
    /// and what they are for is done with limbs of half the width.
    const HAS_MUL52: bool = false;

    /// Runs `body` compiled with this tier's instructions.
    fn run<R>(self, body: impl FnOnce() -> R) -> R;
    /// Runs `body` compiled with this tier's instructions on general registers only: arithmetic of a
    /// few 64-bit words gains nothing from vectors, but the compiler would pack and unpack them.
    fn run_scalar<R>(self, body: impl FnOnce() -> R) -> R;

    /// Loads eight values.
    fn load(self, rows: &[u32; 8]) -> Self::U32;
    /// Eight zeros.
    fn zero(self) -> Self::U32;
    /// Loads an aligned group.
    fn load_group(self, group: &Group) -> Self::U32;
    /// The first group as multiplicands. May read on into the second: on AVX2 a load four bytes
    /// further on puts the odd lanes where a shuffle would.
    fn load_pair(self, groups: &[Group; 2]) -> Self::Pair;
    /// Loads eight values, zero-extended.
    fn load_u16(self, rows: &[u16; 8]) -> Self::U32;
    /// Loads eight values, zero-extended.
    fn load_u8(self, rows: &[u8; 8]) -> Self::U32;
    /// Bit `k` selects lane `k`.
    fn mask_bits(self, bits: u8) -> Self::Mask;
    /// `acc + x` where the mask selects, else `acc`; lane-wise, wrapping.
    fn mask_add(self, acc: Self::U32, mask: Self::Mask, x: Self::U32) -> Self::U32;
    /// The sixteen lanes of `a` and `b` in row order: those at even places, then those at odd ones.
    fn deinterleave(self, a: Self::U32, b: Self::U32) -> [Self::U32; 2];
    /// Turns eight rows of eight into eight columns of eight.
    fn transpose(self, rows: [Self::U32; 8]) -> [Self::U32; 8];

    /// Prepares multiplicands.
    fn split(self, x: Self::U32) -> Self::Pair;
    /// The same multiplicand in all eight lanes.
    fn splat_pair(self, x: u32) -> Self::Pair;

    /// Zeros.
    fn sum_zero(self) -> Self::Sum;
    /// `acc + a * b`, unsigned 32x32 products, two per lane of four; wraps at 2^64.
    fn mul_add(self, acc: Self::Sum, a: Self::Pair, b: Self::Pair) -> Self::Sum;
    /// `acc + a * b`, `a` below `2^31` and `b` signed, two products per lane of four; wraps at 2^64.
    fn mul_add_signed(self, acc: Self::Sum, a: Self::Pair, b: Self::Pair) -> Self::Sum;
    /// `acc + x`, eight zero-extended values into four lanes.
    fn widen_add(self, acc: Self::Sum, x: Self::U32) -> Self::Sum;
    /// Lane-wise wrapping sum.
    fn sum_add(self, a: Self::Sum, b: Self::Sum) -> Self::Sum;
    /// Low 32 bits of every lane.
    fn sum_low(self, a: Self::Sum) -> Self::Sum;
    /// High 32 bits of every lane.
    fn sum_high(self, a: Self::Sum) -> Self::Sum;
    /// Four lanes, in the tier's order.
    fn sum_to_array(self, a: Self::Sum) -> [u64; 4];
    /// Sums whose `sum_to_array` is `a`.
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
    /// `acc` plus the low 52 bits of `a * b`, whose own low 52 bits are multiplied; wraps at 2^64.
    #[inline(always)]
    fn mul_add_low52(self, acc: Self::Wide, a: Self::Wide, b: Self::Wide) -> Self::Wide {
        by_lanes(self, [acc, a, b], add_low52)
    }
    /// `acc` plus the high 52 bits of the 104 of `a * b`, likewise.
    #[inline(always)]
    fn mul_add_high52(self, acc: Self::Wide, a: Self::Wide, b: Self::Wide) -> Self::Wide {
        by_lanes(self, [acc, a, b], add_high52)
    }
    /// `acc - x` where the lane of `sign`, read as signed, is negative, else `acc`; wrapping.
    #[inline(always)]
    fn sub_where_negative(self, acc: Self::Wide, sign: Self::Wide, x: Self::Wide) -> Self::Wide {
        by_lanes(self, [acc, sign, x], sub_where_negative)
    }
    /// Eight lanes added to four.
    #[inline(always)]
    fn wide_sum(self, a: Self::Wide) -> Self::Sum {
        let [a, b, c, d, e, f, g, h] = self.wide_to_array(a);
        let add = u64::wrapping_add;
        self.sum_from_array(&[add(a, e), add(b, f), add(c, g), add(d, h)])
    }
    /// Loads eight lanes stored by `wide_store` of the same tier.
    fn wide_load(self, group: &WideGroup) -> Self::Wide;
    /// Stores eight lanes in the tier's order.
    fn wide_store(self, a: Self::Wide, group: &mut WideGroup);
    /// The eight lanes in row order.
    fn wide_to_array(self, a: Self::Wide) -> [u64; 8];
    /// Whether a lane is above `limit`; lanes and limit below `2^63`.
    fn wide_any_above(self, a: Self::Wide, limit: u64) -> bool;
    /// Lane by lane, in row order, the four words.
    fn wide_transpose(self, words: [Self::Wide; 4]) -> [[u64; 4]; 8];
}

/// `op` of three vectors, lane by lane: what a tier without the instruction does.
#[inline(always)]
pub(crate) fn by_lanes<L: Lanes>(
    isa: L,
    vectors: [L::Wide; 3],
    op: fn(u64, u64, u64) -> u64,
) -> L::Wide {
    let mut groups = [WideGroup::default(); 3];
    for (group, vector) in groups.iter_mut().zip(vectors) {
        isa.wide_store(vector, group);
    }
    let [mut out, a, b] = groups;
    for ((out, a), b) in out.0.iter_mut().zip(a.0).zip(b.0) {
        *out = op(*out, a, b);
    }
    isa.wide_load(&out)
}

const MASK_52: u64 = (1 << 52) - 1;

fn product52(a: u64, b: u64) -> u128 {
    u128::from(a & MASK_52) * u128::from(b & MASK_52)
}

/// One lane of [`Lanes::mul_add_low52`].
pub(crate) fn add_low52(acc: u64, a: u64, b: u64) -> u64 {
    acc.wrapping_add(product52(a, b) as u64 & MASK_52)
}

/// One lane of [`Lanes::mul_add_high52`].
pub(crate) fn add_high52(acc: u64, a: u64, b: u64) -> u64 {
    acc.wrapping_add((product52(a, b) >> 52) as u64)
}

fn sub_where_negative(acc: u64, sign: u64, x: u64) -> u64 {
    if (sign as i64) < 0 {
        acc.wrapping_sub(x)
    } else {
        acc
    }
}
