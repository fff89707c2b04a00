//! Sound files, damaged: every field at its edges, every bit of the headers, ten thousand random mutants.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use tracelane::Program;

use crate::guests::{self, Guest};
use crate::{load, set, sound, try_all, variant};

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
