//! Writing a checkpoint file: appended under a name of its own, published whole.
//!
//! In: checkpoints in order. Out: a complete file under its final name, or nothing under it. While
//! it is written it stands beside that name, with `.partial` behind it, locked; a process that is
//! killed leaves it there, and [`CheckpointWriter::resume`] goes on with what of it is whole. Bytes
//! are written, never stored through a map: a full disk is an error and not a signal.

use std::path::{Path, PathBuf};

use bytemuck::{Zeroable, bytes_of, cast_slice};
use tempfile::NamedTempFile;

use super::file::CheckpointFile;
use super::layout::{ALIGN_BYTES, End, Header, PageEntry, Record, align};
use super::prefix::Prefix;
use super::storage::{Disk, DiskFile, Storage, StorageFile};
use super::{CheckpointSink, CheckpointState, RunIdentity, RunSummary, StoreError, WrittenPage};
use crate::limits::PAGE_BYTES;

/// What is kept in memory before it goes to the file. Also what a reader maps at once where the
/// system maps whole folios.
const BUFFER_BYTES: usize = 1 << 16;

/// A checkpoint file being written.
pub struct CheckpointWriter {
    /// Where it stands until it is published; none for a scratch file, and once it is. Dropped
    /// before the file, which holds the lock.
    partial: Option<Partial>,
    file: Box<dyn StorageFile>,
    buffer: Vec<u8>,
    path: PathBuf,
    written: u64,
    /// What the file may have at most.
    budget_bytes: u64,
    sequence: u64,
    previous_digest: [u8; 32],
    finished: bool,
}

/// A name that goes with its owner, unless the file was published.
struct Partial {
    path: PathBuf,
    storage: Box<dyn Storage>,
    published: bool,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.published {
            // Left behind it would only be begun again by the next writer.
            let _left = self.storage.remove(&self.path);
        }
    }
}

/// The name under which the file that will stand at `path` is written.
#[must_use]
pub fn partial_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

impl CheckpointWriter {
    /// Begins the file that will stand at `path`, for a run of what `identity` says on `input`.
    /// What a killed writer left of one is written over.
    ///
    /// # Errors
    /// [`StoreError`] where the folder can't be written or another process writes the same file.
    pub fn create(path: &Path, identity: &RunIdentity, input: &[u8]) -> Result<Self, StoreError> {
        Self::create_in(Box::new(Disk), path, identity, input)
    }

    /// [`create`](CheckpointWriter::create) in a storage of the caller's.
    ///
    /// # Errors
    /// As there.
    pub fn create_in(
        storage: Box<dyn Storage>,
        path: &Path,
        identity: &RunIdentity,
        input: &[u8],
    ) -> Result<Self, StoreError> {
        let (file, partial) = open_partial(storage, path)?;
        Self::begin(file, Some(partial), path.to_owned(), identity, input)
    }

    /// Goes on with what a killed writer left of the file that will stand at `path`: the writer, and
    /// the checkpoints that are there, from the last of which
    /// [`resume_pass`](crate::replay::resume_pass) continues. None where too little was
    /// left: the run then begins at its start.
    ///
    /// # Errors
    /// [`StoreError`] as for [`create`](CheckpointWriter::create), and where what was left is of
    /// another run.
    pub fn resume(
        path: &Path,
        identity: &RunIdentity,
        input: &[u8],
    ) -> Result<(Self, Option<Prefix>), StoreError> {
        Self::resume_in(Box::new(Disk), path, identity, input)
    }

    /// [`resume`](CheckpointWriter::resume) in a storage of the caller's.
    ///
    /// # Errors
    /// As there.
    pub fn resume_in(
        storage: Box<dyn Storage>,
        path: &Path,
        identity: &RunIdentity,
        input: &[u8],
    ) -> Result<(Self, Option<Prefix>), StoreError> {
        let (mut file, mut partial) = open_partial(storage, path)?;
        // Until it is known to be ours and useless, what was left stays.
        partial.published = true;
        let handle = file.handle().map_err(StoreError::io(path, "open"))?;
        let prefix = Prefix::read(&handle, &partial.path, identity)?;
        partial.published = false;
        let Some(prefix) = prefix else {
            let writer = Self::begin(file, Some(partial), path.to_owned(), identity, input)?;
            return Ok((writer, None));
        };
        file.cut(prefix.bytes())
            .map_err(StoreError::io(path, "cut"))?;
        let writer = Self {
            file,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            partial: Some(partial),
            path: path.to_owned(),
            written: prefix.bytes(),
            budget_bytes: u64::MAX,
            sequence: prefix.count() as u64,
            previous_digest: prefix.digest(),
            finished: false,
        };
        Ok((writer, Some(prefix)))
    }

    /// Begins a scratch file, which has no name and goes with the process.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the system's temporary folder can't be written.
    pub fn scratch(identity: &RunIdentity, input: &[u8]) -> Result<Self, StoreError> {
        let path = std::env::temp_dir();
        let file = tempfile::tempfile().map_err(StoreError::io(&path, "create a scratch"))?;
        Self::begin(Box::new(DiskFile(file)), None, path, identity, input)
    }

