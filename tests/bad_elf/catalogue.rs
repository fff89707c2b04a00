//! Two hundred files by hand, one fault each.

use crate::encode::elf;
use crate::{DATA, TEXT, many_headers, refused, set, sound, variant, with_byte};

/// A file, what is wrong with it, and the error it gets.
struct Bad {
    what: String,
    bytes: Vec<u8>,
    error: &'static str,
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
