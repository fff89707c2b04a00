//! The way into a sink: what became of each written page is told.
//!
//! In: states, and the pages written before each. Out: checkpoints in a [`CheckpointSink`]. It does not
//! know where the pages lie, nor on which thread it runs.

use super::image::content_of;
use crate::checkpoint::{CheckpointSink, CheckpointState, StoreError, WrittenPage};
use crate::limits::PAGE_BYTES;
use crate::program::Program;
use crate::vm::{GuestMemory, Machine};

/// What the page table promises of every page that was stored to.
pub(super) const BACKED: &str = "a dirty page is backed";

/// A sink, and the program whose run goes into it.
pub(super) struct Intake<'a> {
    program: &'a Program,
    sink: &'a mut dyn CheckpointSink,
}

impl<'a> Intake<'a> {
    /// The way into `sink`.
    pub fn new(program: &'a Program, sink: &'a mut dyn CheckpointSink) -> Self {
        Self { program, sink }
    }

    /// Hands the next checkpoint to the sink: `state`, and the pages written since the one before, by
    /// ascending index. Page `page_indices[n]` is `page(n)`.
    ///
    /// # Errors
    /// What the sink says.
    pub fn append<'p>(
        &mut self,
        state: &CheckpointState,
        page_indices: &[u32],
        page: impl Fn(usize) -> &'p [u8; PAGE_BYTES],
    ) -> Result<(), StoreError> {
        let pages = page_indices.iter().enumerate();
        let mut written = pages.map(|(n, &page_index)| WrittenPage {
            page_index,
            content: content_of(self.program, page_index, page(n)),
        });
        self.sink.append(state, &mut written)
    }
}

/// The machine's state as a checkpoint has it.
pub(super) fn state_of<M: GuestMemory>(machine: &Machine<M>, program: &Program) -> CheckpointState {
    CheckpointState {
        cycle: machine.cycle(),
        pc: machine.pc(program),
        registers: *machine.registers(),
        text_bytes: machine.text_bytes(),
    }
}
