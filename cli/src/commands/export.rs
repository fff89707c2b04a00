//! `export`: witness rows of any part of a run, into a file that data tools read.
//!
//! The file is published when it is complete; rows pass through one batch at a time.

use serde_json::json;
use tracelane::checkpoint::CheckpointSource;
use tracelane::replay::Run;
use tracelane::trace::columns::Column;

use crate::args::ExportOptions;
use crate::commands::inspect::open;
use crate::failure::Failure;
use crate::{files, format, interrupt};

#[cfg(feature = "arrow")]
mod arrow;

/// `tracelane export`.
pub fn export(options: &ExportOptions) -> Result<(), Failure> {
    interrupt::at_once();
    let program = files::program(&options.elf)?;
    let file = open(&options.file, options.input.as_deref())?;
    let run = Run::new(&program, &file)?;
    let end = match options.range.end {
        u64::MAX => run.rows(),
        end => end,
    };
    let wanted = match options.columns.is_empty() {
        true => Column::RAW,
        false => &options.columns,
    };
    let mut columns = vec![Column::Pc];
    for column in wanted {
        // A name stands for one column in most tools, so it is written once.
        if !columns.contains(column) {
            columns.push(*column);
        }
    }
    interrupt::in_order();
    let batches = write(&run, options, options.range.start..end, &columns)?;
    let rows = end - options.range.start;
    let names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
    if options.json {
        format::print_json(&json!({
            "schema": "tracelane.export",
            "schema_version": 1,
            "file": options.out,
            "range": [options.range.start, end],
            "rows": rows,
            "batches": batches,
            "columns": names,
            "program_digest": format::hex(&file.identity().program_digest),
            "input_digest": format::hex(&file.identity().input_digest),
        }))
    } else {
        format::print_fields(&[
            ("rows", format::count(rows)),
            ("batches", format::count(batches)),
            ("columns", format!("cycle, {}", names.join(", "))),
            ("file", options.out.display().to_string()),
        ])
    }
}

#[cfg(feature = "arrow")]
use arrow::write;

#[cfg(not(feature = "arrow"))]
fn write(
    _run: &Run<'_>,
    options: &ExportOptions,
    _rows: std::ops::Range<u64>,
    _columns: &[Column],
) -> Result<u64, Failure> {
    let format = options.format;
    Err(Failure::Arguments(format!(
        "this build can't write {format:?} files; build it with the feature of that name"
    )))
}
