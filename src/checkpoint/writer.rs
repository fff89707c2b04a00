//! Writing a checkpoint file: appended under a name of its own, published whole.
//!
//! In: checkpoints in order. Out: a complete file under its final name, or nothing under it. While
//! it is written it stands beside that name, with `.partial` behind it, locked. A writer that is killed,
//! cancelled or out of room leaves it there, and [`CheckpointWriter::resume`] goes on with what of it is
//! whole; only where there is nothing to go on with is it removed. Bytes are written, never stored
//! through a map: a full disk is an error and not a signal.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
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
use super::{
    CheckpointSink, CheckpointState, PageContent, RunIdentity, RunSummary, StoreError, WrittenPage,
};
use crate::limits::PAGE_BYTES;

/// What is kept in memory before it goes to the file. Also what a reader maps at once where the
/// system maps whole folios.
const BUFFER_BYTES: usize = 1 << 16;

/// Bytes of pages that are hashed in one piece: enough to fill the hasher's lanes, as one page does not
/// (PERF.md C-1).
const PIECE_BYTES: usize = 1 << 20;

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
    file: Box<dyn StorageFile>,
    buffer: Vec<u8>,
    path: PathBuf,
    /// Bytes that were appended.
    flushed: u64,
    /// What the file may have at most.
    budget_bytes: u64,
    sequence: u64,
    previous_digest: [u8; 32],
    /// The last version of each page that has one in the file.
    stored: HashMap<u32, Stored>,
    state: State,
}

/// A page that has bytes in the file.
#[derive(Clone, Copy)]
pub(super) struct Stored {
    /// Byte at which they lie.
    at: u64,
    /// Sum of its words: pages of which it differs need not be read to be told apart.
    word_sum: u64,
}

