//! Hostile guests at the command: how they end as a script sees it, and what of theirs may reach a
//! terminal.

#[path = "../../tests/support/encode.rs"]
mod encode;
mod support;

use std::process::{Command, Stdio};

use encode::{EBREAK, ECALL, data, li, text};
use serde_json::Value;
use support::{Desk, fails, line, stderr, stdout, succeeds, tracelane};

const TEXT: u32 = 0x0001_0000;
const DATA: u32 = 0x0010_0000;

/// Words that end the run with `code`.
fn exit_with(code: u32) -> Vec<u32> {
    [li(17, 93).as_slice(), &li(10, code), &[ECALL]].concat()
}

/// Words that write the whole of data as text to `descriptor`.
fn write(descriptor: u32, bytes: u32) -> Vec<u32> {
    let call = [li(17, 64), li(10, descriptor), li(11, DATA), li(12, bytes)];
    [call.concat().as_slice(), &[ECALL]].concat()
}

fn elf(words: &[u32], bytes: &[u8], symbols: &[(&str, u32)]) -> Vec<u8> {
    let segments = [text(TEXT, words), data(DATA, bytes, true)];
    encode::elf(TEXT, &segments, symbols)
}

#[test]
fn exit_codes_that_no_shell_has_are_failures() {
    let desk = Desk::new();
    for code in [1, 2, 255, 256, 1 << 16, 1 << 31, u32::MAX] {
        let file = desk.file("guest", &elf(&exit_with(code), b"data", &[]));
        // Modulo 256 the fourth would be success.
        let run = line("run {}", &[&file]);
        assert!(fails(&run, 1).contains(&format!("exit code {code}")));
        let count = line("count {} --json", &[&file]);
        fails(&count, 1);
        let report: Value = serde_json::from_str(&stdout(&count)).expect("one JSON object");
        assert_eq!(report["exit_code"], code);
        assert_eq!(report["success"], false);
        let out = desk.path("out");
        fails(&line("prove {} -o {}", &[&file, &out]), 1);
        assert!(!out.exists(), "no proof of a failure");
    }
    let file = desk.file("guest", &elf(&exit_with(0), b"data", &[]));
    succeeds(&line("run {}", &[&file]));
}

/// Codes that clear a screen, set a title, go back; bytes that are no text.
const ESCAPES: &[u8] = b"\x1b[2J\x1b]0;title\x07\xff\xfe\x9b\x08\r\x7f\xc2\x9b31m end\n";

fn has_controls(shown: &[u8]) -> bool {
    let shown = String::from_utf8_lossy(shown).into_owned();
    // A terminal gets its line ends with a return before.
    let shown = shown.replace("\r\n", "\n");
    shown
        .chars()
        .any(|c| c.is_control() && c != '\n' && c != '\t')
}

#[test]
fn no_escape_code_of_a_guest_s_text_reaches_a_terminal() {
    let desk = Desk::new();
    for descriptor in [1, 2] {
        let words = [write(descriptor, ESCAPES.len() as u32), exit_with(0)].concat();
        let file = desk.file("guest", &elf(&words, ESCAPES, &[]));
        // A pipe gets the bytes as they are.
        let piped = line("run {}", &[&file]);
        let bytes = if descriptor == 1 {
            &piped.stdout
        } else {
            &piped.stderr
        };
        assert!(bytes.windows(ESCAPES.len()).any(|window| window == ESCAPES));

        // Another program that has a terminal for us; not every system has it.
        let command = format!("{} run {}", env!("CARGO_BIN_EXE_tracelane"), file.display());
        let script = Command::new("script")
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .env("TERM", "dumb")
            .stdin(Stdio::null())
            .output();
        let Ok(script) = script else {
            eprintln!("SKIPPED: no command `script`");
            return;
        };
        assert!(script.status.success(), "{script:?}");
        let shown = String::from_utf8_lossy(&script.stdout).into_owned();
        assert!(
            shown.contains("\\u{1b}[2J") && shown.contains(" end"),
            "{shown:?}"
        );
        // Those of our own progress report, if any, are about lines and colours only; the guest's are
        // recognised by what stands behind them.
        for code in ["\x1b[2J", "\x1b]0;", "\x07", "\x08", "\x7f", "\u{9b}"] {
            assert!(!shown.contains(code), "{code:?} in {shown:?}");
        }
    }
}

#[test]
fn no_escape_code_of_a_symbol_reaches_standard_error() {
    let desk = Desk::new();
    let symbols = [("\x1b[2Jevil\x07", TEXT)];
    let file = desk.file("guest", &elf(&[EBREAK], b"data", &symbols));
    for words in ["run {}", "count {}", "count {} --by function"] {
        let output = line(words, &[&file]);
        fails(&output, 1);
        assert!(
            stderr(&output).contains("evil"),
            "{words}: {}",
            stderr(&output)
        );
        assert!(
            !has_controls(&output.stderr),
            "{words}: {:?}",
            stderr(&output)
        );
        assert!(
            !has_controls(&output.stdout),
            "{words}: {:?}",
            stdout(&output)
        );
    }
    let words = exit_with(0);
    let file = desk.file("guest", &elf(&words, b"data", &symbols));
    let breakdown = tracelane(&["count", "--by", "function", &file.to_string_lossy()]);
    let shown = succeeds(&breakdown);
    assert!(
        shown.contains("evil") && !has_controls(shown.as_bytes()),
        "{shown:?}"
    );
}

#[test]
fn faults_name_the_nearest_symbol() {
    let desk = Desk::new();
    let words = [
        li(5, DATA + 2).as_slice(),
        &[encode::load(2, 6, 5, 0), EBREAK],
    ]
    .concat();
    let symbols = [("start", TEXT), ("table", DATA)];
    let file = desk.file("guest", &elf(&words, b"data", &symbols));
    let message = fails(&line("run {}", &[&file]), 1);
    for part in [
        "misaligned load of 4 bytes",
        "pc 0x00010008",
        "<start+0x8>",
        "`lw t1, 0(t0)`",
        "address 0x00100002",
        "cycle 2",
    ] {
        assert!(message.contains(part), "{part} in: {message}");
    }
}
