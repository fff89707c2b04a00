//! Where a pass leaves its checkpoints: on its own thread, or copied for another one.
//!
//! In: a machine at a boundary. Out: its state and written pages in an [`Intake`]. The other thread gets
//! batches of checkpoints, as waking it takes longer than copying a few pages; a few batches go round,
//! so that what is held does not follow the run's length. It does not know files.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};

use super::fast_pass::PassError;
use super::intake::{BACKED, Intake, state_of};
use crate::checkpoint::{CheckpointState, StoreError};
use crate::limits::PAGE_BYTES;
use crate::program::Program;
use crate::vm::{GuestMemory, Machine};

/// Batches that go round: one is filled, one stored, and one lies between, so that neither side waits for
/// the other to wake up.
const BATCHES: usize = 3;

/// Pages and states with which a batch is handed over.
const BATCH_ITEMS: usize = 64;

/// Most pages of a checkpoint that is copied. A guest may write all of its memory in one interval, and it
/// is not to be held twice.
const COPIED_PAGES_MAX: usize = 4 * BATCH_ITEMS;

/// Where checkpoints go.
pub(super) enum Outlet<'a, 'b> {
    /// None are taken.
    Nowhere,
    /// To a sink, on this thread.
    Here(&'b mut Intake<'a>),
    /// To a sink, on another thread.
    Behind(Handover<'a, 'b>),
}

impl Outlet<'_, '_> {
    /// Takes the machine's state and the pages written since the last checkpoint.
    ///
    /// # Errors
    /// What the sink says of this checkpoint, or on another thread of one before it.
    pub fn append<M: GuestMemory>(
        &mut self,
        machine: &mut Machine<M>,
        program: &Program,
    ) -> Result<(), StoreError> {
        match self {
            Self::Nowhere => {}
            Self::Here(intake) => append_here(intake, machine, program)?,
            Self::Behind(handover) => handover.append(machine, program)?,
        }
        machine.pages_mut().clear_dirty();
        Ok(())
    }
}

fn append_here<M: GuestMemory>(
    intake: &mut Intake<'_>,
    machine: &mut Machine<M>,
    program: &Program,
) -> Result<(), StoreError> {
    let state = state_of(machine, program);
    let (memory, pages) = machine.memory_and_pages();
    let page_indices = pages.sorted_dirty();
    let page = |n: usize| memory.page(page_indices[n]).expect(BACKED);
    intake.append(&state, page_indices, page)
}

/// Some checkpoints, copied.
#[derive(Default)]
struct Batch {
    /// States, each with the number of pages written before it.
    states: Vec<(CheckpointState, usize)>,
    page_indices: Vec<u32>,
    pages: Vec<[u8; PAGE_BYTES]>,
}

impl Batch {
    fn items(&self) -> usize {
        self.states.len() + self.pages.len()
    }

    fn clear(&mut self) {
        self.states.clear();
        self.page_indices.clear();
        self.pages.clear();
    }

    fn copy<M: GuestMemory>(&mut self, machine: &mut Machine<M>, program: &Program) {
        let state = state_of(machine, program);
        let (memory, pages) = machine.memory_and_pages();
        let page_indices = pages.sorted_dirty();
        self.states.push((state, page_indices.len()));
        self.page_indices.extend_from_slice(page_indices);
        for &page_index in page_indices {
            let page = memory.page(page_index).expect(BACKED);
            self.pages.extend_from_slice(std::slice::from_ref(page));
        }
    }

    fn store(&self, intake: &mut Intake<'_>) -> Result<(), StoreError> {
        let mut first = 0;
        for &(state, count) in &self.states {
            let pages = &self.pages[first..first + count];
            let page_indices = &self.page_indices[first..first + count];
            intake.append(&state, page_indices, |n| &pages[n])?;
            first += count;
        }
        Ok(())
    }
}

