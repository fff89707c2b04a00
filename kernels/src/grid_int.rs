//! The first window on plain integers: grids of `u32` columns, their products, weighted sums.
//!
//! In: one to three columns of words, or of signed integers of a known range, cut into blocks of `2^w`
//! rows, and one weight per block, or none. Out: per grid point the field element
//! `sum over blocks of weight * product of the columns' grid values`. Grid order and points: see `grid`.
//!
//! Algorithm. Eight blocks are the lanes of a vector; a tile is [`TILE_GROUPS`] such groups. A
//! depth-first walk over the grid keeps, per variable, the half-sized tables of the current digits:
//! digits 0 and 1 are the halves themselves, other digits are computed into one buffer per variable.
//! At a leaf the product of the columns is cut into signed pieces of `LIMB_BITS`, and pieces times
//! weight limbs add up by their joint power of two: `limbs + pieces - 1` sums per coordinate. Without
//! weights the pieces themselves add up, one sum each.
//!
//! Intervals. A grid value of column k lies below [`ValueRange::bits`] bits in magnitude; pieces fit a
//! signed 32-bit multiplicand; sums stay below `2^63` for `flush_groups` groups. All three are
//! asserted for every field, window, degree and number of columns.
//!
//! Sketch, two columns, per leaf and eight blocks: 8 multiplies and 22 simple operations for the
//! pieces, then per limb one load, one shuffle, six multiplies and six additions (BN254).

use std::marker::PhantomData;

use crate::field::{MAX_SUMS, WeightField, at_most, limbs_per_coord};
use crate::grid::{MAX_WINDOW, grid_points};
use crate::grid_double::{self, DOUBLE_GROUPS, DOUBLE_LIMBS, DOUBLE_SUMS, has_doubles};
use crate::grid_range::{
    LONG_PIECES, SHORT_PIECES, TILE_GROUPS, ValueRange, flush_groups, grid_fits, piece_count,
};
use crate::lanes::{GROUP_ROWS, Group, Lanes, WideGroup};
use crate::planes::PlanesView;
use crate::prefix::load_blocks;
use crate::tier::Tier;

mod leaf;
mod walk;

use leaf::{DoubleLeaf, PieceLeaf};
use walk::walk;

/// A column of a product.
#[derive(Clone, Copy, Debug)]
pub enum GridColumn<'a> {
    /// Words.
    Words(&'a [u32]),
    /// Signed values that lie in the column's [`ValueRange`].
    Signed(&'a [i64]),
}

impl GridColumn<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Words(rows) => rows.len(),
            Self::Signed(rows) => rows.len(),
        }
    }
}

/// Accumulator of one window: unreduced sums per grid point, and the scratch of the walk.
#[derive(Clone, Debug)]
pub struct WindowGrid<F> {
    window: usize,
    degree: usize,
    column_count: usize,
    pieces: usize,
    weighted: bool,
    /// Groups that may be added before a flush.
    group_limit: usize,
    /// Per column `2^(window + 1)` vectors per group of a tile: the blocks, then the digit buffers.
    arena: Vec<WideGroup>,
    /// Per grid point the sums of four lanes.
    sums: Vec<[u64; 4]>,
    group_count: usize,
    totals: Vec<F>,
    /// Whether open sums are those of double limbs, which a tier that has them asks for.
    doubles: bool,
    /// Weights added since the last flush, for double limbs.
    weight_sums: [[u64; 4]; DOUBLE_LIMBS],
}

impl<F: WeightField> WindowGrid<F> {
    /// Sums at zero for weighted products of `column_count` columns of words, of degree `degree` in
    /// each variable.
    ///
    /// # Panics
    /// If `window` is not in `1..=6`, `degree` not in `2..=4`, `column_count` not in `1..=3`, or a
    /// product could reach `2^126`.
    pub fn new(window: usize, degree: usize, column_count: usize) -> Self {
        Self::for_ranges(window, degree, &vec![ValueRange::WORD; column_count], true)
    }

