//! Thinning: some of a file's checkpoints, as a run with a wider interval would have left them.
//!
//! In: a file and how many of its checkpoints become one. Out: the others' checkpoints, with all that
//! was written between them, to a sink. Nothing is executed. Holds 80 bytes a page the run wrote.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;

use super::file::CheckpointFile;
use super::{
    CheckpointSink, CheckpointSource, CheckpointState, PageContent, RunIdentity, StoreError,
    WrittenDigest, WrittenPage,
};

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
    let mut stored = HashMap::new();
    let mut written = BTreeMap::new();
    let last = file.count() - 1;
    for index in 0..=last {
        let entries = file.entries(index).iter();
        written.extend(entries.map(|entry| (entry.page_index, entry.digest)));
        if index == last || index as u64 % every == 0 {
            keep(file, index, &written, &mut stored, sink)?;
            written.clear();
            file.release();
        }
    }
    file.check_unchanged()?;
    sink.finish(file.summary())
}

/// Hands checkpoint `index` to `sink`, with the pages `written` since the one kept before. `stored` has
/// the digests under which the sink has bytes.
fn keep(
    file: &CheckpointFile,
    index: usize,
    written: &BTreeMap<u32, [u8; 32]>,
    stored: &mut HashMap<u32, [u8; 32]>,
    sink: &mut dyn CheckpointSink,
) -> Result<(), StoreError> {
    let mut dirty = WrittenDigest::default();
    let mut pages = Vec::with_capacity(written.len());
    for (&page_index, &digest) in written {
        dirty.add(page_index, &digest);
        let content = file.page_at(index, page_index);
        let known = matches!(content, PageContent::Bytes(_))
            && stored.insert(page_index, digest) == Some(digest);
        pages.push(WrittenPage {
            page_index,
            digest,
            content: (!known).then_some(content),
        });
    }
    let state = CheckpointState {
        dirty_digest: dirty.finish(),
        ..file.state(index)
    };
    sink.append(&state, &mut pages.into_iter())
}
