//! Thinning: some of a file's checkpoints, as a run with a wider interval would have left them.
//!
//! In: a file and how many of its checkpoints become one. Out: the others' checkpoints, with all that
//! was written between them, to a sink. Nothing is executed.

use std::collections::BTreeSet;
use std::num::NonZeroU64;

use super::file::CheckpointFile;
use super::{CheckpointSink, CheckpointSource, RunIdentity, StoreError, WrittenPage};

/// The identity of `file` with only every `every`-th checkpoint kept; none where that interval
/// can't be written down.
#[must_use]
pub fn thinned_identity(file: &CheckpointFile, every: NonZeroU64) -> Option<RunIdentity> {
    let identity = *file.identity();
    let interval = identity.interval.checked_mul(every.get())?;
    Some(RunIdentity {
        interval,
        ..identity
    })
}

/// Hands checkpoints 0, `every`, `2 * every`, .. and the last one of `file` to `sink`, and finishes it.
/// The result is that of a run with the wider interval.
///
/// # Errors
/// What the sink says; [`StoreError::Changed`]. What the sink has is of no use then.
pub fn thin(
    file: &CheckpointFile,
    every: NonZeroU64,
    sink: &mut dyn CheckpointSink,
) -> Result<(), StoreError> {
    let thinned = hand_over(file, every, sink);
    if thinned.is_err() {
        sink.discard();
    }
    thinned
}

fn hand_over(
    file: &CheckpointFile,
    every: NonZeroU64,
    sink: &mut dyn CheckpointSink,
) -> Result<(), StoreError> {
    let mut written = BTreeSet::new();
    let last = file.count() - 1;
    for index in 0..=last {
        let entries = file.entries(index).iter();
        written.extend(entries.map(|entry| entry.page_index));
        if index == last || index as u64 % every == 0 {
            let mut pages = written.iter().map(|&page_index| WrittenPage {
                page_index,
                content: file.page(index, page_index),
            });
            sink.append(&file.state(index), &mut pages)?;
            written.clear();
            file.release();
        }
    }
    file.check_unchanged()?;
    sink.finish(file.summary())
}
