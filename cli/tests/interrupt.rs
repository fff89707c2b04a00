//! Commands that are no longer wanted: Ctrl-C while they read, print or write, and readers who have had
//! enough of what they print.
#![cfg(unix)]

mod support;

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use support::{Desk, fails, guest, line, stdout, succeeds};
use tracelane::Program;
use tracelane::checkpoint::{
    CheckpointSink, CheckpointSource, CheckpointWriter, MemoryStore, PageContent, WrittenPage,
};
use tracelane::replay::{FastPass, fast_pass};
use tracelane::vm::DiscardText;

fn start(words: &str, paths: &[&Path]) -> Child {
    let mut paths = paths.iter();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracelane"));
    for word in words.split(' ') {
        match word {
            "{}" => command.arg(paths.next().expect("a path")),
            word => command.arg(word),
        };
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the command")
}

/// What Ctrl-C sends.
fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status();
    assert!(sent.expect("kill").success());
}

/// Checkpoints of a sieve.
fn checkpoints(desk: &Desk, limit: &str) -> PathBuf {
    let (input, file) = (
        desk.file("input", limit.as_bytes()),
        desk.path("checkpoints"),
    );
    let words = "checkpoint {} --input {} -o {} --interval 4096";
    succeeds(&line(words, &[&guest("sieve"), &input, &file]));
    file
}

#[test]
fn the_first_ctrl_c_ends_what_leaves_nothing_behind() {
    let desk = Desk::new();
    let (file, elf) = (checkpoints(&desk, "300"), desk.path("elf"));
    // A program that never comes: whoever opens it for writing knows that it is being read.
    let made = Command::new("mkfifo").arg(&elf).status();
    assert!(made.expect("mkfifo").success());
    let names = desk.names();
    let out = desk.path("out");
    for words in [
        "rows {} --elf {} --range ..",
        "seek {} 5 --elf {}",
        "inspect {} --elf {}",
        "export {} --elf {} -o out",
        "diff {} {} --elf {}",
    ] {
        let paths: [&Path; 3] = [&file, &file, &elf];
        let first = 3 - words.matches("{}").count();
        let words = words.replace("out", &out.to_string_lossy());
        let child = start(&words, &paths[first..]);
        let writer = OpenOptions::new().write(true).open(&elf).expect("a reader");
        interrupt(&child);
        let output = child.wait_with_output().expect("the command");
        drop(writer);
        assert!(fails(&output, 130).contains("interrupted"), "{words}");
        assert!(stdout(&output).is_empty(), "{words}");
        assert_eq!(desk.names(), names, "{words}");
    }
}

#[test]
fn rows_are_printed_whole_until_ctrl_c() {
    let desk = Desk::new();
    let (file, elf) = (checkpoints(&desk, "200000"), guest("sieve"));
    let total = {
        let described = support::json(&line("inspect {} --json", &[&file]));
        described["total_num_cycles"].as_u64().expect("a count")
    };
    let mut child = start("rows {} --elf {} --range .. --format csv", &[&file, &elf]);
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut head = String::new();
    lines.read_line(&mut head).expect("its first line");
    interrupt(&child);
    let mut rest = String::new();
    lines
        .read_to_string(&mut rest)
        .expect("what else it printed");
    let output = child.wait_with_output().expect("the command");
    assert!(fails(&output, 130).contains("interrupted"));
    let count = rest.lines().count() as u64;
    assert!(
        rest.ends_with('\n') && count < total,
        "{count} of {total} rows"
    );
    let last = rest.lines().last().expect("a row");
    assert!(last.starts_with(&format!("{},", count - 1)), "{last}");
    assert_eq!(
        last.matches(',').count(),
        head.matches(',').count(),
        "{last}"
    );
}

