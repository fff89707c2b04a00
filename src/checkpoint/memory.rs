//! Checkpoints in memory, for embedders who want no files.

use std::path::PathBuf;

use super::index::{Claim, IndexBuilder, Location, PageIndex};
use super::{
    CheckpointSink, CheckpointSource, CheckpointState, PageContent, PageRun, RunIdentity,
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
    /// For each checkpoint, the number of written pages before it.
    first_written: Vec<usize>,
    /// Every page that was written, checkpoint by checkpoint.
    written: Vec<u32>,
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
            first_written: Vec::new(),
            written: Vec::new(),
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

    /// The pages written before checkpoint `index` and since the one before.
    fn written(&self, index: usize) -> &[u32] {
        let end = self.first_written.get(index + 1).copied();
        &self.written[self.first_written[index]..end.unwrap_or(self.written.len())]
    }

    /// The pages that changed with checkpoint `index`.
    fn changed(&self, index: usize) -> impl Iterator<Item = (u32, Location)> {
        let written = self.written(index).iter();
        written.filter_map(move |&page_index| {
            Some((page_index, self.index.changed_to(page_index, index)?))
        })
    }

    /// Whether page `page_index` was stored last as `bytes`.
    fn is_stored(&self, page_index: u32, bytes: &[u8; PAGE_BYTES]) -> bool {
        let stored = self.builder.stored(page_index);
        stored.is_some_and(|page| self.pages[page as usize] == *bytes)
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
        self.first_written.push(self.written.len());
        for WrittenPage {
            page_index,
            content,
        } in written
        {
            let claim = match content {
                PageContent::Bytes(bytes) if self.is_stored(page_index, bytes) => Claim::Stored,
                PageContent::Bytes(bytes) => {
                    self.pages.push(*bytes);
                    Claim::Bytes(self.pages.len() as u64 - 1)
                }
                PageContent::Image => Claim::Image,
                PageContent::Zero => Claim::Zero,
            };
            let pushed = self.builder.push(page_index, self.states.len(), claim);
            pushed.map_err(|what| StoreError::Damaged {
                path: name(),
                offset: (self.pages.len() * PAGE_BYTES) as u64,
                what,
            })?;
            self.written.push(page_index);
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

    fn page(&self, index: usize, page_index: u32) -> PageContent<'_> {
        self.content(self.index.newest_of(page_index, index))
    }

    fn for_each_page(&self, index: usize, visit: &mut dyn FnMut(u32, PageContent<'_>)) {
        for (page_index, location) in self.index.newest(index) {
            visit(page_index, self.content(location));
        }
    }

    fn for_each_run(
        &self,
        base: Option<usize>,
        index: usize,
        visit: &mut dyn FnMut(u32, PageRun<'_>),
    ) {
        let visit = |(page_index, location)| visit(page_index, PageRun::of(self.content(location)));
        match base {
            None => self.index.newest(index).for_each(visit),
            Some(base) => self.index.others(base, index).for_each(visit),
        }
    }

    fn changed_pages(&self, index: usize) -> usize {
        self.changed(index).count()
    }

    fn for_each_changed_page(&self, index: usize, visit: &mut dyn FnMut(u32, PageContent<'_>)) {
        for (page_index, location) in self.changed(index) {
            visit(page_index, self.content(location));
        }
    }

    fn for_each_written_page(&self, index: usize, visit: &mut dyn FnMut(u32, PageContent<'_>)) {
        for &page_index in self.written(index) {
            visit(
                page_index,
                self.content(self.index.newest_of(page_index, index)),
            );
        }
    }
}
