//! The command as scripts see it: output, files and exit codes, on good input and bad.

mod support;

use std::fs;

use serde_json::Value;
use support::{Desk, fails, guest, json, line, stderr, stdout, succeeds, tracelane};

#[test]
fn run_gives_stdout_to_the_guest_and_saves_what_it_published() {
    let desk = Desk::new();
    let (input, output) = (desk.file("abc", b"abc"), desk.path("digest"));
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let run = line(
        "run {} --input {} --output {}",
        &[&guest("sha256"), &input, &output],
    );
    assert_eq!(succeeds(&run), format!("{digest}\n"));
    assert!(stderr(&run).contains("cycles"));
    let published = fs::read(output).expect("the output");
    assert_eq!(
        published
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>(),
        digest
    );
}

#[test]
fn count_reports_the_same_figures_every_time() {
    let desk = Desk::new();
    let input = desk.file("input", b"1000 7");
    let report = |words: &str| {
        let mut report = json(&line(words, &[&guest("quicksort"), &input]));
        let duration = report["execution_duration"].take();
        assert!(duration["secs"].is_u64() && duration["nanos"].is_u64());
        report
    };
    let first = report("count {} --input {} --json");
    assert!(
        first["total_num_cycles"]
            .as_u64()
            .is_some_and(|cycles| cycles > 50_000)
    );
    assert_eq!(first["exit_code"], 0);
    assert_eq!(first["success"], true);
    for digest in ["program_digest", "input_digest", "output_digest"] {
        assert_eq!(first[digest].as_str().map(str::len), Some(64), "{digest}");
    }
    assert_eq!(report("run {} --input {} --json"), first);
    assert_eq!(
        report("count {} --input {} --json --guest-memory paged"),
        first
    );
    let text = succeeds(&line("count {} --input {}", &[&guest("quicksort"), &input]));
    assert!(
        text.lines().any(|line| line.starts_with("cycles ")),
        "{text}"
    );
}

#[test]
fn count_says_where_the_cycles_went() {
    let desk = Desk::new();
    let (input, elf) = (desk.file("input", b"100 7"), guest("quicksort"));
    let (folded, firefox) = (desk.path("stacks.folded"), desk.path("stacks.json"));
    let words = "count {} --input {} --by opcode,function,region --profile {} --json";
    let report = json(&line(words, &[&elf, &input, &folded]));
    let sum = |field: &str| {
        let counts = report[field].as_object().expect("an object");
        counts.values().filter_map(Value::as_u64).sum::<u64>()
    };
    let cycles = report["total_num_cycles"].as_u64().expect("a count");
    assert_eq!(
        (sum("opcode_cycles"), sum("function_cycles")),
        (cycles, cycles)
    );
    assert_eq!(report["region_cycles"], serde_json::json!({}));
    let stacks = fs::read_to_string(&folded).expect("folded stacks");
    assert!(
        stacks
            .lines()
            .any(|line| line.starts_with("_start;main;sort ")),
        "{stacks}"
    );
    let words = "count {} --input {} --profile {} --sample-cycles 10";
    succeeds(&line(words, &[&elf, &input, &firefox]));
    let profile: Value =
        serde_json::from_slice(&fs::read(&firefox).expect("a profile")).expect("JSON");
    let weights = profile["threads"][0]["samples"]["weight"].as_array();
    let samples: u64 = weights
        .expect("weights")
        .iter()
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(samples, cycles / 10);
    let text = succeeds(&line("count {} --input {} --by function", &[&elf, &input]));
    assert!(text.lines().any(|line| line.ends_with("  sort")), "{text}");
    let limited = "count {} --input {} --by function --json --max-cycles 3000";
    let limited = line(limited, &[&elf, &input]);
    fails(&limited, 1);
    let partial: Value = serde_json::from_str(&stdout(&limited)).expect("one JSON object");
    assert_eq!(partial["total_num_cycles"], 3000);
    assert!(partial["function_cycles"]["sort"].is_u64());
}

