//! `inspect`: verifies a checkpoint file from its first byte to its last, and describes it:
//! what the run came to, and which memory it changed.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;

use serde_json::{Value, json};
use tracelane::Program;
use tracelane::checkpoint::{CheckpointFile, CheckpointSource};
use tracelane::limits::PAGE_BYTES;
use tracelane::replay::Run;
use tracelane::replay::changes::for_each_checkpoint;

use crate::args::InspectOptions;
use crate::failure::Failure;
use crate::places::{self, ChangedRange};
use crate::{files, format, interrupt};

/// Ranges and pages of the default summary.
const HOTTEST_MAX: usize = 10;

/// Ranges on a checkpoint's line.
const LINE_RANGES_MAX: usize = 4;

/// `tracelane inspect`.
pub fn inspect(options: &InspectOptions) -> Result<(), Failure> {
    interrupt::at_once();
    let program = options.elf.as_deref().map(files::program).transpose()?;
    let file = open(&options.file, None)?;
    if let Some(program) = &program {
        Run::new(program, &file)?;
    }
    let count = file.count() as u64;
    let listed = options.checkpoints.clone().unwrap_or(0..0);
    let listed = match listed.end {
        u64::MAX => listed.start..count.max(listed.start),
        _ => listed,
    };
    if listed.end > count {
        return Err(Failure::Arguments(format!(
            "checkpoints {}..{} asked for, there are {count}",
            listed.start, listed.end
        )));
    }
    let changes = Changes::read(&file, program.as_ref(), &listed)?;
    if options.json {
        let mut report = report(&file);
        changes.report(&mut report, program.as_ref());
        format::print_json(&report)
    } else {
        format::print_fields(&fields(&file))?;
        let mut out = BufWriter::new(std::io::stdout().lock());
        changes
            .print(&mut out, program.as_ref())
            .map_err(Failure::Output)
    }
}

/// What changed where.
struct Changes {
    /// For each page that ever changed: versions, and changed bytes where they are counted.
    pages: BTreeMap<u32, (u64, Option<u64>)>,
    /// The checkpoints asked for.
    listed: Vec<Listed>,
}

/// One checkpoint, and what changed since the one before.
struct Listed {
    checkpoint: usize,
    cycle: u64,
    page_count: u64,
    bytes: Option<u64>,
    ranges: Vec<ChangedRange>,
}

impl Changes {
    fn read(
        file: &CheckpointFile,
        program: Option<&Program>,
        listed: &Range<u64>,
    ) -> Result<Self, Failure> {
        let mut changes = Self {
            pages: BTreeMap::new(),
            listed: Vec::new(),
        };
        let none = program.map(|_| 0);
        for_each_checkpoint(file, program, &mut |checkpoint, pages| {
            for page in pages {
                let (versions, bytes) = changes.pages.entry(page.page_index).or_insert((0, none));
                *versions += 1;
                *bytes = added(*bytes, page.changed_bytes.map(u64::from));
            }
            if listed.contains(&(checkpoint as u64)) {
                let bytes = pages.iter().map(|page| page.changed_bytes.map(u64::from));
                changes.listed.push(Listed {
                    checkpoint,
                    cycle: file.state(checkpoint).cycle,
                    page_count: pages.len() as u64,
                    bytes: bytes.fold(none, added),
                    ranges: places::ranges_of(pages, program),
                });
            }
        })?;
        Ok(changes)
    }

    /// All ranges that changed, the most often changed first.
    fn hottest_ranges(&self, program: Option<&Program>) -> Vec<ChangedRange> {
        let pages = self.pages.iter();
        let pages = pages.map(|(&page_index, &(versions, bytes))| (page_index, versions, bytes));
        let mut ranges = places::ranges(pages, program);
        ranges.sort_by_key(|range| Reverse(range.versions));
        ranges
    }

    /// The pages that changed most often.
    fn hottest_pages(&self, program: Option<&Program>) -> Vec<ChangedRange> {
        let mut pages: Vec<_> = self.pages.iter().collect();
        pages.sort_by_key(|(_, (versions, _))| Reverse(*versions));
        let hottest = pages.into_iter().take(HOTTEST_MAX);
        hottest
            .flat_map(|(&page_index, &(versions, bytes))| {
                places::ranges([(page_index, versions, bytes)], program)
            })
            .collect()
    }

    fn print(&self, out: &mut impl Write, program: Option<&Program>) -> std::io::Result<()> {
        let (ranges, pages) = (self.hottest_ranges(program), self.hottest_pages(program));
        let counted = |bytes: Option<u64>| bytes.map_or("-".to_owned(), format::count);
        for (title, ranges, shown) in [
            ("most changed ranges", &ranges, ranges.len()),
            ("most changed pages", &pages, self.pages.len()),
        ] {
            writeln!(
                out,
                "\n{:>12} {:>10} {:>16}  {title}",
                "changes", "pages", "bytes"
            )?;
            for range in ranges.iter().take(HOTTEST_MAX) {
                let (versions, pages) = (format::count(range.versions), range.page_count());
                let (pages, bytes) = (format::count(pages), counted(range.bytes));
                writeln!(
                    out,
                    "{versions:>12} {pages:>10} {bytes:>16}  {}",
                    range.text()
                )?;
            }
            if shown > HOTTEST_MAX {
                let more = format::count((shown - HOTTEST_MAX) as u64);
                writeln!(out, "{:>12} {:>10} {:>16}  ({more} more)", "", "", "")?;
            }
        }
        if !self.listed.is_empty() {
            writeln!(
                out,
                "\n{:>12} {:>16} {:>10} {:>16}  changed since the one before",
                "checkpoint", "cycle", "pages", "bytes"
            )?;
        }
        for listed in &self.listed {
            let shown = listed.ranges.iter().take(LINE_RANGES_MAX);
            let mut names: Vec<String> = shown.map(ChangedRange::text).collect();
            if listed.ranges.len() > LINE_RANGES_MAX {
                names.push(format!("({} more)", listed.ranges.len() - LINE_RANGES_MAX));
            }
            writeln!(
                out,
                "{:>12} {:>16} {:>10} {:>16}  {}",
                listed.checkpoint,
                format::count(listed.cycle),
                format::count(listed.page_count),
                counted(listed.bytes),
                names.join("; ")
            )?;
        }
        out.flush()
    }

    /// Adds the same for scripts.
    fn report(&self, report: &mut Value, program: Option<&Program>) {
        let (ranges, pages) = (self.hottest_ranges(program), self.hottest_pages(program));
        let list = |ranges: &[ChangedRange]| -> Vec<Value> {
            let shown = ranges.iter().take(HOTTEST_MAX);
            shown.map(ChangedRange::json).collect()
        };
        report["changed_ranges"] = json!(ranges.len());
        report["changed_pages"] = json!(self.pages.len());
        report["most_changed_ranges"] = list(&ranges).into();
        report["most_changed_pages"] = list(&pages).into();
        let listed = self.listed.iter().map(|listed| {
            let ranges: Vec<Value> = listed.ranges.iter().map(ChangedRange::json).collect();
            json!({
                "checkpoint": listed.checkpoint,
                "cycle": listed.cycle,
                "changed_pages": listed.page_count,
                "changed_bytes": listed.bytes,
                "ranges": ranges,
            })
        });
        report["listed_checkpoints"] = listed.collect();
    }
}

/// A sum, where both were counted.
fn added(sum: Option<u64>, bytes: Option<u64>) -> Option<u64> {
    Some(sum? + bytes?)
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
