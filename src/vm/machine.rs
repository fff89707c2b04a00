//! The machine: registers, position, memory, and what a whole run comes to.
//!
//! In: a program, an input, limits. Out: a [`Machine`] at its first cycle, moved on by
//! [`execute`], and at the end a [`RunResult`]. It does not know checkpoints; it can say its state
//! and take one back.

use super::execute::execute;
use super::host::{TextSink, for_each_piece};
use super::memory::GuestMemory;
use super::pages::PageTable;
use super::recorder::{NoRecorder, Recorder};
use super::trap::{Trap, TrapKind};
use crate::limits::{
    CYCLES_MAX, INPUT_BASE, MEMORY_BYTES_MAX, OUTPUT_BASE, PAGE_BYTES, PAGE_BYTES_LOG2,
    REGION_DATA_BYTES_MAX, REGION_HEADER_BYTES, TEXT_OUTPUT_BYTES_MAX,
};
use crate::program::Program;

/// What a guest may use. All limits are on unless raised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Cycles after which the run is stopped.
    pub cycles_max: u64,
    /// Bytes of backed pages.
    pub memory_bytes_max: u64,
    /// Bytes of text written.
    pub text_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cycles_max: CYCLES_MAX,
            memory_bytes_max: MEMORY_BYTES_MAX,
            text_bytes_max: TEXT_OUTPUT_BYTES_MAX,
        }
    }
}

/// Why [`execute`] returned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// The budget is used up; the guest can go on.
    Budget,
    /// The guest ended with this code.
    Exit(u32),
    /// The guest can't go on.
    Trap(Trap),
}

/// What a finished run came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunResult {
    /// The guest's exit code; 0 is success.
    pub exit_code: u32,
    /// Retired instructions.
    pub cycles: u64,
    /// The bytes the guest published.
    pub output: Vec<u8>,
    /// Bytes of text the guest wrote.
    pub text_bytes: u64,
    /// Pages that were backed at the end.
    pub backed_pages: u64,
}

/// Why a machine could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MachineError {
    /// The host refused the address space.
    #[error("no memory for the guest ({source}); the paged memory needs less address space")]
    Memory {
        /// The host's answer.
        #[from]
        source: std::io::Error,
    },
    /// The input does not fit into its region.
    #[error("the input has {actual} bytes, at most {max} fit")]
    InputTooLong {
        /// Bytes given.
        actual: usize,
        /// Bytes that fit.
        max: u32,
    },
    /// Program and input alone exceed the memory limit.
    #[error(
        "program and input need more than the memory limit of {limit_bytes} bytes; raise it with --max-memory"
    )]
    MemoryLimit {
        /// The limit.
        limit_bytes: u64,
    },
}

/// A machine: all that a run changes.
///
/// In this order, so that the registers' address is the machine's own (PERF.md M-12).
#[repr(C)]
pub struct Machine<M: GuestMemory> {
    /// x0 to x31. 256 entries, so that no u8 can be out of range; the rest is never touched.
    pub(super) registers: [u32; 256],
    /// Table index of the next instruction.
    pub(super) index: u32,
    /// Retired instructions.
    pub(super) cycle: u64,
    pub(super) text_bytes: u64,
    pub(super) memory: M,
    pub(super) pages: PageTable,
    pub(super) tohost: Option<u32>,
    pub(super) limits: Limits,
}

impl<M: GuestMemory> Machine<M> {
    /// A machine before its first cycle, with `program` and `input` in memory.
    ///
    /// # Errors
    /// [`MachineError`] when the host or the limits leave no room.
    pub fn new(program: &Program, input: &[u8], limits: Limits) -> Result<Self, MachineError> {
        if input.len() > REGION_DATA_BYTES_MAX as usize {
            let (actual, max) = (input.len(), REGION_DATA_BYTES_MAX);
            return Err(MachineError::InputTooLong { actual, max });
        }
        let mut machine = Self {
            registers: [0; 256],
            index: 0,
            cycle: 0,
            text_bytes: 0,
            memory: M::new()?,
            pages: PageTable::new(program, limits.memory_bytes_max),
            tohost: program.tohost(),
            limits,
        };
        machine
            .restart(program, input)
            .map_err(|_| MachineError::MemoryLimit {
                limit_bytes: limits.memory_bytes_max,
            })?;
        Ok(machine)
    }

