//! Every way to run one guest, which must all come to the same: fast and recording, from the start and
//! from every checkpoint, replayed, on either memory; and none may leak or take more than its limits.
//!
//! In: a program, an input, limits. Out: the outcome they agree on, a result or a trap.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use tracelane::Program;
use tracelane::checkpoint::{
    CheckpointSink, CheckpointSource, CheckpointState, MemoryStore, PageContent, RunSummary,
    StoreError, WrittenPage,
};
use tracelane::limits::{CHUNK_ROWS, PAGE_BYTES};
use tracelane::replay::{
    FastPass, PassError, ReplayError, ReplayOptions, Run, fast_pass, replay_rows,
};
use tracelane::trace::chunk::Chunk;
use tracelane::trace::columns::Column;
use tracelane::trace::record::record;
use tracelane::vm::{
    DiscardText, GuestMemory, Limits, Machine, MemoryKind, PagedMemory, ReservedMemory, RunResult,
    Stop, Trap, TrapKind,
};

/// How one way of running ended, and the text it let through.
type Outcome = (Result<RunResult, Trap>, Vec<u8>);

/// Bytes beside a guest's pages: a flag for each page of the address space, and what lists pages.
const OVERHEAD_BYTES: u64 = 4 << 20;
/// After which a run hangs.
const WATCHDOG: Duration = Duration::from_secs(60);

/// A guest, and what it may use.
#[derive(Clone, Copy)]
pub struct Guest<'a> {
    pub program: &'a Program,
    pub input: &'a [u8],
    pub limits: Limits,
}

impl Guest<'_> {
    /// Runs it in every way; puts the text it wrote into `text`.
    pub fn run(&self, text: &mut Vec<u8>) -> Result<RunResult, Trap> {
        let start = Instant::now();
        let mut outcomes = self.every_way::<ReservedMemory>();
        outcomes.extend(self.every_way::<PagedMemory>());
        let (outcome, written) = outcomes.swap_remove(0);
        for memory in [MemoryKind::Reserved, MemoryKind::Paged] {
            self.checkpointed(memory, &outcome, &written);
            self.bounded(memory);
        }
        for (index, (other, other_text)) in outcomes.iter().enumerate() {
            assert_eq!(*other, outcome, "way {index}");
            assert_eq!(*other_text, written, "way {index}");
        }
        // No verdict on speed, only that nothing hangs.
        assert!(start.elapsed() < WATCHDOG, "{:?}", start.elapsed());
        *text = written;
        outcome
    }

    /// Fast, recording in chunks of several sizes, and fast again after all of these.
    fn every_way<M: GuestMemory>(&self) -> Vec<Outcome> {
        let mut machine =
            Machine::<M>::new(self.program, self.input, self.limits).expect("a machine");
        let mut outcomes = vec![self.fast(&mut machine)];
        let text = outcomes[0].1.clone();
        for chunk_rows in [1, 7, CHUNK_ROWS, 4096] {
            self.restart(&mut machine);
            let outcome = self.recording(&mut machine, chunk_rows);
            outcomes.push((outcome, text.clone()));
        }
        self.restart(&mut machine);
        outcomes.push(self.fast(&mut machine));
        outcomes
    }

    fn restart<M: GuestMemory>(&self, machine: &mut Machine<M>) {
        let restarted = machine.restart(self.program, self.input);
        restarted.expect("it fitted before");
    }

    fn fast<M: GuestMemory>(&self, machine: &mut Machine<M>) -> Outcome {
        let mut text = Vec::new();
        (machine.run(self.program, &mut text), text)
    }

    /// By the record pass, which drops text.
    fn recording<M: GuestMemory>(
        &self,
        machine: &mut Machine<M>,
        chunk_rows: usize,
    ) -> Result<RunResult, Trap> {
        let mut chunk = Chunk::new(chunk_rows);
        loop {
            let left = self.limits.cycles_max - machine.cycle();
            if left == 0 {
                break Err(machine.cycle_limit(self.program));
            }
            chunk.begin(machine.cycle(), Column::raw_set());
            let budget = left.min(chunk_rows as u64) as usize;
            match record(machine, self.program, budget, &mut chunk) {
                Stop::Budget => {}
                Stop::Exit(code) => break machine.finish(self.program, code),
                Stop::Trap(trap) => break Err(trap),
            }
        }
    }

    /// With checkpoints: the same again, and the same from each of them, by the fast pass, by the
    /// record pass and by replay.
    fn checkpointed(&self, memory: MemoryKind, expected: &Result<RunResult, Trap>, text: &[u8]) {
        // The cycle of the last instruction, the one that trapped included.
        let last = match expected {
            Ok(result) => result.cycles - 1,
            Err(trap) => trap.cycle,
        };
        let pass = FastPass {
            limits: self.limits,
            memory,
            // A dozen checkpoints.
            interval: (last / 12).max(3),
            background: last % 2 == 0,
            ..FastPass::default()
        };
        let identity = pass.identity(self.program, self.input);
        let mut sink = Kept {
            program: self.program,
            store: MemoryStore::new(identity, self.input),
            states: Vec::new(),
        };
        let mut written = Vec::new();
        let passed = fast_pass(
            self.program,
            self.input,
            &pass,
            Some(&mut sink),
            &mut written,
        );
        assert_eq!(outcome(passed), *expected, "with checkpoints");
        assert_eq!(written, text, "with checkpoints");
        let Kept {
            mut store, states, ..
        } = sink;
        // The last state may be behind the end, from which nothing goes on.
        let is_behind = |state: &CheckpointState| match expected {
            Ok(result) => state.cycle == result.cycles,
            Err(trap) => state.cycle >= trap.cycle && state.pc != trap.pc,
        };
        for (state, pages) in &states {
            if is_behind(state) {
                continue;
            }
            match memory {
                MemoryKind::Paged => self.resumed::<PagedMemory>(state, pages, expected, text),
                _ => self.resumed::<ReservedMemory>(state, pages, expected, text),
            }
        }
        if expected.is_err() {
            // As if the run had gone on to the instruction that traps, and no further.
            let behind = states.last().filter(|(state, _)| is_behind(state));
            let summary = RunSummary {
                exit_code: 0,
                cycles: behind.map_or(last + 1, |(state, _)| state.cycle),
                output_bytes: 0,
                output_digest: [0; 32],
                text_bytes: text.len() as u64,
            };
            store.finish(&summary).expect("memory");
        }
        self.replayed(memory, &store, expected);
    }

    fn resumed<M: GuestMemory>(
        &self,
        state: &CheckpointState,
        pages: &Pages,
        expected: &Result<RunResult, Trap>,
        text: &[u8],
    ) {
        let mut machine =
            Machine::<M>::new(self.program, self.input, self.limits).expect("a machine");
        for chunk_rows in [None, Some(5), Some(CHUNK_ROWS)] {
            self.restart(&mut machine);
            for (page_index, bytes) in pages {
                machine
                    .set_page(*page_index, bytes)
                    .expect("it fitted before");
            }
            let (cycle, pc) = (state.cycle, state.pc);
            machine.set_state(self.program, cycle, pc, &state.registers, state.text_bytes);
            machine.pages_mut().clear_dirty();
            let ended = match chunk_rows {
                None => {
                    let (ended, rest) = self.fast(&mut machine);
                    assert_eq!(rest, text[state.text_bytes as usize..], "from {cycle}");
                    ended
                }
                Some(rows) => self.recording(&mut machine, rows),
            };
            assert_eq!(ended, *expected, "from cycle {cycle}");
        }
    }

    /// Rows up to the end from each checkpoint on; where a guest trapped, up to the same trap.
    fn replayed(
        &self,
        memory: MemoryKind,
        store: &MemoryStore,
        expected: &Result<RunResult, Trap>,
    ) {
        let run = Run::new(self.program, store).expect("its own program");
        let trap = match expected {
            Ok(_) => None,
            Err(trap) => match trap.kind {
                // A replay keeps no limits: the run it replays has kept them.
                TrapKind::MemoryLimit { .. }
                | TrapKind::CycleLimit { .. }
                | TrapKind::TextLimit { .. } => return,
                // The run's rows are all there; only its output is none, which its end shows.
                TrapKind::OutputTooLong { .. } => None,
                _ => Some(*trap),
            },
        };
        let interval = store.identity().interval;
        for chunk_rows in [1, 7, CHUNK_ROWS] {
            let options = ReplayOptions {
                memory,
                chunk_rows,
                ..ReplayOptions::default()
            };
            for start in (0..run.rows()).step_by(interval as usize) {
                let mut rows = 0;
                let replayed = replay_rows(
                    &run,
                    &options,
                    start..run.rows(),
                    Column::raw_set(),
                    &mut |view| rows += view.rows() as u64,
                );
                match (replayed, trap) {
                    (Ok(()), None) if expected.is_ok() => assert_eq!(rows, run.rows() - start),
                    (Err(ReplayError::Boundary { what: "output", .. }), None)
                        if expected.is_err() => {}
                    (Err(ReplayError::Trap(actual)), Some(trap)) => assert_eq!(actual, trap),
                    (outcome, trap) => panic!("{outcome:?}, expected {trap:?}"),
                }
            }
        }
    }

    /// What it takes of this process, and gives back.
    fn bounded(&self, memory: MemoryKind) {
        let pass = FastPass {
            limits: self.limits,
            memory,
            ..FastPass::default()
        };
        let info = measure(|| {
            let passed = fast_pass(self.program, self.input, &pass, None, &mut DiscardText);
            drop(outcome(passed));
        });
        assert_eq!(info.bytes_current, 0, "a leak: {info:?}");
        // Output is copied, and is no longer than its pages.
        let max = 2 * self.limits.memory_bytes_max + OVERHEAD_BYTES;
        assert!(info.bytes_max <= max, "{info:?}");
    }
}

