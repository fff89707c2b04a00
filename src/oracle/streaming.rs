//! The oracle over a recorded run: every sweep regenerates the rows it hands out.
//!
//! In: a [`Run`] and how to replay it. Out: [`StreamingOracle`]. It holds one worker a thread, each
//! with a guest memory and a chunk, and nothing else of the trace.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::{OracleError, PolynomialOracle};
use crate::checkpoint::{RunIdentity, RunSummary};
use crate::limits::VARIABLE_COUNT_MAX;
use crate::replay::cache::ChunkCache;
use crate::replay::{RangeReplay, ReplayOptions, Run, worker};
use crate::trace::columns::{Column, ColumnId, ColumnSet};
use crate::trace::view::ChunkView;

/// The columns of a recorded run, regenerated on demand.
pub struct StreamingOracle<'a> {
    run: Run<'a>,
    options: ReplayOptions<'a>,
    num_vars: usize,
    workers: Mutex<Vec<Box<dyn RangeReplay>>>,
    cache: Mutex<ChunkCache>,
    sweeps: AtomicU64,
    /// Summed over workers.
    replay_nanos: AtomicU64,
}

impl<'a> StreamingOracle<'a> {
    /// An oracle over `run`, with one worker a thread. `options.chunk_rows` is capped at the padded
    /// number of rows.
    ///
    /// # Errors
    /// [`OracleError::ChunkRows`], [`OracleError::TooLong`], or no memory for a worker.
    pub fn new(run: Run<'a>, mut options: ReplayOptions<'a>) -> Result<Self, OracleError> {
        if !options.chunk_rows.is_power_of_two() {
            return Err(OracleError::ChunkRows {
                actual: options.chunk_rows,
            });
        }
        let num_vars = run.rows().next_power_of_two().trailing_zeros().max(1) as usize;
        if num_vars > VARIABLE_COUNT_MAX {
            let (actual, max_log2) = (run.rows(), VARIABLE_COUNT_MAX);
            return Err(OracleError::TooLong { actual, max_log2 });
        }
        options.chunk_rows = options.chunk_rows.min(1 << num_vars);
        let workers = (0..options.workers()).map(|_| worker(&run, &options));
        Ok(Self {
            workers: Mutex::new(workers.collect::<Result<_, _>>()?),
            cache: Mutex::new(ChunkCache::new()),
            run,
            options,
            num_vars,
            sweeps: AtomicU64::new(0),
            replay_nanos: AtomicU64::new(0),
        })
    }

    /// Number of sweeps so far.
    #[must_use]
    pub fn sweeps(&self) -> u64 {
        self.sweeps.load(Ordering::Relaxed)
    }

    /// Time that sweeps have spent on regenerating rows rather than in accumulators, averaged over
    /// the workers.
    #[must_use]
    pub fn replay_duration(&self) -> Duration {
        let nanos = self.replay_nanos.load(Ordering::Relaxed);
        Duration::from_nanos(nanos / self.options.workers() as u64)
    }

    /// Worker `index`'s two ranges of `[0, 2^num_vars)`, real rows and padding apart: a padding row
    /// costs less, so each worker gets its share of both.
    fn ranges(&self, align_log2: usize, index: usize) -> [Range<u64>; 2] {
        let unit = (self.options.chunk_rows as u64).max(1 << align_log2.min(self.num_vars));
        let units = (1u64 << self.num_vars) / unit;
        let real = self.run.rows().div_ceil(unit);
        let workers = self.options.workers() as u64;
        let share = |first: u64, count: u64| {
            let at = |index: usize| first + count * index as u64 / workers;
            at(index) * unit..at(index + 1) * unit
        };
        [share(0, real), share(real, units - real)]
    }
}

/// A lock whose holder panicked guards workers that restore themselves: go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PolynomialOracle for StreamingOracle<'_> {
    fn num_vars(&self) -> usize {
        self.num_vars
    }

    fn column_names(&self) -> &[&str] {
        Column::NAMES
    }

    fn run(&self) -> Option<(&RunIdentity, &RunSummary)> {
        let checkpoints = self.run.checkpoints();
        Some((checkpoints.identity(), checkpoints.summary()))
    }

    fn chunk_rows(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.options.chunk_rows).unwrap_or(NonZeroUsize::MIN)
    }

    fn sweep<A: Send>(
        &self,
        set: ColumnSet,
        align_log2: usize,
        identity: impl Fn() -> A + Sync,
        accumulate: impl Fn(&mut A, &ChunkView<'_>) + Sync,
        combine: impl Fn(A, A) -> A,
    ) -> Result<A, OracleError> {
        check_columns(set)?;
        let mut guard = lock(&self.workers);
        let workers: &mut Vec<Box<dyn RangeReplay>> = &mut guard;
        self.sweeps.fetch_add(1, Ordering::Relaxed);
        let work = |(index, worker): (usize, &mut Box<dyn RangeReplay>)| {
            let sweep_start = Instant::now();
            let mut accumulate_nanos = 0;
            let parts = self.ranges(align_log2, index).map(|range| {
                if range.is_empty() {
                    return Ok(None);
                }
                let mut accumulator = identity();
                let mut visit = |view: &ChunkView<'_>| {
                    let start = Instant::now();
                    accumulate(&mut accumulator, view);
                    accumulate_nanos += start.elapsed().as_nanos() as u64;
                };
                worker.replay(&self.run, &self.options, range, set, &mut visit)?;
                Ok::<_, OracleError>(Some(accumulator))
            });
            let replay_nanos = sweep_start.elapsed().as_nanos() as u64 - accumulate_nanos;
            self.replay_nanos.fetch_add(replay_nanos, Ordering::Relaxed);
            parts
        };
        let merge = |low: Option<A>, high: Option<A>| match (low, high) {
            (Some(low), Some(high)) => Some(combine(low, high)),
            (low, high) => low.or(high),
        };
        let (mut real, mut padding) = (None, None);
        let mut add = |[real_part, padding_part]: [Result<Option<A>, OracleError>; 2]| {
            real = merge(real.take(), real_part?);
            padding = merge(padding.take(), padding_part?);
            Ok::<_, OracleError>(())
        };
        match self.options.pool {
            None => workers
                .iter_mut()
                .enumerate()
                .map(work)
                .try_for_each(&mut add)?,
            Some(pool) => {
                let parts: Vec<_> =
                    pool.install(|| workers.par_iter_mut().enumerate().map(work).collect());
                parts.into_iter().try_for_each(&mut add)?;
            }
        }
        Ok(merge(real, padding).unwrap_or_else(identity))
    }

    fn evaluate_index(&self, column: ColumnId, row: u64) -> Result<u32, OracleError> {
        check_columns(ColumnSet::EMPTY.with(column))?;
        let count = 1 << self.num_vars;
        if row >= count {
            return Err(OracleError::UnknownRow { actual: row, count });
        }
        let mut workers = lock(&self.workers);
        Ok(lock(&self.cache).value(&mut *workers[0], &self.run, &self.options, column, row)?)
    }
}

fn check_columns(set: ColumnSet) -> Result<(), OracleError> {
    let count = Column::ALL.len();
    match set.iter().find(|id| id.index() >= count) {
        Some(id) => Err(OracleError::UnknownColumn {
            actual: id.index(),
            count,
        }),
        None => Ok(()),
    }
}
