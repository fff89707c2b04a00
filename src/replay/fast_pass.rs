//! The fast pass: a run without columns, which leaves checkpoints if a sink wants them.
//!
//! In: a program, an input, limits. Out: the run's result, and the state before every
//! interval-th cycle in a [`CheckpointSink`]. It does not know where checkpoints go.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::checkpoint::{CheckpointSink, CheckpointState, StoreError};
use crate::limits::INTERVAL_CYCLES;
use crate::program::Program;
use crate::vm::machine::MachineError;
use crate::vm::{
    GuestMemory, Limits, Machine, MemoryKind, NoRecorder, PagedMemory, ReservedMemory, RunResult,
    Stop, TextSink, Trap,
};

/// Cycles between two looks at the cancel flag where no checkpoints are made.
const STEP_CYCLES: u64 = 1 << 24;

/// What the page table promises of every page that was stored to.
const BACKED: &str = "a dirty page is backed";

/// Why a fast pass gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassError {
    /// The guest can't go on.
    #[error(transparent)]
    Trap(#[from] Trap),
    /// No machine could be made.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The checkpoints could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The caller raised the cancel flag.
    #[error("cancelled at cycle {cycle}")]
    Cancelled {
        /// Instructions retired until then.
        cycle: u64,
    },
}

/// How to run. Nothing here but the limits can change a result.
#[derive(Clone, Copy)]
pub struct FastPass<'a> {
    /// What the guest may use.
    pub limits: Limits,
    /// Cycles between two checkpoints.
    pub interval: u64,
    /// Which memory the machine uses.
    pub memory: MemoryKind,
    /// Raised by the caller to stop the run.
    pub cancel: Option<&'a AtomicBool>,
    /// Called now and then with the number of cycles run since the last call.
    pub progress: Option<&'a (dyn Fn(u64) + Sync)>,
}

impl Default for FastPass<'_> {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            interval: INTERVAL_CYCLES,
            memory: MemoryKind::default(),
            cancel: None,
            progress: None,
        }
    }
}

/// Runs `program` on `input` to its end. With a sink, checkpoint i is the state before cycle
/// `i * interval`, and the last one is the state behind the last cycle.
///
/// # Errors
/// [`PassError`]. A sink is then left unfinished.
///
/// # Panics
/// If the interval is 0.
pub fn fast_pass(
    program: &Program,
    input: &[u8],
    pass: &FastPass<'_>,
    sink: Option<&mut dyn CheckpointSink>,
    text: &mut dyn TextSink,
) -> Result<RunResult, PassError> {
    assert!(pass.interval > 0, "an interval of at least one cycle");
    match pass.memory {
        MemoryKind::Paged => pass_with::<PagedMemory>(program, input, pass, sink, text),
        MemoryKind::Reserved => pass_with::<ReservedMemory>(program, input, pass, sink, text),
        MemoryKind::Automatic => {
            match Machine::<ReservedMemory>::new(program, input, pass.limits) {
                Ok(machine) => pass_on(machine, program, pass, sink, text),
                Err(MachineError::Memory { .. }) => {
                    pass_with::<PagedMemory>(program, input, pass, sink, text)
                }
                Err(error) => Err(error.into()),
            }
        }
    }
}

fn pass_with<M: GuestMemory>(
    program: &Program,
    input: &[u8],
    pass: &FastPass<'_>,
    sink: Option<&mut dyn CheckpointSink>,
    text: &mut dyn TextSink,
) -> Result<RunResult, PassError> {
    pass_on(
        Machine::<M>::new(program, input, pass.limits)?,
        program,
        pass,
        sink,
        text,
    )
}

fn pass_on<M: GuestMemory>(
    mut machine: Machine<M>,
    program: &Program,
    pass: &FastPass<'_>,
    mut sink: Option<&mut dyn CheckpointSink>,
    text: &mut dyn TextSink,
) -> Result<RunResult, PassError> {
    let step = if sink.is_some() {
        pass.interval
    } else {
        STEP_CYCLES
    };
    let mut exit_code = None;
    loop {
        if let Some(sink) = sink.as_deref_mut() {
            append(&mut machine, program, sink)?;
        }
        if let Some(code) = exit_code {
            break Ok(machine.finish(program, code)?);
        }
        let cycle = machine.cycle();
        if pass.cancel.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(PassError::Cancelled { cycle });
        }
        let left = pass.limits.cycles_max.saturating_sub(cycle);
        match machine.advance(program, left.min(step), &mut NoRecorder, text) {
            Stop::Budget if machine.cycle() >= pass.limits.cycles_max => {
                return Err(machine.cycle_limit(program).into());
            }
            Stop::Budget => {}
            Stop::Exit(code) => exit_code = Some(code),
            Stop::Trap(trap) => return Err(trap.into()),
        }
        pass.progress
            .inspect(|progress| progress(machine.cycle() - cycle));
    }
}

/// Hands the machine's state and the pages written since the last checkpoint to the sink.
fn append<M: GuestMemory>(
    machine: &mut Machine<M>,
    program: &Program,
    sink: &mut dyn CheckpointSink,
) -> Result<(), StoreError> {
    let state = CheckpointState {
        cycle: machine.cycle(),
        pc: machine.pc(program),
        registers: *machine.registers(),
        text_bytes: machine.text_bytes(),
        backed_pages: machine.pages().backed().len() as u64,
    };
    let digest = dirty_digest(machine);
    let (memory, pages) = machine.memory_and_pages();
    let page = |&page_index| (page_index, memory.page(page_index).expect(BACKED));
    sink.append(&state, digest, &mut pages.sorted_dirty().iter().map(page))?;
    pages.clear_dirty();
    Ok(())
}

/// Digest of the pages written since the last boundary: their numbers and their bytes.
///
/// The set of written pages follows from the guest's stores alone, so a replay of the interval
/// comes to the same digest whatever was restored before it.
pub(super) fn dirty_digest<M: GuestMemory>(machine: &mut Machine<M>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let (memory, pages) = machine.memory_and_pages();
    for &page_index in pages.sorted_dirty() {
        hasher.update(&page_index.to_le_bytes());
        hasher.update(memory.page(page_index).expect(BACKED));
    }
    *hasher.finalize().as_bytes()
}
