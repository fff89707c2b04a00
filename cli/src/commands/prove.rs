//! `prove`: runs a program, keeps checkpoints, says what it plans, proves a sum-check over regenerated
//! columns, and verifies what it proved.

use std::time::Duration;

use serde_json::{Value, json};
use tracelane::checkpoint::{CheckpointFile, CheckpointSource, CheckpointWriter};
use tracelane::limits::PAGE_BYTES;
use tracelane::oracle::{PolynomialOracle, StreamingOracle};
use tracelane::replay::Run;
use tracelane::sumcheck::{Batch, PublicInstance, verify};
use tracelane::trace::columns::Column;
use tracelane::vm::RunResult;
use tracelane_kernels::Kernels;

use crate::args::ProveOptions;
use crate::failure::Failure;
use crate::guest::{Guest, check_exit_code, save_output};
use crate::phase::{Phases, memory_bytes};
use crate::planning::{self, Plan, Size, batch};
use crate::progress::Progress;
use crate::proving::{Field, instance, kernels, num_vars, pool, replay};
use crate::terminal::Terminal;
use crate::{files, format};

/// `tracelane prove`.
pub fn prove(options: &ProveOptions) -> Result<(), Failure> {
    let from = &options.guest;
    let batch = batch(&options.claims)?;
    let pool = pool(&options.replay)?;
    let kernels = kernels(&options.kernels)?;
    let mut phases = Phases::default();
    let guest = phases.time("load", || {
        Guest::read(&from.elf, from.input.as_deref(), &from.limits)
    })?;
    let guest = guest.with_threads(options.replay.threads);
    if let Some(cycles) = options.schedule.cycles {
        return plan_for(
            options,
            batch,
            &guest,
            kernels,
            pool.current_num_threads(),
            cycles,
        );
    }
    let (result, file) = phases.time("execute", || execute(options, &guest))?;
    save_output(from.output.as_deref(), &result)?;
    check_exit_code(&result)?;

    let run = Run::new(&guest.program, &file)?;
    let progress = Progress::rows("proving");
    let report = |rows| progress.add(rows);
    let oracle = StreamingOracle::new(
        run,
        replay(&options.replay, &kernels, &from.limits, &pool, &report),
    )?;
    let instance = instance(&guest, &result, oracle.num_vars());
    let size = Size {
        instance,
        chunk_rows: oracle.chunk_rows().get(),
        workers: pool.current_num_threads(),
        oracle: Some(&oracle),
        // The input is in every worker's memory by now.
        guest_bytes: Some(
            (result.backed_pages * PAGE_BYTES as u64).saturating_sub(guest.input.len() as u64),
        ),
    };
    let statement = batch.describe(Column::NAMES);
    let plan = planning::plan(&options.schedule, batch.clone(), kernels, &size)?;
    if options.schedule.plan {
        drop(progress);
        return print_plan(options, &plan, &statement, &instance);
    }
    if !options.json {
        print_plan(options, &plan, &statement, &instance)?;
    }
    let before = (oracle.replay_duration(), oracle.sweeps());
    let proof = phases.time("prove", || plan.prover.prove_actual(&oracle))?;
    let regenerate = oracle.replay_duration() - before.0;
    let sweeps = oracle.sweeps() - before.1;
    let accepted = phases.time("verify", || {
        verify(&proof, &instance, &batch, oracle.column_names())
            .and_then(|pending| pending.check(&oracle, kernels))
    });
    drop(progress);
    if let Err(error) = &accepted {
        return Err(Failure::Rejected(format!(
            "the proof was not accepted: {error}; this is a defect, please report it"
        )));
    }
    let bytes = proof.to_bytes();
    if let Some(path) = &options.out {
        files::write(path, &bytes)?;
    }
    let witness = phases.of("execute") + regenerate;
    let summary = Summary {
        options,
        guest: &guest,
        result: &result,
        file: &file,
        instance: &instance,
        statement,
        proof_bytes: bytes.len(),
        threads: pool.current_num_threads(),
        plan: &plan,
        sweeps,
        witness_share: share(witness, phases.of("execute") + phases.of("prove")),
        regenerate,
        phases: &phases,
    };
    if options.json {
        format::print_json(&summary.report())
    } else {
        format::print_fields(&summary.fields())
    }
}

/// `--plan --cycles N`: nothing is executed.
fn plan_for(
    options: &ProveOptions,
    batch: Batch,
    guest: &Guest<'_>,
    kernels: Kernels<Field>,
    workers: usize,
    cycles: u64,
) -> Result<(), Failure> {
    let num_vars = num_vars(cycles)?;
    let result = RunResult {
        exit_code: 0,
        cycles,
        output: Vec::new(),
        text_bytes: 0,
        backed_pages: 0,
    };
    let instance = instance(guest, &result, num_vars);
    let size = Size {
        instance,
        chunk_rows: (options.replay.chunk_rows as usize).min(1 << num_vars),
        workers,
        oracle: None,
        guest_bytes: None,
    };
    let statement = batch.describe(Column::NAMES);
    let plan = planning::plan(&options.schedule, batch, kernels, &size)?;
    print_plan(options, &plan, &statement, &instance)
}

