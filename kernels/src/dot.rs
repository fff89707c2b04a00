//! Dot products of weight planes with integer columns: `sum over rows of weight[row] * column[row]`.
//!
//! In: planes and columns of `u32`, `u16`, `u8` or bits. Out: field elements, exact whatever the
//! tier or tile. It knows nothing of who the weights are.
//!
//! Sketch, per group of eight rows and limb: load the weights, move their odd lanes down, two 32x32
//! multiplies and two 64-bit additions per column. A tile is as many rows as the lane sums can hold;
//! at its end each lane splits into low and high 32 bits, which add up for `2^31` rows. There is one
//! reduction modulo p per call.
//!
//! Vector values never pass through a closure or an array adaptor: those may be compiled without the
//! tier's instructions. Plain loops over constant bounds unroll.

use crate::field::{Goldilocks2, MAX_DOT_ROWS, MAX_LIMBS, WeightField, at_most, tile_rows};
use crate::lanes::{GROUP_ROWS, Group, Lanes};
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

/// One tile: the limbs of one pass, starting at `first`, and `N` columns.
#[inline(always)]
fn tile<L: Lanes, F: WeightField, X: Cell, const N: usize, const PASSES: usize>(
    isa: L,
    first: usize,
    planes: &[Group],
    columns: [&[[X; 8]]; N],
    totals: &mut [Totals<L>; N],
) {
    let pass_limbs = const { F::LIMBS / PASSES };
    let mut acc = [[isa.sum_zero(); MAX_LIMBS]; N];
    let groups = columns[0].len();
    let columns = columns.map(|column| &column[..groups]);
    for (g, planes) in planes.chunks_exact(F::LIMBS).take(groups).enumerate() {
        let planes = &planes[first..first + pass_limbs];
        let mut values = [isa.splat_pair(0); N];
        for n in 0..N {
            values[n] = isa.split(X::load(isa, &columns[n][g]));
        }
        for limb in 0..pass_limbs {
            let weight = isa.split(isa.load_group(&planes[limb]));
            for n in 0..N {
                acc[n][limb] = isa.mul_add(acc[n][limb], weight, values[n]);
            }
        }
    }
    for n in 0..N {
        for limb in 0..pass_limbs {
            totals[n].flush(isa, first + limb, acc[n][limb]);
        }
    }
}

/// Groups of one tile of `X`: as many as the lane sums can hold, but no more than `cap`.
pub(crate) const fn tile_groups<F: WeightField, X: Cell>(cap: usize) -> usize {
    at_most(tile_rows::<F>(X::BITS) / GROUP_ROWS, cap)
}

/// The limbs are taken in `PASSES` parts, so that `N * F::LIMBS / PASSES` accumulators fit the
/// register file.
#[inline(always)]
pub(crate) fn dot<L: Lanes, F: WeightField, X: Cell, const N: usize, const PASSES: usize>(
    isa: L,
    planes: PlanesView<'_, F>,
    columns: [&[X]; N],
    tile_groups: usize,
) -> [F; N] {
    const { assert!(F::LIMBS.is_multiple_of(PASSES)) };
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
        for first in (0..F::LIMBS).step_by(F::LIMBS / PASSES) {
            tile::<L, F, X, N, PASSES>(isa, first, planes, part, &mut totals);
        }
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
        for first in (0..F::LIMBS).step_by(F::LIMBS / PASSES) {
            tile::<L, F, X, N, PASSES>(isa, first, planes, part, &mut totals);
        }
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
/// flush adds less than `2^32` to each of four lanes, which `reduce` adds up.
const _: () = {
    assert!(bit_tile_groups::<Fr>(usize::MAX) == 64 && 64 * ((1 << 26) - 1) < 1u64 << 32);
    assert!(
        bit_tile_groups::<Goldilocks2>(usize::MAX) == 1024 && 1024 * ((1 << 22) - 1) < 1u64 << 32
    );
    let flushes = (MAX_DOT_ROWS / GROUP_ROWS + 1) as u128;
    assert!(4 * flushes * 0xffff_ffff < 1 << 64);
};

/// At most `bit_tile_groups` groups; bits outside `mask` do not count.
#[inline(always)]
fn bit_tile<L: Lanes, F: WeightField>(
    isa: L,
    bytes: &[u8],
    planes: &[Group],
    mask: u8,
    totals: &mut Totals<L>,
) {
    let mut acc = [isa.zero(); MAX_LIMBS];
    for (byte, planes) in bytes.iter().zip(planes.chunks_exact(F::LIMBS)) {
        let mask = isa.mask_bits(byte & mask);
        for limb in 0..F::LIMBS {
            acc[limb] = isa.add(acc[limb], isa.and(mask, isa.load_group(&planes[limb])));
        }
    }
    for (limb, sum) in acc.iter().enumerate().take(F::LIMBS) {
        totals.flush(isa, limb, isa.widen_add(isa.sum_zero(), *sum));
    }
}

/// The sum of the weights whose bit is set; bit `k` of byte `g` is row `8g + k`.
///
/// Sketch, per group: one mask from a byte; per limb an `and` with the weights in memory and a 32-bit
/// addition.
#[inline(always)]
pub(crate) fn dot_bits<L: Lanes, F: WeightField>(
    isa: L,
    planes: PlanesView<'_, F>,
    bits: &[u8],
    row_count: usize,
    tile_groups: usize,
) -> F {
    assert!(
        row_count <= planes.weight_rows(),
        "{row_count} rows, {} weights",
        planes.weight_rows()
    );
    assert!(row_count <= MAX_DOT_ROWS);
    assert!(
        bits.len() * 8 >= row_count,
        "{} bytes for {row_count} bits",
        bits.len()
    );
    let (whole_groups, tail_rows) = (row_count / GROUP_ROWS, row_count % GROUP_ROWS);
    let mut totals = Totals::new(isa);
    let groups = planes.groups();
    for (bytes, planes) in bits[..whole_groups]
        .chunks(tile_groups)
        .zip(groups.chunks(tile_groups * F::LIMBS))
    {
        bit_tile::<L, F>(isa, bytes, planes, 0xff, &mut totals);
    }
    if tail_rows > 0 {
        let planes = &groups[whole_groups * F::LIMBS..];
        let mask = (1 << tail_rows) - 1;
        bit_tile::<L, F>(
            isa,
            &bits[whole_groups..=whole_groups],
            planes,
            mask,
            &mut totals,
        );
    }
    totals.reduce(isa)
}
