//! The walk over the bytes of a checkpoint file that is not trusted yet.
//!
//! In: mapped bytes. Out: where its checkpoints and pages lie, after every length was checked before
//! it was used and every digest compared; or the first byte that does not fit.

use std::path::Path;

use bytemuck::{Pod, try_cast_slice};

use super::index::PageIndex;
use super::layout::{
    ALIGN_BYTES, END_MAGIC, End, Header, MAGIC, PageEntry, RECORD_MAGIC, Record, VERSION, align,
    entries_digest,
};
use super::map::FileMap;
use super::{StoreError, WrittenDigest};
use crate::limits::PAGE_BYTES;

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
    pub index: PageIndex,
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
        let header = self.header()?;
        let mut previous = header.digest;
        let mut offsets = Vec::new();
        let mut index = PageIndex::default();
        loop {
            let offset = self.at;
            // Pages of the record that does not fit may be in the index already; they belong to a
            // checkpoint that is not counted.
            let Ok(digest) = self.record(&header, offsets.len(), previous, &mut index) else {
                index.sort();
                return Ok(WalkedPrefix {
                    header,
                    offsets,
                    index,
                });
            };
            previous = digest;
            offsets.push(offset);
            self.map.release(offset as usize..self.at as usize);
        }
    }

    pub fn all(mut self) -> Result<Walked, StoreError> {
        let header = self.header()?;
        let mut previous = header.digest;
        let mut offsets = Vec::new();
        let mut index = PageIndex::default();
        loop {
            let offset = self.at;
            if self.peek_magic()? == END_MAGIC {
                let end = self.end(&header, offsets.len() as u64, previous)?;
                index.sort();
                return Ok(Walked {
                    header,
                    end,
                    offsets,
                    index,
                });
            }
            previous = self.record(&header, offsets.len(), previous, &mut index)?;
            offsets.push(offset);
            self.map.release(offset as usize..self.at as usize);
        }
    }

    fn header(&mut self) -> Result<Header, StoreError> {
        let path = || self.path.to_owned();
        // A foreign file is told apart before its digest is: it never had one.
        if !self.bytes.starts_with(&MAGIC) {
            return Err(StoreError::Magic { path: path() });
        }
        let header: Header = self.take()?;
        if header.version != VERSION {
            let (actual, expected) = (header.version, VERSION);
            return Err(StoreError::Version {
                path: path(),
                actual,
                expected,
            });
        }
        // A flipped bit anywhere in the header, reserved bytes included.
        self.expect(
            header.digest == header.expected_digest(),
            0,
            "header digest",
        )?;
        // A build with other pages or records: its offsets would mean something else.
        let layout = header.page_bytes == PAGE_BYTES as u32
            && header.record_bytes == size_of::<Record>() as u32;
        self.expect(layout, 0, "page or record size")?;
        self.expect(header.interval > 0, 0, "interval")?;
        self.padding()?;
        let input = self.slice(header.input_bytes)?;
        let digest = *blake3::hash(input).as_bytes();
        self.expect(digest == header.input_digest, ALIGN_BYTES, "input digest")?;
        self.padding()?;
        Ok(header)
    }

    /// Reads checkpoint `sequence` and returns its digest.
    fn record(
        &mut self,
        header: &Header,
        sequence: usize,
        previous: [u8; 32],
        index: &mut PageIndex,
    ) -> Result<[u8; 32], StoreError> {
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
            record.previous_digest == previous,
            offset,
            "order of records",
        )?;
        self.expect(record.sequence == sequence as u64, offset, "record number")?;
        let earliest = (sequence as u64)
            .saturating_sub(1)
            .saturating_mul(header.interval);
        let latest = (sequence as u64).saturating_mul(header.interval);
        let placed = (earliest..=latest).contains(&record.cycle);
        self.expect(placed, offset, "cycle of a checkpoint")?;
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
        let mut written = WrittenDigest::default();
        for entry in entries {
            written.add(entry.page_index, &entry.digest);
            let inside = (entry.page_index as usize) < crate::limits::PAGE_COUNT;
            self.expect(inside, offset, "page number")?;
            if entry.absent == 1 {
                continue;
            }
            self.expect(entry.absent == 0, offset, "kind of a page entry")?;
            let location = self.at;
            let page = self.slice(PAGE_BYTES as u64)?;
            let intact = !self.verify_pages || *blake3::hash(page).as_bytes() == entry.digest;
            self.expect(intact, location, "page digest")?;
            index.push(entry.page_index, sequence, location);
        }
        let complete = written.finish() == record.dirty_digest;
        self.expect(complete, offset, "digest of written pages")?;
        Ok(record.digest)
    }

    fn end(&mut self, header: &Header, count: u64, previous: [u8; 32]) -> Result<End, StoreError> {
        let offset = self.at;
        let end: End = self.take()?;
        self.expect(end.digest == end.expected_digest(), offset, "end digest")?;
        self.expect(end.previous_digest == previous, offset, "order of records")?;
        self.expect(
            end.checkpoint_count == count,
            offset,
            "number of checkpoints",
        )?;
        // ceil(cycles / interval) checkpoints before a cycle, and the state behind the last one.
        let expected = end.cycles.div_ceil(header.interval) + 1;
        self.expect(
            end.cycles > 0 && count == expected,
            offset,
            "number of cycles",
        )?;
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
