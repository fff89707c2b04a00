//! Options of the commands that read checkpoint files: which part of a run to look at, and how.
//!
//! In: words of the command line. Out: ranges that lie in a 64-bit count of cycles or a 32-bit
//! address space. Whether a run has them is the commands' to find out.

use std::ops::Range;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tracelane::trace::columns::Column;

use super::{ReplayOptions, chunk_rows, column, number, range};

/// Bytes of memory that one option may ask for.
const MEMORY_BYTES_MAX: u64 = 1 << 20;

/// Options of `inspect`.
#[derive(Args, Debug)]
pub struct InspectOptions {
    /// The checkpoint file.
    pub file: PathBuf,
    /// The program it was made with: names the segments that changed, and counts changed bytes.
    #[arg(long, value_name = "ELF")]
    pub elf: Option<PathBuf>,
    /// Also list what changed with each of these checkpoints: N, A..B without B, A.. or ..B.
    #[arg(long, value_name = "A..B", value_parser = checkpoints)]
    pub checkpoints: Option<Range<u64>>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Options of `seek`.
#[derive(Args, Debug)]
pub struct SeekOptions {
    /// The checkpoint file.
    pub file: PathBuf,
    /// The cycle before which to look; the run's cycle count for the state behind its last one.
    #[arg(value_parser = number)]
    pub cycle: u64,
    /// The program it was made with.
    #[arg(long, value_name = "ELF")]
    pub elf: PathBuf,
    /// The input it was made with; the file carries it, so this is only compared.
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Also show these words of memory: START..END without END, or START,WORDS. Given several times,
    /// all of them.
    #[arg(long, value_name = "ADDRESSES", value_parser = memory)]
    pub memory: Vec<AddressRange>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Aligned addresses, end excluded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressRange(pub Range<u64>);

/// Options of `diff`.
#[derive(Args, Debug)]
pub struct DiffOptions {
    /// The checkpoint file of one run.
    pub a: PathBuf,
    /// The checkpoint file of the other.
    pub b: PathBuf,
    /// The program of both.
    #[arg(long, value_name = "ELF", required_unless_present = "elf_a", conflicts_with_all = ["elf_a", "elf_b"])]
    pub elf: Option<PathBuf>,
    /// The program of A.
    #[arg(long, value_name = "ELF", requires = "elf_b")]
    pub elf_a: Option<PathBuf>,
    /// The program of B.
    #[arg(long, value_name = "ELF", requires = "elf_a")]
    pub elf_b: Option<PathBuf>,
    /// Look at checkpoints alone until one differs, and only behind the last that does not at rows:
    /// much faster on long runs, but blind to differences that are gone again at the next checkpoint.
    #[arg(long)]
    pub lasting: bool,
    /// Rows to show before and behind the first that differs.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(..=1000))]
    pub context: u64,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub replay: ReplayOptions,
}

/// How rows are exported.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExportFormat {
    /// An Arrow IPC file, which pandas, polars and DuckDB read.
    Arrow,
}

/// Options of `export`.
#[derive(Args, Debug)]
pub struct ExportOptions {
    /// The checkpoint file.
    pub file: PathBuf,
    /// The program it was made with.
    #[arg(long, value_name = "ELF")]
    pub elf: PathBuf,
    /// The input it was made with; the file carries it, so this is only compared.
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// The file to write.
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    pub out: PathBuf,
    /// Cycles to export: A..B without B, A.. or ..B; all unless given.
    #[arg(long, value_name = "A..B", value_parser = range, default_value = "..")]
    pub range: Range<u64>,
    /// Columns to export behind cycle and pc; the raw columns unless given.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = column)]
    pub columns: Vec<Column>,
    /// The file's format.
    #[arg(long, value_enum, default_value_t = ExportFormat::Arrow)]
    pub format: ExportFormat,
    /// Rows of a record batch, a power of two.
    #[arg(long, value_name = "N", default_value_t = 1 << 16, value_parser = chunk_rows)]
    pub batch_rows: u64,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// `A..B` or one number.
fn checkpoints(text: &str) -> Result<Range<u64>, String> {
    if text.contains("..") {
        return range(text);
    }
    let index = number(text)?;
    let end = index.checked_add(1);
    Ok(index..end.ok_or_else(|| format!("`{text}` is too large"))?)
}

/// A number as [`number`] reads it, or `0x` and hexadecimal digits.
fn address(text: &str) -> Result<u64, String> {
    let value = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(&digits.replace('_', ""), 16).ok(),
        None => number(text).ok(),
    };
    let value = value.ok_or_else(|| format!("`{text}` is no address; write e.g. 0x40000000"))?;
    match value <= 1 << 32 {
        true => Ok(value),
        false => Err(format!(
            "address `{text}` is beyond the 32-bit address space"
        )),
    }
}

/// `START..END` or `START,WORDS`, widened to whole words.
fn memory(text: &str) -> Result<AddressRange, String> {
    let (start, end) = if let Some((start, end)) = text.split_once("..") {
        (address(start)?, address(end)?)
    } else if let Some((start, words)) = text.split_once(',') {
        let start = address(start)? & !3;
        let end = number(words)?
            .checked_mul(4)
            .and_then(|bytes| start.checked_add(bytes));
        let end = end.filter(|&end| end <= 1 << 32);
        let beyond = || format!("`{text}` ends beyond the 32-bit address space");
        (start, end.ok_or_else(beyond)?)
    } else {
        return Err(format!(
            "`{text}` is no memory; write e.g. 0x11000..0x11040 or 0x11000,16"
        ));
    };
    if start >= end {
        return Err(format!("`{text}` has no word"));
    }
    let (start, end) = (start & !3, end.next_multiple_of(4));
    match end - start <= MEMORY_BYTES_MAX {
        true => Ok(AddressRange(start..end)),
        false => Err(format!(
            "`{text}` is more than {MEMORY_BYTES_MAX} bytes; ask for less at a time"
        )),
    }
}
