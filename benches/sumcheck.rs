//! The sum-check's four schedules beside each other: windows within the default memory budget, half-split
//! windows, one sweep a round, all in memory.
//!
//! `cargo bench --bench sumcheck [-- CYCLES_LOG2 [THREADS]] [cpu] [6,3 ...]`; 2^22 cycles and one thread unless
//! given. With `cpu` times are those that the process had a processor, for a machine that is busy (what
//! regenerates stays by the clock); windows with commas are schedules beside the four.
//! The statement is a product of two columns weighted with eq, all columns opened, over BN254. The
//! schedules take turns in one process, so that what disturbs one disturbs all; figures are medians,
//! ratios those of medians. Each is charged one execution, that of the run it proves. Behind them the
//! mission's shares: of the execution, and of 40 regenerations on as many threads, in a proof by windows.
//! Not criterion's: it can't interleave.

use std::hint::black_box;
use std::time::{Duration, Instant};

#[path = "support/turns.rs"]
mod turns;

use ark_bn254::Fr;
use tracelane::Program;
use tracelane::checkpoint::{CheckpointFile, CheckpointWriter};
use tracelane::oracle::{PolynomialOracle, StreamingOracle};
use tracelane::replay::{FastPass, ReplayOptions, Run, fast_pass};
use tracelane::sumcheck::{Batch, CostModel, Proof, Schedule, Statement, SumCheckProver};
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane::vm::DiscardText;

/// Rounds of turns of which the medians count.
const TURNS: usize = 5;

/// Regenerations that a prover of the literature needs (Spartan in Jolt).
const REGENERATIONS: u32 = 40;

/// Of the guest, so many cycles a byte of input and a few more.
const CYCLES_A_BYTE: u64 = 96;

/// What one schedule came to.
struct Entry {
    name: &'static str,
    schedule: Schedule,
    predicted_bytes: u64,
    runs: Vec<Duration>,
    regenerating: Vec<Duration>,
}

fn median(mut runs: Vec<Duration>) -> Duration {
    runs.sort();
    runs[runs.len() / 2]
}

/// How long `work` takes: by the clock, or, with `by_processor`, for all threads together.
fn timed<T>(by_processor: bool, work: impl FnOnce() -> T) -> (Duration, T) {
    let processor = || turns::processor_of_all().filter(|_| by_processor);
    let (start, start_processor) = (Instant::now(), processor());
    let result = work();
    let (duration, end_processor) = (start.elapsed(), processor());
    let processor = start_processor.zip(end_processor);
    let duration = processor.map_or(duration, |(start, end)| end - start);
    (duration, result)
}

fn execute(program: &Program, input: &[u8]) -> (u64, CheckpointFile) {
    let pass = FastPass::default();
    let identity = pass.identity(program, input);
    let mut writer = CheckpointWriter::scratch(&identity, input).expect("a scratch file");
    let result = fast_pass(program, input, &pass, Some(&mut writer), &mut DiscardText);
    let cycles = result.expect("a run").cycles;
    (cycles, writer.into_file().expect("a finished file"))
}

