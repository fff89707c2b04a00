//! `verify`: checks that a proof is one of what it was asked for, by running its program again and
//! settling the proof's claims over regenerated columns.
//!
//! There is no commitment yet, so the verifier has to have the program and the input.

use serde_json::json;
use tracelane::checkpoint::CheckpointWriter;
use tracelane::limits::INTERVAL_CYCLES;
use tracelane::oracle::{PolynomialOracle, StreamingOracle};
use tracelane::replay::Run;
use tracelane::sumcheck::{Batch, Proof, VerifyError, verify as verify_rounds};
use tracelane::trace::columns::Column;
use tracelane::vm::DiscardText;

use crate::args::{LimitOptions, VerifyOptions};
use crate::failure::Failure;
use crate::guest::Guest;
use crate::phase::Phases;
use crate::planning::batch;
use crate::progress::Progress;
use crate::proving::{Field, instance, kernels, pool, replay};
use crate::{files, format};

/// `tracelane verify`.
pub fn verify(options: &VerifyOptions) -> Result<(), Failure> {
    let rejected =
        |why: String| Failure::Rejected(format!("{}: rejected: {why}", options.proof.display()));
    let bytes = files::read(&options.proof)?;
    let proof = Proof::<Field>::from_bytes(&bytes).map_err(|error| rejected(error.to_string()))?;
    let batch = batch(&options.claims)?;
    check_statement(&proof, &batch).map_err(rejected)?;
    // A longer run contradicts the proof: no need to follow it.
    let max_cycles = options.limits.max_cycles.min(proof.instance.cycles);
    let limits = LimitOptions {
        max_cycles,
        ..options.limits
    };
    let pool = pool(&options.replay)?;
    let kernels = kernels(&options.kernels)?;
    let mut phases = Phases::default();
    let guest = phases.time("load", || {
        Guest::read(&options.elf, options.input.as_deref(), &limits)
    })?;
    let guest = guest.with_threads(options.replay.threads);
    check_files(&proof, &guest).map_err(rejected)?;

    let mut writer = CheckpointWriter::scratch(&guest.identity(INTERVAL_CYCLES), &guest.input)?;
    let outcome = phases.time("execute", || {
        guest.run(INTERVAL_CYCLES, Some(&mut writer), &mut DiscardText)
    });
    let result = outcome.map_err(|error| match error {
        Failure::Guest(fault) => rejected(format!("the run it is about does not end: {fault}")),
        other => other,
    })?;
    let file = writer.into_file()?;
    let run = Run::new(&guest.program, &file)?;
    let progress = Progress::rows("verifying");
    let report = |rows| progress.add(rows);
    let oracle = StreamingOracle::new(
        run,
        replay(&options.replay, &kernels, &limits, &pool, &report),
    )?;
    let instance = instance(&guest, &result, oracle.num_vars());
    let verified = phases.time("verify", || {
        verify_rounds(&proof, &instance, &batch, oracle.column_names())?.check(&oracle, kernels)
    });
    drop(progress);
    let verified = verified.map_err(|error| match error {
        VerifyError::Oracle(error) => error.into(),
        error => rejected(error.to_string()),
    })?;

    let statement = verified.batch().describe(Column::NAMES);
    let sums = verified.claimed_sums().iter().map(ToString::to_string);
    let (sums, total) = (sums.collect::<Vec<_>>(), phases.total());
    if options.json {
        return format::print_json(&json!({
            "schema": "tracelane.verify",
            "schema_version": 1,
            "accepted": true,
            "total_num_cycles": result.cycles,
            "exit_code": result.exit_code,
            "statement": statement,
            "claimed_sums": sums,
            "program_digest": format::hex(&instance.program_digest),
            "input_digest": format::hex(&instance.input_digest),
            "output_digest": format::hex(&instance.output_digest),
            "phases": phases.to_json(),
        }));
    }
    format::print_fields(&[
        ("cycles", format::count(result.cycles)),
        ("exit code", result.exit_code.to_string()),
        ("output digest", format::hex(&instance.output_digest)),
        ("statement", statement),
        ("sum", sums.join("; ")),
        ("total", format::seconds(total)),
        ("verdict", "proof accepted".to_owned()),
    ])
}

/// Refuses a proof of something else than was asked for.
fn check_statement(proof: &Proof<Field>, expected: &Batch) -> Result<(), String> {
    let actual = proof.batch.decode().map_err(|error| error.to_string())?;
    if actual == *expected {
        return Ok(());
    }
    let describe = |batch: &Batch| {
        let opened = batch.extra.iter().map(|id| Column::NAMES.get(id.index()));
        let opened: Vec<&str> = opened.map(|name| name.unwrap_or(&"?")).copied().collect();
        let statement = batch.describe(Column::NAMES);
        match opened.as_slice() {
            [] => format!("`{statement}`"),
            names => format!("`{statement}`, opening {}", names.join(",")),
        }
    };
    Err(format!(
        "it proves {}, and {} was asked for; say with --product, --eq, --next and --open what it must prove",
        describe(&actual),
        describe(expected)
    ))
}

/// Refuses another program or input before anything is run.
fn check_files(proof: &Proof<Field>, guest: &Guest<'_>) -> Result<(), String> {
    if proof.instance.program_digest != guest.program.digest() {
        return Err("it is about another program; give the ELF it was made with".to_owned());
    }
    if proof.instance.input_digest != guest.input_digest() {
        return Err("it is about another input; give it with --input".to_owned());
    }
    Ok(())
}