#[test]
fn thinning_stops_at_ctrl_c_and_keeps_the_file_as_it_was() {
    let desk = Desk::new();
    let (input, file) = (desk.file("input", b"40000 7"), desk.path("checkpoints"));
    let words = "checkpoint {} --input {} -o {} --interval 4096";
    succeeds(&line(words, &[&guest("quicksort"), &input, &file]));
    let before = fs::read(&file).expect("the file");
    let partial = desk.path("checkpoints.partial");
    for _ in 0..20 {
        let mut child = start("thin {} --keep every 1", &[&file]);
        while !partial.exists() && child.try_wait().expect("a state").is_none() {
            std::thread::yield_now();
        }
        // It may have ended in the meantime.
        let pid = child.id().to_string();
        let _sent = Command::new("kill").args(["-INT", &pid]).status();
        let output = child.wait_with_output().expect("the command");
        // Every checkpoint is kept, so a thinned file is the same.
        assert!(fs::read(&file).expect("the file") == before);
        assert_eq!(desk.names(), ["checkpoints", "input"]);
        if output.status.code() == Some(130) {
            assert!(fails(&output, 130).contains("interrupted"));
            return;
        }
        succeeds(&output);
    }
    panic!("none of 20 was interrupted in time");
}

/// A file that is whole but lies: its checkpoint `index` has another register than the run.
fn lying(desk: &Desk, index: usize) -> PathBuf {
    let elf = fs::read(guest("sieve")).expect("the guest");
    let program = Program::from_elf(&elf).expect("a program");
    let (input, pass) = (
        b"20000",
        FastPass {
            interval: 4096,
            ..FastPass::default()
        },
    );
    let identity = pass.identity(&program, input);
    let mut store = MemoryStore::new(identity, input);
    fast_pass(&program, input, &pass, Some(&mut store), &mut DiscardText).expect("a run");
    assert!(index + 1 < store.count());
    let path = desk.path("lying");
    let mut writer = CheckpointWriter::create(&path, &identity, input).expect("a writer");
    for checkpoint in 0..store.count() {
        let mut state = store.state(checkpoint);
        state.registers[5] ^= u32::from(checkpoint == index);
        let mut pages = Vec::new();
        store.for_each_changed_page(checkpoint, &mut |page_index, content| {
            let PageContent::Bytes(bytes) = content else {
                panic!("a page that came back to what it was");
            };
            pages.push((page_index, *bytes));
        });
        let mut written = pages.iter().map(|(page_index, bytes)| WrittenPage {
            page_index: *page_index,
            content: PageContent::Bytes(bytes),
        });
        writer.append(&state, &mut written).expect("room");
    }
    writer.finish(store.summary()).expect("room");
    drop(writer.into_file().expect("a file"));
    path
}

#[test]
fn rows_that_nobody_reads_are_not_replayed() {
    let desk = Desk::new();
    let (file, elf) = (lying(&desk, 12), guest("sieve"));
    let words = "rows {} --elf {} --range .. --format csv";
    // Who reads on comes to where the file lies.
    assert!(fails(&line(words, &[&file, &elf]), 4).contains("checkpoint 12"));
    let mut child = start(words, &[&file, &elf]);
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
    lines.read_line(&mut String::new()).expect("its first line");
    drop(lines);
    let output = child.wait_with_output().expect("the command");
    succeeds(&output);
    assert!(output.stderr.is_empty(), "not an error worth a word");
}

#[test]
fn a_range_that_is_refused_prints_nothing() {
    let desk = Desk::new();
    let (file, elf) = (checkpoints(&desk, "300"), guest("sieve"));
    for format in ["table", "csv", "json"] {
        let words = format!("rows {{}} --elf {{}} --range 0..100000000 --format {format}");
        let output = line(&words, &[&file, &elf]);
        fails(&output, 2);
        assert!(stdout(&output).is_empty(), "{format}");
        let words = format!("rows {{}} --elf {{}} --range 7..7 --format {format}");
        let empty = succeeds(&line(&words, &[&file, &elf]));
        assert!(!empty.is_empty(), "{format}: a head, or an empty array");
    }
    drop(File::open(file).expect("still there"));
}