fn main() {
    // Cargo's own flags are none of ours.
    let words: Vec<String> = std::env::args().skip(1).collect();
    let by_processor = words.iter().any(|word| word == "cpu");
    let numbers = words.iter().filter_map(|word| word.parse::<usize>().ok());
    let numbers: Vec<usize> = numbers.collect();
    let windows_of = |word: &String| {
        let widths = word.split(',').map(|width| width.parse().ok());
        let windows = widths.collect::<Option<Vec<usize>>>();
        windows.filter(|windows| windows.len() > 1)
    };
    let asked = words.iter().filter_map(windows_of);
    let cycles_log2 = numbers.first().copied().unwrap_or(22);
    let threads = numbers.get(1).copied().unwrap_or(1);

    let elf = concat!(env!("CARGO_MANIFEST_DIR"), "/guests/bin/sha256.elf");
    let elf = std::fs::read(elf).expect("a committed guest");
    let program = Program::from_elf(&elf).expect("a guest");
    let input = vec![7; ((1u64 << cycles_log2) / CYCLES_A_BYTE) as usize];
    let mut executions = Vec::new();
    let (mut cycles, mut file) = execute(&program, &input);
    for _ in 0..TURNS {
        let (took, run) = timed(by_processor, || execute(&program, &input));
        (cycles, file) = run;
        executions.push(took);
    }
    let execution = median(executions);

    let run = Run::new(&program, &file).expect("its own program");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let pool = pool.build().expect("threads");
    let options = ReplayOptions {
        pool: Some(&pool),
        ..ReplayOptions::default()
    };
    let oracle = StreamingOracle::new(run, options).expect("workers");
    let num_vars = oracle.num_vars();
    let operands = [Column::Rs1Value, Column::Rs2Value].map(Column::id);
    let prover = SumCheckProver::<Fr>::for_batch(
        num_vars,
        Batch {
            statements: vec![Statement::product(&operands, true)],
            extra: ColumnSet::first(Column::ALL.len()),
        },
    );
    let inputs = prover.schedule_inputs(oracle.chunk_rows().get(), oracle.workers());
    let windows = prover.schedule_for(&oracle).expect("a default budget");
    let four = [
        ("in memory", Schedule::in_memory()),
        ("windows", windows),
        ("half-split", Schedule::half_split(num_vars, 2)),
        ("a sweep a round", Schedule::per_round(num_vars)),
    ];
    let asked = asked.map(|windows| ("as asked", Schedule { windows }));
    let schedules = four.into_iter().chain(asked);
    let mut entries: Vec<Entry> = schedules
        .map(|(name, schedule)| Entry {
            name,
            predicted_bytes: inputs
                .predict(&schedule, &CostModel::committed::<Fr>())
                .bytes,
            schedule,
            runs: Vec::new(),
            regenerating: Vec::new(),
        })
        .collect();

    let mut proof: Option<Proof<Fr>> = None;
    for _ in 0..TURNS {
        for entry in &mut entries {
            let prover = prover.clone().with_schedule(entry.schedule.clone());
            let before = oracle.replay_duration();
            let prove = || black_box(prover.prove_actual(&oracle).expect("an honest prover"));
            let (took, one) = timed(by_processor, prove);
            entry.runs.push(took);
            entry.regenerating.push(oracle.replay_duration() - before);
            assert_eq!(proof.get_or_insert_with(|| one.clone()), &one, "one proof");
        }
    }

    let operands: ColumnSet = operands.into_iter().collect();
    let sweeps = (0..TURNS).map(|_| {
        let count = || oracle.sweep(operands, 0, || 0, |n, view| *n += view.rows(), |a, b| a + b);
        let (took, rows) = timed(by_processor, count);
        assert_eq!(rows.expect("rows"), 1 << num_vars);
        took
    });
    let sweep = median(sweeps.collect());

    let rows = 2f64.powi(num_vars as i32);
    let nanos = |duration: Duration| duration.as_secs_f64() * 1e9 / rows;
    println!(
        "eq * rs1_value * rs2_value, all columns opened, sha256, {cycles} cycles, 2^{num_vars} rows, \
         {threads} thread(s), medians of {TURNS}{}, one execution ({:.2} ns a row) charged to each\n",
        if by_processor { ", processor time" } else { "" },
        nanos(execution)
    );
    println!(
        "| schedule | windows | sweeps | time | ns a row | of it regenerating | predicted memory | of in memory |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let total = |entry: &Entry| median(entry.runs.clone()) + execution;
    let seconds: Vec<f64> = entries
        .iter()
        .map(|entry| total(entry).as_secs_f64())
        .collect();
    for (entry, one) in entries.iter().zip(&seconds) {
        println!(
            "| {} | {:?} | {} | {one:.3} s | {:.1} | {:.1} | {:.1} MiB | {:.3} |",
            entry.name,
            entry.schedule.windows,
            entry.schedule.sweeps(),
            one * 1e9 / rows,
            nanos(median(entry.regenerating.clone())),
            entry.predicted_bytes as f64 / f64::from(1 << 20),
            one / seconds[0],
        );
    }
    println!();
    let windows = seconds[1];
    for (other, limit) in [(0, 1.5), (2, 0.5), (3, 0.25)] {
        let (name, ratio) = (entries[other].name, windows / seconds[other]);
        let verdict = if ratio <= limit { "met" } else { "missed" };
        println!("windows / {name}: {ratio:.3}, at most {limit}: {verdict}");
    }
    // Of regeneration only the clock is known.
    if by_processor {
        return;
    }
    let rest = median(entries[1].runs.clone()) - median(entries[1].regenerating.clone());
    let regenerations = REGENERATIONS * sweep;
    for (what, part, whole, limit) in [
        ("one execution", execution, total(&entries[1]), 5.0),
        (
            "40 regenerations of two columns",
            regenerations,
            regenerations + rest + execution,
            15.0,
        ),
    ] {
        let share = 100.0 * part.as_secs_f64() / whole.as_secs_f64();
        let verdict = if share <= limit { "met" } else { "missed" };
        println!(
            "{what}: {:.2} ns a row of {:.1}, {share:.1} %, at most {limit} %: {verdict}",
            nanos(part),
            nanos(whole)
        );
    }
}
