//! The schedule: how many rounds each sweep serves, and when the rest fits into memory.
//!
//! In: sizes, a memory budget, a cost model. Out: [`Schedule`], the cheapest window widths, and
//! [`Prediction`], its bytes and seconds. It changes time and memory only, never a byte of a proof.
//! Source of the recurrence: ePrint 2025/1473 (windows); of the figures: PERF.md S-1.

use tracelane_kernels::{GROUP_ROWS, MAX_PREFIX_LOG2, MAX_WINDOW, WeightField, grid_points};

use super::block::{BatchPlan, Plan};
use super::cost::{CostModel, round_multiplications};
use super::statement::Batch;
use super::window::{INNER_LOG2_MIN, integers_fit};

/// Rounds per sweep.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// Width of each window, in order. The rounds behind them run in memory.
    pub windows: Vec<usize>,
}

/// What each worker after the first adds to the speed of a sweep (PERF.md M-4).
const WORKER_GAIN: f64 = 0.9;

/// What a schedule is made for.
#[derive(Clone, PartialEq, Debug)]
pub struct ScheduleInputs {
    num_vars: usize,
    /// Rows that are regenerated; the others are padding.
    rows: u64,
    /// Columns that become tables.
    opened: usize,
    /// Columns of the statements on grids.
    swept: usize,
    /// Statements about the next row.
    nexts: usize,
    /// Their cells a row.
    next_terms: usize,
    grids: Vec<GridShape>,
    element_bytes: usize,
    limb_count: usize,
    accumulator_bytes: usize,
    memory_bytes: Option<u64>,
    chunk_rows: usize,
    workers: usize,
}

/// The size of one statement on grids.
#[derive(Clone, Copy, PartialEq, Debug)]
struct GridShape {
    degree: usize,
    products: usize,
    /// Widest first window that works on integers; 0 for none.
    integer_window: usize,
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
    /// Seconds for all sweeps and rounds.
    pub seconds: f64,
    /// Of them, seconds for regenerating rows.
    pub regeneration_seconds: f64,
}

/// Widest window: 3^7 sums of field elements still fit a second-level cache.
pub(super) const WINDOW_MAX: usize = 7;

impl Schedule {
    /// The cheapest schedule that keeps to the memory budget; where none does, the smallest.
    #[must_use]
    pub fn new(inputs: &ScheduleInputs, costs: &CostModel) -> Self {
        let num_vars = inputs.num_vars;
        let budget = inputs.memory_bytes.unwrap_or_else(|| inputs.root_bytes());
        let best = inputs.cheapest_windows(costs);
        let candidates: Vec<Self> = (0..=num_vars).map(|end| Self::walk(&best, end)).collect();
        let fits = |one: &&Self| inputs.bytes(one) <= budget;
        let nanos = |one: &&Self| inputs.nanos(one, costs).total();
        let cheapest = candidates
            .iter()
            .filter(fits)
            .min_by(|a, b| nanos(a).total_cmp(&nanos(b)));
        let smallest = || candidates.iter().min_by_key(|one| inputs.bytes(one));
        let chosen = cheapest.or_else(smallest).cloned();
        chosen.unwrap_or_else(Self::in_memory)
    }

    /// The windows on the cheapest way to `end` rounds.
    fn walk(best: &[(f64, usize)], end: usize) -> Self {
        let (mut windows, mut at) = (Vec::new(), end);
        while at > 0 {
            windows.push(best[at].1);
            at -= best[at].1;
        }
        windows.reverse();
        Self { windows }
    }

    /// One sweep per round, until half of the variables are bound ("Algorithm 1" of ePrint 2025/611).
    #[must_use]
    pub fn per_round(num_vars: usize) -> Self {
        Self {
            windows: vec![1; num_vars / 2],
        }
    }