fn outcome(passed: Result<RunResult, PassError>) -> Result<RunResult, Trap> {
    passed.map_err(|error| match error {
        PassError::Trap(trap) => trap,
        error => panic!("{error}"),
    })
}

type Pages = BTreeMap<u32, [u8; PAGE_BYTES]>;

/// Keeps each checkpoint with all pages written until then, and hands it on to a store.
struct Kept<'a> {
    program: &'a Program,
    store: MemoryStore,
    states: Vec<(CheckpointState, Pages)>,
}

impl CheckpointSink for Kept<'_> {
    fn append(
        &mut self,
        state: &CheckpointState,
        written: &mut dyn ExactSizeIterator<Item = WrittenPage<'_>>,
    ) -> Result<(), StoreError> {
        let written: Vec<WrittenPage<'_>> = written.collect();
        let mut pages = match self.states.last() {
            Some((_, pages)) => pages.clone(),
            None => Pages::new(),
        };
        for page in &written {
            let bytes = match page.content {
                PageContent::Bytes(bytes) => *bytes,
                PageContent::Zero => [0; PAGE_BYTES],
                PageContent::Image => {
                    let mut base = [0; PAGE_BYTES];
                    self.program.copy_page(page.page_index, &mut base);
                    base
                }
            };
            pages.insert(page.page_index, bytes);
        }
        self.states.push((*state, pages));
        self.store.append(state, &mut written.into_iter())
    }

    fn finish(&mut self, summary: &RunSummary) -> Result<(), StoreError> {
        self.store.finish(summary)
    }
}
