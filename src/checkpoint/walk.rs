//! The walk over the bytes of a checkpoint file that is not trusted yet.
//!
//! In: mapped bytes. Out: where its checkpoints and pages lie, after every length was checked before
//! it was used and every digest compared; or the first byte that does not fit.

use std::path::Path;

use bytemuck::{Pod, try_cast_slice};

use super::StoreError;
use super::index::{Claim, IndexBuilder, PageIndex};
use super::layout::{
    ALIGN_BYTES, END_MAGIC, End, Header, HeaderFlaw, KIND_BYTES, KIND_IMAGE, KIND_STORED,
    KIND_ZERO, MAGIC, PageEntry, RECORD_MAGIC, RawHeader, Record, VERSION, align, entries_digest,
};
use super::map::FileMap;
use crate::limits::{
    INPUT_BASE, NULL_END, OUTPUT_BASE, PAGE_BYTES, PAGE_BYTES_LOG2, PAGE_COUNT,
    REGION_DATA_BYTES_MAX, RUN_CYCLES_MAX,
};

/// A position in the bytes of a file that is not trusted yet.
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    /// Where the bytes come from, to let go of them once read.
    map: &'a FileMap,
    at: u64,
    path: &'a Path,
    verify_pages: bool,
}

/// What a walk to the end finds.
pub(super) struct Walked {
    pub header: Header,
    pub end: End,
    pub offsets: Vec<u64>,
    pub index: PageIndex,
}

/// What a walk finds that ends at the first byte that does not fit.
pub(super) struct WalkedPrefix {
    pub header: Header,
    /// Byte at which each whole checkpoint lies.
    pub offsets: Vec<u64>,
}

/// The checkpoints up to where a walk stands.
struct Checkpoints {
    header: Header,
    /// Byte at which each lies.
    offsets: Vec<u64>,
    builder: IndexBuilder,
    last: Option<Record>,
}

/// The entries of a record whose first stored page lies at `pages_at`, with what they claim; none of
/// a kind that there is not.
pub(super) fn claims(
    entries: &[PageEntry],
    pages_at: u64,
) -> impl Iterator<Item = (&PageEntry, Option<Claim>)> {
    let mut at = pages_at;
    entries.iter().map(move |entry| {
        let claim = match entry.kind {
            KIND_BYTES => {
                at += PAGE_BYTES as u64;
                Some(Claim::Bytes(at - PAGE_BYTES as u64))
            }
            KIND_STORED => Some(Claim::Stored),
            KIND_IMAGE => Some(Claim::Image),
            KIND_ZERO => Some(Claim::Zero),
            _ => None,
        };
        (entry, claim)
    })
}

/// The digest that the next record is chained to.
fn previous_digest(found: &Checkpoints) -> [u8; 32] {
    let last = found.last.as_ref();
    last.map_or(found.header.digest(), |record| record.digest)
}

/// Whether a guest can store to page `page_index`.
fn storable(page_index: u32) -> bool {
    let null = NULL_END >> PAGE_BYTES_LOG2;
    let input = INPUT_BASE >> PAGE_BYTES_LOG2..OUTPUT_BASE >> PAGE_BYTES_LOG2;
    (null..PAGE_COUNT as u32).contains(&page_index) && !input.contains(&page_index)
}

impl<'a> Walk<'a> {
    /// A walk over `map`, from its first byte on.
    pub fn new(map: &'a FileMap, path: &'a Path, verify_pages: bool) -> Self {
        Self {
            bytes: map,
            map,
            at: 0,
            path,
            verify_pages,
        }
    }

    /// As far as everything fits; the error where not even header and input do.
    pub fn prefix(mut self) -> Result<WalkedPrefix, StoreError> {
        let mut found = self.start()?;
        while self.record(&mut found).is_ok() {}
        Ok(WalkedPrefix {
            header: found.header,
            offsets: found.offsets,
        })
    }

