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

use memmap2::Mmap;

/// Maps `file` read-only.
///
/// The caller holds a lock on the file, or the only handle of an unlinked one: whoever overwrites
/// or truncates a published checkpoint file all the same takes this process down with SIGBUS or
/// changes pages after they were verified, which the boundary check of the replay then reports.
pub fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the bytes are only ever read as plain old data (u8, u32, u64 arrays), for which every
    // value is valid. That they do not change is ensured against our own processes by the lock
    // that every writer takes (and writers never write to a published file: they write another one
    // and rename it), and against others by the documented trust model.
    unsafe { Mmap::map(file) }
}
