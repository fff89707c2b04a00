//! Reading a checkpoint file: verified as a whole, then used as it lies.
//!
//! In: a path. Out: [`CheckpointFile`], a [`CheckpointSource`] over the mapped bytes. Every length
//! is checked before it is used, every byte is covered by a digest or must be zero
//! ([`walk`](super::walk)); what is left is a file whose writer meant every word of it.

use std::fs::File;
use std::path::{Path, PathBuf};

use bytemuck::{cast_slice, from_bytes};

use super::index::PageIndex;
use super::layout::{ALIGN_BYTES, PageEntry, Record};
use super::map::FileMap;
use super::walk::{Walk, Walked};
use super::{CheckpointSource, CheckpointState, RunIdentity, RunSummary, StoreError};
use crate::limits::PAGE_BYTES;

/// Pages read from the map before what is resident is let go.
const RELEASE_PAGES: usize = 64;

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
        for (count, (page_index, offset)) in self.index.newest(index).enumerate() {
            let page = self.map[offset as usize..].first_chunk();
            visit(page_index, page.expect("a page inside the file"));
            if count % RELEASE_PAGES == RELEASE_PAGES - 1 {
                self.map.release(0..self.map.len());
            }
        }
        self.map.release(0..self.map.len());
    }

    fn changed_pages(&self, index: usize) -> usize {
        let record = self.record(index);
        let start = self.offsets[index] as usize + size_of::<Record>();
        let bytes = record.page_count as usize * size_of::<PageEntry>();
        let entries: &[PageEntry] = cast_slice(&self.map[start..start + bytes]);
        let count = entries.iter().filter(|entry| entry.absent == 0).count();
        self.release_record(index);
        count
    }
}
