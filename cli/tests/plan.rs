//! Schedules, budgets and batches on the command line: they change time and memory, as predicted, and
//! never a byte of a proof.

mod support;

use std::fs;
use std::process::Command;

use serde_json::Value;
use support::{Desk, fails, guest, json, line, stderr, succeeds};

const BATCH: &str = "--product rs1_value,rs2_value --product rd_after,pc,imm --next pc --eq \
                     --open opcode,rd_after";

#[test]
fn every_schedule_and_budget_gives_one_proof() {
    let desk = Desk::new();
    let input = desk.file("input", b"Some text to digest.");
    let elf = guest("sha256");
    let mut proofs = Vec::new();
    let options = [
        "--threads 1",
        "--threads 3 --schedule in-memory",
        "--threads 2 --schedule per-round --chunk-rows 16",
        "--threads 1 --schedule half-split",
        "--threads 2 --memory-budget 2MiB",
        "--threads 1 --memory-budget 1GiB --tier scalar",
        "--threads 2 --calibrate",
    ];
    for (index, options) in options.into_iter().enumerate() {
        let proof = desk.path(&format!("proof{index}"));
        let words = format!("prove {{}} --input {{}} -o {{}} --json {BATCH} {options}");
        let report = json(&line(&words, &[&elf, &input, &proof]));
        assert_eq!(report["sweeps"], report["plan"]["sweeps"], "as planned");
        proofs.push(fs::read(proof).expect("a proof"));
    }
    assert!(proofs.iter().all(|proof| *proof == proofs[0]), "one proof");
    let words = format!("verify {{}} --elf {{}} --input {{}} --json {BATCH}");
    let verified = json(&line(&words, &[&desk.path("proof0"), &elf, &input]));
    assert_eq!(verified["claimed_sums"].as_array().map(Vec::len), Some(3));
    let statement = verified["statement"].as_str().expect("a formula");
    assert!(statement.contains("eq(tau, row - 1) * pc"), "{statement}");
}

