//! What a proof will take: bytes and seconds of a schedule, before anything runs.
//!
//! In: a batch's shape, sizes, a cost model. Out: [`ScheduleInputs`], which answers for any
//! schedule, and [`Prediction`]. It mirrors what sweeps and tables allocate and do, and knows no
//! column. Figures: PERF.md S-1, S-4.

use tracelane_kernels::{MAX_PREFIX_LOG2, MAX_WINDOW, WeightField, grid_points};

use super::block::{BatchPlan, Factor, Plan};
use super::cost::{CostModel, round_multiplications};
use super::schedule::{Schedule, WINDOW_MAX};
use super::statement::Batch;
use super::window::{INNER_LOG2_MIN, integers_fit};
use crate::trace::columns::ColumnSet;

/// What the budget of a prover that was given none is, in multiples of the bytes that streaming half
/// of the rounds one by one takes. PERF.md S-12 has what each multiple buys.
const ROOT_FACTOR: u64 = 4;

/// What a schedule is made for.
#[derive(Clone, PartialEq, Debug)]
pub struct ScheduleInputs {
    num_vars: usize,
    /// Rows that are regenerated; the others are padding.
    rows: u64,
    /// Columns that become tables.
    opened: usize,
    /// Statements about the next row.
    nexts: usize,
    /// Their cells a row.
    next_terms: usize,
    next_columns: ColumnSet,
    grids: Vec<GridShape>,
    element_bytes: u64,
    limb_count: u64,
    accumulator_bytes: u64,
    memory_bytes: Option<u64>,
    chunk_rows: usize,
    workers: usize,
}

/// The size of one statement on grids.
#[derive(Clone, Copy, PartialEq, Debug)]
struct GridShape {
    eq: bool,
    columns: ColumnSet,
    degree: usize,
    products: usize,
    /// Columns in the factors that are more than one column.
    form_terms: usize,
    /// Widest first window that works on integers; 0 for none.
    integer_window: usize,
}

impl GridShape {
    fn folds(&self, bound: usize, window: usize) -> bool {
        bound > 0 || window > self.integer_window
    }

    fn points(&self, window: usize) -> u64 {
        grid_points(window.min(WINDOW_MAX), self.degree) as u64
    }
}

/// What a proof by one schedule will take.
#[derive(Clone, PartialEq, Debug)]
pub struct Prediction {
    /// The schedule.
    pub schedule: Schedule,
    /// Bytes of the tables after the switch to memory.
    pub table_bytes: u64,
    /// Peak bytes of the prover: tables, weights, sums, chunks; without the guest's memory.
    pub bytes: u64,
    /// Peak bytes of settling the proof's claims by a sweep, likewise; never beside the prover's.
    pub check_bytes: u64,
    /// Seconds for all sweeps and rounds.
    pub seconds: f64,
    /// Of them, seconds for regenerating rows.
    pub regeneration_seconds: f64,
}

/// Nanoseconds of a part of a proof.
#[derive(Clone, Copy, Default)]
pub(super) struct Nanos {
    regenerate: f64,
    compute: f64,
}

impl Nanos {
    pub fn total(self) -> f64 {
        self.regenerate + self.compute
    }

    fn add(&mut self, other: Self) {
        self.regenerate += other.regenerate;
        self.compute += other.compute;
    }
}

