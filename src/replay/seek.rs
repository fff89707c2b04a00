//! Seeking: the machine's state before any one cycle, without a column.
//!
//! In: a run and a cycle. Out: pc, registers and memory, shown to a visitor, and a check of the
//! boundary behind it. It does not know rows.

use super::{ReplayError, ReplayOptions, Replayer, Run};

/// What a machine is before one of its cycles, or behind its last one.
pub struct MachineState<'a> {
    /// Instructions retired before it.
    pub cycle: u64,
    /// Address of the next instruction.
    pub pc: u32,
    /// x0 to x31.
    pub registers: &'a [u32; 32],
    /// Bytes of text written before it.
    pub text_bytes: u64,
    pub(super) load: &'a dyn Fn(u32) -> u32,
}

impl MachineState<'_> {
    /// The aligned word of memory that holds `address`; zero where nothing was ever stored.
    #[must_use]
    pub fn word(&self, address: u32) -> u32 {
        (self.load)(address & !3)
    }
}

/// Shows the state before `cycle` to `visit`; `cycle` may be the number of rows, for the state behind
/// the last one. It is reached from the checkpoint before it, and the run goes on to the next one
/// afterwards, which must be as stored: what `visit` saw holds if this returns `Ok`.
///
/// # Errors
/// [`ReplayError`]; [`ReplayError::Cycle`] where the run has no such cycle.
pub fn seek(
    run: &Run<'_>,
    options: &ReplayOptions<'_>,
    cycle: u64,
    visit: &mut dyn FnMut(&MachineState<'_>),
) -> Result<(), ReplayError> {
    // Its chunk stays empty: one row is the smallest there is.
    let options = ReplayOptions {
        chunk_rows: 1,
        ..*options
    };
    Replayer::new(run, &options)?.seek(cycle, visit)
}
