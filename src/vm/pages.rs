//! What each page is to a run: backed, dirty, or not to be stored to.
//!
//! In: the program's layout, stores that are a page's first in an interval. Out: leave or a
//! [`TrapKind`], the list of dirty pages, the count of backed ones. It does not hold bytes.

use std::ops::Range;

use super::trap::TrapKind;
use crate::limits::{INPUT_BASE, NULL_END, OUTPUT_BASE, PAGE_BYTES, PAGE_BYTES_LOG2, PAGE_COUNT};
use crate::program::Program;

/// Stores to the page need no further question in this interval: it is backed, dirty and plain.
const READY: u8 = 1;
/// The page counts against the memory limit.
const BACKED: u8 = 2;
/// The page was stored to in this interval.
const DIRTY: u8 = 4;
/// The page has bytes that are not plain memory (read-only ones, or the tohost word).
const SPECIAL: u8 = 8;
/// The page was backed before the machine began again, and still has the bytes of that time.
const STALE: u8 = 16;

/// Per-page state of one machine.
pub struct PageTable {
    flags: Box<[u8; PAGE_COUNT]>,
    /// Pages with [`BACKED`] or [`STALE`], in the order in which they got the former.
    backed: Vec<u32>,
    /// Number of pages with [`STALE`].
    stale_count: usize,
    /// Pages with [`DIRTY`], in the order in which they got it.
    dirty: Vec<u32>,
    /// Address ranges of segments that can't be stored to, and the trap that says so.
    protected: Vec<(Range<u64>, TrapKind)>,
    limit_bytes: u64,
}

impl PageTable {
    /// The table of a machine that will run `program`; nothing is backed yet.
    pub(super) fn new(program: &Program, limit_bytes: u64) -> Self {
        let flags = vec![0; PAGE_COUNT].into_boxed_slice();
        let mut flags: Box<[u8; PAGE_COUNT]> = flags.try_into().expect("one flag per page");
        let mut protected = Vec::new();
        for segment in program
            .segments()
            .iter()
            .filter(|segment| !segment.writable)
        {
            let kind = match segment.executable {
                true => TrapKind::StoreToText,
                false => TrapKind::StoreToReadOnly,
            };
            let range = u64::from(segment.address)..segment.end();
            let first = (range.start >> PAGE_BYTES_LOG2) as usize;
            let end = range.end.div_ceil(PAGE_BYTES as u64) as usize;
            flags[first..end]
                .iter_mut()
                .for_each(|flag| *flag |= SPECIAL);
            protected.push((range, kind));
        }
        if let Some(address) = program.tohost() {
            flags[(address >> PAGE_BYTES_LOG2) as usize] |= SPECIAL;
        }
        // Room for as many pages as the limit lets a guest back, so that a replay never allocates;
        // the host gives memory only for the part that is used.
        let pages = (limit_bytes / PAGE_BYTES as u64).min(PAGE_COUNT as u64) as usize;
        let (backed, dirty) = (Vec::with_capacity(pages), Vec::with_capacity(pages));
        Self {
            flags,
            backed,
            stale_count: 0,
            dirty,
            protected,
            limit_bytes,
        }
    }

    /// Whether a store to `address` needs no further question.
    #[inline(always)]
    pub(super) fn is_ready(&self, address: u32) -> bool {
        self.flags[(address >> PAGE_BYTES_LOG2) as usize] & READY != 0
    }

    /// Asks for a store of `width` bytes at the aligned `address`; grants it and marks its page, or
    /// says why not.
    ///
    /// # Errors
    /// The null page, read-only segments, the input region, the memory limit, in this order.
    #[cold]
    #[inline(never)]
    pub(super) fn prepare(&mut self, address: u32, width: u32) -> Result<Prepared, TrapKind> {
        if address < NULL_END {
            return Err(TrapKind::NullAddress);
        }
        let page_index = address >> PAGE_BYTES_LOG2;
        let flags = self.flags[page_index as usize];
        if flags & SPECIAL != 0 {
            // A read-only segment may start in the middle of the word that is stored.
            let (start, end) = (u64::from(address), u64::from(address) + u64::from(width));
            let hit = |(range, _): &&(Range<u64>, _)| range.start < end && start < range.end;
            if let Some((_, kind)) = self.protected.iter().find(hit) {
                return Err(*kind);
            }
        }
        if (INPUT_BASE..OUTPUT_BASE).contains(&address) {
            return Err(TrapKind::StoreToInput);
        }
        let first = flags & BACKED == 0;
        if first {
            self.back(page_index)?;
        }
        if flags & DIRTY == 0 {
            self.dirty.push(page_index);
        }
        let ready = if flags & SPECIAL == 0 { READY } else { 0 };
        self.flags[page_index as usize] |= DIRTY | ready;
        Ok(Prepared {
            back: first.then_some(page_index),
        })
    }

