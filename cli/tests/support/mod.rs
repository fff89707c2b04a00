//! Running the command on files of a folder that goes away.
//!
//! In: words and paths. Out: what a script would see, checked for the exit code it should have.

#![allow(dead_code, reason = "each test takes the part it needs")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A folder for one test's files.
pub struct Desk(tempfile::TempDir);

impl Desk {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).expect("a file");
        self.path(name)
    }

    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("the folder");
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }
}

pub fn guest(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../guests/bin")
        .join(name)
        .with_extension("elf")
}

pub fn tracelane<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracelane"));
    command.args(arguments).output().expect("the command")
}

/// Words separated by spaces; paths are put in for `{}` in order.
pub fn line(words: &str, paths: &[&Path]) -> Output {
    let mut paths = paths.iter();
    let arguments: Vec<String> = words
        .split(' ')
        .map(|word| match word {
            "{}" => paths.next().expect("a path").to_string_lossy().into_owned(),
            word => word.to_owned(),
        })
        .collect();
    assert!(paths.next().is_none(), "every path is used");
    tracelane(&arguments)
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

pub fn succeeds(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    stdout(output)
}

pub fn json(output: &Output) -> Value {
    serde_json::from_str(&succeeds(output)).expect("one JSON object")
}

/// The one line that explains an exit with `code`.
pub fn fails(output: &Output, code: i32) -> String {
    let message = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{message}");
    let own: Vec<&str> = message
        .lines()
        .filter(|line| line.starts_with("tracelane: "))
        .collect();
    assert_eq!(own.len(), 1, "one line: {message}");
    assert!(!message.contains("panicked"), "{message}");
    own[0].to_owned()
}