    fn begin(
        mut file: Box<dyn StorageFile>,
        partial: Option<Partial>,
        path: PathBuf,
        identity: &RunIdentity,
        input: &[u8],
    ) -> Result<Self, StoreError> {
        file.cut(0).map_err(StoreError::io(&path, "cut"))?;
        let header = Header::new(identity, input.len() as u64);
        let mut writer = Self {
            file,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            partial,
            path,
            written: 0,
            budget_bytes: u64::MAX,
            sequence: 0,
            previous_digest: header.digest,
            finished: false,
        };
        writer.put(bytes_of(&header))?;
        writer.pad()?;
        writer.put(input)?;
        writer.pad()?;
        Ok(writer)
    }

    /// The same, and a file that would grow beyond `bytes` ends in [`StoreError::Budget`].
    #[must_use]
    pub fn within(mut self, bytes: u64) -> Self {
        self.budget_bytes = bytes;
        self
    }

    /// An error if the file, with `more` bytes and an end record, goes beyond its budget.
    fn check_budget(&self, more: u64, cycle: u64) -> Result<(), StoreError> {
        let bytes = align(self.written + more) + ALIGN_BYTES;
        if bytes <= self.budget_bytes {
            return Ok(());
        }
        Err(StoreError::Budget {
            path: self.path.clone(),
            actual: bytes,
            expected: self.budget_bytes,
            cycle,
        })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.written += bytes.len() as u64;
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = BUFFER_BYTES - self.buffer.len();
            let (piece, tail) = rest.split_at(rest.len().min(room));
            self.buffer.extend_from_slice(piece);
            rest = tail;
            if self.buffer.len() == BUFFER_BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let appended = self.file.append(&self.buffer);
        self.buffer.clear();
        appended.map_err(StoreError::io(&self.path, "write"))
    }

    /// Zeros to the next aligned byte.
    fn pad(&mut self) -> Result<(), StoreError> {
        const ZEROS: [u8; PAGE_BYTES] = [0; PAGE_BYTES];
        let missing = (align(self.written) - self.written) as usize;
        self.put(&ZEROS[..missing])
    }

    /// The finished file, mapped. What this process has just written is not verified again.
    ///
    /// # Errors
    /// [`StoreError::Io`] where it can't be mapped.
    ///
    /// # Panics
    /// If the run was not finished.
    pub fn into_file(self) -> Result<CheckpointFile, StoreError> {
        assert!(self.finished, "a finished run");
        let io = StoreError::io(&self.path, "map");
        let file = self.file.handle().map_err(io)?;
        CheckpointFile::from_own(file, self.path)
    }
}

/// Opens the partial file of `path` for this writer alone.
fn open_partial(
    storage: Box<dyn Storage>,
    path: &Path,
) -> Result<(Box<dyn StorageFile>, Partial), StoreError> {
    let partial = partial_path(path);
    let file = storage.open(&partial).map_err(|error| {
        if error.kind() == std::io::ErrorKind::WouldBlock {
            StoreError::Locked {
                path: path.to_owned(),
            }
        } else {
            StoreError::io(path, "create")(error)
        }
    })?;
    let partial = Partial {
        path: partial,
        storage,
        published: false,
    };
    Ok((file, partial))
}

impl CheckpointSink for CheckpointWriter {
    fn append(
        &mut self,
        state: &CheckpointState,
        written: &mut dyn ExactSizeIterator<Item = WrittenPage<'_>>,
    ) -> Result<(), StoreError> {
        let mut pages: Vec<&[u8; PAGE_BYTES]> = Vec::with_capacity(written.len());
        let mut entries = vec![PageEntry::zeroed(); written.len()];
        for (entry, page) in entries.iter_mut().zip(written) {
            *entry = PageEntry {
                page_index: page.page_index,
                absent: u32::from(page.bytes.is_none()),
                digest: page.digest,
            };
            pages.extend(page.bytes);
        }
        let record = Record::new(self.sequence, state, &entries, self.previous_digest);
        let head_bytes = size_of::<Record>() + size_of_val(&entries[..]);
        let bytes = align(head_bytes as u64) + (pages.len() * PAGE_BYTES) as u64;
        self.check_budget(bytes, state.cycle)?;
        self.put(bytes_of(&record))?;
        self.put(cast_slice(&entries))?;
        self.pad()?;
        for bytes in pages {
            self.put(bytes)?;
        }
        self.sequence += 1;
        self.previous_digest = record.digest;
        Ok(())
    }

    fn finish(&mut self, summary: &RunSummary) -> Result<(), StoreError> {
        let file_bytes = align(self.written + size_of::<End>() as u64);
        let end = End::new(summary, self.sequence, file_bytes, self.previous_digest);
        self.put(bytes_of(&end))?;
        self.pad()?;
        self.flush()?;
        if let Some(mut partial) = self.partial.take() {
            let io = |doing| StoreError::io(&self.path, doing);
            self.file.sync().map_err(io("sync"))?;
            let storage = &partial.storage;
            storage
                .publish(&partial.path, &self.path)
                .map_err(io("publish"))?;
            let synced = storage.sync_folder(&self.path);
            partial.published = true;
            synced.map_err(io("sync the folder of"))?;
        }
        self.finished = true;
        Ok(())
    }
}

/// A file under a temporary name in `folder`, to be renamed when it is complete; readable for whom
/// the process's umask lets read, as files are that are created under their own names.
///
/// # Errors
/// What the system says.
pub fn temporary_file(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}
