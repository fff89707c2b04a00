//! What is added up at one grid point: products of the columns' values, in pieces, times limbs of weights.
//!
//! In: vectors of values in the arena, planes of weights. Out: sums of the point. It does not know which
//! point it is, nor how the values came there.

use std::marker::PhantomData;

use super::sum_count;
use crate::field::{MAX_SUMS, WeightField, limbs_per_coord};
use crate::grid_double::{self, DOUBLE_LIMBS, DOUBLE_SUMS};
use crate::grid_range::{LONG_PIECES, SHORT_PIECES, TILE_GROUPS};
use crate::lanes::{GROUP_ROWS, Group, Lanes, WideGroup, for_limbs};

/// What is added up at a grid point: one form of limbs and pieces, over the groups of a tile.
pub(super) trait Leaf<L: Lanes> {
    /// Sums of a grid point.
    const SUMS: usize;
    /// Groups of the tile.
    fn group_count(&self) -> usize;
    /// Adds the products of the columns' vectors from `start` on, one table of `arena_len` a column.
    fn add(
        &self,
        isa: L,
        arena: &[WideGroup],
        arena_len: usize,
        start: usize,
        sums: &mut [[u64; 4]],
    );
}

/// Limbs and pieces of one width: planes of weights, or, without weights, one entry a group.
pub(super) struct PieceLeaf<'a, F, const PIECES: usize, const WEIGHTED: bool>(
    pub &'a [Group],
    pub PhantomData<F>,
);

impl<L: Lanes, F: WeightField, const PIECES: usize, const WEIGHTED: bool> Leaf<L>
    for PieceLeaf<'_, F, PIECES, WEIGHTED>
{
    const SUMS: usize = sum_count::<F>(PIECES, WEIGHTED);

    #[inline(always)]
    fn group_count(&self) -> usize {
        self.0.len() / plane_count::<F>(WEIGHTED)
    }

    #[inline(always)]
    fn add(
        &self,
        isa: L,
        arena: &[WideGroup],
        arena_len: usize,
        start: usize,
        sums: &mut [[u64; 4]],
    ) {
        let group_count = Leaf::<L>::group_count(self);
        if PIECES == SHORT_PIECES {
            let tables = two_tables(arena, arena_len, start, group_count);
            short_leaf::<L, F, WEIGHTED>(isa, tables, self.0, sums);
        } else {
            long_leaf::<L, F, WEIGHTED>(isa, arena, arena_len, start, self.0, sums);
        }
    }
}

/// Double limbs of weights, for so many groups.
pub(super) struct DoubleLeaf<'a, L: Lanes, const GROUPS: usize>(
    pub &'a [[L::Wide; DOUBLE_LIMBS]; GROUPS],
);

impl<L: Lanes, const GROUPS: usize> Leaf<L> for DoubleLeaf<'_, L, GROUPS> {
    const SUMS: usize = DOUBLE_SUMS;

    #[inline(always)]
    fn group_count(&self) -> usize {
        GROUPS
    }

    #[inline(always)]
    fn add(
        &self,
        isa: L,
        arena: &[WideGroup],
        arena_len: usize,
        start: usize,
        sums: &mut [[u64; 4]],
    ) {
        let tables = two_tables(arena, arena_len, start, GROUPS);
        grid_double::leaf(isa, tables, self.0, sums);
    }
}

#[inline(always)]
fn two_tables(
    arena: &[WideGroup],
    arena_len: usize,
    start: usize,
    count: usize,
) -> [&[WideGroup]; 2] {
    let (a, b) = arena.split_at(arena_len);
    [&a[start..start + count], &b[start..start + count]]
}

/// The three pieces of a product of two signed values of at most `LIMB_BITS + 15` bits.
///
/// With `a = a0 + a1 2^B`, `0 <= a0 < 2^B`: `c0 = a0 b0 >= 0`, `t = a1 b0 + a0 b1 + (c0 >> B)`,
/// pieces `c0 mod 2^B`, `t mod 2^B`, `a1 b1 + floor(t / 2^B)`. Multiplicands are read from the low
/// 32 bits of a lane, so the logical shift gives `floor` modulo `2^32`, which is all that is read.
#[inline(always)]
fn short_pieces<L: Lanes, F: WeightField>(
    isa: L,
    a: L::Wide,
    b: L::Wide,
) -> [L::Pair; SHORT_PIECES] {
    let (bits, mask) = (F::LIMB_BITS, (1u64 << F::LIMB_BITS) - 1);
    let (a0, a1) = (
        isa.narrow(isa.wide_and(a, mask)),
        isa.narrow(isa.wide_shr(a, bits)),
    );
    let (b0, b1) = (
        isa.narrow(isa.wide_and(b, mask)),
        isa.narrow(isa.wide_shr(b, bits)),
    );
    let c0 = isa.wide_mul(a0, b0);
    let c1 = isa.wide_add(isa.wide_mul_signed(a1, b0), isa.wide_mul_signed(a0, b1));
    let t = isa.wide_add(c1, isa.wide_shr(c0, bits));
    let top = isa.wide_add(isa.wide_mul_signed(a1, b1), isa.wide_shr(t, bits));
    [
        isa.narrow(isa.wide_and(c0, mask)),
        isa.narrow(isa.wide_and(t, mask)),
        isa.narrow(top),
    ]
}