    /// Counts a page against the memory limit. Returns whether it still has bytes of before the machine began
    /// again.
    ///
    /// # Errors
    /// [`TrapKind::MemoryLimit`] when that would exceed it.
    pub(super) fn back(&mut self, page_index: u32) -> Result<bool, TrapKind> {
        let flags = &mut self.flags[page_index as usize];
        if *flags & BACKED != 0 {
            return Ok(false);
        }
        let count = (self.backed.len() - self.stale_count) as u64;
        if (count + 1) * PAGE_BYTES as u64 > self.limit_bytes {
            return Err(TrapKind::MemoryLimit {
                limit_bytes: self.limit_bytes,
            });
        }
        let stale = *flags & STALE != 0;
        *flags = *flags & !STALE | BACKED;
        match stale {
            true => self.stale_count -= 1,
            false => self.backed.push(page_index),
        }
        Ok(stale)
    }

    /// Whether the memory limit has room for `bytes` bytes from `address` on: as if every page that
    /// they lie on, and that is not backed, were.
    pub(super) fn has_room_for(&self, address: u32, bytes: u32) -> bool {
        let end = u64::from(address) + u64::from(bytes);
        let first = (address >> PAGE_BYTES_LOG2) as usize;
        let pages = &self.flags[first..end.div_ceil(PAGE_BYTES as u64) as usize];
        let more = pages.iter().filter(|&flags| flags & BACKED == 0).count();
        (self.backed.len() + more) as u64 * PAGE_BYTES as u64 <= self.limit_bytes
    }

    /// The pages that count against the memory limit.
    #[must_use]
    pub fn backed(&self) -> &[u32] {
        &self.backed
    }

    /// The pages stored to since the last [`clear_dirty`](PageTable::clear_dirty), in ascending
    /// order.
    pub fn sorted_dirty(&mut self) -> &[u32] {
        self.dirty.sort_unstable();
        &self.dirty
    }

    /// Number of pages stored to since the last [`clear_dirty`](PageTable::clear_dirty).
    #[must_use]
    pub fn dirty_count(&self) -> usize {
        self.dirty.len()
    }

    /// Begins a new interval: no page is dirty.
    pub fn clear_dirty(&mut self) {
        for &page_index in &self.dirty {
            self.flags[page_index as usize] &= !(DIRTY | READY);
        }
        self.dirty.clear();
    }

    /// Forgets which pages are backed and dirty. Those that were backed are stale until they are backed
    /// again, or [cleared](PageTable::clear_stale).
    pub(super) fn begin_again(&mut self) {
        self.clear_dirty();
        for &page_index in &self.backed {
            let flags = &mut self.flags[page_index as usize];
            *flags = *flags & !BACKED | STALE;
        }
        self.stale_count = self.backed.len();
    }

    /// Ends what [`begin_again`](PageTable::begin_again) began: no page is stale. Those that are have to
    /// become zero.
    pub(super) fn clear_stale(&mut self, mut zero: impl FnMut(u32)) {
        if std::mem::take(&mut self.stale_count) == 0 {
            return;
        }
        let flags = &mut self.flags;
        self.backed.retain(|&page_index| {
            let flags = &mut flags[page_index as usize];
            let stale = *flags & STALE != 0;
            if stale {
                *flags &= !STALE;
                zero(page_index);
            }
            !stale
        });
    }
}

/// A granted store.
pub(super) struct Prepared {
    /// The page that the memory has to back first.
    pub back: Option<u32>,
}
