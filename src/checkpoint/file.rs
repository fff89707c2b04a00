//! Reading a checkpoint file: verified as a whole, then used as it lies.
//!
//! In: a path. Out: [`CheckpointFile`], a [`CheckpointSource`] over the mapped bytes. Every length
//! is checked before it is used, every byte is covered by a digest or must be zero
//! ([`walk`](super::walk)); what is left is a file whose writer meant every word of it.

use std::fs::File;
use std::path::{Path, PathBuf};

use bytemuck::{cast_slice, from_bytes};

use super::index::PageIndex;
use super::layout::{ALIGN_BYTES, PageEntry, Record, align};
use super::map::{AROUND_BYTES, FileMap};
use super::walk::{Walk, Walked};
use super::{CheckpointSource, CheckpointState, RunIdentity, RunSummary, StoreError, WrittenPage};
use crate::limits::PAGE_BYTES;

/// Places of the map that are read before what is resident is let go.
const RELEASE_PLACES: usize = 32;

/// A complete checkpoint file, mapped.
pub struct CheckpointFile {
    map: FileMap,
    /// Holds the shared lock.
    _file: File,
    identity: RunIdentity,
    summary: RunSummary,
    input_bytes: usize,
    /// Byte at which each checkpoint's record lies.
    offsets: Vec<u64>,
    index: PageIndex,
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
        if file.try_lock_shared().is_err() {
            return Err(StoreError::Locked {
                path: path.to_owned(),
            });
        }
        Self::read(file, path.to_owned(), true)
    }

    /// The file this process has just written: its structure is read, its pages are not hashed.
    pub(super) fn from_own(file: File, path: PathBuf) -> Result<Self, StoreError> {
        Self::read(file, path, false)
    }

    fn read(file: File, path: PathBuf, verify_pages: bool) -> Result<Self, StoreError> {
        let bytes = file
            .metadata()
            .map_err(StoreError::io(&path, "read"))?
            .len();
        if bytes < ALIGN_BYTES {
            return Err(StoreError::Truncated {
                path,
                actual: bytes,
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
        let (identity, summary) = (header.identity(), end.summary());
        let input_bytes = header.input_bytes as usize;
        Ok(Self {
            map,
            _file: file,
            identity,
            summary,
            input_bytes,
            offsets,
            index,
        })
    }

    /// Bytes of the file.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.map.len() as u64
    }

    /// The pages written before checkpoint `index` and since the one before, by ascending index.
    pub(super) fn entries(&self, index: usize) -> &[PageEntry] {
        let start = self.offsets[index] as usize + size_of::<Record>();
        let bytes = self.record(index).page_count as usize * size_of::<PageEntry>();
        cast_slice(&self.map[start..start + bytes])
    }

    /// Page `page_index` at checkpoint `index`, if it was stored up to then.
    pub(super) fn page_at(&self, index: usize, page_index: u32) -> Option<&[u8; PAGE_BYTES]> {
        let offset = self.index.newest_of(page_index, index)?;
        let page = self.map[offset as usize..].first_chunk();
        Some(page.expect("a page inside the file"))
    }

    /// Lets go of what is resident.
    pub(super) fn release(&self) {
        self.map.release(0..self.map.len());
    }

    fn release_record(&self, index: usize) {
        let offset = self.offsets[index] as usize;
        self.map.release(offset..offset + size_of::<Record>());
    }

    fn record(&self, index: usize) -> &Record {
        let offset = self.offsets[index] as usize;
        from_bytes(&self.map[offset..offset + size_of::<Record>()])
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
        let state = self.record(index).state();
        self.release_record(index);
        state
    }

    fn for_each_page(&self, index: usize, visit: &mut dyn FnMut(u32, &[u8; PAGE_BYTES])) {
        let (mut place, mut places) = (usize::MAX, 0);
        for (page_index, offset) in self.index.newest(index) {
            let offset = offset as usize;
            if offset / AROUND_BYTES != place {
                place = offset / AROUND_BYTES;
                places += 1;
                if places % RELEASE_PLACES == 0 {
                    self.release();
                }
            }
            let page = self.map[offset..].first_chunk();
            visit(page_index, page.expect("a page inside the file"));
        }
        self.release();
    }

    fn changed_pages(&self, index: usize) -> usize {
        let count = self
            .entries(index)
            .iter()
            .filter(|entry| entry.absent == 0)
            .count();
        self.release_record(index);
        count
    }

    fn for_each_stored_page(&self, index: usize, visit: &mut dyn FnMut(WrittenPage<'_>)) {
        let record = self.offsets[index] as usize;
        let entries = self.entries(index);
        let entries_end = record + size_of::<Record>() + size_of_val(entries);
        let mut at = align(entries_end as u64) as usize;
        for entry in entries.iter().filter(|entry| entry.absent == 0) {
            let page = self.map[at..].first_chunk();
            visit(WrittenPage {
                page_index: entry.page_index,
                digest: entry.digest,
                bytes: Some(page.expect("a page inside the file")),
            });
            at += PAGE_BYTES;
            if at.is_multiple_of(RELEASE_PLACES * AROUND_BYTES) {
                self.map.release(record..at);
            }
        }
        self.map.release(record..at);
    }
}
