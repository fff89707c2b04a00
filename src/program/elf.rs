//! ELF loading: bytes of a file become an image, or a typed refusal.
//!
//! In: the bytes of a statically linked RV32IM executable. Out: segments, entry, symbols. Only
//! segments are loaded; sections are looked at for symbols alone (`sections`), and nothing in them
//! can make a load fail. Nothing else in the engine knows ELF.

use elf::ParseError;
use elf::abi;
use elf::endian::AnyEndian;
use elf::file::{Class, FileHeader, parse_ident};
use elf::parse::ParsingTable;
use elf::segment::ProgramHeader;

use super::sections;
use super::symbols::Symbols;
use crate::limits::{
    ELF_BYTES_MAX, INPUT_BASE, NULL_END, PROGRAM_HEADER_COUNT_MAX, REGION_BYTES,
    TEXT_BYTES_EMPTY_MAX, TEXT_BYTES_MAX,
};

/// Bytes of an ELF32 program header.
const PROGRAM_HEADER_BYTES: usize = 32;

/// How to build a program that loads.
const HOW_TO_COMPILE: &str = "compile for rv32im, e.g. gcc -march=rv32im -mabi=ilp32 -static, or \
                              rustc --target riscv32im-unknown-none-elf";

/// Why a file was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ElfError {
    /// The bytes are no ELF file, or one cut short.
    #[error("not a readable ELF file: {0}; give an RV32IM executable")]
    Malformed(#[from] ParseError),
    /// The file is larger than any guest should be.
    #[error("the file has {actual} bytes, at most {max} are accepted")]
    TooLarge {
        /// Bytes of the file.
        actual: usize,
        /// Limit in bytes.
        max: usize,
    },
    /// A 64-bit file.
    #[error("this is a 64-bit ELF; only RV32IM programs run here: {HOW_TO_COMPILE}")]
    Not32Bit,
    /// A big-endian file.
    #[error("this is a big-endian ELF; only little-endian programs run here: {HOW_TO_COMPILE}")]
    NotLittleEndian,
    /// A file for another processor.
    #[error("this ELF is for machine {actual}, expected {expected} (RISC-V): {HOW_TO_COMPILE}")]
    NotRiscv {
        /// `e_machine` found.
        actual: u16,
        /// `EM_RISCV`.
        expected: u16,
    },
    /// An object file, a shared object or a position-independent executable.
    #[error(
        "this ELF has type {actual}, expected {expected} (static executable): link with -static -no-pie"
    )]
    NotExecutable {
        /// `e_type` found.
        actual: u16,
        /// `ET_EXEC`.
        expected: u16,
    },
    /// The file asks for a dynamic loader.
    #[error("this ELF needs a dynamic loader: link with -static")]
    Dynamic,
    /// Code of an extension that the machine does not have.
    #[error(
        "this ELF uses {extension} (first such instruction or entry at pc {pc:#010x}), \
         which RV32IM does not have: {HOW_TO_COMPILE}"
    )]
    Unsupported {
        /// What is missing.
        extension: &'static str,
        /// First compressed instruction, or the entry point.
        pc: u32,
    },
    /// Too many program headers, or none.
    #[error("the ELF has {actual} program headers, expected 1 to {max}")]
    ProgramHeaderCount {
        /// Number found.
        actual: usize,
        /// Limit.
        max: usize,
    },
    /// A segment's file bytes lie outside the file or exceed its memory size, or all segments
    /// together have more of them than the file.
    #[error("segment {index}: {actual} file bytes do not fit ({expected} at the most)")]
    SegmentBytes {
        /// Index of the program header.
        index: usize,
        /// File bytes claimed.
        actual: u64,
        /// File bytes possible.
        expected: u64,
    },
    /// A segment leaves the 32-bit address space.
    #[error("segment {index} at {address:#x} with {bytes} bytes leaves the 32-bit address space")]
    SegmentRange {
        /// Index of the program header.
        index: usize,
        /// Its address.
        address: u64,
        /// Its size in memory.
        bytes: u64,
    },
    /// A segment is writable and executable.
    #[error(
        "segment {index} at {address:#010x} is writable and executable; link text and data apart"
    )]
    WritableText {
        /// Index of the program header.
        index: usize,
        /// Its address.
        address: u32,
    },
    /// A segment overlaps another one or an address range that is not the program's.
    #[error("segment {index} at {address:#010x} overlaps {with}; link it elsewhere")]
    Overlap {
        /// Index of the program header.
        index: usize,
        /// Its address.
        address: u32,
        /// What it overlaps.
        with: &'static str,
    },
    /// Text starts off a word boundary.
    #[error("text at {address:#010x} is not aligned to 4 bytes")]
    TextMisaligned {
        /// Its address.
        address: u32,
    },
    /// No executable segment, or more text than the engine takes.
    #[error("the ELF has {actual} bytes of text, expected 4 to {max}")]
    TextBytes {
        /// Bytes from the lowest to the highest executable address.
        actual: u64,
        /// Limit.
        max: u32,
    },
    /// The entry point is no instruction's address.
    #[error("the entry point {entry:#010x} is not an aligned address in text")]
    Entry {
        /// `e_entry` found.
        entry: u64,
    },
}

