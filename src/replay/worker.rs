//! One worker: a machine and a chunk, carried along a contiguous range of rows.
//!
//! In: a range of rows. Out: its chunks, and a [`ReplayError`] where a boundary does not match. Rows that
//! were handed out hold once the boundary behind them was reached, so a worker goes on to it before it
//! goes elsewhere, and when it is told that no more rows come. It does not know other workers.

use std::ops::Range;

use super::fast_pass::{STEP_CYCLES, next_boundary};
use super::image::{bytes_of, image_of, is_content};
use super::intake::BACKED;
use super::{MachineState, RangeReplay, ReplayError, ReplayOptions, Run};
use crate::checkpoint::{PageContent, RunSummary};
use crate::limits::{
    OUTPUT_BASE, PAGE_BYTES, PAGE_BYTES_LOG2, REGION_DATA_BYTES_MAX, REGION_HEADER_BYTES,
};
use crate::trace::chunk::Chunk;
use crate::trace::columns::ColumnSet;
use crate::trace::record::record;
use crate::trace::view::ChunkView;
use crate::vm::{
    DiscardText, GuestMemory, Limits, Machine, NoRecorder, PagedMemory, Stop, TrapKind,
};

/// Why every page of a checkpoint has room.
const FITS: &str = "a replay's memory limit is the whole address space";

const ZEROS: [u8; PAGE_BYTES] = [0; PAGE_BYTES];

/// A machine, the chunk it fills, and what it was last doing.
pub(super) struct Worker<M: GuestMemory> {
    machine: Machine<M>,
    chunk: Chunk,
    /// The checkpoint that memory is as at, but for pages that are dirty; none before the first restore.
    base: Option<usize>,
    /// Whether the machine's state is one of this run (it is not before the first restore, nor
    /// after an error).
    usable: bool,
    /// Whether rows of this interval, or its state, were shown.
    shown: bool,
}

impl Worker<PagedMemory> {
    /// A worker whose memory has every page that the checkpoints store, so that no replay has to
    /// allocate it. (A page that is stored to and as before at every checkpoint is in none of them.)
    pub(super) fn paged(run: &Run<'_>, options: &ReplayOptions<'_>) -> Result<Self, ReplayError> {
        let mut worker = Self::new(run, options)?;
        let source = run.checkpoints();
        let mut fits = Ok(());
        source.for_each_page(source.count() - 1, &mut |page_index, _| {
            fits = fits.and_then(|()| worker.machine.set_page(page_index, &[0; PAGE_BYTES]));
        });
        assert_eq!(fits, Ok(()), "{FITS}");
        Ok(worker)
    }
}

impl<M: GuestMemory> Worker<M> {
    pub(super) fn new(run: &Run<'_>, options: &ReplayOptions<'_>) -> Result<Self, ReplayError> {
        // The run kept within its own limits when it was recorded; a replay need not stop it again.
        let limits = Limits {
            cycles_max: u64::MAX,
            memory_bytes_max: 1 << 32,
            text_bytes_max: u64::MAX,
        };
        let machine = Machine::new(run.program(), run.checkpoints().input(), limits)?;
        let chunk = Chunk::with_kernels(options.chunk_rows, options.kernels);
        Ok(Self {
            machine,
            chunk,
            base: None,
            usable: false,
            shown: false,
        })
    }

    /// Brings the machine to the start of `row`, by restoring the checkpoint at or before it unless
    /// going on from where it stands is no longer a way.
    fn seek(
        &mut self,
        run: &Run<'_>,
        options: &ReplayOptions<'_>,
        row: u64,
    ) -> Result<(), ReplayError> {
        let interval = run.checkpoints().identity().interval;
        let start = row / interval * interval;
        let here = self.machine.cycle();
        if !(self.usable && (start..=row).contains(&here)) {
            self.settle(run, options)?;
            self.restore(run, (row / interval) as usize)?;
        }
        self.advance(run, options, row)
    }

    fn restore(&mut self, run: &Run<'_>, checkpoint: usize) -> Result<(), ReplayError> {
        let source = run.checkpoints();
        // Before and after: what was cut off must not be touched, what was changed not be used.
        source.check_unchanged()?;
        let machine = &mut self.machine;
        let state = source.state(checkpoint);
        let expected = checkpoint as u64 * source.identity().interval;
        let misplaced = (state.cycle != expected).then_some("cycle");
        if let Some(what) = state.flaw().or(misplaced) {
            source.check_unchanged()?;
            return Err(ReplayError::Boundary { checkpoint, what });
        }
        let base = self.base.take().filter(|_| self.usable);
        (self.usable, self.shown) = (false, false);
        let fits = match base {
            None => restore_all(machine, run, checkpoint),
            Some(base) => restore_others(machine, run, base, checkpoint),
        };
        assert_eq!(fits, Ok(()), "{FITS}");
        let (cycle, pc) = (state.cycle, state.pc);
        machine.set_state(run.program(), cycle, pc, &state.registers, state.text_bytes);
        machine.pages_mut().clear_dirty();
        source.check_unchanged()?;
        (self.base, self.usable) = (Some(checkpoint), true);
        Ok(())
    }

