//! Lock step with two simulators from the registry: registers and pc equal after every step, and after
//! pieces of any other length, on every guest and on random programs.

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
use tracelane::vm::{
    DiscardText, GuestMemory, Limits, Machine, NoRecorder, PagedMemory, ReservedMemory, Stop,
};

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
        // It does not know this one, which does nothing.
        if self.1.word(self.0.pc) == encode::FENCE_I {
            self.0.pc += 4;
            return;
        }
        let mut executor = InstructionExecutor {
            mem: &mut self.1,
            hart_state: &mut self.0,
        };
        executor
            .step()
            .unwrap_or_else(|error| panic!("rrs-lib: {error:?}"));
    }
}

/// Runs both to the guest's end, ours in pieces of `budgets` cycles; returns how many it ran.
fn lockstep<P: Peer, M: GuestMemory>(
    name: &str,
    program: &Program,
    input: &[u8],
    budgets: &[u64],
) -> u64 {
    let mut ours = Machine::<M>::new(program, input, Limits::default()).expect("a machine");
    let mut peer = P::new(PeerMemory::new(program, input), program.entry());
    for budget in budgets.iter().cycle() {
        let start = ours.cycle();
        let stop = ours.advance(program, *budget, &mut NoRecorder, &mut DiscardText);
        let at = || format!("{name}, cycles {start} to {}", ours.cycle());
        let exit = match stop {
            Stop::Budget => None,
            Stop::Exit(code) => Some(code),
            Stop::Trap(trap) => panic!("{}: {trap}", at()),
        };
        let retired = ours.cycle() - start;
        // The call that ends the run is ours alone.
        for _ in 0..retired - u64::from(exit.is_some()) {
            follow(&mut peer, program, name);
        }
        if let Some(code) = exit {
            assert_eq!(program.word_at(*peer.pc()), Some(ECALL), "{}", at());
            assert!([0, 93].contains(&peer.registers()[A7]), "{}", at());
            assert_eq!(code, peer.registers()[A0], "{}", at());
            *peer.pc() += 4;
        }
        // The peers may keep what they please in their x0.
        assert_eq!(ours.registers()[1..], peer.registers()[1..], "{}", at());
        assert_eq!(ours.pc(program), *peer.pc(), "{}", at());
        if exit.is_some() {
            break;
        }
    }
    ours.cycle()
}

/// One step of a peer; of the host calls it knows none, so a write is carried out here.
fn follow<P: Peer>(peer: &mut P, program: &Program, name: &str) {
    if program.word_at(*peer.pc()) == Some(ECALL) {
        assert_eq!(peer.registers()[A7], 64, "{name}");
        peer.registers()[A0] = peer.registers()[A2];
        *peer.pc() += 4;
    } else {
        peer.step();
    }
}

/// Step by step, and in pieces that end within blocks and behind many.
fn both_ways<P: Peer>(name: &str, program: &Program, input: &[u8]) -> u64 {
    let cycles = lockstep::<P, PagedMemory>(name, program, input, &[1]);
    let pieces = [1, 2, 3, 7, 1024, 5, 64];
    let again = lockstep::<P, ReservedMemory>(name, program, input, &pieces);
    assert_eq!(cycles, again, "{name}");
    cycles
}

fn all_guests<P: Peer>() {
    for guest in ALL {
        let input = guest.input(16);
        let program = Program::from_elf(&guest.elf()).expect(guest.name);
        let pass = FastPass::default();
        let result = fast_pass(&program, &input, &pass, None, &mut DiscardText);
        let expected = result.expect(guest.name).cycles;
        let cycles = both_ways::<P>(guest.name, &program, &input);
        assert_eq!(cycles, expected, "{} ran to its end", guest.name);
    }
}

/// 300 random programs, the same ones every time.
fn random_programs<P: Peer>() {
    let mut runner = TestRunner::deterministic();
    let mut cycles = 0;
    for index in 0..300 {
        let tree = programs::terminating(20..200, 1..8)
            .new_tree(&mut runner)
            .expect("a program");
        let segments = programs::segments(&tree.current().words());
        let elf = encode::elf(programs::TEXT, &segments, &[]);
        let program = Program::from_elf(&elf).expect("a sound ELF");
        cycles += both_ways::<P>(&format!("program {index}"), &program, &[]);
    }
    assert!(cycles > 200_000, "{cycles} cycles are too few to mean much");
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
