//! `inspect`, `seek` and `diff` as scripts see them: what they say of a run, and what they refuse.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Desk, fails, guest, json, line, stderr, succeeds, tracelane};

/// The guest's checkpoints on `input`.
fn checkpoints(desk: &Desk, name: &str, input: &str, interval: u64) -> PathBuf {
    let label = format!("{name}-{}-{interval}", input.replace(' ', "-"));
    let (file, input) = (desk.path(&label), desk.file("input", input.as_bytes()));
    let words = format!("checkpoint {{}} --input {{}} -o {{}} --interval {interval}");
    succeeds(&line(&words, &[&guest(name), &input, &file]));
    file
}

/// Rows `first..end` as objects.
fn rows(file: &Path, elf: &Path, first: u64, end: u64) -> Vec<Value> {
    let words = format!(
        "rows {{}} --elf {{}} --json --range {first}..{end} --columns \
         rs1_value,rs2_value,rd_before,rd_after,memory_address,memory_before,memory_after,next_pc"
    );
    let Value::Array(rows) = json(&line(&words, &[file, elf])) else {
        panic!("an array")
    };
    rows
}

#[test]
fn inspect_says_what_changed_where() {
    let desk = Desk::new();
    let file = checkpoints(&desk, "quicksort", "40 7", 500);
    let elf = guest("quicksort");
    let plain = json(&line("inspect {} --json", &[&file]));
    let stored = plain["stored_pages"].as_u64().expect("a count");
    let sum = |list: &Value, field: &str| -> u64 {
        let list = list.as_array().expect("an array");
        list.iter().filter_map(|range| range[field].as_u64()).sum()
    };
    assert_eq!(sum(&plain["most_changed_ranges"], "page_versions"), stored);
    assert_eq!(sum(&plain["most_changed_pages"], "page_versions"), stored);
    assert_eq!(
        plain["changed_pages"],
        sum(&plain["most_changed_ranges"], "pages")
    );
    assert_eq!(
        plain["most_changed_ranges"][0]["changed_bytes"],
        Value::Null
    );
    assert_eq!(plain["listed_checkpoints"], Value::Array(Vec::new()));
    let places = |report: &Value| -> Vec<String> {
        let ranges = report["most_changed_ranges"].as_array().expect("an array");
        let place = |range: &Value| range["place"].as_str().expect("a name").to_owned();
        ranges.iter().map(place).collect()
    };
    assert!(places(&plain).contains(&"output".to_owned()), "{plain}");

    let words = "inspect {} --elf {} --checkpoints .. --json";
    let named = json(&line(words, &[&file, &elf]));
    let data = |place: &String| place.starts_with("data segment, from ");
    assert!(places(&named).iter().any(data), "{named}");
    let listed = named["listed_checkpoints"].as_array().expect("an array");
    assert_eq!(named["checkpoints"], listed.len());
    let mut bytes = 0;
    for (index, checkpoint) in listed.iter().enumerate() {
        assert_eq!(checkpoint["checkpoint"], index);
        assert_eq!(
            checkpoint["changed_pages"],
            sum(&checkpoint["ranges"], "pages")
        );
        assert_eq!(
            checkpoint["changed_bytes"],
            sum(&checkpoint["ranges"], "changed_bytes")
        );
        bytes += checkpoint["changed_bytes"].as_u64().expect("a count");
    }
    assert_eq!(sum(&named["listed_checkpoints"], "changed_pages"), stored);
    assert_eq!(sum(&named["most_changed_ranges"], "changed_bytes"), bytes);
    assert!((1..stored * 4096).contains(&bytes));
    assert_eq!(listed[2]["cycle"], 1000);

    let one = json(&line("inspect {} --checkpoints 2 --json", &[&file]));
    assert_eq!(one["listed_checkpoints"][0]["checkpoint"], 2);
    assert_eq!(one["listed_checkpoints"].as_array().map(Vec::len), Some(1));
    let text = succeeds(&line(
        "inspect {} --elf {} --checkpoints 2..4",
        &[&file, &elf],
    ));
    for part in [
        "most changed ranges",
        "most changed pages",
        "data segment",
        "1_000",
    ] {
        assert!(text.contains(part), "{part} in: {text}");
    }
    // A long run's summary is no longer than a short one's.
    let long = checkpoints(&desk, "quicksort", "20000 7", 1 << 16);
    let text = succeeds(&line("inspect {}", &[&long]));
    assert!(
        text.lines().count() < 40 && text.contains(" more)"),
        "{text}"
    );
}