    /// Windows that make a grid as large as the blocks behind it are long, until half of the
    /// variables are bound: width i / log2((d + 1) / 2) after i rounds, at least one (Jolt's
    /// half-split streaming schedule; `degree` is d).
    #[must_use]
    pub fn half_split(num_vars: usize, degree: usize) -> Self {
        let growth = ((degree.max(2) + 1) as f64 / 2.0).log2();
        let half = num_vars / 2;
        let (mut windows, mut bound) = (Vec::new(), 0);
        while bound < half {
            let width = (bound as f64 / growth).round().max(1.0) as usize;
            let width = width.min(half - bound).min(WINDOW_MAX);
            windows.push(width);
            bound += width;
        }
        Self { windows }
    }

    /// No streaming: all columns become tables at once.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            windows: Vec::new(),
        }
    }

    /// Rounds that are served by sweeps.
    #[must_use]
    pub fn streamed(&self) -> usize {
        self.windows.iter().sum()
    }

    /// Sweeps: one a window, and one that makes the tables. Where all statements are about the next
    /// row only the first window has one.
    #[must_use]
    pub fn sweeps(&self) -> usize {
        self.windows.len() + 1
    }
}

/// Nanoseconds of a part of a proof.
#[derive(Clone, Copy, Default)]
struct Nanos {
    regenerate: f64,
    compute: f64,
}

impl Nanos {
    fn total(self) -> f64 {
        self.regenerate + self.compute
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
        let shape = |one: &Plan<F>| GridShape {
            degree: one.degree,
            products: one.products.len(),
            integer_window: (1..=MAX_WINDOW)
                .take_while(|&window| integers_fit(one, window, chunk_rows))
                .count(),
        };
        Self {
            num_vars,
            rows: rows.min(1 << num_vars),
            opened: plan.opened.count(),
            swept: plan.swept.count(),
            nexts: plan.nexts.len(),
            next_terms: plan.nexts.iter().map(|one| one.terms.len()).sum(),
            grids: plan.grids.iter().map(shape).collect(),
            element_bytes: size_of::<F>(),
            limb_count: F::LIMBS,
            accumulator_bytes: size_of::<F::Accumulator>(),
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
            seconds: nanos.total() * 1e-9,
            regeneration_seconds: nanos.regenerate * 1e-9,
        }
    }

    /// Bytes of the schedule that streams half of the rounds one by one: about the square root of the
    /// rows, and the budget of a prover that was given none.
    #[must_use]
    pub fn root_bytes(&self) -> u64 {
        let windows = (0..self.num_vars / 2).map(|_| 1).collect();
        self.bytes(&Schedule { windows })
    }

    /// For each number of streamed rounds the cost, and last window, of the cheapest way there.
    fn cheapest_windows(&self, costs: &CostModel) -> Vec<(f64, usize)> {
        let mut best = vec![(f64::INFINITY, 0); self.num_vars + 1];
        best[0] = (0.0, 0);
        for end in 1..=self.num_vars {
            // Without grids one sweep serves any number of low rounds.
            let widest = if self.grids.is_empty() {
                end
            } else {
                WINDOW_MAX
            };
            // Of windows that cost the same the widest: fewer sweeps to go through.
            for window in (1..=end.min(widest)).rev() {
                let sweep = self.window_nanos(end - window, window, costs).total();
                let cost = best[end - window].0 + sweep;
                if cost < best[end].0 {
                    best[end] = (cost, window);
                }
            }
        }
        best
    }

    fn nanos(&self, schedule: &Schedule, costs: &CostModel) -> Nanos {
        let mut bound = 0;
        let mut sum = Nanos::default();
        let mut add = |part: Nanos| {
            sum.regenerate += part.regenerate;
            sum.compute += part.compute;
        };
        for &window in &schedule.windows {
            add(self.window_nanos(bound, window, costs));
            bound += window;
        }
        add(self.sweep_nanos(
            self.opened,
            self.fold_nanos(self.opened, bound, costs),
            costs,
        ));
        let entries = 2f64.powi((self.num_vars - bound) as i32);
        let products = self.grids.iter();
        let products = products.map(|one| one.products * round_multiplications(one.degree));
        let pair = (products.sum::<usize>() + 4 * self.nexts) as f64 * costs.pair_factor;
        let bind = (self.opened + 2 * self.nexts) as f64 * costs.bind;
        let backing = self.table_bytes(bound) as f64 * costs.table_byte;
        let rounds = entries * (bind + pair + costs.weight) + backing;
        let weights = 2f64.powi(bound as i32) * costs.weight;
        add(Nanos {
            regenerate: 0.0,
            compute: rounds + weights,
        });
        sum
    }

