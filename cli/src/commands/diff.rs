//! `diff`: the first cycle in which two runs differ, and the rows of both around it.

use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;

use serde_json::{Map, Value, json};
use tracelane::Program;
use tracelane::checkpoint::CheckpointFile;
use tracelane::replay::divergence::{Comparison, Divergence, Scope};
use tracelane::replay::{ReplayOptions, Run, first_divergence, replay_rows};
use tracelane::trace::columns::{Column, ColumnSet};

use crate::args::DiffOptions;
use crate::commands::inspect::open;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::{files, format, interrupt, proving};

/// What is shown of a row: pc, then every raw column but its place in the table.
const SHOWN: [Column; 9] = [
    Column::Pc,
    Column::Rs1Value,
    Column::Rs2Value,
    Column::RdBefore,
    Column::RdAfter,
    Column::MemoryAddress,
    Column::MemoryBefore,
    Column::MemoryAfter,
    Column::NextPc,
];

/// `tracelane diff`.
pub fn diff(options: &DiffOptions) -> Result<(), Failure> {
    interrupt::at_once();
    let (a, b) = (options.elf_a.as_deref(), options.elf_b.as_deref());
    let one = options.elf.as_deref();
    let missing = || Failure::Arguments("give --elf, or --elf-a and --elf-b".to_owned());
    let a = Side::open(&options.a, a.or(one).ok_or_else(missing)?)?;
    let b = Side::open(&options.b, b.or(one).ok_or_else(missing)?)?;
    let runs = [a.run()?, b.run()?];
    let pool = proving::pool(&options.replay)?;
    let progress = Progress::rows("comparing");
    let add = |rows| progress.add(rows);
    let replay = ReplayOptions {
        chunk_rows: options.replay.chunk_rows as usize,
        pool: Some(&pool),
        progress: Some(&add),
        ..ReplayOptions::default()
    };
    let scope = match options.lasting {
        true => Scope::Lasting,
        false => Scope::First,
    };
    let comparison = first_divergence(&runs[0], &runs[1], &replay, scope)?;
    let rows = Rows::around(&runs, &comparison, options.context)?;
    // Its line would stand in the middle of the result.
    drop(progress);
    if options.json {
        format::print_json(&report(&runs, &comparison, scope, &rows))
    } else {
        let mut out = BufWriter::new(std::io::stdout().lock());
        let printed =
            summary(&mut out, &runs, &comparison).and_then(|()| rows.print(&mut out, &runs));
        printed.and_then(|()| out.flush()).map_err(Failure::Output)
    }
}

/// One run's file and program.
struct Side {
    program: Program,
    file: CheckpointFile,
}

impl Side {
    fn open(file: &Path, elf: &Path) -> Result<Self, Failure> {
        let program = files::program(elf)?;
        let file = open(file, None)?;
        Ok(Self { program, file })
    }

    fn run(&self) -> Result<Run<'_>, Failure> {
        Ok(Run::new(&self.program, &self.file)?)
    }
}

/// One row's shown columns.
type Row = [u32; SHOWN.len()];

/// The rows of both runs around where they part; none where they do not.
struct Rows {
    first: u64,
    rows: [Vec<Row>; 2],
}

