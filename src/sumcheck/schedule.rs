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

/// A way to a number of bound rounds: what it costs, and its last window.
#[derive(Clone, Copy)]
struct Way {
    cost: f64,
    window: usize,
}

impl Schedule {
    /// The cheapest schedule that keeps to the memory budget.
    ///
    /// # Errors
    /// [`BudgetError`] if none does.
    pub fn new(inputs: &ScheduleInputs, costs: &CostModel) -> Result<Self, BudgetError> {
        let budget = inputs.budget_bytes();
        let mut cheapest: Option<(f64, Self)> = None;
        for end in 0..=inputs.num_vars() {
            if inputs.tables_bytes(end) > budget {
                continue;
            }
            // What a sweep may take depends on where the windows end, so each end has its own ways.
            let cost = |bound: usize, window: usize, before: f64| match inputs
                .window_bytes(bound, window, end)
                <= budget
            {
                true => before + inputs.window_nanos(bound, window, costs).total(),
                false => f64::INFINITY,
            };
            let ways = ways(inputs, end, 0.0, cost);
            let total = ways[end].cost + inputs.tables_nanos(end, costs).total();
            let best = cheapest.as_ref().map_or(f64::INFINITY, |(cost, _)| *cost);
            if total < best {
                cheapest = Some((total, Self::walk(&ways)));
            }
        }
        let error = || BudgetError {
            budget,
            least: least_bytes(inputs),
        };
        cheapest.map(|(_, schedule)| schedule).ok_or_else(error)
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

    /// The windows of the way to the last of `ways`.
    fn walk(ways: &[Way]) -> Self {
        let (mut windows, mut at) = (Vec::new(), ways.len() - 1);
        while at > 0 {
            windows.push(ways[at].window);
            at -= ways[at].window;
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

/// The cheapest way to each number of rounds up to `end`; `cost(bound, window, before)` is that of a
/// way that went on by one window.
fn ways(
    inputs: &ScheduleInputs,
    end: usize,
    start: f64,
    cost: impl Fn(usize, usize, f64) -> f64,
) -> Vec<Way> {
    let mut ways = vec![Way {
        cost: start,
        window: 0,
    }];
    for at in 1..=end {
        // Of windows that cost the same the widest: fewer sweeps to go through.
        let windows = (1..=inputs.widest_window(at)).rev();
        let steps = windows.map(|window| Way {
            cost: cost(at - window, window, ways[at - window].cost),
            window,
        });
        let best = steps.reduce(|best, step| if step.cost < best.cost { step } else { best });
        ways.push(best.expect("a window of one round"));
    }
    ways
}

/// Bytes of the schedule that takes the fewest.
fn least_bytes(inputs: &ScheduleInputs) -> u64 {
    let peak = |end: usize| {
        let cost = |bound: usize, window: usize, before: f64| {
            before.max(inputs.window_bytes(bound, window, end) as f64)
        };
        let way = ways(inputs, end, inputs.tables_bytes(end) as f64, cost)[end];
        // Exact: no proof takes 2^53 bytes.
        way.cost as u64
    };
    (0..=inputs.num_vars()).map(peak).min().unwrap_or(0)
}
