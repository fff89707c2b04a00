//! Where cycles go: exact counts per instruction, regions that the guest marks, sampled call stacks.
//!
//! In: a program, an input, limits. Out: a [`Profile`], whole or up to where the run stopped. It is a
//! recorder like any other, so that passes which don't ask for a profile pay nothing; and it knows
//! nothing of columns or checkpoints.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::program::Program;
use crate::vm::machine::MachineError;
use crate::vm::{
    BlockRecorder, GuestMemory, Limits, Machine, MemoryKind, PagedMemory, Recorder, ReservedMemory,
    RunResult, Stop, TextSink, Trap,
};

mod clock;
mod counts;
mod regions;
mod samples;
mod stacks;

use clock::Clock;
pub use counts::Counts;
use regions::RegionSink;
pub use regions::{Region, Regions};
pub use samples::{Samples, Stack};
use stacks::Sampler;

/// Cycles between two looks at the cancel flag.
const STEP_CYCLES: u64 = 1 << 22;

/// What to measure, and what the guest may use.
#[derive(Clone, Copy)]
pub struct ProfileOptions<'a> {
    /// What the guest may use.
    pub limits: Limits,
    /// Which memory the machine uses.
    pub memory: MemoryKind,
    /// Cycles between two samples of the call stack; `None` takes none.
    pub sample_cycles: Option<u64>,
    /// Raised by the caller to stop the run; the profile then covers what was run.
    pub cancel: Option<&'a AtomicBool>,
    /// Called now and then with the number of cycles run since the last call.
    pub progress: Option<&'a dyn Fn(u64)>,
}

/// How a profiled run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    /// The guest ended it.
    Exit(RunResult),
    /// The guest faulted or met a limit.
    Trap(Trap),
    /// The caller raised the cancel flag.
    Cancelled,
}

/// Where the cycles of one run went.
#[derive(Clone, Debug)]
pub struct Profile {
    /// How the run ended.
    pub ending: Ending,
    /// Retired instructions.
    pub cycles: u64,
    /// How often each instruction was retired.
    pub counts: Counts,
    /// Cycles inside the regions that the guest marked.
    pub regions: Regions,
    /// Call stacks, where they were asked for.
    pub samples: Samples,
}

/// Runs `program` on `input` and measures where its cycles go.
///
/// # Errors
/// [`MachineError`] where no machine could be made; a failing guest is an [`Ending`].
///
/// # Panics
/// If `sample_cycles` is 0.
pub fn profile(
    program: &Program,
    input: &[u8],
    options: &ProfileOptions<'_>,
    text: &mut dyn TextSink,
) -> Result<Profile, MachineError> {
    match options.memory {
        MemoryKind::Paged => run::<PagedMemory>(program, input, options, text),
        MemoryKind::Reserved => run::<ReservedMemory>(program, input, options, text),
        MemoryKind::Automatic => match run::<ReservedMemory>(program, input, options, text) {
            Err(MachineError::Memory { .. }) => run::<PagedMemory>(program, input, options, text),
            outcome => outcome,
        },
    }
}

fn run<M: GuestMemory>(
    program: &Program,
    input: &[u8],
    options: &ProfileOptions<'_>,
    text: &mut dyn TextSink,
) -> Result<Profile, MachineError> {
    let mut machine = Machine::<M>::new(program, input, options.limits)?;
    let clock = Clock::default();
    let mut profiler = Profiler {
        clock: clock.clone(),
        counts: Counts::new(program),
        sampler: Sampler::new(program, options.sample_cycles),
    };
    let mut sink = RegionSink::new(text, clock);
    let limit = options.limits.cycles_max;
    let ending = loop {
        if options
            .cancel
            .is_some_and(|flag| flag.load(Ordering::Relaxed))
        {
            break Ending::Cancelled;
        }
        let cycle = machine.cycle();
        let left = limit.saturating_sub(cycle);
        let stop = machine.advance(program, left.min(STEP_CYCLES), &mut profiler, &mut sink);
        options
            .progress
            .inspect(|progress| progress(machine.cycle() - cycle));
        match stop {
            Stop::Budget if machine.cycle() >= limit => {
                break Ending::Trap(machine.cycle_limit(program));
            }
            Stop::Budget => {}
            Stop::Trap(trap) => break Ending::Trap(trap),
            Stop::Exit(code) => {
                break match machine.finish(program, code) {
                    Ok(result) => Ending::Exit(result),
                    Err(trap) => Ending::Trap(trap),
                };
            }
        }
    };
    let cycles = machine.cycle();
    Ok(Profile {
        ending,
        cycles,
        counts: profiler.counts.finish(),
        regions: sink.finish(cycles),
        samples: profiler.sampler.finish(),
    })
}

/// Takes block boundaries, which is all that a profile needs.
struct Profiler<'a> {
    clock: Clock,
    counts: Counts,
    sampler: Sampler<'a>,
}

impl<'a> Recorder for Profiler<'a> {
    type Block<'b>
        = ProfilerBlock<'a, 'b>
    where
        Self: 'b;
    const PAIRS: bool = false;
    const MEMORY: bool = false;

    fn begin_block(&mut self, _row: usize, rows: usize) -> ProfilerBlock<'a, '_> {
        self.clock.open(rows as u64);
        ProfilerBlock(self)
    }
}

/// An open block, whose facts nobody wants.
struct ProfilerBlock<'a, 'b>(&'b mut Profiler<'a>);

impl BlockRecorder for ProfilerBlock<'_, '_> {
    fn rs1(&mut self, _: usize, _: u32) {}
    fn rs2(&mut self, _: usize, _: u32) {}
    fn rd(&mut self, _: usize, _: u32, _: u32) {}
    fn memory(&mut self, _: usize, _: u32, _: u32, _: u32) {}

    fn end(self, pc_index: u32, rows: usize, next_pc: u32) {
        let Profiler {
            clock,
            counts,
            sampler,
        } = self.0;
        clock.close(rows as u64);
        counts.add_block(pc_index, rows);
        sampler.end_block(pc_index, rows, next_pc, clock.retired());
    }
}
