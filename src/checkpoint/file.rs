//! Reading a checkpoint file: verified as a whole, then used as it lies.
//!
//! In: a path. Out: [`CheckpointFile`], a [`CheckpointSource`] over the mapped bytes. Every length
//! is checked before it is used, every byte is covered by a digest or must be zero
//! ([`walk`](super::walk)); what is left is a file whose writer meant every word of it. A file that
//! changes after that is found out by its length, its time and its records' digests, and never read
//! beyond its length.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::SystemTime;

use bytemuck::{cast_slice, from_bytes};

use super::index::{Location, PageIndex};
use super::layout::{ALIGN_BYTES, PageEntry, Record};
use super::map::{AROUND_BYTES, FileMap};
use super::storage::read_at;
use super::walk::{Walk, Walked};
use super::{
    CheckpointSource, CheckpointState, PageContent, PageRun, RunIdentity, RunSummary, StoreError,
};
use crate::limits::PAGE_BYTES;

/// Places of the map that are read before what is resident is let go.
const RELEASE_PLACES: usize = 32;

/// A complete checkpoint file, mapped.
pub struct CheckpointFile {
    map: FileMap,
    /// Holds the shared lock.
    file: File,
    path: PathBuf,
    stamp: Stamp,
    /// Whether something was read that was not there when the file was opened.
    changed: AtomicBool,
    identity: RunIdentity,
    summary: RunSummary,
    input_bytes: usize,
    /// Byte at which each checkpoint's record lies.
    offsets: Vec<u64>,
    index: PageIndex,
    /// The place of the map that was read last, and how many were.
    place: AtomicUsize,
    places: AtomicUsize,
}

/// What tells a file from itself after somebody wrote to it. Not its change time: that moves too when
/// a new file takes its name.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    /// None where the system does not say.
    written: Option<SystemTime>,
}

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            bytes: metadata.len(),
            written: metadata.modified().ok(),
        })
    }
}

impl std::fmt::Debug for CheckpointFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.offsets.len();
        write!(
            f,
            "CheckpointFile({count} checkpoints, {} bytes)",
            self.map.len()
        )
    }
}

impl CheckpointFile {
    /// Opens and verifies the file at `path` in full.
    ///
    /// # Errors
    /// [`StoreError`], which says what is wrong with the file.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(StoreError::io(path, "open"))?;
        file.try_lock_shared().map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::Locked {
                path: path.to_owned(),
            },
            TryLockError::Error(error) => StoreError::io(path, "lock")(error),
        })?;
        Self::read(file, path.to_owned(), true)
    }

    /// The file this process has just written, under a lock that it never let go of: its structure is
    /// read, its pages are not hashed.
    pub(super) fn from_own(file: File, path: PathBuf) -> Result<Self, StoreError> {
        Self::read(file, path, false)
    }

    fn read(file: File, path: PathBuf, verify_pages: bool) -> Result<Self, StoreError> {
        let stamp = Stamp::of(&file).map_err(StoreError::io(&path, "read"))?;
        if stamp.bytes == 0 {
            // Nothing can be mapped of it.
            return Err(StoreError::Truncated {
                path,
                actual: 0,
                expected: ALIGN_BYTES,
            });
        }
        let map = FileMap::new(&file).map_err(StoreError::io(&path, "map"))?;
        let Walked {
            header,
            end,
            offsets,
            index,
        } = Walk::new(&map, &path, verify_pages).all()?;
        let file = Self {
            map,
            file,
            path,
            stamp,
            changed: AtomicBool::new(false),
            identity: header.identity(),
            summary: end.summary(),
            input_bytes: header.input_bytes() as usize,
            offsets,
            index,
            place: AtomicUsize::new(usize::MAX),
            places: AtomicUsize::new(1),
        };
        file.check_unchanged()?;
        Ok(file)
    }

    /// Bytes of the file.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.map.len() as u64
    }

    /// The pages written before checkpoint `index` and since the one before, by ascending index.
    pub(super) fn entries(&self, index: usize) -> &[PageEntry] {
        let rest = &self.map[self.offsets[index] as usize + size_of::<Record>()..];
        let count = self.record(index).page_count as usize;
        let fit = count.min(rest.len() / size_of::<PageEntry>());
        self.changed.fetch_or(fit < count, Ordering::Relaxed);
        cast_slice(&rest[..fit * size_of::<PageEntry>()])
    }

    /// What lies at `location`. Lets go of all that is resident now and then: pages that were stored before
    /// lie anywhere.
    fn content(&self, location: Location) -> PageContent<'_> {
        match location {
            Location::At(offset) => {
                let place = offset as usize / AROUND_BYTES;
                if self.place.swap(place, Ordering::Relaxed) != place {
                    let places = self.places.fetch_add(1, Ordering::Relaxed);
                    if places.is_multiple_of(RELEASE_PLACES) {
                        self.release();
                    }
                }
                let page = self.map[offset as usize..].first_chunk();
                PageContent::Bytes(page.expect("a page inside the file"))
            }
            Location::Image => PageContent::Image,
            Location::Zero => PageContent::Zero,
        }
    }

    /// Fills `to` with the bytes at `offset`. They are read, not taken from the map: no page of it has to
    /// become resident first, which takes longer than the copy.
    pub(super) fn copy(&self, offset: u64, to: &mut [u8]) {
        let there = read_at(&self.file, offset, to);
        self.changed.fetch_or(there.is_err(), Ordering::Relaxed);
    }

    /// Visits `pages`, with those in one piece that follow each other here and in memory.
    fn visit_runs(
        &self,
        mut pages: impl Iterator<Item = (u32, Location)>,
        visit: &mut dyn FnMut(u32, PageRun<'_>),
    ) {
        let mut run: Option<(u32, u64, usize)> = None;
        loop {
            let next = pages.next();
            if let (Some((first, offset, count)), Some((page_index, Location::At(at)))) =
                (&mut run, next)
                && page_index as usize == *first as usize + *count
                && at == *offset + (*count * PAGE_BYTES) as u64
            {
                *count += 1;
                continue;
            }
            if let Some((first, offset, count)) = run.take() {
                visit(first, PageRun::stored(self, offset, count));
            }
            match next {
                Some((page_index, Location::At(at))) => run = Some((page_index, at, 1)),
                Some((page_index, location)) => {
                    visit(page_index, PageRun::of(self.content(location)));
                }
                None => break,
            }
        }
    }

    /// Lets go of what is resident.
    pub(super) fn release(&self) {
        self.map.release(0..self.map.len());
    }

    /// Checkpoint `index` was read, with the pages that are stored in it.
    fn pass_record(&self, index: usize) {
        let end = self.offsets.get(index + 1).copied();
        let end = end.map_or(self.map.len(), |end| end as usize);
        self.map.pass(self.offsets[index] as usize..end);
    }

    fn record(&self, index: usize) -> Record {
        let offset = self.offsets[index] as usize;
        let record: Record = *from_bytes(&self.map[offset..offset + size_of::<Record>()]);
        let whole = record.digest == record.expected_digest();
        self.changed.fetch_or(!whole, Ordering::Relaxed);
        record
    }
}