    /// A sweep over `columns` columns with `compute` nanoseconds a row.
    fn sweep_nanos(&self, columns: usize, compute: f64, costs: &CostModel) -> Nanos {
        let padded = 2f64.powi(self.num_vars as i32);
        let regenerate = costs.row + columns as f64 * costs.column;
        let workers = 1.0 + (self.workers - 1) as f64 * WORKER_GAIN;
        Nanos {
            regenerate: self.rows as f64 * regenerate / workers,
            compute: padded * compute / workers,
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
    fn window_nanos(&self, bound: usize, window: usize, costs: &CostModel) -> Nanos {
        let mut compute = 0.0;
        let mut folds = false;
        for one in &self.grids {
            let factors = (grid_points(window, one.degree) * one.products * one.degree) as f64;
            let blocks = 2f64.powi(-((bound + window) as i32));
            if bound == 0 && window <= one.integer_window {
                let factor = match one.degree {
                    2 => costs.integer_factor,
                    _ => costs.integer_factor_cubic,
                };
                compute += factors * blocks * factor;
            } else {
                folds = true;
                let block = one.products as f64 * costs.block;
                compute += blocks * (factors * costs.grid_factor + block);
            }
        }
        if folds {
            compute += self.fold_nanos(self.swept, bound, costs);
        }
        let mut columns = self.swept;
        if bound == 0 {
            compute += 2.0 * self.next_terms as f64 * costs.axpy_cell;
            columns += self.next_terms;
        } else if self.grids.is_empty() {
            return Nanos::default();
        }
        self.sweep_nanos(columns, compute, costs)
    }

    fn table_bytes(&self, streamed: usize) -> u64 {
        ((self.opened * self.element_bytes) as u64) << (self.num_vars - streamed)
    }

    /// Peak bytes of a proof by `schedule`.
    fn bytes(&self, schedule: &Schedule) -> u64 {
        let element = self.element_bytes as u64;
        let weight_bytes = element + 4 * self.limb_count as u64;
        let streamed = schedule.streamed();
        let half = self.num_vars.div_ceil(2);
        let eq = (2 * weight_bytes) << half.max(INNER_LOG2_MIN.min(self.num_vars));
        let chunks = (self.workers * self.chunk_rows * 4 * (self.opened + 1)) as u64;
        // Real rows and padding have sums of their own.
        let accumulators = 2 * self.workers as u64;
        let mut bound = 0;
        let mut peak = 0;
        for &window in &schedule.windows {
            let mut sums = 0;
            for one in &self.grids {
                let points = grid_points(window.min(WINDOW_MAX), one.degree) as u64;
                let point = self.accumulator_bytes as u64 + element * (2 + one.degree as u64);
                let arena = (one.products * one.degree * 4 * 8 * GROUP_ROWS) as u64;
                sums += points * point.max(16 * 32 * one.products as u64)
                    + (arena << (window + 1).min(8));
            }
            let values = (self.chunk_rows >> bound).max(1 << window.min(WINDOW_MAX));
            sums += (values * self.swept) as u64 * element;
            peak = peak.max((weight_bytes << bound) + accumulators * sums);
            bound += window;
        }
        let next_row = 2 * (8 * self.limb_count as u64 + element);
        let next = (self.nexts as u64 * accumulators * next_row) << streamed;
        // Each statement about the next row has its weights and its form, of two tables of all.
        let next_tables = 2 * (self.nexts + usize::from(self.nexts > 0)) as u64 * element;
        let tables = self.table_bytes(streamed) + (next_tables << (self.num_vars - streamed));
        let materialise = (weight_bytes << streamed) + tables;
        eq + chunks + (peak + next).max(materialise)
    }
}
