//! Cycles a second of this engine and of others, guest by guest, in one process and one table.
//!
//! Every engine runs the same ELF on the same input to the same exit code. Others get memory as one
//! flat vector up to the end of the output's first pages, which is their fastest. Medians.

#[path = "../../../tests/support/guests.rs"]
mod guests;

use std::time::Instant;

use guests::{ALL, Guest};
use rrs_lib::instruction_executor::InstructionExecutor;
use rrs_lib::{HartState, MemAccessSize};
use rvsim::{CpuError, CpuState, Interp, MemoryAccess, SimpleClock};
use tracelane::Program;
use tracelane::limits::{CHUNK_ROWS, INPUT_BASE, OUTPUT_BASE, REGION_HEADER_BYTES};
use tracelane::trace::chunk::Chunk;
use tracelane::trace::columns::Column;
use tracelane::trace::record::record;
use tracelane::vm::{DiscardText, Limits, Machine, ReservedMemory, Stop};

const CYCLES_LOG2: u32 = 22;
const RUNS: usize = 5;
const MEMORY_BYTES: usize = OUTPUT_BASE as usize + (64 << 20);
const ECALL: u32 = 0x73;
const A0: usize = 10;
const A2: usize = 12;
const A7: usize = 17;

struct Flat(Vec<u8>);

impl Flat {
    fn new(program: &Program, input: &[u8]) -> Self {
        let mut bytes = vec![0; MEMORY_BYTES];
        for segment in program.segments() {
            let at = segment.address as usize;
            bytes[at..at + segment.file.len()].copy_from_slice(&segment.file);
        }
        let at = INPUT_BASE as usize;
        bytes[at..at + 4].copy_from_slice(&(input.len() as u32).to_le_bytes());
        let at = at + REGION_HEADER_BYTES as usize;
        bytes[at..at + input.len()].copy_from_slice(input);
        Self(bytes)
    }

    fn word(&self, address: u32) -> u32 {
        let at = address as usize;
        u32::from_le_bytes(self.0[at..at + 4].try_into().expect("four bytes"))
    }
}

impl rvsim::Memory for Flat {
    fn access<T: Copy>(&mut self, address: u32, access: MemoryAccess<T>) -> bool {
        rvsim::Memory::access(self.0.as_mut_slice(), address, access)
    }
}

impl rrs_lib::Memory for Flat {
    fn read_mem(&mut self, address: u32, size: MemAccessSize) -> Option<u32> {
        let at = address as usize;
        Some(match size {
            MemAccessSize::Byte => u32::from(*self.0.get(at)?),
            MemAccessSize::HalfWord => {
                u32::from(u16::from_le_bytes(self.0.get(at..at + 2)?.try_into().ok()?))
            }
            MemAccessSize::Word => u32::from_le_bytes(self.0.get(at..at + 4)?.try_into().ok()?),
        })
    }

    fn write_mem(&mut self, address: u32, size: MemAccessSize, value: u32) -> bool {
        let width = match size {
            MemAccessSize::Byte => 1,
            MemAccessSize::HalfWord => 2,
            MemAccessSize::Word => 4,
        };
        let at = address as usize;
        let Some(bytes) = self.0.get_mut(at..at + width) else {
            return false;
        };
        bytes.copy_from_slice(&value.to_le_bytes()[..width]);
        true
    }
}

/// What a run is made of.
struct Subject {
    program: Program,
    input: Vec<u8>,
}

fn ours(subject: &Subject) -> (u32, f64) {
    let Subject { program, input, .. } = subject;
    let mut machine =
        Machine::<ReservedMemory>::new(program, input, Limits::default()).expect("a machine");
    let start = Instant::now();
    let result = machine.run(program, &mut DiscardText).expect("a run");
    (result.exit_code, start.elapsed().as_secs_f64())
}

fn ours_recording(subject: &Subject) -> (u32, f64) {
    let Subject { program, input, .. } = subject;
    let mut machine =
        Machine::<ReservedMemory>::new(program, input, Limits::default()).expect("a machine");
    let mut chunk = Chunk::new(CHUNK_ROWS);
    let start = Instant::now();
    loop {
        chunk.begin(machine.cycle(), Column::raw_set());
        match record(&mut machine, program, CHUNK_ROWS, &mut chunk) {
            Stop::Budget => {}
            Stop::Exit(code) => return (code, start.elapsed().as_secs_f64()),
            Stop::Trap(trap) => panic!("{trap}"),
        }
    }
}

fn rvsim(subject: &Subject) -> (u32, f64) {
    let mut memory = Flat::new(&subject.program, &subject.input);
    let mut state = CpuState::new(subject.program.entry());
    let mut clock = SimpleClock::new();
    let start = Instant::now();
    loop {
        let (error, _) = Interp::new(&mut state, &mut memory, &mut clock).run();
        assert_eq!(error, CpuError::Ecall);
        match state.x[A7] {
            93 => return (state.x[A0], start.elapsed().as_secs_f64()),
            _ => state.x[A0] = state.x[A2],
        }
    }
}

fn rrs(subject: &Subject) -> (u32, f64) {
    let mut memory = Flat::new(&subject.program, &subject.input);
    let mut hart = HartState::new();
    hart.pc = subject.program.entry();
    let start = Instant::now();
    loop {
        let mut executor = InstructionExecutor {
            mem: &mut memory,
            hart_state: &mut hart,
        };
        if executor.step().is_ok() {
            continue;
        }
        assert_eq!(memory.word(hart.pc), ECALL);
        match hart.registers[A7] {
            93 => return (hart.registers[A0], start.elapsed().as_secs_f64()),
            _ => hart.registers[A0] = hart.registers[A2],
        }
        hart.pc += 4;
    }
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
    let engines: [Engine; 4] = [
        ("fast pass", ours),
        ("record pass", ours_recording),
        ("rvsim", rvsim),
        ("rrs-lib", rrs),
    ];
    print!("{:12}", "M cycles/s");
    engines.iter().for_each(|(name, _)| print!("{name:>13}"));
    println!();
    let mut logs = [0.0; 4];
    for guest in ALL {
        let subject = subject(guest);
        let mut machine =
            Machine::<ReservedMemory>::new(&subject.program, &subject.input, Limits::default())
                .expect("a machine");
        let cycles = machine
            .run(&subject.program, &mut DiscardText)
            .expect("a run")
            .cycles;
        print!("{:12}", guest.name);
        for ((_, engine), log) in engines.iter().zip(&mut logs) {
            let mut seconds: Vec<f64> = (0..RUNS)
                .map(|_| {
                    let (code, seconds) = engine(&subject);
                    assert_eq!(code, 0);
                    seconds
                })
                .collect();
            seconds.sort_by(f64::total_cmp);
            let rate = cycles as f64 / seconds[RUNS / 2] / 1e6;
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
