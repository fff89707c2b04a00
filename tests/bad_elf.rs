//! ELF files that must not load: each gets its typed error with a remedy, within a second and 64 MiB, and
//! none a panic.

#[path = "support/encode.rs"]
mod encode;
#[path = "support/guests.rs"]
mod guests;

use std::time::{Duration, Instant};

use allocation_counter::measure;
use encode::{Segment, data, elf, text};
use guests::Guest;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
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
            refused += usize::from(load(&bytes).is_err());
            try_all(&bytes);
            tried += 1;
        }
    }
    assert!(tried > 350 && refused > 200, "{refused} of {tried} refused");
}

/// A file, what is wrong with it, and the error it gets.
struct Bad {
    what: String,
    bytes: Vec<u8>,
    error: &'static str,
}

/// Puts `value` over a field of `bytes`.
fn set(bytes: &mut [u8], at: usize, width: usize, value: u32) {
    bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
}

/// The offset of a field of the program header at `index`.
fn header_field(index: usize, field: usize) -> usize {
    52 + 32 * index + 4 * field
}

const P_TYPE: usize = 0;
const P_OFFSET: usize = 1;
const P_VADDR: usize = 2;
const P_FILESZ: usize = 4;
const P_MEMSZ: usize = 5;
const P_FLAGS: usize = 6;

