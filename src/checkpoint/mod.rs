//! Checkpoints: states from which any part of a run can be executed again.
//!
//! In: states and written pages, in order, through [`CheckpointSink`]. Out: states and page images
//! through [`CheckpointSource`]. Two stores do both: [`MemoryStore`] and the mapped file
//! ([`CheckpointWriter`], [`CheckpointFile`]). This is the only code that touches the filesystem. It
//! does not know programs, columns, or how a run is executed.

use crate::limits::{PAGE_BYTES, RUN_CYCLES_MAX};

mod error;
mod file;
mod index;
mod layout;
mod map;
mod memory;
mod prefix;
mod run;
mod storage;
mod stored;
mod tail;
mod thin;
mod walk;
mod writer;

pub use error::StoreError;
pub use file::CheckpointFile;
pub use memory::MemoryStore;
pub use prefix::{Prefix, PrefixPage};
pub use run::PageRun;
pub use storage::{Disk, Storage, StorageFile};
pub use thin::{thin, thinned_identity};
pub use writer::{CheckpointWriter, partial_path, temporary_file};

/// The state before cycle `i * interval`, or behind the last cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CheckpointState {
    /// Instructions retired before it.
    pub cycle: u64,
    /// Address of the next instruction.
    pub pc: u32,
    /// x0 to x31.
    pub registers: [u32; 32],
    /// Bytes of text written before it.
    pub text_bytes: u64,
}

impl CheckpointState {
    /// What no state of a run can have, if this one does.
    pub(crate) fn flaw(&self) -> Option<&'static str> {
        if self.registers[0] != 0 {
            Some("registers")
        } else if !self.pc.is_multiple_of(4) {
            Some("pc")
        } else if self.cycle > RUN_CYCLES_MAX {
            Some("cycle")
        } else if self.text_bytes > RUN_CYCLES_MAX {
            Some("text length")
        } else {
            None
        }
    }
}

/// What a run is a run of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RunIdentity {
    /// BLAKE3 of the ELF file.
    pub program_digest: [u8; 32],
    /// BLAKE3 of the input.
    pub input_digest: [u8; 32],
    /// Cycles between two checkpoints.
    pub interval: u64,
}

/// What a run came to, as far as a replay or a proof needs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RunSummary {
    /// The guest's exit code.
    pub exit_code: u32,
    /// Retired instructions.
    pub cycles: u64,
    /// Bytes the guest published.
    pub output_bytes: u64,
    /// BLAKE3 of the bytes the guest published.
    pub output_digest: [u8; 32],
    /// Bytes of text the guest wrote.
    pub text_bytes: u64,
}

/// The bytes of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageContent<'a> {
    /// These.
    Bytes(&'a [u8; PAGE_BYTES]),
    /// As the program leaves it.
    Image,
    /// Zero, and the program leaves it otherwise.
    Zero,
}

/// A page that was stored to since the checkpoint before.
#[derive(Clone, Copy)]
pub struct WrittenPage<'a> {
    /// Its address divided by [`PAGE_BYTES`].
    pub page_index: u32,
    /// What it is now.
    pub content: PageContent<'a>,
}

/// Takes the checkpoints of one run, in order, on whatever thread.
pub trait CheckpointSink: Send {
    /// The next checkpoint, and the pages written since the one before, by ascending index. Whether the bytes of
    /// one are as they were stored last is the sink's to find out.
    ///
    /// # Errors
    /// When it can't be stored; the sink then stays unfinished.
    fn append(
        &mut self,
        state: &CheckpointState,
        written: &mut dyn ExactSizeIterator<Item = WrittenPage<'_>>,
    ) -> Result<(), StoreError>;

    /// The run has ended; the checkpoint appended last is the state behind its last cycle.
    ///
    /// # Errors
    /// When the store can't be completed; nothing stands under its final name then.
    fn finish(&mut self, summary: &RunSummary) -> Result<(), StoreError>;

    /// The guest failed: the run has no end, and what was appended is of no use.
    fn discard(&mut self) {}
}

/// The checkpoints of one finished run.
pub trait CheckpointSource: Sync {
    /// What this is a run of.
    fn identity(&self) -> &RunIdentity;

    /// What it came to.
    fn summary(&self) -> &RunSummary;

    /// The input.
    fn input(&self) -> &[u8];

    /// Number of checkpoints, the state behind the last cycle included.
    fn count(&self) -> usize;

    /// Checkpoint `index`, which stands before cycle `index * interval` (the last: behind the run).
    ///
    /// # Panics
    /// If there is no such checkpoint.
    fn state(&self, index: usize) -> CheckpointState;

    /// Page `page_index` at checkpoint `index`.
    fn page(&self, index: usize, page_index: u32) -> PageContent<'_>;

    /// Visits the newest version at checkpoint `index` of every page that had changed up to then, by
    /// ascending page index. All other pages are as program and input leave them.
    fn for_each_page(&self, index: usize, visit: &mut dyn FnMut(u32, PageContent<'_>));

    /// Visits what [`for_each_page`](CheckpointSource::for_each_page) does, or with a `base` those pages that
    /// are others than at that checkpoint; pages in one piece that follow each other and lie together in the
    /// store.
    fn for_each_run(
        &self,
        base: Option<usize>,
        index: usize,
        visit: &mut dyn FnMut(u32, PageRun<'_>),
    );

    /// Number of pages that changed with checkpoint `index` itself.
    fn changed_pages(&self, index: usize) -> usize;

    /// Visits the pages that changed with checkpoint `index` itself, by ascending page index.
    fn for_each_changed_page(&self, index: usize, visit: &mut dyn FnMut(u32, PageContent<'_>));

    /// Visits all pages that were stored to between the checkpoint before `index` and this one, changed or
    /// not, by ascending page index.
    fn for_each_written_page(&self, index: usize, visit: &mut dyn FnMut(u32, PageContent<'_>));

    /// Whether the store still is what it was when it was opened. What was read before this holds if
    /// so.
    ///
    /// # Errors
    /// [`StoreError::Changed`].
    fn check_unchanged(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
