//! Planning: what to prove, by which schedule, and what that will take.
//!
//! In: options, the run's size. Out: a prover, and the prediction that `prove --plan` prints and
//! `prove` sets beside what it measured.

use serde_json::{Value, json};
use tracelane::oracle::{OracleError, StreamingOracle};
use tracelane::sumcheck::{
    Batch, CostModel, Prediction, ProveError, PublicInstance, Schedule, Statement, SumCheckProver,
    calibrate, calibrate_regeneration,
};
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane_kernels::Kernels;

use crate::args::{ClaimOptions, Product, ScheduleKind, ScheduleOptions};
use crate::failure::Failure;
use crate::format;
use crate::phase::memory_bytes;
use crate::proving::Field;

/// What `options` ask for, checked: nothing need be run for a batch that can't be proven.
pub fn batch(options: &ClaimOptions) -> Result<Batch, Failure> {
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
    let batch = Batch {
        statements: products.chain(nexts).collect(),
        extra: open.map(|column| column.id()).collect::<ColumnSet>(),
    };
    batch.check(Column::ALL.len()).map_err(ProveError::from)?;
    Ok(batch)
}

/// A prover, and how it will go about it.
pub struct Plan {
    pub prover: SumCheckProver<Field>,
    pub prediction: Prediction,
    budget: u64,
    costs: CostModel,
    /// Resident memory before, where the system tells.
    resident: Option<u64>,
    /// The guest's memory that all workers will have besides, where it is known.
    guest_bytes: Option<u64>,
}

/// Where the figures of a plan come from.
pub struct Size<'a> {
    pub instance: PublicInstance,
    pub chunk_rows: usize,
    pub workers: usize,
    /// The trace, where there is one already.
    pub oracle: Option<&'a StreamingOracle<'a>>,
    /// The guest's memory that a worker has not had from the start, where the guest has run.
    pub guest_bytes: Option<u64>,
}

/// The plan for `batch` over a run of this size.
pub fn plan(
    options: &ScheduleOptions,
    batch: Batch,
    kernels: Kernels<Field>,
    size: &Size<'_>,
) -> Result<Plan, Failure> {
    let num_vars = size.instance.num_vars as usize;
    let costs = costs(options, &batch, kernels, size)?;
    let degree = batch.statements.iter().map(Statement::product_degree).max();
    let mut prover = SumCheckProver::for_batch(num_vars, batch)
        .with_instance(size.instance)
        .with_kernels(kernels);
    if let Some(bytes) = options.memory_budget {
        prover = prover.with_memory_bytes(bytes);
    }
    let inputs = prover.schedule_inputs(size.chunk_rows, size.workers);
    let schedule = match options.schedule {
        ScheduleKind::Windows => Schedule::new(&inputs, &costs),
        ScheduleKind::HalfSplit => {
            Schedule::half_split(num_vars, degree.unwrap_or(0)).within(&inputs)
        }
        ScheduleKind::PerRound => Schedule::per_round(num_vars).within(&inputs),
        ScheduleKind::InMemory => Schedule::in_memory().within(&inputs),
    };
    let schedule = schedule.map_err(ProveError::from)?;
    let prediction = inputs.predict(&schedule, &costs);
    let workers = size.workers as u64;
    Ok(Plan {
        prover: prover.with_schedule(schedule),
        prediction,
        budget: inputs.budget_bytes(),
        costs,
        resident: memory_bytes("VmRSS:"),
        guest_bytes: size.guest_bytes.map(|bytes| workers * bytes),
    })
}

/// The committed cost model, or one measured here.
fn costs(
    options: &ScheduleOptions,
    batch: &Batch,
    kernels: Kernels<Field>,
    size: &Size<'_>,
) -> Result<CostModel, OracleError> {
    if !options.calibrate {
        return Ok(CostModel::committed::<Field>());
    }
    let costs = calibrate(kernels, size.workers);
    match size.oracle {
        Some(oracle) => calibrate_regeneration(oracle, batch.columns(), costs),
        None => Ok(costs),
    }
}

impl Plan {
    /// The process's peak from the plan on: what is resident, the guest's memory in every worker, and
    /// the proof or its check, whichever takes more.
    pub fn peak_bytes(&self) -> Option<u64> {
        let prediction = &self.prediction;
        let proof = prediction.bytes.max(prediction.check_bytes);
        Some(self.resident? + self.guest_bytes.unwrap_or(0) + proof)
    }

    /// Lines of `name: value`.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let Prediction {
            schedule,
            table_bytes,
            bytes,
            seconds,
            regeneration_seconds,
            ..
        } = &self.prediction;
        let peak = self
            .peak_bytes()
            .map_or("unknown".to_owned(), format::bytes);
        let peak = match self.guest_bytes {
            Some(_) => peak,
            None => format!("{peak} without the guest's memory"),
        };
        vec![
            ("memory budget", format::bytes(self.budget)),
            ("schedule", describe(schedule)),
            ("sweeps", schedule.sweeps().to_string()),
            ("tables", format::bytes(*table_bytes)),
            ("predicted memory", format::bytes(*bytes)),
            ("predicted time", format!("{seconds:.4} s")),
            ("of it regenerating", format!("{regeneration_seconds:.4} s")),
            ("predicted peak", peak),
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
            "predicted_check_bytes": self.prediction.check_bytes,
            "predicted_seconds": self.prediction.seconds,
            "predicted_regeneration_seconds": self.prediction.regeneration_seconds,
            "costs_nanos": costs_json(&self.costs),
        })
    }
}

/// The schedule in words.
fn describe(schedule: &Schedule) -> String {
    let windows: Vec<String> = schedule.windows.iter().map(ToString::to_string).collect();
    match windows.as_slice() {
        [] => "all rounds in memory".to_owned(),
        windows => format!(
            "windows of {} rounds, the rest in memory",
            windows.join(", ")
        ),
    }
}

impl Plan {
    /// What the process's peak is made of beside the proof, as JSON: figures of this process rather than
    /// of the plan.
    pub fn memory_json(&self) -> Value {
        json!({
            "resident_bytes": self.resident,
            "guest_bytes": self.guest_bytes,
        })
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
        "plain_factor": costs.plain_factor,
        "plain_factor_cubic": costs.plain_factor_cubic,
        "integer_term": costs.integer_term,
        "axpy_cell": costs.axpy_cell,
        "bind": costs.bind,
        "pair_factor": costs.pair_factor,
        "table_byte": costs.table_byte,
        "weight": costs.weight,
        "in_place": costs.in_place,
        "sweep": costs.sweep,
        "start": costs.start,
        "worker_gain": costs.worker_gain,
    })
}
