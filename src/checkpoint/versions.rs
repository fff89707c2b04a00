//! Which of the written pages have changed.
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

/// What became of a written page since its last version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageChange {
    /// Nothing.
    Same,
    /// It was written for the first time, and is as program and input leave it.
    First,
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
                    true => PageChange::First,
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