/// One loadable segment.
#[derive(Clone, Debug)]
pub struct Segment {
    /// First address.
    pub address: u32,
    /// Bytes from the file; the rest of the segment reads as zero.
    pub file: Vec<u8>,
    /// Size in memory, in bytes; at least `file.len()`, never past the address space.
    pub memory_bytes: u64,
    /// Whether stores are allowed.
    pub writable: bool,
    /// Whether it holds instructions.
    pub executable: bool,
}

impl Segment {
    /// First address behind the segment; 2^32 at the most.
    #[must_use]
    pub fn end(&self) -> u64 {
        u64::from(self.address) + self.memory_bytes
    }
}

/// What a file contributes to a run.
pub(super) struct Image {
    pub segments: Vec<Segment>,
    pub entry: u32,
    pub symbols: Symbols,
}

/// Reads and checks a whole file.
pub(super) fn load(bytes: &[u8]) -> Result<Image, ElfError> {
    if bytes.len() > ELF_BYTES_MAX {
        return Err(ElfError::TooLarge {
            actual: bytes.len(),
            max: ELF_BYTES_MAX,
        });
    }
    let file = file_header(bytes)?;
    check_header(&file)?;
    let headers = program_headers(bytes, &file)?;
    let mut segments = Vec::new();
    // No byte of the file twice: or one of 4 MiB could ask for gigabytes.
    let mut left = bytes.len() as u64;
    for (index, header) in headers.iter().enumerate() {
        match header.p_type {
            abi::PT_INTERP | abi::PT_DYNAMIC => return Err(ElfError::Dynamic),
            abi::PT_LOAD if header.p_memsz > 0 || header.p_filesz > 0 => {
                segments.push(segment(bytes, index, header, left)?);
                left -= header.p_filesz;
            }
            _ => {}
        }
    }
    // The extension first: who compiled for another machine needs no advice on linking.
    check_extensions(file.e_flags, file.e_entry as u32, &segments)?;
    check_writable_text(&headers)?;
    check_overlap(&segments)?;
    check_text(&segments)?;
    let entry = check_entry(file.e_entry, &segments)?;
    Ok(Image {
        symbols: sections::symbols(bytes, &file, &segments),
        segments,
        entry,
    })
}

