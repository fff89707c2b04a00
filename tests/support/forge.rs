//! Forging checkpoint files: whoever changes a field can make every digest fit again.
//!
//! In: the bytes of a file, changed somewhere. Out: the same with digests and chain computed anew, from
//! the diagram in ARCHITECTURE.md alone; it shares nothing with the library's layout.

#![allow(dead_code, reason = "each test takes the part it needs")]

use std::ops::Range;

pub const PAGE: usize = 4096;
pub const HEADER: usize = 256;
pub const RECORD: usize = 384;
pub const ENTRY: usize = 8;
pub const END: usize = 192;

fn hash(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + 8)?;
    Some(u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
}

fn half(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().expect("four bytes")))
}

/// Bytes of a file that are being forged.
struct Forge<'a> {
    bytes: &'a mut [u8],
    /// What stays as it is, whatever would fit.
    kept: Range<usize>,
}

impl Forge<'_> {
    fn set(&mut self, at: usize, digest: [u8; 32]) {
        if at >= self.kept.end || at + 32 <= self.kept.start {
            self.bytes[at..at + 32].copy_from_slice(&digest);
        }
    }

    /// Computes the header's digests; where the first record lies.
    fn header(&mut self) -> Option<usize> {
        let input_bytes = usize::try_from(number(self.bytes, 32)?).ok()?;
        let end = PAGE.checked_add(input_bytes)?;
        let digest = hash(self.bytes.get(PAGE..end)?);
        self.set(72, digest);
        self.set(224, hash(&self.bytes[..224]));
        end.checked_next_multiple_of(PAGE)
    }

    /// Computes the digests of the record at `at`; where the next one lies.
    fn record(&mut self, at: usize, previous: [u8; 32]) -> Option<usize> {
        self.bytes.get(at..at + RECORD)?;
        let count = half(self.bytes, at + 36)? as usize;
        let entries = at + RECORD..at + RECORD + count * ENTRY;
        self.bytes.get(entries.clone())?;
        let pages = entries.end.next_multiple_of(PAGE);
        let kinds = entries.clone().step_by(ENTRY);
        let stored = kinds.filter(|entry| half(self.bytes, entry + 4) == Some(0));
        let next = pages + stored.count() * PAGE;
        if let Some(pages) = self.bytes.get(pages..next) {
            let digest = hash(pages);
            self.set(at + 168, digest);
        }
        let digest = hash(&self.bytes[entries]);
        self.set(at + 200, digest);
        self.set(at + 232, previous);
        self.set(at + 352, hash(&self.bytes[at..at + 352]));
        Some(next)
    }

    fn end(&mut self, at: usize, previous: [u8; 32]) -> Option<()> {
        self.bytes.get(at..at + END)?;
        self.set(at + 128, previous);
        self.set(at + 160, hash(&self.bytes[at..at + 160]));
        Some(())
    }

    fn digest_at(&self, at: usize) -> [u8; 32] {
        self.bytes[at..at + 32].try_into().expect("32 bytes")
    }

    fn all(&mut self) -> Option<()> {
        let mut at = self.header()?;
        let mut previous = self.digest_at(224);
        while !self.bytes.get(at..)?.starts_with(b"TLFINISH") {
            let next = self.record(at, previous)?;
            previous = self.digest_at(at + 352);
            at = next;
        }
        self.end(at, previous)
    }
}

/// Makes all digests of `bytes` fit, as far as there is a file in them, but for what lies in `kept`.
pub fn rechain(bytes: &mut [u8], kept: Range<usize>) {
    let _as_far_as_it_goes = Forge { bytes, kept }.all();
}

/// Where the records of a sound file lie, its end record last.
pub fn records(bytes: &[u8]) -> Vec<usize> {
    let pages = (0..bytes.len()).step_by(PAGE);
    let marks = [&b"TLCHECKP"[..], b"TLFINISH"];
    pages
        .filter(|&at| marks.iter().any(|mark| bytes[at..].starts_with(mark)))
        .collect()
}

/// A file of no checkpoint at all, which claims `cycles`.
pub fn without_checkpoints(sound: &[u8], interval: u64, cycles: u64) -> Vec<u8> {
    let records = records(sound);
    let (first, last) = (records[0], records[records.len() - 1]);
    let mut bytes = [&sound[..first], &sound[last..]].concat();
    let length = bytes.len() as u64;
    bytes[24..32].copy_from_slice(&interval.to_le_bytes());
    for (at, value) in [(8, 0), (16, length), (24, cycles)] {
        bytes[first + at..][..8].copy_from_slice(&u64::to_le_bytes(value));
    }
    rechain(&mut bytes, 0..0);
    bytes
}
