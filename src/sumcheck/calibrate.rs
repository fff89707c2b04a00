//! Measuring the cost model on this machine: a second of work with the real kernels.
//!
//! In: kernels, a number of workers, and an oracle whose regeneration is to be timed. Out:
//! [`CostModel`]. Figures are medians of runs over data that fits a second-level cache, as chunks do,
//! and none is negative, however disturbed the machine is.

use std::hint::black_box;
use std::time::{Duration, Instant};

use tracelane_kernels::{
    AxpySums, GridColumn, Kernels, MAX_GRID_COLUMNS, ValueRange, WeightField, WeightPlanes,
    WindowGrid, grid_points,
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
/// Columns of a dot product over a long prefix: that many at once where all columns are opened.
const DOT_COLUMNS: usize = 4;
/// Dot products of one worker's share while more workers are timed: some milliseconds, beside which
/// starting a thread is nothing.
const SHARE: usize = 2048;
/// A table that an allocator gets from the system and gives back.
const TOUCHED_BYTES: usize = 64 << 20;

/// The cost model of this machine for `kernels` and sweeps by `workers` workers. Regeneration is as
/// committed: [`calibrate_regeneration`] measures that.
#[must_use]
pub fn calibrate<F: WeightField>(kernels: Kernels<F>, workers: usize) -> CostModel {
    let committed = CostModel::committed::<F>();
    let column: Vec<u32> = (0..CHUNK_ROWS as u32)
        .map(|row| row.wrapping_mul(0x9e37_79b9))
        .collect();
    let weights: Vec<F> = (0..CHUNK_ROWS as u64)
        .map(|row| -F::from(3 + row))
        .collect();
    let planes = WeightPlanes::from_weights(&weights);
    let cells = CHUNK_ROWS as f64;
    let dot = || {
        black_box(kernels.dot4_u32(planes.view(), black_box([&column; DOT_COLUMNS])));
    };
    let worker_gain = match workers {
        0 | 1 => committed.worker_gain,
        _ => worker_gain(workers, || (0..SHARE).for_each(|_| dot())),
    };
    let dot = median_nanos(8, dot) / (DOT_COLUMNS as f64 * cells);
    let mut folded = vec![F::ZERO; CHUNK_ROWS];
    let mut prefix = |log2: usize| {
        let planes = WeightPlanes::from_weights(&weights[..1 << log2]);
        let out = &mut folded[..CHUNK_ROWS >> log2];
        median_nanos(8, || {
            kernels.prefix_dot(planes.view(), black_box(&column), out)
        }) / cells
    };
    let (short, long) = (prefix(4), prefix(6));
    // cell + reduce / 2^i at i = 4 and i = 6; shorter ones reduce in another way.
    let reduce = ((short - long) / (1.0 / 16.0 - 1.0 / 64.0)).max(0.0);
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
    let grid_factor = ((wide - narrow) / (factors(WINDOW) - factors(1))).max(0.0);
    let blocks = CHUNK_ROWS >> WINDOW;
    let words: [GridColumn<'_>; MAX_GRID_COLUMNS] = [GridColumn::Words(&column); MAX_GRID_COLUMNS];
    let integer = |degree: usize, weighted: bool| {
        let (ranges, words) = ([ValueRange::WORD; MAX_GRID_COLUMNS], &words[..degree]);
        let mut grid = WindowGrid::for_ranges(WINDOW, degree, &ranges[..degree], weighted);
        let nanos = median_nanos(8, || match weighted {
            true => kernels.grid_accumulate(&mut grid, planes.rows(0, blocks), black_box(words)),
            false => kernels.grid_add(&mut grid, black_box(words)),
        });
        nanos / (blocks * degree * grid_points(WINDOW, degree)) as f64
    };
    let mut form = vec![0i64; CHUNK_ROWS];
    let term = median_nanos(8, || {
        let sums = black_box(&mut form).iter_mut().zip(&column);
        sums.for_each(|(sum, value)| *sum += 3 * i64::from(*value));
    });
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
        row: committed.row,
        column: committed.column,
        prefix_cell,
        dot_cell: dot,
        reduce,
        grid_factor,
        block: (narrow - factors(1) * grid_factor).max(0.0),
        integer_factor: integer(2, true),
        integer_factor_cubic: integer(3, true),
        plain_factor: integer(2, false),
        plain_factor_cubic: integer(3, false),
        integer_term: term / cells,
        axpy_cell: axpy / cells,
        bind: bind / (cells / 2.0),
        pair_factor: pair / (cells / 2.0) / round_multiplications(DEGREE) as f64,
        table_byte: touch / TOUCHED_BYTES as f64,
        weight: weight / cells + bind / (cells / 2.0),
        in_place: committed.in_place,
        sweep: committed.sweep,
        start: committed.start,
        worker_gain,
    }
}

/// `costs` with what regenerating a row, and each of its columns, of `oracle` takes on one thread:
/// by sweeps without columns, and with all that `set` has.
///
/// # Errors
/// What the oracle says.
pub fn calibrate_regeneration<O: PolynomialOracle>(
    oracle: &O,
    set: ColumnSet,
    costs: CostModel,
) -> Result<CostModel, OracleError> {
    let speed = costs.speed(oracle.workers());
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
            runs.push(took.as_nanos() as f64 * speed / rows);
        }
        runs.sort_by(f64::total_cmp);
        Ok::<_, OracleError>(runs[runs.len() / 2])
    };
    let (all, none) = (median(set)?, median(ColumnSet::EMPTY)?);
    let column = (all - none).max(0.0) / set.count().max(1) as f64;
    Ok(CostModel {
        row: none,
        column,
        ..costs
    })
}

/// What each worker after the first adds to the speed of one: `share` done by one thread, and once by
/// each of `workers`.
fn worker_gain(workers: usize, share: impl Fn() + Sync) -> f64 {
    let alone = median_nanos(1, &share);
    let together = median_nanos(1, || {
        std::thread::scope(|scope| {
            (1..workers).for_each(|_| {
                scope.spawn(&share);
            });
            share();
        });
    });
    let speed = workers as f64 * alone / together.max(1.0);
    ((speed - 1.0) / (workers - 1) as f64).clamp(0.0, 1.0)
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
