//! Grid points and field grids: what a window of several rounds is evaluated on.
//!
//! A window of `w` variables has `(d + 1)^w` grid points, d being the degree of the product in each
//! variable. Digit `j` of a grid index in base `d + 1` belongs to variable `j` (bit `j` of the row in
//! its block). Digits `0 .. d` are the points 0, 1, .., d - 1; digit `d` is infinity, where the value
//! of a linear function is its slope. A product of d linear functions is determined by these points,
//! its value at infinity being its leading coefficient.
//!
//! In: blocks of `2^w` values. Out: grids, and unreduced sums of weighted products of grids.

use crate::field::WeightField;
use std::ops::{Add, Sub};

/// Largest degree in one variable.
pub const MAX_DEGREE: usize = 4;
/// Largest window of the integer grids.
pub const MAX_WINDOW: usize = 6;

/// `(degree + 1)^window`.
pub const fn grid_points(window: usize, degree: usize) -> usize {
    (degree + 1).pow(window as u32)
}

/// Extends the first `2^window` entries of `values` to the `(degree + 1)^window` grid, in place.
///
/// Pass j turns each pair of variable j into `degree + 1` values, from the last block to the first.
/// Element i of a block reads and writes only positions congruent to i, and later reads lie below
/// earlier writes.
#[inline(always)]
pub(crate) fn extend<T>(values: &mut [T], window: usize, degree: usize)
where
    T: Copy + Add<Output = T> + Sub<Output = T>,
{
    assert!((1..=MAX_DEGREE).contains(&degree), "degree {degree}");
    assert_eq!(
        values.len(),
        grid_points(window, degree),
        "one entry per grid point"
    );
    let mut stride = 1;
    for variable in 0..window {
        for block in (0..1 << (window - 1 - variable)).rev() {
            for i in 0..stride {
                let low = values[2 * block * stride + i];
                let high = values[(2 * block + 1) * stride + i];
                let slope = high - low;
                let mut point = high;
                let first = (degree + 1) * block * stride + i;
                values[first + degree * stride] = slope;
                values[first] = low;
                // Degree 1 has no digit between 0 and infinity.
                if degree > 1 {
                    values[first + stride] = point;
                }
                for digit in 2..degree {
                    point = point + slope;
                    values[first + digit * stride] = point;
                }
            }
        }
        stride *= degree + 1;
    }
}

/// Adds `weight * product of the grids of tables` to `sums`, one accumulator per grid point.
///
/// The weight is multiplied into the first table before it is extended: `2^window` multiplications
/// instead of `(degree + 1)^window`. For two tables the product itself is never reduced.
#[inline(always)]
pub(crate) fn field_grid_accumulate<F: WeightField>(
    weight: F,
    tables: &[&[F]],
    degree: usize,
    scratch: &mut [F],
    sums: &mut [F::Accumulator],
) {
    let block_rows = tables[0].len();
    assert!(
        block_rows.is_power_of_two(),
        "a block has a power of two of values: {block_rows}"
    );
    let window = block_rows.ilog2() as usize;
    let point_count = grid_points(window, degree);
    assert_eq!(sums.len(), point_count, "one sum per grid point");
    assert_eq!(
        scratch.len(),
        tables.len() * point_count,
        "one scratch grid per table"
    );
    for (k, (table, grid)) in tables
        .iter()
        .zip(scratch.chunks_exact_mut(point_count))
        .enumerate()
    {
        assert_eq!(table.len(), block_rows, "tables of one length");
        for (value, entry) in table.iter().zip(grid.iter_mut()) {
            *entry = if k == 0 {
                weight.mul_inline(value)
            } else {
                *value
            };
        }
        extend(grid, window, degree);
    }
    let (first, others) = scratch.split_at(point_count);
    let last_grid = others.len().checked_sub(point_count);
    for (point, sum) in sums.iter_mut().enumerate() {
        let mut product = first[point];
        let Some(last_grid) = last_grid else {
            F::accumulate(sum, &product, &F::ONE);
            continue;
        };
        for grid in others[..last_grid].chunks_exact(point_count) {
            product = product.mul_inline(&grid[point]);
        }
        F::accumulate(sum, &product, &others[last_grid + point]);
    }
}

/// The field elements of accumulators, which become zero.
#[inline(always)]
pub(crate) fn flush_reduce<F: WeightField>(sums: &mut [F::Accumulator], out: &mut [F]) {
    assert_eq!(sums.len(), out.len(), "one output per sum");
    for (sum, out) in sums.iter_mut().zip(out) {
        *out = F::reduce(sum);
        *sum = F::Accumulator::default();
    }
}
