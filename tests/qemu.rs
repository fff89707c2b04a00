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
#[allow(dead_code, reason = "each test takes the part it needs")]
mod programs;

use std::io::Write;
use std::ops::Range;
use std::process::Stdio;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tracelane::Program;
use tracelane::isa::{Format, decode};
use tracelane::limits::{INPUT_BASE, OUTPUT_BASE, PAGE_BYTES};
use tracelane::vm::{GuestMemory, Limits, Machine, NoRecorder, ReservedMemory, Stop};

const TEXT: u32 = 0x0001_0000;
const A7: u32 = 17;
const EXIT: i32 = 93;
/// Holds how many branches and jumps a random program may still execute.
const FUEL: u32 = 31;

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

/// A random body as a program that surely ends: every register set first; every branch and jump
/// within the body and preceded by a count of how many are left; half of the jumps as `auipc` and `jalr`.
fn terminating(body: &[u32], fuel: u32, seeds: &[u32; 32]) -> Vec<u32> {
    let mut words: Vec<u32> = Vec::new();
    for register in 1..32 {
        let value = match register {
            8 => programs::DATA,
            9 => programs::DATA + 32,
            FUEL => fuel,
            _ => seeds[register as usize],
        };
        words.extend(encode::li(register, value));
    }
    let decoded: Vec<_> = body
        .iter()
        .map(|&word| (word, decode(word).expect("a legal instruction")))
        .collect();
    // Where each instruction's words begin, and the end.
    let mut starts = Vec::new();
    let mut at = words.len();
    for (index, (_, instruction)) in decoded.iter().enumerate() {
        starts.push(at);
        at += match instruction.opcode.format() {
            Format::Branch => 4,
            Format::Jump => 4 + index % 2,
            _ => 1,
        };
    }
    starts.push(at);
    for (index, (word, instruction)) in decoded.iter().enumerate() {
        // The count is the program's own.
        let rd = if u32::from(instruction.rd) == FUEL {
            30
        } else {
            u32::from(instruction.rd)
        };
        let target = index as i64 + i64::from(instruction.imm as i32 / 4);
        let offset = |from: usize, to: i64| {
            let to = starts[to.clamp(0, body.len() as i64) as usize];
            (to as i32 - from as i32) * 4
        };
        let from = words.len() + 3;
        if matches!(instruction.opcode.format(), Format::Branch | Format::Jump) {
            words.extend([
                encode::immediate(0, FUEL, FUEL, -1),
                encode::branch(1, FUEL, 0, 8),
                encode::jal(0, offset(words.len() + 2, i64::MAX)),
            ]);
        }
        match instruction.opcode.format() {
            Format::Branch => {
                let (rs1, rs2) = (instruction.rs1.into(), instruction.rs2.into());
                words.push(encode::branch(
                    word >> 12 & 7,
                    rs1,
                    rs2,
                    offset(from, target),
                ));
            }
            Format::Jump if index % 2 == 0 => words.push(encode::jal(rd, offset(from, target))),
            Format::Jump => {
                let link = rd.max(1);
                let offset = offset(from, target);
                words.extend([encode::auipc(link, 0), encode::jalr(link, link, offset)]);
            }
            Format::Store | Format::Fence => words.push(*word),
            _ => words.push(word & !(31 << 7) | rd << 7),
        }
    }
    assert_eq!(words.len(), at, "the layout holds");
    words.extend([encode::immediate(0, A7, 0, EXIT), encode::ECALL]);
    words
}

fn random_programs(cases: u32, length: usize) {
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let body = prop::collection::vec(programs::instruction(), length / 2..length);
    let program = (body, 1..2000u32, any::<[u32; 32]>());
    let mut cycles = std::cell::Cell::new(0);
    let result = runner.run(&program, |(body, fuel, seeds)| {
        let segments = [
            encode::text(TEXT, &terminating(&body, fuel, &seeds)),
            encode::data(programs::DATA, &[0x9b; 4096], true),
        ];
        let elf = encode::elf(TEXT, &segments, &[]);
        cycles.set(cycles.get() + compare("a random program", &elf, &[]));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let cycles = *cycles.get_mut();
    assert!(
        cycles > u64::from(cases) * 100,
        "{cycles} cycles are too few to mean much"
    );
}

#[test]
fn random_programs_end_in_the_same_state() {
    if qemu_runs("random_programs_end_in_the_same_state") {
        random_programs(60, 400);
    }
}

#[test]
fn long_random_programs_end_in_the_same_state() {
    if qemu_runs("long_random_programs_end_in_the_same_state") {
        random_programs(8, 10_000);
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