    /// Runs on to the start of `row` without a column.
    fn advance(
        &mut self,
        run: &Run<'_>,
        options: &ReplayOptions<'_>,
        row: u64,
    ) -> Result<(), ReplayError> {
        while self.machine.cycle() < row {
            options.check_cancelled()?;
            let end = row.min(self.machine.cycle().saturating_add(STEP_CYCLES));
            self.run_to(run, end, |machine, _, budget| {
                machine.advance(run.program(), budget, &mut NoRecorder, &mut DiscardText)
            })?;
        }
        Ok(())
    }

    /// Advances to `row` in steps that end at interval boundaries, and checks each boundary.
    fn run_to(
        &mut self,
        run: &Run<'_>,
        row: u64,
        mut advance: impl FnMut(&mut Machine<M>, &mut Chunk, u64) -> Stop,
    ) -> Result<(), ReplayError> {
        let interval = run.checkpoints().identity().interval;
        let expected = run.rows();
        self.usable = false;
        let machine = &mut self.machine;
        while machine.cycle() < row {
            let here = machine.cycle();
            let boundary = next_boundary(here, interval).min(expected);
            let stop = advance(machine, &mut self.chunk, row.min(boundary) - here);
            let now = machine.cycle();
            match stop {
                Stop::Trap(trap) => return Err(ReplayError::Trap(trap)),
                Stop::Exit(_) if now != expected => {
                    return Err(ReplayError::End {
                        actual: now,
                        expected,
                    });
                }
                Stop::Budget if now == expected => {
                    return Err(ReplayError::End {
                        actual: now + 1,
                        expected,
                    });
                }
                _ => {}
            }
            if now == boundary {
                let index = now.div_ceil(interval) as usize;
                let exit_code = match stop {
                    Stop::Exit(code) => Some(code),
                    _ => None,
                };
                if let Some(what) = difference(machine, run, index, exit_code) {
                    run.checkpoints().check_unchanged()?;
                    return Err(ReplayError::Boundary {
                        checkpoint: index,
                        what,
                    });
                }
                machine.pages_mut().clear_dirty();
                (self.base, self.shown) = (Some(index), false);
            }
        }
        self.usable = true;
        Ok(())
    }
}

