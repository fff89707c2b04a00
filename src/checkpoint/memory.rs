//! Checkpoints in memory, for embedders who want no files.

use std::path::PathBuf;

use super::index::{Claim, IndexBuilder, Location, PageIndex};
use super::{
    ChangedPage, CheckpointSink, CheckpointSource, CheckpointState, PageContent, RunIdentity,
    RunSummary, StoreError, WrittenPage,
};
use crate::limits::PAGE_BYTES;

/// The checkpoints of one run, in memory.
pub struct MemoryStore {
    identity: RunIdentity,
    input: Vec<u8>,
    summary: Option<RunSummary>,
    states: Vec<CheckpointState>,
    pages: Vec<[u8; PAGE_BYTES]>,
    /// For each checkpoint, the number of changes before it.
    first_changes: Vec<usize>,
    /// Page and digest of every change.
    changes: Vec<(u32, [u8; 32])>,
    builder: IndexBuilder,
    index: PageIndex,
    /// Whether the run is finished, or a checkpoint was refused.
    closed: bool,
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
            pages: Vec::new(),
            first_changes: Vec::new(),
            changes: Vec::new(),
            builder: IndexBuilder::default(),
            index: PageIndex::default(),
            closed: false,
        }
    }
}

/// What errors call it.
fn name() -> PathBuf {
    "checkpoints in memory".into()
}

impl MemoryStore {
    fn content(&self, location: Location) -> PageContent<'_> {
        match location {
            Location::At(page) => PageContent::Bytes(&self.pages[page as usize]),
            Location::Image => PageContent::Image,
            Location::Zero => PageContent::Zero,
        }
    }

    /// The pages that changed with checkpoint `index`.
    fn changed(&self, index: usize) -> impl Iterator<Item = ChangedPage<'_>> {
        let end = self.first_changes.get(index + 1).copied();
        let range = self.first_changes[index]..end.unwrap_or(self.changes.len());
        self.changes[range]
            .iter()
            .filter_map(move |&(page_index, digest)| {
                let location = self.index.changed_to(page_index, index)?;
                Some(ChangedPage {
                    page_index,
                    digest,
                    content: self.content(location),
                })
            })
    }
}

impl CheckpointSink for MemoryStore {
    fn append(
        &mut self,
        state: &CheckpointState,
        written: &mut dyn ExactSizeIterator<Item = WrittenPage<'_>>,
    ) -> Result<(), StoreError> {
        if std::mem::replace(&mut self.closed, true) {
            return Err(StoreError::Closed { path: name() });
        }
        self.first_changes.push(self.changes.len());
        for page in written {
            let claim = match page.content {
                Some(PageContent::Bytes(bytes)) => {
                    self.pages.push(*bytes);
                    Claim::Bytes(self.pages.len() as u64 - 1)
                }
                Some(PageContent::Image) => Claim::Image,
                Some(PageContent::Zero) => Claim::Zero,
                None => Claim::Stored,
            };
            let (page_index, checkpoint) = (page.page_index, self.states.len());
            let pushed = (self.builder).push(page_index, checkpoint, &page.digest, claim);
            let changed = pushed.map_err(|what| StoreError::Damaged {
                path: name(),
                offset: (self.pages.len() * PAGE_BYTES) as u64,
                what,
            })?;
            if changed {
                self.changes.push((page_index, page.digest));
            }
        }
        self.states.push(*state);
        self.closed = false;
        Ok(())
    }

    fn finish(&mut self, summary: &RunSummary) -> Result<(), StoreError> {
        if std::mem::replace(&mut self.closed, true) {
            return Err(StoreError::Closed { path: name() });
        }
        self.index = std::mem::take(&mut self.builder).finish();
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

    fn for_each_page(&self, index: usize, visit: &mut dyn FnMut(u32, PageContent<'_>)) {
        for (page_index, location) in self.index.newest(index) {
            visit(page_index, self.content(location));
        }
    }

    fn changed_pages(&self, index: usize) -> usize {
        self.changed(index).count()
    }

    fn for_each_changed_page(&self, index: usize, visit: &mut dyn FnMut(ChangedPage<'_>)) {
        self.changed(index).for_each(visit);
    }

    fn images(&self) -> &[(u32, [u8; 32])] {
        self.index.images()
    }
}
