//! Planning: what to prove, by which schedule, and what that will take.
//!
//! In: options, the run's size. Out: a prover, and the prediction that `prove --plan` prints and
//! `prove` sets beside what it measured.

use serde_json::{Value, json};
use tracelane::oracle::{OracleError, StreamingOracle};
use tracelane::sumcheck::{
    Batch, CostModel, Prediction, PublicInstance, Schedule, ScheduleInputs, Statement,
    SumCheckProver, calibrate, regeneration_nanos,
};
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane_kernels::Kernels;

use crate::args::{ClaimOptions, Product, ScheduleKind, ScheduleOptions};
use crate::format;
use crate::proving::Field;

/// Memory beside which the square root of a short trace is small: each sweep that it saves is a
/// whole execution.
const MEMORY_BUDGET_MIN: u64 = 16 << 20;

/// What `options` ask for.
pub fn batch(options: &ClaimOptions) -> Batch {
    let ids = |columns: &[Column]| columns.iter().map(|column| column.id()).collect::<Vec<_>>();
    let default = [Product(vec![Column::Rs1Value, Column::Rs2Value])];
    let products = match options.product.as_slice() {
        [] if options.next.is_empty() => default.as_slice(),
        products => products,
    };
    let products = products.iter();
    let products = products.map(|Product(columns)| Statement::product(&ids(columns), options.eq));
    let nexts = options
        .next
        .iter()
        .map(|column| Statement::next(column.id()));
    let open = options.open.iter().flat_map(|Product(columns)| columns);
    Batch {
        statements: products.chain(nexts).collect(),
        extra: open.map(|column| column.id()).collect::<ColumnSet>(),
    }
}

/// A prover, and how it will go about it.
pub struct Plan {
    pub prover: SumCheckProver<Field>,
    pub prediction: Prediction,
    pub budget: u64,
    costs: CostModel,
}

/// Where the figures of a plan come from.
pub struct Size<'a> {
    pub instance: PublicInstance,
    pub chunk_rows: usize,
    pub workers: usize,
    /// The trace, where there is one already.
    pub oracle: Option<&'a StreamingOracle<'a>>,
}

/// The plan for `batch` over a run of this size.
pub fn plan(
    options: &ScheduleOptions,
    batch: Batch,
    kernels: Kernels<Field>,
    size: &Size<'_>,
) -> Result<Plan, OracleError> {
    let num_vars = size.instance.num_vars as usize;
    let costs = costs(options, &batch, kernels, size)?;
    let degree = batch.statements.iter().map(Statement::product_degree).max();
    let prover = SumCheckProver::for_batch(num_vars, batch)
        .with_instance(size.instance)
        .with_kernels(kernels);
    let inputs = |prover: &SumCheckProver<Field>| -> ScheduleInputs {
        prover.schedule_inputs(size.chunk_rows, size.workers)
    };
    let root = inputs(&prover).root_bytes().max(MEMORY_BUDGET_MIN);
    let budget = options.memory_budget.unwrap_or(root);
    let prover = prover.with_memory_bytes(budget);
    let inputs = inputs(&prover);
    let schedule = match options.schedule {
        ScheduleKind::Windows => Schedule::new(&inputs, &costs),
        ScheduleKind::HalfSplit => Schedule::half_split(num_vars, degree.unwrap_or(0)),
        ScheduleKind::PerRound => Schedule::per_round(num_vars),
        ScheduleKind::InMemory => Schedule::in_memory(),
    };
    let prediction = inputs.predict(&schedule, &costs);
    Ok(Plan {
        prover: prover.with_schedule(schedule),
        prediction,
        budget,
        costs,
    })
}

/// The committed cost model, or one measured here.
fn costs(
    options: &ScheduleOptions,
    batch: &Batch,
    kernels: Kernels<Field>,
    size: &Size<'_>,
) -> Result<CostModel, OracleError> {
    let committed = CostModel::committed::<Field>();
    if !options.calibrate {
        return Ok(committed);
    }
    let regenerate = match size.oracle {
        Some(oracle) => regeneration_nanos(oracle, batch.columns(), size.workers)?,
        None => (committed.row, committed.column),
    };
    Ok(calibrate(kernels, regenerate))
}

impl Plan {
    /// Lines of `name: value`.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let Prediction {
            schedule,
            table_bytes,
            bytes,
            seconds,
            regeneration_seconds,
        } = &self.prediction;
        vec![
            ("memory budget", format::bytes(self.budget)),
            ("schedule", describe(schedule)),
            ("sweeps", schedule.sweeps().to_string()),
            ("tables", format::bytes(*table_bytes)),
            ("predicted memory", format::bytes(*bytes)),
            ("predicted time", format!("{seconds:.4} s")),
            ("of it regenerating", format!("{regeneration_seconds:.4} s")),
        ]
    }

    /// The same as JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "memory_budget_bytes": self.budget,
            "windows": self.prediction.schedule.windows,
            "sweeps": self.prediction.schedule.sweeps(),
            "table_bytes": self.prediction.table_bytes,
            "predicted_bytes": self.prediction.bytes,
            "predicted_seconds": self.prediction.seconds,
            "predicted_regeneration_seconds": self.prediction.regeneration_seconds,
            "costs_nanos": costs_json(&self.costs),
        })
    }
}

/// The schedule in words.
pub fn describe(schedule: &Schedule) -> String {
    let windows: Vec<String> = schedule.windows.iter().map(ToString::to_string).collect();
    match windows.as_slice() {
        [] => "all rounds in memory".to_owned(),
        windows => format!(
            "windows of {} rounds, the rest in memory",
            windows.join(", ")
        ),
    }
}

fn costs_json(costs: &CostModel) -> Value {
    json!({
        "row": costs.row,
        "column": costs.column,
        "prefix_cell": costs.prefix_cell,
        "dot_cell": costs.dot_cell,
        "reduce": costs.reduce,
        "grid_factor": costs.grid_factor,
        "block": costs.block,
        "integer_factor": costs.integer_factor,
        "integer_factor_cubic": costs.integer_factor_cubic,
        "axpy_cell": costs.axpy_cell,
        "bind": costs.bind,
        "pair_factor": costs.pair_factor,
        "table_byte": costs.table_byte,
        "weight": costs.weight,
    })
}
