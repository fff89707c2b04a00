//! `run` and `count` as scripts and people see them: reports that are always whole, limits, marks,
//! profiles, interruption, and outputs that can't be written.

#[path = "../../tests/support/encode.rs"]
mod encode;
mod support;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use encode::{EBREAK, ECALL, data, elf, immediate, jal, jalr, li, text};
use serde_json::{Value, json};
use support::{Desk, fails, guest, json, line, stderr, stdout, succeeds};

const TEXT: u32 = 0x0001_0000;
const DATA: u32 = 0x0010_0000;

/// Instructions that write `length` bytes at `address` to stdout.
fn write(address: u32, length: usize) -> Vec<u32> {
    let words = [
        li(17, 64),
        li(10, 1),
        li(11, address),
        li(12, length as u32),
    ];
    [words.concat(), vec![ECALL]].concat()
}

/// A guest that writes `lines` one by one, with one instruction of work behind each, and then does
/// `last`.
fn writing(desk: &Desk, lines: &[&str], last: &[u32]) -> PathBuf {
    let (mut words, mut bytes) = (Vec::new(), Vec::new());
    for line in lines {
        words.extend(write(DATA + bytes.len() as u32, line.len()));
        words.push(immediate(0, 5, 5, 1));
        bytes.extend(line.as_bytes());
    }
    words.extend(last);
    let segments = [text(TEXT, &words), data(DATA, &bytes, true)];
    desk.file("writing.elf", &elf(TEXT, &segments, &[]))
}

fn exit(code: u32) -> Vec<u32> {
    [li(17, 93).as_slice(), &li(10, code), &[ECALL]].concat()
}

fn partial(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).expect("one JSON object")
}

#[test]
fn three_fields_are_in_every_report() {
    let desk = Desk::new();
    let (input, elf) = (desk.file("input", b"100 7"), guest("quicksort"));
    for (options, code) in [
        ("count {} --input {} --json", 0),
        ("run {} --input {} --json", 0),
        ("count {} --input {} --json --by region", 0),
        ("count {} --input {} --json --max-cycles 10", 1),
        ("count {} --input {} --json --max-cycles 10 --by opcode", 1),
        ("count {} --input {} --json --max-memory 4KiB", 1),
        (
            "count {} --input {} --json --max-memory 4KiB --by opcode",
            1,
        ),
    ] {
        let output = line(options, &[&elf, &input]);
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        let report = partial(&output);
        assert!(report["total_num_cycles"].is_u64(), "{options}: {report}");
        assert_eq!(report["region_cycles"], json!({}), "{options}");
        assert!(
            report["execution_duration"]["secs"].is_u64(),
            "{options}: {report}"
        );
        assert_eq!(report["success"], code == 0);
        if options.contains("4KiB") {
            let why = report["refused"].as_str().expect("a reason");
            assert!(why.contains("--max-memory"), "{why}");
        }
    }
}

#[test]
fn limits_stand_in_every_report_and_each_has_its_flag() {
    let desk = Desk::new();
    let elf = writing(&desk, &["twelve bytes", "and more"], &exit(0));
    let all = "--max-cycles 1000 --max-memory 64KiB --max-text";
    let limits = ["cycle limit", "memory limit", "text limit"];
    for (command, text_limit, code) in [
        ("count", 100, 0),
        ("count", 12, 1),
        ("run", 100, 0),
        ("run", 12, 1),
    ] {
        let output = line(&format!("{command} {{}} {all} {text_limit}"), &[&elf]);
        let shown = match command {
            "count" => stdout(&output),
            _ => stderr(&output),
        };
        for limit in limits {
            assert!(shown.contains(limit), "{limit} in: {shown}");
        }
        assert!(shown.contains(&format!("{text_limit} B")), "{shown}");
        match code {
            0 => _ = succeeds(&output),
            code => {
                let message = fails(&output, code);
                assert!(
                    message.contains("text limit of 12 bytes") && message.contains("--max-text"),
                    "{message}"
                );
                assert!(shown.contains("ended early"), "{shown}");
            }
        }
    }
    let report = json(&line(&format!("count {{}} --json {all} 100"), &[&elf]));
    let expected = json!({ "cycles": 1000, "memory_bytes": 1 << 16, "text_bytes": 100 });
    assert_eq!(report["limits"], expected);
}

#[test]
fn a_report_of_a_run_that_failed_goes_up_to_there() {
    let desk = Desk::new();
    let elf = writing(&desk, &["x"], &[EBREAK]);
    let output = line("count {}", &[&elf]);
    assert!(fails(&output, 1).contains("breakpoint"));
    let cycles = stdout(&output)
        .lines()
        .find_map(|line| Some(line.strip_prefix("cycles ")?.trim().to_owned()));
    assert_eq!(cycles.as_deref(), Some("10"), "{}", stdout(&output));
}

