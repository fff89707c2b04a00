//! The first window on plain integers: grids of `u32` columns, their products, weighted sums.
//!
//! In: one to three `u32` columns cut into blocks of `2^w` rows, and one weight per block. Out: per
//! grid point the field element `sum over blocks of weight * product of the columns' grid values`.
//! Grid order and points: see `grid`.
//!
//! Algorithm. Eight blocks are the lanes of a vector; a tile is [`TILE_GROUPS`] such groups. A
//! depth-first walk over the grid keeps, per variable, the half-sized tables of the current digits:
//! digits 0 and 1 are the halves themselves, other digits are computed into one buffer per variable.
//! At a leaf the product of the columns is cut into signed pieces of `LIMB_BITS`, and pieces times
//! weight limbs add up by their joint power of two: `limbs + pieces - 1` sums per coordinate.
//!
//! Intervals. A grid value of column k lies below [`value_bits`] bits in magnitude; pieces fit a
//! signed 32-bit multiplicand; sums stay below `2^63` for `flush_groups` groups. All three are
//! asserted for every field, window, degree and number of columns.
//!
//! Sketch, two columns, per leaf and eight blocks: 8 multiplies and 22 simple operations for the
//! pieces, then per limb one load, one shuffle, six multiplies and six additions (BN254).

use crate::field::{Goldilocks2, MAX_SUMS, WeightField, at_most, limbs_per_coord};
use crate::grid::{MAX_DEGREE, MAX_WINDOW, grid_points};
use crate::lanes::{GROUP_ROWS, Group, Lanes, WideGroup};
use crate::planes::PlanesView;
use crate::prefix::load_blocks;
use ark_bn254::Fr;

/// Groups of eight blocks per tile: 32 blocks amortise loading and storing the sums of a leaf.
const TILE_GROUPS: usize = 4;
/// Most columns in a product.
pub const MAX_GRID_COLUMNS: usize = 3;
/// Pieces of a product of two columns, where its parts are small enough.
const SHORT_PIECES: usize = 3;
/// Pieces of any product below `2^126`.
const LONG_PIECES: usize = 6;

/// Bits of the magnitude of a grid value of a `u32` column.
///
/// If values lie in `[-n, m]`, then at point t they lie in `[-n - (t-1)(n+m), m + (t-1)(n+m)]` and at
/// infinity in `[-(n+m), n+m]`. Degree 2: `31 + window` bits.
pub const fn value_bits(window: usize, degree: usize) -> u32 {
    let (mut n, mut m) = (0u128, u32::MAX as u128);
    let mut pass = 0;
    while pass < window {
        let spread = n + m;
        let reach = if degree > 2 {
            (degree as u128 - 2) * spread
        } else {
            0
        };
        n = if n + reach > spread {
            n + reach
        } else {
            spread
        };
        m = if m + reach > spread {
            m + reach
        } else {
            spread
        };
        pass += 1;
    }
    let largest = if n > m { n } else { m };
    128 - largest.leading_zeros()
}

const _: () = assert!(
    value_bits(MAX_WINDOW, MAX_DEGREE) <= 62,
    "grid values fit i64"
);
const _: () = assert!(value_bits(6, 2) == 37);

/// Bits of the largest magnitude of a piece, for values of `bits` bits.
const fn piece_bits<F: WeightField>(pieces: usize, bits: u32) -> u32 {
    // |a1 b1| <= 2^(2 (bits - B)), and floor(t / 2^B) adds less than as much again.
    let high = 2 * bits.saturating_sub(F::LIMB_BITS) + 1;
    if pieces == SHORT_PIECES && high > F::LIMB_BITS {
        high
    } else {
        F::LIMB_BITS
    }
}

/// Groups that may be added before a flush: each adds two products per piece to a sum, and a sum
/// collects at most one product per piece.
const fn flush_groups<F: WeightField>(pieces: usize, bits: u32) -> usize {
    let room = 63 - F::LIMB_BITS - piece_bits::<F>(pieces, bits);
    (1usize << room) / (2 * pieces)
}

/// Whether the product of two such values has the short form.
const fn is_short<F: WeightField>(bits: u32) -> bool {
    piece_bits::<F>(SHORT_PIECES, bits) <= 31 && flush_groups::<F>(SHORT_PIECES, bits) >= 64
}

/// Pieces of a product of `column_count` values of `bits` bits.
const fn piece_count<F: WeightField>(bits: u32, column_count: usize) -> usize {
    if column_count == 2 && is_short::<F>(bits) {
        SHORT_PIECES
    } else {
        LONG_PIECES
    }
}

