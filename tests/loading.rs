//! What loading a program costs and needs: bounded time and memory whatever a file says, segments alone
//! to run it, and a decoder that agrees with the instruction table it derives from.

#[path = "support/encode.rs"]
mod encode;
#[path = "support/guests.rs"]
mod guests;

use allocation_counter::measure;
use encode::{EBREAK, data, elf, text};
use guests::Guest;
use proptest::prelude::*;
use tracelane::Program;
use tracelane::isa::{Opcode, decode};
use tracelane::limits::{SYMBOL_NAME_BYTES_MAX, SYMBOLS_KEPT_MAX};
use tracelane::program::ElfError;

const TEXT: u32 = 0x0001_0000;
const DATA: u32 = 0x0010_0000;

/// What loading may take besides the file.
const LOAD_BYTES_MAX: u64 = 64 << 20;

/// Loads `bytes` and checks what that took.
fn load(bytes: &[u8]) -> Result<Program, ElfError> {
    let mut outcome = None;
    let info = measure(|| outcome = Some(Program::from_elf(bytes)));
    assert!(info.bytes_max < LOAD_BYTES_MAX, "{info:?}");
    outcome.expect("an outcome")
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn get(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// A sound file with `entries` behind the symbols it has, and names in `names`.
fn with_symbols(entries: &[[u32; 4]], names: &[u8]) -> Vec<u8> {
    let mut bytes = elf(
        TEXT,
        &[text(TEXT, &[EBREAK]), data(DATA, &[0; 8], true)],
        &[],
    );
    let sections = get(&bytes, 32) as usize;
    let table = bytes.len();
    bytes.extend([0; 16]);
    bytes.extend(
        entries
            .iter()
            .flatten()
            .flat_map(|field| field.to_le_bytes()),
    );
    let table_bytes = bytes.len() - table;
    put(&mut bytes, sections + 40 + 16, table as u32);
    put(&mut bytes, sections + 40 + 20, table_bytes as u32);
    put(&mut bytes, sections + 80 + 16, (table + table_bytes) as u32);
    put(&mut bytes, sections + 80 + 20, names.len() as u32);
    bytes.extend(names);
    bytes
}

/// A global function in section 1.
fn function(name: u32, address: u32) -> [u32; 4] {
    [name, address, 4, 0x0001_0012]
}

#[test]
fn a_million_symbols_on_one_long_string_load_and_tohost_is_among_them() {
    let long = 1 << 20;
    let mut names = vec![b'a'; long];
    names.extend(b"\0tohost\0");
    let mut entries: Vec<_> = (0..1_000_000).map(|at| function(at, TEXT)).collect();
    entries.push(function(long as u32 + 1, DATA));
    let program = load(&with_symbols(&entries, &names)).expect("it loads");
    assert_eq!(program.tohost(), Some(DATA));
    let symbols = program.symbols().as_slice();
    assert!((10_000..=SYMBOLS_KEPT_MAX + 1).contains(&symbols.len()));
    assert!(
        symbols
            .iter()
            .all(|symbol| symbol.name.len() <= SYMBOL_NAME_BYTES_MAX)
    );
    // Short names, more of them than are kept.
    names.truncate(1);
    names.extend(b"\0tohost\0");
    let mut entries = vec![function(0, TEXT); SYMBOLS_KEPT_MAX + 1000];
    entries.push(function(2, DATA));
    let program = load(&with_symbols(&entries, &names)).expect("it loads");
    assert_eq!(program.symbols().as_slice().len(), SYMBOLS_KEPT_MAX + 1);
    assert_eq!(program.tohost(), Some(DATA));
}

#[test]
fn names_are_cut_at_a_character_and_broken_ones_left_out() {
    let euros = "\u{20ac}".repeat(500);
    let names = [b"\0\xff\xfe\0", euros.as_bytes(), b"\0open"].concat();
    let open = names.len() as u32 - 4;
    let entries = [
        function(1, TEXT),
        function(4, TEXT),
        function(open, TEXT),
        function(u32::MAX, TEXT),
        function(0, TEXT),
    ];
    let program = load(&with_symbols(&entries, &names)).expect("it loads");
    let kept: Vec<&str> = program
        .symbols()
        .as_slice()
        .iter()
        .map(|symbol| symbol.name.as_str())
        .collect();
    assert_eq!(kept, ["\u{20ac}".repeat(SYMBOL_NAME_BYTES_MAX / 3)]);
}

#[test]
fn nothing_in_sections_can_make_a_load_fail() {
    let whole = Guest::named("sieve").elf();
    let sound = Program::from_elf(&whole).expect("a guest");
    let (start, count) = (get(&whole, 32) as usize, usize::from(whole[48]));
    // Fields of the file header that speak of sections, and every field of every section header.
    let header = [(32, 4), (46, 2), (48, 2), (50, 2)];
    let sections = (0..count * 10).map(|field| (start + 4 * field, 4));
    let (mut tried, mut nameless) = (0, 0);
    for (at, width) in header.into_iter().chain(sections) {
        for value in [0, 1, 39, 0xffff, 0x7fff_ffff, u32::MAX] {
            let mut bytes = whole.clone();
            bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
            let program = load(&bytes).unwrap_or_else(|error| panic!("{at}: {value:#x}: {error}"));
            assert_eq!(program.ops(), sound.ops());
            tried += 1;
            nameless += usize::from(program.symbols().as_slice().is_empty());
        }
    }
    assert!(
        nameless > 10 && nameless < tried / 2,
        "{nameless} of {tried}"
    );
    // Cut anywhere behind the last segment.
    let headers = get(&whole, 28) as usize;
    let end = (0..usize::from(whole[44]))
        .map(|index| headers + 32 * index)
        .filter(|&at| get(&whole, at) == 1)
        .map(|at| get(&whole, at + 4) + get(&whole, at + 16))
        .max();
    let end = end.expect("a segment") as usize;
    assert!(end < whole.len());
    for length in (end..whole.len()).step_by(13) {
        assert_eq!(load(&whole[..length]).expect("segments").ops(), sound.ops());
    }
}

#[test]
fn no_byte_of_a_file_is_loaded_twice() {
    let filler = data(DATA, &[7; 1 << 20], true);
    let mut segments = vec![text(TEXT, &[EBREAK]), filler];
    for index in 0..200 {
        segments.push(data(0x0100_0000 + index * (2 << 20), &[], true));
    }
    let mut bytes = elf(TEXT, &segments, &[]);
    for index in 2..segments.len() {
        let at = 52 + 32 * index;
        let offset = get(&bytes, 52 + 32 + 4);
        put(&mut bytes, at + 4, offset);
        put(&mut bytes, at + 16, 1 << 20);
        put(&mut bytes, at + 20, 1 << 20);
    }
    let error = load(&bytes).expect_err("200 MiB of 1");
    assert!(matches!(error, ElfError::SegmentBytes { .. }), "{error}");
}

#[test]
fn tables_follow_the_size_of_the_file() {
    // All text that fits a file of 4 MiB, and as much again in zeros as is allowed.
    let mut code = text(TEXT, &vec![0x0010_0093; (4 << 20) / 4 - 100]);
    code.memory_bytes += 1 << 20;
    let program = load(&elf(TEXT, &[code.clone()], &[])).expect("it loads");
    assert_eq!(program.instruction_count() as u32, code.memory_bytes / 4);
    code.memory_bytes += 4;
    let error = load(&elf(TEXT, &[code], &[])).expect_err("too many zeros");
    assert!(matches!(error, ElfError::TextBytes { .. }), "{error}");
}

#[test]
fn the_nearest_function_is_found_past_any_number_of_data_symbols() {
    let words = [EBREAK; 64];
    let segments = [
        text(TEXT, &words),
        data(DATA, &[0; 64], true),
        text(DATA + 64, &words),
    ];
    let names: Vec<String> = (0..16).map(|index| format!("data{index}")).collect();
    let mut symbols: Vec<(&str, u32)> = vec![
        ("first", TEXT + 8),
        ("second", TEXT + 80),
        ("third", DATA + 72),
    ];
    symbols.extend(
        names
            .iter()
            .zip(0..)
            .map(|(name, index)| (name.as_str(), DATA + 4 * index)),
    );
    let program = load(&elf(TEXT, &segments, &symbols)).expect("it loads");
    let nearest = |pc: u32| {
        let code = symbols[..3]
            .iter()
            .rev()
            .find(|(_, address)| *address <= pc);
        code.map(|(name, _)| *name)
    };
    for pc in (TEXT..TEXT + 256).chain(DATA..DATA + 320) {
        let found = program
            .symbols()
            .containing(pc)
            .map(|symbol| symbol.name.as_str());
        assert_eq!(found, nearest(pc), "{pc:#x}");
    }
}

/// The instruction by the table alone, entry by entry.
fn by_table(word: u32) -> Option<Opcode> {
    Opcode::ALL.iter().copied().find(|opcode| {
        let (pattern, mask) = opcode.encoding();
        word & mask == pattern
    })
}

#[test]
fn decoding_agrees_with_the_table_around_every_pattern() {
    for opcode in Opcode::ALL {
        let (pattern, mask) = opcode.encoding();
        for filler in [0, !mask, 0x5555_5555 & !mask, 0xaaaa_aaaa & !mask] {
            let word = pattern | filler;
            assert_eq!(decode(word).map(|found| found.opcode), Some(*opcode));
            for flips in 0..32u32 {
                for second in 0..32u32 {
                    let near = word ^ (1 << flips) ^ (1 << second);
                    assert_eq!(
                        decode(near).map(|found| found.opcode),
                        by_table(near),
                        "{near:#010x}"
                    );
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn decoding_agrees_with_the_table_on_any_word(word: u32) {
        prop_assert_eq!(decode(word).map(|found| found.opcode), by_table(word));
        let likely = word & !0x7f | 0x33;
        prop_assert_eq!(decode(likely).map(|found| found.opcode), by_table(likely));
    }
}
