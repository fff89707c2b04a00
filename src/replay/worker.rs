//! One worker: a machine and a chunk, carried along a contiguous range of rows.
//!
//! In: a range of rows. Out: its chunks, and a [`ReplayError`] where a boundary does not match. It
//! does not know other workers.

use std::ops::Range;

use super::fast_pass::dirty_digest;
use super::{MachineState, RangeReplay, ReplayError, ReplayOptions, Run};
use crate::trace::chunk::Chunk;
use crate::trace::columns::ColumnSet;
use crate::trace::record::record;
use crate::trace::view::ChunkView;
use crate::vm::{DiscardText, GuestMemory, Limits, Machine, NoRecorder, Stop};

/// A machine, the chunk it fills, and what it was last doing.
pub(super) struct Worker<M: GuestMemory> {
    machine: Machine<M>,
    chunk: Chunk,
    /// Whether the machine's state is one of this run (it is not before the first restore, nor
    /// after an error).
    usable: bool,
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
        let chunk = Chunk::new(options.chunk_rows);
        Ok(Self {
            machine,
            chunk,
            usable: false,
        })
    }

    /// Brings the machine to the start of `row`, by restoring the checkpoint at or before it unless
    /// going on from where it stands is no longer a way.
    fn seek(&mut self, run: &Run<'_>, row: u64) -> Result<(), ReplayError> {
        let interval = run.checkpoints().identity().interval;
        let start = row / interval * interval;
        let here = self.machine.cycle();
        if !(self.usable && (start..=row).contains(&here)) {
            self.restore(run, (row / interval) as usize)?;
        }
        self.usable = false;
        run_to(&mut self.machine, run, row, |machine, budget| {
            machine.advance(run.program(), budget, &mut NoRecorder, &mut DiscardText)
        })?;
        self.usable = true;
        Ok(())
    }

    fn restore(&mut self, run: &Run<'_>, checkpoint: usize) -> Result<(), ReplayError> {
        let source = run.checkpoints();
        let machine = &mut self.machine;
        let state = source.state(checkpoint);
        self.usable = false;
        let mut fits = machine.restart(run.program(), source.input());
        source.for_each_page(checkpoint, &mut |page_index, bytes| {
            fits = fits.and_then(|()| machine.set_page(page_index, bytes));
        });
        assert_eq!(
            fits,
            Ok(()),
            "a replay's memory limit is the whole address space"
        );
        let (cycle, pc) = (state.cycle, state.pc);
        machine.set_state(run.program(), cycle, pc, &state.registers, state.text_bytes);
        machine.pages_mut().clear_dirty();
        Ok(())
    }
}

impl<M: GuestMemory> RangeReplay for Worker<M> {
    fn replay(
        &mut self,
        run: &Run<'_>,
        options: &ReplayOptions<'_>,
        rows: Range<u64>,
        set: ColumnSet,
        visit: &mut dyn FnMut(&ChunkView<'_>),
    ) -> Result<(), ReplayError> {
        let real_end = run.rows().min(rows.end);
        if rows.start < real_end {
            self.seek(run, rows.start)?;
        }
        let mut first = rows.start;
        while first < rows.end {
            options.check_cancelled()?;
            let count = (rows.end - first).min(options.chunk_rows as u64);
            let real = real_end.saturating_sub(first).min(count);
            let Self { machine, chunk, .. } = self;
            let program = run.program();
            chunk.begin(first, set);
            if real > 0 {
                self.usable = false;
                run_to(machine, run, first + real, |machine, budget| {
                    record(machine, program, budget as usize, chunk)
                })?;
                self.usable = true;
            }
            chunk.pad(program, (count - real) as usize);
            chunk.gather_statics(program);
            visit(&chunk.view());
            first += count;
            options.progress.inspect(|progress| progress(real));
        }
        Ok(())
    }

    fn look(
        &mut self,
        run: &Run<'_>,
        cycle: u64,
        visit: &mut dyn FnMut(&MachineState<'_>),
    ) -> Result<(), ReplayError> {
        let interval = run.checkpoints().identity().interval;
        // A stranger's file may claim any interval.
        let next = (cycle / interval + 1).saturating_mul(interval);
        let (program, end) = (run.program(), run.rows());
        // The state behind the last row is reached by executing it, so that it was checked too.
        self.seek(run, cycle.min(end.saturating_sub(1)))?;
        self.usable = false;
        let machine = &mut self.machine;
        let advance = |machine: &mut Machine<M>, budget| {
            machine.advance(program, budget, &mut NoRecorder, &mut DiscardText)
        };
        run_to(machine, run, cycle, advance)?;
        let memory = machine.memory();
        visit(&MachineState {
            cycle,
            pc: machine.pc(program),
            registers: machine.registers(),
            text_bytes: machine.text_bytes(),
            load: &|address| memory.load_u32(address),
        });
        run_to(machine, run, next.min(end), advance)?;
        self.usable = true;
        Ok(())
    }
}

/// Advances to `row` in steps that end at interval boundaries, and checks each boundary.
fn run_to<M: GuestMemory>(
    machine: &mut Machine<M>,
    run: &Run<'_>,
    row: u64,
    mut advance: impl FnMut(&mut Machine<M>, u64) -> Stop,
) -> Result<(), ReplayError> {
    let interval = run.checkpoints().identity().interval;
    let expected = run.rows();
    while machine.cycle() < row {
        let here = machine.cycle();
        let boundary = ((here / interval + 1) * interval).min(expected);
        let stop = advance(machine, row.min(boundary) - here);
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
            check_boundary(machine, run, now.div_ceil(interval) as usize)?;
        }
    }
    Ok(())
}

/// Compares the machine with checkpoint `index` and begins a new interval.
fn check_boundary<M: GuestMemory>(
    machine: &mut Machine<M>,
    run: &Run<'_>,
    index: usize,
) -> Result<(), ReplayError> {
    let expected = run.checkpoints().state(index);
    let what = if machine.cycle() != expected.cycle {
        "cycle"
    } else if machine.pc(run.program()) != expected.pc {
        "pc"
    } else if *machine.registers() != expected.registers {
        "registers"
    } else if machine.text_bytes() != expected.text_bytes {
        "text length"
    } else if dirty_digest(machine) != expected.dirty_digest {
        "memory"
    } else {
        machine.pages_mut().clear_dirty();
        return Ok(());
    };
    Err(ReplayError::Boundary {
        checkpoint: index,
        what,
    })
}
