//! A guest as a command sees it: program, input, limits.
//!
//! In: paths and [`LimitOptions`]. Out: runs of the library's fast pass with their failures explained.

use std::path::Path;

use tracelane::Program;
use tracelane::checkpoint::{CheckpointSink, CheckpointWriter, Prefix, RunIdentity};
use tracelane::replay::{FastPass, PassError, fast_pass, fast_pass_within, resume_pass};
use tracelane::vm::{Limits, RunResult, TextSink, Trap};

use crate::args::LimitOptions;
use crate::failure::Failure;
use crate::files;
use crate::interrupt;
use crate::names;
use crate::progress::Progress;

/// A program and its input, read and checked.
pub struct Guest<'a> {
    pub program: Program,
    pub input: Vec<u8>,
    pub options: &'a LimitOptions,
    /// Whether a second thread stores checkpoints.
    background: bool,
}

impl<'a> Guest<'a> {
    /// Reads the files at `elf` and `input`.
    pub fn read(
        elf: &Path,
        input: Option<&Path>,
        options: &'a LimitOptions,
    ) -> Result<Self, Failure> {
        let program = files::program(elf)?;
        let input = files::read_input(input)?;
        Ok(Self {
            program,
            input,
            options,
            background: false,
        })
    }

    /// The same with `threads` threads, or as many as there are processors: with more than one, checkpoints
    /// are stored while the guest runs on.
    pub fn with_threads(mut self, threads: Option<u16>) -> Self {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        self.background = threads.map_or_else(processors, usize::from) > 1;
        self
    }

    /// BLAKE3 of the input.
    pub fn input_digest(&self) -> [u8; 32] {
        *blake3::hash(&self.input).as_bytes()
    }

    /// The limits that the options set.
    pub fn limits(&self) -> Limits {
        Limits {
            cycles_max: self.options.max_cycles,
            memory_bytes_max: self.options.max_memory,
            text_bytes_max: self.options.max_text,
        }
    }

    /// What a person reads about `trap`.
    pub fn failure(&self, trap: Trap) -> Failure {
        let mut fault = trap.explain(&self.program);
        fault.symbol = fault.symbol.map(|place| names::readable_place(&place));
        Failure::Guest(fault)
    }

    /// What a run with checkpoints every `interval` cycles is a run of.
    pub fn identity(&self, interval: u64) -> RunIdentity {
        let pass = FastPass {
            interval,
            ..FastPass::default()
        };
        pass.identity(&self.program, &self.input)
    }

    /// Runs the guest to its end; with a sink, checkpoints go there every `interval` cycles.
    pub fn run(
        &self,
        interval: u64,
        sink: Option<&mut dyn CheckpointSink>,
        text: &mut dyn TextSink,
    ) -> Result<RunResult, Failure> {
        self.pass(interval, |pass| {
            fast_pass(&self.program, &self.input, pass, sink, text)
        })
    }

    /// Goes on from `prefix`, whose checkpoints `sink` has already.
    pub fn resume(
        &self,
        interval: u64,
        prefix: Prefix,
        sink: &mut dyn CheckpointSink,
        text: &mut dyn TextSink,
    ) -> Result<RunResult, Failure> {
        self.pass(interval, |pass| {
            resume_pass(&self.program, &self.input, pass, prefix, sink, text)
        })
    }

    /// Runs the guest to its end and leaves a checkpoint file of at most `budget_bytes` at `path`.
    pub fn run_within(
        &self,
        budget_bytes: u64,
        path: &Path,
        text: &mut dyn TextSink,
    ) -> Result<(RunResult, CheckpointWriter), Failure> {
        let mut create =
            |identity: &RunIdentity| CheckpointWriter::create(path, identity, &self.input);
        self.pass(FastPass::default().interval, |pass| {
            let (program, input) = (&self.program, &self.input);
            fast_pass_within(program, input, pass, budget_bytes, &mut create, text)
        })
    }

    fn pass<R>(
        &self,
        interval: u64,
        run: impl FnOnce(&FastPass<'_>) -> Result<R, PassError>,
    ) -> Result<R, Failure> {
        let progress = Progress::cycles("running");
        let report = |cycles| progress.add(cycles);
        let pass = FastPass {
            limits: self.limits(),
            interval,
            memory: self.options.guest_memory,
            cancel: Some(interrupt::flag()),
            progress: Some(&report),
            background: self.background,
        };
        run(&pass).map_err(|error| match error {
            PassError::Trap(trap) => self.failure(trap),
            PassError::Store(error) => Failure::Store(error),
            PassError::Cancelled { cycle } => Failure::Interrupted(Some(cycle)),
            error => Failure::Pass(error),
        })
    }
}

/// A result of a guest that ended well; a failure for one that did not.
pub fn check_exit_code(result: &RunResult) -> Result<(), Failure> {
    match result.exit_code {
        0 => Ok(()),
        code => Err(Failure::ExitCode(code)),
    }
}

/// Saves what the guest published at `path`, where one is given.
pub fn save_output(path: Option<&Path>, result: &RunResult) -> Result<(), Failure> {
    path.map_or(Ok(()), |path| files::write(path, &result.output))
}
