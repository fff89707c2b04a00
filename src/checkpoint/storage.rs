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
                return Ok(Box::new(DiskFile(file)));
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

/// A file of the filesystem; closing it lets go of its lock.
pub(super) struct DiskFile(pub File);

impl StorageFile for DiskFile {
    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        use std::io::Seek;
        self.0.set_len(bytes)?;
        self.0.seek(io::SeekFrom::Start(bytes)).map(drop)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn share(&mut self) -> io::Result<()> {
        // Taking another lock on top of one is not defined everywhere. Nobody writes to a file under
        // its final name, so that nobody takes it in between.
        self.0.unlock()?;
        self.0.lock_shared()
    }

    fn handle(&self) -> io::Result<File> {
        self.0.try_clone()
    }
}
