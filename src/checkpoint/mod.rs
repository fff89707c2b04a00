//! Checkpoints: states from which any part of a run can be executed again.
//!
//! In: states and written pages, in order, through [`CheckpointSink`]. Out: states and page images
//! through [`CheckpointSource`]. Two stores do both: [`MemoryStore`] and the mapped file
//! ([`CheckpointWriter`], [`CheckpointFile`]). This is the only code that touches the filesystem. It
//! does not know programs, columns, or how a run is executed.

use crate::limits::PAGE_BYTES;

mod error;
mod file;
mod index;
mod layout;
mod map;
mod memory;
mod prefix;
mod storage;
mod thin;
mod versions;
mod walk;
mod writer;

pub use error::StoreError;
pub use file::CheckpointFile;
pub use memory::MemoryStore;
pub use prefix::Prefix;
pub use storage::{Disk, Storage, StorageFile};
pub use thin::{thin, thinned_identity};
pub use versions::{PageChange, PageVersions, WrittenDigest};
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
    /// Pages that counted against the memory limit.
    pub backed_pages: u64,
    /// [`WrittenDigest`] of the pages written since the checkpoint before, changed or not.
    pub dirty_digest: [u8; 32],
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

/// A page that was stored to since the checkpoint before.
#[derive(Clone, Copy)]
pub struct WrittenPage<'a> {
    /// Its address divided by [`PAGE_BYTES`].
    pub page_index: u32,
    /// BLAKE3 of its bytes.
    pub digest: [u8; 32],
    /// Its bytes; none where it is as its last stored version, or as program and input leave it if it
    /// was never stored.
    pub bytes: Option<&'a [u8; PAGE_BYTES]>,
}

/// Takes the checkpoints of one run, in order.
pub trait CheckpointSink {
    /// The next checkpoint, and the pages written since the one before, by ascending index.
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

    /// Visits the newest version at checkpoint `index` of every page that was ever stored up to
    /// then, by ascending page index. All other pages are as program and input leave them.
    fn for_each_page(&self, index: usize, visit: &mut dyn FnMut(u32, &[u8; PAGE_BYTES]));

    /// Number of pages stored with checkpoint `index` itself.
    fn changed_pages(&self, index: usize) -> usize;

    /// Visits the pages stored with checkpoint `index` itself, by ascending page index; all have bytes.
    fn for_each_stored_page(&self, index: usize, visit: &mut dyn FnMut(WrittenPage<'_>));
}
