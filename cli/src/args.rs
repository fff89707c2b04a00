//! Arguments: the words of the command line, checked as far as one word can be.
//!
//! In: the command line. Out: [`Arguments`]. Numbers may be written `65536`, `65_536` or `2^16`,
//! sizes also with `KiB`, `MiB` or `GiB`.

use std::ops::Range;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracelane::limits::{
    CHUNK_ROWS, CHUNK_ROWS_MAX, CYCLES_MAX, INTERVAL_CYCLES, MEMORY_BYTES_MAX,
    TEXT_OUTPUT_BYTES_MAX,
};
use tracelane::trace::columns::Column;
use tracelane::vm::MemoryKind;
use tracelane_kernels::Tier;

mod reading;

pub use reading::{DiffOptions, ExportOptions, InspectOptions, SeekOptions};

/// Run RISC-V (RV32IM) programs, keep checkpoints instead of the trace, regenerate witness columns,
/// prove sum-checks over them.
///
/// Exit codes: 0 good, 1 the guest failed, 2 bad arguments, unreadable input or unwritable output, 3 a regression
/// verdict (reserved), 4 a proof or checkpoint file was rejected, 130 interrupted.
#[derive(Parser, Debug)]
#[command(name = "tracelane", version, arg_required_else_help = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a program and show what it writes.
    Run(RunOptions),
    /// Run a program and report its exact cycle count.
    Count(CountOptions),
    /// Run a program and keep its checkpoints in a file.
    Checkpoint(CheckpointOptions),
    /// Keep only some of the checkpoints of a file.
    Thin(ThinOptions),
    /// Verify a checkpoint file and describe it: what the run came to, and which memory it changed.
    Inspect(InspectOptions),
    /// Regenerate witness rows from a checkpoint file and print them.
    Rows(RowsOptions),
    /// Show registers, instructions and memory before any one cycle.
    Seek(SeekOptions),
    /// Find the first cycle in which two runs differ, and show the rows around it.
    Diff(DiffOptions),
    /// Regenerate witness rows into a file that data tools read.
    Export(ExportOptions),
    /// Run, checkpoint, regenerate, prove a sum-check over the columns, and verify it.
    Prove(ProveOptions),
    /// Verify a proof against its program and input.
    Verify(VerifyOptions),
}

/// A program, its input, and where its output goes.
#[derive(Args, Debug)]
pub struct GuestOptions {
    /// The program: a static RV32IM ELF file.
    pub elf: PathBuf,
    /// Bytes the guest reads from its input region.
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Save the bytes that the guest published.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub limits: LimitOptions,
}

/// What a guest may use.
#[derive(Args, Debug)]
pub struct LimitOptions {
    /// Stop the guest after so many cycles.
    #[arg(long, value_name = "N", default_value_t = CYCLES_MAX, value_parser = number)]
    pub max_cycles: u64,
    /// Stop the guest before it backs more memory than this.
    #[arg(long, value_name = "BYTES", default_value_t = MEMORY_BYTES_MAX, value_parser = bytes)]
    pub max_memory: u64,
    /// Stop the guest before it writes more text than this.
    #[arg(long, value_name = "BYTES", default_value_t = TEXT_OUTPUT_BYTES_MAX, value_parser = bytes)]
    pub max_text: u64,
    /// How guest memory is held; results never depend on it.
    #[arg(long, value_name = "KIND", default_value = "automatic", value_parser = memory_kind)]
    pub guest_memory: MemoryKind,
}

/// How to replay.
#[derive(Args, Debug)]
pub struct ReplayOptions {
    /// Worker threads; all processors unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Rows of a chunk, a power of two; results never depend on it.
    #[arg(long, value_name = "N", default_value_t = CHUNK_ROWS as u64, value_parser = chunk_rows)]
    pub chunk_rows: u64,
}

/// How to compute in the field.
#[derive(Args, Debug)]
pub struct KernelOptions {
    /// Instructions for the field kernels: scalar, portable, avx2, avx512 or ifma; the fastest unless given.
    /// Results never depend on it.
    #[arg(long, value_name = "TIER", default_value_t = Tier::detect(), value_parser = tier)]
    pub tier: Tier,
}

/// Options of `run`.
#[derive(Args, Debug)]
pub struct RunOptions {
    #[command(flatten)]
    pub guest: GuestOptions,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// What cycles are counted by.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// Instruction of the instruction set.
    Opcode,
    /// Function of the program, what it calls not included.
    Function,
    /// Regions that the guest marks with lines `cycle-tracker-start: NAME` and `-end: NAME`.
    Region,
}