    /// Takes the machine back to before its first cycle. O(pages it has backed); allocates nothing.
    ///
    /// # Errors
    /// [`TrapKind::MemoryLimit`] when program and input exceed the limit, which
    /// [`new`](Machine::new) would have said.
    pub fn restart(&mut self, program: &Program, input: &[u8]) -> Result<(), TrapKind> {
        self.restart_with(program, input, |_| Ok(()))
    }

    /// The same, with pages that `set` [sets](Machine::set_pages): what they had before is not made zero
    /// first.
    ///
    /// # Errors
    /// As there, and what `set` says.
    pub fn restart_with(
        &mut self,
        program: &Program,
        input: &[u8],
        set: impl FnOnce(&mut Self) -> Result<(), TrapKind>,
    ) -> Result<(), TrapKind> {
        self.pages.begin_again();
        let started = self.load(program, input).and_then(|()| set(self));
        let memory = &mut self.memory;
        self.pages
            .clear_stale(|page_index| memory.page_mut(page_index).fill(0));
        started
    }

    /// Puts registers, position and memory to what they are before the first cycle.
    fn load(&mut self, program: &Program, input: &[u8]) -> Result<(), TrapKind> {
        self.registers = [0; 256];
        self.index = program.index_of(program.entry());
        (self.cycle, self.text_bytes) = (0, 0);
        for segment in program
            .segments()
            .iter()
            .filter(|segment| !segment.file.is_empty())
        {
            self.write_image(segment.address, &segment.file)?;
        }
        if !input.is_empty() {
            self.write_image(INPUT_BASE, &(input.len() as u32).to_le_bytes())?;
            self.write_image(INPUT_BASE + REGION_HEADER_BYTES, input)?;
        }
        Ok(())
    }

    /// Puts `bytes` at `address` as part of the initial image.
    fn write_image(&mut self, address: u32, bytes: &[u8]) -> Result<(), TrapKind> {
        let mut at = address as usize;
        let mut rest = bytes;
        while !rest.is_empty() {
            let page_index = (at >> PAGE_BYTES_LOG2) as u32;
            let stale = self.pages.back(page_index)?;
            let offset = at % PAGE_BYTES;
            let (piece, tail) = rest.split_at(rest.len().min(PAGE_BYTES - offset));
            let page = self.memory.page_mut(page_index);
            if stale && piece.len() < PAGE_BYTES {
                page.fill(0);
            }
            page[offset..offset + piece.len()].copy_from_slice(piece);
            at += piece.len();
            rest = tail;
        }
        Ok(())
    }

    /// Retired instructions.
    #[must_use]
    pub fn cycle(&self) -> u64 {
        self.cycle
    }

    /// Address of the next instruction.
    #[must_use]
    pub fn pc(&self, program: &Program) -> u32 {
        program.pc_of(self.index)
    }

    /// x0 to x31.
    #[must_use]
    pub fn registers(&self) -> &[u32; 32] {
        self.registers.first_chunk().expect("256 entries")
    }

    /// Bytes of text written so far.
    #[must_use]
    pub fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    /// The limits it was made with.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Guest memory, to look at.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// Which pages are backed.
    #[must_use]
    pub fn pages(&self) -> &PageTable {
        &self.pages
    }

    /// Memory, and which of its pages are dirty.
    pub fn memory_and_pages(&mut self) -> (&M, &mut PageTable) {
        (&self.memory, &mut self.pages)
    }

    /// Which pages are backed and dirty.
    pub fn pages_mut(&mut self) -> &mut PageTable {
        &mut self.pages
    }

    /// Sets position, counters and registers, as a checkpoint has them.
    pub fn set_state(
        &mut self,
        program: &Program,
        cycle: u64,
        pc: u32,
        registers: &[u32; 32],
        text_bytes: u64,
    ) {
        self.index = program.index_of(pc);
        (self.cycle, self.text_bytes) = (cycle, text_bytes);
        self.registers[..32].copy_from_slice(registers);
    }