impl ScheduleInputs {
    /// Inputs for a checked `batch` over 2^`num_vars` rows, `rows` of which are no padding.
    #[must_use]
    pub(super) fn new<F: WeightField>(
        batch: &Batch,
        num_vars: usize,
        rows: u64,
        memory_bytes: Option<u64>,
        chunk_rows: usize,
        workers: usize,
    ) -> Self {
        let plan = BatchPlan::<F>::new(batch);
        let chunk_rows = chunk_rows.min(1 << num_vars);
        let form_terms = |one: &Plan<F>| {
            let factors = one.products.iter().flat_map(|(_, factors)| factors);
            let terms = factors.map(|factor| match factor {
                Factor::Form(form) => form.term_count(),
                Factor::Slot(_) | Factor::One => 0,
            });
            terms.sum()
        };
        let shape = |one: &Plan<F>| GridShape {
            eq: one.eq,
            columns: one.columns,
            degree: one.degree,
            products: one.products.len(),
            form_terms: form_terms(one),
            integer_window: (1..=MAX_WINDOW)
                .take_while(|&window| integers_fit(one, window, chunk_rows))
                .count(),
        };
        Self {
            num_vars,
            rows: rows.min(1 << num_vars),
            opened: plan.opened.count(),
            nexts: plan.nexts.len(),
            next_terms: plan.nexts.iter().map(|one| one.terms.len()).sum(),
            next_columns: plan.next_columns,
            grids: plan.grids.iter().map(shape).collect(),
            element_bytes: size_of::<F>() as u64,
            limb_count: F::LIMBS as u64,
            accumulator_bytes: size_of::<F::Accumulator>() as u64,
            memory_bytes,
            chunk_rows,
            workers: workers.max(1),
        }
    }

    /// What a proof by `schedule` will take.
    #[must_use]
    pub fn predict(&self, schedule: &Schedule, costs: &CostModel) -> Prediction {
        let nanos = self.nanos(schedule, costs);
        Prediction {
            schedule: schedule.clone(),
            table_bytes: self.table_bytes(schedule.streamed()),
            bytes: self.bytes(schedule),
            check_bytes: self.check_bytes(),
            seconds: nanos.total() * 1e-9,
            regeneration_seconds: nanos.regenerate * 1e-9,
        }
    }

    /// The most bytes that a schedule may take: those that were asked for, or else four times those of
    /// the schedule that streams half of the rounds one by one, which are about the square root of
    /// the rows.
    #[must_use]
    pub fn budget_bytes(&self) -> u64 {
        let windows = vec![1; self.num_vars / 2];
        let root = || ROOT_FACTOR * self.bytes(&Schedule { windows });
        self.memory_bytes.unwrap_or_else(root)
    }

    /// The budget that was asked for, if one was.
    pub(super) fn asked_bytes(&self) -> Option<u64> {
        self.memory_bytes
    }

    /// Number of variables.
    pub(super) fn num_vars(&self) -> usize {
        self.num_vars
    }

    /// Widest window behind which `end` rounds are bound.
    pub(super) fn widest_window(&self, end: usize) -> usize {
        // Without grids one sweep serves any number of low rounds.
        if self.grids.is_empty() {
            end
        } else {
            WINDOW_MAX.min(end)
        }
    }

    fn nanos(&self, schedule: &Schedule, costs: &CostModel) -> Nanos {
        let mut bound = 0;
        let mut sum = Nanos::default();
        for &window in &schedule.windows {
            sum.add(self.window_nanos(bound, window, costs));
            bound += window;
        }
        sum.add(self.tables_nanos(bound, costs));
        sum
    }

    /// Materialising behind `bound` rounds, the rounds in memory, and what any proof takes.
    pub(super) fn tables_nanos(&self, bound: usize, costs: &CostModel) -> Nanos {
        let fold = self.fold_nanos(self.opened, bound, costs);
        let mut sum = self.sweep_nanos(self.opened, fold, costs);
        let entries = 2f64.powi((self.num_vars - bound) as i32);
        let products = self.grids.iter();
        let products = products.map(|one| one.products * round_multiplications(one.degree));
        let pair = (products.sum::<usize>() + 4 * self.nexts) as f64 * costs.pair_factor;
        let bind = (self.opened + 2 * self.nexts) as f64 * costs.bind;
        // All rounds together see two values an entry.
        let terms = self.grids.iter().map(|one| one.form_terms).sum::<usize>();
        let forms = 2.0 * terms as f64 * costs.grid_factor;
        let backing = self.table_bytes(bound) as f64 * costs.table_byte;
        let weights = 2f64.powi(bound as i32) * costs.weight;
        let rounds = entries * (bind + pair + forms + costs.weight) + weights;
        sum.compute += costs.start + rounds * costs.in_place + backing;
        sum
    }

