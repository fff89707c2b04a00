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

impl PageVersions {
    /// Whether page `page_index`, now with `digest`, differs from its last version; it is taken to
    /// be stored then. `base` gives the digest of the page as program and input leave it, and is
    /// asked for once a page at the most.
    pub fn changed(
        &mut self,
        page_index: u32,
        digest: [u8; 32],
        base: impl FnOnce() -> [u8; 32],
    ) -> bool {
        match self.digests.entry(page_index) {
            Entry::Occupied(mut entry) => std::mem::replace(entry.get_mut(), digest) != digest,
            Entry::Vacant(entry) => {
                entry.insert(digest);
                base() != digest
            }
        }
    }
}
