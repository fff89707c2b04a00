//! Lock step with two simulators from the registry: registers and pc equal after every step, on
//! every guest.

#[path = "support/guests.rs"]
mod guests;

use std::collections::HashMap;

use rrs_lib::instruction_executor::InstructionExecutor;
use rrs_lib::{HartState, MemAccessSize};
use rvsim::{CpuState, Interp, MemoryAccess, SimpleClock};
use tracelane::Program;
use tracelane::limits::{INPUT_BASE, REGION_HEADER_BYTES};
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
    fn memory(&mut self) -> &mut PeerMemory;
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
    fn memory(&mut self) -> &mut PeerMemory {
        &mut self.1
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
    fn memory(&mut self) -> &mut PeerMemory {
        &mut self.1
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

fn lockstep<P: Peer>() {
    for guest in ALL {
        let input = guest.input(16);
        let program = Program::from_elf(&guest.elf()).expect(guest.name);
        let mut ours =
            Machine::<PagedMemory>::new(&program, &input, Limits::default()).expect("a machine");
        let mut peer = P::new(PeerMemory::new(&program, &input), program.entry());
        loop {
            let pc = *peer.pc();
            let calls = peer.memory().word(pc) == ECALL;
            let (number, a2) = (peer.registers()[A7], peer.registers()[A2]);
            match ours.advance(&program, 1, &mut NoRecorder, &mut DiscardText) {
                Stop::Budget => {}
                Stop::Exit(code) => {
                    assert!(calls && number == 93, "{}", guest.name);
                    assert_eq!(code, peer.registers()[A0], "{}", guest.name);
                    break;
                }
                Stop::Trap(trap) => panic!("{}: {trap}", guest.name),
            }
            if calls {
                assert_eq!(number, 64, "{}", guest.name);
                peer.registers()[A0] = a2;
                *peer.pc() += 4;
            } else {
                peer.step();
            }
            let at = || {
                format!(
                    "{}, cycle {}: {}",
                    guest.name,
                    ours.cycle(),
                    program.disassemble(pc)
                )
            };
            assert_eq!(ours.registers(), peer.registers(), "{}", at());
            assert_eq!(ours.pc(&program), *peer.pc(), "{}", at());
        }
        assert!(ours.cycle() > 1 << 12, "{} did real work", guest.name);
    }
}

#[test]
fn rvsim_agrees_after_every_step() {
    lockstep::<Rvsim>();
}

#[test]
fn rrs_lib_agrees_after_every_step() {
    lockstep::<Rrs>();
}
