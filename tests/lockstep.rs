//! Lock step with two simulators from the registry: registers and pc equal after every step, on
//! every guest.

#[path = "support/encode.rs"]
mod encode;
#[path = "support/guests.rs"]
mod guests;
#[path = "support/programs.rs"]
mod programs;

use std::collections::HashMap;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use rrs_lib::instruction_executor::InstructionExecutor;
use rrs_lib::{HartState, MemAccessSize};
use rvsim::{CpuState, Interp, MemoryAccess, SimpleClock};
use tracelane::Program;
use tracelane::limits::{INPUT_BASE, REGION_HEADER_BYTES};
use tracelane::replay::{FastPass, fast_pass};
use tracelane::vm::{DiscardText, Limits, Machine, NoRecorder, PagedMemory, Stop};

use guests::ALL;

const PAGE: usize = 4096;
const ECALL: u32 = 0x73;
const A0: usize = 10;
const A2: usize = 12;
const A7: usize = 17;

/// Sparse memory for both peers.
#[derive(Clone, Default)]
struct PeerMemory(HashMap<u32, Box<[u8]>>);

impl PeerMemory {
    /// Program and input as they lie before the first cycle.
    fn new(program: &Program, input: &[u8]) -> Self {
        let mut memory = Self::default();
        for segment in program.segments() {
            memory.fill(segment.address, &segment.file);
        }
        memory.fill(INPUT_BASE, &(input.len() as u32).to_le_bytes());
        memory.fill(INPUT_BASE + REGION_HEADER_BYTES, input);
        memory
    }

    fn fill(&mut self, address: u32, bytes: &[u8]) {
        for (offset, byte) in bytes.iter().enumerate() {
            let at = address + offset as u32;
            self.page(at)[at as usize % PAGE] = *byte;
        }
    }

    fn page(&mut self, address: u32) -> &mut [u8] {
        self.0
            .entry(address / PAGE as u32)
            .or_insert_with(|| vec![0; PAGE].into())
    }

    fn word(&mut self, address: u32) -> u32 {
        let offset = address as usize % PAGE;
        let bytes = self.page(address)[offset..offset + 4]
            .try_into()
            .expect("four bytes");
        u32::from_le_bytes(bytes)
    }
}

impl rvsim::Memory for PeerMemory {
    fn access<T: Copy>(&mut self, address: u32, access: MemoryAccess<T>) -> bool {
        rvsim::Memory::access(self.page(address), address % PAGE as u32, access)
    }
}

impl rrs_lib::Memory for PeerMemory {
    fn read_mem(&mut self, address: u32, size: MemAccessSize) -> Option<u32> {
        let word = self.word(address & !3) >> (address % 4 * 8);
        Some(match size {
            MemAccessSize::Byte => word & 0xff,
            MemAccessSize::HalfWord => word & 0xffff,
            MemAccessSize::Word => word,
        })
    }

    fn write_mem(&mut self, address: u32, size: MemAccessSize, value: u32) -> bool {
        let width = match size {
            MemAccessSize::Byte => 1,
            MemAccessSize::HalfWord => 2,
            MemAccessSize::Word => 4,
        };
        self.fill(address, &value.to_le_bytes()[..width]);
        true
    }
}

/// A simulator that can be stepped beside ours.
trait Peer {
    fn new(memory: PeerMemory, pc: u32) -> Self;
    fn registers(&mut self) -> &mut [u32; 32];
    fn pc(&mut self) -> &mut u32;
    /// One instruction that is no host call.
    fn step(&mut self);
}

struct Rvsim(CpuState, PeerMemory, SimpleClock);

impl Peer for Rvsim {
    fn new(memory: PeerMemory, pc: u32) -> Self {
        Self(CpuState::new(pc), memory, SimpleClock::new())
    }
    fn registers(&mut self) -> &mut [u32; 32] {
        &mut self.0.x
    }
    fn pc(&mut self) -> &mut u32 {
        &mut self.0.pc
    }
    fn step(&mut self) {
        let stepped = Interp::new(&mut self.0, &mut self.1, &mut self.2).step();
        stepped.unwrap_or_else(|error| panic!("rvsim: {error:?}"));
    }
}

