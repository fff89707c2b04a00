//! Writing a checkpoint file: appended under a temporary name, published whole.
//!
//! In: checkpoints in order. Out: a complete file under its final name, or nothing under it. Bytes
//! are written, never stored through a map: a full disk is an error and not a signal.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use bytemuck::{Zeroable, bytes_of, cast_slice};
use tempfile::NamedTempFile;

use super::file::CheckpointFile;
use super::layout::{End, Header, PageEntry, Record, align};
use super::{ChangedPage, CheckpointSink, CheckpointState, RunIdentity, RunSummary, StoreError};
use crate::limits::PAGE_BYTES;

/// What is kept in memory before it goes to the file.
const BUFFER_BYTES: usize = 1 << 18;

/// A checkpoint file being written.
pub struct CheckpointWriter {
    out: BufWriter<File>,
    /// The temporary name, until it becomes the final one; none for a scratch file.
    temporary: Option<NamedTempFile>,
    path: PathBuf,
    written: u64,
    sequence: u64,
    previous_digest: [u8; 32],
    finished: bool,
}

impl CheckpointWriter {
    /// Begins the file that will stand at `path`, for a run of what `identity` says on `input`.
    ///
    /// # Errors
    /// [`StoreError`] where the folder can't be written or another process writes the same file.
    pub fn create(path: &Path, identity: &RunIdentity, input: &[u8]) -> Result<Self, StoreError> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let io = |doing| StoreError::io(path, doing);
        let temporary = temporary_file(folder).map_err(io("create"))?;
        let file = temporary.as_file().try_clone().map_err(io("create"))?;
        Self::begin(file, Some(temporary), path.to_owned(), identity, input)
    }

    /// Begins a scratch file, which has no name and goes with the process.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the system's temporary folder can't be written.
    pub fn scratch(identity: &RunIdentity, input: &[u8]) -> Result<Self, StoreError> {
        let path = std::env::temp_dir();
        let file = tempfile::tempfile().map_err(StoreError::io(&path, "create a scratch"))?;
        Self::begin(file, None, path, identity, input)
    }

    fn begin(
        file: File,
        temporary: Option<NamedTempFile>,
        path: PathBuf,
        identity: &RunIdentity,
        input: &[u8],
    ) -> Result<Self, StoreError> {
        if file.try_lock().is_err() {
            return Err(StoreError::Locked { path });
        }
        let header = Header::new(identity, input.len() as u64);
        let out = BufWriter::with_capacity(BUFFER_BYTES, file);
        let previous_digest = header.digest;
        let (written, sequence, finished) = (0, 0, false);
        let mut writer = Self {
            out,
            temporary,
            path,
            written,
            sequence,
            previous_digest,
            finished,
        };
        writer.put(bytes_of(&header))?;
        writer.pad()?;
        writer.put(input)?;
        writer.pad()?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.written += bytes.len() as u64;
        self.out
            .write_all(bytes)
            .map_err(StoreError::io(&self.path, "write"))
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
        let file = self
            .out
            .into_inner()
            .map_err(|error| StoreError::io(&self.path, "write")(error.into_error()))?;
        CheckpointFile::from_own(file, self.path)
    }
}

impl CheckpointSink for CheckpointWriter {
    fn append(
        &mut self,
        state: &CheckpointState,
        changed: &mut dyn ExactSizeIterator<Item = ChangedPage<'_>>,
    ) -> Result<(), StoreError> {
        let mut pages = Vec::with_capacity(changed.len());
        let mut entries = vec![PageEntry::zeroed(); changed.len()];
        for (entry, page) in entries.iter_mut().zip(changed) {
            *entry = PageEntry {
                page_index: page.page_index,
                reserved: 0,
                digest: page.digest,
            };
            pages.push(page.bytes);
        }
        let record = Record::new(self.sequence, state, &entries, self.previous_digest);
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
        self.out
            .flush()
            .map_err(StoreError::io(&self.path, "write"))?;
        if let Some(temporary) = self.temporary.take() {
            let io = |doing| StoreError::io(&self.path, doing);
            temporary.as_file().sync_all().map_err(io("sync"))?;
            temporary
                .persist(&self.path)
                .map_err(|error| io("publish")(error.error))?;
            sync_folder(&self.path).map_err(io("sync the folder of"))?;
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

/// Makes the rename itself durable.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}
