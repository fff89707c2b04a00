//! Regions: parts of a run that the guest marks by lines of its text.
//!
//! In: text on its way to a sink, with the cycle of each write. Out: the text, unchanged, and cycles
//! by region. A line `cycle-tracker-start: NAME` opens a region and `cycle-tracker-end: NAME` closes
//! it, as users of SP1 write them. Regions of different names may overlap in any way. One in itself is
//! open from its outermost start to its outermost end, so that no cycle counts twice.
//!
//! A mark costs the same however many there are, and what is kept is bounded: a guest may write any.

use std::collections::HashMap;

use super::clock::Clock;
use crate::vm::TextSink;

/// Longest line that is looked at; longer ones are text.
const LINE_BYTES_MAX: usize = 512;

/// Most regions of different names. A guest that starts more gets no more, and their marks count as
/// unmatched.
const REGION_COUNT_MAX: usize = 1 << 14;

const START: &str = "cycle-tracker-start:";
const END: &str = "cycle-tracker-end:";

/// One name's share of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Region {
    /// The name.
    pub name: String,
    /// Cycles while it was open, over all times.
    pub cycles: u64,
    /// How often it was started.
    pub count: u64,
    /// How many regions of other names were open at its first start.
    pub depth: u64,
}

/// All regions of a run, in the order of their first start.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Regions {
    /// The regions.
    pub list: Vec<Region>,
    /// Starts without an end, which count up to where the run stopped, ends without a start, which
    /// count nothing, and marks of more names than are kept.
    pub unmatched: u64,
}

/// Starts of one region that have no end yet.
#[derive(Clone, Copy, Default)]
struct Open {
    starts: u64,
    /// Cycle of the outermost one.
    since: u64,
}

/// Reads the marks in a guest's text and passes it on.
pub(super) struct RegionSink<'a> {
    text: &'a mut dyn TextSink,
    clock: Clock,
    /// The line begun on standard output; ignored once it is too long.
    line: Vec<u8>,
    too_long: bool,
    index_of: HashMap<String, usize>,
    /// By region.
    open: Vec<Open>,
    /// Regions that are open.
    open_count: u64,
    regions: Regions,
}

impl<'a> RegionSink<'a> {
    pub(super) fn new(text: &'a mut dyn TextSink, clock: Clock) -> Self {
        Self {
            text,
            clock,
            line: Vec::new(),
            too_long: false,
            index_of: HashMap::new(),
            open: Vec::new(),
            open_count: 0,
            regions: Regions::default(),
        }
    }

    pub(super) fn finish(mut self, cycles: u64) -> Regions {
        for (region, open) in self.regions.list.iter_mut().zip(&self.open) {
            self.regions.unmatched += open.starts;
            if open.starts > 0 {
                region.cycles += cycles - open.since;
            }
        }
        self.regions
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let too_long = std::mem::take(&mut self.too_long);
        if let (Ok(line), false) = (std::str::from_utf8(&line), too_long) {
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
        let index = match self.index_of.get(name) {
            Some(&index) => index,
            None if self.open.len() == REGION_COUNT_MAX => {
                self.regions.unmatched += 1;
                return;
            }
            None => {
                let index = self.open.len();
                self.index_of.insert(name.to_owned(), index);
                self.open.push(Open::default());
                self.regions.list.push(Region {
                    name: name.to_owned(),
                    cycles: 0,
                    count: 0,
                    depth: self.open_count,
                });
                index
            }
        };
        let open = &mut self.open[index];
        if open.starts == 0 {
            open.since = self.clock.at_call();
            self.open_count += 1;
        }
        open.starts += 1;
        self.regions.list[index].count += 1;
    }

    fn end(&mut self, name: &str) {
        let index = self.index_of.get(name).copied();
        let Some(index) = index.filter(|&index| self.open[index].starts > 0) else {
            self.regions.unmatched += 1;
            return;
        };
        let open = &mut self.open[index];
        open.starts -= 1;
        if open.starts == 0 {
            self.regions.list[index].cycles += self.clock.at_call() - open.since;
            self.open_count -= 1;
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
