//! The fast pass: a run without columns, which leaves checkpoints if a sink wants them.
//!
//! In: a program, an input, limits. Out: the run's result, and the state before every
//! interval-th cycle in a [`CheckpointSink`]. It does not know where checkpoints go.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::checkpoint::{
    CheckpointSink, CheckpointState, PageChange, PageContent, PageVersions, Prefix, RunIdentity,
    RunSummary, StoreError, WrittenDigest, WrittenPage, zero_digest,
};
use crate::limits::{INTERVAL_CYCLES, PAGE_BYTES};
use crate::program::Program;
use crate::vm::machine::MachineError;
use crate::vm::{
    GuestMemory, Limits, Machine, MemoryKind, NoRecorder, PagedMemory, ReservedMemory, RunResult,
    Stop, TextSink, Trap, TrapKind,
};

/// Most cycles between two looks at the cancel flag.
pub(super) const STEP_CYCLES: u64 = 1 << 24;

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
    mut sink: Option<&mut dyn CheckpointSink>,
    text: &mut dyn TextSink,
) -> Result<RunResult, PassError> {
    let mut versions = PageVersions::default();
    let mut boundary = 0;
    if let Some(prefix) = prefix {
        restore(&mut machine, program, &prefix, &mut versions)?;
        boundary = next_boundary(machine.cycle(), pass.interval);
    }
    let mut exit_code = None;
    loop {
        let cycle = machine.cycle();
        if let Some(sink) = sink.as_deref_mut()
            && (cycle == boundary || exit_code.is_some())
        {
            append(&mut machine, program, &mut versions, sink)?;
            boundary = next_boundary(cycle, pass.interval);
        }
        if let Some(code) = exit_code {
            let result = match machine.finish(program, code) {
                Ok(result) => result,
                Err(trap) => return Err(failed(trap, sink)),
            };
            if let Some(sink) = sink {
                sink.finish(&summary(&result))?;
            }
            break Ok(result);
        }
        if pass.cancel.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(PassError::Cancelled { cycle });
        }
        let left = pass.limits.cycles_max.saturating_sub(cycle);
        let mut step = left.min(STEP_CYCLES);
        if sink.is_some() {
            step = step.min(boundary - cycle);
        }
        match machine.advance(program, step, &mut NoRecorder, text) {
            Stop::Budget if machine.cycle() >= pass.limits.cycles_max => {
                return Err(failed(machine.cycle_limit(program), sink));
            }
            Stop::Budget => {}
            Stop::Exit(code) => exit_code = Some(code),
            Stop::Trap(trap) => return Err(failed(trap, sink)),
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

/// The error of a run that can't go on, whose checkpoints are only worth keeping if it can with more
/// room.
fn failed(trap: Trap, sink: Option<&mut dyn CheckpointSink>) -> PassError {
    let limit = matches!(
        trap.kind,
        TrapKind::CycleLimit { .. } | TrapKind::MemoryLimit { .. } | TrapKind::TextLimit { .. }
    );
    if let Some(sink) = sink.filter(|_| !limit) {
        sink.discard();
    }
    trap.into()
}

/// Brings a machine before its first cycle to the last checkpoint of `prefix`.
fn restore<M: GuestMemory>(
    machine: &mut Machine<M>,
    program: &Program,
    prefix: &Prefix,
    versions: &mut PageVersions,
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
        let (page_index, image) = (page.page_index, image_digest(program, page.page_index));
        versions.set(page_index, image, page.stored);
        if page.image.is_some_and(|claimed| claimed != image) && restored.is_ok() {
            restored = Err(prefix.damaged("a page as the program leaves it").into());
        }
        let mut bytes = [0; PAGE_BYTES];
        match page.content {
            PageContent::Bytes(stored) => bytes = *stored,
            PageContent::Image => {
                program.copy_page(page_index, &mut bytes);
            }
            PageContent::Zero => {}
        }
        // All of them, so that as many are backed as were.
        let set = machine.set_page(page_index, &bytes);
        if restored.is_ok() {
            restored = set.map_err(|kind| trap(kind).into());
        }
    });
    restored?;
    let (cycle, pc) = (state.cycle, state.pc);
    machine.set_state(program, cycle, pc, &state.registers, state.text_bytes);
    Ok(())
}

/// Hands the machine's state and the pages written since the last checkpoint to the sink.
fn append<M: GuestMemory>(
    machine: &mut Machine<M>,
    program: &Program,
    versions: &mut PageVersions,
    sink: &mut dyn CheckpointSink,
) -> Result<(), StoreError> {
    let (cycle, pc, registers) = (machine.cycle(), machine.pc(program), *machine.registers());
    let text_bytes = machine.text_bytes();
    let (memory, pages) = machine.memory_and_pages();
    let mut dirty = WrittenDigest::default();
    let mut written = Vec::new();
    for &page_index in pages.sorted_dirty() {
        let bytes = memory.page(page_index).expect(BACKED);
        let digest = *blake3::hash(bytes).as_bytes();
        dirty.add(page_index, &digest);
        let change = versions.change(page_index, digest, || image_digest(program, page_index));
        written.push(WrittenPage {
            page_index,
            digest,
            content: match change {
                PageChange::Image => Some(PageContent::Image),
                PageChange::Zero => Some(PageContent::Zero),
                PageChange::Stored => None,
                PageChange::New => Some(PageContent::Bytes(bytes)),
            },
        });
    }
    let dirty_digest = dirty.finish();
    let state = CheckpointState {
        cycle,
        pc,
        registers,
        text_bytes,
        dirty_digest,
    };
    sink.append(&state, &mut written.into_iter())?;
    pages.clear_dirty();
    Ok(())
}

/// Digest of a page as the program leaves it. Only asked for pages that can be stored to, so never
/// for one of the input.
pub(super) fn image_digest(program: &Program, page_index: u32) -> [u8; 32] {
    let mut page = [0; PAGE_BYTES];
    match program.copy_page(page_index, &mut page) {
        true => *blake3::hash(&page).as_bytes(),
        false => *zero_digest(),
    }
}

/// Digest of the pages written since the last boundary: their numbers and their bytes.
///
/// The set of written pages follows from the guest's stores alone, so a replay of the interval
/// comes to the same digest whatever was restored before it.
pub(super) fn dirty_digest<M: GuestMemory>(machine: &mut Machine<M>) -> [u8; 32] {
    let (memory, pages) = machine.memory_and_pages();
    let mut dirty = WrittenDigest::default();
    for &page_index in pages.sorted_dirty() {
        let digest = blake3::hash(memory.page(page_index).expect(BACKED));
        dirty.add(page_index, digest.as_bytes());
    }
    dirty.finish()
}
