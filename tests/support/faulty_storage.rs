//! A storage that fails when it is told to, and remembers what it was asked.
//!
//! In: which operation fails, how, and whether what was not synced is lost when a file gets its name.
//! Out: real files, the list of operations and the list of writes, from which tests make what a crash
//! could have left.

#![allow(dead_code, reason = "each test takes the part it needs")]

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use tracelane::checkpoint::{Disk, Storage, StorageFile};

/// One write: where it began, and its bytes.
pub type Write = (u64, Vec<u8>);

/// What a storage can be asked to do. Removing is not counted: a process can always be too dead to
/// tidy up, which the crash images show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    Open,
    Handle,
    Cut,
    Append,
    Read,
    Sync,
    Publish,
    SyncFolder,
    Share,
}

/// What all handles share.
#[derive(Default)]
pub struct Log {
    /// Operations asked for until now.
    pub operations: Vec<Operation>,
    /// The first operation that fails, how, and whether all behind it do too.
    failing: Option<(usize, ErrorKind, bool)>,
    pub writes: Vec<Write>,
    /// Whether a crash follows the publishing, which only synced bytes survive.
    lose_unsynced: bool,
    synced_bytes: u64,
}

/// See the file's head.
#[derive(Clone, Default)]
pub struct FaultyStorage(Arc<Mutex<Log>>);

impl FaultyStorage {
    /// Fails operation `index` and all behind it.
    pub fn failing(index: usize, kind: ErrorKind) -> Self {
        let storage = Self::default();
        storage.log().failing = Some((index, kind, true));
        storage
    }

    /// Fails operation `index` and no other.
    pub fn failing_once(index: usize, kind: ErrorKind) -> Self {
        let storage = Self::default();
        storage.log().failing = Some((index, kind, false));
        storage
    }

    /// Loses what was not synced by the time a file gets its name.
    pub fn losing_unsynced() -> Self {
        let storage = Self::default();
        storage.log().lose_unsynced = true;
        storage
    }

    pub fn operations(&self) -> Vec<Operation> {
        self.log().operations.clone()
    }

    pub fn writes(&self) -> Vec<Write> {
        self.log().writes.clone()
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().expect("a log")
    }

    fn operation(&self, operation: Operation) -> io::Result<()> {
        let mut log = self.log();
        let index = log.operations.len();
        log.operations.push(operation);
        match log.failing {
            Some((first, kind, all)) if index == first || all && index > first => Err(kind.into()),
            _ => Ok(()),
        }
    }
}

impl Storage for FaultyStorage {
    fn open(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        self.operation(Operation::Open)?;
        let (file, storage) = (Disk.open(path)?, self.clone());
        Ok(Box::new(FaultyFile {
            file,
            storage,
            at: 0,
        }))
    }

    fn publish(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.operation(Operation::Publish)?;
        let log = self.log();
        if log.lose_unsynced {
            let file = OpenOptions::new().write(true).open(from)?;
            file.set_len(log.synced_bytes)?;
        }
        Disk.publish(from, to)
    }

    // A test's folder need not outlive the machine.
    fn sync_folder(&self, _path: &Path) -> io::Result<()> {
        self.operation(Operation::SyncFolder)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Disk.remove(path)
    }
}

struct FaultyFile {
    file: Box<dyn StorageFile>,
    storage: FaultyStorage,
    at: u64,
}

impl StorageFile for FaultyFile {
    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.storage.operation(Operation::Cut)?;
        self.at = bytes;
        self.file.cut(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.storage.operation(Operation::Append) {
            // A full disk takes what still fits.
            self.file.append(&bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        self.storage.log().writes.push((self.at, bytes.to_vec()));
        self.at += bytes.len() as u64;
        self.file.append(bytes)
    }

    fn read(&mut self, offset: u64, to: &mut [u8]) -> io::Result<()> {
        self.storage.operation(Operation::Read)?;
        self.file.read(offset, to)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.storage.operation(Operation::Sync)?;
        self.storage.log().synced_bytes = self.at;
        Ok(())
    }

    fn share(&mut self) -> io::Result<()> {
        self.storage.operation(Operation::Share)?;
        self.file.share()
    }

    fn handle(&self) -> io::Result<File> {
        self.storage.operation(Operation::Handle)?;
        self.file.handle()
    }
}
