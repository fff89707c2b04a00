//! Files that someone else has or left: a locked one, one of another run, one to go on with.

mod support;

use std::fs::{self, File};

use support::{Desk, fails, guest, json, line, succeeds};

const WORDS: &str = "checkpoint {} --input {} -o {} --interval 100";

#[test]
fn a_file_in_use_is_refused_with_code_2() {
    let desk = Desk::new();
    let (elf, input) = (guest("sieve"), desk.file("input", b"200"));
    let file = desk.path("file");
    let partial = File::create(desk.path("file.partial")).expect("a file");
    partial.try_lock().expect("nobody else has it");
    for more in ["", " --resume"] {
        let message = fails(&line(&format!("{WORDS}{more}"), &[&elf, &input, &file]), 2);
        assert!(message.contains("in use by another process"), "{message}");
    }
    assert_eq!(
        desk.names(),
        ["file.partial", "input"],
        "it is its writer's"
    );
    // Not only closed: a process that is just being started may have it open for a moment.
    partial.unlock().expect("it is ours");
    succeeds(&line(WORDS, &[&elf, &input, &file]));

    let writer = File::options().write(true).open(&file).expect("the file");
    writer.try_lock().expect("nobody else has it");
    let message = fails(&line("inspect {}", &[&file]), 2);
    assert!(message.contains("in use by another process"), "{message}");
    writer.unlock().expect("it is ours");
    // Readers do not keep each other out.
    let reader = File::open(&file).expect("the file");
    reader.try_lock_shared().expect("nobody writes it");
    succeeds(&line("inspect {}", &[&file]));
}

#[test]
fn what_another_run_left_is_refused_with_code_2_and_kept() {
    let desk = Desk::new();
    let (elf, input) = (guest("sieve"), desk.file("input", b"200"));
    let (other, file) = (desk.file("other", b"201"), desk.path("file"));
    succeeds(&line(WORDS, &[&elf, &input, &file]));
    let whole = fs::read(&file).expect("the file");
    let partial = desk.path("file.partial");
    let left = &whole[..whole.len() / 4 * 3];
    fs::rename(&file, desk.path("kept")).expect("another name");
    fs::write(&partial, left).expect("a copy");
    let names = desk.names();
    for (words, paths) in [
        (
            "checkpoint {} --input {} -o {} --interval 101 --resume",
            [&elf, &input, &file],
        ),
        (
            "checkpoint {} --input {} -o {} --interval 100 --resume",
            [&elf, &other, &file],
        ),
        (
            "checkpoint {} --input {} -o {} --interval 100 --resume",
            [&guest("btree"), &input, &file],
        ),
    ] {
        let paths = paths.map(|path| path.as_path());
        let message = fails(&line(words, &paths), 2);
        assert!(
            message.contains("another program, input or interval"),
            "{message}"
        );
        assert!(message.contains("its interval: 100"), "{message}");
        assert!(fs::read(&partial).expect("kept") == left);
        assert_eq!(desk.names(), names);
    }
    // The run that it is of goes on with it.
    let report = json(&line(
        &format!("{WORDS} --resume --json"),
        &[&elf, &input, &file],
    ));
    assert!(report["resumed_cycle"].as_u64() > Some(0), "{report}");
    assert!(fs::read(&file).expect("the file") == whole);
    assert!(!partial.exists());
}
