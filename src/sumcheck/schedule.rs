//! The schedule: how many rounds each sweep serves, and when the rest fits into memory.
//!
//! In: what a proof takes by any schedule, a memory budget. Out: [`Schedule`], the cheapest window
//! widths within the budget, or [`BudgetError`]. It changes time and memory only, never a byte of a
//! proof. Source of the recurrence: ePrint 2025/1473 (windows).

use super::cost::CostModel;
use super::forecast::ScheduleInputs;

/// Widest window: 3^7 sums of field elements still fit a second-level cache.
pub(super) const WINDOW_MAX: usize = 7;

/// Rounds per sweep.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// Width of each window, in order. The rounds behind them run in memory.
    pub windows: Vec<usize>,
}

/// A memory budget that is not enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a memory budget of {budget} bytes is too small; the proof takes at least {least}")]
#[non_exhaustive]
pub struct BudgetError {
    /// The budget.
    pub budget: u64,
    /// Bytes of the schedule that takes the fewest, or of the one that was asked for.
    pub least: u64,
}

/// Schedules that cost so many times the cheapest are as good as it: predictions tell no more.
const NEAR: f64 = 1.1;

/// A way to a number of bound variables: what it costs, and its last window.
#[derive(Clone, Copy)]
struct Way {
    cost: f64,
    window: usize,
}

impl Schedule {
    /// Of the schedules that keep to the memory budget and cost at most a tenth more than the cheapest of
    /// them, the cheapest of those with the fewest sweeps.
    ///
    /// # Errors
    /// [`BudgetError`] if none does.
    pub fn new(inputs: &ScheduleInputs, costs: &CostModel) -> Result<Self, BudgetError> {
        let budget = inputs.budget_bytes();
        // By number of windows.
        let mut best: Vec<Option<(f64, Self)>> = vec![None; inputs.num_vars() + 1];
        for end in (0..=inputs.num_vars()).filter(|end| inputs.tables_bytes(*end) <= budget) {
            // What a sweep may take depends on where the windows end, so each end has its own ways.
            let cost = |bound: usize, window: usize| match inputs.window_bytes(bound, window, end)
                <= budget
            {
                true => inputs.window_nanos(bound, window, costs).total(),
                false => f64::INFINITY,
            };
            let tables = inputs.tables_nanos(end, costs).total();
            for (count, (cost, schedule)) in ways_by_count(inputs, end, cost).enumerate() {
                let total = cost + tables;
                let before = best[count]
                    .as_ref()
                    .map_or(f64::INFINITY, |(cost, _)| *cost);
                if total < before {
                    best[count] = Some((total, schedule));
                }
            }
        }
        let costs = best.iter().flatten().map(|(cost, _)| *cost);
        let enough = costs.fold(f64::INFINITY, f64::min) * NEAR;
        let error = || BudgetError {
            budget,
            least: least_bytes(inputs),
        };
        let mut by_count = best.into_iter().flatten();
        by_count
            .find(|(cost, _)| *cost <= enough)
            .map(|(_, schedule)| schedule)
            .ok_or_else(error)
    }

    /// This schedule, if it keeps to the budget that was asked for.
    ///
    /// # Errors
    /// [`BudgetError`] if it does not.
    pub fn within(self, inputs: &ScheduleInputs) -> Result<Self, BudgetError> {
        let least = inputs.bytes(&self);
        match inputs.asked_bytes() {
            Some(budget) if budget < least => Err(BudgetError { budget, least }),
            _ => Ok(self),
        }
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

/// For each number of windows, the cheapest schedule that binds `end` variables by so many, and what it
/// costs; `cost(bound, window)` is that of one of its windows.
fn ways_by_count(
    inputs: &ScheduleInputs,
    end: usize,
    cost: impl Fn(usize, usize) -> f64,
) -> impl Iterator<Item = (f64, Schedule)> {
    let unreached = Way {
        cost: f64::INFINITY,
        window: 0,
    };
    let step = |at: usize| {
        let widths = 1..=inputs.widest_window(at);
        widths
            .map(|window| cost(at - window, window))
            .collect::<Vec<f64>>()
    };
    let steps: Vec<Vec<f64>> = (1..=end).map(step).collect();
    // layers[count][at]: the cheapest way to `at` bound variables by `count` windows.
    let mut layers = vec![vec![unreached; end + 1]];
    layers[0][0].cost = 0.0;
    for count in 1..=end {
        let before = &layers[count - 1];
        let mut layer = vec![unreached; end + 1];
        for at in 1..=end {
            for (window, cost) in (1..).zip(&steps[at - 1]) {
                let cost = before[at - window].cost + cost;
                if cost < layer[at].cost {
                    layer[at] = Way { cost, window };
                }
            }
        }
        layers.push(layer);
    }
    (0..=end).map(move |count| {
        let (mut windows, mut at) = (Vec::new(), end);
        for layer in layers[1..=count].iter().rev() {
            windows.push(layer[at].window);
            at -= layer[at].window;
        }
        windows.reverse();
        (layers[count][end].cost, Schedule { windows })
    })
}

/// Bytes of the schedule that takes the fewest.
fn least_bytes(inputs: &ScheduleInputs) -> u64 {
    let peak = |end: usize| {
        // The least peak on the way to each number of bound variables.
        let mut peaks = vec![inputs.tables_bytes(end)];
        for at in 1..=end {
            let windows = 1..=inputs.widest_window(at);
            let by = |window: usize| {
                peaks[at - window].max(inputs.window_bytes(at - window, window, end))
            };
            peaks.push(windows.map(by).min().expect("a window of one round"));
        }
        peaks[end]
    };
    (0..=inputs.num_vars()).map(peak).min().unwrap_or(0)
}
