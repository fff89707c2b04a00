//! Symbols: names for addresses, for messages and profiles.
//!
//! In: names with addresses. Out: lookups by name and by address. Names are the file's bytes: whoever
//! prints one escapes it. Nothing here influences a run, but for the address of `tohost`, which ends it.

/// A named address.
#[derive(Clone, Debug)]
pub struct Symbol {
    /// The name, cut to 1024 bytes.
    pub name: String,
    /// Its address.
    pub address: u32,
    /// Bytes it covers, 0 where unknown.
    pub bytes: u32,
    /// Whether it can name code: a function or a label in an executable segment.
    pub code: bool,
}

/// The symbols of a program, sorted by address.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    sorted: Vec<Symbol>,
    /// For each symbol, one more than the index of the nearest one that names code, itself included
    /// and behind it none; 0 where there is none.
    code: Vec<u32>,
}

impl Symbols {
    pub(super) fn new(mut sorted: Vec<Symbol>) -> Self {
        sorted.sort_by(|a, b| (a.address, &a.name).cmp(&(b.address, &b.name)));
        let mut last = 0;
        let code = sorted.iter().enumerate().map(|(index, symbol)| {
            if symbol.code {
                last = index as u32 + 1;
            }
            last
        });
        let code = code.collect();
        Self { sorted, code }
    }

    /// The address of the symbol called `name`.
    #[must_use]
    pub fn address_of(&self, name: &str) -> Option<u32> {
        self.sorted
            .iter()
            .find(|symbol| symbol.name == name)
            .map(|symbol| symbol.address)
    }

    /// The nearest code symbol at or before `pc`.
    #[must_use]
    pub fn containing(&self, pc: u32) -> Option<&Symbol> {
        Some(&self.sorted[self.index_containing(pc)?])
    }

    /// The index of [`containing`](Symbols::containing) in [`as_slice`](Symbols::as_slice).
    #[must_use]
    pub fn index_containing(&self, pc: u32) -> Option<usize> {
        let end = self.sorted.partition_point(|symbol| symbol.address <= pc);
        (*self.code.get(end.checked_sub(1)?)? as usize).checked_sub(1)
    }

    /// All symbols, by ascending address.
    #[must_use]
    pub fn as_slice(&self) -> &[Symbol] {
        &self.sorted
    }
}