    /// Sums at zero for products of one column for each of `ranges`, with weights
    /// (`grid_accumulate`) or without (`grid_add`).
    ///
    /// # Panics
    /// If they do not fit ([`grid_fits`]).
    pub fn for_ranges(window: usize, degree: usize, ranges: &[ValueRange], weighted: bool) -> Self {
        assert!(
            grid_fits(window, degree, ranges),
            "window {window}, degree {degree}, columns in {ranges:?}"
        );
        let bits = ranges.iter().map(|range| range.bits(window, degree));
        let bits = bits.max().unwrap_or(0);
        let pieces = piece_count::<F>(bits, ranges.len());
        let point_count = grid_points(window, degree);
        let column_groups = (2 << window) * TILE_GROUPS;
        Self {
            window,
            degree,
            column_count: ranges.len(),
            pieces,
            weighted,
            group_limit: flush_groups::<F>(pieces, bits, weighted),
            arena: vec![WideGroup::default(); ranges.len() * column_groups],
            sums: vec![[0; 4]; point_count * sum_count::<F>(pieces, weighted)],
            group_count: 0,
            totals: vec![F::ZERO; point_count],
            doubles: false,
            weight_sums: [[0; 4]; DOUBLE_LIMBS],
        }
    }

    /// Rows per block.
    pub fn block_rows(&self) -> usize {
        1 << self.window
    }

    /// `(degree + 1)^window`.
    pub fn point_count(&self) -> usize {
        self.totals.len()
    }

    /// Blocks of largest values whose sums still fit on this tier: one more, and they are reduced first.
    #[doc(hidden)]
    pub fn flush_blocks(&self, tier: Tier) -> usize {
        let groups = match tier {
            Tier::Ifma if self.takes_doubles() => DOUBLE_GROUPS,
            _ => self.group_limit,
        };
        groups * GROUP_ROWS
    }

    /// Whether the products have the form that double limbs are for.
    const fn takes_doubles(&self) -> bool {
        has_doubles::<F>() && self.weighted && self.pieces == SHORT_PIECES
    }

    /// Adds `scale * sum` of every grid point to `out` and starts again from zero.
    ///
    /// # Panics
    /// If `out` has not [`Self::point_count`] entries.
    pub fn drain_into(&mut self, scale: F, out: &mut [F]) {
        assert_eq!(out.len(), self.totals.len(), "one output per grid point");
        self.flush();
        for (total, out) in self.totals.iter_mut().zip(out) {
            *out += scale * *total;
            *total = F::ZERO;
        }
    }

    fn flush(&mut self) {
        if !self.weighted {
            return self.flush_pieces();
        }
        if self.doubles {
            return self.flush_doubles();
        }
        let stride = limbs_per_coord::<F>() + self.pieces - 1;
        let points = self.sums.chunks_exact_mut(stride * F::COORDS);
        for (sums, total) in points.zip(&mut self.totals) {
            let mut wide = [0i128; MAX_SUMS];
            for (sum, lanes) in wide.iter_mut().zip(sums) {
                *sum = take_lanes(lanes);
            }
            *total += F::reduce_sums(&wide, stride);
        }
        self.group_count = 0;
    }

    fn flush_doubles(&mut self) {
        let weights = self.weight_sums.each_mut().map(grid_double::take_lanes);
        let points = self.sums.chunks_exact_mut(DOUBLE_SUMS);
        for (sums, total) in points.zip(&mut self.totals) {
            let sums = grid_double::take_sums(sums, &weights);
            *total += F::reduce_sums(&sums, grid_double::TAKEN_SUMS);
        }
        self.group_count = 0;
    }

    fn flush_pieces(&mut self) {
        let radix = F::from(1u64 << F::LIMB_BITS);
        let points = self.sums.chunks_exact_mut(self.pieces);
        for (sums, total) in points.zip(&mut self.totals) {
            let pieces = sums.iter_mut().rev().map(take_lanes);
            *total += pieces.fold(F::ZERO, |sum, piece| sum * radix + F::from(piece));
        }
        self.group_count = 0;
    }
}