    /// A sweep over `columns` columns with `compute` nanoseconds a row.
    fn sweep_nanos(&self, columns: usize, compute: f64, costs: &CostModel) -> Nanos {
        let padded = 2f64.powi(self.num_vars as i32);
        let regenerate = costs.row + columns as f64 * costs.column;
        let speed = costs.speed(self.workers);
        Nanos {
            regenerate: self.rows as f64 * regenerate / speed,
            compute: costs.sweep + padded * compute * costs.in_place / speed,
        }
    }

    /// Folding a row's cells over `bound` variables.
    fn fold_nanos(&self, columns: usize, bound: usize, costs: &CostModel) -> f64 {
        let cell = match bound <= MAX_PREFIX_LOG2 {
            true => costs.prefix_cell,
            false => costs.dot_cell,
        };
        columns as f64 * (cell + costs.reduce / 2f64.powi(bound as i32))
    }

    /// The sweep for `window` variables behind `bound` ones.
    pub(super) fn window_nanos(&self, bound: usize, window: usize, costs: &CostModel) -> Nanos {
        let mut compute = 0.0;
        let blocks = 2f64.powi(-((bound + window) as i32));
        for one in &self.grids {
            let factors = (grid_points(window, one.degree) * one.products * one.degree) as f64;
            let terms = one.form_terms as f64 * 2f64.powi(-(bound as i32));
            if one.folds(bound, window) {
                let block = one.products as f64 * costs.block;
                compute += blocks * (factors * costs.grid_factor + block);
                compute += terms * costs.grid_factor;
            } else {
                compute += factors * blocks * costs.integer(one.degree, one.eq);
                compute += terms * costs.integer_term;
            }
        }
        let folded = self.folded_columns(bound, window).count();
        compute += self.fold_nanos(folded, bound, costs);
        let mut swept = self
            .grids
            .iter()
            .map(|one| one.columns)
            .fold(ColumnSet::EMPTY, ColumnSet::union);
        if bound == 0 {
            compute += 2.0 * self.next_terms as f64 * costs.axpy_cell;
            swept = swept.union(self.next_columns);
        } else if self.grids.is_empty() {
            return Nanos::default();
        }
        self.sweep_nanos(swept.count(), compute, costs)
    }

    /// The columns that the sweep for `window` variables behind `bound` ones folds.
    fn folded_columns(&self, bound: usize, window: usize) -> ColumnSet {
        let folded = self.grids.iter().filter(|one| one.folds(bound, window));
        let columns = folded.map(|one| one.columns);
        columns.fold(ColumnSet::EMPTY, ColumnSet::union)
    }

    fn table_bytes(&self, streamed: usize) -> u64 {
        (self.opened as u64 * self.element_bytes) << (self.num_vars - streamed)
    }

    /// A weight as an element and as limbs.
    fn weight_bytes(&self) -> u64 {
        self.element_bytes + 4 * self.limb_count
    }

    /// Workers' accumulators of one sweep: real rows and padding have their own.
    fn accumulators(&self) -> u64 {
        2 * self.workers as u64
    }

    /// Peak bytes of a proof by `schedule`.
    pub(super) fn bytes(&self, schedule: &Schedule) -> u64 {
        let streamed = schedule.streamed();
        let (mut bound, mut peak) = (0, self.tables_bytes(streamed));
        for &window in &schedule.windows {
            peak = peak.max(self.window_bytes(bound, window, streamed));
            bound += window;
        }
        peak
    }

    /// What is there all the time: the workers' chunks.
    fn chunk_bytes(&self) -> u64 {
        (self.workers * self.chunk_rows * 4 * (self.opened + 1)) as u64
    }