    pub fn all(mut self) -> Result<Walked, StoreError> {
        let mut found = self.start()?;
        while self.peek_magic()? != END_MAGIC {
            self.record(&mut found)?;
        }
        let end = self.end(&found)?;
        Ok(Walked {
            header: found.header,
            end,
            offsets: found.offsets,
            index: found.builder.finish(),
        })
    }

    fn start(&mut self) -> Result<Checkpoints, StoreError> {
        Ok(Checkpoints {
            header: self.header()?,
            offsets: Vec::new(),
            builder: IndexBuilder::default(),
            last: None,
        })
    }

    fn header(&mut self) -> Result<Header, StoreError> {
        let path = || self.path.to_owned();
        // However short, what begins otherwise was never one.
        let known = self.bytes.len().min(MAGIC.len());
        if self.bytes[..known] != MAGIC[..known] {
            return Err(StoreError::Magic { path: path() });
        }
        let header = self.take::<RawHeader>()?.verify();
        let header = header.map_err(|flaw| match flaw {
            HeaderFlaw::Magic => StoreError::Magic { path: path() },
            HeaderFlaw::Version(actual) => StoreError::Version {
                path: path(),
                actual,
                expected: VERSION,
            },
            HeaderFlaw::Damaged(what) => self.damaged(0, what),
        })?;
        self.padding()?;
        let input = self.slice(header.input_bytes())?;
        let digest = *blake3::hash(input).as_bytes();
        let intact = digest == header.identity().input_digest;
        self.expect(intact, ALIGN_BYTES, "input digest")?;
        self.padding()?;
        Ok(header)
    }

    /// Reads the next checkpoint.
    fn record(&mut self, found: &mut Checkpoints) -> Result<(), StoreError> {
        let offset = self.at;
        let record: Record = self.take()?;
        self.expect(record.magic == RECORD_MAGIC, offset, "record mark")?;
        self.expect(
            record.digest == record.expected_digest(),
            offset,
            "record digest",
        )?;
        // A record of another run, or of this one in another place: spliced, dropped, repeated.
        self.expect(
            record.previous_digest == previous_digest(found),
            offset,
            "order of records",
        )?;
        let reserved = record.reserved.iter().all(|&byte| byte == 0);
        self.expect(reserved, offset, "reserved bytes")?;
        self.state(&record, found)?;
        let entries = self.slice(u64::from(record.page_count) * size_of::<PageEntry>() as u64)?;
        let entries: &[PageEntry] = try_cast_slice(entries)
            .map_err(|_| self.damaged(offset, "alignment of page entries"))?;
        let digest = entries_digest(entries);
        self.expect(
            digest == record.entries_digest,
            offset,
            "digest of page entries",
        )?;
        self.padding()?;
        let ascending = entries.is_sorted_by(|a, b| a.page_index < b.page_index);
        self.expect(ascending, offset, "order of pages")?;
        let (pages_at, checkpoint) = (self.at, found.offsets.len());
        for (entry, claim) in claims(entries, pages_at) {
            self.expect(storable(entry.page_index), offset, "page number")?;
            let claim = claim.ok_or_else(|| self.damaged(offset, "kind of a page entry"))?;
            let pushed = found.builder.push(entry.page_index, checkpoint, claim);
            pushed.map_err(|what| self.damaged(offset, what))?;
        }
        let stored = entries.iter().filter(|entry| entry.kind == KIND_BYTES);
        let pages = self.slice((stored.count() * PAGE_BYTES) as u64)?;
        let intact = !self.verify_pages || *blake3::hash(pages).as_bytes() == record.pages_digest;
        self.expect(intact, pages_at, "digest of pages")?;
        found.last = Some(record);
        found.offsets.push(offset);
        self.map.pass(offset as usize..self.at as usize);
        Ok(())
    }

