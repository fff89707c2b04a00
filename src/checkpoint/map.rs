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

use memmap2::Mmap;

/// Bytes that a system maps around the one that was asked for, so that their neighbours are there
/// when they are wanted: at most this many on either side. Linux maps 64 KiB, and from 6.18 on the
/// whole folio, which is as large as the write or the readahead that made it, up to 2 MiB.
pub(super) const AROUND_BYTES: usize = 1 << 21;

/// A file's bytes, mapped read-only.
pub struct FileMap(Mmap);

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
        unsafe { Mmap::map(file) }.map(Self)
    }

    /// Lets go of the memory behind `range`, which was read and will not be soon: what is resident
    /// stays a few pages, however long the file. Reading it again is still right, only slower.
    pub fn release(&self, range: Range<usize>) {
        let start = range.start.saturating_sub(AROUND_BYTES) & !(AROUND_BYTES - 1);
        let end = (range.end + AROUND_BYTES).min(self.0.len());
        // Advice that is refused costs memory and nothing else.
        #[cfg(unix)]
        let _refused = {
            // SAFETY: for a shared mapping of a file that this process never writes to, DontNeed
            // drops page table entries alone; the same bytes are read again at the next access.
            unsafe {
                self.0.unchecked_advise_range(
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
        &self.0
    }
}
