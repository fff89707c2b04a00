//! Files that change under their reader: a typed error or, where the system ends the process for touching
//! what was cut off, that; never a wrong row unnoticed.

#![cfg(unix)]

#[path = "support/forge.rs"]
mod forge;
#[path = "support/guests.rs"]
mod guests;
#[path = "support/recorded.rs"]
mod recorded;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use forge::records;
use recorded::{Recorded, all_columns};
use tracelane::checkpoint::{CheckpointFile, CheckpointSource, CheckpointWriter, StoreError};
use tracelane::replay::divergence::{Scope, first_divergence};
use tracelane::replay::{FastPass, ReplayError, ReplayOptions, Replayer, Run, fast_pass};
use tracelane::trace::columns::Column;
use tracelane::trace::view::ChunkView;
use tracelane::vm::DiscardText;

fn guest() -> Recorded {
    Recorded::new("quicksort", b"40 7")
}

/// Writes the checkpoints of `recorded`, as of a minute ago.
fn write(recorded: &Recorded, path: &Path) {
    let pass = FastPass {
        interval: 500,
        ..FastPass::default()
    };
    let (program, input) = (&recorded.program, &recorded.input);
    let mut writer =
        CheckpointWriter::create(path, &pass.identity(program, input), input).expect("a writer");
    fast_pass(program, input, &pass, Some(&mut writer), &mut DiscardText).expect("a run");
    drop(writer);
    writable(path).set_modified(earlier()).expect("a time");
}

fn earlier() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)
}

fn writable(path: &Path) -> File {
    OpenOptions::new().write(true).open(path).expect("the file")
}

fn desk() -> (tempfile::TempDir, PathBuf, Recorded) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("checkpoints");
    let recorded = guest();
    write(&recorded, &path);
    (folder, path, recorded)
}

/// All rows of the run, in one range.
fn replay(run: &Run<'_>) -> Result<Vec<Vec<u32>>, ReplayError> {
    let mut rows = vec![Vec::new(); Column::ALL.len()];
    let visit = &mut |view: &ChunkView<'_>| {
        for (column, values) in Column::ALL.iter().zip(&mut rows) {
            values.extend(view.column(column.id()));
        }
    };
    let mut replayer = Replayer::new(run, &ReplayOptions::default())?;
    replayer.rows(0..run.rows(), all_columns(), visit)?;
    Ok(rows)
}

fn changed<T>(result: Result<T, ReplayError>, what: &str) {
    let changed = matches!(result, Err(ReplayError::Store(StoreError::Changed { .. })));
    assert!(changed, "{what}: {:?}", result.err());
}

#[test]
fn a_byte_that_is_overwritten_anywhere_is_noticed() {
    let (_folder, path, recorded) = desk();
    let bytes = fs::read(&path).expect("the file");
    for at in (0..bytes.len()).step_by(1009) {
        let file = CheckpointFile::open(&path).expect("a sound file");
        let run = Run::new(&recorded.program, &file).expect("its own program");
        let handle = writable(&path);
        handle
            .write_all_at(&[bytes[at] ^ 1], at as u64)
            .expect("a write");
        let what = format!("byte {at}");
        changed(replay(&run), &what);
        let mut replayer = Replayer::new(&run, &ReplayOptions::default()).expect("a worker");
        changed(replayer.rows(600..601, all_columns(), &mut |_| {}), &what);
        changed(replayer.seek(1200, &mut |_| {}), &what);
        let options = ReplayOptions::default();
        changed(first_divergence(&run, &run, &options, Scope::First), &what);
        handle
            .write_all_at(&bytes[at..=at], at as u64)
            .expect("a write");
        handle.set_modified(earlier()).expect("a time");
    }
}

#[test]
fn a_change_while_rows_are_made_is_noticed() {
    let (_folder, path, recorded) = desk();
    let bytes = fs::read(&path).expect("the file");
    let last = records(&bytes)[3] as u64;
    let file = CheckpointFile::open(&path).expect("a sound file");
    let run = Run::new(&recorded.program, &file).expect("its own program");
    let mut replayer = Replayer::new(&run, &ReplayOptions::default()).expect("a worker");
    let rows = replayer.rows(0..400, all_columns(), &mut |_| {
        let page = last + 4096;
        writable(&path)
            .write_all_at(&[0xff; 64], page)
            .expect("a write");
    });
    changed(rows, "a page behind the range");
}