    /// Compares the state that `record`, the next one, holds with those before.
    fn state(&self, record: &Record, found: &Checkpoints) -> Result<(), StoreError> {
        let sequence = found.offsets.len() as u64;
        let offset = self.at - size_of::<Record>() as u64;
        self.expect(record.sequence == sequence, offset, "record number")?;
        if let Some(flaw) = record.state().flaw() {
            return Err(self.damaged(offset, flaw));
        }
        let interval = found.header.interval();
        let Some(last) = &found.last else {
            let start = record.cycle == 0 && record.text_bytes == 0 && record.page_count == 0;
            return self.expect(start, offset, "first checkpoint");
        };
        // Only the last one may lie before the end of its interval.
        let whole = (sequence - 1).checked_mul(interval) == Some(last.cycle);
        let latest = sequence.saturating_mul(interval);
        let placed = whole && last.cycle < record.cycle && record.cycle <= latest;
        self.expect(placed, offset, "cycle of a checkpoint")?;
        let grows = last.text_bytes <= record.text_bytes;
        self.expect(grows, offset, "text length of a checkpoint")
    }

    fn end(&mut self, found: &Checkpoints) -> Result<End, StoreError> {
        let offset = self.at;
        let end: End = self.take()?;
        self.expect(end.digest == end.expected_digest(), offset, "end digest")?;
        let chained = end.previous_digest == previous_digest(found);
        self.expect(chained, offset, "order of records")?;
        let reserved = end.reserved.iter().all(|&byte| byte == 0);
        self.expect(reserved, offset, "reserved bytes")?;
        let count = found.offsets.len() as u64;
        self.expect(
            end.checkpoint_count == count,
            offset,
            "number of checkpoints",
        )?;
        // ceil(cycles / interval) checkpoints before a cycle, and the state behind the last one: two
        // at the least.
        let possible = (1..=RUN_CYCLES_MAX).contains(&end.cycles)
            && count == end.cycles.div_ceil(found.header.interval()) + 1;
        self.expect(possible, offset, "number of cycles")?;
        let last = found.last.as_ref();
        let agrees = last.map(|last| (last.cycle, last.text_bytes));
        let agrees = agrees == Some((end.cycles, end.text_bytes));
        self.expect(agrees, offset, "last checkpoint")?;
        let fits = end.output_bytes <= u64::from(REGION_DATA_BYTES_MAX);
        self.expect(fits, offset, "length of the output")?;
        self.padding()?;
        let whole = self.at == end.file_bytes && self.at == self.bytes.len() as u64;
        self.expect(whole, offset, "bytes behind the end")?;
        Ok(end)
    }

    /// The next record's mark.
    fn peek_magic(&self) -> Result<[u8; 8], StoreError> {
        let magic = self.bytes[self.at as usize..].first_chunk().copied();
        magic.ok_or_else(|| self.truncated(self.at + ALIGN_BYTES))
    }

    fn slice(&mut self, bytes: u64) -> Result<&'a [u8], StoreError> {
        let end = self
            .at
            .checked_add(bytes)
            .filter(|&end| end <= self.bytes.len() as u64);
        let end = end.ok_or_else(|| self.truncated(self.at.saturating_add(bytes)))?;
        let slice = &self.bytes[self.at as usize..end as usize];
        self.at = end;
        Ok(slice)
    }

    fn take<T: Pod>(&mut self) -> Result<T, StoreError> {
        Ok(bytemuck::pod_read_unaligned(
            self.slice(size_of::<T>() as u64)?,
        ))
    }

    /// Moves on to the next aligned byte; what lies between must be zero, so that no byte of the
    /// file is free.
    fn padding(&mut self) -> Result<(), StoreError> {
        let start = self.at;
        let zeros = self.slice(align(start) - start)?;
        self.expect(zeros.iter().all(|&byte| byte == 0), start, "padding")
    }

    fn expect(&self, holds: bool, offset: u64, what: &'static str) -> Result<(), StoreError> {
        if holds {
            Ok(())
        } else {
            Err(self.damaged(offset, what))
        }
    }

    fn damaged(&self, offset: u64, what: &'static str) -> StoreError {
        StoreError::Damaged {
            path: self.path.to_owned(),
            offset,
            what,
        }
    }

    fn truncated(&self, expected: u64) -> StoreError {
        let actual = self.bytes.len() as u64;
        StoreError::Truncated {
            path: self.path.to_owned(),
            actual,
            expected,
        }
    }
}
