//! `checkpoint --checkpoint-budget` and `thin`: smaller files, the same rows.

mod support;

use std::fs;

use support::{Desk, fails, guest, json, line, stdout, succeeds, tracelane};

#[test]
fn a_budget_chooses_the_interval_and_a_thinned_file_gives_the_same_rows() {
    let desk = Desk::new();
    let (elf, input) = (guest("quicksort"), desk.file("input", b"3000 7"));
    let (file, thin) = (desk.path("file"), desk.path("thin"));
    let words = "checkpoint {} --input {} -o {} --checkpoint-budget 400KiB --json";
    let report = json(&line(words, &[&elf, &input, &file]));
    let bytes = report["file_bytes"].as_u64().expect("a number");
    let interval = report["interval"].as_u64().expect("a number");
    assert!(bytes <= 400 << 10 && interval >= 1 << 12, "{report}");
    assert_eq!(
        fs::metadata(&file).expect("the file").len(),
        bytes,
        "{report}"
    );

    let report = json(&line(
        "thin {} --keep every 3 -o {} --json",
        &[&file, &thin],
    ));
    assert_eq!(report["interval"], 3 * interval);
    assert!(report["file_bytes"].as_u64() < Some(bytes), "{report}");
    let rows = |file| {
        succeeds(&line(
            "rows {} --elf {} --range 30000..30100 --format csv",
            &[file, &elf],
        ))
    };
    assert_eq!(rows(&thin), rows(&file));
    succeeds(&line("thin {} --keep every 3", &[&file]));
    assert!(fs::read(&file).expect("a file") == fs::read(&thin).expect("a file"));
    assert_eq!(desk.names(), ["file", "input", "thin"]);
}

#[test]
fn what_can_t_be_done_is_said_and_leaves_nothing() {
    let desk = Desk::new();
    let (elf, file) = (guest("sieve"), desk.path("file"));
    let input = desk.file("input", b"200");
    let words = "checkpoint {} --input {} -o {} --checkpoint-budget 8KiB";
    assert!(fails(&line(words, &[&elf, &input, &file]), 2).contains("raise the budget"));
    assert_eq!(desk.names(), ["input"]);
    succeeds(&line(
        "checkpoint {} --input {} -o {}",
        &[&elf, &input, &file],
    ));
    let before = fs::read(&file).expect("the file");
    assert!(fails(&line("thin {} --keep every every", &[&file]), 2).contains("--keep every N"));
    assert!(fails(&line("thin {} --keep 3 4", &[&file]), 2).contains("--keep every N"));
    fails(&line("thin {} --keep every 2", &[&elf]), 4);
    for words in [
        "thin x",
        "thin x --keep 3",
        "thin x --keep every 0",
        "checkpoint x -o y --checkpoint-budget 1MiB --interval 4096",
        "checkpoint x -o y --checkpoint-budget 1MiB --resume",
    ] {
        let output = tracelane(&words.split(' ').collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(2), "{words}");
        assert!(stdout(&output).is_empty(), "{words}");
    }
    assert!(fs::read(&file).expect("the file") == before);
    assert_eq!(desk.names(), ["file", "input"]);
}
