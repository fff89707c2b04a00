//! Dot products of weight planes with integer columns: `sum over rows of weight[row] * column[row]`.
//!
//! In: planes and columns of `u32`, `u16`, `u8` or bits. Out: field elements, exact whatever the
//! tier or tile. It knows nothing of who the weights are.
//!
//! Sketch, per group of eight rows and limb: load the weights, move their odd lanes down (one column:
//! load them once more, four bytes on), two 32x32 multiplies and two 64-bit additions per column
//! (AVX-512: widen the weights, one multiply, one addition). A tile is as many rows as the lane sums can hold; at its end each lane splits into low
//! and high 32 bits, which add up for `2^31` rows. There is one reduction modulo p per call.
//!
//! Vector values never pass through a closure or an array adaptor: those may be compiled without the
//! tier's instructions. Plain loops over constant bounds unroll.

use crate::field::{Goldilocks2, MAX_DOT_ROWS, MAX_LIMBS, WeightField, at_most, tile_rows};
use crate::lanes::{GROUP_ROWS, Group, Lanes, for_limbs};
use crate::planes::PlanesView;
use ark_bn254::Fr;

/// An integer type columns consist of.
pub trait Cell: Copy + Default + crate::field::sealed::Sealed {
    /// Bits of the largest value.
    const BITS: u32;
    /// Loads eight values, zero-extended.
    fn load<L: Lanes>(isa: L, rows: &[Self; 8]) -> L::U32;
}

macro_rules! cell {
    ($type:ty, $load:ident) => {
        impl crate::field::sealed::Sealed for $type {}
        impl Cell for $type {
            const BITS: u32 = <$type>::BITS;
            #[inline(always)]
            fn load<L: Lanes>(isa: L, rows: &[Self; 8]) -> L::U32 {
                isa.$load(rows)
            }
        }
    };
}

cell!(u32, load);
cell!(u16, load_u16);
cell!(u8, load_u8);

/// Lane sums split in low and high halves; both stay below `2^64` for `2^31` rows.
#[derive(Clone, Copy)]
struct Totals<L: Lanes> {
    low: [L::Sum; MAX_LIMBS],
    high: [L::Sum; MAX_LIMBS],
}

impl<L: Lanes> Totals<L> {
    #[inline(always)]
    fn new(isa: L) -> Self {
        Self {
            low: [isa.sum_zero(); MAX_LIMBS],
            high: [isa.sum_zero(); MAX_LIMBS],
        }
    }

    #[inline(always)]
    fn flush(&mut self, isa: L, limb: usize, sum: L::Sum) {
        self.low[limb] = isa.sum_add(self.low[limb], isa.sum_low(sum));
        self.high[limb] = isa.sum_add(self.high[limb], isa.sum_high(sum));
    }

    /// The field element the totals stand for: `flush_reduce` of the design.
    #[inline(always)]
    fn reduce<F: WeightField>(&self, isa: L) -> F {
        let mut sums = [0u128; MAX_LIMBS];
        for (limb, sum) in sums.iter_mut().enumerate().take(F::LIMBS) {
            // Each array sums to below 2^32 * 2^31 lanes: no overflow in 64 bits.
            let low: u64 = isa.sum_to_array(self.low[limb]).iter().sum();
            let high: u64 = isa.sum_to_array(self.high[limb]).iter().sum();
            *sum = u128::from(low) + (u128::from(high) << 32);
        }
        F::reduce_dot(&sums)
    }
}

/// Limbs whose sums stay in registers for `columns` columns, each with two vectors of values, beside
/// two of weights: all of them, or half.
const fn pass_limbs<L: Lanes, F: WeightField>(columns: usize) -> usize {
    assert!(F::LIMBS.is_multiple_of(2));
    if columns * (F::LIMBS + 2) + 2 <= L::REGISTERS {
        F::LIMBS
    } else {
        F::LIMBS / 2
    }
}

/// Groups of one tile of `X`: as many as the lane sums can hold, but no more than `cap`.
pub(crate) const fn tile_groups<F: WeightField, X: Cell>(cap: usize) -> usize {
    at_most(tile_rows::<F>(X::BITS) / GROUP_ROWS, cap)
}

/// Adds one tile to the totals. Never inlined: the totals then stay in memory, and the registers are
/// the sums'.
#[inline(never)]
fn tile<L: Lanes, F: WeightField, X: Cell, const N: usize>(
    isa: L,
    planes: &[Group],
    columns: [&[[X; 8]]; N],
    totals: &mut [Totals<L>; N],
) {
    isa.run(
        #[inline(always)]
        || {
            for first in (0..F::LIMBS).step_by(const { pass_limbs::<L, F>(N) }) {
                pass::<L, F, X, N>(isa, first, planes, columns, totals);
            }
        },
    );
}

