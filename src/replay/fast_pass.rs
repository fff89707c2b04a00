//! The fast pass: a run without columns, which leaves checkpoints if a sink wants them.
//!
//! In: a program, an input, limits. Out: the run's result, and the state before every
//! interval-th cycle in a [`CheckpointSink`]. It does not know where checkpoints go, nor on which
//! thread.

use std::sync::atomic::{AtomicBool, Ordering};

use super::image::bytes_of;
use super::intake::Intake;
use super::outlet::{Outlet, in_background};
use crate::checkpoint::{CheckpointSink, Prefix, RunIdentity, RunSummary, StoreError};
use crate::limits::INTERVAL_CYCLES;
use crate::program::Program;
use crate::vm::machine::MachineError;
use crate::vm::{
    GuestMemory, Limits, Machine, MemoryKind, NoRecorder, PagedMemory, ReservedMemory, RunResult,
    Stop, TextSink, Trap, TrapKind,
};

/// Most cycles between two looks at the cancel flag.
pub(super) const STEP_CYCLES: u64 = 1 << 24;

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
    /// Whether checkpoints are stored on a thread of their own, which the pass begins and
    /// ends, while the guest runs on; otherwise on the calling one. What a sink gets is the same.
    pub background: bool,
}

impl Default for FastPass<'_> {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            interval: INTERVAL_CYCLES,
            memory: MemoryKind::default(),
            cancel: None,
            progress: None,
            background: false,
        }
    }
}

impl FastPass<'_> {
    /// What a run of `program` on `input` with this interval is a run of.
    #[must_use]
    pub fn identity(&self, program: &Program, input: &[u8]) -> RunIdentity {
        RunIdentity {
            program_digest: program.digest(),
            input_digest: *blake3::hash(input).as_bytes(),
            interval: self.interval,
        }
    }
}

