//! Which of the written pages have changed, and one digest over all of them.
//!
//! In: digests of written pages, and of the pages that program and input leave. Out: whether a page
//! must be stored. Memory: one digest per page the run ever wrote, O(K).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The digest under which each page of a run was last known to its checkpoints.
#[derive(Default)]
pub struct PageVersions {
    digests: HashMap<u32, [u8; 32]>,
}

/// What became of a written page since its last version, which is at first the page as program and
/// input leave it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageChange {
    /// Nothing.
    Same,
    /// It has other bytes.
    Changed,
}

impl PageVersions {
    /// What became of page `page_index`, which has `digest` now; that is taken to be its last version
    /// then. `base` gives the digest of the page as program and input leave it, and is asked for once
    /// a page at the most.
    pub fn change(
        &mut self,
        page_index: u32,
        digest: [u8; 32],
        base: impl FnOnce() -> [u8; 32],
    ) -> PageChange {
        match self.digests.entry(page_index) {
            Entry::Occupied(mut entry) => match std::mem::replace(entry.get_mut(), digest) {
                before if before == digest => PageChange::Same,
                _ => PageChange::Changed,
            },
            Entry::Vacant(entry) => {
                entry.insert(digest);
                match base() == digest {
                    true => PageChange::Same,
                    false => PageChange::Changed,
                }
            }
        }
    }

    /// The last version of page `page_index` has `digest`.
    pub fn set(&mut self, page_index: u32, digest: [u8; 32]) {
        self.digests.insert(page_index, digest);
    }
}

/// BLAKE3 over numbers and digests of the pages written since the checkpoint before.
///
/// Which pages these are follows from the guest's stores alone, so a replay comes to the same
/// digest, whatever was restored before it; and those of two intervals give that of both together.
#[derive(Default)]
pub struct WrittenDigest(blake3::Hasher);

impl WrittenDigest {
    /// Adds a page; pages come by ascending index.
    pub fn add(&mut self, page_index: u32, digest: &[u8; 32]) {
        self.0.update(&page_index.to_le_bytes());
        self.0.update(digest);
    }

    /// The digest.
    #[must_use]
    pub fn finish(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}
