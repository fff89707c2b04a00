//! ELF files that must not load: each gets its typed error with a remedy, and none a panic.

#[path = "support/encode.rs"]
mod encode;
#[path = "support/guests.rs"]
mod guests;

use allocation_counter::measure;
use encode::{Segment, data, elf, text};
use guests::Guest;
use proptest::prelude::*;
use tracelane::Program;
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

fn refused(bytes: &[u8]) -> ElfError {
    Program::from_elf(bytes).expect_err("a bad ELF")
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

/// Every field of the file header and of both program headers, by offset and width.
fn fields() -> Vec<(usize, usize)> {
    let header = [
        (4, 1),
        (5, 1),
        (6, 1),
        (16, 2),
        (18, 2),
        (20, 4),
        (24, 4),
        (28, 4),
        (32, 4),
        (36, 4),
        (40, 2),
        (42, 2),
        (44, 2),
        (46, 2),
        (48, 2),
        (50, 2),
    ];
    let program =
        (0..2).flat_map(|index| (0..8).map(move |field| (52 + 32 * index + 4 * field, 4)));
    header.into_iter().chain(program).collect()
}

#[test]
fn edge_values_in_every_field_cost_little_and_never_panic() {
    let edges: [u32; 12] = [
        0,
        1,
        2,
        3,
        7,
        0xff,
        0x1000,
        0x7fff,
        0xffff,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
    ];
    let (mut tried, mut refused) = (0, 0);
    for (at, width) in fields() {
        for edge in edges {
            let mut bytes = sound();
            bytes[at..at + width].copy_from_slice(&edge.to_le_bytes()[..width]);
            let start = std::time::Instant::now();
            let info = measure(|| {
                refused += usize::from(Program::from_elf(&bytes).is_err());
                try_all(&bytes);
            });
            // No verdict on speed, only that nothing hangs.
            assert!(start.elapsed().as_secs() < 10, "field at {at}: {edge:#x}");
            assert!(
                info.bytes_max < 64 << 20,
                "field at {at}: {edge:#x}: {info:?}"
            );
            tried += 1;
        }
    }
    assert!(tried > 350 && refused > 200, "{refused} of {tried} refused");
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

#[test]
fn every_flipped_bit_of_the_headers_loads_or_is_refused() {
    let mut bytes = sound();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            try_all(&bytes);
            bytes[at] ^= 1 << bit;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn damaged_guests_never_panic(
        name in prop::sample::select(&["sieve", "inflate", "btree"][..]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        head in prop::collection::vec((0usize..180, any::<u8>()), 0..3),
    ) {
        let mut bytes = Guest::named(name).elf();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        for (at, value) in head {
            bytes[at] = value;
        }
        try_all(&bytes);
    }

    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _refused = Program::from_elf(&bytes);
        let start = [0x7f, b'E', b'L', b'F', 1, 1, 1];
        let count = bytes.len().min(start.len());
        bytes[..count].copy_from_slice(&start[..count]);
        try_all(&bytes);
    }
}
