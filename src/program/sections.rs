//! Sections: where an ELF file keeps its symbols.
//!
//! In: the bytes of a file whose header is sound, its segments. Out: symbols, as many as can be read
//! within a bound. Best effort: a table that is damaged or cut gives fewer symbols, never an error.

use std::str;

use elf::abi;
use elf::endian::AnyEndian;
use elf::file::FileHeader;
use elf::parse::{ParseAt, ParsingTable};
use elf::section::SectionHeader;
use elf::symbol::Symbol as Entry;

use super::elf::Segment;
use super::symbols::{Symbol, Symbols};
use crate::limits::{
    SYMBOL_NAME_BYTES_MAX, SYMBOL_NAMES_BYTES_MAX, SYMBOLS_KEPT_MAX, SYMBOLS_READ_MAX,
};

/// The name of the symbol that ends runs, as it stands in a file.
const TOHOST_BYTES: &[u8] = b"tohost\0";

/// Bytes of an ELF32 section header.
const SECTION_HEADER_BYTES: usize = 40;

/// The symbols of the first symbol table.
pub(super) fn symbols(
    bytes: &[u8],
    header: &FileHeader<AnyEndian>,
    segments: &[Segment],
) -> Symbols {
    let Some((entries, names)) = tables(bytes, header) else {
        return Symbols::default();
    };
    let is_code = |address: u32| {
        let holds = |segment: &Segment| {
            segment.executable && segment.address <= address && u64::from(address) < segment.end()
        };
        segments.iter().any(holds)
    };
    let mut kept = Vec::new();
    let mut name_bytes = 0;
    let mut ends_runs = false;
    for entry in entries.iter().take(SYMBOLS_READ_MAX) {
        let kind = entry.st_symtype();
        let names_a_place = matches!(kind, abi::STT_FUNC | abi::STT_NOTYPE | abi::STT_OBJECT);
        if !names_a_place || entry.st_shndx == abi::SHN_UNDEF {
            continue;
        }
        let rest = names.get(entry.st_name as usize..).unwrap_or_default();
        // Mapping symbols ($x, $d) and local labels (.L) say nothing to a reader.
        if matches!(rest.first(), None | Some(0 | b'$' | b'.')) {
            continue;
        }
        // The one symbol that means something to a run is found however many stand before it.
        let first_tohost = !ends_runs && rest.starts_with(TOHOST_BYTES);
        ends_runs |= first_tohost;
        let full = kept.len() >= SYMBOLS_KEPT_MAX || name_bytes >= SYMBOL_NAMES_BYTES_MAX;
        if full && !first_tohost {
            continue;
        }
        let (name, looked_at) = name_at(rest);
        name_bytes += looked_at;
        let Some(name) = name else {
            continue;
        };
        let address = entry.st_value as u32;
        let code = kind != abi::STT_OBJECT && is_code(address);
        kept.push(Symbol {
            name: name.to_owned(),
            address,
            bytes: entry.st_size as u32,
            code,
        });
    }
    Symbols::new(kept)
}

type Entries<'a> = ParsingTable<'a, AnyEndian, Entry>;

/// The symbol table and the strings its names are in, as far as the file has them.
fn tables<'a>(bytes: &'a [u8], header: &FileHeader<AnyEndian>) -> Option<(Entries<'a>, &'a [u8])> {
    let (endian, class) = (header.endianness, header.class);
    if usize::from(header.e_shentsize) != SECTION_HEADER_BYTES || header.e_shoff == 0 {
        return None;
    }
    let count = usize::from(header.e_shnum);
    let headers = clipped(bytes, header.e_shoff, (count * SECTION_HEADER_BYTES) as u64);
    let sections = ParsingTable::<_, SectionHeader>::new(endian, class, headers);
    let data = |section: &SectionHeader| clipped(bytes, section.sh_offset, section.sh_size);
    let table = sections
        .iter()
        .find(|section| section.sh_type == abi::SHT_SYMTAB)?;
    let names = sections.get(table.sh_link as usize).ok()?;
    if names.sh_type != abi::SHT_STRTAB {
        return None;
    }
    let entries = data(&table);
    // Whole entries only.
    let whole = entries.len() - entries.len() % Entry::size_for(class);
    let entries = ParsingTable::new(endian, class, &entries[..whole]);
    Some((entries, data(&names)))
}

/// The part of `bytes` from `start` that is `length` long, or ends with the file.
fn clipped(bytes: &[u8], start: u64, length: u64) -> &[u8] {
    let file = bytes.len() as u64;
    let start = start.min(file);
    let end = start.saturating_add(length).min(file);
    &bytes[start as usize..end as usize]
}

/// The name that `names` begins with, cut to [`SYMBOL_NAME_BYTES_MAX`], and how many bytes were looked
/// at. No name where it is no text or does not end.
fn name_at(names: &[u8]) -> (Option<&str>, usize) {
    let head = &names[..names.len().min(SYMBOL_NAME_BYTES_MAX + 1)];
    if let Some(end) = head.iter().position(|&byte| byte == 0) {
        return (str::from_utf8(&head[..end]).ok(), end + 1);
    }
    let name = head.get(..SYMBOL_NAME_BYTES_MAX).and_then(|cut| {
        match str::from_utf8(cut) {
            Ok(name) => Some(name),
            // A character that is cut in two, and nothing else wrong.
            Err(error) if error.error_len().is_none() => {
                str::from_utf8(&cut[..error.valid_up_to()]).ok()
            }
            Err(_) => None,
        }
    });
    (name, head.len())
}