#[test]
fn records_are_whole_even_if_the_time_of_the_change_is_hidden() {
    let (_folder, path, recorded) = desk();
    let (bytes, trace) = (fs::read(&path).expect("the file"), recorded.trace());
    let handle = writable(&path);
    for record in records(&bytes).into_iter().skip(1) {
        // Registers, a number of pages beyond the file, digests.
        for (offset, new) in [
            (60, [0xa5; 4]),
            (36, [0xff; 4]),
            (36, [9, 0, 0, 0]),
            (352, [1; 4]),
        ] {
            let file = CheckpointFile::open(&path).expect("a sound file");
            let run = Run::new(&recorded.program, &file).expect("its own program");
            let at = (record + offset) as u64;
            handle.write_all_at(&new, at).expect("a write");
            handle.set_modified(earlier()).expect("a time");
            let what = format!("record at {record}, byte {offset}");
            // The end record was read when the file was opened.
            match bytes[record..].starts_with(b"TLFINISH") {
                true => assert!(replay(&run).expect("as it was opened") == trace),
                false => changed(replay(&run), &what),
            }
            for checkpoint in 0..file.count() {
                file.for_each_changed_page(checkpoint, &mut |_, _| {});
                file.changed_pages(checkpoint);
            }
            handle.write_all_at(&bytes, 0).expect("a write");
            handle.set_modified(earlier()).expect("a time");
        }
    }
}

#[test]
fn a_reader_keeps_a_file_whose_name_another_takes() {
    let (_folder, path, recorded) = desk();
    let file = CheckpointFile::open(&path).expect("a sound file");
    write(&Recorded::new("quicksort", b"50 7"), &path);
    let run = Run::new(&recorded.program, &file).expect("its own program");
    assert!(replay(&run).expect("it is still there") == recorded.trace());
}

/// Which file, cut to how many bytes, and when, in the process that reads it.
const ASKED: &str = "TRACELANE_TEST_CUT";

#[test]
#[ignore = "called by the other one"]
fn read_what_is_cut() {
    let asked = std::env::var(ASKED).expect("a length, a moment and a file");
    let [bytes, moment, path] = asked.splitn(3, ' ').collect::<Vec<_>>()[..] else {
        panic!("{asked}")
    };
    let recorded = guest();
    let file = CheckpointFile::open(Path::new(path)).expect("a sound file");
    let cut = || {
        let bytes = bytes.parse().expect("a length");
        writable(Path::new(path)).set_len(bytes).expect("a cut");
    };
    let run = Run::new(&recorded.program, &file).expect("its own program");
    let mut replayer = Replayer::new(&run, &ReplayOptions::default()).expect("a worker");
    if moment == "before" {
        cut();
    }
    let replayed = replayer.rows(0..run.rows(), all_columns(), &mut |_| {
        if moment == "while" {
            cut();
        }
    });
    match replayed {
        Err(ReplayError::Store(StoreError::Changed { .. })) => println!("refused"),
        other => println!("not noticed: {other:?}"),
    }
}

#[test]
fn a_file_that_is_cut_under_its_reader_is_an_error_or_the_end_of_the_process() {
    const SIGBUS: i32 = 7;
    let (folder, path, recorded) = desk();
    let bytes = fs::read(&path).expect("the file").len();
    let (mut refused, mut ended) = (0, 0);
    for length in [0, 100, 4096, bytes / 2, bytes - 4096] {
        for moment in ["before", "while"] {
            let copy = folder.path().join("copy");
            write(&recorded, &copy);
            let child = Command::new(std::env::current_exe().expect("this test"))
                .args(["read_what_is_cut", "--exact", "--ignored", "--nocapture"])
                .env(ASKED, format!("{length} {moment} {}", copy.display()))
                .output()
                .expect("a process");
            let said = String::from_utf8_lossy(&child.stdout);
            let what = format!("{length} bytes, {moment}: {} {said}", child.status);
            match child.status.signal() {
                Some(signal) => {
                    assert_eq!(signal, SIGBUS, "{what}");
                    ended += 1;
                }
                None => {
                    assert!(child.status.success() && said.contains("refused"), "{what}");
                    refused += 1;
                }
            }
        }
    }
    assert_eq!(refused + ended, 10);
    assert!(
        refused >= 5,
        "{refused} refused before a byte was touched, {ended} ended"
    );
}