fn file_header(bytes: &[u8]) -> Result<FileHeader<AnyEndian>, ElfError> {
    let part = |start: usize, end: usize| {
        let missing = ParseError::SliceReadError((start, end));
        bytes.get(start..end).ok_or(missing)
    };
    let ident = parse_ident(part(0, abi::EI_NIDENT)?)?;
    let bytes_behind = match ident.1 {
        Class::ELF32 => elf::file::ELF32_EHDR_TAILSIZE,
        Class::ELF64 => elf::file::ELF64_EHDR_TAILSIZE,
    };
    let tail = part(abi::EI_NIDENT, abi::EI_NIDENT + bytes_behind)?;
    Ok(FileHeader::parse_tail(ident, tail)?)
}

fn check_header(header: &FileHeader<AnyEndian>) -> Result<(), ElfError> {
    if header.e_machine != abi::EM_RISCV {
        let (actual, expected) = (header.e_machine, abi::EM_RISCV);
        return Err(ElfError::NotRiscv { actual, expected });
    }
    if header.class != Class::ELF32 {
        return Err(ElfError::Not32Bit);
    }
    if header.endianness != AnyEndian::Little {
        return Err(ElfError::NotLittleEndian);
    }
    if header.e_type != abi::ET_EXEC {
        let (actual, expected) = (header.e_type, abi::ET_EXEC);
        return Err(ElfError::NotExecutable { actual, expected });
    }
    let count = usize::from(header.e_phnum);
    if !(1..=PROGRAM_HEADER_COUNT_MAX).contains(&count) {
        let max = PROGRAM_HEADER_COUNT_MAX;
        return Err(ElfError::ProgramHeaderCount { actual: count, max });
    }
    Ok(())
}

fn program_headers(
    bytes: &[u8],
    header: &FileHeader<AnyEndian>,
) -> Result<Vec<ProgramHeader>, ElfError> {
    if header.e_phoff == 0 {
        let max = PROGRAM_HEADER_COUNT_MAX;
        return Err(ElfError::ProgramHeaderCount { actual: 0, max });
    }
    let entry_bytes = usize::from(header.e_phentsize);
    if entry_bytes != PROGRAM_HEADER_BYTES {
        let sizes = (entry_bytes as u64, PROGRAM_HEADER_BYTES as u64);
        return Err(ParseError::BadEntsize(sizes).into());
    }
    // An offset of 32 bits and at most 256 headers.
    let start = header.e_phoff as usize;
    let end = start + usize::from(header.e_phnum) * PROGRAM_HEADER_BYTES;
    let table = bytes
        .get(start..end)
        .ok_or(ParseError::SliceReadError((start, end)))?;
    Ok(ParsingTable::new(header.endianness, header.class, table)
        .iter()
        .collect())
}

/// The segment of a header, with at most `left` bytes of the file.
fn segment(
    bytes: &[u8],
    index: usize,
    header: &ProgramHeader,
    left: u64,
) -> Result<Segment, ElfError> {
    let (address, file_bytes, memory_bytes) = (header.p_vaddr, header.p_filesz, header.p_memsz);
    let possible = (bytes.len() as u64)
        .saturating_sub(header.p_offset)
        .min(memory_bytes)
        .min(left);
    if file_bytes > possible {
        return Err(ElfError::SegmentBytes {
            index,
            actual: file_bytes,
            expected: possible,
        });
    }
    if address
        .checked_add(memory_bytes)
        .is_none_or(|end| end > 1 << 32)
    {
        return Err(ElfError::SegmentRange {
            index,
            address,
            bytes: memory_bytes,
        });
    }
    let (offset, address) = (header.p_offset as usize, address as u32);
    let writable = header.p_flags & abi::PF_W != 0;
    let executable = header.p_flags & abi::PF_X != 0;
    let segment = Segment {
        address,
        // A segment without file bytes may have any offset.
        file: bytes
            .get(offset..offset + file_bytes as usize)
            .unwrap_or_default()
            .to_vec(),
        memory_bytes,
        writable,
        executable,
    };
    let regions = u64::from(INPUT_BASE)..u64::from(INPUT_BASE) + 2 * u64::from(REGION_BYTES);
    if u64::from(address) < regions.end && regions.start < segment.end() {
        let with = "the input and output regions (0x40000000 to 0x80000000)";
        return Err(ElfError::Overlap {
            index,
            address,
            with,
        });
    }
    if address < NULL_END {
        return Err(ElfError::Overlap {
            index,
            address,
            with: "the null page (below 0x1000)",
        });
    }
    Ok(segment)
}

