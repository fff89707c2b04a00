//! Guest memory: bytes by 32-bit address, in two interchangeable forms.
//!
//! In: aligned addresses. Out: little-endian values, zero where nothing was stored. What may be
//! accessed is decided by [`pages`](super::pages); this floor only holds bytes.

use std::fmt;

use crate::limits::PAGE_BYTES;

mod paged;
mod reserved;

pub use paged::PagedMemory;
pub use reserved::ReservedMemory;

/// Which form of memory a machine uses. Results never depend on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MemoryKind {
    /// [`Reserved`](MemoryKind::Reserved) where the host allows it, else
    /// [`Paged`](MemoryKind::Paged).
    #[default]
    Automatic,
    /// One lazily backed 4 GiB reservation: no bounds check, no lookup.
    Reserved,
    /// Pages allocated as they are stored to: works under an address-space limit.
    Paged,
}

impl fmt::Display for MemoryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Automatic => "automatic",
            Self::Reserved => "reserved",
            Self::Paged => "paged",
        })
    }
}

/// Guest memory. Addresses given to `load_*` and `store_*` are multiples of the access's width.
pub trait GuestMemory: Send + Sized {
    /// Whether an access is so cheap that [dispatching in pairs](crate::vm::Recorder::PAIRS) is worth
    /// its code.
    const PAIRS: bool;
    /// An empty memory: every byte zero.
    ///
    /// # Errors
    /// When the host refuses the address space.
    fn new() -> std::io::Result<Self>;
    /// The byte at `address`.
    fn load_u8(&self, address: u32) -> u8;
    /// The half word at `address`, a multiple of 2.
    fn load_u16(&self, address: u32) -> u16;
    /// The word at `address`, a multiple of 4.
    fn load_u32(&self, address: u32) -> u32;
    /// Sets the byte at `address`. The page must have been backed.
    fn store_u8(&mut self, address: u32, value: u8);
    /// Sets the half word at `address`, a multiple of 2. The page must have been backed.
    fn store_u16(&mut self, address: u32, value: u16);
    /// Sets the word at `address`, a multiple of 4. The page must have been backed.
    fn store_u32(&mut self, address: u32, value: u32);
    /// Makes page `page_index` writable; its bytes keep their values.
    fn back(&mut self, page_index: u32);
    /// The bytes of page `page_index`, or `None` where it was never backed.
    fn page(&self, page_index: u32) -> Option<&[u8; PAGE_BYTES]>;
    /// The bytes of page `page_index`, backed if need be.
    fn page_mut(&mut self, page_index: u32) -> &mut [u8; PAGE_BYTES];
    /// Has `fill` write all of `count` pages from page `first` on, backed if need be: whatever lies together,
    /// with the number of bytes before it.
    fn fill_pages(&mut self, first: u32, count: usize, fill: &mut dyn FnMut(usize, &mut [u8])) {
        for n in 0..count {
            fill(n * PAGE_BYTES, self.page_mut(first + n as u32));
        }
    }
}
