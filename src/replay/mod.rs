//! Replay: any part of a run's trace, regenerated from its checkpoints, identical every time.
//!
//! In: a program, checkpoints, a range of rows, a set of columns. Out: chunks of witness columns, to
//! a visitor. Workers own contiguous ranges: each restores memory once and then carries its own
//! state forward, and every boundary it crosses, and the one behind its last row, must equal the stored
//! checkpoint. It does not know what the columns are used for. It and [`oracle`](crate::oracle) are the only users of rayon.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use tracelane_kernels::ChunkKernels;

use crate::checkpoint::{CheckpointSource, StoreError};
use crate::limits::CHUNK_ROWS;
use crate::program::Program;
use crate::trace::columns::ColumnSet;
use crate::trace::view::ChunkView;
use crate::vm::machine::MachineError;
use crate::vm::{MemoryKind, ReservedMemory, Trap};

mod budget;
pub(crate) mod cache;
pub mod changes;
pub mod divergence;
pub mod fast_pass;
mod image;
mod intake;
mod outlet;
pub mod seek;
mod worker;

pub use budget::fast_pass_within;
pub use divergence::first_divergence;
pub use fast_pass::{FastPass, PassError, fast_pass, resume_pass};
pub use seek::{MachineState, seek};
use worker::Worker;

/// Why rows could not be regenerated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The checkpoints are of another program.
    #[error(
        "the checkpoints are of another program (digest {actual}, expected {expected}); give the ELF they were made with"
    )]
    Program {
        /// Digest of the program given, in hex.
        actual: String,
        /// Digest in the checkpoints, in hex.
        expected: String,
    },
    /// A replayed state differs from the checkpoint at the same cycle.
    #[error(
        "checkpoint {checkpoint} stores another {what} than the run has there; make the checkpoints again"
    )]
    Boundary {
        /// Index of the checkpoint.
        checkpoint: usize,
        /// What differs.
        what: &'static str,
    },
    /// The guest stopped inside an interval that the checkpoints say it completed.
    #[error("replay stopped early: {0}; make the checkpoints again")]
    Trap(#[from] Trap),
    /// The guest ended at another cycle than the checkpoints say.
    #[error("replay ended at cycle {actual}, expected {expected}; make the checkpoints again")]
    End {
        /// Cycle at which the guest ended.
        actual: u64,
        /// Cycle count of the recorded run.
        expected: u64,
    },
    /// Rows beyond the run were asked for.
    #[error("rows {start}..{end} asked for, the run has {count}")]
    Rows {
        /// First row asked for.
        start: u64,
        /// End of the range asked for.
        end: u64,
        /// Number of rows.
        count: u64,
    },
    /// The state before a cycle beyond the run was asked for.
    #[error("cycle {cycle} asked for, the run ends behind {count}; ask for at most that")]
    Cycle {
        /// The cycle asked for.
        cycle: u64,
        /// Number of rows.
        count: u64,
    },
    /// The checkpoints are no longer what they were.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No memory for a worker.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The caller raised the cancel flag.
    #[error("cancelled")]
    Cancelled,
}

/// How to replay; none of it influences a single value.
#[derive(Clone, Copy)]
pub struct ReplayOptions<'a> {
    /// Rows of a chunk.
    pub chunk_rows: usize,
    /// What completes chunks; results never depend on it.
    pub kernels: ChunkKernels,
    /// Which memory the workers use.
    pub memory: MemoryKind,
    /// The threads to use: one worker each; `None` for the calling thread alone.
    pub pool: Option<&'a rayon::ThreadPool>,
    /// Raised by the caller to stop at the next chunk, or on a longer way to the first one.
    pub cancel: Option<&'a AtomicBool>,
    /// Called with the number of rows that were just handed out, from any worker.
    pub progress: Option<&'a (dyn Fn(u64) + Sync)>,
}

