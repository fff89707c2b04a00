//! Writing a checkpoint file: appended under a name of its own, published whole.
//!
//! In: checkpoints in order. Out: a complete file under its final name, or nothing under it. While
//! it is written it stands beside that name, with `.partial` behind it, locked. A writer that is killed,
//! cancelled or out of room leaves it there, and [`CheckpointWriter::resume`] goes on with what of it is
//! whole; only where there is nothing to go on with is it removed. Bytes are written, never stored
//! through a map: a full disk is an error and not a signal.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use bytemuck::{bytes_of, cast_slice};
use tempfile::NamedTempFile;

use super::file::CheckpointFile;
use super::layout::{
    ALIGN_BYTES, End, Header, KIND_BYTES, KIND_IMAGE, KIND_STORED, KIND_ZERO, MAGIC, PageEntry,
    Record, align,
};
use super::prefix::Prefix;
use super::storage::{Disk, DiskFile, Storage, StorageFile};
use super::stored::StoredPages;
use super::tail::{LARGE_PIECE_BYTES, Tail};
use super::{
    CheckpointSink, CheckpointState, PageContent, RunIdentity, RunSummary, StoreError, WrittenPage,
};
use crate::limits::PAGE_BYTES;

/// Bytes of pages that are hashed in one piece: they fill the hasher's lanes, as one page does not (PERF.md
/// C-1a), and wait in memory once.
const HASHED_BYTES: usize = LARGE_PIECE_BYTES;

/// Checkpoints from which [`CheckpointWriter::resume`] can go on: the last one is never gone on from.
const RESUMABLE_COUNT: u64 = 2;

/// Whether a writer takes more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// It does.
    Open,
    /// An operation failed, and what is in the file behind the last whole checkpoint is not known.
    Failed,
    /// The file is complete.
    Finished,
}

/// A checkpoint file being written.
pub struct CheckpointWriter {
    /// Where it stands until it is published; none for a scratch file. Dropped before the file, which
    /// holds the lock.
    partial: Option<Partial>,
    tail: Tail,
    path: PathBuf,
    /// What the file may have at most.
    budget_bytes: u64,
    sequence: u64,
    previous_digest: [u8; 32],
    stored: StoredPages,
    state: State,
}

