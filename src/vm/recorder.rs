//! The seam between execution and whoever wants its facts.
//!
//! In: facts of each retired instruction, block by block. Out: nothing to the machine. A recorder
//! is a static type, so that the fast pass, which records nothing, pays nothing.

/// Receives the facts of retired instructions, a block at a time.
pub trait Recorder {
    /// Takes the facts of one block.
    type Block<'a>: BlockRecorder
    where
        Self: 'a;
    /// Whether ops are dispatched in pairs where they can be. The results are the same; it is faster,
    /// and several times the code.
    const PAIRS: bool;
    /// Whether words before and after memory accesses are wanted at all.
    const MEMORY: bool;
    /// Up to `rows` consecutive instructions follow, or one more where a pair runs over them; `row` have
    /// retired since [`execute`](super::execute) was called.
    fn begin_block(&mut self, row: usize, rows: usize) -> Self::Block<'_>;
}

/// Receives the facts of one block's instructions, under their offsets in it, which ascend. Every
/// instruction that retires reports its first source and its destination, zeros where it has none; a second
/// source and an access to memory are reported by those that have them.
///
/// Facts reported for an instruction that then faults are not retired: [`end`](BlockRecorder::end)
/// says how many are.
pub trait BlockRecorder {
    /// Value of the first source register, or 0.
    fn rs1(&mut self, offset: usize, value: u32);
    /// Value of the second source register.
    fn rs2(&mut self, offset: usize, value: u32);
    /// Destination register before and after, or zeros.
    fn rd(&mut self, offset: usize, before: u32, after: u32);
    /// Byte address of an access, and the aligned word there before and after.
    fn memory(&mut self, offset: usize, address: u32, before: u32, after: u32);
    /// `rows` instructions of the block have retired, the first of them at table index `pc_index`; the
    /// next one is at address `next_pc`.
    fn end(self, pc_index: u32, rows: usize, next_pc: u32);
}

/// The fast pass: nothing is recorded.
#[derive(Clone, Copy, Default, Debug)]
pub struct NoRecorder;

impl Recorder for NoRecorder {
    type Block<'a> = Self;
    const PAIRS: bool = true;
    const MEMORY: bool = false;
    #[inline(always)]
    fn begin_block(&mut self, _: usize, _: usize) -> Self {
        Self
    }
}

impl BlockRecorder for NoRecorder {
    #[inline(always)]
    fn rs1(&mut self, _: usize, _: u32) {}
    #[inline(always)]
    fn rs2(&mut self, _: usize, _: u32) {}
    #[inline(always)]
    fn rd(&mut self, _: usize, _: u32, _: u32) {}
    #[inline(always)]
    fn memory(&mut self, _: usize, _: u32, _: u32, _: u32) {}
    #[inline(always)]
    fn end(self, _: u32, _: usize, _: u32) {}
}