#[test]
fn checkpoint_inspect_rows() {
    let desk = Desk::new();
    let (input, file) = (desk.file("input", b"300"), desk.path("checkpoints"));
    let elf = guest("sieve");
    let words = "checkpoint {} --input {} -o {} --interval 500 --json";
    let made = json(&line(words, &[&elf, &input, &file]));
    let described = json(&line("inspect {} --json", &[&file]));
    for field in [
        "total_num_cycles",
        "checkpoints",
        "interval",
        "file_bytes",
        "input_digest",
    ] {
        assert_eq!(made[field], described[field], "{field}");
    }
    let cycles = described["total_num_cycles"].as_u64().expect("a count");
    assert_eq!(described["checkpoints"], cycles.div_ceil(500) + 1);
    assert!(succeeds(&line("inspect {}", &[&file])).contains("checkpoints"));

    let csv = succeeds(&line(
        "rows {} --elf {} --range .. --format csv",
        &[&file, &elf],
    ));
    let mut lines = csv.lines();
    let head = "cycle,pc,pc_index,rs1_value,rs2_value,rd_before,rd_after,memory_address,\
                memory_before,memory_after,next_pc";
    assert_eq!(lines.next(), Some(head));
    let rows: Vec<Vec<u64>> = lines
        .map(|line| {
            line.split(',')
                .map(|value| value.parse().expect("a number"))
                .collect()
        })
        .collect();
    assert_eq!(rows.len() as u64, cycles);
    for (index, pair) in rows.windows(2).enumerate() {
        assert_eq!(pair[0][0], index as u64, "cycle");
        assert_eq!(pair[0][10], pair[1][1], "next_pc is the next row's pc");
    }
    let part = succeeds(&line(
        "rows {} --elf {} --input {} --range 990..1010 --format csv --chunk-rows 8",
        &[&file, &elf, &input],
    ));
    let expected: Vec<&str> = csv
        .lines()
        .take(1)
        .chain(csv.lines().skip(991).take(20))
        .collect();
    assert_eq!(part.lines().collect::<Vec<_>>(), expected);
    let few = json(&line(
        "rows {} --elf {} --range 5..7 --columns next_pc,rd_after --format json",
        &[&file, &elf],
    ));
    assert_eq!(few.as_array().map(Vec::len), Some(2));
    assert_eq!(few[0]["cycle"], 5);
    assert_eq!(few[0]["next_pc"], few[1]["pc"]);
    let table = succeeds(&line("rows {} --elf {} --range 0..3", &[&file, &elf]));
    assert_eq!(table.lines().count(), 4);
    let none = json(&line(
        "rows {} --elf {} --range 3..3 --json",
        &[&file, &elf],
    ));
    assert_eq!(none, Value::Array(Vec::new()));
}

#[test]
fn prove_and_verify_agree_whatever_the_options() {
    let desk = Desk::new();
    let input = desk.file("input", b"Some text to digest.");
    let elf = guest("sha256");
    let mut proofs = Vec::new();
    let options = [
        "--threads 1",
        "--threads 3 --interval 100 --tier scalar",
        "--threads 1 --chunk-rows 16 --tier portable",
        "--threads 2 --interval 2^20 --chunk-rows 64 --guest-memory paged",
    ];
    for (index, options) in options.into_iter().enumerate() {
        let proof = desk.path(&format!("proof{index}"));
        let words = format!("prove {{}} --input {{}} -o {{}} --json {options}");
        let report = json(&line(&words, &[&elf, &input, &proof]));
        assert_eq!(report["accepted"], true);
        assert!(report["witness_share_percent"].is_f64());
        for phase in ["load", "execute", "prove", "verify"] {
            assert!(report["phases"][phase].is_object(), "{phase}");
        }
        proofs.push(fs::read(proof).expect("a proof"));
    }
    assert!(proofs.iter().all(|proof| *proof == proofs[0]), "one proof");
    let proof = desk.path("proof0");
    let verified = json(&line(
        "verify {} --elf {} --input {} --json",
        &[&proof, &elf, &input],
    ));
    assert_eq!(verified["accepted"], true);
    let text = succeeds(&line(
        "verify {} --elf {} --input {}",
        &[&proof, &elf, &input],
    ));
    assert!(
        text.contains("proof accepted") && text.contains("rs1_value * rs2_value"),
        "{text}"
    );

    let text = succeeds(&line("prove {} --input {}", &[&elf, &input]));
    for field in [
        "exit code",
        "cycles",
        "checkpoints",
        "checkpoint bytes",
        "sweeps",
        "execute",
        "witness share",
        "peak memory",
        "proof accepted",
    ] {
        assert!(text.contains(field), "{field} in: {text}");
    }
    // What the guest wrote comes first.
    assert_eq!(text.lines().next().map(str::len), Some(64), "{text}");
    let other = line(
        "prove {} --input {} --product rd_after,memory_before,pc --eq --checkpoints {}",
        &[&elf, &input, &desk.path("kept")],
    );
    succeeds(&other);
    succeeds(&line("inspect {}", &[&desk.path("kept")]));
}