/// A name that goes with its owner, unless what stands there is worth something.
struct Partial {
    path: PathBuf,
    storage: Box<dyn Storage>,
    keep: bool,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.keep {
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
    /// What an interrupted writer left of one is written over.
    ///
    /// # Errors
    /// [`StoreError`] where the folder can't be written, another process writes the same file, or
    /// something else stands under the name of the partial one.
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

    /// The same for a file that is not the work of a whole run: what an interrupted writer left is not
    /// written over.
    ///
    /// # Errors
    /// As there; [`StoreError::Left`].
    pub fn create_new(
        path: &Path,
        identity: &RunIdentity,
        input: &[u8],
    ) -> Result<Self, StoreError> {
        let (file, partial) = open_partial(Box::new(Disk), path)?;
        if partial.keep {
            return Err(StoreError::Left {
                path: partial.path.clone(),
            });
        }
        Self::begin(file, Some(partial), path.to_owned(), identity, input)
    }

    /// Goes on with what an interrupted writer left of the file that will stand at `path`: the writer, and
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
        let (mut file, partial) = open_partial(storage, path)?;
        let handle = file.handle().map_err(StoreError::io(path, "open"))?;
        let Some(prefix) = Prefix::read(&handle, &partial.path, identity)? else {
            let writer = Self::begin(file, Some(partial), path.to_owned(), identity, input)?;
            return Ok((writer, None));
        };
        file.cut(prefix.bytes())
            .map_err(StoreError::io(path, "cut"))?;
        let writer = Self {
            tail: Tail::new(file, prefix.bytes()),
            partial: Some(partial),
            path: path.to_owned(),
            budget_bytes: u64::MAX,
            sequence: prefix.count() as u64,
            previous_digest: prefix.digest(),
            stored: prefix.stored(),
            state: State::Open,
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
        Self::begin(
            Box::new(DiskFile::new(file, 0)),
            None,
            path,
            identity,
            input,
        )
    }

    fn begin(
        mut file: Box<dyn StorageFile>,
        mut partial: Option<Partial>,
        path: PathBuf,
        identity: &RunIdentity,
        input: &[u8],
    ) -> Result<Self, StoreError> {
        file.cut(0).map_err(StoreError::io(&path, "cut"))?;
        // What was there is gone, and what comes is worth something with its first checkpoints.
        if let Some(partial) = &mut partial {
            partial.keep = false;
        }
        let header = Header::new(identity, input.len() as u64);
        let mut writer = Self {
            tail: Tail::new(file, 0),
            partial,
            path,
            budget_bytes: u64::MAX,
            sequence: 0,
            previous_digest: header.digest(),
            stored: StoredPages::default(),
            state: State::Open,
        };
        let tail = &mut writer.tail;
        tail.hold(header.bytes());
        tail.hold_zeros(0);
        let put = tail.put(input);
        tail.hold_zeros(0);
        put.map_err(StoreError::io(&writer.path, "write"))?;
        Ok(writer)
    }

    /// The same, and a file that would grow beyond `bytes` ends in [`StoreError::Budget`].
    #[must_use]
    pub fn within(mut self, bytes: u64) -> Self {
        self.budget_bytes = bytes;
        self
    }

    /// An error if a file of `bytes` bytes and an end record goes beyond its budget.
    fn check_budget(&self, bytes: u64, cycle: u64) -> Result<(), StoreError> {
        let bytes = align(bytes) + ALIGN_BYTES;
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

    /// Runs `operation`; after one that fails nothing more is taken.
    fn guarded<R>(
        &mut self,
        operation: impl FnOnce(&mut Self) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        if self.state != State::Open {
            return Err(StoreError::Closed {
                path: self.path.clone(),
            });
        }
        self.state = State::Failed;
        let result = operation(self)?;
        self.state = State::Open;
        Ok(result)
    }

    /// The finished file, mapped. What this writer has written, and kept locked since, is not hashed
    /// again.
    ///
    /// # Errors
    /// [`StoreError::Io`] where it can't be mapped.
    ///
    /// # Panics
    /// If the run was not finished.
    pub fn into_file(mut self) -> Result<CheckpointFile, StoreError> {
        assert!(self.state == State::Finished, "a finished run");
        let io = StoreError::io(&self.path, "map");
        let file = self.tail.file().handle().map_err(io)?;
        CheckpointFile::from_own(file, self.path.clone())
    }

    fn append_checkpoint(
        &mut self,
        state: &CheckpointState,
        written: &mut dyn ExactSizeIterator<Item = WrittenPage<'_>>,
    ) -> Result<(), StoreError> {
        let io = |doing| StoreError::io(&self.path, doing);
        let head_at = self.tail.bytes();
        // The head says the digest of the pages behind it, and comes when that is known.
        let entries_bytes = written.len() * size_of::<PageEntry>();
        self.tail.hold_zeros(size_of::<Record>() + entries_bytes);
        let pages_at = self.tail.bytes();
        let mut hasher = blake3::Hasher::new();
        let mut pages = Vec::with_capacity(written.len());
        let mut entries = Vec::with_capacity(written.len());
        for WrittenPage {
            page_index,
            content,
        } in written
        {
            let kind = match content {
                PageContent::Image => KIND_IMAGE,
                PageContent::Zero => KIND_ZERO,
                PageContent::Bytes(bytes) => {
                    let at = pages_at + (pages.len() * PAGE_BYTES) as u64;
                    let (stored, tail) = (&mut self.stored, &mut self.tail);
                    let is_stored = stored.is_stored(page_index, bytes, at, tail);
                    if is_stored.map_err(io("read"))? {
                        KIND_STORED
                    } else {
                        if self.tail.waiting(pages_at).len() == HASHED_BYTES {
                            hasher.update(self.tail.waiting(pages_at));
                            self.tail.take_back(pages_at);
                        }
                        self.tail.hold(bytes);
                        pages.push(bytes);
                        KIND_BYTES
                    }
                }
            };
            entries.push(PageEntry { page_index, kind });
        }
        hasher.update(self.tail.waiting(pages_at));
        let digest = *hasher.finalize().as_bytes();
        let pages_bytes = pages.len() * PAGE_BYTES;
        self.check_budget(pages_at + pages_bytes as u64, state.cycle)?;
        let record = Record::new(self.sequence, state, &entries, digest, self.previous_digest);
        let head = self.tail.waiting_mut(head_at);
        let (record_bytes, entries_bytes) = head.split_at_mut(size_of::<Record>());
        record_bytes.copy_from_slice(bytes_of(&record));
        entries_bytes[..size_of_val(&entries[..])].copy_from_slice(cast_slice(&entries));
        if pages_bytes > HASHED_BYTES {
            // Only the last of them are there.
            self.tail.take_back(pages_at);
            for bytes in pages {
                self.tail.put(bytes).map_err(io("write"))?;
            }
        }
        self.tail.append_whole().map_err(io("write"))?;
        self.sequence += 1;
        self.previous_digest = record.digest;
        if let Some(partial) = &mut self.partial {
            partial.keep |= self.sequence >= RESUMABLE_COUNT;
        }
        Ok(())
    }

    fn publish(&mut self, summary: &RunSummary) -> Result<(), StoreError> {
        let io = |doing| StoreError::io(&self.path, doing);
        let file_bytes = align(self.tail.bytes() + size_of::<End>() as u64);
        let end = End::new(summary, self.sequence, file_bytes, self.previous_digest);
        self.tail.hold(bytes_of(&end));
        self.tail.hold_zeros(0);
        self.tail.append_all().map_err(io("write"))?;
        let file = self.tail.file();
        // From the new name on, the old one is no longer this writer's to remove.
        let Some(mut partial) = self.partial.take() else {
            return file.share().map_err(io("lock"));
        };
        file.sync().map_err(io("sync"))?;
        let storage = &partial.storage;
        storage
            .publish(&partial.path, &self.path)
            .map_err(io("publish"))?;
        let synced = storage.sync_folder(&self.path);
        partial.keep = true;
        synced.map_err(io("sync the folder of"))?;
        file.share().map_err(io("lock"))
    }
}

impl Drop for CheckpointWriter {
    fn drop(&mut self) {
        let kept = self.partial.as_ref().is_some_and(|partial| partial.keep);
        if kept && self.state == State::Open {
            // Without it a run that is gone on with begins a little earlier.
            let _lost = self.tail.append_all();
        }
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
    // What was there stays until it is known to be worth nothing.
    let mut partial = Partial {
        path: partial,
        storage,
        keep: true,
    };
    let handle = file.handle().map_err(StoreError::io(path, "open"))?;
    match begins_as_ours(handle).map_err(StoreError::io(path, "read"))? {
        Some(true) => Ok((file, partial)),
        Some(false) => Err(StoreError::Magic {
            path: partial.path.clone(),
        }),
        None => {
            partial.keep = false;
            Ok((file, partial))
        }
    }
}

/// Whether a partial file is one, or what a crash may have left of one: zeros. None if it is empty.
fn begins_as_ours(mut file: File) -> std::io::Result<Option<bool>> {
    let mut start = Vec::with_capacity(MAGIC.len());
    file.rewind()?;
    file.take(MAGIC.len() as u64).read_to_end(&mut start)?;
    let ours = MAGIC.starts_with(&start) || start.iter().all(|&byte| byte == 0);
    Ok((!start.is_empty()).then_some(ours))
}

impl CheckpointSink for CheckpointWriter {
    fn append(
        &mut self,
        state: &CheckpointState,
        written: &mut dyn ExactSizeIterator<Item = WrittenPage<'_>>,
    ) -> Result<(), StoreError> {
        let appended = self.guarded(|writer| writer.append_checkpoint(state, written));
        if let Err(StoreError::Budget { .. }) = appended {
            // It would be too large again.
            self.discard();
        }
        appended
    }

    fn finish(&mut self, summary: &RunSummary) -> Result<(), StoreError> {
        self.guarded(|writer| writer.publish(summary))?;
        self.state = State::Finished;
        Ok(())
    }

    fn discard(&mut self) {
        if self.state == State::Finished {
            return;
        }
        self.state = State::Failed;
        if let Some(partial) = &mut self.partial {
            partial.keep = false;
        }
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
