//! The engines, each as a function from a subject to an exit code and the seconds it took.
//!
//! In: a program and its input. Out: seconds from the first cycle to the last; what an engine does
//! before (memory, decoding where it is separate) is not counted, as it is not for ours.

use std::time::Instant;

use ckb_vm::machine::VERSION2;
use ckb_vm::{
    CoreMachine, DefaultCoreMachine, DefaultMachineBuilder, DefaultMachineRunner, ISA_IMC,
    SupportMachine, Syscalls, TraceMachine,
};
use rrs_lib::HartState;
use rrs_lib::instruction_executor::InstructionExecutor;
use rvsim::{CpuError, CpuState, Interp, SimpleClock};
use tracelane::Program;
use tracelane::limits::CHUNK_ROWS;
use tracelane::trace::chunk::Chunk;
use tracelane::trace::columns::Column;
use tracelane::trace::record::record;
use tracelane::vm::{DiscardText, Limits, Machine, ReservedMemory, Stop};

use crate::ckb::CkbMemory;
use crate::flat::Flat;

const ECALL: u32 = 0x73;
const A0: usize = 10;
const A2: usize = 12;
const A7: usize = 17;

/// What a run is made of.
pub struct Subject {
    /// The program.
    pub program: Program,
    /// Its input.
    pub input: Vec<u8>,
}

/// Our fast pass.
pub fn ours(subject: &Subject) -> (u32, f64) {
    let Subject { program, input, .. } = subject;
    let mut machine =
        Machine::<ReservedMemory>::new(program, input, Limits::default()).expect("a machine");
    let start = Instant::now();
    let result = machine.run(program, &mut DiscardText).expect("a run");
    (result.exit_code, start.elapsed().as_secs_f64())
}

/// Our record pass, all raw columns.
pub fn ours_recording(subject: &Subject) -> (u32, f64) {
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

/// rvsim.
pub fn rvsim(subject: &Subject) -> (u32, f64) {
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

/// rrs-lib.
pub fn rrs(subject: &Subject) -> (u32, f64) {
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

/// Our host calls, for ckb-vm; it knows 93 itself.
struct HostCalls;

impl<M: SupportMachine> Syscalls<M> for HostCalls {
    fn initialize(&mut self, _: &mut M) -> Result<(), ckb_vm::Error> {
        Ok(())
    }

    fn ecall(&mut self, machine: &mut M) -> Result<bool, ckb_vm::Error> {
        let value = machine.registers()[A2].clone();
        machine.set_register(A0, value);
        Ok(true)
    }
}

/// ckb-vm's interpreter, the faster of its two portable ones. Its assembly executes RV64 only.
pub fn ckb_vm(subject: &Subject) -> (u32, f64) {
    let mut core =
        DefaultCoreMachine::<u32, CkbMemory>::new_with_memory(ISA_IMC, VERSION2, u64::MAX, 0);
    *core.memory_mut() = CkbMemory::new(&subject.program, &subject.input);
    core.update_pc(subject.program.entry());
    core.commit_pc();
    let machine = DefaultMachineBuilder::new(core).syscall(Box::new(HostCalls));
    let mut machine = TraceMachine::new(machine.build());
    let start = Instant::now();
    let code = machine.run().expect("ckb-vm runs the guest");
    (code as u32, start.elapsed().as_secs_f64())
}
