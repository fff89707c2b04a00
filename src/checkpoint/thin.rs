//! Thinning: some of a file's checkpoints, as a run with a wider interval would have left them.
//!
//! In: a file and how many of its checkpoints become one. Out: the others' checkpoints, with all that
//! was written between them, to a sink. Nothing is executed. Holds 80 bytes a page the run wrote.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;

use super::file::CheckpointFile;
use super::layout::PageEntry;
use super::{
    CheckpointSink, CheckpointSource, CheckpointState, PageChange, PageVersions, RunIdentity,
    StoreError, WrittenDigest, WrittenPage,
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
///
/// The result is that of a run with the wider interval, but for pages that were first stored changed
/// and went back to what program and input left: the file does not say so, and stores them.
///
/// # Errors
/// What the sink says.
pub fn thin(
    file: &CheckpointFile,
    every: NonZeroU64,
    sink: &mut dyn CheckpointSink,
) -> Result<(), StoreError> {
    let mut versions = PageVersions::default();
    let mut bases = HashMap::new();
    let mut written = BTreeMap::new();
    let last = file.count() - 1;
    for index in 0..=last {
        for entry in file.entries(index) {
            note_base(entry, &mut bases);
            written.insert(entry.page_index, entry.digest);
        }
        if index == last || index as u64 % every == 0 {
            keep(file, index, &written, &bases, &mut versions, sink)?;
            written.clear();
            file.release();
        }
    }
    sink.finish(file.summary())
}

/// A page that was written for the first time and has no bytes is as program and input leave it.
fn note_base(entry: &PageEntry, bases: &mut HashMap<u32, Option<[u8; 32]>>) {
    bases
        .entry(entry.page_index)
        .or_insert_with(|| (entry.absent == 1).then_some(entry.digest));
}

/// Hands checkpoint `index` to `sink`, with the pages `written` since the one kept before.
fn keep(
    file: &CheckpointFile,
    index: usize,
    written: &BTreeMap<u32, [u8; 32]>,
    bases: &HashMap<u32, Option<[u8; 32]>>,
    versions: &mut PageVersions,
    sink: &mut dyn CheckpointSink,
) -> Result<(), StoreError> {
    let mut dirty = WrittenDigest::default();
    let mut pages = Vec::with_capacity(written.len());
    for (&page_index, &digest) in written {
        dirty.add(page_index, &digest);
        // An unknown base equals no digest.
        let base = || bases[&page_index].unwrap_or_default();
        let change = versions.change(page_index, digest, base);
        // A page that is as the program left it, and was stored in between, has bytes all the same.
        let bytes = file.page_at(index, page_index);
        pages.push(WrittenPage {
            page_index,
            digest,
            bytes: bytes.filter(|_| change == PageChange::Changed),
        });
    }
    let state = CheckpointState {
        dirty_digest: dirty.finish(),
        ..file.state(index)
    };
    sink.append(&state, &mut pages.into_iter())
}