impl Default for ReplayOptions<'_> {
    fn default() -> Self {
        Self {
            chunk_rows: CHUNK_ROWS,
            kernels: ChunkKernels::detect(),
            memory: MemoryKind::default(),
            pool: None,
            cancel: None,
            progress: None,
        }
    }
}

impl ReplayOptions<'_> {
    /// Number of workers: one a thread of the pool.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.pool.map_or(1, rayon::ThreadPool::current_num_threads)
    }

    fn check_cancelled(&self) -> Result<(), ReplayError> {
        match self.cancel {
            Some(flag) if flag.load(Ordering::Relaxed) => Err(ReplayError::Cancelled),
            _ => Ok(()),
        }
    }
}

/// One recorded run: a program and the checkpoints of one of its executions.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    program: &'a Program,
    checkpoints: &'a dyn CheckpointSource,
}

impl<'a> Run<'a> {
    /// The run of `program` that `checkpoints` were taken from.
    ///
    /// # Errors
    /// [`ReplayError::Program`] when they were taken from another one, [`ReplayError::Boundary`] when
    /// the first of them is not the state before the first cycle.
    pub fn new(
        program: &'a Program,
        checkpoints: &'a dyn CheckpointSource,
    ) -> Result<Self, ReplayError> {
        let (actual, expected) = (program.digest(), checkpoints.identity().program_digest);
        if actual != expected {
            let hex = |digest| blake3::Hash::from_bytes(digest).to_hex().to_string();
            return Err(ReplayError::Program {
                actual: hex(actual),
                expected: hex(expected),
            });
        }
        check_first(program, checkpoints)?;
        Ok(Self {
            program,
            checkpoints,
        })
    }

    /// The program.
    #[must_use]
    pub fn program(&self) -> &'a Program {
        self.program
    }

    /// The checkpoints.
    #[must_use]
    pub fn checkpoints(&self) -> &'a dyn CheckpointSource {
        self.checkpoints
    }

    /// Number of rows: the run's cycle count.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.checkpoints.summary().cycles
    }
}

/// No replay ends on the first checkpoint, so nothing else would find out what it says.
fn check_first(program: &Program, checkpoints: &dyn CheckpointSource) -> Result<(), ReplayError> {
    let state = checkpoints.state(0);
    let what = if state.cycle != 0 {
        "cycle"
    } else if state.pc != program.entry() {
        "pc"
    } else if state.registers != [0; 32] {
        "registers"
    } else if state.text_bytes != 0 {
        "text length"
    } else if checkpoints.changed_pages(0) != 0 {
        "memory"
    } else {
        return Ok(());
    };
    Err(ReplayError::Boundary {
        checkpoint: 0,
        what,
    })
}

