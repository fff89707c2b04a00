//! `checkpoint`: runs a program and keeps its checkpoints in a file.

use std::time::Instant;

use serde_json::json;
use tracelane::checkpoint::CheckpointWriter;

use crate::args::CheckpointOptions;
use crate::commands::inspect;
use crate::failure::Failure;
use crate::format;
use crate::guest::{Guest, Terminal, check_exit_code, save_output};

/// `tracelane checkpoint`. A guest that ends with a non-zero code is a complete run: its
/// checkpoints are kept, and the exit code says that it failed.
pub fn checkpoint(options: &CheckpointOptions) -> Result<(), Failure> {
    let from = &options.guest;
    let guest = Guest::read(&from.elf, from.input.as_deref(), &from.limits)?;
    let identity = guest.identity(options.interval);
    let (mut writer, prefix) = if options.resume {
        CheckpointWriter::resume(&options.out, &identity, &guest.input)?
    } else {
        let writer = CheckpointWriter::create(&options.out, &identity, &guest.input)?;
        (writer, None)
    };
    let start = Instant::now();
    let mut text = Terminal {
        stdout_is_guests: false,
    };
    let resumed_cycle = prefix.as_ref().map_or(0, |prefix| prefix.state().cycle);
    let result = match prefix {
        Some(prefix) => guest.resume(options.interval, prefix, &mut writer, &mut text)?,
        None => guest.run(options.interval, Some(&mut writer), &mut text)?,
    };
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