/// What a replay or a proof needs to know of `result`.
fn summary(result: &RunResult) -> RunSummary {
    RunSummary {
        exit_code: result.exit_code,
        cycles: result.cycles,
        output_bytes: result.output.len() as u64,
        output_digest: *blake3::hash(&result.output).as_bytes(),
        text_bytes: result.text_bytes,
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
    pass_from(program, input, pass, None, sink, text)
}

/// Goes on with a run that was cut short, from the last checkpoint of `prefix`; checkpoints and
/// result are those of the whole run. `sink` has the checkpoints of `prefix` already. Text that was
/// written before that checkpoint is not written again.
///
/// # Errors
/// [`PassError`]. A sink is then left unfinished.
///
/// # Panics
/// If the interval is 0.
pub fn resume_pass(
    program: &Program,
    input: &[u8],
    pass: &FastPass<'_>,
    prefix: Prefix,
    sink: &mut dyn CheckpointSink,
    text: &mut dyn TextSink,
) -> Result<RunResult, PassError> {
    pass_from(program, input, pass, Some(prefix), Some(sink), text)
}

fn pass_from(
    program: &Program,
    input: &[u8],
    pass: &FastPass<'_>,
    prefix: Option<Prefix>,
    sink: Option<&mut dyn CheckpointSink>,
    text: &mut dyn TextSink,
) -> Result<RunResult, PassError> {
    assert!(pass.interval > 0, "an interval of at least one cycle");
    match pass.memory {
        MemoryKind::Paged => pass_with::<PagedMemory>(program, input, pass, prefix, sink, text),
        MemoryKind::Reserved => {
            pass_with::<ReservedMemory>(program, input, pass, prefix, sink, text)
        }
        MemoryKind::Automatic => {
            match Machine::<ReservedMemory>::new(program, input, pass.limits) {
                Ok(machine) => pass_on(machine, program, pass, prefix, sink, text),
                Err(MachineError::Memory { .. }) => {
                    pass_with::<PagedMemory>(program, input, pass, prefix, sink, text)
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
    prefix: Option<Prefix>,
    sink: Option<&mut dyn CheckpointSink>,
    text: &mut dyn TextSink,
) -> Result<RunResult, PassError> {
    pass_on(
        Machine::<M>::new(program, input, pass.limits)?,
        program,
        pass,
        prefix,
        sink,
        text,
    )
}

fn pass_on<M: GuestMemory>(
    mut machine: Machine<M>,
    program: &Program,
    pass: &FastPass<'_>,
    prefix: Option<Prefix>,
    sink: Option<&mut dyn CheckpointSink>,
    text: &mut dyn TextSink,
) -> Result<RunResult, PassError> {
    let Some(sink) = sink else {
        return run(&mut machine, program, pass, 0, &mut Outlet::Nowhere, text);
    };
    let mut boundary = 0;
    if let Some(prefix) = &prefix {
        restore(&mut machine, program, prefix)?;
        // The checkpoint it stands at is there.
        boundary = next_boundary(machine.cycle(), pass.interval);
    }
    let mut intake = Intake::new(program, sink);
    let mut run =
        |outlet: &mut Outlet<'_, '_>| run(&mut machine, program, pass, boundary, outlet, text);
    let ran = match pass.background {
        true => in_background(intake, run),
        false => run(&mut Outlet::Here(&mut intake)),
    };
    match &ran {
        Ok(result) => sink.finish(&summary(result))?,
        Err(PassError::Trap(trap)) if !is_limit(trap) => sink.discard(),
        Err(_) => {}
    }
    ran
}

/// Runs the machine from where it stands to its end, and leaves checkpoints at `outlet`, the first of them
/// before cycle `boundary`.
fn run<M: GuestMemory>(
    machine: &mut Machine<M>,
    program: &Program,
    pass: &FastPass<'_>,
    mut boundary: u64,
    outlet: &mut Outlet<'_, '_>,
    text: &mut dyn TextSink,
) -> Result<RunResult, PassError> {
    let takes = !matches!(outlet, Outlet::Nowhere);
    let mut exit_code = None;
    loop {
        let cycle = machine.cycle();
        if takes && (cycle == boundary || exit_code.is_some()) {
            outlet.append(machine, program)?;
            boundary = next_boundary(cycle, pass.interval);
        }
        if let Some(code) = exit_code {
            break Ok(machine.finish(program, code)?);
        }
        if pass.cancel.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(PassError::Cancelled { cycle });
        }
        let left = pass.limits.cycles_max.saturating_sub(cycle);
        let mut step = left.min(STEP_CYCLES);
        if takes {
            step = step.min(boundary - cycle);
        }
        match machine.advance(program, step, &mut NoRecorder, text) {
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

/// The end of the interval that begins at or before `cycle`.
pub(super) fn next_boundary(cycle: u64, interval: u64) -> u64 {
    // A stranger's checkpoints may claim any interval.
    (cycle / interval + 1).saturating_mul(interval)
}

/// Whether a run that ended so could go on with more room, so that its checkpoints are worth keeping.
fn is_limit(trap: &Trap) -> bool {
    matches!(
        trap.kind,
        TrapKind::CycleLimit { .. } | TrapKind::MemoryLimit { .. } | TrapKind::TextLimit { .. }
    )
}

/// Brings a machine before its first cycle to the last checkpoint of `prefix`.
fn restore<M: GuestMemory>(
    machine: &mut Machine<M>,
    program: &Program,
    prefix: &Prefix,
) -> Result<(), PassError> {
    let state = prefix.state();
    let trap = |kind| Trap {
        kind,
        pc: state.pc,
        cycle: state.cycle,
        address: None,
    };
    let mut restored: Result<(), PassError> = Ok(());
    prefix.for_each_page(&mut |page| {
        // All of them, so that as many are backed as were.
        let bytes = bytes_of(program, page.page_index, page.content);
        let set = machine.set_page(page.page_index, &bytes);
        if restored.is_ok() {
            restored = set.map_err(|kind| trap(kind).into());
        }
    });
    restored?;
    let (cycle, pc) = (state.cycle, state.pc);
    machine.set_state(program, cycle, pc, &state.registers, state.text_bytes);
    Ok(())
}