/// The pass's end of the way to a thread that stores checkpoints.
pub(super) struct Handover<'a, 'b> {
    /// Locked by the other thread while it stores a batch.
    intake: &'b Mutex<Intake<'a>>,
    /// The one that is filled.
    batch: Batch,
    /// Batches that are neither filled nor stored.
    spare: Vec<Batch>,
    /// Dropped to end the other thread.
    full: Option<SyncSender<Batch>>,
    stored: Receiver<Batch>,
    /// None once its outcome is known.
    thread: Option<ScopedJoinHandle<'b, Result<(), StoreError>>>,
}

impl Handover<'_, '_> {
    fn append<M: GuestMemory>(
        &mut self,
        machine: &mut Machine<M>,
        program: &Program,
    ) -> Result<(), StoreError> {
        if machine.pages().dirty_count() > COPIED_PAGES_MAX {
            self.hand_over()?;
            while self.spare.len() + 1 < BATCHES {
                self.wait()?;
            }
            let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
            return append_here(&mut intake, machine, program);
        }
        self.batch.copy(machine, program);
        match self.batch.items() < BATCH_ITEMS {
            true => Ok(()),
            false => self.hand_over(),
        }
    }

    /// Hands over what is in the batch, and begins another as soon as there is one.
    fn hand_over(&mut self) -> Result<(), StoreError> {
        while self.spare.is_empty() {
            self.wait()?;
        }
        let next = self.spare.pop().unwrap_or_default();
        let batch = std::mem::replace(&mut self.batch, next);
        match self.full.as_ref().map(|full| full.send(batch)) {
            Some(Ok(())) => Ok(()),
            _ => self.outcome(),
        }
    }

    /// Waits until a batch is stored.
    fn wait(&mut self) -> Result<(), StoreError> {
        match self.stored.recv() {
            Ok(batch) => {
                self.spare.push(batch);
                Ok(())
            }
            Err(_) => self.outcome(),
        }
    }

    /// Hands over what is left, and waits until all of it is stored.
    fn close(&mut self) -> Result<(), StoreError> {
        if self.thread.is_some() {
            self.hand_over()?;
        }
        self.outcome()
    }

    /// Ends the other thread; what it came to, if nobody has asked before.
    fn outcome(&mut self) -> Result<(), StoreError> {
        self.full = None;
        let outcome = self.thread.take().map(ScopedJoinHandle::join);
        outcome.map_or(Ok(()), |joined| {
            joined.unwrap_or_else(|panic| resume_unwind(panic))
        })
    }
}

/// Runs `run` with an outlet whose checkpoints another thread stores; all of them are stored when this
/// returns, whatever ended the run. Where no thread can be had, this one does it.
///
/// # Errors
/// What the sink says of a checkpoint, before what ended the run, which came later; else the latter.
pub(super) fn in_background<R>(
    intake: Intake<'_>,
    run: impl FnOnce(&mut Outlet<'_, '_>) -> Result<R, PassError>,
) -> Result<R, PassError> {
    let intake = Mutex::new(intake);
    let (full, to_store) = sync_channel::<Batch>(BATCHES);
    let (to_fill, stored) = sync_channel(BATCHES);
    let shared = &intake;
    // Both ends of this thread go with it, however it ends: the pass must not wait for it then.
    let store = move || {
        for mut batch in to_store {
            batch.store(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))?;
            batch.clear();
            // The pass may have ended, and wait for this thread to do the same.
            let _unwanted = to_fill.send(batch);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("checkpoints".into());
        let Ok(thread) = builder.spawn_scoped(scope, store) else {
            let mut intake = intake.lock().unwrap_or_else(PoisonError::into_inner);
            return run(&mut Outlet::Here(&mut intake));
        };
        let mut outlet = Outlet::Behind(Handover {
            intake: &intake,
            batch: Batch::default(),
            spare: (1..BATCHES).map(|_| Batch::default()).collect(),
            full: Some(full),
            stored,
            thread: Some(thread),
        });
        let ran = run(&mut outlet);
        if let Outlet::Behind(mut handover) = outlet {
            handover.close()?;
        }
        ran
    })
}
