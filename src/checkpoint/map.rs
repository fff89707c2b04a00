//! The one place where a file becomes memory.
//!
//! In: an open file. Out: its bytes. One of the files that may hold `unsafe` (ARCHITECTURE.md,
//! unsafe budget).
#![expect(
    unsafe_code,
    reason = "mapping a file is a promise about other processes"
)]

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use memmap2::Mmap;

/// Bytes that a system maps around the one that was asked for, so that their neighbours are there
/// when they are wanted: at most this many on either side. Linux maps 64 KiB, and from 6.18 on the
/// whole folio, which is as large as the write or the readahead that made it, up to 2 MiB.
pub(super) const AROUND_BYTES: usize = 1 << 21;

/// Bytes that are read before they are let go of: doing so, and what it takes to map the next ones, then costs
/// little beside reading them.
const PASSED_BYTES: usize = 1 << 17;

/// A file's bytes, mapped read-only.
pub struct FileMap {
    map: Mmap,
    /// Where what was [passed](FileMap::pass) since the last time begins and ends, and how much it is.
    first: AtomicUsize,
    end: AtomicUsize,
    bytes: AtomicUsize,
}

impl FileMap {
    /// Maps `file`.
    ///
    /// The caller holds a lock on the file, or the only handle of an unlinked one: whoever
    /// overwrites or truncates a published checkpoint file all the same takes this process down
    /// with SIGBUS or changes pages after they were verified, which the boundary check of the
    /// replay then reports.
    pub fn new(file: &File) -> io::Result<Self> {
        // SAFETY: the bytes are only ever read as plain old data (u8, u32, u64 arrays), for which
        // every value is valid. That they do not change is ensured against our own processes by the
        // lock that every writer takes (writers never write to a published file: they write another
        // one and rename it; one that resumes holds the lock itself and changes only what lies
        // behind the part it reads), and against others by the documented trust model.
        let map = unsafe { Mmap::map(file) }?;
        Ok(Self {
            map,
            first: AtomicUsize::new(usize::MAX),
            end: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
        })
    }

    /// `range` was read and will not be soon: lets go of it once there is enough of such.
    pub fn pass(&self, range: Range<usize>) {
        self.first.fetch_min(range.start, Relaxed);
        self.end.fetch_max(range.end, Relaxed);
        if self.bytes.fetch_add(range.len(), Relaxed) + range.len() >= PASSED_BYTES {
            self.bytes.store(0, Relaxed);
            // Of two threads that come here at once the second may find nothing left.
            let passed = self.first.swap(usize::MAX, Relaxed)..self.end.swap(0, Relaxed);
            if !passed.is_empty() {
                self.release(passed);
            }
        }
    }

    /// Lets go of the memory behind `range`, which was read and will not be soon: what is resident
    /// stays a few pages, however long the file. Reading it again is still right, only slower.
    pub fn release(&self, range: Range<usize>) {
        let start = range.start.saturating_sub(AROUND_BYTES) & !(AROUND_BYTES - 1);
        let end = (range.end + AROUND_BYTES).min(self.map.len());
        // Advice that is refused costs memory and nothing else.
        #[cfg(unix)]
        let _refused = {
            // SAFETY: for a shared mapping of a file that this process never writes to, DontNeed
            // drops page table entries alone; the same bytes are read again at the next access.
            unsafe {
                self.map.unchecked_advise_range(
                    memmap2::UncheckedAdvice::DontNeed,
                    start,
                    end.saturating_sub(start),
                )
            }
        };
        #[cfg(not(unix))]
        let _unused = (start, end);
    }
}

impl Deref for FileMap {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}