#[test]
fn seek_shows_the_state_that_rows_go_on_from() {
    let desk = Desk::new();
    let (file, elf) = (
        checkpoints(&desk, "quicksort", "40 7", 500),
        guest("quicksort"),
    );
    let total = json(&line("inspect {} --json", &[&file]))["total_num_cycles"].clone();
    let total = total.as_u64().expect("a count");
    let state = |cycle: u64, more: &str| {
        let words = format!("seek {{}} {cycle} --elf {{}} --json{more}");
        json(&line(&words, &[&file, &elf]))
    };
    let names = tracelane::isa::text::REGISTER_NAMES;
    let statics = "rows {} --elf {} --json --range .. --columns \
                   rs1,rs2,rd,rs1_value,rs2_value,rd_before,rd_after,memory_address,memory_before,memory_after,next_pc";
    let all = json(&line(statics, &[&file, &elf]));
    for cycle in [0, 1, 499, 500, 501, 1999, total - 1] {
        let row = &all[cycle as usize];
        let address = row["memory_address"].as_u64().expect("a number") & !3;
        let memory = format!(" --memory {:#x},1", address.max(4096));
        let (before, after) = (state(cycle, &memory), state(cycle + 1, &memory));
        assert_eq!(before["cycle"], cycle);
        assert_eq!(before["pc"], row["pc"]);
        assert_eq!(after["pc"], row["next_pc"]);
        let register = |state: &Value, number: &str| {
            let number = row[number].as_u64().expect("a number") as usize;
            (number > 0).then(|| state["registers"][names[number]].clone())
        };
        for (state, number, value) in [
            (&before, "rs1", "rs1_value"),
            (&before, "rs2", "rs2_value"),
            (&before, "rd", "rd_before"),
            (&after, "rd", "rd_after"),
        ] {
            let register = register(state, number);
            assert!(
                register.is_none_or(|found| found == row[value]),
                "{value} {row}"
            );
        }
        if address > 0 {
            assert_eq!(before["memory"][0]["address"], address);
            assert_eq!(before["memory"][0]["words"][0], row["memory_before"]);
            assert_eq!(after["memory"][0]["words"][0], row["memory_after"]);
        }
        let next: Vec<&Value> = before["instructions"]
            .as_array()
            .expect("an array")
            .iter()
            .filter(|instruction| instruction["next"] == true)
            .collect();
        assert_eq!(next.len(), 1, "{before}");
        assert_eq!(next[0]["pc"], before["pc"]);
    }
    let end = state(total, "");
    assert_eq!(
        (&end["exit_code"], &end["cycle"]),
        (&0.into(), &total.into())
    );
    // The input as the guest sees it: its length, then its bytes from +16.
    let memory = state(
        700,
        " --memory 0x40000000..0x40000014 --memory 0x40000010,1",
    );
    assert_eq!(memory["memory"][0]["words"][0], 4);
    assert_eq!(
        memory["memory"][0]["words"][4],
        u32::from_le_bytes(*b"40 7")
    );
    assert_eq!(
        memory["memory"][1]["words"][0],
        memory["memory"][0]["words"][4]
    );
    assert!(
        memory["symbol"]
            .as_str()
            .is_some_and(|symbol| symbol.contains('+'))
    );
    let words = "seek {} 1234 --elf {} --memory 0xfffffff0..0x100000000";
    let text = succeeds(&line(words, &[&file, &elf]));
    for part in [
        "cycle  1_234",
        "-> 0x",
        "sp   0x",
        "0xfffffff0  0x00000000",
        "<sort+",
    ] {
        assert!(text.contains(part), "{part} in: {text}");
    }
}

