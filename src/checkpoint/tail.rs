//! The end of a file that grows: bytes wait in memory until they fill pieces that the system takes fast.
//!
//! In: bytes, one behind the other. Out: appends to a [`StorageFile`], and what was put in before, whether
//! it waits or not. It does not know what the bytes mean, nor the file's name.

use std::io;

use super::layout::align;
use super::storage::StorageFile;
use crate::limits::PAGE_BYTES;

/// Bytes of a piece. Also what a reader maps at once where the system maps whole folios.
const PIECE_BYTES: usize = 1 << 16;

/// Bytes of a piece where many come together: the fewer the pieces, the faster they are read again (PERF.md C-2a).
pub(super) const LARGE_PIECE_BYTES: usize = 1 << 20;

/// A file's end.
pub(super) struct Tail {
    file: Box<dyn StorageFile>,
    /// What waits.
    buffer: Vec<u8>,
    /// Bytes before that, which were appended.
    appended: u64,
}

impl Tail {
    /// The end of `file`, which has `bytes` bytes.
    pub fn new(file: Box<dyn StorageFile>, bytes: u64) -> Self {
        Self {
            file,
            buffer: Vec::with_capacity(PIECE_BYTES),
            appended: bytes,
        }
    }

    /// The file; what waits is not in it yet.
    pub fn file(&mut self) -> &mut dyn StorageFile {
        self.file.as_mut()
    }

    /// Bytes of the file, those that wait included.
    pub fn bytes(&self) -> u64 {
        self.appended + self.buffer.len() as u64
    }

    /// Bytes that wait from byte `from` on, which has not been appended.
    pub fn waiting(&self, from: u64) -> &[u8] {
        &self.buffer[(from - self.appended) as usize..]
    }

    /// The same, to be changed.
    pub fn waiting_mut(&mut self, from: u64) -> &mut [u8] {
        &mut self.buffer[(from - self.appended) as usize..]
    }

    /// Takes back what waits from byte `from` on.
    pub fn take_back(&mut self, from: u64) {
        self.buffer.truncate((from - self.appended) as usize);
    }

    /// Adds `bytes`, which wait whatever happens.
    pub fn hold(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Adds `count` zeros and those up to the next aligned byte, which wait too.
    pub fn hold_zeros(&mut self, count: usize) {
        let end = align(self.bytes() + count as u64);
        self.buffer.resize((end - self.appended) as usize, 0);
    }

    /// Adds `bytes`, of which large pieces are appended.
    ///
    /// # Errors
    /// What the file says.
    pub fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(LARGE_PIECE_BYTES) {
            self.hold(piece);
            self.append_pieces(LARGE_PIECE_BYTES)?;
        }
        Ok(())
    }

    /// Appends all whole pieces that wait.
    ///
    /// # Errors
    /// What the file says.
    pub fn append_whole(&mut self) -> io::Result<()> {
        self.append_pieces(PIECE_BYTES)
    }

    /// Appends all that waits.
    ///
    /// # Errors
    /// What the file says.
    pub fn append_all(&mut self) -> io::Result<()> {
        self.append(self.buffer.len())
    }

    /// Appends up to the last multiple of `piece_bytes` in the file: what begins and ends at such places the system
    /// keeps in fewer parts.
    fn append_pieces(&mut self, piece_bytes: usize) -> io::Result<()> {
        let end = self.bytes() & !(piece_bytes as u64 - 1);
        self.append(end.saturating_sub(self.appended) as usize)
    }

    fn append(&mut self, bytes: usize) -> io::Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        let appended = self.file.append(&self.buffer[..bytes]);
        self.buffer.drain(..bytes);
        self.appended += bytes as u64;
        appended
    }

    /// Whether the page at byte `at` is `bytes`.
    ///
    /// # Errors
    /// What the file says.
    pub fn is_page(&mut self, at: u64, bytes: &[u8; PAGE_BYTES]) -> io::Result<bool> {
        if at >= self.appended {
            return Ok(self.waiting(at).starts_with(bytes));
        }
        let mut page = [0; PAGE_BYTES];
        self.file.read(at, &mut page)?;
        Ok(page == *bytes)
    }
}