/// A worker of either memory kind. The choice is made once; a call serves a whole range.
pub(crate) trait RangeReplay: Send {
    /// Regenerates `rows` of `run`, chunk by chunk in ascending order, all chunks but the last with
    /// `chunk_rows` rows. Rows behind the run's last one are padding rows. What was visited holds once
    /// [`settle`](RangeReplay::settle) says so, before which more rows may be asked for.
    fn fill(
        &mut self,
        run: &Run<'_>,
        options: &ReplayOptions<'_>,
        rows: Range<u64>,
        set: ColumnSet,
        visit: &mut dyn FnMut(&ChunkView<'_>),
    ) -> Result<(), ReplayError>;

    /// Goes on to the boundary behind the last row that was filled, which must be as stored.
    fn settle(&mut self, run: &Run<'_>, options: &ReplayOptions<'_>) -> Result<(), ReplayError>;

    /// [`fill`](RangeReplay::fill) and [`settle`](RangeReplay::settle): what was visited holds if this
    /// returns `Ok`.
    fn replay(
        &mut self,
        run: &Run<'_>,
        options: &ReplayOptions<'_>,
        rows: Range<u64>,
        set: ColumnSet,
        visit: &mut dyn FnMut(&ChunkView<'_>),
    ) -> Result<(), ReplayError> {
        self.fill(run, options, rows, set, visit)?;
        self.settle(run, options)
    }

    /// Shows the state before `cycle` of `run`, at most its number of rows, and then checks the next
    /// boundary.
    fn look(
        &mut self,
        run: &Run<'_>,
        options: &ReplayOptions<'_>,
        cycle: u64,
        visit: &mut dyn FnMut(&MachineState<'_>),
    ) -> Result<(), ReplayError>;
}

/// A new worker with its own guest memory and chunk.
pub(crate) fn worker(
    run: &Run<'_>,
    options: &ReplayOptions<'_>,
) -> Result<Box<dyn RangeReplay>, ReplayError> {
    match options.memory {
        MemoryKind::Paged => Ok(Box::new(Worker::paged(run, options)?)),
        MemoryKind::Reserved => Ok(Box::new(Worker::<ReservedMemory>::new(run, options)?)),
        MemoryKind::Automatic => match Worker::<ReservedMemory>::new(run, options) {
            Ok(worker) => Ok(Box::new(worker)),
            Err(ReplayError::Machine(MachineError::Memory { .. })) => {
                Ok(Box::new(Worker::paged(run, options)?))
            }
            Err(error) => Err(error),
        },
    }
}

/// One worker on one run, for any number of ranges: it goes on from where it stands where that is
/// possible, and restores a checkpoint otherwise.
pub struct Replayer<'a> {
    run: Run<'a>,
    options: ReplayOptions<'a>,
    worker: Box<dyn RangeReplay>,
}

impl<'a> Replayer<'a> {
    /// A worker with its own guest memory and chunk; it runs on whatever thread calls it.
    ///
    /// # Errors
    /// [`ReplayError::Machine`].
    ///
    /// # Panics
    /// If a chunk is to have no rows, or more than
    /// [`CHUNK_ROWS_MAX`](crate::limits::CHUNK_ROWS_MAX).
    pub fn new(run: &Run<'a>, options: &ReplayOptions<'a>) -> Result<Self, ReplayError> {
        Ok(Self {
            run: *run,
            options: *options,
            worker: worker(run, options)?,
        })
    }

    /// Regenerates `rows` and shows them to `visit`, chunk by chunk. The run goes on to the next
    /// boundary afterwards, which must be as stored: what `visit` saw holds if this returns `Ok`.
    ///
    /// # Errors
    /// [`ReplayError`].
    pub fn rows(
        &mut self,
        rows: Range<u64>,
        set: ColumnSet,
        visit: &mut dyn FnMut(&ChunkView<'_>),
    ) -> Result<(), ReplayError> {
        let count = self.run.rows();
        if rows.start > rows.end || rows.end > count {
            return Err(ReplayError::Rows {
                start: rows.start,
                end: rows.end,
                count,
            });
        }
        self.worker
            .replay(&self.run, &self.options, rows, set, visit)
    }

    /// Shows the state before `cycle`, as [`seek`](seek()) does.
    ///
    /// # Errors
    /// [`ReplayError`]; [`ReplayError::Cycle`] where the run has no such cycle.
    pub fn seek(
        &mut self,
        cycle: u64,
        visit: &mut dyn FnMut(&MachineState<'_>),
    ) -> Result<(), ReplayError> {
        let count = self.run.rows();
        if cycle > count {
            return Err(ReplayError::Cycle { cycle, count });
        }
        self.worker.look(&self.run, &self.options, cycle, visit)
    }
}

/// Regenerates `rows` on the calling thread and shows them to `visit`, chunk by chunk, as
/// [`Replayer::rows`] does.
///
/// # Errors
/// [`ReplayError`]; what was visited may be wrong then.
pub fn replay_rows(
    run: &Run<'_>,
    options: &ReplayOptions<'_>,
    rows: Range<u64>,
    set: ColumnSet,
    visit: &mut dyn FnMut(&ChunkView<'_>),
) -> Result<(), ReplayError> {
    Replayer::new(run, options)?.rows(rows, set, visit)
}
