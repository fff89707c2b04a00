//! Final states against `qemu-riscv32`, an emulator that shares nothing with this one: registers and
//! memory at a guest's end, of random programs and of every guest. Skipped, and says so, where qemu is
//! not installed (Debian: qemu-user).

#[path = "support/encode.rs"]
mod encode;
#[path = "support/guests.rs"]
mod guests;
#[path = "support/linux.rs"]
mod linux;
#[path = "support/programs.rs"]
mod programs;

use std::io::Write;
use std::ops::Range;
use std::process::Stdio;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tracelane::Program;
use tracelane::limits::{INPUT_BASE, OUTPUT_BASE, PAGE_BYTES};
use tracelane::vm::{GuestMemory, Limits, Machine, NoRecorder, ReservedMemory, Stop};

/// Whether qemu is there; says so where it is not, past the test harness's capture.
fn qemu_runs(test: &str) -> bool {
    let runs = linux::qemu_runs();
    if !runs {
        writeln!(std::io::stderr(), "SKIPPED {test}: no {}", linux::QEMU).expect("standard error");
    }
    runs
}

/// Pages that were stored to, as ranges; the input's are not among them.
fn stored(machine: &Machine<ReservedMemory>) -> Vec<Range<u32>> {
    let pages = machine.pages().backed().iter();
    let mut starts: Vec<u32> = pages.map(|page| page * PAGE_BYTES as u32).collect();
    starts.retain(|start| !(INPUT_BASE..OUTPUT_BASE).contains(start));
    starts.sort_unstable();
    let mut ranges: Vec<Range<u32>> = Vec::new();
    for start in starts {
        let end = start + PAGE_BYTES as u32;
        match ranges.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => ranges.push(start..end),
        }
    }
    ranges
}

/// Runs the ELF on both to its end; all text, all registers, all pages stored to must be equal.
/// Returns the cycles it ran.
fn compare(name: &str, elf: &[u8], input: &[u8]) -> u64 {
    let program = Program::from_elf(elf).expect("a sound ELF");
    let mut machine =
        Machine::<ReservedMemory>::new(&program, input, Limits::default()).expect("a machine");
    let mut expected = Vec::new();
    let stop = machine.advance(&program, 1 << 24, &mut NoRecorder, &mut expected);
    assert!(matches!(stop, Stop::Exit(_)), "{name}: {stop:?}");
    // The epilogue stands in for the exit call, for which a7 is 93 on both.
    let registers = machine.registers().iter();
    expected.extend(registers.flat_map(|value| value.to_le_bytes()));
    let ranges: Vec<_> = stored(&machine)
        .into_iter()
        .filter(|range| !text_of(&program).contains(&range.start))
        .collect();
    for range in &ranges {
        for page in range.clone().step_by(PAGE_BYTES) {
            let page = machine.memory().page(page / PAGE_BYTES as u32);
            expected.extend(page.expect("a backed page"));
        }
    }

    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = linux::elf_with_epilogue(&program, input, &ranges);
    let mut command = linux::qemu(folder.path(), &file);
    let actual = command
        .stderr(Stdio::inherit())
        .output()
        .expect("qemu starts");
    assert!(actual.status.success(), "{name}: {}", actual.status);
    assert_eq!(actual.stdout.len(), expected.len(), "{name}: bytes");
    if let Some(at) = (0..expected.len()).find(|&at| actual.stdout[at] != expected[at]) {
        let bytes: usize = ranges.iter().map(|range| range.len()).sum();
        let of_registers = expected.len() - bytes - 128;
        panic!(
            "{name}: byte {at} differs, {:#x} on qemu and {:#x} here; registers begin at byte \
             {of_registers}, memory {ranges:x?} behind them",
            actual.stdout[at], expected[at]
        );
    }
    machine.cycle()
}

/// Where the program's text lies, in which the epilogue changes two instructions.
fn text_of(program: &Program) -> Range<u32> {
    let start = program.text_base() & !(PAGE_BYTES as u32 - 1);
    start..program.pc_of(program.padding_index())
}

/// `cases` programs of so many parts, of at least `cycles_min` cycles each.
fn random_programs(cases: u32, parts: Range<usize>, rounds: Range<u32>, cycles_min: u64) {
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let shortest = std::cell::Cell::new(u64::MAX);
    let result = runner.run(&programs::terminating(parts, rounds), |program| {
        let segments = programs::segments(&program.words());
        let elf = encode::elf(programs::TEXT, &segments, &[]);
        let cycles = compare("a random program", &elf, &[]);
        shortest.set(shortest.get().min(cycles));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let cycles = shortest.get();
    assert!(
        cycles >= cycles_min,
        "{cycles} cycles are too few to mean much"
    );
}

#[test]
fn random_programs_end_in_the_same_state() {
    if qemu_runs("random_programs_end_in_the_same_state") {
        random_programs(60, 200..400, 1..8, 100);
    }
}

#[test]
fn long_random_programs_end_in_the_same_state() {
    if qemu_runs("long_random_programs_end_in_the_same_state") {
        random_programs(8, 5000..10_000, 8..16, 10_000);
    }
}

#[test]
fn guests_end_in_the_same_state() {
    if !qemu_runs("guests_end_in_the_same_state") {
        return;
    }
    for guest in guests::ALL {
        let cycles = compare(guest.name, &guest.elf(), &guest.input(18));
        assert!(cycles > 1 << 15, "{}: {cycles} cycles", guest.name);
    }
}
