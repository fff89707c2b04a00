//! A sweep's peak does not follow the trace: under a hard limit of address space, 2^26 rows take what
//! 2^20 take, in either kind of guest memory.
//!
//! Each sweep runs in a process of its own, which is this test called again.

#![cfg(target_os = "linux")]

#[path = "support/guests.rs"]
mod guests;

use std::process::Command;

use guests::Guest;
use tracelane::Program;
use tracelane::checkpoint::CheckpointWriter;
use tracelane::oracle::{PolynomialOracle, StreamingOracle};
use tracelane::replay::{FastPass, ReplayOptions, Run, fast_pass};
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane::vm::{DiscardText, MemoryKind};

/// Says which memory and how many rows, in the process that sweeps.
const ASKED: &str = "TRACELANE_TEST_SWEEP";
const PEAK: &str = "peak KiB: ";

/// The process's peak, which the kernel counts.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the kernel says");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let words = line.expect("a peak").split_whitespace();
    words
        .rev()
        .nth(1)
        .and_then(|kib| kib.parse().ok())
        .expect("a number")
}

#[test]
#[ignore = "called by the other one"]
fn sweep_once() {
    let asked = std::env::var(ASKED).expect("a kind of memory and a number of rows");
    let (kind, rows_log2) = asked.split_once(' ').expect("two words");
    let memory = match kind {
        "paged" => MemoryKind::Paged,
        _ => MemoryKind::Reserved,
    };
    let guest = Guest::named("bytecode");
    let input = guest.input(rows_log2.parse().expect("a number"));
    let program = Program::from_elf(&guest.elf()).expect("a guest");
    let pass = FastPass {
        memory,
        ..FastPass::default()
    };
    let mut writer =
        CheckpointWriter::scratch(&pass.identity(&program, &input), &input).expect("a writer");
    fast_pass(&program, &input, &pass, Some(&mut writer), &mut DiscardText).expect("a run");
    let file = writer.into_file().expect("a finished file");
    let run = Run::new(&program, &file).expect("its own program");
    let options = ReplayOptions {
        memory,
        ..ReplayOptions::default()
    };
    let oracle = StreamingOracle::new(run, options).expect("a worker");
    let swept = oracle.sweep(
        ColumnSet::first(Column::ALL.len()),
        0,
        || 0,
        |rows: &mut u64, view| *rows += view.rows() as u64,
        |a, b| a + b,
    );
    println!("rows: {}", swept.expect("sound checkpoints"));
    println!("{PEAK}{}", peak_kib());
}

/// Peak of a process that sweeps about 2^`rows_log2` rows and may have `limit_kib` of addresses.
fn sweep_in(limit_kib: u64, kind: &str, rows_log2: u32) -> u64 {
    let this = std::env::current_exe().expect("this test");
    let script = format!(
        "ulimit -v {limit_kib} && exec \"$0\" sweep_once --exact --ignored --nocapture --test-threads 1"
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(this)
        .env(ASKED, format!("{kind} {rows_log2}"))
        .output()
        .expect("a shell");
    let text = String::from_utf8_lossy(&output.stdout);
    let peak = text.lines().find_map(|line| line.strip_prefix(PEAK));
    let peak = peak.and_then(|kib| kib.parse().ok());
    peak.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn a_longer_sweep_takes_no_more() {
    // What a process and its threads map, and for one kind the 4 GiB that are only addresses.
    for (kind, limit_kib) in [("paged", 128 << 10), ("reserved", (4 << 20) + (128 << 10))] {
        let small = sweep_in(limit_kib, kind, 20);
        let large = sweep_in(limit_kib, kind, 26);
        assert!(
            large * 10 <= small * 11,
            "{kind}: {small} KiB for 2^20 rows, {large} KiB for 2^26"
        );
        println!("{kind}: {small} KiB for 2^20 rows, {large} KiB for 2^26");
    }
}