/// The sum of four signed lanes, which become zero.
fn take_lanes(lanes: &mut [u64; 4]) -> i128 {
    let lanes = std::mem::take(lanes);
    lanes.iter().map(|lane| i128::from(*lane as i64)).sum()
}

const fn sum_count<F: WeightField>(pieces: usize, weighted: bool) -> usize {
    if weighted {
        F::COORDS * (limbs_per_coord::<F>() + pieces - 1)
    } else {
        pieces
    }
}

/// Adds the blocks of one run of rows; block `k` has weight `planes[k]`.
#[inline(always)]
pub(crate) fn grid_accumulate<L: Lanes, F: WeightField, const CAP: usize>(
    isa: L,
    grid: &mut WindowGrid<F>,
    planes: PlanesView<'_, F>,
    columns: &[GridColumn<'_>],
) {
    const { assert!(sum_count::<F>(LONG_PIECES, true) <= MAX_SUMS) };
    assert!(grid.weighted, "a grid of weighted products");
    check_columns(grid, planes.weight_rows(), columns);
    let doubles = const { L::HAS_MUL52 && has_doubles::<F>() } && grid.takes_doubles();
    if doubles != grid.doubles {
        grid.flush();
        grid.doubles = doubles;
    }
    if const { L::HAS_MUL52 && has_doubles::<F>() } && doubles {
        return accumulate_doubles::<L, F, CAP>(isa, grid, planes.groups(), columns);
    }
    let tile_groups = const { at_most(TILE_GROUPS, CAP) };
    for (tile, planes) in planes.groups().chunks(tile_groups * F::LIMBS).enumerate() {
        load_tile::<L, F, CAP>(
            isa,
            grid,
            tile * tile_groups,
            planes.len() / F::LIMBS,
            columns,
        );
        match grid.pieces {
            SHORT_PIECES => walk(
                isa,
                grid,
                &PieceLeaf::<F, SHORT_PIECES, true>(planes, PhantomData),
            ),
            _ => walk(
                isa,
                grid,
                &PieceLeaf::<F, LONG_PIECES, true>(planes, PhantomData),
            ),
        }
    }
}

/// [`grid_accumulate`] on double limbs: whole tiles, then groups one by one, so that every walk is
/// compiled for its number of groups.
#[inline(always)]
fn accumulate_doubles<L: Lanes, F: WeightField, const CAP: usize>(
    isa: L,
    grid: &mut WindowGrid<F>,
    planes: &[Group],
    columns: &[GridColumn<'_>],
) {
    let mut first = 0;
    while first * F::LIMBS < planes.len() {
        let planes = &planes[first * F::LIMBS..];
        if CAP >= TILE_GROUPS && planes.len() >= TILE_GROUPS * F::LIMBS {
            tile_of_doubles::<L, F, CAP, TILE_GROUPS>(isa, grid, first, planes, columns);
            first += TILE_GROUPS;
        } else {
            tile_of_doubles::<L, F, CAP, 1>(isa, grid, first, planes, columns);
            first += 1;
        }
    }
}

#[inline(always)]
fn tile_of_doubles<L: Lanes, F: WeightField, const CAP: usize, const GROUPS: usize>(
    isa: L,
    grid: &mut WindowGrid<F>,
    first_group: usize,
    planes: &[Group],
    columns: &[GridColumn<'_>],
) {
    load_tile::<L, F, CAP>(isa, grid, first_group, GROUPS, columns);
    let doubles: [_; GROUPS] = grid_double::join(isa, planes);
    grid_double::add_weights(isa, &doubles, &mut grid.weight_sums);
    walk(isa, grid, &DoubleLeaf::<L, GROUPS>(&doubles));
}

/// Adds the blocks of one run of rows, all of weight 1.
#[inline(always)]
pub(crate) fn grid_add<L: Lanes, F: WeightField, const CAP: usize>(
    isa: L,
    grid: &mut WindowGrid<F>,
    columns: &[GridColumn<'_>],
) {
    assert!(!grid.weighted, "a grid of products without weights");
    let block_count = columns[0].len() >> grid.window;
    assert!(block_count.is_multiple_of(GROUP_ROWS), "whole groups");
    check_columns(grid, block_count, columns);
    let groups = block_count / GROUP_ROWS;
    let tile_groups = const { at_most(TILE_GROUPS, CAP) };
    for tile in 0..groups.div_ceil(tile_groups) {
        let group_count = tile_groups.min(groups - tile * tile_groups);
        load_tile::<L, F, CAP>(isa, grid, tile * tile_groups, group_count, columns);
        // Stands for as many groups of weights.
        let none = [Group::default(); TILE_GROUPS];
        let none = &none[..group_count];
        match grid.pieces {
            SHORT_PIECES => walk(
                isa,
                grid,
                &PieceLeaf::<F, SHORT_PIECES, false>(none, PhantomData),
            ),
            _ => walk(
                isa,
                grid,
                &PieceLeaf::<F, LONG_PIECES, false>(none, PhantomData),
            ),
        }
    }
}

fn check_columns<F: WeightField>(
    grid: &WindowGrid<F>,
    block_count: usize,
    columns: &[GridColumn<'_>],
) {
    assert_eq!(columns.len(), grid.column_count, "columns of the product");
    for column in columns {
        assert_eq!(
            column.len(),
            block_count * grid.block_rows(),
            "whole blocks, one weight each"
        );
    }
}

/// Loads a tile into the arena; flushes the sums before it where they could overflow.
#[inline(always)]
fn load_tile<L: Lanes, F: WeightField, const CAP: usize>(
    isa: L,
    grid: &mut WindowGrid<F>,
    first_group: usize,
    group_count: usize,
    columns: &[GridColumn<'_>],
) {
    let limit = match grid.doubles {
        true => DOUBLE_GROUPS,
        false => grid.group_limit,
    };
    if grid.group_count + group_count > limit.min(CAP) {
        grid.flush();
    }
    grid.group_count += group_count;
    let (block_rows, first_block) = (grid.block_rows(), first_group * GROUP_ROWS);
    let arena_len = grid.arena.len() / grid.column_count;
    for (column, arena) in columns.iter().zip(grid.arena.chunks_exact_mut(arena_len)) {
        match column {
            GridColumn::Words(column) => {
                load_words(isa, column, block_rows, first_block, group_count, arena);
            }
            GridColumn::Signed(column) => {
                load_signed(isa, column, block_rows, first_block, group_count, arena);
            }
        }
    }
}

/// Row `b` of group `g` of the tile goes to `arena[b * group_count + g]`, zero-extended.
#[inline(always)]
fn load_words<L: Lanes>(
    isa: L,
    column: &[u32],
    block_rows: usize,
    first_block: usize,
    group_count: usize,
    arena: &mut [WideGroup],
) {
    let mut rows = [isa.zero(); 1 << MAX_WINDOW];
    let rows = &mut rows[..block_rows];
    for g in 0..group_count {
        load_blocks(isa, column, block_rows, first_block + g * GROUP_ROWS, rows);
        for (b, row) in rows.iter().enumerate() {
            isa.wide_store(isa.widen(isa.split(*row)), &mut arena[b * group_count + g]);
        }
    }
}

/// As `load_words`, for signed values: words apart, so that lanes come in the tier's own order.
#[inline(always)]
fn load_signed<L: Lanes>(
    isa: L,
    column: &[i64],
    block_rows: usize,
    first_block: usize,
    group_count: usize,
    arena: &mut [WideGroup],
) {
    for g in 0..group_count {
        let first = (first_block + g * GROUP_ROWS) * block_rows;
        let group = &column[first..first + GROUP_ROWS * block_rows];
        for b in 0..block_rows {
            let word = |shift: u32| {
                let rows: [u32; GROUP_ROWS] =
                    std::array::from_fn(|lane| (group[lane * block_rows + b] >> shift) as u32);
                isa.widen(isa.split(isa.load(&rows)))
            };
            let value = isa.wide_add(word(0), isa.wide_shl(word(32), 32));
            isa.wide_store(value, &mut arena[b * group_count + g]);
        }
    }
}
