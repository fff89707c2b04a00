//! Failures: what a person reads when something is wrong, and the exit code a script sees.
//!
//! In: the library's errors, with the file they concern. Out: one line and a [`Code`].

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tracelane::checkpoint::StoreError;
use tracelane::oracle::OracleError;
use tracelane::program::ElfError;
use tracelane::replay::{PassError, ReplayError};
use tracelane::sumcheck::ProveError;
use tracelane::vm::Fault;
use tracelane::vm::machine::MachineError;

/// The documented exit codes. 3 is kept for a regression verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Code {
    /// The guest ended with a non-zero code, faulted or met a limit.
    GuestFailed = 1,
    /// Bad arguments, an input that can't be read or run, an output that can't be written.
    BadInput = 2,
    /// A proof or checkpoint file was rejected.
    Rejected = 4,
    /// Ctrl-C was pressed.
    Interrupted = 130,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        ExitCode::from(code as u8)
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// A file can't be read or written.
    File {
        path: PathBuf,
        doing: &'static str,
        error: std::io::Error,
    },
    /// Standard output can't be written.
    Output(std::io::Error),
    /// The ELF was refused.
    Elf { path: PathBuf, error: ElfError },
    /// The guest faulted or met a limit.
    Guest(Fault),
    /// The guest ended with a non-zero exit code.
    ExitCode(u32),
    /// Ctrl-C ended the run, at this cycle where it was one.
    Interrupted(Option<u64>),
    /// A fast pass failed for another reason than its guest.
    Pass(PassError),
    /// A checkpoint file could not be written, or was rejected.
    Store(StoreError),
    /// Rows could not be regenerated.
    Replay(ReplayError),
    /// An oracle could not answer.
    Oracle(OracleError),
    /// There is no proof.
    Prove(ProveError),
    /// A file does not belong to the program or input it was given with, or is damaged.
    Rejected(String),
    /// Arguments that do not fit together.
    Arguments(String),
}

impl Failure {
    /// The exit code that says this.
    pub fn code(&self) -> Code {
        match self {
            Self::Guest(_) | Self::ExitCode(_) => Code::GuestFailed,
            // A limit as any other, met before the first cycle.
            Self::Pass(PassError::Machine(MachineError::MemoryLimit { .. })) => Code::GuestFailed,
            Self::Store(error) if error.is_rejection() => Code::Rejected,
            Self::Interrupted(_) => Code::Interrupted,
            Self::Replay(ReplayError::Rows { .. } | ReplayError::Cycle { .. }) => Code::BadInput,
            Self::Rejected(_) | Self::Replay(_) => Code::Rejected,
            _ => Code::BadInput,
        }
    }

    /// A function that turns an I/O error met while `doing` something to `path` into a failure.
    pub fn file(path: &Path, doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { path, doing, error }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, doing, error } => {
                write!(f, "cannot {doing} {}: {error}", path.display())
            }
            Self::Output(error) => write!(f, "cannot write to stdout: {error}"),
            Self::Elf { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Guest(fault) => write!(f, "the guest failed: {fault}"),
            Self::ExitCode(code) => write!(f, "the guest failed: it ended with exit code {code}"),
            Self::Interrupted(None) => f.write_str("interrupted"),
            Self::Interrupted(Some(cycle)) => write!(f, "interrupted at cycle {cycle}"),
            Self::Pass(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Replay(error) => error.fmt(f),
            Self::Oracle(error) => error.fmt(f),
            Self::Prove(error) => error.fmt(f),
            Self::Rejected(why) | Self::Arguments(why) => f.write_str(why),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Cancelled => Self::Interrupted(None),
            error => Self::Replay(error),
        }
    }
}

impl From<ProveError> for Failure {
    fn from(error: ProveError) -> Self {
        match error {
            ProveError::Oracle(error) => error.into(),
            error => Self::Prove(error),
        }
    }
}

impl From<OracleError> for Failure {
    fn from(error: OracleError) -> Self {
        match error {
            OracleError::Replay(error) => error.into(),
            error => Self::Oracle(error),
        }
    }
}
