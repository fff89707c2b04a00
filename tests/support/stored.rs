//! Runs whose checkpoints are in a file.
//!
//! In: a program, its input, how to run it. Out: the finished file, with a name or without one.

#![allow(dead_code, reason = "each test takes the part it needs")]

use std::path::Path;

use tracelane::Program;
use tracelane::checkpoint::{CheckpointFile, CheckpointWriter};
use tracelane::replay::{FastPass, fast_pass};
use tracelane::vm::DiscardText;

/// Checkpoints of a run, in the file at `path`.
pub fn at(path: &Path, program: &Program, input: &[u8], pass: &FastPass<'_>) -> CheckpointFile {
    let identity = pass.identity(program, input);
    let writer = CheckpointWriter::create(path, &identity, input).expect("a writer");
    filled(writer, program, input, pass)
}

/// Checkpoints of a run, in a file without a name.
pub fn scratch(program: &Program, input: &[u8], pass: &FastPass<'_>) -> CheckpointFile {
    let identity = pass.identity(program, input);
    let writer = CheckpointWriter::scratch(&identity, input).expect("a scratch file");
    filled(writer, program, input, pass)
}

fn filled(
    mut writer: CheckpointWriter,
    program: &Program,
    input: &[u8],
    pass: &FastPass<'_>,
) -> CheckpointFile {
    fast_pass(program, input, pass, Some(&mut writer), &mut DiscardText).expect("a run");
    writer.into_file().expect("a finished file")
}
