//! Cycles a second of `qemu-riscv32`, which translates to the host's own code, from outside.
//!
//! In: a guest. Out: its rate, or nothing where the emulator is not installed. What starting a process
//! and translating costs is taken out: the rate is the slope between a short run and a long one.

use std::process::Stdio;
use std::time::Instant;

use tracelane::Program;
use tracelane::vm::{DiscardText, Limits, Machine, ReservedMemory};

use crate::guests::Guest;
use crate::linux;

const SHORT_CYCLES_LOG2: u32 = 24;
const LONG_CYCLES_LOG2: u32 = 28;

/// Cycles that a run of the program takes, and the median of the seconds qemu takes for it.
fn run(program: &Program, input: &[u8], runs: usize) -> (u64, f64) {
    let machine = Machine::<ReservedMemory>::new(program, input, Limits::default());
    let result = machine.expect("a machine").run(program, &mut DiscardText);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = linux::qemu(folder.path(), &linux::elf(program, input));
    command.stdout(Stdio::null());
    let seconds = crate::median(runs, || {
        let start = Instant::now();
        assert!(command.status().expect(linux::QEMU).success());
        start.elapsed().as_secs_f64()
    });
    (result.expect("a run").cycles, seconds)
}

/// M cycles a second.
pub fn rate(guest: &Guest, runs: usize) -> f64 {
    let program = Program::from_elf(&guest.elf()).expect(guest.name);
    let [short, long] = [SHORT_CYCLES_LOG2, LONG_CYCLES_LOG2]
        .map(|cycles_log2| run(&program, &guest.input(cycles_log2), runs));
    (long.0 - short.0) as f64 / (long.1 - short.1) / 1e6
}
