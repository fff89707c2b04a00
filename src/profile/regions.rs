//! Regions: parts of a run that the guest marks by lines of its text.
//!
//! In: text on its way to a sink, with the cycle of each write. Out: the text, unchanged, and cycles
//! by region. A line `cycle-tracker-start: NAME` opens a region and `cycle-tracker-end: NAME` closes
//! it, as users of SP1 write them; regions nest, and a region counts what lies in it.

use super::clock::Clock;
use crate::vm::TextSink;

/// Longest line that is looked at; longer ones are text.
const LINE_BYTES_MAX: usize = 512;

/// Most regions of different names; a guest that marks more gets no more.
const REGION_COUNT_MAX: usize = 1 << 16;

const START: &str = "cycle-tracker-start:";
const END: &str = "cycle-tracker-end:";

/// One name's share of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Region {
    /// The name.
    pub name: String,
    /// Cycles between start and end, over all times.
    pub cycles: u64,
    /// How often it was entered.
    pub count: u64,
}

/// All regions of a run, in the order of their first start.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Regions {
    /// The regions.
    pub list: Vec<Region>,
    /// Starts without an end, which count up to where the run stopped, and ends without a start,
    /// which count nothing.
    pub unmatched: u64,
}

/// Reads the marks in a guest's text and passes it on.
pub(super) struct RegionSink<'a> {
    text: &'a mut dyn TextSink,
    clock: Clock,
    /// The line begun on standard output; cleared and ignored once it is too long.
    line: Vec<u8>,
    too_long: bool,
    /// Index of each open region and the cycle at which it was opened.
    open: Vec<(usize, u64)>,
    regions: Regions,
}

impl<'a> RegionSink<'a> {
    pub(super) fn new(text: &'a mut dyn TextSink, clock: Clock) -> Self {
        Self {
            text,
            clock,
            line: Vec::new(),
            too_long: false,
            open: Vec::new(),
            regions: Regions::default(),
        }
    }

    pub(super) fn finish(mut self, cycles: u64) -> Regions {
        while let Some((index, since)) = self.open.pop() {
            self.regions.unmatched += 1;
            self.regions.list[index].cycles += cycles - since;
        }
        self.regions
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if let Ok(line) = std::str::from_utf8(&line)
            && !std::mem::take(&mut self.too_long)
        {
            let line = line.trim();
            if let Some(name) = line.strip_prefix(START) {
                self.start(name.trim());
            } else if let Some(name) = line.strip_prefix(END) {
                self.end(name.trim());
            }
        }
        self.line = line;
        self.line.clear();
    }

    fn start(&mut self, name: &str) {
        let list = &mut self.regions.list;
        let index = match list.iter().position(|region| region.name == name) {
            Some(index) => index,
            None if list.len() == REGION_COUNT_MAX => return,
            None => {
                let name = name.to_owned();
                let (cycles, count) = (0, 0);
                list.push(Region {
                    name,
                    cycles,
                    count,
                });
                list.len() - 1
            }
        };
        list[index].count += 1;
        self.open.push((index, self.clock.at_call()));
    }

    /// Closes the innermost open region of that name.
    fn end(&mut self, name: &str) {
        let list = &mut self.regions.list;
        let found = self
            .open
            .iter()
            .rposition(|(index, _)| list[*index].name == name);
        match found {
            Some(place) => {
                let (index, since) = self.open.remove(place);
                list[index].cycles += self.clock.at_call() - since;
            }
            None => self.regions.unmatched += 1,
        }
    }
}

impl TextSink for RegionSink<'_> {
    fn write_text(&mut self, descriptor: u32, bytes: &[u8]) {
        self.text.write_text(descriptor, bytes);
        if descriptor != 1 {
            return;
        }
        for &byte in bytes {
            if byte == b'\n' {
                self.end_line();
            } else if self.line.len() < LINE_BYTES_MAX {
                self.line.push(byte);
            } else {
                self.too_long = true;
            }
        }
    }
}
