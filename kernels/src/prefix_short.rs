//! Prefixes of one to eight rows: blocks so short that their reduction is what costs.
//!
//! In: the limbs of the weights and a `u32` column of whole blocks. Out: one field element per block. A
//! lane is a block; how a field multiplies, adds and reduces a vector of them is its own, all in
//! one go, so that no sum of a limb waits in memory.

use crate::field::{MAX_LIMBS, WeightField};
use crate::planes::PlanesView;
use crate::word_lanes::WordLanes;
use std::hint::black_box;

/// Largest prefix with a text of its own.
pub(crate) const MAX_SHORT_ROWS: usize = 8;
/// Words of the widest vector.
const MAX_COUNT: usize = 8;

/// Most numbers of 32 bits by which a row is multiplied.
pub const SHORT_FACTORS: usize = MAX_LIMBS + 2;

/// Most words that are added, whatever the rows.
pub const SHORT_WORDS: usize = 9;

/// What a field multiplies the rows of a prefix by, as words or in every lane.
#[derive(Clone, Copy)]
pub struct ShortFactors<W, const ROWS: usize> {
    /// Factors of every row, below `2^32`.
    pub(crate) rows: [[W; ROWS]; SHORT_FACTORS],
    /// Factors of a quotient, below `2^32`.
    pub(crate) quotient: [W; SHORT_FACTORS],
    /// What is added.
    pub(crate) words: [W; SHORT_WORDS],
}

impl<const ROWS: usize> ShortFactors<u64, ROWS> {
    pub(crate) const ZERO: Self = Self {
        rows: [[0; ROWS]; SHORT_FACTORS],
        quotient: [0; SHORT_FACTORS],
        words: [0; SHORT_WORDS],
    };

    /// The same factors in every lane.
    #[inline(always)]
    pub(crate) fn in_lanes<D: WordLanes>(&self, isa: D) -> ShortFactors<D::Words, ROWS> {
        let zero = isa.splat(0);
        let mut lanes = ShortFactors {
            rows: [[zero; ROWS]; SHORT_FACTORS],
            quotient: [zero; SHORT_FACTORS],
            words: [zero; SHORT_WORDS],
        };
        for k in 0..SHORT_FACTORS {
            for row in 0..ROWS {
                lanes.rows[k][row] = isa.splat(self.rows[k][row]);
            }
            lanes.quotient[k] = isa.splat(self.quotient[k]);
        }
        for k in 0..SHORT_WORDS {
            lanes.words[k] = isa.splat(self.words[k]);
        }
        lanes
    }
}

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

/// The factors in every lane.
#[inline(always)]
fn factors<D: WordLanes, F: WeightField, const ROWS: usize>(
    isa: D,
    planes: PlanesView<'_, F>,
) -> ShortFactors<D::Words, ROWS> {
    let mut weights = [[0; MAX_LIMBS]; ROWS];
    for (row, limbs) in weights.iter_mut().enumerate() {
        for (limb, group) in limbs.iter_mut().zip(&planes.groups()[..F::LIMBS]) {
            *limb = group.0[row];
        }
    }
    F::short_factors(&weights).in_lanes(isa)
}

/// `out[j] = sum over b < ROWS of weight[b] * column[b + ROWS j]`.
#[inline(always)]
pub(crate) fn prefix_short<D: WordLanes, F: WeightField, const ROWS: usize>(
    isa: D,
    planes: PlanesView<'_, F>,
    column: &[u32],
    out: &mut [F],
) {
    // Numbers of which nothing is known: of a high half known to be zero products of words are made,
    // and taken apart again, and of known factors shifts.
    let factors = factors::<D, F, ROWS>(isa, planes);
    let factors = black_box(&factors);
    let chunk = const { ROWS * D::COUNT };
    let mut highest = isa.splat(0);
    let (blocks, rest) = column.split_at(column.len() / chunk * chunk);
    let (outs, last) = out.split_at_mut(blocks.len() / ROWS);
    for (out, blocks) in outs
        .chunks_exact_mut(D::COUNT)
        .zip(blocks.chunks_exact(chunk))
    {
        let rows = load::<D, ROWS>(isa, blocks);
        highest = F::dot_short::<D, ROWS>(isa, factors, rows, highest, out);
    }
    if !last.is_empty() {
        let mut padded = [0; MAX_SHORT_ROWS * MAX_COUNT];
        padded[..rest.len()].copy_from_slice(rest);
        let rows = load::<D, ROWS>(isa, &padded[..chunk]);
        let mut sums = [F::ZERO; MAX_COUNT];
        highest = F::dot_short::<D, ROWS>(isa, factors, rows, highest, &mut sums);
        last.copy_from_slice(&sums[..last.len()]);
    }
    F::finish_short::<D, ROWS>(isa, highest, out);
}
