//! Two runs of one ELF on one input give the same bytes: reports, but for how long they took, and profile
//! files.

mod support;

use std::fs;

use support::{Desk, guest, line, succeeds};

/// Guests with inputs of some ten thousand cycles.
const RUNS: [(&str, &[u8]); 3] = [
    ("quicksort", b"300 7"),
    ("btree", b"100 5"),
    ("json", b"[1, {\"a\": [true, null]}, \"text\"]"),
];

/// Standard output as it is, but for the seconds and nanoseconds of durations, of which at least one is
/// there.
fn without_times(report: &str) -> String {
    let mut kept = String::new();
    let mut rest = report;
    let mut cut = 0;
    while let Some(at) = rest.find("\"execution_duration\"") {
        let end = at + rest[at..].find('}').expect("an object");
        kept.push_str(&rest[..at]);
        rest = &rest[end..];
        cut += 1;
    }
    assert!(cut > 0, "a duration in {report}");
    kept + rest
}

#[test]
fn reports_have_the_same_bytes() {
    let desk = Desk::new();
    for (name, bytes) in RUNS {
        let (elf, input) = (guest(name), desk.file("input", bytes));
        for words in [
            "count {} --input {} --json",
            "run {} --input {} --json",
            "count {} --input {} --by opcode,function,region --json",
            "count {} --input {} --by region,function --json --guest-memory paged",
        ] {
            let report = || without_times(&succeeds(&line(words, &[&elf, &input])));
            let (first, second) = (report(), report());
            assert!(first.contains("total_num_cycles"), "{first}");
            assert!(first == second, "{name}, {words}:\n{first}\n{second}");
        }
        let kinds = ["reserved", "paged"];
        let [reserved, paged] = kinds.map(|kind| {
            let words = format!(
                "count {{}} --input {{}} --by opcode,function --json --guest-memory {kind}"
            );
            without_times(&succeeds(&line(&words, &[&elf, &input])))
        });
        assert!(reserved == paged, "{name}:\n{reserved}\n{paged}");
    }
}

#[test]
fn profiles_have_the_same_bytes() {
    let desk = Desk::new();
    for (name, bytes) in RUNS {
        let (elf, input) = (guest(name), desk.file("input", bytes));
        for (extension, sampling) in [
            ("folded", ""),
            ("folded", " --sample-cycles 7"),
            ("json", ""),
            ("json", " --sample-cycles 100"),
        ] {
            let [first, second] = ["first", "second"].map(|file| {
                let path = desk.path(file).with_extension(extension);
                let words = format!("count {{}} --input {{}} --profile {{}}{sampling}");
                succeeds(&line(&words, &[&elf, &input, &path]));
                fs::read(path).expect("a profile")
            });
            assert!(first.len() > 20, "{name}: {} bytes", first.len());
            assert!(first == second, "{name}.{extension}{sampling}");
        }
    }
}

#[test]
fn checkpoint_files_have_the_same_bytes() {
    let desk = Desk::new();
    for (name, bytes) in RUNS {
        let (elf, input) = (guest(name), desk.file("input", bytes));
        let ways = [
            ("reserved", "1"),
            ("paged", "1"),
            ("reserved", "2"),
            ("paged", "64"),
        ];
        let files = ways.map(|(memory, threads)| {
            let path = desk.path(memory);
            let words = format!(
                "checkpoint {{}} --input {{}} -o {{}} --interval 1000 --guest-memory {memory} --threads {threads}"
            );
            succeeds(&line(&words, &[&elf, &input, &path]));
            fs::read(path).expect("a file")
        });
        assert!(files.iter().all(|file| *file == files[0]), "{name}");
    }
}
