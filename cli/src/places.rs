//! Places: what lies at an address, and runs of changed pages named by it.
//!
//! In: page numbers, and the program where it is known. Out: address ranges with a name. Segments and
//! symbols are the program's; without it there are the input and output regions and bare
//! addresses.

use std::ops::Range;

use serde_json::{Value, json};
use tracelane::Program;
use tracelane::limits::{INPUT_BASE, OUTPUT_BASE, PAGE_BYTES, REGION_BYTES};
use tracelane::replay::changes::StoredPage;

/// Adjacent pages in one place, and what changed there.
#[derive(Clone, Debug)]
pub struct ChangedRange {
    /// Page numbers.
    pages: Range<u32>,
    name: String,
    /// Versions of its pages that were stored.
    pub versions: u64,
    /// Changed bytes, where they were counted.
    pub bytes: Option<u64>,
}

impl ChangedRange {
    /// Addresses, end excluded.
    fn addresses(&self) -> Range<u64> {
        let byte = |page: u32| u64::from(page) * PAGE_BYTES as u64;
        byte(self.pages.start)..byte(self.pages.end)
    }

    /// Number of pages.
    pub fn page_count(&self) -> u64 {
        self.pages.len() as u64
    }

    /// For a line of text.
    pub fn text(&self) -> String {
        let Range { start, end } = self.addresses();
        // Names come from the guest: no control character of theirs reaches a terminal.
        format!("{start:#010x}..{end:#010x} {}", self.name.escape_debug())
            .trim_end()
            .to_owned()
    }

    /// For scripts.
    pub fn json(&self) -> Value {
        let Range { start, end } = self.addresses();
        json!({
            "start": start,
            "end": end,
            "place": self.name,
            "pages": self.page_count(),
            "page_versions": self.versions,
            "changed_bytes": self.bytes,
        })
    }
}

/// Pages by ascending index, each with its number of versions and changed bytes, as ranges.
pub fn ranges(
    pages: impl IntoIterator<Item = (u32, u64, Option<u64>)>,
    program: Option<&Program>,
) -> Vec<ChangedRange> {
    let mut ranges: Vec<(ChangedRange, Place)> = Vec::new();
    for (page_index, versions, bytes) in pages {
        let place = Place::of(page_index, program);
        match ranges.last_mut() {
            Some((range, last)) if range.pages.end == page_index && *last == place => {
                range.pages.end += 1;
                range.versions += versions;
                range.bytes = range.bytes.zip(bytes).map(|(sum, bytes)| sum + bytes);
            }
            _ => {
                let range = ChangedRange {
                    pages: page_index..page_index + 1,
                    name: String::new(),
                    versions,
                    bytes,
                };
                ranges.push((range, place));
            }
        }
    }
    let named = ranges.into_iter().map(|(range, place)| ChangedRange {
        name: place.name(&range, program),
        ..range
    });
    named.collect()
}

/// The pages of one checkpoint as ranges.
pub fn ranges_of(pages: &[StoredPage], program: Option<&Program>) -> Vec<ChangedRange> {
    let pages = pages
        .iter()
        .map(|page| (page.page_index, 1, page.changed_bytes.map(u64::from)));
    ranges(pages, program)
}

/// What a page belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Input,
    Output,
    /// The program's segment of this index.
    Segment(usize),
    Elsewhere,
}

impl Place {
    fn of(page_index: u32, program: Option<&Program>) -> Self {
        let start = u64::from(page_index) * PAGE_BYTES as u64;
        let end = start + PAGE_BYTES as u64;
        let region = |base: u32| (u64::from(base)..u64::from(base + REGION_BYTES)).contains(&start);
        if region(INPUT_BASE) {
            return Self::Input;
        }
        if region(OUTPUT_BASE) {
            return Self::Output;
        }
        // Only writable segments change; one that is not may share their page.
        let mut segments = program.map_or(&[][..], Program::segments).iter();
        let holds = segments.position(|segment| {
            segment.writable && u64::from(segment.address) < end && start < segment.end()
        });
        holds.map_or(Self::Elsewhere, Self::Segment)
    }

    fn name(self, range: &ChangedRange, program: Option<&Program>) -> String {
        match (self, program) {
            (Self::Input, _) => "input".to_owned(),
            (Self::Output, _) => "output".to_owned(),
            (Self::Segment(index), Some(program)) => {
                let segment = &program.segments()[index];
                let name = match segment.executable {
                    true => "text segment",
                    false => "data segment",
                };
                let first = range.addresses().start.max(u64::from(segment.address));
                let symbols = program.symbols().as_slice();
                let end = symbols.partition_point(|symbol| u64::from(symbol.address) <= first);
                let nearest = symbols[..end].last();
                let nearest = nearest.filter(|symbol| symbol.address >= segment.address);
                nearest.map_or_else(
                    || name.to_owned(),
                    |symbol| {
                        let offset = first - u64::from(symbol.address);
                        format!("{name}, from {}+{offset:#x}", symbol.name)
                    },
                )
            }
            _ => String::new(),
        }
    }
}