impl Rows {
    fn around(runs: &[Run<'_>; 2], comparison: &Comparison, context: u64) -> Result<Self, Failure> {
        let cycle = match comparison.divergence {
            Divergence::None => None,
            Divergence::Row { cycle, .. } | Divergence::End { cycle } => Some(cycle),
        };
        let range = cycle.map_or(0..0, |cycle| {
            cycle.saturating_sub(context)..cycle.saturating_add(context).saturating_add(1)
        });
        let [a, b] = runs;
        Ok(Self {
            first: range.start,
            rows: [rows(a, range.clone())?, rows(b, range)?],
        })
    }

    /// Cycle and rows, of which a run that has ended has none.
    fn pairs(&self) -> impl Iterator<Item = (u64, [Option<&Row>; 2])> {
        let [a, b] = &self.rows;
        let pairs = (0..a.len().max(b.len())).map(|index| [a.get(index), b.get(index)]);
        (self.first..).zip(pairs)
    }

    fn print(&self, out: &mut impl Write, runs: &[Run<'_>; 2]) -> std::io::Result<()> {
        if self.rows.iter().all(Vec::is_empty) {
            return Ok(());
        }
        write!(out, "\n{:>12}    ", "cycle")?;
        for column in SHOWN {
            write!(out, "{:>14} ", column.name())?;
        }
        writeln!(out, "  instruction")?;
        for (cycle, pair) in self.pairs() {
            if pair[0] == pair[1] {
                line(out, cycle, "=", pair[0], None, &runs[0])?;
                continue;
            }
            line(out, cycle, "A", pair[0], pair[1], &runs[0])?;
            line(out, cycle, "B", pair[1], pair[0], &runs[1])?;
        }
        Ok(())
    }

    fn report(&self, runs: &[Run<'_>; 2]) -> Vec<Value> {
        let side = |row: Option<&Row>, run: &Run<'_>| {
            row.map(|row| {
                let values = SHOWN.iter().zip(row);
                let mut object: Map<String, Value> = values
                    .map(|(column, value)| (column.name().to_owned(), (*value).into()))
                    .collect();
                object.insert(
                    "instruction".to_owned(),
                    run.program().disassemble(row[0]).into(),
                );
                Value::Object(object)
            })
        };
        let report = |(cycle, pair): (u64, [Option<&Row>; 2])| {
            json!({
                "cycle": cycle,
                "equal": pair[0] == pair[1],
                "a": side(pair[0], &runs[0]),
                "b": side(pair[1], &runs[1]),
            })
        };
        self.pairs().map(report).collect()
    }
}

/// The rows of `run` in `range`, as far as there are any.
fn rows(run: &Run<'_>, range: Range<u64>) -> Result<Vec<Row>, Failure> {
    let range = range.start.min(run.rows())..range.end.min(run.rows());
    let set: ColumnSet = SHOWN.iter().map(|column| column.id()).collect();
    let mut rows = Vec::new();
    replay_rows(run, &ReplayOptions::default(), range, set, &mut |view| {
        rows.extend(
            (0..view.rows()).map(|offset| SHOWN.map(|column| view.column(column.id())[offset])),
        );
    })?;
    Ok(rows)
}

/// One run's row; values that the other has not are marked.
fn line(
    out: &mut impl Write,
    cycle: u64,
    name: &str,
    row: Option<&Row>,
    other: Option<&Row>,
    run: &Run<'_>,
) -> std::io::Result<()> {
    write!(out, "{cycle:>12} {name}  ")?;
    let Some(row) = row else {
        return writeln!(out, "  (ended)");
    };
    for (index, value) in row.iter().enumerate() {
        let differs = other.is_some_and(|other| other[index] != *value);
        let mark = if differs { '*' } else { ' ' };
        write!(out, "{:>14}{mark}", format!("{value:#010x}"))?;
    }
    writeln!(out, "  {}", run.program().disassemble(row[0]))
}

fn names(columns: ColumnSet) -> Vec<&'static str> {
    columns.iter().map(|id| Column::NAMES[id.index()]).collect()
}

fn summary(
    out: &mut impl Write,
    runs: &[Run<'_>; 2],
    comparison: &Comparison,
) -> std::io::Result<()> {
    let [a, b] = runs.map(|run| format::count(run.rows()));
    if comparison.first_row > 0 {
        let cycle = format::count(comparison.first_row);
        writeln!(
            out,
            "both runs are in one state at the checkpoint of cycle {cycle}"
        )?;
    }
    match comparison.divergence {
        Divergence::None if comparison.first_row > 0 => writeln!(out, "equal from there on")?,
        Divergence::None => writeln!(out, "equal: all {a} rows")?,
        Divergence::Row { cycle, columns } => {
            let (cycle, names) = (format::count(cycle), names(columns).join(", "));
            writeln!(
                out,
                "first different row: cycle {cycle} of {a} in A, {b} in B"
            )?;
            writeln!(out, "different columns:   {names}")?;
        }
        Divergence::End { cycle } => {
            let shorter = if runs[0].rows() == cycle { "A" } else { "B" };
            let cycle = format::count(cycle);
            writeln!(
                out,
                "equal until {shorter} ends behind {cycle} rows; A has {a}, B {b}"
            )?;
        }
    }
    if let Some(cycle) = comparison.checkpoint_cycle {
        let cycle = format::count(cycle);
        writeln!(out, "first different common checkpoint: cycle {cycle}")?;
    }
    Ok(())
}

fn report(runs: &[Run<'_>; 2], comparison: &Comparison, scope: Scope, rows: &Rows) -> Value {
    let (cycle, columns, ended) = match comparison.divergence {
        Divergence::None => (None, Vec::new(), None),
        Divergence::Row { cycle, columns } => (Some(cycle), names(columns), None),
        Divergence::End { cycle } => {
            let shorter = if runs[0].rows() == cycle { "a" } else { "b" };
            (Some(cycle), Vec::new(), Some(shorter))
        }
    };
    let side = |run: &Run<'_>| {
        let identity = run.checkpoints().identity();
        json!({
            "total_num_cycles": run.rows(),
            "program_digest": format::hex(&identity.program_digest),
            "input_digest": format::hex(&identity.input_digest),
            "interval": identity.interval,
        })
    };
    json!({
        "schema": "tracelane.diff",
        "schema_version": 1,
        "scope": match scope { Scope::First => "first", Scope::Lasting => "lasting" },
        "equal": comparison.divergence == Divergence::None,
        "cycle": cycle,
        "columns": columns,
        "ended": ended,
        "first_row": comparison.first_row,
        "checkpoint_cycle": comparison.checkpoint_cycle,
        "a": side(&runs[0]),
        "b": side(&runs[1]),
        "rows": rows.report(runs),
    })
}
