//! What a killed writer left of a checkpoint file, as far as it is whole.
//!
//! In: a partial file. Out: its last checkpoint that can be gone on from, with the pages a run had
//! written until then. Everything is verified: after a crash of the machine any part of the file may
//! be missing or old.

use std::fs::File;
use std::path::Path;

use bytemuck::{cast_slice, from_bytes};

use super::index::{IndexBuilder, Known, Location};
use super::layout::{PageEntry, Record, align};
use super::map::FileMap;
use super::stored::StoredPages;
use super::walk::{Walk, claims};
use super::{CheckpointState, PageContent, RunIdentity, StoreError};
use crate::limits::PAGE_BYTES;

/// The checkpoints at the start of a file whose writer was killed.
pub struct Prefix {
    map: FileMap,
    /// Number of checkpoints.
    count: usize,
    /// Byte behind the last of them.
    bytes: u64,
    last: Record,
    /// Every page that was written up to there.
    known: Vec<(u32, Known)>,
}

/// A page of a run that is gone on with.
#[derive(Clone, Copy)]
pub struct PrefixPage<'a> {
    /// Its address divided by [`PAGE_BYTES`](crate::limits::PAGE_BYTES).
    pub page_index: u32,
    /// What it is at the last checkpoint.
    pub content: PageContent<'a>,
}

impl Prefix {
    /// The part of `file` that a run can go on from; none where there is none.
    pub(super) fn read(
        file: &File,
        path: &Path,
        identity: &RunIdentity,
    ) -> Result<Option<Self>, StoreError> {
        let bytes = file.metadata().map_err(StoreError::io(path, "read"))?.len();
        if bytes == 0 {
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
                interval: walked.header.interval(),
            });
        }
        let mut offsets = walked.offsets;
        // The last one may be the state behind the run's last cycle, from which nothing goes on.
        let bytes = offsets.pop();
        let (Some(bytes), Some(&last)) = (bytes, offsets.last()) else {
            return Ok(None);
        };
        let mut builder = IndexBuilder::default();
        for (checkpoint, &offset) in offsets.iter().enumerate() {
            let entries = entries(&map, offset);
            let pages_at = offset + (size_of::<Record>() + size_of_val(entries)) as u64;
            for (entry, claim) in claims(entries, align(pages_at)) {
                let pushed = claim
                    .ok_or("kind of a page entry")
                    .and_then(|claim| builder.push(entry.page_index, checkpoint, claim));
                pushed.map_err(|what| StoreError::Damaged {
                    path: path.to_owned(),
                    offset,
                    what,
                })?;
            }
        }
        Ok(Some(Self {
            last: *record(&map, last),
            map,
            count: offsets.len(),
            bytes,
            known: builder.into_known(),
        }))
    }

    /// Number of checkpoints.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Bytes of the file up to there.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Digest of the last record.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.last.digest
    }

    /// The last checkpoint.
    #[must_use]
    pub fn state(&self) -> CheckpointState {
        self.last.state()
    }

    /// Visits every page that the run had stored to by the last checkpoint, by ascending index.
    pub fn for_each_page(&self, visit: &mut dyn FnMut(PrefixPage<'_>)) {
        for &(page_index, known) in &self.known {
            let content = match known.newest {
                Location::At(at) => PageContent::Bytes(self.page(at)),
                Location::Image => PageContent::Image,
                Location::Zero => PageContent::Zero,
            };
            visit(PrefixPage {
                page_index,
                content,
            });
        }
    }

    /// The pages that have bytes in the file.
    pub(super) fn stored(&self) -> StoredPages {
        let mut stored = StoredPages::default();
        for &(page_index, known) in &self.known {
            if let Some(at) = known.stored {
                stored.set(page_index, at, self.page(at));
            }
        }
        stored
    }

    fn page(&self, at: u64) -> &[u8; PAGE_BYTES] {
        let page = self.map[at as usize..].first_chunk();
        page.expect("a page inside the file")
    }
}

fn record(map: &FileMap, offset: u64) -> &Record {
    from_bytes(&map[offset as usize..][..size_of::<Record>()])
}

/// The entries of the whole record at `offset`.
fn entries(map: &FileMap, offset: u64) -> &[PageEntry] {
    let bytes = record(map, offset).page_count as usize * size_of::<PageEntry>();
    cast_slice(&map[offset as usize + size_of::<Record>()..][..bytes])
}
