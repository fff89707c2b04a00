//! The file's records: what lies at which byte.
//!
//! A file is a header, the input, one block per checkpoint, and an end record; every part starts at
//! a multiple of 4096 bytes, so that pages can be used as they lie in the map. ARCHITECTURE.md has
//! the diagram. Integers are little-endian, which `limits` demands of the machine; all digests are
//! BLAKE3. No record has padding the compiler chose. Bytes that are not trusted yet become a [`Header`]
//! only through [`RawHeader::verify`].

use bytemuck::{Pod, Zeroable, bytes_of};

use super::{CheckpointState, RunIdentity, RunSummary};
use crate::limits::{PAGE_BYTES, REGION_DATA_BYTES_MAX};

/// First bytes of a file: a byte above 127, a name, and line ends that text transfers destroy.
pub const MAGIC: [u8; 12] = *b"\x89TLANE\r\n\x1a\n\0\0";

/// Version of the format.
pub const VERSION: u32 = 4;

/// Marks a checkpoint's record.
pub const RECORD_MAGIC: [u8; 8] = *b"TLCHECKP";

/// Marks the end record.
pub const END_MAGIC: [u8; 8] = *b"TLFINISH";

/// What every part is aligned to.
pub const ALIGN_BYTES: u64 = PAGE_BYTES as u64;

/// Asserts at which byte each field of a record lies, as the diagram has it.
macro_rules! offsets {
    ($record:ty, $bytes:literal: $($field:ident $offset:literal)*) => {
        const _: () = assert!(size_of::<$record>() == $bytes);
        $(const _: () = assert!(std::mem::offset_of!($record, $field) == $offset);)*
    };
}

/// The first bytes of a file, padded with zeros to [`ALIGN_BYTES`], as they were read.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct RawHeader {
    magic: [u8; 12],
    version: u32,
    page_bytes: u32,
    record_bytes: u32,
    interval: u64,
    input_bytes: u64,
    program_digest: [u8; 32],
    input_digest: [u8; 32],
    reserved: [u8; 120],
    /// Digest of all bytes before it.
    digest: [u8; 32],
}

offsets!(RawHeader, 256: magic 0 version 12 page_bytes 16 record_bytes 20 interval 24 input_bytes 32
    program_digest 40 input_digest 72 reserved 104 digest 224);

/// Why a header is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeaderFlaw {
    /// Of another kind of file.
    Magic,
    /// Of this version of the format.
    Version(u32),
    /// This does not fit.
    Damaged(&'static str),
}

/// A header that is whole, and means what this build takes it to mean.
#[derive(Clone, Copy)]
pub struct Header(RawHeader);

impl RawHeader {
    /// The header, if it is one: a flipped bit anywhere is found, reserved bytes included.
    pub fn verify(self) -> Result<Header, HeaderFlaw> {
        // A foreign file is told apart before its digest is: it never had one.
        if self.magic != MAGIC {
            return Err(HeaderFlaw::Magic);
        }
        if self.version != VERSION {
            return Err(HeaderFlaw::Version(self.version));
        }
        let flaws = [
            (self.digest != self.expected_digest(), "header digest"),
            // A build with other pages or records: its offsets would mean something else.
            (
                self.page_bytes != PAGE_BYTES as u32
                    || self.record_bytes != size_of::<Record>() as u32,
                "page or record size",
            ),
            (self.interval == 0, "interval"),
            (
                self.input_bytes > u64::from(REGION_DATA_BYTES_MAX),
                "length of the input",
            ),
            (self.reserved != [0; 120], "reserved bytes"),
        ];
        match flaws.iter().find(|(flawed, _)| *flawed) {
            Some((_, what)) => Err(HeaderFlaw::Damaged(what)),
            None => Ok(Header(self)),
        }
    }

    fn expected_digest(&self) -> [u8; 32] {
        digest_before(bytes_of(self), std::mem::offset_of!(Self, digest))
    }
}

impl Header {
    pub fn new(identity: &RunIdentity, input_bytes: u64) -> Self {
        let mut header = RawHeader {
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
        Self(header)
    }

    /// Its bytes in the file.
    pub fn bytes(&self) -> &[u8] {
        bytes_of(&self.0)
    }

    pub fn identity(&self) -> RunIdentity {
        RunIdentity {
            program_digest: self.0.program_digest,
            input_digest: self.0.input_digest,
            interval: self.0.interval,
        }
    }

    pub fn interval(&self) -> u64 {
        self.0.interval
    }

    pub fn input_bytes(&self) -> u64 {
        self.0.input_bytes
    }

    pub fn digest(&self) -> [u8; 32] {
        self.0.digest
    }
}

/// One checkpoint. Its block is: this, `page_count` [`PageEntry`]s, zeros to [`ALIGN_BYTES`], then
/// the pages of kind [`KIND_BYTES`], in the entries' order.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Record {
    pub magic: [u8; 8],
    /// Index of the checkpoint.
    pub sequence: u64,
    pub cycle: u64,
    pub text_bytes: u64,
    pub pc: u32,
    pub page_count: u32,
    pub registers: [u32; 32],
    /// Digest of the pages stored here, one behind the other.
    pub pages_digest: [u8; 32],
    /// Digest of the page entries.
    pub entries_digest: [u8; 32],
    /// `digest` of the record before; of the header for the first.
    pub previous_digest: [u8; 32],
    pub reserved: [u8; 88],
    /// Digest of all bytes before it.
    pub digest: [u8; 32],
}

offsets!(Record, 384: magic 0 sequence 8 cycle 16 text_bytes 24 pc 32 page_count 36 registers 40
    pages_digest 168 entries_digest 200 previous_digest 232 reserved 264 digest 352);

impl Record {
    pub fn new(
        sequence: u64,
        state: &CheckpointState,
        entries: &[PageEntry],
        pages_digest: [u8; 32],
        previous_digest: [u8; 32],
    ) -> Self {
        let mut record = Self {
            magic: RECORD_MAGIC,
            sequence,
            cycle: state.cycle,
            text_bytes: state.text_bytes,
            pc: state.pc,
            page_count: entries.len() as u32,
            registers: state.registers,
            pages_digest,
            entries_digest: entries_digest(entries),
            previous_digest,
            reserved: [0; 88],
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
        }
    }
}

/// One page that was stored to since the record before.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct PageEntry {
    pub page_index: u32,
    /// Where its bytes are: one of the four below.
    pub kind: u32,
}

offsets!(PageEntry, 8: page_index 0 kind 4);

/// The page's bytes are stored here.
pub const KIND_BYTES: u32 = 0;
/// The page is as its last version that has bytes in the file.
pub const KIND_STORED: u32 = 1;
/// The page is as the program leaves it.
pub const KIND_IMAGE: u32 = 2;
/// The page is zero, and the program leaves it otherwise.
pub const KIND_ZERO: u32 = 3;

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

offsets!(End, 192: magic 0 checkpoint_count 8 file_bytes 16 cycles 24 text_bytes 32 output_bytes 40
    exit_code 48 reserved 52 output_digest 96 previous_digest 128 digest 160);

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