impl CheckpointSource for CheckpointFile {
    fn identity(&self) -> &RunIdentity {
        &self.identity
    }

    fn summary(&self) -> &RunSummary {
        &self.summary
    }

    fn input(&self) -> &[u8] {
        &self.map[ALIGN_BYTES as usize..][..self.input_bytes]
    }

    fn count(&self) -> usize {
        self.offsets.len()
    }

    fn state(&self, index: usize) -> CheckpointState {
        let offset = self.offsets[index] as usize;
        let state = self.record(index).state();
        self.map.pass(offset..offset + size_of::<Record>());
        state
    }

    fn page(&self, index: usize, page_index: u32) -> PageContent<'_> {
        self.content(self.index.newest_of(page_index, index))
    }

    fn for_each_page(&self, index: usize, visit: &mut dyn FnMut(u32, PageContent<'_>)) {
        for (page_index, location) in self.index.newest(index) {
            visit(page_index, self.content(location));
        }
        self.release();
    }

    fn for_each_run(
        &self,
        base: Option<usize>,
        index: usize,
        visit: &mut dyn FnMut(u32, PageRun<'_>),
    ) {
        match base {
            None => self.visit_runs(self.index.newest(index), visit),
            Some(base) => self.visit_runs(self.index.others(base, index), visit),
        }
    }

    fn changed_pages(&self, index: usize) -> usize {
        let entries = self.entries(index).iter();
        let changed = |entry: &&PageEntry| self.index.changed_to(entry.page_index, index).is_some();
        let count = entries.filter(changed).count();
        self.pass_record(index);
        count
    }

    fn for_each_changed_page(&self, index: usize, visit: &mut dyn FnMut(u32, PageContent<'_>)) {
        for &PageEntry { page_index, .. } in self.entries(index) {
            if let Some(location) = self.index.changed_to(page_index, index) {
                visit(page_index, self.content(location));
            }
        }
        self.pass_record(index);
    }

    fn for_each_written_page(&self, index: usize, visit: &mut dyn FnMut(u32, PageContent<'_>)) {
        for &PageEntry { page_index, .. } in self.entries(index) {
            visit(page_index, self.page(index, page_index));
        }
        self.pass_record(index);
    }

    fn check_unchanged(&self) -> Result<(), StoreError> {
        // A sweep, which allocates nothing, asks this.
        let stamp = Stamp::of(&self.file);
        let stamp = stamp.map_err(|error| StoreError::io(&self.path, "read")(error))?;
        if stamp == self.stamp && !self.changed.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(StoreError::Changed {
            path: self.path.clone(),
        })
    }
}
