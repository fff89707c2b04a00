//! The way into a sink: digests are taken, and what became of each written page is told.
//!
//! In: states, and the pages written before each. Out: checkpoints in a [`CheckpointSink`]. It does not
//! know where the pages lie, nor on which thread it runs.

use crate::checkpoint::{
    CheckpointSink, CheckpointState, PageChange, PageContent, PageVersions, StoreError,
    WrittenDigest, WrittenPage, zero_digest,
};
use crate::limits::PAGE_BYTES;
use crate::program::Program;
use crate::vm::{GuestMemory, Machine};

/// What the page table promises of every page that was stored to.
pub(super) const BACKED: &str = "a dirty page is backed";

/// A sink, and what is known of the pages it has.
pub(super) struct Intake<'a> {
    program: &'a Program,
    versions: PageVersions,
    sink: &'a mut dyn CheckpointSink,
    /// Digests of the checkpoint's pages and what became of them; kept for its room.
    found: Vec<([u8; 32], PageChange)>,
}

impl<'a> Intake<'a> {
    /// The way into `sink`, which has the checkpoints that `versions` tells of.
    pub fn new(
        program: &'a Program,
        versions: PageVersions,
        sink: &'a mut dyn CheckpointSink,
    ) -> Self {
        Self {
            program,
            versions,
            sink,
            found: Vec::new(),
        }
    }

    /// Hands the next checkpoint to the sink: `state`, whose digest is still to be taken, and the pages
    /// written since the one before, by ascending index. Page `page_indices[n]` is `page(n)`; the digests of
    /// the first of them may be `known`.
    ///
    /// # Errors
    /// What the sink says.
    pub fn append<'p>(
        &mut self,
        state: &CheckpointState,
        page_indices: &[u32],
        known: &[[u8; 32]],
        page: impl Fn(usize) -> &'p [u8; PAGE_BYTES],
    ) -> Result<(), StoreError> {
        let mut dirty = WrittenDigest::default();
        self.found.clear();
        for (n, &page_index) in page_indices.iter().enumerate() {
            let digest = known.get(n).copied();
            let digest = digest.unwrap_or_else(|| page_digest(page(n)));
            dirty.add(page_index, &digest);
            let image = || image_digest(self.program, page_index);
            let change = self.versions.change(page_index, digest, image);
            self.found.push((digest, change));
        }
        let state = CheckpointState {
            dirty_digest: dirty.finish(),
            ..*state
        };
        let found = &self.found;
        let mut written = (0..found.len()).map(|n| WrittenPage {
            page_index: page_indices[n],
            digest: found[n].0,
            content: match found[n].1 {
                PageChange::Image => Some(PageContent::Image),
                PageChange::Zero => Some(PageContent::Zero),
                PageChange::Stored => None,
                PageChange::New => Some(PageContent::Bytes(page(n))),
            },
        });
        self.sink.append(&state, &mut written)
    }
}

/// The machine's state as a checkpoint has it, but for the digest of written pages.
pub(super) fn undigested_state<M: GuestMemory>(
    machine: &Machine<M>,
    program: &Program,
) -> CheckpointState {
    CheckpointState {
        cycle: machine.cycle(),
        pc: machine.pc(program),
        registers: *machine.registers(),
        text_bytes: machine.text_bytes(),
        dirty_digest: [0; 32],
    }
}

/// Digest of a page.
pub(super) fn page_digest(page: &[u8; PAGE_BYTES]) -> [u8; 32] {
    *blake3::hash(page).as_bytes()
}

/// Digest of a page as the program leaves it. Only asked for pages that can be stored to, so never
/// for one of the input.
pub(super) fn image_digest(program: &Program, page_index: u32) -> [u8; 32] {
    let mut page = [0; PAGE_BYTES];
    match program.copy_page(page_index, &mut page) {
        true => page_digest(&page),
        false => *zero_digest(),
    }
}

/// Digest of the pages written since the last boundary: their numbers and their bytes.
///
/// The set of written pages follows from the guest's stores alone, so a replay of the interval
/// comes to the same digest whatever was restored before it.
pub(super) fn dirty_digest<M: GuestMemory>(machine: &mut Machine<M>) -> [u8; 32] {
    let (memory, pages) = machine.memory_and_pages();
    let mut dirty = WrittenDigest::default();
    for &page_index in pages.sorted_dirty() {
        let digest = page_digest(memory.page(page_index).expect(BACKED));
        dirty.add(page_index, &digest);
    }
    dirty.finish()
}
