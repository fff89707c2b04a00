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
    let mut writer = CheckpointWriter::create(&options.out, &identity, &guest.input)?;
    let start = Instant::now();
    let mut text = Terminal {
        stdout_is_guests: false,
    };
    let result = guest.run(options.interval, Some(&mut writer), &mut text)?;
    let duration = start.elapsed();
    save_output(from.output.as_deref(), &result)?;
    let file = writer.into_file()?;
    if options.json {
        let mut report = inspect::report(&file);
        report["schema"] = "tracelane.checkpoint".into();
        report["execution_duration"] = format::duration_json(duration);
        report["file"] = json!(options.out);
        format::print_json(&report)?;
    } else {
        let mut fields = inspect::fields(&file);
        fields.push(("time", format::seconds(duration)));
        fields.push(("speed", format::speed(result.cycles, duration)));
        format::print_fields(&fields)?;
    }
    check_exit_code(&result)
}
