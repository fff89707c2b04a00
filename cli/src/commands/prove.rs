//! `prove`: runs a program, keeps checkpoints, proves a sum-check over regenerated columns, and
//! verifies what it proved.

use std::time::Duration;

use serde_json::{Value, json};
use tracelane::checkpoint::{CheckpointFile, CheckpointSource, CheckpointWriter};
use tracelane::oracle::{PolynomialOracle, StreamingOracle};
use tracelane::replay::Run;
use tracelane::sumcheck::{Proof, Statement, SumCheckProver, verify};
use tracelane::trace::columns::Column;
use tracelane::vm::RunResult;

use crate::args::ProveOptions;
use crate::failure::Failure;
use crate::guest::{Guest, Terminal, check_exit_code, save_output};
use crate::phase::{Phases, peak_memory_bytes};
use crate::progress::Progress;
use crate::proving::{Field, instance, kernels, pool, replay};
use crate::{files, format};

/// Tables of the rounds in memory: larger than the square root of short traces, because 8 MiB are
/// small beside what a process needs anyway, and each sweep they save is a whole execution.
const TABLE_BYTES_MIN: u64 = 8 << 20;

/// `tracelane prove`.
pub fn prove(options: &ProveOptions) -> Result<(), Failure> {
    let from = &options.guest;
    let pool = pool(&options.replay)?;
    let kernels = kernels(&options.kernels)?;
    let mut phases = Phases::default();
    let guest = phases.time("load", || {
        Guest::read(&from.elf, from.input.as_deref(), &from.limits)
    })?;
    let (result, file) = phases.time("execute", || execute(options, &guest))?;
    save_output(from.output.as_deref(), &result)?;
    check_exit_code(&result)?;

    let run = Run::new(&guest.program, &file)?;
    let progress = Progress::rows("proving");
    let report = |rows| progress.add(rows);
    let oracle = StreamingOracle::new(run, replay(&options.replay, &from.limits, &pool, &report))?;
    let columns: Vec<_> = options.product.iter().map(|column| column.id()).collect();
    let instance = instance(&guest, &result, oracle.num_vars());
    let prover = SumCheckProver::<Field>::for_statement(
        oracle.num_vars(),
        Statement::product(&columns, options.eq),
    )
    .with_instance(instance)
    .with_kernels(kernels)
    .with_memory_bytes(table_bytes(oracle.num_vars(), columns.len()));
    let proof = phases.time("prove", || prover.prove_actual(&oracle))?;
    let regenerate = oracle.replay_duration();
    let sweeps = oracle.sweeps();
    let accepted = phases.time("verify", || {
        verify(&proof, &instance, oracle.column_names())
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
        proof: &proof,
        proof_bytes: bytes.len(),
        threads: pool.current_num_threads(),
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
    let mut text = Terminal {
        stdout_is_guests: !options.json,
    };
    let result = guest.run(options.interval, Some(&mut writer), &mut text)?;
    Ok((result, writer.into_file()?))
}

/// Bytes for tables: about the square root of the rows, for each column one field element.
fn table_bytes(num_vars: usize, columns: usize) -> u64 {
    let row_bytes = (columns * size_of::<Field>()) as u64;
    (row_bytes << num_vars.div_ceil(2)).max(TABLE_BYTES_MIN)
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
    proof: &'a Proof<Field>,
    proof_bytes: usize,
    threads: usize,
    sweeps: u64,
    /// Percent of the time of `execute` and `prove` that went into executing and regenerating.
    witness_share: f64,
    /// Time of the sweeps without the accumulators.
    regenerate: Duration,
    phases: &'a Phases,
}

impl Summary<'_> {
    fn statement(&self) -> String {
        self.proof.batch.describe(Column::NAMES)
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let num_vars = self.proof.instance.num_vars;
        let mut fields = vec![
            ("exit code", self.result.exit_code.to_string()),
            ("cycles", format::count(self.result.cycles)),
            ("rows", format!("2^{num_vars} with padding")),
            (
                "output",
                format::count(self.result.output.len() as u64) + " bytes",
            ),
            ("checkpoints", format::count(self.file.count() as u64)),
            ("checkpoint bytes", format::bytes(self.file.file_bytes())),
            ("statement", self.statement()),
            ("sweeps", self.sweeps.to_string()),
            ("proof", format::count(self.proof_bytes as u64) + " bytes"),
        ];
        for (name, duration) in self.phases.iter() {
            fields.push((name, format::seconds(*duration)));
        }
        fields.push(("total", format::seconds(self.phases.total())));
        fields.push(("witness share", format!("{:.1} %", self.witness_share)));
        if let Some(peak) = peak_memory_bytes() {
            fields.push(("peak memory", format::bytes(peak)));
        }
        fields.push(("threads", self.threads.to_string()));
        fields.push(("verdict", "proof accepted".to_owned()));
        fields
    }

    fn report(&self) -> Value {
        let instance = &self.proof.instance;
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
            "statement": self.statement(),
            "sweeps": self.sweeps,
            "proof_bytes": self.proof_bytes,
            "phases": self.phases.to_json(),
            "regeneration_duration": format::duration_json(self.regenerate),
            "witness_share_percent": self.witness_share,
            "peak_memory_bytes": peak_memory_bytes(),
            "threads": self.threads,
        })
    }
}
