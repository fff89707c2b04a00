//! The schedule: how many rounds each sweep serves, and when the rest fits into memory.
//!
//! In: sizes, a memory budget, measured costs. Out: [`Schedule`], the cheapest window widths. It
//! changes time and memory only, never a byte of a proof. Source of the cost model: PERF.md S-1.

use tracelane_kernels::{MAX_WINDOW, grid_points};

/// Rounds per sweep.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// Width of each window, in order. The rounds behind them run in memory.
    pub windows: Vec<usize>,
}

/// What a schedule is made for.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleInputs {
    /// Variables of the padded trace.
    pub num_vars: usize,
    /// Columns of the statement.
    pub column_count: usize,
    /// Most factors of a product.
    pub degree: usize,
    /// Products of the statement.
    pub product_count: usize,
    /// Bytes of a field element.
    pub element_bytes: usize,
    /// Bytes that tables may take after the switch; `None` for about the square root of the rows.
    pub memory_bytes: Option<u64>,
    /// Whether the first window works on integers.
    pub integers: bool,
}

/// Nanoseconds a row for regenerating the columns.
const REGENERATE: f64 = 8.0;
/// Nanoseconds a cell for a dot product.
const FOLD: f64 = 0.6;
/// Nanoseconds for reducing one dot product.
const REDUCE: f64 = 25.0;
/// Nanoseconds for one product of field elements on a grid point.
const PRODUCT: f64 = 22.0;
/// Nanoseconds for one grid point of the integer grids.
const INTEGER_POINT: f64 = 3.0;

/// Widest window: 3^7 sums of field elements still fit a second-level cache.
const WINDOW_MAX: usize = 7;

impl Schedule {
    /// The cheapest schedule that keeps the tables within the budget.
    #[must_use]
    pub fn new(inputs: &ScheduleInputs) -> Self {
        let streamed = inputs.streamed();
        // best[i]: cost a row, and last window, of the cheapest way to have i rounds streamed.
        let mut best: Vec<(f64, usize)> = vec![(f64::INFINITY, 0); streamed + 1];
        best[0] = (0.0, 0);
        for end in 1..=streamed {
            for window in 1..=end.min(WINDOW_MAX) {
                let cost = best[end - window].0 + inputs.window_nanos(end - window, window);
                if cost < best[end].0 {
                    best[end] = (cost, window);
                }
            }
        }
        let mut windows = Vec::new();
        let mut at = streamed;
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

    /// Sweeps: one a window, and one that makes the tables.
    #[must_use]
    pub fn sweeps(&self) -> usize {
        self.windows.len() + 1
    }
}

impl ScheduleInputs {
    /// Rounds that must be streamed before the tables fit.
    fn streamed(&self) -> usize {
        let row_bytes = (self.column_count * self.element_bytes) as u64;
        match self.memory_bytes {
            None => self.num_vars / 2,
            Some(bytes) => {
                let rows_log2 = (bytes / row_bytes).max(1).ilog2() as usize;
                self.num_vars.saturating_sub(rows_log2)
            }
        }
    }

    /// Predicted nanoseconds a row of the sweep for `window` variables behind `bound` ones.
    fn window_nanos(&self, bound: usize, window: usize) -> f64 {
        let points = grid_points(window, self.degree) as f64;
        let points_per_row = points / 2f64.powi((bound + window) as i32);
        let products = (self.product_count * self.degree) as f64;
        if bound == 0 && self.integers && window <= MAX_WINDOW {
            return REGENERATE + points_per_row * INTEGER_POINT * products;
        }
        let columns = self.column_count as f64;
        let fold = columns * (FOLD + REDUCE / 2f64.powi(bound as i32));
        REGENERATE + fold + points_per_row * PRODUCT * products
    }
}
