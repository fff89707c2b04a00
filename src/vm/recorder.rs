//! The seam between execution and whoever wants its facts.
//!
//! In: facts of each retired instruction, block by block. Out: nothing to the machine. A recorder
//! is a static type, so that the fast pass, which records nothing, pays nothing.

/// Receives the facts of retired instructions.
///
/// A pass announces a run of consecutive instructions with [`begin_block`](Recorder::begin_block),
/// reports facts to the [`BlockRecorder`] it gets, and closes the block with
/// [`end_block`](Recorder::end_block). Facts reported for an instruction that then faults are not
/// retired: `end_block`'s row count says how many are.
pub trait Recorder {
    /// Takes the facts of one block.
    type Block<'a>: BlockRecorder
    where
        Self: 'a;
    /// Up to `rows` consecutive instructions follow.
    fn begin_block(&mut self, rows: usize) -> Self::Block<'_>;
    /// `rows` instructions of the block have retired, the first of them at table index `pc_index` and
    /// address `pc`; the next one is at `next_pc`.
    fn end_block(&mut self, pc_index: u32, pc: u32, rows: usize, next_pc: u32);
}

/// Receives the facts of one block's instructions, under their offsets in it, which ascend. An
/// instruction without some fact (no rs1, no memory access) does not report it.
///
/// A value and not a reference: what it points to stays in registers while the block runs.
pub trait BlockRecorder {
    /// Whether words before and after memory accesses are wanted at all.
    const MEMORY: bool;
    /// Value of the first source register.
    fn rs1(&mut self, offset: usize, value: u32);
    /// Value of the second source register.
    fn rs2(&mut self, offset: usize, value: u32);
    /// Destination register before and after.
    fn rd(&mut self, offset: usize, before: u32, after: u32);
    /// Byte address of an access, and the aligned word there before and after.
    fn memory(&mut self, offset: usize, address: u32, before: u32, after: u32);
}

/// The fast pass: nothing is recorded.
#[derive(Clone, Copy, Default, Debug)]
pub struct NoRecorder;

impl Recorder for NoRecorder {
    type Block<'a> = Self;
    #[inline(always)]
    fn begin_block(&mut self, _: usize) -> Self {
        Self
    }
    #[inline(always)]
    fn end_block(&mut self, _: u32, _: u32, _: usize, _: u32) {}
}

impl BlockRecorder for NoRecorder {
    const MEMORY: bool = false;
    #[inline(always)]
    fn rs1(&mut self, _: usize, _: u32) {}
    #[inline(always)]
    fn rs2(&mut self, _: usize, _: u32) {}
    #[inline(always)]
    fn rd(&mut self, _: usize, _: u32, _: u32) {}
    #[inline(always)]
    fn memory(&mut self, _: usize, _: u32, _: u32, _: u32) {}
}
