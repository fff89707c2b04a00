//! Prefixes of one to eight rows: blocks so short that their reduction is what costs.
//!
//! In: the limbs of the weights and a `u32` column of whole blocks. Out: one field element per block. A
//! lane is a block; how a field multiplies, adds and reduces a vector of them is its own, all in
//! one go, so that no sum of a limb waits in memory.

use crate::field::{MAX_LIMBS, WeightField};
use crate::planes::PlanesView;
use crate::word_lanes::WordLanes;

/// Largest prefix with a text of its own.
pub(crate) const MAX_SHORT_ROWS: usize = 8;
/// Words of the widest vector.
const MAX_COUNT: usize = 8;

/// Most numbers of 32 bits by which a row is multiplied.
pub(crate) const SHORT_FACTORS: usize = MAX_LIMBS + 2;

/// Those numbers for every row, in every lane.
pub(crate) type ShortFactors<D, const ROWS: usize> =
    [[<D as WordLanes>::Words; ROWS]; SHORT_FACTORS];

/// The block a lane of [`load`] stands for.
#[inline(always)]
pub(crate) const fn block_of_lane<const ROWS: usize>(lane: usize, count: usize) -> usize {
    if ROWS < 4 {
        lane
    } else {
        lane / 2 + lane % 2 * (count / 2)
    }
}

/// Vector `b` has row `b` of `COUNT` blocks in its low halves.
#[inline(always)]
fn load<D: WordLanes, const ROWS: usize>(isa: D, column: &[u32]) -> [D::Words; ROWS] {
    const { assert!(ROWS.is_power_of_two() && ROWS <= MAX_SHORT_ROWS) };
    let mut rows = [isa.splat(0); ROWS];
    if ROWS == 1 {
        rows[0] = isa.load_halves(column);
        return rows;
    }
    // Two rows a word: the first in its low half, which is all that a product takes.
    let mut pairs = [isa.splat(0); MAX_SHORT_ROWS / 2];
    for k in 0..ROWS / 2 {
        pairs[k] = isa.load_pairs(&column[2 * D::COUNT * k..2 * D::COUNT * (k + 1)]);
    }
    if ROWS == 4 {
        [pairs[0], pairs[1]] = isa.unzip(pairs[0], pairs[1]);
    }
    if ROWS == 8 {
        let (first, second) = (
            isa.halves(pairs[0], pairs[1]),
            isa.halves(pairs[2], pairs[3]),
        );
        [pairs[0], pairs[1]] = isa.unzip(first[0], second[0]);
        [pairs[2], pairs[3]] = isa.unzip(first[1], second[1]);
    }
    for k in 0..ROWS / 2 {
        rows[2 * k] = pairs[k];
        rows[2 * k + 1] = isa.shr::<32>(pairs[k]);
    }
    rows
}

#[inline(always)]
fn factors<D: WordLanes, F: WeightField, const ROWS: usize>(
    isa: D,
    planes: PlanesView<'_, F>,
) -> ShortFactors<D, ROWS> {
    let mut factors = [[isa.splat(0); ROWS]; SHORT_FACTORS];
    for row in 0..ROWS {
        let mut limbs = [0; MAX_LIMBS];
        for (limb, group) in limbs.iter_mut().zip(&planes.groups()[..F::LIMBS]) {
            *limb = group.0[row];
        }
        let numbers = F::short_factors::<ROWS>(&limbs);
        for k in 0..SHORT_FACTORS {
            factors[k][row] = isa.splat(u64::from(numbers[k]));
        }
    }
    factors
}

/// `out[j] = sum over b < ROWS of weight[b] * column[b + ROWS j]`.
#[inline(always)]
pub(crate) fn prefix_short<D: WordLanes, F: WeightField, const ROWS: usize>(
    isa: D,
    planes: PlanesView<'_, F>,
    column: &[u32],
    out: &mut [F],
) {
    let factors = factors::<D, F, ROWS>(isa, planes);
    let chunk = const { ROWS * D::COUNT };
    let mut padded = [0; MAX_SHORT_ROWS * MAX_COUNT];
    let mut last = [F::ZERO; MAX_COUNT];
    for (out, column) in out.chunks_mut(D::COUNT).zip(column.chunks(chunk)) {
        let whole = column.len() == chunk;
        let present = column.len();
        let column = if whole {
            column
        } else {
            padded[..present].copy_from_slice(column);
            &padded[..chunk]
        };
        let rows = load::<D, ROWS>(isa, column);
        let count = out.len();
        let sums = if whole {
            &mut *out
        } else {
            &mut last[..D::COUNT]
        };
        F::dot_short::<D, ROWS>(isa, &factors, rows, sums);
        if !whole {
            out.copy_from_slice(&last[..count]);
        }
    }
}