fn bad_elves() -> Vec<Bad> {
    let mut bad = Vec::new();
    let mut add = |what: String, bytes: Vec<u8>, error| bad.push(Bad { what, bytes, error });
    let fields = |fields: &[(usize, usize, u32)]| {
        let mut bytes = sound();
        for &(at, width, value) in fields {
            set(&mut bytes, at, width, value);
        }
        bytes
    };
    // The file header, cut short and damaged.
    for length in 0..52 {
        let what = format!("cut to {length} bytes");
        add(what, sound()[..length].to_vec(), "Malformed");
    }
    for length in 52..52 + 64 {
        let what = format!("cut to {length} bytes, in the program headers");
        add(what, sound()[..length].to_vec(), "Malformed");
    }
    for (at, value) in [
        (0, 0),
        (1, b'e'),
        (2, b'l'),
        (3, b'f'),
        (4, 0),
        (4, 3),
        (5, 0),
        (5, 3),
    ] {
        add(
            format!("byte {at} is {value}"),
            with_byte(at, value),
            "Malformed",
        );
    }
    for (at, width, value) in [
        // e_phoff, e_phentsize.
        (28, 4, u32::MAX),
        (28, 4, u32::MAX - 31),
        (28, 4, 1 << 20),
        (42, 2, 0),
        (42, 2, 31),
        (42, 2, 33),
        (42, 2, 56),
        (42, 2, 0xffff),
    ] {
        let what = format!("field at {at} is {value:#x}");
        add(what, fields(&[(at, width, value)]), "Malformed");
    }
    for machine in [
        0, 1, 2, 3, 8, 20, 21, 40, 42, 62, 183, 242, 244, 247, 258, 0xf300, 0xffff,
    ] {
        let what = format!("machine {machine}");
        add(what, fields(&[(18, 2, machine)]), "NotRiscv");
    }
    for kind in [0, 1, 3, 4, 5, 0x0200, 0xfe00, 0xffff] {
        let what = format!("type {kind}");
        add(what, fields(&[(16, 2, kind)]), "NotExecutable");
    }
    // A 64-bit header: three of its fields are wider, and it has no table.
    let mut wide = with_byte(4, 2)[..24].to_vec();
    wide.resize(64, 0);
    add("64 bits".to_owned(), wide, "Not32Bit");
    let mut big = with_byte(5, 2);
    for (at, width) in [
        (16, 2),
        (18, 2),
        (20, 4),
        (24, 4),
        (28, 4),
        (32, 4),
        (36, 4),
    ] {
        big[at..at + width].reverse();
    }
    (40..52).step_by(2).for_each(|at| big[at..at + 2].reverse());
    add("big-endian".to_owned(), big.clone(), "NotLittleEndian");
    big[16..18].reverse();
    add(
        "big-endian, another type".to_owned(),
        big,
        "NotLittleEndian",
    );
    for flags in [
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        9,
        0xa,
        0xc,
        0xe,
        0xf,
        0x11,
        0x8000_0001,
    ] {
        let what = format!("flags {flags:#x}");
        add(what, fields(&[(36, 4, flags)]), "Unsupported");
    }
    // Numbers of program headers.
    add(
        "no program header".to_owned(),
        fields(&[(44, 2, 0)]),
        "ProgramHeaderCount",
    );
    add(
        "no segment".to_owned(),
        elf(TEXT, &[], &[]),
        "ProgramHeaderCount",
    );
    for count in [257, 258, 1000] {
        let what = format!("{count} program headers");
        add(what, many_headers(count), "ProgramHeaderCount");
    }
    // Program headers, each field of both.
    for index in 0..2 {
        for (kind, name) in [(2, "dynamic"), (3, "interpreter")] {
            let bytes = fields(&[(header_field(index, P_TYPE), 4, kind)]);
            add(format!("segment {index} is {name}"), bytes, "Dynamic");
        }
        for offset in [
            1 << 12,
            1 << 20,
            0x7fff_ffff,
            0x8000_0000,
            u32::MAX - 8,
            u32::MAX,
        ] {
            let bytes = fields(&[(header_field(index, P_OFFSET), 4, offset)]);
            add(
                format!("segment {index} at offset {offset:#x}"),
                bytes,
                "SegmentBytes",
            );
        }
        for size in [9, 10, 4096, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
            let at = header_field(index, P_FILESZ);
            let what = format!("segment {index} of {size:#x} file bytes");
            add(what.clone(), fields(&[(at, 4, size)]), "SegmentBytes");
            if size > 4096 {
                let both = fields(&[(at, 4, size), (header_field(index, P_MEMSZ), 4, size)]);
                add(what + " and as many in memory", both, "SegmentBytes");
            }
        }
        for size in [0, 1, 7] {
            let bytes = fields(&[(header_field(index, P_MEMSZ), 4, size)]);
            add(
                format!("segment {index} of {size} bytes in memory"),
                bytes,
                "SegmentBytes",
            );
        }
        for (address, size) in [
            (0xffff_fff8, 9),
            (0xffff_fffc, 8),
            (0xffff_ffff, 8),
            (0xffff_0000, 0x10001),
            (0x8000_0000, 0x8000_0001),
            (0x8000_0000, u32::MAX),
        ] {
            let bytes = fields(&[
                (header_field(index, P_VADDR), 4, address),
                (header_field(index, P_MEMSZ), 4, size),
            ]);
            add(
                format!("segment {index}: {size:#x} at {address:#x}"),
                bytes,
                "SegmentRange",
            );
        }
        for flags in [3, 7, 0xffff_ffff, 0x8000_0003] {
            let bytes = fields(&[(header_field(index, P_FLAGS), 4, flags)]);
            add(
                format!("segment {index} with flags {flags:#x}"),
                bytes,
                "WritableText",
            );
        }
        for address in [
            0,
            1,
            4,
            4088,
            4092,
            4095,
            0x3fff_fff9,
            0x3fff_fffc,
            0x4000_0000,
            0x4000_0010,
            0x5fff_fffc,
            0x6000_0000,
            0x6fff_fff8,
            0x7fff_fff8,
            0x7fff_ffff,
        ] {
            let bytes = fields(&[(header_field(index, P_VADDR), 4, address)]);
            add(format!("segment {index} at {address:#x}"), bytes, "Overlap");
        }
    }
    for address in [TEXT - 7, TEXT - 4, TEXT, TEXT + 1, TEXT + 4, TEXT + 7] {
        let bytes = fields(&[(header_field(1, P_VADDR), 4, address)]);
        add(format!("data over text, at {address:#x}"), bytes, "Overlap");
    }
    for off in 1..4 {
        let bytes = fields(&[(header_field(0, P_VADDR), 4, TEXT + off)]);
        add(format!("text {off} bytes off"), bytes, "TextMisaligned");
        let bytes = fields(&[
            (header_field(1, P_VADDR), 4, DATA + off),
            (header_field(1, P_FLAGS), 4, 5),
        ]);
        add(
            format!("a second text {off} bytes off"),
            bytes,
            "TextMisaligned",
        );
    }
    for flags in [0, 2, 4, 6] {
        let bytes = fields(&[(header_field(0, P_FLAGS), 4, flags)]);
        add(format!("no text, flags {flags}"), bytes, "TextBytes");
    }
    let small = [
        (header_field(0, P_FILESZ), 4, 3),
        (header_field(0, P_MEMSZ), 4, 3),
    ];
    add(
        "text of three bytes".to_owned(),
        fields(&small),
        "TextBytes",
    );
    for size in [
        (1 << 20) + 200,
        1 << 21,
        1 << 26,
        (1 << 26) + 4,
        0x1000_0000,
    ] {
        let bytes = fields(&[
            (header_field(0, P_MEMSZ), 4, size),
            (header_field(1, P_VADDR), 4, 0x9000_0000),
        ]);
        add(
            format!("text of {size:#x} bytes, most of them zero"),
            bytes,
            "TextBytes",
        );
    }
    for address in [0x0020_0000, 0x0800_0000, 0x8000_0000, 0xffff_fff0] {
        let bytes = fields(&[
            (header_field(1, P_VADDR), 4, address),
            (header_field(1, P_FLAGS), 4, 5),
        ]);
        add(format!("a second text at {address:#x}"), bytes, "TextBytes");
    }
    for entry in [
        0,
        1,
        2,
        4,
        TEXT - 4,
        TEXT - 1,
        TEXT + 1,
        TEXT + 2,
        TEXT + 3,
        TEXT + 6,
        TEXT + 8,
        DATA,
        0x4000_0000,
        0x6000_0000,
        0x8000_0000 + TEXT,
        0xffff_fffc,
        0xffff_fffe,
        u32::MAX,
    ] {
        add(
            format!("entry at {entry:#x}"),
            fields(&[(24, 4, entry)]),
            "Entry",
        );
    }
    bad
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
fn two_hundred_bad_files_get_the_error_they_should() {
    let bad = bad_elves();
    assert!(bad.len() >= 200, "{} files", bad.len());
    let mut variants = std::collections::BTreeSet::new();
    for Bad { what, bytes, error } in &bad {
        let actual = refused(bytes);
        assert_eq!(variant(&actual), *error, "{what}: {actual}");
        variants.insert(*error);
    }
    // Only what takes a gigabyte is left to the next test.
    assert_eq!(variants.len(), 15, "{variants:?}");
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

/// One way to damage a file.
#[derive(Clone, Debug)]
enum Damage {
    /// Another value in a field of the file header, a program header, a section header or a symbol.
    Field(Index, u32),
    /// A field's value moved a little.
    Nudge(Index, i32),
    /// One field's value in another.
    Copy(Index, Index),
    /// A byte anywhere.
    Byte(Index, u8),
    /// The file cut there.
    Cut(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let edges = [
        0,
        1,
        2,
        4,
        0xfff,
        0x1000,
        0xffff,
        0x7fff_ffff,
        0x8000_0000,
        u32::MAX,
    ];
    let value = prop_oneof![
        prop::sample::select(edges.to_vec()),
        any::<u32>(),
        (0..32u32).prop_map(|bit| 1 << bit)
    ];
    let index = any::<Index>;
    prop_oneof![
        4 => (index(), value).prop_map(|(at, value)| Damage::Field(at, value)),
        2 => (index(), -16..16i32).prop_map(|(at, by)| Damage::Nudge(at, by)),
        1 => (index(), index()).prop_map(|(from, to)| Damage::Copy(from, to)),
        2 => (index(), any::<u8>()).prop_map(|(at, value)| Damage::Byte(at, value)),
        1 => index().prop_map(Damage::Cut),
    ]
}

/// Offset and width of every field of a sound file's headers and symbols.
fn all_fields(bytes: &[u8]) -> Vec<(usize, usize)> {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let half = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let mut all = fields()[..16].to_vec();
    let table = |start: u32, count: usize, words: usize| {
        (0..count * words).map(move |field| (start as usize + 4 * field, 4))
    };
    let sections = word(32);
    all.extend(table(word(28), half(44), 8));
    all.extend(table(sections, half(48), 10));
    for section in 0..half(48) {
        let at = sections as usize + 40 * section;
        if word(at + 4) == 2 {
            all.extend(table(word(at + 16), word(at + 20) as usize / 16, 4));
        }
    }
    all
}

fn damaged(mut bytes: Vec<u8>, damage: &[Damage]) -> Vec<u8> {
    let fields = all_fields(&bytes);
    let read = |bytes: &[u8], (at, width): (usize, usize)| {
        let mut value = [0; 4];
        value[..width].copy_from_slice(&bytes[at..at + width]);
        u32::from_le_bytes(value)
    };
    let mut length = bytes.len();
    for damage in damage {
        let field = |index: &Index| fields[index.index(fields.len())];
        let ((at, width), value) = match damage {
            Damage::Field(index, value) => (field(index), *value),
            Damage::Nudge(index, by) => {
                let value = read(&bytes, field(index));
                (field(index), value.wrapping_add_signed(*by))
            }
            Damage::Copy(from, to) => (field(to), read(&bytes, field(from))),
            Damage::Byte(at, value) => ((at.index(bytes.len()), 1), (*value).into()),
            Damage::Cut(at) => {
                length = length.min(at.index(bytes.len()));
                continue;
            }
        };
        set(&mut bytes, at, width, value);
    }
    bytes.truncate(length);
    bytes
}

/// 10,000 mutants of all guests and of a small file: loaded or refused within the limits, and run a
/// little if loaded.
#[test]
fn ten_thousand_mutants() {
    let mut seeds: Vec<Vec<u8>> = guests::ALL.iter().map(Guest::elf).collect();
    seeds.push(sound());
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 10_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let refused = std::cell::RefCell::new(std::collections::BTreeMap::new());
    let loaded = std::cell::Cell::new(0);
    let mutants = (0..seeds.len(), prop::collection::vec(damage(), 1..4));
    let result = runner.run(&mutants, |(seed, damage)| {
        let bytes = damaged(seeds[seed].clone(), &damage);
        match load(&bytes) {
            Ok(_) => {
                loaded.set(loaded.get() + 1);
                try_all(&bytes);
            }
            Err(error) => *refused.borrow_mut().entry(variant(&error)).or_insert(0) += 1,
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let refused = refused.into_inner();
    let count: i32 = refused.values().sum();
    // Not mostly text: many refused, for many reasons, and many loaded.
    assert!(count > 1500 && refused.len() >= 11, "{refused:?}");
    assert!(loaded.get() > 1500, "{} loaded", loaded.get());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _refused = Program::from_elf(&bytes);
        let start = [0x7f, b'E', b'L', b'F', 1, 1, 1];
        let count = bytes.len().min(start.len());
        bytes[..count].copy_from_slice(&start[..count]);
        try_all(&bytes);
    }
}
