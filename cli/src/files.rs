//! Files: read whole, written whole or not at all.
//!
//! In: paths. Out: bytes, or a [`Failure`] that names the path. A result stands under its name only
//! when it is complete.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use tracelane::Program;

use crate::failure::Failure;

/// The bytes of the file at `path`.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(Failure::file(path, "read"))
}

/// The bytes of the file at `path`, or none where there is no path.
pub fn read_input(path: Option<&Path>) -> Result<Vec<u8>, Failure> {
    path.map_or_else(|| Ok(Vec::new()), read)
}

/// The program in the ELF file at `path`.
pub fn program(path: &Path) -> Result<Program, Failure> {
    let bytes = read(path)?;
    Program::from_elf(&bytes).map_err(|error| Failure::Elf {
        path: path.to_owned(),
        error,
    })
}

/// Writes `bytes` to `path`: to a temporary name beside it first, then by rename.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_with(path, |mut file| {
        file.write_all(bytes).map_err(Failure::file(path, "write"))
    })
}

/// Publishes at `path` what `fill` writes, once it has come to a good end.
pub fn write_with<T>(
    path: &Path,
    fill: impl FnOnce(&File) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let failed = |error: io::Error| Failure::file(path, "write")(error);
    let file = tracelane::checkpoint::temporary_file(folder).map_err(failed)?;
    let filled = fill(file.as_file())?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(filled)
}