#[test]
fn proofs_that_do_not_hold_are_rejected_with_code_4() {
    let desk = Desk::new();
    let (input, other) = (desk.file("input", b"100"), desk.file("other", b"101"));
    let (elf, proof) = (guest("sieve"), desk.path("proof"));
    succeeds(&line("prove {} --input {} -o {}", &[&elf, &input, &proof]));
    let bytes = fs::read(&proof).expect("a proof");
    let spoiled = desk.path("spoiled");
    for at in (0..bytes.len()).step_by(41) {
        let mut copy = bytes.clone();
        copy[at] ^= 0x10;
        fs::write(&spoiled, copy).expect("a copy");
        let message = fails(
            &line("verify {} --elf {} --input {}", &[&spoiled, &elf, &input]),
            4,
        );
        assert!(message.contains("spoiled"), "{message}");
    }
    for length in [0, 7, 100, bytes.len() - 1] {
        fs::write(&spoiled, &bytes[..length]).expect("a copy");
        fails(
            &line("verify {} --elf {} --input {}", &[&spoiled, &elf, &input]),
            4,
        );
    }
    let another = fails(
        &line(
            "verify {} --elf {} --input {}",
            &[&proof, &guest("btree"), &input],
        ),
        4,
    );
    assert!(another.contains("another program"), "{another}");
    let another = fails(
        &line("verify {} --elf {} --input {}", &[&proof, &elf, &other]),
        4,
    );
    assert!(another.contains("another input"), "{another}");
    fails(&line("verify {} --elf {}", &[&proof, &elf]), 4);
    // An honest proof of something else than was asked for.
    for claims in ["--eq", "--product pc", "--open all", "--next pc"] {
        let words = format!("verify {{}} --elf {{}} --input {{}} {claims}");
        let another = fails(&line(&words, &[&proof, &elf, &input]), 4);
        assert!(
            another.contains("rs1_value * rs2_value") && another.contains("--product"),
            "{another}"
        );
    }
    let other = desk.path("other-proof");
    let words = "prove {} --input {} -o {} --product pc,rd_after --open opcode";
    succeeds(&line(words, &[&elf, &input, &other]));
    let words = "verify {} --elf {} --input {}";
    let another = fails(&line(words, &[&other, &elf, &input]), 4);
    assert!(another.contains("opening opcode"), "{another}");
    let claims = "--product pc,rd_after --open opcode";
    let words = format!("verify {{}} --elf {{}} --input {{}} {claims}");
    succeeds(&line(&words, &[&other, &elf, &input]));
    fails(
        &line(
            "verify {} --elf {} --input {}",
            &[&desk.path("none"), &elf, &input],
        ),
        2,
    );
}

#[test]
fn checkpoint_files_that_do_not_fit_are_rejected_with_code_4() {
    let desk = Desk::new();
    let (input, other) = (desk.file("input", b"100"), desk.file("other", b"101"));
    let (elf, file) = (guest("sieve"), desk.path("file"));
    succeeds(&line(
        "checkpoint {} --input {} -o {} --interval 1000",
        &[&elf, &input, &file],
    ));
    let rows = "rows {} --elf {} --range 0..4";
    succeeds(&line(rows, &[&file, &elf]));
    assert!(fails(&line(rows, &[&file, &guest("btree")]), 4).contains("another program"));
    let words = "rows {} --elf {} --input {} --range 0..4";
    assert!(fails(&line(words, &[&file, &elf, &other]), 4).contains("another input"));
    let bytes = fs::read(&file).expect("the file");
    let spoiled = desk.path("spoiled");
    for at in [0, 13, 100, 4096, bytes.len() / 2, bytes.len() - 1] {
        let mut copy = bytes.clone();
        copy[at] ^= 1;
        fs::write(&spoiled, copy).expect("a copy");
        fails(&line("inspect {}", &[&spoiled]), 4);
        fails(&line(rows, &[&spoiled, &elf]), 4);
    }
    fs::write(&spoiled, &bytes[..bytes.len() - 4096]).expect("a copy");
    assert!(fails(&line("inspect {}", &[&spoiled]), 4).contains("incomplete"));
    fails(&line("inspect {}", &[&elf]), 4);
    fails(&line("inspect {}", &[&desk.path("none")]), 2);
    fails(
        &line("rows {} --elf {} --range 0..100000000", &[&file, &elf]),
        2,
    );
}

