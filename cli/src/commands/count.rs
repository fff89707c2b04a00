//! `run` and `count`: execution alone. `run` gives stdout to the guest, `count` to the report, which
//! can also say where the cycles went. Both report a run that ended early up to where it did.

use std::time::{Duration, Instant};

use tracelane::limits::INTERVAL_CYCLES;
use tracelane::profile::{Ending, Profile, ProfileOptions, profile};
use tracelane::vm::RunResult;

use crate::args::{CountOptions, RunOptions};
use crate::failure::Failure;
use crate::guest::{Guest, check_exit_code, save_output};
use crate::profile_file::{self, Format};
use crate::progress::Progress;
use crate::terminal::Terminal;
use crate::{format, interrupt};

mod breakdown;
mod report;

use report::Report;

/// `tracelane run`.
pub fn run(options: &RunOptions) -> Result<(), Failure> {
    let from = &options.guest;
    let guest = Guest::read(&from.elf, from.input.as_deref(), &from.limits)?;
    let mut text = Terminal::new(!options.json);
    let start = Instant::now();
    let outcome = guest.run(INTERVAL_CYCLES, None, &mut text);
    let report = Report::new(&guest, &outcome, start.elapsed());
    let written = text.close();
    let saved = outcome
        .as_ref()
        .map_or(Ok(()), |result| save_output(from.output.as_deref(), result));
    let printed = match options.json {
        true => format::print_json(&report.json()),
        false => {
            report.line().inspect(|line| format::note(line));
            Ok(())
        }
    };
    verdict(outcome, written.and(saved).and(printed))
}

/// `tracelane count`.
pub fn count(options: &CountOptions) -> Result<(), Failure> {
    let from = &options.run.guest;
    let profile_to = match options.profile.as_deref() {
        Some(path) => Some((path, Format::of(path)?)),
        None => None,
    };
    let guest = Guest::read(&from.elf, from.input.as_deref(), &from.limits)?;
    let mut text = Terminal::new(false);
    let start = Instant::now();
    let (outcome, profile) = match options.by.is_empty() && profile_to.is_none() {
        true => (guest.run(INTERVAL_CYCLES, None, &mut text), None),
        false => measure(options, &guest, &mut text),
    };
    let duration = start.elapsed();
    let written = text.close();
    let saved = outcome
        .as_ref()
        .map_or(Ok(()), |result| save_output(from.output.as_deref(), result));
    let profiled = match (profile_to, &profile) {
        (Some((path, format)), Some(profile)) => {
            let name = from.elf.file_stem().unwrap_or_default().to_string_lossy();
            profile_file::write(path, format, &name, &profile.samples)
        }
        _ => Ok(()),
    };
    let printed = print(options, &guest, &outcome, profile.as_ref(), duration);
    verdict(outcome, written.and(saved).and(profiled).and(printed))
}

/// Runs the guest with a profile, which says how far it came whatever the outcome.
fn measure(
    options: &CountOptions,
    guest: &Guest<'_>,
    text: &mut Terminal,
) -> (Result<RunResult, Failure>, Option<Profile>) {
    let progress = Progress::cycles("running");
    let report = |cycles| progress.add(cycles);
    let measured = ProfileOptions {
        limits: guest.limits(),
        memory: guest.options.guest_memory,
        sample_cycles: options.profile.is_some().then_some(options.sample_cycles),
        cancel: Some(interrupt::flag()),
        progress: Some(&report),
    };
    let profile = match profile(&guest.program, &guest.input, &measured, text) {
        Ok(profile) => profile,
        Err(error) => return (Err(Failure::Pass(error.into())), None),
    };
    let outcome = match &profile.ending {
        Ending::Exit(result) => Ok(result.clone()),
        Ending::Trap(trap) => Err(guest.failure(*trap)),
        Ending::Cancelled => Err(Failure::Interrupted(Some(profile.cycles))),
    };
    (outcome, Some(profile))
}

fn print(
    options: &CountOptions,
    guest: &Guest<'_>,
    outcome: &Result<RunResult, Failure>,
    profile: Option<&Profile>,
    duration: Duration,
) -> Result<(), Failure> {
    let report = Report::new(guest, outcome, duration);
    if options.run.json {
        let mut json = report.json();
        if let Some(profile) = profile {
            breakdown::add(&mut json, &options.by, guest, profile);
        }
        return format::print_json(&json);
    }
    format::print_fields(&report.fields())?;
    match profile {
        Some(profile) => breakdown::print(&options.by, guest, profile),
        None => Ok(()),
    }
}

/// What is said of the run where it failed, and what went wrong with the saying where it did not: a
/// reader that went away must not make a failed guest look good.
fn verdict(outcome: Result<RunResult, Failure>, said: Result<(), Failure>) -> Result<(), Failure> {
    check_exit_code(&outcome?)?;
    said
}
