//! ELF files that must not load: each gets its typed error with a remedy, within a second and 64 MiB, and
//! none a panic.

#[path = "../support/encode.rs"]
mod encode;
#[path = "../support/guests.rs"]
mod guests;

mod catalogue;
mod mutants;

use std::time::{Duration, Instant};

use allocation_counter::measure;
use encode::{Segment, data, elf, text};
use guests::Guest;
use tracelane::Program;
use tracelane::limits::ELF_BYTES_MAX;
use tracelane::program::ElfError;
use tracelane::replay::{FastPass, fast_pass};
use tracelane::vm::{DiscardText, Limits, MemoryKind};

const TEXT: u32 = 0x0001_0000;
const DATA: u32 = 0x0010_0000;

fn sound() -> Vec<u8> {
    elf(
        TEXT,
        &[text(TEXT, &[0x13, 0x73]), data(DATA, &[1; 8], true)],
        &[("tohost", DATA)],
    )
}

/// What loading may take, whatever the file says.
const LOAD_BYTES_MAX: u64 = 64 << 20;
const LOAD_TIME_MAX: Duration = Duration::from_secs(1);

/// Loads `bytes` and holds that to its limits.
fn load(bytes: &[u8]) -> Result<Program, ElfError> {
    let mut loaded = None;
    let mut quickest = Duration::MAX;
    // A loaded machine may lose a second anywhere: only what is slow each time is.
    for _ in 0..3 {
        let start = Instant::now();
        let info = measure(|| loaded = Some(Program::from_elf(bytes)));
        assert!(info.bytes_max < LOAD_BYTES_MAX, "{info:?}");
        quickest = quickest.min(start.elapsed());
        if quickest < LOAD_TIME_MAX {
            break;
        }
    }
    assert!(quickest < LOAD_TIME_MAX, "{quickest:?}");
    loaded.expect("an outcome")
}

fn refused(bytes: &[u8]) -> ElfError {
    load(bytes).expect_err("a bad ELF")
}

/// The name of the error's variant.
fn variant(error: &ElfError) -> String {
    let text = format!("{error:?}");
    text.chars().take_while(|c| c.is_alphanumeric()).collect()
}

fn with_byte(at: usize, value: u8) -> Vec<u8> {
    let mut bytes = sound();
    bytes[at] = value;
    bytes
}

#[test]
fn the_file_they_are_made_from_loads() {
    let program = Program::from_elf(&sound()).expect("a sound ELF");
    assert_eq!((program.entry(), program.tohost()), (TEXT, Some(DATA)));
}

#[test]
fn empty_foreign_and_truncated_files() {
    assert!(matches!(refused(b""), ElfError::Malformed(_)));
    assert!(matches!(
        refused(b"#!/bin/sh\necho hello, I am no program at all\n"),
        ElfError::Malformed(_)
    ));
    let bytes = sound();
    // Behind the last segment only symbols follow, which a file may lack.
    for length in 0..52 + 2 * 32 + 16 {
        refused(&bytes[..length]);
    }
    let guest = Guest::named("sieve").elf();
    for length in (0..guest.len()).step_by(7) {
        let _outcome = Program::from_elf(&guest[..length]);
    }
}

