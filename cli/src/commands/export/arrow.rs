//! Arrow: rows as an Arrow IPC file, a record batch at a time.
//!
//! In: a run, a range, columns. Out: the number of batches. `cycle` is a u64, every other column a
//! u32 under its name; the schema carries what the rows are of.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::{ArrayRef, RecordBatch, UInt32Array, UInt64Array};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use tracelane::replay::{ReplayError, ReplayOptions, Run, replay_rows};
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane::trace::view::ChunkView;

use crate::args::ExportOptions;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::{files, format, interrupt};

/// Writes `rows` of `run`, these columns of them, to the file that the options name.
pub fn write(
    run: &Run<'_>,
    options: &ExportOptions,
    rows: Range<u64>,
    columns: &[Column],
) -> Result<u64, Failure> {
    let schema = Arc::new(schema(run, &rows, columns));
    let failed = |error| Failure::file(&options.out, "write")(io_error(error));
    files::write_with(&options.out, |file| {
        let out = BufWriter::new(file);
        let mut writer = FileWriter::try_new(out, &schema).map_err(failed)?;
        let batches = batches(run, options, rows, columns, &mut writer, &schema)?;
        writer.finish().map_err(failed)?;
        Ok(batches)
    })
}

fn batches(
    run: &Run<'_>,
    options: &ExportOptions,
    rows: Range<u64>,
    columns: &[Column],
    writer: &mut FileWriter<BufWriter<&File>>,
    schema: &Arc<Schema>,
) -> Result<u64, Failure> {
    let progress = Progress::rows("exporting");
    // Raised where going on is of no use: after Ctrl-C, or an error of the file.
    let stop = AtomicBool::new(false);
    let add = |rows| {
        progress.add(rows);
        stop.fetch_or(interrupt::flag().load(Ordering::Relaxed), Ordering::Relaxed);
    };
    let replay = ReplayOptions {
        chunk_rows: options.batch_rows as usize,
        cancel: Some(&stop),
        progress: Some(&add),
        ..ReplayOptions::default()
    };
    let set: ColumnSet = columns.iter().map(|column| column.id()).collect();
    let (mut written, mut batches) = (Ok(()), 0);
    let replayed = replay_rows(run, &replay, rows, set, &mut |view| {
        written = batch(view, columns, schema).and_then(|batch| writer.write(&batch));
        stop.fetch_or(written.is_err(), Ordering::Relaxed);
        batches += 1;
    });
    match (written, replayed) {
        (Err(error), Ok(()) | Err(ReplayError::Cancelled)) => {
            Err(Failure::file(&options.out, "write")(io_error(error)))
        }
        (_, replayed) => {
            replayed?;
            Ok(batches)
        }
    }
}

fn schema(run: &Run<'_>, rows: &Range<u64>, columns: &[Column]) -> Schema {
    let identity = run.checkpoints().identity();
    let metadata = [
        (
            "tracelane.program_digest",
            format::hex(&identity.program_digest),
        ),
        (
            "tracelane.input_digest",
            format::hex(&identity.input_digest),
        ),
        ("tracelane.range", format!("{}..{}", rows.start, rows.end)),
    ];
    let metadata = metadata.map(|(name, value)| (name.to_owned(), value));
    let values = columns
        .iter()
        .map(|column| Field::new(column.name(), DataType::UInt32, false));
    let fields: Vec<Field> = [Field::new("cycle", DataType::UInt64, false)]
        .into_iter()
        .chain(values)
        .collect();
    Schema::new(fields).with_metadata(HashMap::from(metadata))
}

fn batch(
    view: &ChunkView<'_>,
    columns: &[Column],
    schema: &Arc<Schema>,
) -> Result<RecordBatch, ArrowError> {
    let end = view.first_row() + view.rows() as u64;
    let cycles: ArrayRef = Arc::new(UInt64Array::from_iter_values(view.first_row()..end));
    let values = columns.iter().map(|column| -> ArrayRef {
        Arc::new(UInt32Array::from(view.column(column.id()).to_vec()))
    });
    RecordBatch::try_new(schema.clone(), [cycles].into_iter().chain(values).collect())
}

fn io_error(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        error => io::Error::other(error),
    }
}