#[test]
fn a_plan_runs_nothing_or_proves_nothing_and_is_what_prove_does() {
    let desk = Desk::new();
    let input = desk.file("input", b"Some text to digest.");
    let elf = guest("sha256");
    for (cycles, sweeps_max) in [("2^20", 3), ("2^24", 3), ("2^30", 4)] {
        for open in ["", " --open all --eq"] {
            let words = format!("prove {{}} --plan --cycles {cycles} --threads 1 --json{open}");
            let report = json(&line(&words, &[&elf]));
            let sweeps = report["plan"]["sweeps"].as_u64().expect("a count");
            assert!(sweeps <= sweeps_max, "{sweeps} sweeps at {cycles}{open}");
        }
    }
    let text = succeeds(&line("prove {} --plan --cycles 2^24", &[&elf]));
    let planned = [
        "memory budget",
        "schedule",
        "sweeps",
        "predicted memory",
        "predicted time",
        "predicted peak",
    ];
    for field in planned {
        assert!(text.contains(field), "{field} in {text}");
    }
    // `prove` says the same before it proves, and what came of it behind.
    let text = succeeds(&line("prove {} --input {} --threads 2", &[&elf, &input]));
    let mut lines = text.lines();
    for field in planned
        .into_iter()
        .chain(["proof", "peak memory", "verdict"])
    {
        assert!(
            lines.any(|line| line.starts_with(field)),
            "{field} next in {text}"
        );
    }
    let proof = desk.path("proof");
    let words = "prove {} --input {} -o {} --json --threads 2";
    let planned = json(&line(&format!("{words} --plan"), &[&elf, &input, &proof]));
    assert!(!proof.exists(), "a plan proves nothing");
    let proven = json(&line(words, &[&elf, &input, &proof]));
    assert_eq!(planned["plan"], proven["plan"]);

    for cycles in ["2^50", "2^63", "18446744073709551615"] {
        let words = format!("prove {{}} --plan --cycles {cycles}");
        assert!(fails(&line(&words, &[&elf]), 2).contains("at most 2^40"));
    }
    for words in [
        "--cycles 2^24",
        "--memory-budget lots",
        "--next nothing",
        "--open nothing",
    ] {
        let output = line(&format!("prove {{}} {words}"), &[&elf]);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{words}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn what_can_t_be_proven_is_refused_before_anything_runs() {
    let desk = Desk::new();
    let elf = guest("sha256");
    let (input, output) = (desk.file("input", b"Some text."), desk.path("output"));
    let statements = "--product rs1_value ".repeat(17);
    let factors = "--product pc,pc,pc,pc,pc";
    for (claims, what) in [
        (statements.trim_end(), "17 statements"),
        (factors, "5 factors"),
    ] {
        let words = format!("prove {{}} --input {{}} --output {{}} {claims}");
        for plan in ["", "--plan", "--plan --cycles 2^20"] {
            let words = format!("{words} {plan}");
            let said = fails(&line(words.trim_end(), &[&elf, &input, &output]), 2);
            assert!(said.contains(what), "{said}");
        }
    }
    assert_eq!(desk.names(), ["input"], "the guest has not run");
    for schedule in ["windows", "half-split", "per-round", "in-memory"] {
        for plan in ["", " --plan", " --plan --cycles 2^20"] {
            let words = format!(
                "prove {{}} --input {{}} --memory-budget 10KiB --schedule {schedule}{plan}"
            );
            let said = fails(&line(&words, &[&elf, &input]), 2);
            assert!(said.contains("10240 bytes is too small"), "{said}");
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn memory_grows_by_what_is_predicted() {
    let desk = Desk::new();
    let (elf, input) = (guest("sha256"), desk.file("input", &[7; 2_500]));
    for (threads, schedule) in [(1, "in-memory"), (2, "in-memory"), (2, "windows")] {
        let words = format!(
            "prove {{}} --input {{}} --json --eq --open all --threads {threads} --schedule {schedule} \
             --chunk-rows 2^13"
        );
        let report = json(&line(&words, &[&elf, &input]));
        let figure = |value: &Value| value.as_u64().expect("bytes");
        let before = figure(&report["memory"]["resident_bytes"]);
        let guest = figure(&report["memory"]["guest_bytes"]);
        let grown = figure(&report["peak_memory_bytes"]).saturating_sub(before + guest);
        let predicted = figure(&report["plan"]["predicted_bytes"]);
        // Beside large tables nothing else counts; a small proof fits what the run before it used.
        assert!(
            4 * grown <= 5 * predicted,
            "{grown} bytes, {predicted} predicted"
        );
        let tables = schedule == "in-memory";
        assert!(
            !tables || 4 * predicted <= 5 * grown,
            "{grown} bytes, {predicted} predicted"
        );
    }
}

/// `prove` of about 2^`cycles_log2` cycles, all its address space limited to `limit_kib`.
fn proof_in(limit_kib: u64, bytes: usize, memory: &str) -> Value {
    let desk = Desk::new();
    let input = desk.file("input", &vec![7; bytes]);
    let script = format!(
        "ulimit -v {limit_kib} && exec \"$0\" prove \"$1\" --input \"$2\" --json --eq --threads 1 \
         --guest-memory {memory}"
    );
    let output = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_tracelane")])
        .args([guest("sha256"), input])
        // One arena for all threads: another is 64 MiB of addresses at once, where they happen to lie
        // well, used or not.
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .expect("a shell");
    assert!(output.status.success(), "{}", stderr(&output));
    json(&output)
}

#[test]
#[cfg(target_os = "linux")]
fn a_proof_of_2_26_rows_keeps_to_a_hard_limit_and_to_its_prediction() {
    let figure = |report: &Value, name: &str| report[name].as_u64().expect(name);
    // The limit is for everything: program, stacks, the mapped checkpoint file, the guest.
    let small = proof_in(96 << 10, 11_000, "paged");
    let large = proof_in(96 << 10, 700_000, "paged");
    assert_eq!(
        (figure(&small, "num_vars"), figure(&large, "num_vars")),
        (20, 26)
    );
    let [small, large] = [small, large].map(|report| {
        let measured = figure(&report, "peak_memory_bytes");
        let predicted = figure(&report, "predicted_peak_memory_bytes");
        let apart = measured.abs_diff(predicted);
        assert!(
            4 * apart <= measured,
            "{predicted} bytes predicted, {measured} measured"
        );
        measured
    });
    assert!(large < 3 * small, "{small} to {large} bytes");
    assert!(large < 96 << 20, "{large} bytes");
}
