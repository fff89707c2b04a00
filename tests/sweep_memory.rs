//! A sweep's peak does not follow the trace: under a hard limit of address space, 2^26 rows take what
//! 2^20 take, in either kind of guest memory, with one worker and with two. A limit that leaves no room
//! for the reservation selects the paged memory.
//!
//! Each sweep runs in a process of its own, which is this test called again.

#![cfg(target_os = "linux")]

#[path = "support/guests.rs"]
mod guests;
#[path = "support/peak.rs"]
mod peak;
#[path = "support/stored.rs"]
mod stored;

use std::process::Command;

use guests::Guest;
use rayon::ThreadPoolBuilder;
use tracelane::Program;
use tracelane::oracle::{OracleError, PolynomialOracle, StreamingOracle};
use tracelane::replay::{FastPass, ReplayError, ReplayOptions, Run};
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane::vm::MemoryKind;
use tracelane::vm::machine::MachineError;

/// Says which memory, how many workers and how many rows, in the process that sweeps.
const ASKED: &str = "TRACELANE_TEST_SWEEP";
const ANSWER: &str = "rows, cycles and peak KiB: ";
const NO_ROOM: &str = "no room for the reservation";

/// The process that sweeps; without a question there is nothing to answer.
#[test]
#[ignore = "called by the others"]
fn sweep_once() {
    let Ok(asked) = std::env::var(ASKED) else {
        return;
    };
    let [kind, threads, rows_log2] = asked.split(' ').collect::<Vec<_>>()[..] else {
        panic!("three words, not {asked}")
    };
    let memory = match kind {
        "paged" => MemoryKind::Paged,
        "reserved" => MemoryKind::Reserved,
        _ => MemoryKind::Automatic,
    };
    let guest = Guest::named("bytecode");
    let input = guest.input(rows_log2.parse().expect("a number"));
    let program = Program::from_elf(&guest.elf()).expect("a guest");
    // The memory of the pass is not what is asked about.
    let pass = FastPass {
        memory: MemoryKind::Paged,
        ..FastPass::default()
    };
    let file = stored::scratch(&program, &input, &pass);
    let run = Run::new(&program, &file).expect("its own program");
    let threads = threads.parse().expect("a number");
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.expect("threads");
    let options = ReplayOptions {
        memory,
        pool: (threads > 1).then_some(&pool),
        ..ReplayOptions::default()
    };
    let oracle = match StreamingOracle::new(run, options) {
        Ok(oracle) => oracle,
        Err(OracleError::Replay(ReplayError::Machine(MachineError::Memory { .. }))) => {
            println!("\n{NO_ROOM}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let swept = oracle.sweep(
        ColumnSet::first(Column::ALL.len()),
        0,
        || 0,
        |rows: &mut u64, view| *rows += view.rows() as u64,
        |a, b| a + b,
    );
    let (rows, peak) = (swept.expect("sound checkpoints"), peak::peak_kib());
    let (cycles, peak) = (run.rows(), peak.expect("the kernel says"));
    println!("\n{ANSWER}{rows} {cycles} {peak}");
}

/// What a process says that sweeps about 2^`rows_log2` rows and may have `limit_kib` of addresses.
fn sweep_in(limit_kib: u64, kind: &str, threads: usize, rows_log2: u32) -> String {
    let this = std::env::current_exe().expect("this test");
    let script = format!(
        "ulimit -v {limit_kib} && exec \"$0\" sweep_once --exact --ignored --nocapture --test-threads 1"
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(this)
        .env(ASKED, format!("{kind} {threads} {rows_log2}"))
        // One arena for all threads: others are reserved 64 MiB at a time, used or not.
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .expect("a shell");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// The peak of such a process, once it has seen all rows.
fn peak_in(limit_kib: u64, kind: &str, threads: usize, rows_log2: u32) -> u64 {
    let text = sweep_in(limit_kib, kind, threads, rows_log2);
    let answer = text.lines().find_map(|line| line.strip_prefix(ANSWER));
    let answer = answer.unwrap_or_else(|| panic!("{text}"));
    let numbers = answer
        .split(' ')
        .map(|number| number.parse().expect("a number"));
    let [rows, cycles, peak] = numbers.collect::<Vec<u64>>()[..] else {
        panic!("three numbers, not {answer}")
    };
    assert_eq!(
        rows,
        cycles.next_power_of_two(),
        "all rows, padding included"
    );
    let asked = 1u64 << rows_log2;
    assert!(
        (asked / 4 * 3..asked / 2 * 3).contains(&cycles),
        "{cycles} cycles"
    );
    peak
}

/// What a process and its threads map.
const LIMIT_KIB: u64 = 128 << 10;

/// The same, and for each worker the 4 GiB that are only addresses.
fn limit_kib(kind: &str, threads: usize) -> u64 {
    let reserved = u64::from(kind == "reserved") * threads as u64;
    LIMIT_KIB + (reserved << 22)
}

#[test]
fn a_longer_sweep_takes_no_more() {
    for (kind, threads) in [("paged", 1), ("reserved", 1), ("paged", 2), ("reserved", 2)] {
        let limit_kib = limit_kib(kind, threads);
        let small = peak_in(limit_kib, kind, threads, 20);
        let large = peak_in(limit_kib, kind, threads, 26);
        let peaks = format!("{kind}, {threads}: {small} KiB for 2^20 rows, {large} KiB for 2^26");
        assert!(large * 10 <= small * 11, "{peaks}");
        println!("{peaks}");
    }
}

#[test]
fn an_address_space_limit_selects_the_paged_memory() {
    for threads in [1, 2] {
        let refused = sweep_in(LIMIT_KIB, "reserved", threads, 20);
        assert!(refused.contains(NO_ROOM), "{refused}");
        // Where no reservation has room, a sweep that works is one with pages.
        let automatic = peak_in(LIMIT_KIB, "automatic", threads, 20);
        let paged = peak_in(LIMIT_KIB, "paged", threads, 20);
        assert!(automatic * 10 <= paged * 11, "{automatic} and {paged} KiB");
    }
}
