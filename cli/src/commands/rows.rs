//! `rows`: witness rows of any part of a run, regenerated and printed.

use std::io::{BufWriter, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use tracelane::replay::{ReplayError, ReplayOptions, Run, replay_rows};
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane::trace::view::ChunkView;

use crate::args::{RowFormat, RowsOptions};
use crate::commands::inspect::open;
use crate::failure::Failure;
use crate::{files, interrupt};

/// `tracelane rows`.
pub fn rows(options: &RowsOptions) -> Result<(), Failure> {
    interrupt::at_once();
    let program = files::program(&options.elf)?;
    let file = open(&options.file, options.input.as_deref())?;
    let run = Run::new(&program, &file)?;
    let end = if options.range.end == u64::MAX {
        run.rows()
    } else {
        options.range.end
    };
    let columns = if options.columns.is_empty() {
        Column::RAW
    } else {
        &options.columns
    };
    let format = if options.json {
        RowFormat::Json
    } else {
        options.format
    };
    let set = columns
        .iter()
        .map(|column| column.id())
        .collect::<ColumnSet>();
    // Raised where going on is of no use: after Ctrl-C, or when nobody reads any more.
    let stop = AtomicBool::new(false);
    let replay = ReplayOptions {
        chunk_rows: options.chunk_rows as usize,
        cancel: Some(&stop),
        ..Default::default()
    };

    let mut printer = Printer {
        out: BufWriter::new(std::io::stdout().lock()),
        columns,
        format,
        begun: false,
        any: false,
    };
    let mut printed = Ok(());
    let wanted = set.with(Column::Pc.id());
    let range = options.range.start..end;
    let replayed = replay_rows(&run, &replay, range, wanted, &mut |view| {
        // Rows are printed whole from here on.
        interrupt::in_order();
        printed = printer.rows(view);
        let useless = printed.is_err() || interrupt::flag().load(Ordering::Relaxed);
        stop.store(useless, Ordering::Relaxed);
    });
    match (printed, replayed) {
        (Err(error), Ok(()) | Err(ReplayError::Cancelled)) => Err(Failure::Output(error)),
        (_, replayed) => {
            replayed?;
            printer.tail().map_err(Failure::Output)
        }
    }
}

/// Prints rows in one of the formats.
struct Printer<'a, W: Write> {
    out: W,
    columns: &'a [Column],
    format: RowFormat,
    /// Whether the head was printed: not before there is something to print below it.
    begun: bool,
    /// Whether a row was printed.
    any: bool,
}

impl<W: Write> Printer<'_, W> {
    fn rows(&mut self, view: &ChunkView<'_>) -> std::io::Result<()> {
        self.head()?;
        (0..view.rows()).try_for_each(|offset| self.row(view, offset))
    }

    fn head(&mut self) -> std::io::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        let names = ["cycle", "pc"]
            .into_iter()
            .chain(self.columns.iter().map(|c| c.name()));
        match self.format {
            RowFormat::Csv => writeln!(self.out, "{}", names.collect::<Vec<_>>().join(",")),
            RowFormat::Json => write!(self.out, "["),
            RowFormat::Table => {
                for name in names {
                    let width = width(name);
                    write!(self.out, "{name:>width$} ")?;
                }
                writeln!(self.out)
            }
        }
    }

    fn row(&mut self, view: &ChunkView<'_>, offset: usize) -> std::io::Result<()> {
        let cycle = view.first_row() + offset as u64;
        let pc = view.column(Column::Pc.id())[offset];
        let values = self
            .columns
            .iter()
            .map(|column| view.column(column.id())[offset]);
        match self.format {
            RowFormat::Csv => {
                write!(self.out, "{cycle},{pc}")?;
                for value in values {
                    write!(self.out, ",{value}")?;
                }
                writeln!(self.out)
            }
            RowFormat::Json => {
                let separator = if self.any { ",\n " } else { "\n " };
                self.any = true;
                write!(self.out, "{separator}{{\"cycle\":{cycle},\"pc\":{pc}")?;
                for (column, value) in self.columns.iter().zip(values) {
                    write!(self.out, ",\"{}\":{value}", column.name())?;
                }
                write!(self.out, "}}")
            }
            RowFormat::Table => {
                write!(self.out, "{cycle:>12} {pc:#010x} ")?;
                for (column, value) in self.columns.iter().zip(values) {
                    let width = width(column.name());
                    write!(self.out, "{:>width$} ", format!("{value:#010x}"))?;
                }
                writeln!(self.out)
            }
        }
    }

    fn tail(&mut self) -> std::io::Result<()> {
        self.head()?;
        if self.format == RowFormat::Json {
            writeln!(self.out, "\n]")?;
        }
        self.out.flush()
    }
}

/// Characters of a table column.
fn width(name: &str) -> usize {
    if name == "cycle" {
        12
    } else {
        name.len().max(10)
    }
}
