//! Formats: numbers, digests and durations as people and scripts read them.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::names::printable;

/// A digest in hexadecimal.
pub fn hex(digest: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*digest).to_hex().to_string()
}

/// A count with its digits in groups of three.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('_');
        }
        grouped.push(digit);
    }
    grouped
}

/// A size in the largest binary unit that leaves a whole part.
pub fn bytes(value: u64) -> String {
    indicatif::BinaryBytes(value).to_string()
}

/// A duration in seconds, to the tenth of a millisecond.
pub fn seconds(duration: Duration) -> String {
    format!("{:.4} s", duration.as_secs_f64())
}

/// Cycles a second, in millions.
pub fn speed(cycles: u64, duration: Duration) -> String {
    format!(
        "{:.0} M/s",
        cycles as f64 / duration.as_secs_f64().max(1e-9) / 1e6
    )
}

/// A duration as the zkVM benchmark tools write it.
pub fn duration_json(duration: Duration) -> Value {
    json!({ "secs": duration.as_secs(), "nanos": duration.subsec_nanos() })
}

/// Writes a line to stderr, if it can be written: what is wrong with stderr must not hide what is
/// wrong with a run.
pub fn note(line: &str) {
    let _unread = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints `value` on stdout as one JSON object.
pub fn print_json(value: &Value) -> Result<(), Failure> {
    writeln!(std::io::stdout().lock(), "{value:#}").map_err(Failure::Output)
}

/// Prints one line on stdout.
pub fn print_line(line: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout().lock(), "{line}").map_err(Failure::Output)
}

/// A part of `total` in percent.
pub fn share(part: u64, total: u64) -> String {
    format!("{:.1} %", 100.0 * part as f64 / total.max(1) as f64)
}

/// Prints lines of `name: value` on stdout, values aligned.
pub fn print_fields(fields: &[(&str, String)]) -> Result<(), Failure> {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut out = std::io::stdout().lock();
    for (name, value) in fields {
        writeln!(out, "{name:width$}  {value}").map_err(Failure::Output)?;
    }
    Ok(())
}

/// Prints names with their cycles and share of `total`, the largest first, at most `lines_max`.
pub fn print_breakdown(
    title: &str,
    mut lines: Vec<(String, u64)>,
    total: u64,
    lines_max: usize,
) -> Result<(), Failure> {
    lines.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut out = std::io::stdout().lock();
    let mut print = |cycles: &str, part: &str, name: &str| {
        // Names come from the guest: no control character of theirs reaches a terminal.
        let name = printable(name);
        writeln!(out, "{cycles:>16} {part:>7}  {name}").map_err(Failure::Output)
    };
    print("cycles", "share", title)?;
    for (name, cycles) in lines.iter().take(lines_max) {
        print(&count(*cycles), &share(*cycles, total), name)?;
    }
    let hidden = lines
        .iter()
        .skip(lines_max)
        .map(|(_, cycles)| cycles)
        .sum::<u64>();
    if hidden > 0 {
        print(
            &count(hidden),
            "",
            &format!("({} more)", lines.len() - lines_max),
        )?;
    }
    Ok(())
}