    /// Replaces page `page_index`, as a checkpoint has it, and backs it.
    ///
    /// # Errors
    /// [`TrapKind::MemoryLimit`].
    pub fn set_page(&mut self, page_index: u32, bytes: &[u8; PAGE_BYTES]) -> Result<(), TrapKind> {
        self.set_pages(page_index, 1, &mut |_, to| to.copy_from_slice(bytes))
    }

    /// Replaces `count` pages from page `first` on, and backs them: `fill` is asked, in one piece or in
    /// several, to fill bytes that lie so far behind the first of them.
    ///
    /// # Errors
    /// [`TrapKind::MemoryLimit`].
    pub fn set_pages(
        &mut self,
        first: u32,
        count: usize,
        fill: &mut dyn FnMut(usize, &mut [u8]),
    ) -> Result<(), TrapKind> {
        for page_index in (first..).take(count) {
            self.pages.back(page_index)?;
        }
        self.memory.fill_pages(first, count, fill);
        Ok(())
    }

    /// Has `fill` replace the bytes of every dirty page, as a checkpoint has them; none is dirty then.
    pub fn refill_dirty(&mut self, mut fill: impl FnMut(u32, &mut [u8; PAGE_BYTES])) {
        for &page_index in self.pages.sorted_dirty() {
            fill(page_index, self.memory.page_mut(page_index));
        }
        self.pages.clear_dirty();
    }

    /// Runs at most `budget` cycles; see [`execute`]. The cycle limit is the caller's to keep: a
    /// pass over a whole run is [`run`](Machine::run).
    pub fn advance<R: Recorder>(
        &mut self,
        program: &Program,
        budget: u64,
        recorder: &mut R,
        text: &mut dyn TextSink,
    ) -> Stop {
        execute(self, program, budget, recorder, text)
    }

    /// Runs to the guest's end without recording anything: the fast pass.
    ///
    /// # Errors
    /// A [`Trap`], the cycle limit included.
    pub fn run(&mut self, program: &Program, text: &mut dyn TextSink) -> Result<RunResult, Trap> {
        let budget = self.limits.cycles_max.saturating_sub(self.cycle);
        match self.advance(program, budget, &mut NoRecorder, text) {
            Stop::Budget => Err(self.cycle_limit(program)),
            Stop::Trap(trap) => Err(trap),
            Stop::Exit(code) => self.finish(program, code),
        }
    }

    /// The trap of a run that has used up its cycles.
    #[must_use]
    pub fn cycle_limit(&self, program: &Program) -> Trap {
        let kind = TrapKind::CycleLimit {
            limit: self.limits.cycles_max,
        };
        Trap {
            kind,
            pc: self.pc(program),
            cycle: self.cycle,
            address: None,
        }
    }

    /// The result of a run whose guest has just ended with `exit_code`. The pages that the output lies
    /// on count against the memory limit, stored to or not: they are copied.
    ///
    /// # Errors
    /// [`TrapKind::OutputTooLong`], [`TrapKind::MemoryLimit`], [`TrapKind::OutputMemory`], at the
    /// instruction that ended the run, which is retired: the trap's cycle counts it.
    pub fn finish(&self, program: &Program, exit_code: u32) -> Result<RunResult, Trap> {
        let refused = |kind| Trap {
            kind,
            pc: self.pc(program).wrapping_sub(4),
            cycle: self.cycle,
            address: Some(OUTPUT_BASE),
        };
        let length = self.memory.load_u32(OUTPUT_BASE);
        if length > REGION_DATA_BYTES_MAX {
            return Err(refused(TrapKind::OutputTooLong {
                actual: length,
                max: REGION_DATA_BYTES_MAX,
            }));
        }
        let start = OUTPUT_BASE + REGION_HEADER_BYTES;
        if length > 0 && !self.pages.has_room_for(start, length) {
            return Err(refused(TrapKind::MemoryLimit {
                limit_bytes: self.limits.memory_bytes_max,
            }));
        }
        let mut output = Vec::new();
        if output.try_reserve_exact(length as usize).is_err() {
            return Err(refused(TrapKind::OutputMemory { bytes: length }));
        }
        for_each_piece(&self.memory, start, length, |piece| {
            output.extend_from_slice(piece)
        });
        Ok(RunResult {
            exit_code,
            cycles: self.cycle,
            output,
            text_bytes: self.text_bytes,
            backed_pages: self.pages.backed().len() as u64,
        })
    }
}