#[test]
fn regions_nest_in_the_report_and_lost_marks_are_told() {
    let desk = Desk::new();
    let lines = [
        "cycle-tracker-start: outer\n",
        "cycle-tracker-start: inner\n",
        "cycle-tracker-end: inner\n",
        "cycle-tracker-start: inner\n",
        "cycle-tracker-end: inner\n",
        "cycle-tracker-end: outer\n",
        "cycle-tracker-end: never\n",
    ];
    let elf = writing(&desk, &lines, &exit(0));
    let report = json(&line("count {} --by region --json", &[&elf]));
    assert_eq!(report["region_cycles"], json!({ "outer": 50, "inner": 20 }));
    let expected = json!([
        { "name": "outer", "cycles": 50, "count": 1, "depth": 0 },
        { "name": "inner", "cycles": 20, "count": 2, "depth": 1 },
    ]);
    assert_eq!(report["regions"], expected);
    assert_eq!(report["unmatched_region_marks"], 1);
    let shown = succeeds(&line("count {} --by region", &[&elf]));
    let table: Vec<Vec<&str>> = shown
        .lines()
        .skip_while(|line| !line.contains("region"))
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(table[0], ["cycles", "share", "starts", "region"]);
    assert_eq!(
        (table[1][0], table[1][3], table[1][4]),
        ("50", "1", "outer")
    );
    assert_eq!(
        (table[2][0], table[2][3], table[2][4]),
        ("20", "2", "inner")
    );
    assert!(shown.contains("    inner"), "{shown}");
    assert!(
        shown.contains("1 marks without their other half"),
        "{shown}"
    );
}

#[test]
fn a_profile_needs_a_name_that_says_its_format() {
    let desk = Desk::new();
    let elf = writing(&desk, &["x"], &exit(0));
    for name in ["stacks", "stacks.txt", "stacks.JSON", "folded"] {
        let output = line("count {} --profile {}", &[&elf, &desk.path(name)]);
        let message = fails(&output, 2);
        assert!(
            message.contains(".folded") && message.contains(".json"),
            "{message}"
        );
        assert_eq!(stderr(&output).lines().count(), 1, "nothing ran");
    }
    assert_eq!(desk.names(), ["writing.elf"]);
}

