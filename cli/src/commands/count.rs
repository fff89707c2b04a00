//! `run` and `count`: the fast pass alone. `run` gives stdout to the guest, `count` to the report.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tracelane::limits::{INTERVAL_CYCLES, PAGE_BYTES};
use tracelane::vm::RunResult;

use crate::args::RunOptions;
use crate::failure::Failure;
use crate::format;
use crate::guest::{Guest, Terminal, check_exit_code, save_output};

/// `tracelane run`.
pub fn run(options: &RunOptions) -> Result<(), Failure> {
    execute(options, !options.json)
}

/// `tracelane count`.
pub fn count(options: &RunOptions) -> Result<(), Failure> {
    execute(options, false)
}

fn execute(options: &RunOptions, stdout_is_guests: bool) -> Result<(), Failure> {
    let from = &options.guest;
    let guest = Guest::read(&from.elf, from.input.as_deref(), &from.limits)?;
    let start = Instant::now();
    let outcome = guest.run(INTERVAL_CYCLES, None, &mut Terminal { stdout_is_guests });
    let duration = start.elapsed();
    match &outcome {
        Ok(result) => {
            save_output(from.output.as_deref(), result)?;
            if options.json {
                format::print_json(&report(&guest, Ok(result), duration))?;
            } else if stdout_is_guests {
                let (cycles, speed) = (result.cycles, format::speed(result.cycles, duration));
                let cycles = format::count(cycles);
                eprintln!("exit code {}, {cycles} cycles, {speed}", result.exit_code);
            } else {
                format::print_fields(&fields(&guest, result, duration))?;
            }
        }
        Err(Failure::Guest(fault)) if options.json => {
            format::print_json(&report(&guest, Err(fault), duration))?;
        }
        Err(_) => {}
    }
    check_exit_code(&outcome?)
}

fn fields(
    guest: &Guest<'_>,
    result: &RunResult,
    duration: Duration,
) -> Vec<(&'static str, String)> {
    vec![
        ("cycles", format::count(result.cycles)),
        ("exit code", result.exit_code.to_string()),
        (
            "output",
            format::count(result.output.len() as u64) + " bytes",
        ),
        (
            "guest memory",
            format::bytes(result.backed_pages * PAGE_BYTES as u64),
        ),
        ("time", format::seconds(duration)),
        ("speed", format::speed(result.cycles, duration)),
        ("program", format::hex(&guest.program.digest())),
        ("input", format::hex(&guest.input_digest())),
        ("cycle limit", format::count(guest.options.max_cycles)),
        ("memory limit", format::bytes(guest.options.max_memory)),
    ]
}

/// The report of one run. All but `execution_duration` follows from program, input and limits.
fn report(
    guest: &Guest<'_>,
    outcome: Result<&RunResult, &tracelane::vm::Fault>,
    duration: Duration,
) -> Value {
    let mut report = json!({
        "schema": "tracelane.run",
        "schema_version": 1,
        "success": outcome.is_ok_and(|result| result.exit_code == 0),
        "execution_duration": format::duration_json(duration),
        "program_digest": format::hex(&guest.program.digest()),
        "input_digest": format::hex(&guest.input_digest()),
        "limits": {
            "cycles": guest.options.max_cycles,
            "memory_bytes": guest.options.max_memory,
            "text_bytes": guest.limits().text_bytes_max,
        },
    });
    match outcome {
        Ok(result) => {
            report["total_num_cycles"] = result.cycles.into();
            report["exit_code"] = result.exit_code.into();
            report["output_bytes"] = result.output.len().into();
            report["output_digest"] = blake3::hash(&result.output).to_hex().as_str().into();
            report["text_bytes"] = result.text_bytes.into();
            report["guest_memory_bytes"] = (result.backed_pages * PAGE_BYTES as u64).into();
        }
        Err(fault) => {
            report["total_num_cycles"] = fault.trap.cycle.into();
            report["crashed"] = json!({
                "reason": fault.trap.kind.to_string(),
                "pc": fault.trap.pc,
                "address": fault.trap.address,
                "instruction": fault.instruction,
                "symbol": fault.symbol,
            });
        }
    }
    report
}