struct Rrs(HartState, PeerMemory);

impl Peer for Rrs {
    fn new(memory: PeerMemory, pc: u32) -> Self {
        let mut hart = HartState::new();
        hart.pc = pc;
        Self(hart, memory)
    }
    fn registers(&mut self) -> &mut [u32; 32] {
        &mut self.0.registers
    }
    fn pc(&mut self) -> &mut u32 {
        &mut self.0.pc
    }
    fn step(&mut self) {
        let mut executor = InstructionExecutor {
            mem: &mut self.1,
            hart_state: &mut self.0,
        };
        executor
            .step()
            .unwrap_or_else(|error| panic!("rrs-lib: {error:?}"));
    }
}

/// Steps both until the guest ends, traps, or has run `cycles_max` cycles; returns how many it ran.
fn lockstep<P: Peer>(name: &str, program: &Program, input: &[u8], cycles_max: u64) -> u64 {
    let mut ours =
        Machine::<PagedMemory>::new(program, input, Limits::default()).expect("a machine");
    let mut peer = P::new(PeerMemory::new(program, input), program.entry());
    while ours.cycle() < cycles_max {
        let pc = *peer.pc();
        let calls = program.word_at(pc) == Some(ECALL);
        let (number, a2) = (peer.registers()[A7], peer.registers()[A2]);
        match ours.advance(program, 1, &mut NoRecorder, &mut DiscardText) {
            Stop::Budget => {}
            Stop::Exit(code) => {
                assert!(calls && (number == 93 || number == 0), "{name}");
                assert_eq!(code, peer.registers()[A0], "{name}");
                break;
            }
            // What the peers would do on a page or in a place that is no guest's is their own.
            Stop::Trap(_) => break,
        }
        if calls {
            assert_eq!(number, 64, "{name}");
            peer.registers()[A0] = a2;
            *peer.pc() += 4;
        } else {
            peer.step();
        }
        let at = || {
            format!(
                "{name}, cycle {}: {}",
                ours.cycle(),
                program.disassemble(pc)
            )
        };
        // The peers may keep what they please in their x0.
        assert_eq!(ours.registers()[1..], peer.registers()[1..], "{}", at());
        assert_eq!(ours.pc(program), *peer.pc(), "{}", at());
    }
    ours.cycle()
}

fn all_guests<P: Peer>() {
    for guest in ALL {
        let input = guest.input(16);
        let program = Program::from_elf(&guest.elf()).expect(guest.name);
        let pass = FastPass::default();
        let result = fast_pass(&program, &input, &pass, None, &mut DiscardText);
        let expected = result.expect(guest.name).cycles;
        let cycles = lockstep::<P>(guest.name, &program, &input, u64::MAX);
        assert_eq!(cycles, expected, "{} ran to its end", guest.name);
    }
}

/// 300 random programs, the same ones every time.
fn random_programs<P: Peer>() {
    let mut runner = TestRunner::deterministic();
    let mut cycles = 0;
    for index in 0..300 {
        let tree = programs::program(200)
            .new_tree(&mut runner)
            .expect("a program");
        let segments = [
            encode::text(0x0001_0000, &tree.current()),
            encode::data(programs::DATA, &[0x9b; 256], true),
        ];
        let elf = encode::elf(0x0001_0000, &segments, &[]);
        let program = Program::from_elf(&elf).expect("a sound ELF");
        cycles += lockstep::<P>(&format!("program {index}"), &program, &[], 2000);
    }
    assert!(cycles > 30_000, "{cycles} cycles are too few to mean much");
}

#[test]
fn rvsim_agrees_after_every_step() {
    all_guests::<Rvsim>();
    random_programs::<Rvsim>();
}

#[test]
fn rrs_lib_agrees_after_every_step() {
    all_guests::<Rrs>();
    random_programs::<Rrs>();
}
