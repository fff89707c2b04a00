//! `inspect`: verifies a checkpoint file from its first byte to its last, and describes it.

use std::path::Path;

use serde_json::{Value, json};
use tracelane::checkpoint::{CheckpointFile, CheckpointSource};
use tracelane::limits::PAGE_BYTES;

use crate::args::InspectOptions;
use crate::failure::Failure;
use crate::{files, format};

/// `tracelane inspect`.
pub fn inspect(options: &InspectOptions) -> Result<(), Failure> {
    let file = open(&options.file, None)?;
    if options.json {
        format::print_json(&report(&file))
    } else {
        format::print_fields(&fields(&file))
    }
}

/// The verified checkpoint file at `path`; it must carry the input at `input`, where one is given.
pub fn open(path: &Path, input: Option<&Path>) -> Result<CheckpointFile, Failure> {
    let file = CheckpointFile::open(path)?;
    if let Some(input) = input
        && files::read(input)? != file.input()
    {
        return Err(Failure::Rejected(format!(
            "{} was made with another input than {}; leave --input out to use its own",
            path.display(),
            input.display()
        )));
    }
    Ok(file)
}

/// What a person wants to know of a checkpoint file.
pub fn fields(file: &CheckpointFile) -> Vec<(&'static str, String)> {
    let (identity, summary) = (file.identity(), file.summary());
    let pages = page_count(file);
    vec![
        ("cycles", format::count(summary.cycles)),
        ("exit code", summary.exit_code.to_string()),
        ("output", format::count(summary.output_bytes) + " bytes"),
        ("interval", format::count(identity.interval) + " cycles"),
        ("checkpoints", format::count(file.count() as u64)),
        (
            "stored pages",
            format!("{} of {PAGE_BYTES} bytes", format::count(pages)),
        ),
        ("file", format::bytes(file.file_bytes())),
        ("program", format::hex(&identity.program_digest)),
        ("input", format::hex(&identity.input_digest)),
    ]
}

/// The same for scripts.
pub fn report(file: &CheckpointFile) -> Value {
    let (identity, summary) = (file.identity(), file.summary());
    json!({
        "schema": "tracelane.inspect",
        "schema_version": 1,
        "total_num_cycles": summary.cycles,
        "exit_code": summary.exit_code,
        "output_bytes": summary.output_bytes,
        "output_digest": format::hex(&summary.output_digest),
        "text_bytes": summary.text_bytes,
        "interval": identity.interval,
        "checkpoints": file.count(),
        "stored_pages": page_count(file),
        "file_bytes": file.file_bytes(),
        "program_digest": format::hex(&identity.program_digest),
        "input_digest": format::hex(&identity.input_digest),
        "input_bytes": file.input().len(),
    })
}

fn page_count(file: &CheckpointFile) -> u64 {
    (0..file.count())
        .map(|index| file.changed_pages(index) as u64)
        .sum()
}
