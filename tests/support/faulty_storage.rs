//! A storage that fails when it is told to, and remembers what it was asked.
//!
//! In: which operation fails, how, and how much of a failing write still arrives. Out: real files,
//! and the list of writes, from which tests make what a crash could have left. Syncs are only
//! counted: a test's files need not outlive the machine.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex};

use tracelane::checkpoint::{Disk, Storage, StorageFile};

/// One write: where it began, and its bytes.
pub type Write = (u64, Vec<u8>);

/// What all handles share.
#[derive(Default)]
pub struct Log {
    /// Operations asked for until now.
    pub operations: usize,
    /// The operation that fails, and all behind it.
    pub failing: Option<(usize, ErrorKind)>,
    pub writes: Vec<Write>,
}

/// See the file's head.
#[derive(Clone, Default)]
pub struct FaultyStorage(pub Arc<Mutex<Log>>);

impl FaultyStorage {
    /// Fails operation `index` and all behind it.
    pub fn failing(index: usize, kind: ErrorKind) -> Self {
        let storage = Self::default();
        storage.0.lock().expect("a log").failing = Some((index, kind));
        storage
    }

    pub fn operations(&self) -> usize {
        self.0.lock().expect("a log").operations
    }

    pub fn writes(&self) -> Vec<Write> {
        self.0.lock().expect("a log").writes.clone()
    }

    fn operation(&self) -> io::Result<()> {
        let mut log = self.0.lock().expect("a log");
        let index = log.operations;
        log.operations += 1;
        match log.failing {
            Some((first, kind)) if index >= first => Err(kind.into()),
            _ => Ok(()),
        }
    }
}

impl Storage for FaultyStorage {
    fn open(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        self.operation()?;
        let (file, storage) = (Disk.open(path)?, self.clone());
        Ok(Box::new(FaultyFile {
            file,
            storage,
            at: 0,
        }))
    }

    fn publish(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.operation()?;
        Disk.publish(from, to)
    }

    fn sync_folder(&self, _path: &Path) -> io::Result<()> {
        self.operation()
    }

    // Not counted: a process can always be too dead to tidy up, which the crash images show.
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
        self.storage.operation()?;
        self.at = bytes;
        self.file.cut(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.storage.operation() {
            // A full disk takes what still fits.
            self.file.append(&bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        let write = (self.at, bytes.to_vec());
        self.storage.0.lock().expect("a log").writes.push(write);
        self.at += bytes.len() as u64;
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.storage.operation()
    }

    fn handle(&self) -> io::Result<File> {
        self.storage.operation()?;
        self.file.handle()
    }
}
