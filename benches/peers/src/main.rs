//! Cycles a second of this engine and of others, guest by guest, in one process and one table.
//!
//! Every engine runs the same ELF on the same input to the same exit code. Interpreters run in this
//! process, one after the other on each guest; `qemu-riscv32`, where it is installed, runs as a
//! process of its own. Medians.

#[path = "../../../tests/support/encode.rs"]
mod encode;
#[path = "../../../tests/support/guests.rs"]
mod guests;
#[path = "../../../tests/support/linux.rs"]
mod linux;

mod ckb;
mod engines;
mod flat;
mod qemu;

use engines::Subject;
use guests::{ALL, Guest};
use tracelane::Program;
use tracelane::vm::{DiscardText, Limits, Machine, ReservedMemory};

const CYCLES_LOG2: u32 = 22;
const RUNS: usize = 5;

/// The median of what `run` says.
fn median(runs: usize, run: impl FnMut() -> f64) -> f64 {
    let mut values: Vec<f64> = std::iter::repeat_with(run).take(runs).collect();
    values.sort_by(f64::total_cmp);
    values[runs / 2]
}

fn subject(guest: &Guest) -> Subject {
    let program = Program::from_elf(&guest.elf()).expect(guest.name);
    Subject {
        program,
        input: guest.input(CYCLES_LOG2),
    }
}

fn main() {
    type Engine = (&'static str, fn(&Subject) -> (u32, f64));
    let engines: [Engine; 5] = [
        ("fast pass", engines::ours),
        ("record pass", engines::ours_recording),
        ("rvsim", engines::rvsim),
        ("rrs-lib", engines::rrs),
        ("ckb-vm", engines::ckb_vm),
    ];
    let with_qemu = linux::qemu_runs();
    let mut names: Vec<&str> = engines.iter().map(|(name, _)| *name).collect();
    if with_qemu {
        names.push(linux::QEMU);
    } else {
        println!("{} is not installed: its column is left out", linux::QEMU);
    }
    print!("{:12}", "M cycles/s");
    names.iter().for_each(|name| print!("{name:>13}"));
    println!();
    let mut logs = vec![0.0; names.len()];
    for guest in ALL {
        let subject = subject(guest);
        let mut machine =
            Machine::<ReservedMemory>::new(&subject.program, &subject.input, Limits::default())
                .expect("a machine");
        let cycles = machine
            .run(&subject.program, &mut DiscardText)
            .expect("a run")
            .cycles;
        let mut rates: Vec<f64> = engines
            .iter()
            .map(|(_, engine)| {
                let seconds = median(RUNS, || {
                    let (code, seconds) = engine(&subject);
                    assert_eq!(code, 0);
                    seconds
                });
                cycles as f64 / seconds / 1e6
            })
            .collect();
        if with_qemu {
            rates.push(qemu::rate(guest, RUNS));
        }
        print!("{:12}", guest.name);
        for (rate, log) in rates.iter().zip(&mut logs) {
            *log += rate.ln();
            print!("{rate:13.0}");
        }
        println!();
    }
    print!("{:12}", "geometric");
    logs.iter()
        .for_each(|log| print!("{:13.0}", (log / ALL.len() as f64).exp()));
    println!();
}