#[test]
fn names_in_profiles_are_readable_and_break_no_line() {
    let desk = Desk::new();
    let mangled = "_ZN4core3fmt9Formatter3pad17h0123456789abcdefE";
    let array = "_RINvCs1234_7mycrate3fooAhj4_E";
    let (f, g) = (TEXT + 24, TEXT + 32);
    let words = [
        vec![jal(1, 24), jal(1, 28)],
        li(17, 93).to_vec(),
        vec![ECALL, EBREAK],
        vec![immediate(0, 5, 5, 1), jalr(0, 1, 0)],
        vec![immediate(0, 5, 5, 1), jalr(0, 1, 0)],
    ]
    .concat();
    let symbols = [("a;b\nc 7\x1b", TEXT), (mangled, f), (array, g)];
    let elf = desk.file("named.elf", &elf(TEXT, &[text(TEXT, &words)], &symbols));
    let folded = desk.path("stacks.folded");
    let words = "count {} --profile {} --sample-cycles 1 --by function";
    let shown = succeeds(&line(words, &[&elf, &folded]));
    assert!(shown.contains("core::fmt::Formatter::pad"), "{shown}");
    assert!(!shown.contains("17h0123"), "{shown}");
    let stacks = fs::read_to_string(&folded).expect("stacks");
    let main = "a:b\\nc 7\\u{1b}";
    let expected = [
        format!("{main} 5"),
        format!("{main};core::fmt::Formatter::pad 2"),
        format!("{main};mycrate::foo::<[u8: 4]> 2"),
    ];
    assert_eq!(stacks.lines().collect::<Vec<_>>(), expected);

    let firefox = desk.path("stacks.json");
    succeeds(&line(
        "count {} --profile {} --sample-cycles 1",
        &[&elf, &firefox],
    ));
    let bytes = fs::read(&firefox).expect("a profile");
    let profile: Value = serde_json::from_slice(&bytes).expect("JSON");
    let samples = &profile["threads"][0]["samples"];
    assert_eq!(samples["weight"], json!([1, 2, 1, 2, 3]), "{samples}");
    let stacks = samples["stack"].as_array().expect("stacks");
    assert!(
        stacks[0] == stacks[2] && stacks[2] == stacks[4],
        "{samples}"
    );
    assert!(stacks[1] != stacks[3], "{samples}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_reports_what_it_counted_and_completes_no_file() {
    use std::io::Read;

    let desk = Desk::new();
    // Says that it runs, and then does for ever.
    let elf = writing(&desk, &["running\n"], &[jal(0, 0)]);
    let out = desk.path("out");
    for (words, json) in [
        ("count {} --max-cycles 2^50 --json", true),
        ("count {} --max-cycles 2^50 --json --by opcode", true),
        ("count {} --max-cycles 2^50", false),
        ("count {} --max-cycles 2^50 --by function", false),
        ("run {} --max-cycles 2^50 --json", true),
        (
            "checkpoint {} --max-cycles 2^50 --interval 2^24 -o {}",
            false,
        ),
    ] {
        let mut paths = [&elf, &out].into_iter();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tracelane"));
        command.args(words.split(' ').map(|word| match word {
            "{}" => paths.next().expect("a path").as_os_str().to_owned(),
            word => word.into(),
        }));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command");
        let mut heard = [0; 8];
        let ear = child.stderr.as_mut().expect("a pipe");
        ear.read_exact(&mut heard).expect("the guest's line");
        assert_eq!(&heard, b"running\n");
        let killed = Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status();
        assert!(killed.expect("kill").success());
        let output = child.wait_with_output().expect("the command");
        assert!(fails(&output, 130).contains("interrupted at cycle"));
        if json {
            let report = partial(&output);
            assert_eq!(report["interrupted"], true);
            let cycles = report["total_num_cycles"].as_u64().expect("a count");
            assert!(cycles > 9, "{words}");
            if words.contains("opcode") {
                let jumps = report["opcode_cycles"]["jal"].as_u64();
                assert_eq!(jumps, Some(cycles - 10));
            }
        } else if words.starts_with("count") {
            let shown = stdout(&output);
            let of = |name: &str| shown.lines().any(|line| line.starts_with(name));
            assert!(
                of("cycles ") && of("ended early") && of("text limit"),
                "{shown}"
            );
        }
    }
    // A run that is cut short can be gone on with.
    assert_eq!(desk.names(), ["out.partial", "writing.elf"]);
}

/// The exit code with stdout and stderr as given.
#[cfg(target_os = "linux")]
fn code(words: &str, elf: &PathBuf, stdout: Stdio, stderr: Stdio) -> Option<i32> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracelane"));
    command.args(words.split(' ')).arg(elf);
    let status = command.stdout(stdout).stderr(stderr).status();
    status.expect("the command").code()
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_cannot_be_written_hides_no_failure_and_makes_none() {
    let desk = Desk::new();
    let full = || {
        let file = fs::OpenOptions::new().write(true).open("/dev/full");
        Stdio::from(file.expect("/dev/full"))
    };
    let closed = || {
        let (_, writer) = std::io::pipe().expect("a pipe");
        Stdio::from(writer)
    };
    let good = writing(&desk, &["some text\n"], &exit(0));
    for words in ["run", "count", "count --json", "run --json"] {
        // Nobody needs stderr.
        assert_eq!(
            code(words, &good, Stdio::null(), full()),
            Some(0),
            "{words}"
        );
        // A reader may have had enough; a full disk is another matter.
        assert_eq!(code(words, &good, closed(), closed()), Some(0), "{words}");
        assert_eq!(
            code(words, &good, full(), Stdio::null()),
            Some(2),
            "{words}"
        );
        assert_eq!(code(words, &good, full(), full()), Some(2), "{words}");
    }
    let half = writing(&desk, &["no end of line"], &exit(0));
    assert_eq!(code("run", &half, full(), Stdio::null()), Some(2));
    let bad = writing(&desk, &["some text\n"], &exit(7));
    for words in ["run", "count", "count --json", "run --json"] {
        for stdout in [Stdio::null(), closed(), full()] {
            assert_eq!(code(words, &bad, stdout, full()), Some(1), "{words}");
        }
    }
    assert_eq!(
        code("run", &desk.path("none"), Stdio::null(), full()),
        Some(2)
    );
}

#[test]
fn a_limit_met_before_the_first_cycle_is_a_limit() {
    let desk = Desk::new();
    let elf = writing(&desk, &["x"], &exit(0));
    for command in ["run", "count", "count --by opcode"] {
        let output = line(&format!("{command} {{}} --max-memory 4KiB"), &[&elf]);
        assert!(fails(&output, 1).contains("--max-memory"), "{command}");
    }
}
