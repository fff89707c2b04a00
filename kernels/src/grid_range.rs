//! What an integer grid has room for: ranges of values, pieces of products, blocks between two flushes.
//!
//! In: window, degree, and the range of each column. Out: bits of values and pieces, and how many groups
//! of blocks a sum takes. Every bound is asserted here, for every field, window, degree and number of
//! columns. It does not know how a grid is walked.

use ark_bn254::Fr;

use crate::field::{Goldilocks2, WeightField};
use crate::grid::{MAX_DEGREE, MAX_WINDOW};

/// Groups of eight blocks per tile: 32 blocks amortise loading and storing the sums of a leaf.
pub(crate) const TILE_GROUPS: usize = 4;
/// Most columns in a product.
pub const MAX_GRID_COLUMNS: usize = 3;
/// Pieces of a product of two columns, where its parts are small enough.
pub(crate) const SHORT_PIECES: usize = 3;
/// Pieces of any product below `2^126`.
pub(crate) const LONG_PIECES: usize = 6;
/// Bits of the largest grid value: sums and differences of two of them fit an `i64`.
const VALUE_BITS_MAX: u32 = 62;

/// Where the values of a column lie: from `-negative` to `positive`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ValueRange {
    /// Magnitude of the smallest value that is not positive.
    pub negative: u128,
    /// The largest value that is not negative.
    pub positive: u128,
}

impl ValueRange {
    /// All words.
    pub const WORD: Self = Self {
        negative: 0,
        positive: u32::MAX as u128,
    };

    /// Bits of the magnitude of a value on the grid of a window.
    ///
    /// If values lie in `[-n, m]`, then at point t they lie in `[-n - (t-1)(n+m), m + (t-1)(n+m)]` and
    /// at infinity in `[-(n+m), n+m]`. Words, degree 2: `31 + window` bits.
    pub const fn bits(self, window: usize, degree: usize) -> u32 {
        let (mut n, mut m) = (self.negative, self.positive);
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
}

const _: () = assert!(
    ValueRange::WORD.bits(MAX_WINDOW, MAX_DEGREE) <= VALUE_BITS_MAX,
    "grid values fit i64"
);
const _: () = assert!(ValueRange::WORD.bits(6, 2) == 37);

/// Whether a [`WindowGrid`](crate::WindowGrid) takes products of columns that lie in `ranges`: one to three columns, each
/// of whose grid values fit an `i64`, and products below `2^126`.
pub fn grid_fits(window: usize, degree: usize, ranges: &[ValueRange]) -> bool {
    let bits = || ranges.iter().map(|range| range.bits(window, degree));
    (1..=MAX_WINDOW).contains(&window)
        && (2..=MAX_DEGREE).contains(&degree)
        && (1..=MAX_GRID_COLUMNS).contains(&ranges.len())
        && bits().all(|bits| bits <= VALUE_BITS_MAX)
        && bits().sum::<u32>() <= 126
}

/// Bits of the largest magnitude of a piece, for values of `bits` bits.
pub(crate) const fn piece_bits<F: WeightField>(pieces: usize, bits: u32) -> u32 {
    // |a1 b1| <= 2^(2 (bits - B)), and floor(t / 2^B) adds less than as much again.
    let high = 2 * bits.saturating_sub(F::LIMB_BITS) + 1;
    if pieces == SHORT_PIECES && high > F::LIMB_BITS {
        high
    } else {
        F::LIMB_BITS
    }
}

/// Groups that may be added before a flush: each adds two products per piece to a sum, and a sum
/// collects at most one product per piece. Without weights a product is a piece.
pub(crate) const fn flush_groups<F: WeightField>(
    pieces: usize,
    bits: u32,
    weighted: bool,
) -> usize {
    let weight_bits = if weighted { F::LIMB_BITS } else { 0 };
    let room = 63 - weight_bits - piece_bits::<F>(pieces, bits);
    (1usize << room) / (2 * pieces)
}

/// Whether the product of two such values has the short form.
const fn is_short<F: WeightField>(bits: u32) -> bool {
    piece_bits::<F>(SHORT_PIECES, bits) <= 31 && flush_groups::<F>(SHORT_PIECES, bits, true) >= 64
}

/// Pieces of a product of `column_count` values of `bits` bits.
pub(crate) const fn piece_count<F: WeightField>(bits: u32, column_count: usize) -> usize {
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
    let groups = flush_groups::<F>(pieces, bits, true);
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

/// Bits of the magnitude of a word's grid value.
pub const fn value_bits(window: usize, degree: usize) -> u32 {
    ValueRange::WORD.bits(window, degree)
}

/// Whether a product of so many columns stays below `2^126`.
pub(crate) const fn is_bounded(window: usize, degree: usize, column_count: usize) -> bool {
    column_count as u32 * value_bits(window, degree) <= 126
}
