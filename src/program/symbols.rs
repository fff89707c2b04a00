//! Symbols: names for addresses, for messages and profiles.
//!
//! In: names with addresses. Out: lookups by name and by address. Nothing here influences a run,
//! but for the address of `tohost`, which ends it.

/// Longest part of a name that is kept, so that a hostile table can't multiply one long string.
const NAME_BYTES_MAX: usize = 256;

/// A named address.
#[derive(Clone, Debug)]
pub struct Symbol {
    /// The name, cut to 256 bytes.
    pub name: String,
    /// Its address.
    pub address: u32,
    /// Bytes it covers, 0 where unknown.
    pub bytes: u32,
    /// Whether it can name code (a function or a label).
    pub code: bool,
}

impl Symbol {
    pub(super) fn new(name: &str, address: u32, bytes: u32, code: bool) -> Self {
        let mut end = name.len().min(NAME_BYTES_MAX);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            name: name[..end].to_owned(),
            address,
            bytes,
            code,
        }
    }
}

/// The symbols of a program, sorted by address.
#[derive(Clone, Debug, Default)]
pub struct Symbols(Vec<Symbol>);

impl Symbols {
    pub(super) fn new(symbols: impl Iterator<Item = Symbol>) -> Self {
        // Mapping symbols ($x, $d) and local labels (.L) say nothing to a reader.
        let mut sorted: Vec<Symbol> = symbols
            .filter(|symbol| !symbol.name.is_empty() && !symbol.name.starts_with(['$', '.']))
            .collect();
        sorted.sort_by(|a, b| (a.address, &a.name).cmp(&(b.address, &b.name)));
        Self(sorted)
    }

    /// The address of the symbol called `name`.
    #[must_use]
    pub fn address_of(&self, name: &str) -> Option<u32> {
        self.0
            .iter()
            .find(|symbol| symbol.name == name)
            .map(|symbol| symbol.address)
    }

    /// The nearest code symbol at or before `pc`.
    #[must_use]
    pub fn containing(&self, pc: u32) -> Option<&Symbol> {
        let end = self.0.partition_point(|symbol| symbol.address <= pc);
        self.0[..end].iter().rev().find(|symbol| symbol.code)
    }

    /// All symbols, by ascending address.
    #[must_use]
    pub fn as_slice(&self) -> &[Symbol] {
        &self.0
    }
}