/// Options of `count`.
#[derive(Args, Debug)]
pub struct CountOptions {
    #[command(flatten)]
    pub run: RunOptions,
    /// Also break the cycles down.
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    pub by: Vec<By>,
    /// Write sampled call stacks: FILE.folded for flame graphs, FILE.json for the Firefox Profiler.
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// Cycles between two samples; a prime keeps clear of the guest's own periods.
    #[arg(long, value_name = "N", default_value_t = 1009, value_parser = positive)]
    pub sample_cycles: u64,
}

/// Options of `checkpoint`.
#[derive(Args, Debug)]
pub struct CheckpointOptions {
    #[command(flatten)]
    pub guest: GuestOptions,
    /// The checkpoint file to write.
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    pub out: PathBuf,
    /// Cycles between two checkpoints; results never depend on it.
    #[arg(long, value_name = "N", default_value_t = INTERVAL_CYCLES, value_parser = positive)]
    pub interval: u64,
    /// Choose the shortest interval, a power of two from 4096 on, whose file is not larger than this.
    #[arg(long, value_name = "BYTES", value_parser = bytes, conflicts_with_all = ["interval", "resume"])]
    pub checkpoint_budget: Option<u64>,
    /// Go on where an interrupted run left FILE.partial; its guest's text is not shown again.
    #[arg(long)]
    pub resume: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Options of `thin`.
#[derive(Args, Debug)]
pub struct ThinOptions {
    /// The checkpoint file.
    pub file: PathBuf,
    /// Keep every N-th checkpoint, and the last one: `--keep every 4`.
    #[arg(long, required = true, num_args = 2, value_names = ["every", "N"], value_parser = every)]
    pub keep: Vec<u64>,
    /// Where to write the thinned file; in the place of FILE unless given.
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// How rows are printed.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum RowFormat {
    /// Aligned columns, values in hexadecimal.
    Table,
    /// Comma-separated values in decimal, with a header line.
    Csv,
    /// An array of objects, values in decimal.
    Json,
}

/// Options of `rows`.
#[derive(Args, Debug)]
pub struct RowsOptions {
    /// The checkpoint file.
    pub file: PathBuf,
    /// The program it was made with.
    #[arg(long, value_name = "ELF")]
    pub elf: PathBuf,
    /// The input it was made with; the file carries it, so this is only compared.
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Cycles to print: A..B without B, A.. or ..B.
    #[arg(long, value_name = "A..B", value_parser = range)]
    pub range: Range<u64>,
    /// Columns to print behind cycle and pc; the raw columns unless given.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = column)]
    pub columns: Vec<Column>,
    /// How to print them.
    #[arg(long, value_enum, default_value_t = RowFormat::Table)]
    pub format: RowFormat,
    /// The same as `--format json`.
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// Rows of a chunk, a power of two; results never depend on it.
    #[arg(long, value_name = "N", default_value_t = CHUNK_ROWS as u64, value_parser = chunk_rows)]
    pub chunk_rows: u64,
}

/// Options of `prove`.
#[derive(Args, Debug)]
pub struct ProveOptions {
    #[command(flatten)]
    pub guest: GuestOptions,
    #[command(flatten)]
    pub replay: ReplayOptions,
    #[command(flatten)]
    pub kernels: KernelOptions,
    /// Write the proof to this file.
    #[arg(short = 'o', long = "out", value_name = "PROOF")]
    pub out: Option<PathBuf>,
    /// Keep the checkpoints in this file; a scratch file is used unless given.
    #[arg(long, value_name = "FILE")]
    pub checkpoints: Option<PathBuf>,
    /// Cycles between two checkpoints; results never depend on it.
    #[arg(long, value_name = "N", default_value_t = INTERVAL_CYCLES, value_parser = positive)]
    pub interval: u64,
    #[command(flatten)]
    pub claims: ClaimOptions,
    #[command(flatten)]
    pub schedule: ScheduleOptions,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// What to prove.
#[derive(Args, Debug)]
pub struct ClaimOptions {
    /// Columns whose product is summed over all rows; given several times, all sums are proven in one
    /// batch [default: rs1_value,rs2_value].
    #[arg(long, value_name = "NAMES", value_parser = product)]
    pub product: Vec<Product>,
    /// Weigh each row with eq(tau, row) for a tau drawn from the transcript.
    #[arg(long)]
    pub eq: bool,
    /// Prove in the same batch what this column is one row later, weighted with eq(tau, row).
    #[arg(long, value_name = "NAME", value_parser = column)]
    pub next: Vec<Column>,
    /// Claim the values of these columns at the point too, or of `all`.
    #[arg(long, value_name = "NAMES", value_parser = product)]
    pub open: Option<Product>,
}

/// Columns of one word.
#[derive(Clone, Debug)]
pub struct Product(pub Vec<Column>);

/// In what time and memory to prove.
#[derive(Args, Debug)]
pub struct ScheduleOptions {
    /// Memory for tables, weights, sums and chunks, beyond the guest's own: the cheapest schedule
    /// within it is chosen, and it is an error if there is none. Unless given, four times what
    /// streaming half of the rounds one by one takes, which follows the square root of the number of
    /// rows. Results never depend on it.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub memory_budget: Option<u64>,
    /// How many rounds a sweep serves. Results never depend on it.
    #[arg(long, value_name = "KIND", value_enum, default_value_t = ScheduleKind::Windows)]
    pub schedule: ScheduleKind,
    /// Measure what kernels, threads and regeneration cost here before choosing, instead of taking
    /// the committed figures; regeneration only where the program is executed, so not with --cycles.
    #[arg(long)]
    pub calibrate: bool,
    /// Print the schedule, its memory and its time, and prove nothing. The program is executed once,
    /// because a plan has to know the number of cycles, unless --cycles says it.
    #[arg(long)]
    pub plan: bool,
    /// With --plan: plan for a run of so many cycles and execute nothing.
    #[arg(long, value_name = "N", value_parser = positive, requires = "plan")]
    pub cycles: Option<u64>,
}

/// Schedules to choose from.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScheduleKind {
    /// The cheapest windows within the memory budget.
    Windows,
    /// Windows as wide as the blocks behind them are long.
    HalfSplit,
    /// One sweep a round.
    PerRound,
    /// Everything in memory from the start.
    InMemory,
}

/// Options of `verify`.
#[derive(Args, Debug)]
pub struct VerifyOptions {
    /// The proof file.
    pub proof: PathBuf,
    /// The program it is about.
    #[arg(long, value_name = "ELF")]
    pub elf: PathBuf,
    /// The input it is about; none unless given.
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// What it must prove, said as `prove` is told.
    #[command(flatten)]
    pub claims: ClaimOptions,
    #[command(flatten)]
    pub limits: LimitOptions,
    #[command(flatten)]
    pub replay: ReplayOptions,
    #[command(flatten)]
    pub kernels: KernelOptions,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

fn number(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    let value = match digits.split_once('^') {
        Some(("2", power)) => power.parse().ok().and_then(|power| 1u64.checked_shl(power)),
        _ => digits.parse().ok(),
    };
    value.ok_or_else(|| format!("`{text}` is no number; write e.g. 65536 or 2^16"))
}

fn positive(text: &str) -> Result<u64, String> {
    match number(text)? {
        0 => Err("must be at least 1".to_owned()),
        value => Ok(value),
    }
}

/// The word `every`, which stands for 0 in the list of values, or a number.
fn every(text: &str) -> Result<u64, String> {
    if text == "every" {
        Ok(0)
    } else {
        positive(text)
    }
}

fn bytes(text: &str) -> Result<u64, String> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let (digits, unit) = units
        .iter()
        .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, *unit)))
        .unwrap_or((text, 1u64));
    let value = number(digits.trim())?.checked_mul(unit);
    value.ok_or_else(|| format!("`{text}` is too large"))
}