/// The limbs of one pass, starting at `first`.
#[inline(always)]
fn pass<L: Lanes, F: WeightField, X: Cell, const N: usize>(
    isa: L,
    first: usize,
    planes: &[Group],
    columns: [&[[X; 8]]; N],
    totals: &mut [Totals<L>; N],
) {
    let pass_limbs = const { pass_limbs::<L, F>(N) };
    const { assert!(N == 1 || N == 2) };
    let mut acc = [[isa.sum_zero(); MAX_LIMBS]; N];
    // Zipped, because nothing but one counter is then tested in the loop.
    let rows = columns[0].iter().zip(columns[N - 1]);
    for (planes, (first_rows, last_rows)) in planes.chunks_exact(F::LIMBS).zip(rows) {
        let rows = [first_rows, last_rows];
        let mut values = [isa.splat_pair(0); N];
        for n in 0..N {
            values[n] = isa.split(X::load(isa, rows[n]));
        }
        for_limbs!(limb in 0..pass_limbs => {
            let weight = load_weight::<L, N>(isa, planes, first + limb);
            for n in 0..N {
                acc[n][limb] = isa.mul_add(acc[n][limb], weight, values[n]);
            }
        });
    }
    for n in 0..N {
        for limb in 0..pass_limbs {
            totals[n].flush(isa, first + limb, acc[n][limb]);
        }
    }
}

/// One limb of the weights of a group, for `N` columns.
///
/// One column waits for the units that multiply, add and shuffle, and a second load spares them the
/// shuffle; two columns share it and would rather have the register.
#[inline(always)]
fn load_weight<L: Lanes, const N: usize>(isa: L, planes: &[Group], limb: usize) -> L::Pair {
    match planes[limb..].first_chunk::<2>() {
        Some(groups) if N == 1 => isa.load_pair(groups),
        _ => isa.split(isa.load_group(&planes[limb])),
    }
}

/// Column by column `sum over rows of weight[row] * column[row]`, in tiles of `tile_groups` groups,
/// which are at most [`tile_groups`].
#[inline(always)]
pub(crate) fn dot<L: Lanes, F: WeightField, X: Cell, const N: usize>(
    isa: L,
    planes: PlanesView<'_, F>,
    columns: [&[X]; N],
    tile_groups: usize,
) -> [F; N] {
    let row_count = columns[0].len();
    for column in columns {
        assert_eq!(
            column.len(),
            row_count,
            "columns of one call have one length"
        );
    }
    assert!(
        row_count <= planes.weight_rows(),
        "{row_count} rows, {} weights",
        planes.weight_rows()
    );
    assert!(row_count <= MAX_DOT_ROWS);

    let mut totals = [Totals::new(isa); N];
    let split = columns.map(|column| column.as_chunks::<8>());
    let (whole_groups, tail_rows) = (split[0].0.len(), split[0].1.len());
    let mut start = 0;
    while start < whole_groups {
        let end = (start + tile_groups).min(whole_groups);
        let part = split.map(|(groups, _)| &groups[start..end]);
        let planes = &planes.groups()[start * F::LIMBS..end * F::LIMBS];
        tile::<L, F, X, N>(isa, planes, part, &mut totals);
        start = end;
    }
    if tail_rows > 0 {
        let padded = split.map(|(_, tail)| {
            let mut group = [X::default(); 8];
            group[..tail_rows].copy_from_slice(tail);
            [group]
        });
        let part: [&[[X; 8]]; N] = std::array::from_fn(|n| padded[n].as_slice());
        let planes = &planes.groups()[whole_groups * F::LIMBS..];
        tile::<L, F, X, N>(isa, planes, part, &mut totals);
    }
    let mut out = [F::ZERO; N];
    for n in 0..N {
        out[n] = totals[n].reduce(isa);
    }
    out
}

/// Groups a 32-bit lane can add up without overflow, a limb each, but no more than `cap`.
pub(crate) const fn bit_tile_groups<F: WeightField>(cap: usize) -> usize {
    at_most(1 << (32 - F::LIMB_BITS), cap)
}

