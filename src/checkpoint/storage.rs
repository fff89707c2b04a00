//! Storage: the few things a writer asks of a filesystem, so that tests can fail, drop or reorder
//! any of them.
//!
//! In: paths and bytes. Out: files that are locked, appended to, made durable and given their
//! names. It does not know what the bytes mean.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::Path;

/// Files under names.
pub trait Storage: Send + Sync {
    /// Opens the file at `path` to be written by this caller alone, created if need be; what it
    /// holds stays.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::WouldBlock`] while another writer has it.
    fn open(&self, path: &Path) -> io::Result<Box<dyn StorageFile>>;

    /// Gives the file at `from` the name `to`, in one step; what was there is gone.
    ///
    /// # Errors
    /// What the system says.
    fn publish(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in the folder of `path` durable.
    ///
    /// # Errors
    /// What the system says.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Removes the file at `path`.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// A file being written by this caller alone.
pub trait StorageFile: Send {
    /// Cuts the file to `bytes`; what is appended next stands behind them.
    ///
    /// # Errors
    /// What the system says.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;

    /// Puts `bytes` at the end.
    ///
    /// # Errors
    /// What the system says; any part of `bytes` may have been written then.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Fills `to` with what was appended at byte `offset`.
    ///
    /// # Errors
    /// What the system says.
    fn read(&mut self, offset: u64, to: &mut [u8]) -> io::Result<()>;

    /// Makes all that was appended durable.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&mut self) -> io::Result<()>;

    /// Lets readers in: the file takes no more, and others may lock it for reading as this one does now.
    ///
    /// # Errors
    /// What the system says.
    fn share(&mut self) -> io::Result<()>;

    /// Another handle of the file, to be read or mapped. Reading moves the place where this one
    /// appends; [`cut`](StorageFile::cut) sets it again.
    ///
    /// # Errors
    /// What the system says.
    fn handle(&self) -> io::Result<File>;
}

/// The filesystem.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

impl Storage for Disk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        loop {
            let file = options.open(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Whoever had the lock may have renamed or removed the file between the two steps.
            if is_at(&file, path)? {
                let bytes = file.metadata()?.len();
                return Ok(Box::new(DiskFile::new(file, bytes)));
            }
        }
    }

    fn publish(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
            _ => File::open(".")?.sync_all(),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }
}

/// Whether `path` still names `file`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let held = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(named) => Ok((held.dev(), held.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
}

/// Bytes behind which room is reserved ahead of what is written, and the most that is at a time.
const RESERVED_BYTES: std::ops::Range<u64> = 1 << 20..1 << 26;

/// A file of the filesystem; closing it lets go of its lock.
pub(super) struct DiskFile {
    file: File,
    /// Bytes written.
    at: u64,
    /// Bytes that have room on the disk. What is written into room that is there takes the system a
    /// quarter less (PERF.md C-1c).
    reserved: u64,
}

impl DiskFile {
    /// `file`, to which is appended behind its first `at` bytes.
    pub fn new(file: File, at: u64) -> Self {
        let reserved = at;
        Self { file, at, reserved }
    }

    /// Asks for room for `bytes` more; a system that has none says so when it is written to.
    fn reserve(&mut self, bytes: u64) {
        let end = self.at + bytes;
        if end <= self.reserved.max(RESERVED_BYTES.start) {
            return;
        }
        let more = (self.at / 2).clamp(RESERVED_BYTES.start, RESERVED_BYTES.end);
        self.reserved = match preallocate(&self.file, self.at, bytes + more) {
            Ok(()) => end + more,
            Err(_) => u64::MAX,
        };
    }

    /// Gives back the room that is not used.
    fn trim(&mut self) -> io::Result<()> {
        if self.reserved > self.at {
            self.reserved = self.at;
            self.file.set_len(self.at)?;
        }
        Ok(())
    }
}

impl Drop for DiskFile {
    fn drop(&mut self) {
        // Who goes on with the file gives it back too.
        let _kept = self.trim();
    }
}

/// Reserves room without making the file longer.
#[cfg(target_os = "linux")]
fn preallocate(file: &File, at: u64, bytes: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    Ok(fallocate(file, FallocateFlags::KEEP_SIZE, at, bytes)?)
}

#[cfg(not(target_os = "linux"))]
fn preallocate(_file: &File, _at: u64, _bytes: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

impl StorageFile for DiskFile {
    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        use std::io::Seek;
        self.file.set_len(bytes)?;
        (self.at, self.reserved) = (bytes, bytes);
        self.file.seek(io::SeekFrom::Start(bytes)).map(drop)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reserve(bytes.len() as u64);
        self.file.write_all(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn read(&mut self, offset: u64, to: &mut [u8]) -> io::Result<()> {
        read_at(&self.file, offset, to)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn share(&mut self) -> io::Result<()> {
        self.trim()?;
        // Taking another lock on top of one is not defined everywhere. Nobody writes to a file under
        // its final name, so that nobody takes it in between.
        self.file.unlock()?;
        self.file.lock_shared()
    }

    fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

/// Fills `to` with the bytes of `file` at `offset`; where it reads or appends next stays.
#[cfg(unix)]
pub(super) fn read_at(file: &File, offset: u64, to: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, to, offset)
}

#[cfg(windows)]
pub(super) fn read_at(mut file: &File, mut offset: u64, mut to: &mut [u8]) -> io::Result<()> {
    use std::io::Seek;
    use std::os::windows::fs::FileExt;
    // A read at a place moves the file's own place there.
    let place = file.stream_position()?;
    while !to.is_empty() {
        match file.seek_read(to, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                offset += count as u64;
                to = &mut to[count..];
            }
        }
    }
    file.seek(io::SeekFrom::Start(place)).map(drop)
}