#[test]
fn other_machines_classes_and_kinds() {
    assert!(matches!(
        refused(&with_byte(18, 62)),
        ElfError::NotRiscv { actual: 62, .. }
    ));
    assert!(matches!(
        refused(&with_byte(16, 3)),
        ElfError::NotExecutable { actual: 3, .. }
    ));
    assert!(matches!(
        refused(&with_byte(16, 1)),
        ElfError::NotExecutable { actual: 1, .. }
    ));
    for (flag, word) in [
        (1, "compressed"),
        (2, "floating-point"),
        (4, "floating-point"),
        (8, "embedded"),
    ] {
        let error = refused(&with_byte(36, flag));
        assert!(matches!(error, ElfError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(word), "{error}");
        assert!(error.to_string().contains("0x00010000"), "{error}");
        assert!(error.to_string().contains("-march=rv32im"), "{error}");
    }
    // This test's own executable: 64-bit, another machine.
    let own = std::fs::read(std::env::current_exe().expect("a path")).expect("a file");
    refused(&own);
    let mut wide = own;
    wide[18..20].copy_from_slice(&243u16.to_le_bytes());
    assert!(matches!(refused(&wide), ElfError::Not32Bit));
}

#[test]
fn segments_that_do_not_fit() {
    let code = text(TEXT, &[0x13, 0x73]);
    let case = |segments: &[Segment]| refused(&elf(TEXT, segments, &[]));
    let mut writable = code.clone();
    writable.flags = 7;
    assert!(matches!(
        case(&[writable]),
        ElfError::WritableText { index: 0, .. }
    ));
    assert!(matches!(
        case(&[code.clone(), data(TEXT + 4, &[0; 8], true)]),
        ElfError::Overlap { index: 1, .. }
    ));
    for address in [0, 4092, 0x4000_0000, 0x5000_0000, 0x7fff_fffc, 0x3fff_fffc] {
        let error = case(&[code.clone(), data(address, &[0; 8], true)]);
        assert!(
            matches!(error, ElfError::Overlap { index: 1, .. }),
            "{address:#x}: {error}"
        );
    }
    let huge = Segment {
        memory_bytes: u32::MAX,
        ..data(DATA, &[0; 8], true)
    };
    assert!(matches!(
        case(&[code.clone(), huge]),
        ElfError::SegmentRange { index: 1, .. }
    ));
    let short = Segment {
        memory_bytes: 4,
        ..data(DATA, &[0; 8], true)
    };
    assert!(matches!(
        case(&[code.clone(), short]),
        ElfError::SegmentBytes { index: 1, .. }
    ));
    assert!(matches!(
        case(&[data(DATA, &[0; 8], true)]),
        ElfError::TextBytes { actual: 0, .. }
    ));
    let mut odd = code.clone();
    odd.address += 2;
    assert!(matches!(case(&[odd]), ElfError::TextMisaligned { .. }));
    let far = text(0x8000_0000, &[0x13]);
    assert!(matches!(
        case(&[code.clone(), far]),
        ElfError::TextBytes { .. }
    ));
    assert!(matches!(
        refused(&elf(TEXT, &[], &[])),
        ElfError::ProgramHeaderCount { .. }
    ));
    for entry in [0, TEXT - 4, TEXT + 2, TEXT + 8, DATA] {
        let error = refused(&elf(entry, &[code.clone(), data(DATA, &[0; 8], true)], &[]));
        assert!(
            matches!(error, ElfError::Entry { .. }),
            "{entry:#x}: {error}"
        );
    }
}
/// Puts `value` over a field of `bytes`.
fn set(bytes: &mut [u8], at: usize, width: usize, value: u32) {
    bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
}
/// Loads and, where that works, runs a little.
fn try_all(bytes: &[u8]) {
    let Ok(program) = Program::from_elf(bytes) else {
        return;
    };
    let limits = Limits {
        cycles_max: 2000,
        memory_bytes_max: 1 << 22,
        ..Limits::default()
    };
    for memory in [MemoryKind::Reserved, MemoryKind::Paged] {
        let pass = FastPass {
            limits,
            memory,
            ..FastPass::default()
        };
        let _outcome = fast_pass(&program, b"1000 7", &pass, None, &mut DiscardText);
    }
}
/// A sound file with `count` program headers, all but two of which say nothing.
fn many_headers(count: usize) -> Vec<u8> {
    let nothing = Segment {
        bytes: Vec::new(),
        memory_bytes: 0,
        ..data(DATA + 4096, &[], true)
    };
    let mut segments = vec![text(TEXT, &[0x13, 0x73]), data(DATA, &[1; 8], true)];
    segments.resize(count, nothing);
    elf(TEXT, &segments, &[])
}
#[test]
fn a_file_beyond_the_limit_is_not_looked_at() {
    // Zeros that no one touches take no memory.
    let bytes = vec![0; ELF_BYTES_MAX + 1];
    assert!(matches!(refused(&bytes), ElfError::TooLarge { actual, .. } if actual == bytes.len()));
    assert!(matches!(refused(&bytes[1..]), ElfError::Malformed(_)));
}

#[test]
fn two_hundred_and_fifty_six_program_headers_load() {
    for count in [2, 255, 256] {
        let program = load(&many_headers(count)).expect("a sound ELF");
        assert_eq!(program.segments().len(), 2, "empty ones are none");
    }
}

#[test]
fn text_that_is_mostly_empty_is_refused() {
    let code = text(TEXT, &[0x13, 0x73]);
    let far = text(TEXT + (2 << 20), &[0x13]);
    let error = refused(&elf(TEXT, &[code.clone(), far], &[]));
    assert!(matches!(error, ElfError::TextBytes { .. }), "{error}");
    let padded = Segment {
        memory_bytes: 2 << 20,
        ..code
    };
    let error = refused(&elf(TEXT, &[padded], &[]));
    assert!(matches!(error, ElfError::TextBytes { .. }), "{error}");
}

#[test]
fn a_segment_up_to_the_end_of_memory_loads() {
    let last = data(0xffff_fff8, &[7; 8], true);
    Program::from_elf(&elf(TEXT, &[text(TEXT, &[0x73]), last], &[])).expect("it just fits");
}
