//! Why checkpoints can't be stored or are refused.

use std::io;
use std::path::{Path, PathBuf};

/// An error of a checkpoint store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The system refused an operation.
    #[error("cannot {doing} checkpoint file {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// Another process is writing the file.
    #[error("checkpoint file {} is in use by another process; wait for it or choose another name", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file is no checkpoint file.
    #[error("{} is no checkpoint file; make one with `tracelane checkpoint`", path.display())]
    Magic {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by another version.
    #[error("{} has format version {actual}, expected {expected}; make it again with this version", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Version found.
        actual: u32,
        /// Version this build reads.
        expected: u32,
    },
    /// The file was cut short, or its writer did not finish.
    #[error("{} is incomplete: {expected} bytes expected at least, {actual} found; make it again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes found.
        actual: u64,
        /// Bytes needed.
        expected: u64,
    },
    /// A part of the file does not have the digest it should have, or contradicts another part.
    #[error("{} is damaged at byte {offset} ({what}); make it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What does not fit.
        what: &'static str,
    },
    /// The file is another than it was when it was opened.
    #[error("{} was changed while it was read; make it again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The checkpoints are finished, or could not be stored.
    #[error("checkpoints of {} take no more: they are finished, or an operation before failed", path.display())]
    Closed {
        /// The file.
        path: PathBuf,
    },
    /// A writer that was interrupted has left work, which would be lost.
    #[error("{} was left by an interrupted run; go on with it by `tracelane checkpoint --resume`, or remove it", path.display())]
    Left {
        /// The partial file.
        path: PathBuf,
    },
    /// What a killed writer left is of another program, input or interval.
    #[error("{} was left by a run of another program, input or interval (its interval: {interval}); resume that one, or leave --resume out to begin again", path.display())]
    OtherRun {
        /// The partial file.
        path: PathBuf,
        /// Its interval.
        interval: u64,
    },
    /// The file would grow beyond what it may have.
    #[error("{} takes {actual} bytes up to cycle {cycle}, {expected} allowed; raise the budget", path.display())]
    Budget {
        /// The file.
        path: PathBuf,
        /// Bytes with the checkpoint that was too much.
        actual: u64,
        /// Bytes allowed.
        expected: u64,
        /// Cycle of that checkpoint.
        cycle: u64,
    },
}

impl StoreError {
    /// Whether a file was refused for what it contains, rather than for what the system said.
    #[must_use]
    pub fn is_rejection(&self) -> bool {
        !matches!(
            self,
            Self::Io { .. }
                | Self::Locked { .. }
                | Self::Closed { .. }
                | Self::Left { .. }
                | Self::OtherRun { .. }
                | Self::Budget { .. }
        )
    }

    /// A function that turns an I/O error into a [`StoreError::Io`].
    pub(super) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            path,
            doing,
            source,
        }
    }
}