fn print_plan(
    options: &ProveOptions,
    plan: &Plan,
    statement: &str,
    instance: &PublicInstance,
) -> Result<(), Failure> {
    if options.json {
        return format::print_json(&json!({
            "schema": "tracelane.plan",
            "schema_version": 1,
            "total_num_cycles": instance.cycles,
            "num_vars": instance.num_vars,
            "statement": statement,
            "plan": plan.to_json(),
            "predicted_peak_memory_bytes": plan.peak_bytes(),
            "memory": plan.memory_json(),
        }));
    }
    let mut fields = vec![
        ("cycles", format::count(instance.cycles)),
        ("rows", format!("2^{} with padding", instance.num_vars)),
        ("statement", statement.to_owned()),
    ];
    fields.extend(plan.fields());
    format::print_fields(&fields)
}

/// The fast pass, with checkpoints to a file of the user's or to a scratch file.
fn execute(
    options: &ProveOptions,
    guest: &Guest<'_>,
) -> Result<(RunResult, CheckpointFile), Failure> {
    let identity = guest.identity(options.interval);
    let mut writer = match &options.checkpoints {
        Some(path) => CheckpointWriter::create(path, &identity, &guest.input)?,
        None => CheckpointWriter::scratch(&identity, &guest.input)?,
    };
    let mut text = Terminal::new(!options.json);
    let result = guest.run(options.interval, Some(&mut writer), &mut text)?;
    let written = text.close();
    if result.exit_code == 0 {
        written?;
    }
    Ok((result, writer.into_file()?))
}

fn share(part: Duration, whole: Duration) -> f64 {
    100.0 * part.as_secs_f64() / whole.as_secs_f64().max(1e-9)
}

/// What a proof came to.
struct Summary<'a> {
    options: &'a ProveOptions,
    guest: &'a Guest<'a>,
    result: &'a RunResult,
    file: &'a CheckpointFile,
    instance: &'a PublicInstance,
    statement: String,
    proof_bytes: usize,
    threads: usize,
    plan: &'a Plan,
    sweeps: u64,
    /// Percent of the time of `execute` and `prove` that went into executing and regenerating.
    witness_share: f64,
    /// Time of the sweeps without the accumulators.
    regenerate: Duration,
    phases: &'a Phases,
}

impl Summary<'_> {
    /// What there is to say behind the plan.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("exit code", self.result.exit_code.to_string()),
            (
                "output",
                format::count(self.result.output.len() as u64) + " bytes",
            ),
            ("checkpoints", format::count(self.file.count() as u64)),
            ("checkpoint bytes", format::bytes(self.file.file_bytes())),
            ("sweeps done", self.sweeps.to_string()),
            ("proof", format::count(self.proof_bytes as u64) + " bytes"),
        ];
        for (name, duration) in self.phases.iter() {
            fields.push((name, format::seconds(*duration)));
        }
        fields.push(("total", format::seconds(self.phases.total())));
        fields.push(("witness share", format!("{:.1} %", self.witness_share)));
        if let Some(peak) = memory_bytes("VmHWM:") {
            fields.push(("peak memory", format::bytes(peak)));
        }
        fields.push(("threads", self.threads.to_string()));
        fields.push(("verdict", "proof accepted".to_owned()));
        fields
    }

    fn report(&self) -> Value {
        let instance = self.instance;
        json!({
            "schema": "tracelane.prove",
            "schema_version": 1,
            "accepted": true,
            "total_num_cycles": self.result.cycles,
            "exit_code": self.result.exit_code,
            "output_bytes": self.result.output.len(),
            "output_digest": format::hex(&instance.output_digest),
            "program_digest": format::hex(&self.guest.program.digest()),
            "input_digest": format::hex(&instance.input_digest),
            "num_vars": instance.num_vars,
            "interval": self.options.interval,
            "checkpoints": self.file.count(),
            "checkpoint_bytes": self.file.file_bytes(),
            "statement": self.statement,
            "sweeps": self.sweeps,
            "proof_bytes": self.proof_bytes,
            "phases": self.phases.to_json(),
            "regeneration_duration": format::duration_json(self.regenerate),
            "witness_share_percent": self.witness_share,
            "plan": self.plan.to_json(),
            "peak_memory_bytes": memory_bytes("VmHWM:"),
            "predicted_peak_memory_bytes": self.plan.peak_bytes(),
            "memory": self.plan.memory_json(),
            "threads": self.threads,
        })
    }
}
