//! Checkpoints in memory, for embedders who want no files.

use super::index::PageIndex;
use super::{
    CheckpointSink, CheckpointSource, CheckpointState, RunIdentity, RunSummary, StoreError,
    WrittenPage,
};
use crate::limits::PAGE_BYTES;

/// The checkpoints of one run, in memory.
pub struct MemoryStore {
    identity: RunIdentity,
    input: Vec<u8>,
    summary: Option<RunSummary>,
    states: Vec<CheckpointState>,
    /// For each checkpoint, the number of pages stored before it.
    first_pages: Vec<usize>,
    pages: Vec<[u8; PAGE_BYTES]>,
    /// Index and digest of each of them.
    names: Vec<(u32, [u8; 32])>,
    index: PageIndex,
}

impl MemoryStore {
    /// An empty store for a run of what `identity` says, on `input`.
    #[must_use]
    pub fn new(identity: RunIdentity, input: &[u8]) -> Self {
        Self {
            identity,
            input: input.to_vec(),
            summary: None,
            states: Vec::new(),
            first_pages: Vec::new(),
            pages: Vec::new(),
            names: Vec::new(),
            index: PageIndex::default(),
        }
    }
}

impl CheckpointSink for MemoryStore {
    fn append(
        &mut self,
        state: &CheckpointState,
        written: &mut dyn ExactSizeIterator<Item = WrittenPage<'_>>,
    ) -> Result<(), StoreError> {
        self.first_pages.push(self.pages.len());
        for page in written {
            let Some(bytes) = page.bytes else { continue };
            self.index
                .push(page.page_index, self.states.len(), self.pages.len() as u64);
            self.pages.push(*bytes);
            self.names.push((page.page_index, page.digest));
        }
        self.states.push(*state);
        Ok(())
    }

    fn finish(&mut self, summary: &RunSummary) -> Result<(), StoreError> {
        self.index.sort();
        self.summary = Some(*summary);
        Ok(())
    }
}

impl CheckpointSource for MemoryStore {
    fn identity(&self) -> &RunIdentity {
        &self.identity
    }

    /// # Panics
    /// If the run has not been finished.
    fn summary(&self) -> &RunSummary {
        self.summary.as_ref().expect("a finished run")
    }

    fn input(&self) -> &[u8] {
        &self.input
    }

    fn count(&self) -> usize {
        self.states.len()
    }

    fn state(&self, index: usize) -> CheckpointState {
        self.states[index]
    }

    fn for_each_page(&self, index: usize, visit: &mut dyn FnMut(u32, &[u8; PAGE_BYTES])) {
        for (page_index, location) in self.index.newest(index) {
            visit(page_index, &self.pages[location as usize]);
        }
    }

    fn changed_pages(&self, index: usize) -> usize {
        let end = self
            .first_pages
            .get(index + 1)
            .copied()
            .unwrap_or(self.pages.len());
        end - self.first_pages[index]
    }

    fn for_each_stored_page(&self, index: usize, visit: &mut dyn FnMut(WrittenPage<'_>)) {
        let first = self.first_pages[index];
        let stored = first..first + self.changed_pages(index);
        let names = self.names[stored.clone()].iter();
        for (&(page_index, digest), bytes) in names.zip(&self.pages[stored]) {
            visit(WrittenPage {
                page_index,
                digest,
                bytes: Some(bytes),
            });
        }
    }
}
