//! The file's records: what lies at which byte.
//!
//! A file is a header, the input, one block per checkpoint, and an end record; every part starts at
//! a multiple of 4096 bytes, so that pages can be used as they lie in the map. ARCHITECTURE.md has
//! the diagram. Integers are little-endian, which `limits` demands of the machine; all digests are
//! BLAKE3. No record has padding the compiler chose.

use bytemuck::{Pod, Zeroable, bytes_of};

use super::{CheckpointState, RunIdentity, RunSummary};
use crate::limits::PAGE_BYTES;

/// First bytes of a file: a byte above 127, a name, and line ends that text transfers destroy.
pub const MAGIC: [u8; 12] = *b"\x89TLANE\r\n\x1a\n\0\0";

/// Version of the format.
pub const VERSION: u32 = 2;

/// Marks a checkpoint's record.
pub const RECORD_MAGIC: [u8; 8] = *b"TLCHECKP";

/// Marks the end record.
pub const END_MAGIC: [u8; 8] = *b"TLFINISH";

/// What every part is aligned to.
pub const ALIGN_BYTES: u64 = PAGE_BYTES as u64;

/// The first bytes of a file, padded with zeros to [`ALIGN_BYTES`].
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Header {
    pub magic: [u8; 12],
    pub version: u32,
    pub page_bytes: u32,
    pub record_bytes: u32,
    pub interval: u64,
    pub input_bytes: u64,
    pub program_digest: [u8; 32],
    pub input_digest: [u8; 32],
    pub reserved: [u8; 120],
    /// Digest of all bytes before it.
    pub digest: [u8; 32],
}

const _: () = assert!(size_of::<Header>() == 256);
const _: () = assert!(std::mem::offset_of!(Header, digest) == 224);

impl Header {
    pub fn new(identity: &RunIdentity, input_bytes: u64) -> Self {
        let mut header = Self {
            magic: MAGIC,
            version: VERSION,
            page_bytes: PAGE_BYTES as u32,
            record_bytes: size_of::<Record>() as u32,
            interval: identity.interval,
            input_bytes,
            program_digest: identity.program_digest,
            input_digest: identity.input_digest,
            reserved: [0; 120],
            digest: [0; 32],
        };
        header.digest = header.expected_digest();
        header
    }

    pub fn expected_digest(&self) -> [u8; 32] {
        digest_before(bytes_of(self), std::mem::offset_of!(Header, digest))
    }

    pub fn identity(&self) -> RunIdentity {
        RunIdentity {
            program_digest: self.program_digest,
            input_digest: self.input_digest,
            interval: self.interval,
        }
    }
}

/// One checkpoint. Its block is: this, `page_count` [`PageEntry`]s, zeros to [`ALIGN_BYTES`], then
/// the pages that are not absent, in the entries' order.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Record {
    pub magic: [u8; 8],
    /// Index of the checkpoint.
    pub sequence: u64,
    pub cycle: u64,
    pub text_bytes: u64,
    pub backed_pages: u64,
    pub pc: u32,
    pub page_count: u32,
    pub registers: [u32; 32],
    pub dirty_digest: [u8; 32],
    /// Digest of the page entries.
    pub entries_digest: [u8; 32],
    /// `digest` of the record before; of the header for the first.
    pub previous_digest: [u8; 32],
    pub reserved: [u8; 80],
    /// Digest of all bytes before it.
    pub digest: [u8; 32],
}

const _: () = assert!(size_of::<Record>() == 384);
const _: () = assert!(std::mem::offset_of!(Record, digest) == 352);

impl Record {
    pub fn new(
        sequence: u64,
        state: &CheckpointState,
        entries: &[PageEntry],
        previous_digest: [u8; 32],
    ) -> Self {
        let mut record = Self {
            magic: RECORD_MAGIC,
            sequence,
            cycle: state.cycle,
            text_bytes: state.text_bytes,
            backed_pages: state.backed_pages,
            pc: state.pc,
            page_count: entries.len() as u32,
            registers: state.registers,
            dirty_digest: state.dirty_digest,
            entries_digest: entries_digest(entries),
            previous_digest,
            reserved: [0; 80],
            digest: [0; 32],
        };
        record.digest = record.expected_digest();
        record
    }

    pub fn expected_digest(&self) -> [u8; 32] {
        digest_before(bytes_of(self), std::mem::offset_of!(Record, digest))
    }

    pub fn state(&self) -> CheckpointState {
        CheckpointState {
            cycle: self.cycle,
            pc: self.pc,
            registers: self.registers,
            text_bytes: self.text_bytes,
            backed_pages: self.backed_pages,
            dirty_digest: self.dirty_digest,
        }
    }
}

/// One page that was stored to since the record before.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct PageEntry {
    pub page_index: u32,
    /// 1 where the page has no bytes here, because it is as its last version, or as program and input
    /// leave it if there is none; else 0.
    pub absent: u32,
    /// Digest of the page's bytes.
    pub digest: [u8; 32],
}

const _: () = assert!(size_of::<PageEntry>() == 40);
const _: () = assert!(std::mem::offset_of!(PageEntry, absent) == 4);
const _: () = assert!(std::mem::offset_of!(PageEntry, digest) == 8);

/// The last bytes of a complete file, padded with zeros to [`ALIGN_BYTES`].
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct End {
    pub magic: [u8; 8],
    /// Number of checkpoints.
    pub checkpoint_count: u64,
    /// Bytes of the file, this record's padding included.
    pub file_bytes: u64,
    pub cycles: u64,
    pub text_bytes: u64,
    pub output_bytes: u64,
    pub exit_code: u32,
    pub reserved: [u8; 44],
    pub output_digest: [u8; 32],
    /// `digest` of the last record.
    pub previous_digest: [u8; 32],
    /// Digest of all bytes before it.
    pub digest: [u8; 32],
}

const _: () = assert!(size_of::<End>() == 192);
const _: () = assert!(std::mem::offset_of!(End, digest) == 160);

impl End {
    pub fn new(
        summary: &RunSummary,
        checkpoint_count: u64,
        file_bytes: u64,
        previous_digest: [u8; 32],
    ) -> Self {
        let mut end = Self {
            magic: END_MAGIC,
            checkpoint_count,
            file_bytes,
            cycles: summary.cycles,
            text_bytes: summary.text_bytes,
            output_bytes: summary.output_bytes,
            exit_code: summary.exit_code,
            reserved: [0; 44],
            output_digest: summary.output_digest,
            previous_digest,
            digest: [0; 32],
        };
        end.digest = end.expected_digest();
        end
    }

    pub fn expected_digest(&self) -> [u8; 32] {
        digest_before(bytes_of(self), std::mem::offset_of!(End, digest))
    }

    pub fn summary(&self) -> RunSummary {
        RunSummary {
            exit_code: self.exit_code,
            cycles: self.cycles,
            output_bytes: self.output_bytes,
            output_digest: self.output_digest,
            text_bytes: self.text_bytes,
        }
    }
}

/// The next multiple of [`ALIGN_BYTES`].
pub fn align(bytes: u64) -> u64 {
    bytes.next_multiple_of(ALIGN_BYTES)
}

/// Digest of a record's page entries.
pub fn entries_digest(entries: &[PageEntry]) -> [u8; 32] {
    *blake3::hash(bytemuck::cast_slice(entries)).as_bytes()
}

fn digest_before(bytes: &[u8], end: usize) -> [u8; 32] {
    *blake3::hash(&bytes[..end]).as_bytes()
}