/// The largest magnitude of a grid value: the positive coefficients of the rows times `2^32 - 1`. Those
/// of a variable are -1 and 1 at infinity, `1 - t` and t at t; degree 2 is largest at infinity,
/// others at `t = degree - 1`.
const fn largest_value(window: usize, degree: usize) -> u128 {
    let coefficients = if degree == 2 {
        1 << (window - 1)
    } else {
        (2 * degree as u128 - 3).pow(window as u32).div_ceil(2)
    };
    coefficients * 0xffff_ffff
}

/// Whether pieces fit 31 bits and a sign, and the sums of a tile more than `flush_groups` allows no
/// less than 63, all from the largest values and nothing else.
const fn sums_fit<F: WeightField>(window: usize, degree: usize, column_count: usize) -> bool {
    let (value, bits) = (largest_value(window, degree), value_bits(window, degree));
    let pieces = piece_count::<F>(bits, column_count);
    let digit = (1u128 << F::LIMB_BITS) - 1;
    let top = if pieces == SHORT_PIECES {
        // a = a0 + a1 2^B with a0 <= digit: a1 b1 + floor((a1 b0 + a0 b1 + carry) / 2^B).
        let high = (value >> F::LIMB_BITS) + 1;
        high * high + 2 * high + 1
    } else {
        let below = (LONG_PIECES as u32 - 1) * F::LIMB_BITS;
        let product = value.pow(column_count as u32);
        if below < 128 {
            (product >> below) + 1
        } else {
            1
        }
    };
    let piece = if top > digit { top } else { digit };
    let groups = flush_groups::<F>(pieces, bits);
    let sum = groups as u128 * 2 * pieces as u128 * digit * piece;
    value >> bits == 0 && piece < 1 << 31 && groups >= TILE_GROUPS && sum < 1 << 63
}

const fn all_sums_fit<F: WeightField>() -> bool {
    let mut case = 0;
    while case < MAX_WINDOW * (MAX_DEGREE - 1) * MAX_GRID_COLUMNS {
        let (window, degree) = (
            1 + case % MAX_WINDOW,
            2 + case / MAX_WINDOW % (MAX_DEGREE - 1),
        );
        let column_count = 1 + case / MAX_WINDOW / (MAX_DEGREE - 1);
        if is_bounded(window, degree, column_count) && !sums_fit::<F>(window, degree, column_count)
        {
            return false;
        }
        case += 1;
    }
    true
}

const _: () = assert!(all_sums_fit::<Fr>() && all_sums_fit::<Goldilocks2>());

/// Whether a product of so many columns stays below `2^126`.
const fn is_bounded(window: usize, degree: usize, column_count: usize) -> bool {
    column_count as u32 * value_bits(window, degree) <= 126
}

/// Accumulator of one window: unreduced sums per grid point, and the scratch of the walk.
#[derive(Clone, Debug)]
pub struct WindowGrid<F> {
    window: usize,
    degree: usize,
    column_count: usize,
    pieces: usize,
    /// Per column `2^(window + 1)` vectors per group of a tile: the blocks, then the digit buffers.
    arena: Vec<WideGroup>,
    /// Per grid point `sum_count` sums of four lanes.
    sums: Vec<[u64; 4]>,
    group_count: usize,
    totals: Vec<F>,
}

