//! What a killed writer left of a checkpoint file, as far as it is whole.
//!
//! In: a partial file. Out: its last checkpoint that can be gone on from, with the pages a run had
//! written until then. Everything is verified: after a crash of the machine any part of the file may
//! be missing or old.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use bytemuck::{cast_slice, from_bytes};

use super::index::PageIndex;
use super::layout::{ALIGN_BYTES, PageEntry, Record};
use super::map::FileMap;
use super::walk::Walk;
use super::{CheckpointState, RunIdentity, StoreError, WrittenPage};

/// The checkpoints at the start of a file whose writer was killed.
pub struct Prefix {
    map: FileMap,
    /// Byte at which each checkpoint's record lies.
    offsets: Vec<u64>,
    /// Byte behind the last of them.
    bytes: u64,
    index: PageIndex,
}

impl Prefix {
    /// The part of `file` that a run can go on from; none where there is none.
    pub(super) fn read(
        file: &File,
        path: &Path,
        identity: &RunIdentity,
    ) -> Result<Option<Self>, StoreError> {
        let bytes = file.metadata().map_err(StoreError::io(path, "read"))?.len();
        if bytes < ALIGN_BYTES {
            return Ok(None);
        }
        let map = FileMap::new(file).map_err(StoreError::io(path, "map"))?;
        let walked = match Walk::new(&map, path, true).prefix() {
            Ok(walked) => walked,
            Err(error @ StoreError::Version { .. }) => return Err(error),
            Err(_) => return Ok(None),
        };
        if walked.header.identity() != *identity {
            return Err(StoreError::OtherRun {
                path: path.to_owned(),
                interval: walked.header.interval,
            });
        }
        let (mut offsets, index) = (walked.offsets, walked.index);
        // The last one may be the state behind the run's last cycle, from which nothing goes on.
        let Some(bytes) = offsets.pop().filter(|_| !offsets.is_empty()) else {
            return Ok(None);
        };
        Ok(Some(Self {
            map,
            offsets,
            bytes,
            index,
        }))
    }

    /// Number of checkpoints.
    #[must_use]
    pub fn count(&self) -> usize {
        self.offsets.len()
    }

    /// Bytes of the file up to there.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Digest of the last record.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.record(self.count() - 1).digest
    }

    /// The last checkpoint.
    #[must_use]
    pub fn state(&self) -> CheckpointState {
        self.record(self.count() - 1).state()
    }

    /// Visits every page that the run had stored to by the last checkpoint, by ascending index; one
    /// without bytes is as program and input leave it.
    pub fn for_each_page(&self, visit: &mut dyn FnMut(WrittenPage<'_>)) {
        let mut digests = BTreeMap::new();
        for index in 0..self.count() {
            let start = self.offsets[index] as usize + size_of::<Record>();
            let bytes = self.record(index).page_count as usize * size_of::<PageEntry>();
            let entries: &[PageEntry] = cast_slice(&self.map[start..start + bytes]);
            digests.extend(entries.iter().map(|entry| (entry.page_index, entry.digest)));
        }
        let mut stored = self.index.newest(self.count() - 1).peekable();
        for (page_index, digest) in digests {
            let location = stored.next_if(|&(stored, _)| stored == page_index);
            let bytes = location.map(|(_, offset)| {
                let page = self.map[offset as usize..].first_chunk();
                page.expect("a page inside the file")
            });
            visit(WrittenPage {
                page_index,
                digest,
                bytes,
            });
        }
    }

    fn record(&self, index: usize) -> &Record {
        let offset = self.offsets[index] as usize;
        from_bytes(&self.map[offset..offset + size_of::<Record>()])
    }
}
