//! Memory as a two-level table of pages, for hosts that refuse a 4 GiB reservation.
//!
//! In and out: see [`GuestMemory`]. Pages once allocated are kept, so that a worker that replays
//! the same range again allocates nothing.

use super::GuestMemory;
use crate::limits::{PAGE_BYTES, PAGE_BYTES_LOG2, PAGE_COUNT};

/// Pages under one entry of the upper table.
const GROUP_PAGES: usize = 1 << 10;

/// A page, aligned so that its words can be read as they lie.
#[derive(Clone)]
#[repr(C, align(64))]
struct Page([u8; PAGE_BYTES]);

type Group = Box<[Option<Box<Page>>]>;

/// Memory allocated page by page.
pub struct PagedMemory {
    groups: Vec<Option<Group>>,
}

impl PagedMemory {
    #[inline(always)]
    fn find(&self, address: u32) -> Option<&Page> {
        let page_index = (address >> PAGE_BYTES_LOG2) as usize;
        self.groups[page_index / GROUP_PAGES].as_ref()?[page_index % GROUP_PAGES].as_deref()
    }

    #[inline(always)]
    fn load<const WIDTH: usize>(&self, address: u32) -> [u8; WIDTH] {
        let offset = address as usize % PAGE_BYTES;
        let mut bytes = [0; WIDTH];
        if let Some(page) = self.find(address) {
            bytes.copy_from_slice(&page.0[offset..offset + WIDTH]);
        }
        bytes
    }

    #[inline(always)]
    fn store<const WIDTH: usize>(&mut self, address: u32, bytes: [u8; WIDTH]) {
        let offset = address as usize % PAGE_BYTES;
        self.entry(address >> PAGE_BYTES_LOG2).0[offset..offset + WIDTH].copy_from_slice(&bytes);
    }

    #[inline(always)]
    fn entry(&mut self, page_index: u32) -> &mut Page {
        let page_index = page_index as usize;
        let group = self.groups[page_index / GROUP_PAGES]
            .get_or_insert_with(|| vec![None; GROUP_PAGES].into_boxed_slice());
        group[page_index % GROUP_PAGES].get_or_insert_with(|| Box::new(Page([0; PAGE_BYTES])))
    }
}

impl GuestMemory for PagedMemory {
    const PAIRS: bool = false;

    fn new() -> std::io::Result<Self> {
        Ok(Self {
            groups: vec![None; PAGE_COUNT / GROUP_PAGES],
        })
    }

    #[inline(always)]
    fn load_u8(&self, address: u32) -> u8 {
        u8::from_le_bytes(self.load(address))
    }

    #[inline(always)]
    fn load_u16(&self, address: u32) -> u16 {
        u16::from_le_bytes(self.load(address))
    }

    #[inline(always)]
    fn load_u32(&self, address: u32) -> u32 {
        u32::from_le_bytes(self.load(address))
    }

    #[inline(always)]
    fn store_u8(&mut self, address: u32, value: u8) {
        self.store(address, value.to_le_bytes());
    }

    #[inline(always)]
    fn store_u16(&mut self, address: u32, value: u16) {
        self.store(address, value.to_le_bytes());
    }

    #[inline(always)]
    fn store_u32(&mut self, address: u32, value: u32) {
        self.store(address, value.to_le_bytes());
    }

    fn back(&mut self, page_index: u32) {
        self.entry(page_index);
    }

    fn page(&self, page_index: u32) -> Option<&[u8; PAGE_BYTES]> {
        self.find(page_index << PAGE_BYTES_LOG2).map(|page| &page.0)
    }

    fn page_mut(&mut self, page_index: u32) -> &mut [u8; PAGE_BYTES] {
        &mut self.entry(page_index).0
    }
}