#[test]
fn guests_that_fail_give_code_1_and_leave_no_file_but_what_a_higher_limit_can_go_on_with() {
    let desk = Desk::new();
    let (bad, long) = (desk.file("bad", b"none"), desk.file("long", b"1000000"));
    let elf = guest("sieve");
    let before = desk.names();
    let run = line("run {} --input {}", &[&elf, &bad]);
    assert!(fails(&run, 1).contains("exit code 1"));
    assert!(
        stderr(&run).contains("a number is missing"),
        "the guest's own words"
    );
    let proof = desk.path("proof");
    fails(&line("prove {} --input {} -o {}", &[&elf, &bad, &proof]), 1);
    for command in ["prove", "checkpoint"] {
        assert_eq!(desk.names(), before, "nothing was written");
        let words = format!("{command} {{}} --input {{}} -o {{}} --max-cycles 5000");
        let message = fails(&line(&words, &[&elf, &long, &proof]), 1);
        assert!(
            message.contains("cycle limit") && message.contains("--max-cycles"),
            "{message}"
        );
        let words = format!("{command} {{}} --input {{}} -o {{}} --max-memory 32KiB");
        let message = fails(&line(&words, &[&elf, &long, &proof]), 1);
        assert!(
            message.contains("memory limit") && message.contains("--max-memory"),
            "{message}"
        );
    }
    // The memory limit is met behind some checkpoints.
    assert_eq!(desk.names(), ["bad", "long", "proof.partial"]);
    let resumed = line(
        "checkpoint {} --input {} -o {} --resume --json",
        &[&elf, &long, &proof],
    );
    let report: Value = serde_json::from_str(&stdout(&resumed)).expect("one JSON object");
    assert!(report["resumed_cycle"].as_u64() > Some(0), "{report}");
    assert_eq!(desk.names(), ["bad", "long", "proof"]);
    let report = line(
        "count {} --input {} --json --max-cycles 5000",
        &[&elf, &long],
    );
    fails(&report, 1);
    let report: Value = serde_json::from_str(&stdout(&report)).expect("one JSON object");
    assert_eq!(report["success"], false);
    assert!(
        report["crashed"]["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("cycle limit"))
    );
}

#[test]
fn bad_arguments_and_unreadable_files_give_code_2() {
    let desk = Desk::new();
    let (elf, none) = (guest("sieve"), desk.path("none"));
    assert!(fails(&line("run {}", &[&none]), 2).contains("none"));
    assert!(fails(&line("run {} --input {}", &[&elf, &none]), 2).contains("none"));
    assert!(fails(&line("run {}", &[&desk.file("text", b"no ELF")]), 2).contains("ELF"));
    let truncated = fs::read(&elf).expect("the guest");
    fails(&line("prove {}", &[&desk.file("cut", &truncated[..60])]), 2);
    let folder = desk.path("no").join("such");
    fails(
        &line("checkpoint {} -o {}", &[&elf, &folder.join("file")]),
        2,
    );
    for words in [
        "run",
        "run a b",
        "frobnicate",
        "count x --max-cycles many",
        "checkpoint x -o y --interval 0",
        "prove x --product rs1_value,colour",
        "prove x --chunk-rows 3",
        "prove x --threads 0",
        "prove x --tier mmx",
        "rows x --elf y --range 7",
        "rows x --elf y --range 9..7",
        "rows x --elf y --range 1..7 --threads 2",
    ] {
        let output = tracelane(&words.split(' ').collect::<Vec<_>>());
        assert_eq!(
            output.status.code(),
            Some(2),
            "{words}: {}",
            stderr(&output)
        );
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{words}"
        );
    }
    let unknown = tracelane(&["prove", "x", "--product", "colour"]);
    assert!(
        stderr(&unknown).contains("rs1_value"),
        "names what there is: {}",
        stderr(&unknown)
    );
}

#[cfg(unix)]
#[test]
fn an_interrupted_checkpoint_leaves_what_can_be_gone_on_with() {
    let desk = Desk::new();
    let input = desk.file("input", b"150000");
    let (out, partial) = (desk.path("out"), desk.path("out.partial"));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tracelane"));
    command.args(["checkpoint", "--max-cycles", "2^40", "-o"]);
    command.arg(&out).arg(guest("bytecode"));
    command.arg("--input").arg(&input);
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let child = command.spawn().expect("the command");
    // By the time that it writes, it listens.
    while std::fs::metadata(&partial).map_or(0, |partial| partial.len()) < 1 << 16 {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let killed = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.expect("kill").success());
    let output = child.wait_with_output().expect("the command");
    assert!(fails(&output, 130).contains("interrupted at cycle"));
    assert_eq!(desk.names(), ["input", "out.partial"]);
}

#[test]
fn an_older_file_survives_a_run_that_fails() {
    let desk = Desk::new();
    let (long, kept) = (
        desk.file("long", b"1000000"),
        desk.file("kept", b"precious"),
    );
    let elf = guest("sieve");
    fails(
        &line(
            "checkpoint {} --input {} -o {} --max-cycles 900",
            &[&elf, &long, &kept],
        ),
        1,
    );
    fails(
        &line(
            "prove {} --input {} -o {} --max-cycles 900",
            &[&elf, &long, &kept],
        ),
        1,
    );
    assert_eq!(fs::read(kept).expect("the file"), b"precious");
}

#[test]
fn help_documents_the_exit_codes() {
    let help = succeeds(&tracelane(&["--help"]));
    for part in [
        "Exit codes",
        "0 good",
        "1 the guest failed",
        "4 a proof or checkpoint file",
    ] {
        assert!(
            help.split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .contains(part),
            "{part}"
        );
    }
}
