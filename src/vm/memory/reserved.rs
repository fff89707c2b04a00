//! Memory as one 4 GiB reservation, backed by the host as it is touched.
//!
//! In and out: see [`GuestMemory`]. Every u32 is a valid offset, so no access needs a check.
//! One of the files that may hold `unsafe` (ARCHITECTURE.md, unsafe budget).
#![expect(
    unsafe_code,
    reason = "a reservation of the whole address space makes checks redundant"
)]

use std::ops::Range;

use memmap2::{MmapMut, MmapOptions};

use super::GuestMemory;
use crate::limits::{PAGE_BYTES, PAGE_BYTES_LOG2, PAGE_COUNT};

/// Bytes of the guest's address space.
const SPACE_BYTES: usize = PAGE_COUNT * PAGE_BYTES;

/// Bytes of a huge page, of the smallest kind. With others the advice is worth less.
const HUGE_BYTES: usize = 1 << 21;

/// Memory as one private anonymous mapping of `SPACE_BYTES` bytes.
pub struct ReservedMemory {
    map: MmapMut,
}

impl ReservedMemory {
    /// Reads `T` at an offset that is a multiple of its size.
    #[inline(always)]
    fn read<T: bytemuck::Pod>(&self, address: u32) -> T {
        debug_assert_eq!(address as usize % size_of::<T>(), 0);
        // SAFETY: the map has 2^32 bytes and a page-aligned base (`new` asserts both), `address` is
        // below 2^32 and a multiple of the power-of-two size of `T`, so all of `T` lies inside and
        // aligned; `T: Pod` takes any bytes. Benefit: PERF.md M-6j.
        unsafe {
            self.map
                .as_ptr()
                .add(address as usize)
                .cast::<T>()
                .read_unaligned()
        }
    }

    /// Writes `T` at an offset that is a multiple of its size.
    #[inline(always)]
    fn write<T: bytemuck::Pod>(&mut self, address: u32, value: T) {
        debug_assert_eq!(address as usize % size_of::<T>(), 0);
        // SAFETY: as for `read`; `&mut self` makes the access exclusive.
        unsafe {
            self.map
                .as_mut_ptr()
                .add(address as usize)
                .cast::<T>()
                .write_unaligned(value)
        }
    }

    /// Asks for huge pages where all of one lies in `range`, all of which is about to be written: what is
    /// resident stays the same, and comes with far fewer faults.
    fn advise_huge(&self, range: Range<usize>) {
        let base = self.map.as_ptr() as usize;
        let start = (base + range.start).next_multiple_of(HUGE_BYTES) - base;
        let end = ((base + range.end) / HUGE_BYTES * HUGE_BYTES).saturating_sub(base);
        #[cfg(target_os = "linux")]
        if start < end {
            // Where there are none, pages are small.
            let _refused = self
                .map
                .advise_range(memmap2::Advice::HugePage, start, end - start);
        }
        #[cfg(not(target_os = "linux"))]
        let _unused = (start, end);
    }
}

impl GuestMemory for ReservedMemory {
    const PAIRS: bool = true;

    fn new() -> std::io::Result<Self> {
        let map = MmapOptions::new()
            .len(SPACE_BYTES)
            .no_reserve_swap()
            .map_anon()?;
        assert_eq!(
            map.len(),
            SPACE_BYTES,
            "the reservation is the whole address space"
        );
        assert_eq!(
            map.as_ptr() as usize % PAGE_BYTES,
            0,
            "mappings start on a page"
        );
        Ok(Self { map })
    }

    #[inline(always)]
    fn load_u8(&self, address: u32) -> u8 {
        self.read(address)
    }

    #[inline(always)]
    fn load_u16(&self, address: u32) -> u16 {
        self.read(address)
    }

    #[inline(always)]
    fn load_u32(&self, address: u32) -> u32 {
        self.read(address)
    }

    #[inline(always)]
    fn store_u8(&mut self, address: u32, value: u8) {
        self.write(address, value);
    }

    #[inline(always)]
    fn store_u16(&mut self, address: u32, value: u16) {
        self.write(address, value);
    }

    #[inline(always)]
    fn store_u32(&mut self, address: u32, value: u32) {
        self.write(address, value);
    }

    fn back(&mut self, _page_index: u32) {}

    fn page(&self, page_index: u32) -> Option<&[u8; PAGE_BYTES]> {
        let start = (page_index as usize) << PAGE_BYTES_LOG2;
        self.map[start..start + PAGE_BYTES].try_into().ok()
    }

    fn page_mut(&mut self, page_index: u32) -> &mut [u8; PAGE_BYTES] {
        let start = (page_index as usize) << PAGE_BYTES_LOG2;
        let page = &mut self.map[start..start + PAGE_BYTES];
        page.try_into().expect("a slice of one page")
    }

    fn fill_pages(&mut self, first: u32, count: usize, fill: &mut dyn FnMut(usize, &mut [u8])) {
        let start = (first as usize) << PAGE_BYTES_LOG2;
        let range = start..start + count * PAGE_BYTES;
        self.advise_huge(range.clone());
        fill(0, &mut self.map[range]);
    }
}