impl<F: WeightField> WindowGrid<F> {
    /// Sums at zero for products of `column_count` columns of degree `degree` in each variable.
    ///
    /// # Panics
    /// If `window` is not in `1..=6`, `degree` not in `2..=4`, `column_count` not in `1..=3`, or a
    /// product could reach `2^126`.
    pub fn new(window: usize, degree: usize, column_count: usize) -> Self {
        assert!((1..=MAX_WINDOW).contains(&window), "window {window}");
        assert!((2..=MAX_DEGREE).contains(&degree), "degree {degree}");
        assert!(
            (1..=MAX_GRID_COLUMNS).contains(&column_count),
            "{column_count} columns"
        );
        let bits = value_bits(window, degree);
        assert!(
            is_bounded(window, degree, column_count),
            "{column_count} values of {bits} bits"
        );
        let pieces = piece_count::<F>(bits, column_count);
        let point_count = grid_points(window, degree);
        let column_groups = (2 << window) * TILE_GROUPS;
        Self {
            window,
            degree,
            column_count,
            pieces,
            arena: vec![WideGroup::default(); column_count * column_groups],
            sums: vec![[0; 4]; point_count * sum_count::<F>(pieces)],
            group_count: 0,
            totals: vec![F::ZERO; point_count],
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

    /// Blocks of largest values whose sums still fit: one more, and they are reduced first.
    #[doc(hidden)]
    pub fn flush_blocks(&self) -> usize {
        flush_groups::<F>(self.pieces, value_bits(self.window, self.degree)) * GROUP_ROWS
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
        let stride = limbs_per_coord::<F>() + self.pieces - 1;
        let points = self.sums.chunks_exact_mut(stride * F::COORDS);
        for (sums, total) in points.zip(&mut self.totals) {
            let mut wide = [0i128; MAX_SUMS];
            for (sum, lanes) in wide.iter_mut().zip(sums.iter_mut()) {
                *sum = lanes.iter().map(|lane| i128::from(*lane as i64)).sum();
                *lanes = [0; 4];
            }
            *total += F::reduce_sums(&wide, stride);
        }
        self.group_count = 0;
    }
}

const fn sum_count<F: WeightField>(pieces: usize) -> usize {
    F::COORDS * (limbs_per_coord::<F>() + pieces - 1)
}

/// Adds the blocks of one run of rows; block `k` has weight `planes[k]`.
#[inline(always)]
pub(crate) fn grid_accumulate<L: Lanes, F: WeightField, const CAP: usize>(
    isa: L,
    grid: &mut WindowGrid<F>,
    planes: PlanesView<'_, F>,
    columns: &[&[u32]],
) {
    const { assert!(sum_count::<F>(LONG_PIECES) <= MAX_SUMS) };
    let block_rows = grid.block_rows();
    let block_count = planes.weight_rows();
    assert_eq!(columns.len(), grid.column_count, "columns of the product");
    for column in columns {
        assert_eq!(
            column.len(),
            block_count * block_rows,
            "whole blocks, one weight each"
        );
    }
    let limit = flush_groups::<F>(grid.pieces, value_bits(grid.window, grid.degree)).min(CAP);
    let tile_groups = const { at_most(TILE_GROUPS, CAP) };
    let tile_blocks = tile_groups * GROUP_ROWS;
    for (tile, planes) in planes.groups().chunks(tile_groups * F::LIMBS).enumerate() {
        let group_count = planes.len() / F::LIMBS;
        if grid.group_count + group_count > limit {
            grid.flush();
        }
        grid.group_count += group_count;
        let arena_len = grid.arena.len() / grid.column_count;
        for (column, arena) in columns.iter().zip(grid.arena.chunks_exact_mut(arena_len)) {
            load_tile(
                isa,
                column,
                block_rows,
                tile * tile_blocks,
                group_count,
                arena,
            );
        }
        match grid.pieces {
            SHORT_PIECES => walk::<L, F, SHORT_PIECES>(isa, grid, planes),
            _ => walk::<L, F, LONG_PIECES>(isa, grid, planes),
        }
    }
}

/// Row `b` of group `g` of the tile goes to `arena[b * group_count + g]`, zero-extended.
#[inline(always)]
fn load_tile<L: Lanes>(
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

/// Where the table of every level begins: level k has `2^k` vectors per group.
struct Path {
    digits: [usize; MAX_WINDOW],
    starts: [usize; MAX_WINDOW + 1],
}

impl Path {
    /// The next grid point in index order; returns how many levels changed.
    #[inline(always)]
    fn advance(&mut self, degree: usize) -> usize {
        let mut level = 0;
        while self.digits[level] == degree {
            self.digits[level] = 0;
            level += 1;
        }
        self.digits[level] += 1;
        level + 1
    }
}

/// Visits every grid point of the tile in the arena.
#[inline(always)]
fn walk<L: Lanes, F: WeightField, const PIECES: usize>(
    isa: L,
    grid: &mut WindowGrid<F>,
    planes: &[Group],
) {
    let (window, degree) = (grid.window, grid.degree);
    let group_count = planes.len() / F::LIMBS;
    let arena_len = grid.arena.len() / grid.column_count;
    let mut path = Path {
        digits: [0; MAX_WINDOW],
        starts: [0; MAX_WINDOW + 1],
    };
    let mut changed = window;
    for (point, sums) in grid
        .sums
        .chunks_exact_mut(sum_count::<F>(PIECES))
        .enumerate()
    {
        if point > 0 {
            changed = path.advance(degree);
        }
        for level in (0..changed).rev() {
            let half = group_count << level;
            let parent = path.starts[level + 1];
            path.starts[level] = match path.digits[level] {
                0 => parent,
                1 => parent + half,
                digit => {
                    // Buffers of smaller levels lie further back: level k begins after all larger.
                    let buffer = (group_count << (window + 1)) - 2 * half;
                    for arena in grid.arena.chunks_exact_mut(arena_len) {
                        let (tables, buffers) = arena.split_at_mut(buffer);
                        let table = &tables[parent..parent + 2 * half];
                        interpolate(isa, table, &mut buffers[..half], digit, degree);
                    }
                    buffer
                }
            };
        }
        let start = path.starts[0];
        if PIECES == SHORT_PIECES {
            let (a, b) = grid.arena.split_at(arena_len);
            let tables = [
                &a[start..start + group_count],
                &b[start..start + group_count],
            ];
            short_leaf::<L, F>(isa, tables, planes, sums);
        } else {
            long_leaf::<L, F>(isa, &grid.arena, arena_len, start, planes, sums);
        }
    }
}

/// Both halves of a table at a digit other than 0 and 1: `high + (digit - 1) * slope`, or the slope.
#[inline(always)]
fn interpolate<L: Lanes>(
    isa: L,
    table: &[WideGroup],
    out: &mut [WideGroup],
    digit: usize,
    degree: usize,
) {
    let (low, high) = table.split_at(out.len());
    for ((low, high), out) in low.iter().zip(high).zip(out) {
        let high = isa.wide_load(high);
        let slope = isa.wide_sub(high, isa.wide_load(low));
        let mut value = slope;
        if digit < degree {
            value = high;
            for _ in 1..digit {
                value = isa.wide_add(value, slope);
            }
        }
        isa.wide_store(value, out);
    }
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
fn short_leaf<L: Lanes, F: WeightField>(
    isa: L,
    tables: [&[WideGroup]; 2],
    planes: &[Group],
    sums: &mut [[u64; 4]],
) {
    let mut acc = load_sums::<L, F, SHORT_PIECES>(isa, sums);
    for ((a, b), planes) in tables[0]
        .iter()
        .zip(tables[1])
        .zip(planes.chunks_exact(F::LIMBS))
    {
        let pieces = short_pieces::<L, F>(isa, isa.wide_load(a), isa.wide_load(b));
        add_pieces::<L, F, SHORT_PIECES>(isa, &mut acc, pieces, planes);
    }
    store_sums::<L, F, SHORT_PIECES>(isa, acc, sums);
}

/// `sums += weight * product` for any product below `2^126`, formed in `i128`.
#[inline(always)]
fn long_leaf<L: Lanes, F: WeightField>(
    isa: L,
    arena: &[WideGroup],
    arena_len: usize,
    start: usize,
    planes: &[Group],
    sums: &mut [[u64; 4]],
) {
    let mut acc = load_sums::<L, F, LONG_PIECES>(isa, sums);
    for (g, planes) in planes.chunks_exact(F::LIMBS).enumerate() {
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
        let mut pieces = [isa.splat_pair(0); LONG_PIECES];
        for (piece, digit) in pieces.iter_mut().zip(&digits) {
            *piece = isa.split(isa.load(digit));
        }
        add_pieces::<L, F, LONG_PIECES>(isa, &mut acc, pieces, planes);
    }
    store_sums::<L, F, LONG_PIECES>(isa, acc, sums);
}

/// Adds every piece times every weight limb to the sum of their joint power of two.
#[inline(always)]
fn add_pieces<L: Lanes, F: WeightField, const PIECES: usize>(
    isa: L,
    acc: &mut [L::Sum; MAX_SUMS],
    pieces: [L::Pair; PIECES],
    planes: &[Group],
) {
    let coord_limbs = limbs_per_coord::<F>();
    let stride = coord_limbs + PIECES - 1;
    for limb in 0..F::LIMBS {
        let weight = isa.split(isa.load_group(&planes[limb]));
        let first = limb / coord_limbs * stride + limb % coord_limbs;
        for p in 0..PIECES {
            acc[first + p] = isa.mul_add_signed(acc[first + p], weight, pieces[p]);
        }
    }
}

#[inline(always)]
fn load_sums<L: Lanes, F: WeightField, const PIECES: usize>(
    isa: L,
    sums: &[[u64; 4]],
) -> [L::Sum; MAX_SUMS] {
    let mut acc = [isa.sum_zero(); MAX_SUMS];
    for k in 0..sum_count::<F>(PIECES) {
        acc[k] = isa.sum_from_array(&sums[k]);
    }
    acc
}

#[inline(always)]
fn store_sums<L: Lanes, F: WeightField, const PIECES: usize>(
    isa: L,
    acc: [L::Sum; MAX_SUMS],
    sums: &mut [[u64; 4]],
) {
    for k in 0..sum_count::<F>(PIECES) {
        sums[k] = isa.sum_to_array(acc[k]);
    }
}
