//! The walk over a tile's grid, point after point in index order.
//!
//! In: a tile's tables in the arena of a [`WindowGrid`]. Out: at each point the start of its values, for a
//! [`Leaf`] to add up. It does not know what a leaf adds, nor to what.

use super::WindowGrid;
use super::leaf::Leaf;
use crate::field::WeightField;
use crate::grid::MAX_WINDOW;
use crate::lanes::{Lanes, WideGroup};

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
pub(super) fn walk<L: Lanes, F: WeightField, T: Leaf<L>>(
    isa: L,
    grid: &mut WindowGrid<F>,
    leaf: &T,
) {
    let (window, degree) = (grid.window, grid.degree);
    let group_count = leaf.group_count();
    let arena_len = grid.arena.len() / grid.column_count;
    let mut path = Path {
        digits: [0; MAX_WINDOW],
        starts: [0; MAX_WINDOW + 1],
    };
    let mut changed = window;
    let points = grid.sums.chunks_exact_mut(T::SUMS);
    for (point, sums) in points.take(grid.totals.len()).enumerate() {
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
        leaf.add(isa, &grid.arena, arena_len, path.starts[0], sums);
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