/// `sums += weight * product` for one grid point of two columns.
#[inline(always)]
fn short_leaf<L: Lanes, F: WeightField, const WEIGHTED: bool>(
    isa: L,
    tables: [&[WideGroup]; 2],
    planes: &[Group],
    sums: &mut [[u64; 4]],
) {
    let group_count = tables[0].len();
    let mut pieces = [[isa.splat_pair(0); SHORT_PIECES]; TILE_GROUPS];
    for ((pieces, a), b) in pieces.iter_mut().zip(tables[0]).zip(tables[1]) {
        *pieces = short_pieces::<L, F>(isa, isa.wide_load(a), isa.wide_load(b));
    }
    let pieces = &pieces[..group_count];
    if WEIGHTED {
        add_pieces::<L, F, SHORT_PIECES>(isa, sums, pieces, planes);
    } else {
        add_plain(isa, sums, pieces);
    }
}

/// `sums += weight * product` for any product below `2^126`, formed in `i128`.
#[inline(always)]
fn long_leaf<L: Lanes, F: WeightField, const WEIGHTED: bool>(
    isa: L,
    arena: &[WideGroup],
    arena_len: usize,
    start: usize,
    planes: &[Group],
    sums: &mut [[u64; 4]],
) {
    let group_count = planes.len() / plane_count::<F>(WEIGHTED);
    let mut pieces = [[isa.splat_pair(0); LONG_PIECES]; TILE_GROUPS];
    for (g, pieces) in pieces.iter_mut().enumerate().take(group_count) {
        let mut products = [1i128; GROUP_ROWS];
        for column in arena.chunks_exact(arena_len) {
            let values = isa.wide_to_array(isa.wide_load(&column[start + g]));
            for (product, value) in products.iter_mut().zip(values) {
                *product *= i128::from(value as i64);
            }
        }
        let mut digits = [[0u32; GROUP_ROWS]; LONG_PIECES];
        for (lane, product) in products.iter_mut().enumerate() {
            for digit in &mut digits[..LONG_PIECES - 1] {
                digit[lane] = (*product & ((1 << F::LIMB_BITS) - 1)) as u32;
                *product >>= F::LIMB_BITS;
            }
            digits[LONG_PIECES - 1][lane] = *product as u32;
        }
        for (piece, digit) in pieces.iter_mut().zip(&digits) {
            *piece = isa.split(isa.load(digit));
        }
    }
    let pieces = &pieces[..group_count];
    if WEIGHTED {
        add_pieces::<L, F, LONG_PIECES>(isa, sums, pieces, planes);
    } else {
        add_plain(isa, sums, pieces);
    }
}

/// Entries of the planes a group of blocks has.
pub(super) const fn plane_count<F: WeightField>(weighted: bool) -> usize {
    if weighted { F::LIMBS } else { 1 }
}

/// Adds every piece to the sum of its own.
#[inline(always)]
fn add_plain<L: Lanes, const PIECES: usize>(
    isa: L,
    sums: &mut [[u64; 4]],
    pieces: &[[L::Pair; PIECES]],
) {
    let one = isa.splat_pair(1);
    for (p, sum) in sums.iter_mut().enumerate() {
        let mut acc = isa.sum_from_array(sum);
        for pieces in pieces {
            acc = isa.mul_add_signed(acc, one, pieces[p]);
        }
        *sum = isa.sum_to_array(acc);
    }
}

/// Limbs whose sums stay in registers beside the pieces, two vectors each, and two of weights: all of
/// them or half. Half the limbs of a field of one coordinate are its lower or its upper ones, whose sums
/// overlap; of a field of two they are a coordinate's.
const fn pass_limbs<L: Lanes, F: WeightField>(pieces: usize) -> usize {
    assert!(F::LIMBS.is_multiple_of(2) && F::COORDS <= 2);
    if sum_count::<F>(pieces, true) + 2 * pieces + 2 <= L::REGISTERS {
        F::LIMBS
    } else {
        F::LIMBS / 2
    }
}

/// The sum, counted from that of limb 0, of a limb and the lowest piece.
const fn first_sum<F: WeightField>(limb: usize, pieces: usize) -> usize {
    let coord_limbs = limbs_per_coord::<F>();
    limb / coord_limbs * (coord_limbs + pieces - 1) + limb % coord_limbs
}

/// Adds every piece times every weight limb to the sum of their joint power of two.
#[inline(always)]
fn add_pieces<L: Lanes, F: WeightField, const PIECES: usize>(
    isa: L,
    sums: &mut [[u64; 4]],
    pieces: &[[L::Pair; PIECES]],
    planes: &[Group],
) {
    let limb_count = const { pass_limbs::<L, F>(PIECES) };
    for first in (0..F::LIMBS).step_by(limb_count) {
        let base = first_sum::<F>(first, PIECES);
        let pass_sums = const { first_sum::<F>(pass_limbs::<L, F>(PIECES) - 1, PIECES) + PIECES };
        let sums = &mut sums[base..base + pass_sums];
        let mut acc = [isa.sum_zero(); MAX_SUMS];
        for (acc, sum) in acc.iter_mut().zip(&*sums) {
            *acc = isa.sum_from_array(sum);
        }
        for (pieces, planes) in pieces.iter().zip(planes.chunks_exact(F::LIMBS)) {
            for_limbs!(limb in 0..limb_count => {
                let weight = isa.split(isa.load_group(&planes[first + limb]));
                let at = first_sum::<F>(limb, PIECES);
                for p in 0..PIECES {
                    acc[at + p] = isa.mul_add_signed(acc[at + p], weight, pieces[p]);
                }
            });
        }
        for (acc, sum) in acc.iter().zip(sums) {
            *sum = isa.sum_to_array(*acc);
        }
    }
}