    /// Bytes while the sweep for `window` variables behind `bound` ones runs, of a schedule that
    /// streams `streamed` rounds.
    pub(super) fn window_bytes(&self, bound: usize, window: usize, streamed: usize) -> u64 {
        let element = self.element_bytes;
        let mut sums = 0;
        for one in &self.grids {
            let (points, degree) = (one.points(window), one.degree as u64);
            let products = one.products as u64;
            sums += if one.folds(bound, window) {
                let form_values = degree << window.min(WINDOW_MAX);
                points * (self.accumulator_bytes + element * (2 + degree)) + form_values * element
            } else {
                // Sixteen sums of four lanes a point, and a tile of four groups of eight blocks.
                let arena = degree * ((2 << window) * 4 * 64);
                products * (points * (16 * 32 + element) + arena) + points * element
            };
        }
        let folded = self.folded_columns(bound, window).count() as u64;
        let values = (self.chunk_rows >> bound).max(1 << window.min(WINDOW_MAX)) as u64;
        sums += values * folded * element;
        let weights = self.weight_bytes() << bound;
        let mut bytes = weights + self.eq_bytes(bound, window) + self.accumulators() * sums;
        if self.nexts > 0 {
            bytes += ((2 * element) << streamed) + ((2 * element) << (self.num_vars - streamed));
            let row = match bound {
                0 => self.accumulators() * 2 * (8 * self.limb_count + element),
                _ => 4 * element,
            };
            bytes += (self.nexts as u64 * row) << streamed;
        }
        self.chunk_bytes() + bytes
    }

    /// Tables of eq behind a window: once with limbs for statements on integers, once without for the
    /// others.
    fn eq_bytes(&self, bound: usize, window: usize) -> u64 {
        let left = self.num_vars.saturating_sub(bound + window);
        let blocks = (self.chunk_rows >> window.min(WINDOW_MAX)).max(1);
        let tables = |least: usize, weight: u64| {
            let inner = left.div_ceil(2).max(least).min(left);
            (weight << inner) + (self.element_bytes << (left - inner))
        };
        let any = |folds: bool| {
            let mut weighted = self.grids.iter().filter(|one| one.eq);
            weighted.any(|one| one.folds(bound, window) == folds)
        };
        let inner_log2 = INNER_LOG2_MIN.max(blocks.ilog2() as usize);
        let integers = any(false).then(|| tables(inner_log2, self.weight_bytes()));
        let folded = any(true).then(|| tables(INNER_LOG2_MIN, self.element_bytes));
        integers.unwrap_or(0) + folded.unwrap_or(0)
    }

    /// Bytes while the tables behind `streamed` rounds are made and bound.
    pub(super) fn tables_bytes(&self, streamed: usize) -> u64 {
        let element = self.element_bytes;
        let values = (self.chunk_rows >> streamed).max(1) as u64;
        let scratch = self.accumulators() * values * self.opened as u64 * element;
        let left = self.num_vars - streamed;
        let mut bytes = (self.weight_bytes() << streamed) + self.table_bytes(streamed) + scratch;
        bytes += (2 * element) << left.div_ceil(2);
        if self.nexts > 0 {
            // The weights' two tables a side, and what each statement keeps of its rounds.
            let nexts = self.nexts as u64;
            bytes += ((2 + 4 * nexts) * element) << streamed;
            bytes += ((2 + 2 * nexts) * element) << left;
        }
        self.chunk_bytes() + bytes
    }

    /// Peak bytes of settling a proof's claims.
    fn check_bytes(&self) -> u64 {
        let half = self.num_vars.div_ceil(2);
        let values = (self.chunk_rows >> half).max(1) as u64;
        let sums = self.accumulators() * (values + 1) * self.opened as u64 * self.element_bytes;
        self.chunk_bytes() + (self.weight_bytes() << half) + sums
    }
}