#[test]
fn diff_finds_the_first_row_that_a_scan_finds() {
    let desk = Desk::new();
    let elf = guest("quicksort");
    let (a, b) = (
        checkpoints(&desk, "quicksort", "40 7", 500),
        checkpoints(&desk, "quicksort", "40 8", 300),
    );
    let (left, right) = (rows(&a, &elf, 0, 400), rows(&b, &elf, 0, 400));
    let first = left.iter().zip(&right).position(|(a, b)| a != b);
    let first = first.expect("a difference");
    for options in ["", " --threads 1 --chunk-rows 8", " --threads 3"] {
        let words = format!("diff {{}} {{}} --elf {{}} --context 2 --json{options}");
        let found = json(&line(&words, &[&a, &b, &elf]));
        assert_eq!(found["equal"], false);
        assert_eq!(found["cycle"], first);
        let columns: Vec<&str> = found["columns"]
            .as_array()
            .expect("an array")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        for name in &columns {
            assert_ne!(left[first][name], right[first][name], "{name}");
        }
        let shown = found["rows"].as_array().expect("an array");
        assert_eq!(shown.len(), 5);
        for row in shown {
            let cycle = row["cycle"].as_u64().expect("a number") as usize;
            assert_eq!(row["equal"], left[cycle] == right[cycle]);
            for (name, value) in left[cycle].as_object().expect("a row") {
                assert!(name == "cycle" || row["a"][name] == *value, "{name}");
            }
        }
    }
    let text = succeeds(&line(
        "diff {} {} --elf-a {} --elf-b {}",
        &[&a, &b, &elf, &elf],
    ));
    assert!(
        text.contains("first different row") && text.contains('*'),
        "{text}"
    );
    let lasting = json(&line(
        "diff {} {} --elf {} --lasting --json",
        &[&a, &b, &elf],
    ));
    assert_eq!(lasting["checkpoint_cycle"], 1500, "the first common one");
    assert_eq!(lasting["first_row"], 0);
}

#[test]
fn equal_runs_and_other_programs_are_told_apart() {
    let desk = Desk::new();
    let elf = guest("quicksort");
    let (a, again) = (
        checkpoints(&desk, "quicksort", "40 7", 500),
        checkpoints(&desk, "quicksort", "40 7", 64),
    );
    let same = json(&line("diff {} {} --elf {} --json", &[&a, &again, &elf]));
    assert_eq!(
        (&same["equal"], &same["cycle"]),
        (&true.into(), &Value::Null)
    );
    let text = succeeds(&line("diff {} {} --elf {}", &[&a, &again, &elf]));
    assert!(text.starts_with("equal"), "{text}");

    let other = checkpoints(&desk, "sieve", "100", 500);
    let words = "diff {} {} --elf-a {} --elf-b {} --json";
    let found = json(&line(words, &[&a, &other, &elf, &guest("sieve")]));
    assert_eq!(found["equal"], false);
    let message = fails(&line("diff {} {} --elf {}", &[&a, &other, &elf]), 4);
    assert!(message.contains("another program"), "{message}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let desk = Desk::new();
    let (file, elf) = (checkpoints(&desk, "sieve", "100", 200), guest("sieve"));
    let other = guest("btree");
    let spoiled = desk.path("spoiled");
    let mut bytes = fs::read(&file).expect("the file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&spoiled, bytes).expect("a copy");
    let none = desk.path("none");
    for (words, paths, code, part) in [
        ("seek {} 5 --elf {}", [&file, &other], 4, "another program"),
        ("seek {} 5 --elf {}", [&spoiled, &elf], 4, "damaged"),
        ("seek {} 5 --elf {}", [&none, &elf], 2, "none"),
        ("seek {} 100000000 --elf {}", [&file, &elf], 2, "at most"),
        ("inspect {} --elf {}", [&file, &other], 4, "another program"),
        ("inspect {} --elf {}", [&spoiled, &elf], 4, "damaged"),
        (
            "inspect {} --checkpoints 900 --elf {}",
            [&file, &elf],
            2,
            "there are",
        ),
        (
            "inspect {} --checkpoints 900.. --elf {}",
            [&file, &elf],
            2,
            "there are",
        ),
    ] {
        let message = fails(&line(words, &[paths[0], paths[1]]), code);
        assert!(message.contains(part), "{words}: {message}");
    }
    let message = fails(&line("diff {} {} --elf {}", &[&file, &spoiled, &elf]), 4);
    assert!(message.contains("spoiled"), "{message}");
    for words in [
        "seek x",
        "seek x many --elf y",
        "seek x 5",
        "seek x 5 --elf y --memory 0x1000",
        "seek x 5 --elf y --memory 0x2000..0x1000",
        "seek x 5 --elf y --memory 0x1000,0",
        "seek x 5 --elf y --memory 0xfffffffc,2",
        "seek x 5 --elf y --memory 0..0x100000004",
        "seek x 5 --elf y --memory 0..0x80000000",
        "seek x 5 --elf y --memory red,2",
        "inspect x --checkpoints 5..3",
        "inspect x --checkpoints some",
        "diff x y",
        "diff x --elf z",
        "diff x y --elf-a z",
        "diff x y --elf z --elf-a z --elf-b z",
        "diff x y --elf z --context 100000",
    ] {
        let output = tracelane(&words.split(' ').collect::<Vec<_>>());
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{words}: {message}");
        assert!(output.stdout.is_empty() && !message.is_empty(), "{words}");
    }
}