impl Stored {
    pub fn new(at: u64, bytes: &[u8; PAGE_BYTES]) -> Self {
        let (words, _) = bytes.as_chunks();
        let words = words.iter().map(|&word| u64::from_le_bytes(word));
        let word_sum = words.fold(0, u64::wrapping_add);
        Self { at, word_sum }
    }
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
            file,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            partial: Some(partial),
            path: path.to_owned(),
            flushed: prefix.bytes(),
            budget_bytes: u64::MAX,
            sequence: prefix.count() as u64,
            previous_digest: prefix.digest(),
            stored: prefix.stored().collect(),
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
            file,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            partial,
            path,
            flushed: 0,
            budget_bytes: u64::MAX,
            sequence: 0,
            previous_digest: header.digest(),
            stored: HashMap::new(),
            state: State::Open,
        };
        writer.put(header.bytes())?;
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

    /// Bytes that were put into the file, or wait for it.
    fn written(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
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

    fn put(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        for piece in bytes.chunks(PIECE_BYTES) {
            self.buffer.extend_from_slice(piece);
            self.flush_whole(PIECE_BYTES)?;
        }
        Ok(())
    }

    /// Appends what the buffer has up to the last multiple of `unit` bytes. What begins and ends at such places is
    /// kept by the system in fewer parts: it is taken, and read again, the faster the larger they are (PERF.md C-1,
    /// C-2).
    fn flush_whole(&mut self, unit: usize) -> Result<(), StoreError> {
        let end = self.written() & !(unit as u64 - 1);
        self.flush(end.saturating_sub(self.flushed) as usize)
    }

    /// Appends the first `bytes` of the buffer.
    fn flush(&mut self, bytes: usize) -> Result<(), StoreError> {
        if bytes == 0 {
            return Ok(());
        }
        let appended = self.file.append(&self.buffer[..bytes]);
        self.buffer.drain(..bytes);
        self.flushed += bytes as u64;
        appended.map_err(StoreError::io(&self.path, "write"))
    }

    /// Zeros to the next aligned byte.
    fn pad(&mut self) -> Result<(), StoreError> {
        const ZEROS: [u8; PAGE_BYTES] = [0; PAGE_BYTES];
        let missing = (align(self.written()) - self.written()) as usize;
        self.put(&ZEROS[..missing])
    }

    /// The finished file, mapped. What this writer has written, and kept locked since, is not hashed
    /// again.
    ///
    /// # Errors
    /// [`StoreError::Io`] where it can't be mapped.
    ///
    /// # Panics
    /// If the run was not finished.
    pub fn into_file(self) -> Result<CheckpointFile, StoreError> {
        assert!(self.state == State::Finished, "a finished run");
        let io = StoreError::io(&self.path, "map");
        let file = self.file.handle().map_err(io)?;
        CheckpointFile::from_own(file, self.path.clone())
    }

    fn append_checkpoint(
        &mut self,
        state: &CheckpointState,
        written: &mut dyn ExactSizeIterator<Item = WrittenPage<'_>>,
    ) -> Result<(), StoreError> {
        let head = self.buffer.len();
        let entries_bytes = written.len() * size_of::<PageEntry>();
        let head_bytes = align((size_of::<Record>() + entries_bytes) as u64);
        // The head says the digest of the pages behind it.
        self.buffer.resize(head + head_bytes as usize, 0);
        let first = self.buffer.len();
        let pages_at = self.written();
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
                    if self.is_stored(page_index, at, bytes)? {
                        KIND_STORED
                    } else {
                        if self.buffer.len() == first + PIECE_BYTES {
                            hasher.update(&self.buffer[first..]);
                            self.buffer.truncate(first);
                        }
                        self.buffer.extend_from_slice(bytes);
                        pages.push(bytes);
                        KIND_BYTES
                    }
                }
            };
            entries.push(PageEntry { page_index, kind });
        }
        hasher.update(&self.buffer[first..]);
        let digest = *hasher.finalize().as_bytes();
        let pages_bytes = pages.len() * PAGE_BYTES;
        self.check_budget(pages_at + pages_bytes as u64, state.cycle)?;
        let record = Record::new(self.sequence, state, &entries, digest, self.previous_digest);
        let (record_bytes, entries_bytes) = self.buffer[head..].split_at_mut(size_of::<Record>());
        record_bytes.copy_from_slice(bytes_of(&record));
        entries_bytes[..size_of_val(&entries[..])].copy_from_slice(cast_slice(&entries));
        if pages_bytes > PIECE_BYTES {
            // Only the last piece is there: all of them once more.
            self.buffer.truncate(first);
            for bytes in pages {
                self.put(bytes)?;
            }
        }
        self.flush_whole(BUFFER_BYTES)?;
        self.sequence += 1;
        self.previous_digest = record.digest;
        if let Some(partial) = &mut self.partial {
            partial.keep |= self.sequence >= RESUMABLE_COUNT;
        }
        Ok(())
    }

    /// Whether page `page_index` was stored last as `bytes`; if not, it will lie at byte `at`, behind all that was
    /// written.
    fn is_stored(
        &mut self,
        page_index: u32,
        at: u64,
        bytes: &[u8; PAGE_BYTES],
    ) -> Result<bool, StoreError> {
        let new = Stored::new(at, bytes);
        let mut known = match self.stored.entry(page_index) {
            Entry::Occupied(known) => known,
            Entry::Vacant(unknown) => {
                unknown.insert(new);
                return Ok(false);
            }
        };
        let Stored { at, word_sum } = *known.get();
        if word_sum == new.word_sum {
            let mut read = [0; PAGE_BYTES];
            let stored = match at.checked_sub(self.flushed) {
                Some(at) => &self.buffer[at as usize..],
                None => {
                    let io = StoreError::io(&self.path, "read");
                    self.file.read(at, &mut read).map_err(io)?;
                    &read[..]
                }
            };
            if stored.starts_with(bytes) {
                return Ok(true);
            }
        }
        known.insert(new);
        Ok(false)
    }

    fn publish(&mut self, summary: &RunSummary) -> Result<(), StoreError> {
        let file_bytes = align(self.written() + size_of::<End>() as u64);
        let end = End::new(summary, self.sequence, file_bytes, self.previous_digest);
        self.put(bytes_of(&end))?;
        self.pad()?;
        self.flush(self.buffer.len())?;
        // From the new name on, the old one is no longer this writer's to remove.
        let io = |doing| StoreError::io(&self.path, doing);
        let Some(mut partial) = self.partial.take() else {
            return self.file.share().map_err(io("lock"));
        };
        self.file.sync().map_err(io("sync"))?;
        let storage = &partial.storage;
        storage
            .publish(&partial.path, &self.path)
            .map_err(io("publish"))?;
        let synced = storage.sync_folder(&self.path);
        partial.keep = true;
        synced.map_err(io("sync the folder of"))?;
        self.file.share().map_err(io("lock"))
    }
}

impl Drop for CheckpointWriter {
    fn drop(&mut self) {
        let kept = self.partial.as_ref().is_some_and(|partial| partial.keep);
        if kept && self.state == State::Open {
            // Without it a run that is gone on with begins a little earlier.
            let _lost = self.flush(self.buffer.len());
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
