//! `run` and `count`: execution alone. `run` gives stdout to the guest, `count` to the report, which
//! can also say where the cycles went.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tracelane::limits::{INTERVAL_CYCLES, PAGE_BYTES};
use tracelane::profile::{Ending, Profile, ProfileOptions, profile};
use tracelane::vm::RunResult;

use crate::args::{By, CountOptions, RunOptions};
use crate::failure::Failure;
use crate::guest::{Guest, Terminal, check_exit_code, save_output};
use crate::{format, interrupt, profile_file};

/// Lines of a breakdown that a person gets to see.
const BREAKDOWN_LINES_MAX: usize = 40;

/// `tracelane run`.
pub fn run(options: &RunOptions) -> Result<(), Failure> {
    let from = &options.guest;
    let guest = Guest::read(&from.elf, from.input.as_deref(), &from.limits)?;
    let stdout_is_guests = !options.json;
    let start = Instant::now();
    let outcome = guest.run(INTERVAL_CYCLES, None, &mut Terminal { stdout_is_guests });
    let duration = start.elapsed();
    if let Ok(result) = &outcome {
        save_output(from.output.as_deref(), result)?;
    }
    if options.json {
        format::print_json(&report(&guest, &outcome, duration))?;
    } else if let Ok(result) = &outcome {
        let (cycles, speed) = (result.cycles, format::speed(result.cycles, duration));
        let cycles = format::count(cycles);
        eprintln!("exit code {}, {cycles} cycles, {speed}", result.exit_code);
    }
    check_exit_code(&outcome?)
}

/// `tracelane count`.
pub fn count(options: &CountOptions) -> Result<(), Failure> {
    let from = &options.run.guest;
    let guest = Guest::read(&from.elf, from.input.as_deref(), &from.limits)?;
    let mut text = Terminal {
        stdout_is_guests: false,
    };
    let start = Instant::now();
    let (outcome, profile) = if options.by.is_empty() && options.profile.is_none() {
        (guest.run(INTERVAL_CYCLES, None, &mut text), None)
    } else {
        let measured = ProfileOptions {
            limits: guest.limits(),
            memory: from.limits.guest_memory,
            sample_cycles: options.profile.is_some().then_some(options.sample_cycles),
            cancel: Some(interrupt::flag()),
        };
        let profile = profile(&guest.program, &guest.input, &measured, &mut text);
        let profile = profile.map_err(|error| Failure::Pass(error.into()))?;
        (outcome_of(&guest, &profile), Some(profile))
    };
    let duration = start.elapsed();
    if let Ok(result) = &outcome {
        save_output(from.output.as_deref(), result)?;
    }
    if let (Some(path), Some(profile)) = (&options.profile, &profile) {
        let name = from.elf.file_stem().unwrap_or_default().to_string_lossy();
        profile_file::write(path, &name, &profile.samples)?;
    }
    if options.run.json {
        let mut report = report(&guest, &outcome, duration);
        if let Some(profile) = &profile {
            add_breakdowns(&mut report, options, &guest, profile);
        }
        format::print_json(&report)?;
    } else {
        if let Ok(result) = &outcome {
            format::print_fields(&fields(&guest, result, duration))?;
        }
        if let Some(profile) = &profile {
            print_breakdowns(options, &guest, profile)?;
        }
    }
    check_exit_code(&outcome?)
}

fn outcome_of(guest: &Guest<'_>, profile: &Profile) -> Result<RunResult, Failure> {
    match &profile.ending {
        Ending::Exit(result) => Ok(result.clone()),
        Ending::Trap(trap) => Err(Failure::Guest(trap.explain(&guest.program))),
        Ending::Cancelled => Err(Failure::Interrupted(Some(profile.cycles))),
    }
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
fn report(guest: &Guest<'_>, outcome: &Result<RunResult, Failure>, duration: Duration) -> Value {
    let mut report = json!({
        "schema": "tracelane.run",
        "schema_version": 1,
        "success": outcome.as_ref().is_ok_and(|result| result.exit_code == 0),
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
        Err(Failure::Guest(fault)) => {
            report["total_num_cycles"] = fault.trap.cycle.into();
            report["crashed"] = json!({
                "reason": fault.trap.kind.to_string(),
                "pc": fault.trap.pc,
                "address": fault.trap.address,
                "instruction": fault.instruction,
                "symbol": fault.symbol,
            });
        }
        Err(Failure::Interrupted(cycle)) => {
            report["total_num_cycles"] = (*cycle).into();
            report["interrupted"] = true.into();
        }
        Err(_) => {}
    }
    report
}

fn add_breakdowns(
    report: &mut Value,
    options: &CountOptions,
    guest: &Guest<'_>,
    profile: &Profile,
) {
    for by in &options.by {
        match by {
            By::Opcode => {
                report["opcode_cycles"] = json!(profile.counts.by_opcode(&guest.program));
            }
            By::Function => {
                report["function_cycles"] = json!(profile.counts.by_function(&guest.program));
            }
            By::Region => {
                let regions = profile.regions.list.iter();
                let cycles = regions.map(|region| (&region.name, region.cycles));
                report["region_cycles"] = json!(cycles.collect::<BTreeMap<_, _>>());
                report["unmatched_region_marks"] = profile.regions.unmatched.into();
            }
        }
    }
}

fn print_breakdowns(
    options: &CountOptions,
    guest: &Guest<'_>,
    profile: &Profile,
) -> Result<(), Failure> {
    for by in &options.by {
        let (title, lines): (&str, Vec<(String, u64)>) = match by {
            By::Opcode => {
                let counts = profile.counts.by_opcode(&guest.program);
                (
                    "opcode",
                    counts
                        .into_iter()
                        .map(|(name, n)| (name.to_owned(), n))
                        .collect(),
                )
            }
            By::Function => (
                "function",
                profile
                    .counts
                    .by_function(&guest.program)
                    .into_iter()
                    .collect(),
            ),
            By::Region => {
                let regions = profile.regions.list.iter();
                (
                    "region",
                    regions
                        .map(|region| (region.name.clone(), region.cycles))
                        .collect(),
                )
            }
        };
        format::print_breakdown(title, lines, profile.cycles, BREAKDOWN_LINES_MAX)?;
    }
    Ok(())
}