fn chunk_rows(text: &str) -> Result<u64, String> {
    match number(text)? {
        rows if rows.is_power_of_two() && rows <= CHUNK_ROWS_MAX as u64 => Ok(rows),
        _ => Err(format!(
            "`{text}` is no power of two up to {CHUNK_ROWS_MAX}"
        )),
    }
}

fn memory_kind(text: &str) -> Result<MemoryKind, String> {
    let kinds = [
        MemoryKind::Automatic,
        MemoryKind::Reserved,
        MemoryKind::Paged,
    ];
    let kind = kinds.into_iter().find(|kind| kind.to_string() == text);
    kind.ok_or_else(|| "expected automatic, reserved or paged".to_owned())
}

fn tier(text: &str) -> Result<Tier, String> {
    let tier = text.parse::<Tier>().map_err(|error| error.to_string())?;
    match tier.is_available() {
        true => Ok(tier),
        false => Err(format!("this processor or build has no {tier}")),
    }
}

fn column(text: &str) -> Result<Column, String> {
    Column::from_name(text.trim())
        .ok_or_else(|| format!("no column `{text}`; there are {}", Column::NAMES.join(", ")))
}

fn product(text: &str) -> Result<Product, String> {
    if text == "all" {
        return Ok(Product(Column::ALL.to_vec()));
    }
    text.split(',')
        .map(column)
        .collect::<Result<_, _>>()
        .map(Product)
}

/// `A..B`, with 0 and the largest number for an end left out.
fn range(text: &str) -> Result<Range<u64>, String> {
    let parse = |text: &str, empty| {
        if text.is_empty() {
            Ok(empty)
        } else {
            number(text)
        }
    };
    let (start, end) = text
        .split_once("..")
        .ok_or_else(|| format!("`{text}` is no range; write e.g. 0..16"))?;
    let (start, end) = (parse(start, 0)?, parse(end, u64::MAX)?);
    if start > end {
        return Err(format!("`{text}` ends before it starts"));
    }
    Ok(start..end)
}