fn check_writable_text(headers: &[ProgramHeader]) -> Result<(), ElfError> {
    let both = abi::PF_W | abi::PF_X;
    let found = headers
        .iter()
        .position(|header| header.p_type == abi::PT_LOAD && header.p_flags & both == both);
    match found {
        None => Ok(()),
        Some(index) => {
            let address = headers[index].p_vaddr as u32;
            Err(ElfError::WritableText { index, address })
        }
    }
}

fn check_overlap(segments: &[Segment]) -> Result<(), ElfError> {
    let mut order: Vec<usize> = (0..segments.len()).collect();
    order.sort_by_key(|&index| segments[index].address);
    for pair in order.windows(2) {
        let (low, high) = (&segments[pair[0]], &segments[pair[1]]);
        if low.end() > u64::from(high.address) {
            let (index, address) = (pair[1], high.address);
            return Err(ElfError::Overlap {
                index,
                address,
                with: "another segment",
            });
        }
    }
    Ok(())
}

fn check_text(segments: &[Segment]) -> Result<(), ElfError> {
    let text = || segments.iter().filter(|segment| segment.executable);
    if let Some(segment) = text().find(|segment| segment.address % 4 != 0) {
        return Err(ElfError::TextMisaligned {
            address: segment.address,
        });
    }
    let low = text()
        .map(|segment| u64::from(segment.address))
        .min()
        .unwrap_or(0);
    let high = text().map(Segment::end).max().unwrap_or(0);
    let actual = high - low;
    let file_bytes: u64 = text().map(|segment| segment.file.len() as u64).sum();
    let max = u64::from(TEXT_BYTES_MAX).min(TEXT_BYTES_EMPTY_MAX + file_bytes);
    if !(4..=max).contains(&actual) {
        let max = max as u32;
        return Err(ElfError::TextBytes { actual, max });
    }
    Ok(())
}

fn check_entry(entry: u64, segments: &[Segment]) -> Result<u32, ElfError> {
    let inside = segments.iter().any(|segment| {
        segment.executable && entry >= u64::from(segment.address) && entry + 4 <= segment.end()
    });
    if !inside || !entry.is_multiple_of(4) {
        return Err(ElfError::Entry { entry });
    }
    Ok(entry as u32)
}

/// Refuses what the header flags announce beyond RV32IM with the soft-float calling convention.
fn check_extensions(flags: u32, entry: u32, segments: &[Segment]) -> Result<(), ElfError> {
    let extension = if flags & abi::EF_RISCV_RVC != 0 {
        let pc = first_compressed(entry, segments).unwrap_or(entry);
        return Err(ElfError::Unsupported {
            extension: "compressed instructions (C)",
            pc,
        });
    } else if flags & abi::EF_RISCV_FLOAT_ABI_QUAD != 0 {
        "a floating-point calling convention (F or D)"
    } else if flags & abi::EF_RISCV_RVE != 0 {
        "the embedded base set (E)"
    } else {
        return Ok(());
    };
    Err(ElfError::Unsupported {
        extension,
        pc: entry,
    })
}

/// Walks instruction lengths from the entry point to the first two-byte one.
fn first_compressed(entry: u32, segments: &[Segment]) -> Option<u32> {
    let segment = segments.iter().find(|segment| {
        segment.executable && (u64::from(segment.address)..segment.end()).contains(&entry.into())
    })?;
    let mut offset = (entry - segment.address) as usize;
    while let Some(low) = segment.file.get(offset) {
        if low & 3 != 3 {
            return Some(segment.address + offset as u32);
        }
        offset += 4;
    }
    None
}
