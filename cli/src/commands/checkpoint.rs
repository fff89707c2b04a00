//! `checkpoint`: runs a program and keeps its checkpoints in a file.

use std::time::Instant;

use serde_json::json;
use tracelane::checkpoint::CheckpointWriter;
use tracelane::vm::RunResult;

use crate::args::CheckpointOptions;
use crate::commands::inspect;
use crate::failure::Failure;
use crate::format;
use crate::guest::{Guest, check_exit_code, save_output};
use crate::terminal::Terminal;

/// `tracelane checkpoint`. A guest that ends with a non-zero code is a complete run: its
/// checkpoints are kept, and the exit code says that it failed.
pub fn checkpoint(options: &CheckpointOptions) -> Result<(), Failure> {
    let from = &options.guest;
    let guest = Guest::read(&from.elf, from.input.as_deref(), &from.limits)?;
    let guest = guest.with_threads(options.threads);
    let start = Instant::now();
    let (result, writer, resumed_cycle) = write(options, &guest)?;
    let duration = start.elapsed();
    save_output(from.output.as_deref(), &result)?;
    let file = writer.into_file()?;
    if options.json {
        let mut report = inspect::report(&file);
        report["schema"] = "tracelane.checkpoint".into();
        report["execution_duration"] = format::duration_json(duration);
        report["resumed_cycle"] = json!(resumed_cycle);
        report["file"] = json!(options.out);
        format::print_json(&report)?;
    } else {
        let mut fields = inspect::fields(&file);
        if options.resume {
            fields.push((
                "resumed at",
                format!("cycle {}", format::count(resumed_cycle)),
            ));
        }
        fields.push(("time", format::seconds(duration)));
        fields.push((
            "speed",
            format::speed(result.cycles - resumed_cycle, duration),
        ));
        format::print_fields(&fields)?;
    }
    check_exit_code(&result)
}

/// Runs the guest into a file: the result, the finished file, and the cycle the run began at.
fn write(
    options: &CheckpointOptions,
    guest: &Guest<'_>,
) -> Result<(RunResult, CheckpointWriter, u64), Failure> {
    let (path, interval) = (&options.out, options.interval);
    let mut text = Terminal::new(false);
    if let Some(budget_bytes) = options.checkpoint_budget {
        let (result, writer) = guest.run_within(budget_bytes, path, &mut text)?;
        return Ok((result, writer, 0));
    }
    let identity = guest.identity(interval);
    if options.resume {
        let (mut writer, prefix) = CheckpointWriter::resume(path, &identity, &guest.input)?;
        if let Some(prefix) = prefix {
            let cycle = prefix.state().cycle;
            let result = guest.resume(interval, prefix, &mut writer, &mut text)?;
            return Ok((result, writer, cycle));
        }
        let result = guest.run(interval, Some(&mut writer), &mut text)?;
        return Ok((result, writer, 0));
    }
    let mut writer = CheckpointWriter::create(path, &identity, &guest.input)?;
    let result = guest.run(interval, Some(&mut writer), &mut text)?;
    Ok((result, writer, 0))
}