/// A 32-bit lane holds a tile of largest limbs. The totals hold what the smallest tiles add: every
/// flush adds less than `2^32` to each lane, eight of them at most, which `reduce` adds up.
const _: () = {
    assert!(bit_tile_groups::<Fr>(usize::MAX) == 64 && 64 * ((1 << 26) - 1) < 1u64 << 32);
    assert!(
        bit_tile_groups::<Goldilocks2>(usize::MAX) == 1024 && 1024 * ((1 << 22) - 1) < 1u64 << 32
    );
    let flushes = (MAX_DOT_ROWS / GROUP_ROWS + 1) as u128;
    assert!(8 * flushes * 0xffff_ffff < 1 << 64);
};

/// Adds one tile to the totals; bits outside `mask` do not count. Never inlined, as `tile`.
///
/// Where the sums of all columns do not stay in registers, one column goes after the other: half of
/// the limbs at a time would make every mask twice.
#[inline(never)]
fn bit_tile<L: Lanes, F: WeightField, const N: usize>(
    isa: L,
    planes: &[Group],
    columns: [&[u8]; N],
    mask: u8,
    totals: &mut [Totals<L>; N],
) {
    isa.run(
        #[inline(always)]
        || {
            if const { N * (F::LIMBS + 1) + 2 <= L::REGISTERS } {
                bit_pass::<L, F, N>(isa, planes, columns, mask, totals);
            } else {
                for (column, totals) in columns.iter().zip(totals) {
                    bit_pass::<L, F, 1>(isa, planes, [column], mask, std::array::from_mut(totals));
                }
            }
        },
    );
}

#[inline(always)]
fn bit_pass<L: Lanes, F: WeightField, const N: usize>(
    isa: L,
    planes: &[Group],
    columns: [&[u8]; N],
    mask: u8,
    totals: &mut [Totals<L>; N],
) {
    const { assert!(N == 1 || N == 2) };
    let mut acc = [[isa.zero(); MAX_LIMBS]; N];
    let bytes = columns[0].iter().zip(columns[N - 1]);
    for (planes, (first_byte, last_byte)) in planes.chunks_exact(F::LIMBS).zip(bytes) {
        let bytes = [first_byte, last_byte];
        let mut masks = [isa.mask_bits(0); N];
        for n in 0..N {
            masks[n] = isa.mask_bits(bytes[n] & mask);
        }
        for_limbs!(limb in 0..F::LIMBS => {
            let weight = isa.load_group(&planes[limb]);
            for n in 0..N {
                acc[n][limb] = isa.mask_add(acc[n][limb], masks[n], weight);
            }
        });
    }
    for n in 0..N {
        for limb in 0..F::LIMBS {
            totals[n].flush(isa, limb, isa.widen_add(isa.sum_zero(), acc[n][limb]));
        }
    }
}

/// The sum of the weights whose bit is set; bit `k` of byte `g` is row `8g + k`. Tiles have
/// `tile_groups` groups, at most [`bit_tile_groups`].
///
/// Sketch, per group and column: one mask from a byte; per limb an `and` with the weights and a 32-bit
/// addition (one masked addition on AVX-512).
#[inline(always)]
pub(crate) fn dot_bits<L: Lanes, F: WeightField, const N: usize>(
    isa: L,
    planes: PlanesView<'_, F>,
    columns: [&[u8]; N],
    row_count: usize,
    tile_groups: usize,
) -> [F; N] {
    assert!(
        row_count <= planes.weight_rows(),
        "{row_count} rows, {} weights",
        planes.weight_rows()
    );
    assert!(row_count <= MAX_DOT_ROWS);
    for bits in columns {
        assert!(
            bits.len() >= row_count.div_ceil(GROUP_ROWS),
            "{} bytes for {row_count} bits",
            bits.len()
        );
    }
    let (whole_groups, tail_rows) = (row_count / GROUP_ROWS, row_count % GROUP_ROWS);
    let mut totals = [Totals::new(isa); N];
    let mut start = 0;
    while start < whole_groups {
        let end = (start + tile_groups).min(whole_groups);
        let part = columns.map(|bits| &bits[start..end]);
        let planes = &planes.groups()[start * F::LIMBS..end * F::LIMBS];
        bit_tile::<L, F, N>(isa, planes, part, 0xff, &mut totals);
        start = end;
    }
    if tail_rows > 0 {
        let planes = &planes.groups()[whole_groups * F::LIMBS..];
        let part = columns.map(|bits| &bits[whole_groups..=whole_groups]);
        let mask = (1 << tail_rows) - 1;
        bit_tile::<L, F, N>(isa, planes, part, mask, &mut totals);
    }
    let mut out = [F::ZERO; N];
    for n in 0..N {
        out[n] = totals[n].reduce(isa);
    }
    out
}
