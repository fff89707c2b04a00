//! Measuring the cost model on this machine: a second of work with the real kernels.
//!
//! In: kernels, and an oracle whose regeneration is to be timed. Out: [`CostModel`]. Figures are
//! medians of runs over data that fits a second-level cache, as chunks do.

use std::hint::black_box;
use std::time::{Duration, Instant};

use tracelane_kernels::{
    AxpySums, Kernels, MAX_GRID_COLUMNS, WeightField, WeightPlanes, WindowGrid, grid_points,
};

use super::cost::{CostModel, round_multiplications};
use crate::limits::CHUNK_ROWS;
use crate::oracle::{OracleError, PolynomialOracle};
use crate::trace::columns::ColumnSet;

/// Runs of which the median counts.
const RUNS: usize = 9;
/// Sweeps are repeated for this long, or once.
const SWEEPING_MAX: Duration = Duration::from_millis(100);
/// Window of the grids that are timed: the widest usual one.
const WINDOW: usize = 4;
const DEGREE: usize = 2;
/// A table that an allocator gets from the system and gives back.
const TOUCHED_BYTES: usize = 64 << 20;

/// The cost model of this machine for `kernels`, with `regenerate` as [`regeneration_nanos`] gives it.
#[must_use]
pub fn calibrate<F: WeightField>(kernels: Kernels<F>, regenerate: (f64, f64)) -> CostModel {
    let column: Vec<u32> = (0..CHUNK_ROWS as u32)
        .map(|row| row.wrapping_mul(0x9e37_79b9))
        .collect();
    let weights: Vec<F> = (0..CHUNK_ROWS as u64)
        .map(|row| -F::from(3 + row))
        .collect();
    let planes = WeightPlanes::from_weights(&weights);
    let cells = CHUNK_ROWS as f64;
    let dot = median_nanos(8, || {
        black_box(kernels.dot_u32(planes.view(), black_box(&column)));
    }) / cells;
    let mut folded = vec![F::ZERO; CHUNK_ROWS];
    let mut prefix = |log2: usize| {
        let planes = WeightPlanes::from_weights(&weights[..1 << log2]);
        let out = &mut folded[..CHUNK_ROWS >> log2];
        median_nanos(8, || {
            kernels.prefix_dot(planes.view(), black_box(&column), out)
        }) / cells
    };
    let (short, long) = (prefix(2), prefix(6));
    // cell + reduce / 2^i at i = 2 and i = 6.
    let reduce = (short - long) / (1.0 / 4.0 - 1.0 / 64.0);
    let prefix_cell = (long - reduce / 64.0).max(0.0);

    let grid = |window: usize, repeat: usize| {
        let points = grid_points(window, DEGREE);
        let values = &weights[..1 << window];
        let mut scratch = vec![F::ZERO; DEGREE * points];
        let mut sums = vec![F::Accumulator::default(); points];
        median_nanos(repeat, || {
            let tables: [&[F]; DEGREE] = [black_box(values), values];
            kernels.field_grid_accumulate(weights[7], &tables, DEGREE, &mut scratch, &mut sums);
        })
    };
    let factors = |window: usize| (grid_points(window, DEGREE) * DEGREE) as f64;
    let (wide, narrow) = (grid(WINDOW, 32), grid(1, 256));
    let grid_factor = (wide - narrow) / (factors(WINDOW) - factors(1));
    let blocks = CHUNK_ROWS >> WINDOW;
    let integer = |degree: usize| {
        let mut grid = WindowGrid::new(WINDOW, degree, degree);
        let nanos = median_nanos(8, || {
            let columns: [&[u32]; MAX_GRID_COLUMNS] = [black_box(&column), &column, &column];
            kernels.grid_accumulate(&mut grid, planes.rows(0, blocks), &columns[..degree]);
        });
        nanos / (blocks * degree * grid_points(WINDOW, degree)) as f64
    };
    let mut axpy_sums = AxpySums::new(CHUNK_ROWS);
    let axpy = median_nanos(1, || {
        if axpy_sums.is_full() {
            kernels.axpy_flush(&mut axpy_sums, &mut folded);
        }
        kernels.axpy(&mut axpy_sums, weights[5], black_box(&column));
    });
    let mut table = weights.clone();
    let bind = median_nanos(4, || kernels.bind_low(black_box(&mut table), weights[9]));
    let mut sums = [F::Accumulator::default(); DEGREE + 1];
    let pair = median_nanos(4, || {
        let factors: [&[F]; DEGREE] = [black_box(&table), &weights];
        kernels.round_accumulate(&factors, &weights[..CHUNK_ROWS / 2], true, &mut sums);
    });
    let touch = median_nanos(1, || {
        black_box(vec![F::ONE; TOUCHED_BYTES / size_of::<F>()]);
    });
    let weight = median_nanos(4, || {
        black_box(WeightPlanes::from_weights(black_box(&weights)));
    });
    CostModel {
        row: regenerate.0,
        column: regenerate.1,
        prefix_cell,
        dot_cell: dot,
        reduce,
        grid_factor,
        block: (narrow - factors(1) * grid_factor).max(0.0),
        integer_factor: integer(2),
        integer_factor_cubic: integer(3),
        axpy_cell: axpy / cells,
        bind: bind / (cells / 2.0),
        pair_factor: pair / (cells / 2.0) / round_multiplications(DEGREE) as f64,
        table_byte: touch / TOUCHED_BYTES as f64,
        weight: weight / cells + bind / (cells / 2.0),
    }
}

/// Nanoseconds of one thread for regenerating a row, and for each of its columns, of `oracle`:
/// sweeps without columns, and with all that `set` has.
///
/// # Errors
/// What the oracle says.
pub fn regeneration_nanos<O: PolynomialOracle>(
    oracle: &O,
    set: ColumnSet,
    threads: usize,
) -> Result<(f64, f64), OracleError> {
    let rows = 2f64.powi(oracle.num_vars() as i32);
    let sweep = |set: ColumnSet| {
        let start = Instant::now();
        oracle.sweep(set, 0, || 0, |sum, view| *sum += view.rows(), |a, b| a + b)?;
        Ok::<_, OracleError>(start.elapsed())
    };
    // The first sweep backs the workers' pages.
    sweep(set)?;
    let median = |set: ColumnSet| {
        let (mut runs, mut spent) = (Vec::new(), Duration::ZERO);
        while runs.len() < RUNS && (runs.is_empty() || spent < SWEEPING_MAX) {
            let took = sweep(set)?;
            spent += took;
            runs.push(took.as_nanos() as f64 * threads as f64 / rows);
        }
        runs.sort_by(f64::total_cmp);
        Ok::<_, OracleError>(runs[runs.len() / 2])
    };
    let (all, none) = (median(set)?, median(ColumnSet::EMPTY)?);
    let column = (all - none).max(0.0) / set.count().max(1) as f64;
    Ok((none, column))
}

/// The median over [`RUNS`] of the nanoseconds of one `work`, timed `repeat` at a time.
fn median_nanos(repeat: usize, mut work: impl FnMut()) -> f64 {
    let mut runs = [0.0; RUNS];
    for run in &mut runs {
        let start = Instant::now();
        (0..repeat).for_each(|_| work());
        *run = start.elapsed().as_nanos() as f64 / repeat as f64;
    }
    runs.sort_by(f64::total_cmp);
    runs[RUNS / 2]
}