impl<M: GuestMemory> RangeReplay for Worker<M> {
    fn fill(
        &mut self,
        run: &Run<'_>,
        options: &ReplayOptions<'_>,
        rows: Range<u64>,
        set: ColumnSet,
        visit: &mut dyn FnMut(&ChunkView<'_>),
    ) -> Result<(), ReplayError> {
        let real_end = run.rows().min(rows.end);
        if rows.start < real_end {
            self.seek(run, options, rows.start)?;
        }
        let mut first = rows.start;
        while first < rows.end {
            options.check_cancelled()?;
            let count = (rows.end - first).min(options.chunk_rows as u64);
            let real = real_end.saturating_sub(first).min(count);
            let program = run.program();
            self.chunk.begin(first, set);
            if real > 0 {
                self.run_to(run, first + real, |machine, chunk, budget| {
                    record(machine, program, budget as usize, chunk)
                })?;
                self.shown = !at_boundary(&self.machine, run);
            }
            self.chunk.pad(program, (count - real) as usize);
            self.chunk.gather_statics(program);
            visit(&self.chunk.view());
            first += count;
            options.progress.inspect(|progress| progress(real));
        }
        Ok(())
    }

    fn settle(&mut self, run: &Run<'_>, options: &ReplayOptions<'_>) -> Result<(), ReplayError> {
        if self.usable && self.shown {
            let interval = run.checkpoints().identity().interval;
            let boundary = next_boundary(self.machine.cycle(), interval);
            self.advance(run, options, boundary.min(run.rows()))?;
        }
        run.checkpoints().check_unchanged()?;
        Ok(())
    }

    fn look(
        &mut self,
        run: &Run<'_>,
        options: &ReplayOptions<'_>,
        cycle: u64,
        visit: &mut dyn FnMut(&MachineState<'_>),
    ) -> Result<(), ReplayError> {
        // The state behind the last row is reached by executing it, so that it was checked too.
        self.seek(run, options, cycle.min(run.rows().saturating_sub(1)))?;
        self.advance(run, options, cycle)?;
        let (machine, program) = (&self.machine, run.program());
        let memory = machine.memory();
        visit(&MachineState {
            cycle,
            pc: machine.pc(program),
            registers: machine.registers(),
            text_bytes: machine.text_bytes(),
            load: &|address| memory.load_u32(address),
        });
        // A state that was restored and not gone on from may be wrong too.
        self.shown = cycle < run.rows();
        self.settle(run, options)
    }
}

/// Makes memory what it is at `checkpoint`, whatever it was.
fn restore_all<M: GuestMemory>(
    machine: &mut Machine<M>,
    run: &Run<'_>,
    checkpoint: usize,
) -> Result<(), TrapKind> {
    let source = run.checkpoints();
    machine.restart_with(run.program(), source.input(), |machine| {
        let mut fits = Ok(());
        source.for_each_run(None, checkpoint, &mut |first, pages| {
            if !pages.is_image() {
                let copy = &mut |at, to: &mut [u8]| pages.copy(at, to);
                fits = fits.and_then(|()| machine.set_pages(first, pages.count(), copy));
            }
        });
        fits
    })
}

/// Makes memory what it is at `checkpoint`, which but for dirty pages is what it is at `base`: only what
/// differs is touched.
fn restore_others<M: GuestMemory>(
    machine: &mut Machine<M>,
    run: &Run<'_>,
    base: usize,
    checkpoint: usize,
) -> Result<(), TrapKind> {
    let (source, program) = (run.checkpoints(), run.program());
    machine.refill_dirty(|page_index, to| {
        *to = bytes_of(program, page_index, source.page(checkpoint, page_index));
    });
    let mut fits = Ok(());
    source.for_each_run(Some(base), checkpoint, &mut |first, pages| {
        fits = fits.and_then(|()| match pages.is_image() {
            true => machine.set_page(first, &image_of(program, first)),
            false => machine.set_pages(first, pages.count(), &mut |at, to| pages.copy(at, to)),
        });
    });
    fits
}

/// Whether the machine stands where a checkpoint was compared.
fn at_boundary<M: GuestMemory>(machine: &Machine<M>, run: &Run<'_>) -> bool {
    let cycle = machine.cycle();
    cycle == run.rows() || cycle.is_multiple_of(run.checkpoints().identity().interval)
}

/// What of the machine differs from checkpoint `index`, or behind the last cycle from the run's summary.
fn difference<M: GuestMemory>(
    machine: &mut Machine<M>,
    run: &Run<'_>,
    index: usize,
    exit_code: Option<u32>,
) -> Option<&'static str> {
    let expected = run.checkpoints().state(index);
    if machine.cycle() != expected.cycle {
        Some("cycle")
    } else if machine.pc(run.program()) != expected.pc {
        Some("pc")
    } else if *machine.registers() != expected.registers {
        Some("registers")
    } else if machine.text_bytes() != expected.text_bytes {
        Some("text length")
    } else if !is_memory(machine, run, index) {
        Some("memory")
    } else {
        exit_code.and_then(|code| end_difference(machine, run.checkpoints().summary(), code))
    }
}

/// Whether the pages written since the last boundary are those that checkpoint `index` says were, byte for
/// byte. Which they are follows from the guest's stores alone, whatever was restored before.
fn is_memory<M: GuestMemory>(machine: &mut Machine<M>, run: &Run<'_>, index: usize) -> bool {
    let (memory, pages) = machine.memory_and_pages();
    let mut written = pages.sorted_dirty().iter();
    let mut equal = true;
    let visit = &mut |page_index, content: PageContent<'_>| {
        equal = equal
            && written.next() == Some(&page_index)
            && is_content(
                run.program(),
                page_index,
                memory.page(page_index).expect(BACKED),
                content,
            );
    };
    run.checkpoints().for_each_written_page(index, visit);
    equal && written.next().is_none()
}

/// What of a run that has just ended differs from `summary`.
fn end_difference<M: GuestMemory>(
    machine: &Machine<M>,
    summary: &RunSummary,
    exit_code: u32,
) -> Option<&'static str> {
    let output_bytes = machine.memory().load_u32(OUTPUT_BASE);
    if exit_code != summary.exit_code {
        Some("exit code")
    } else if machine.text_bytes() != summary.text_bytes {
        Some("text length")
    } else if u64::from(output_bytes) != summary.output_bytes
        || output_bytes > REGION_DATA_BYTES_MAX
        || output_digest(machine.memory(), output_bytes) != summary.output_digest
    {
        Some("output")
    } else {
        None
    }
}

/// BLAKE3 of the `bytes` bytes that stand in the output region. Allocates nothing.
fn output_digest<M: GuestMemory>(memory: &M, bytes: u32) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let mut at = OUTPUT_BASE + REGION_HEADER_BYTES;
    let end = at + bytes;
    while at < end {
        let offset = at as usize % PAGE_BYTES;
        let count = (PAGE_BYTES - offset).min((end - at) as usize);
        let page = memory.page(at >> PAGE_BYTES_LOG2).unwrap_or(&ZEROS);
        hasher.update(&page[offset..offset + count]);
        at += count as u32;
    }
    *hasher.finalize().as_bytes()
}
