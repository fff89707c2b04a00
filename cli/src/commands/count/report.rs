//! The report of one run: for people and for scripts, whole or up to where the run ended early.
//!
//! In: a guest and the outcome of its run. Out: fields, one line, or a JSON object. All of it but the
//! duration follows from program, input and limits.

use std::time::Duration;

use serde_json::{Value, json};
use tracelane::limits::PAGE_BYTES;
use tracelane::vm::RunResult;

use crate::failure::Failure;
use crate::format;
use crate::guest::Guest;

/// What there is to say of a run.
pub struct Report<'a> {
    guest: &'a Guest<'a>,
    outcome: &'a Result<RunResult, Failure>,
    duration: Duration,
}

impl<'a> Report<'a> {
    /// Of a run of `guest` that took `duration`.
    pub fn new(
        guest: &'a Guest<'a>,
        outcome: &'a Result<RunResult, Failure>,
        duration: Duration,
    ) -> Self {
        Self {
            guest,
            outcome,
            duration,
        }
    }

    /// Retired instructions; none where no machine was made.
    fn cycles(&self) -> u64 {
        match self.outcome {
            Ok(result) => result.cycles,
            Err(Failure::Guest(fault)) => fault.trap.cycle,
            Err(Failure::Interrupted(cycle)) => cycle.unwrap_or(0),
            Err(_) => 0,
        }
    }

    /// Why the run has no result, or `None` where it has one or never began.
    fn cut_short(&self) -> Option<String> {
        match self.outcome {
            Err(Failure::Guest(fault)) => Some(fault.trap.kind.to_string()),
            Err(failure @ Failure::Interrupted(_)) => Some(failure.to_string()),
            _ => None,
        }
    }

    fn limits(&self) -> [(&'static str, String); 3] {
        let limits = self.guest.limits();
        [
            ("cycle limit", format::count(limits.cycles_max)),
            ("memory limit", format::bytes(limits.memory_bytes_max)),
            ("text limit", format::bytes(limits.text_bytes_max)),
        ]
    }

    /// For people who asked for a report.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![("cycles", format::count(self.cycles()))];
        if let Some(why) = self.cut_short() {
            fields.push(("ended early", why));
        }
        if let Ok(result) = self.outcome {
            let output = format::count(result.output.len() as u64) + " bytes";
            let memory = format::bytes(result.backed_pages * PAGE_BYTES as u64);
            fields.push(("exit code", result.exit_code.to_string()));
            fields.push(("output", output));
            fields.push(("guest memory", memory));
        }
        fields.extend([
            ("time", format::seconds(self.duration)),
            ("speed", format::speed(self.cycles(), self.duration)),
            ("program", format::hex(&self.guest.program.digest())),
            ("input", format::hex(&self.guest.input_digest())),
        ]);
        fields.extend(self.limits());
        fields
    }

    /// For people who asked for the guest's text; none where nothing ran.
    pub fn line(&self) -> Option<String> {
        let ended = match (self.outcome, self.cut_short()) {
            (Ok(result), _) => format!("exit code {}", result.exit_code),
            (Err(_), Some(_)) => "ended early".to_owned(),
            (Err(_), None) => return None,
        };
        let cycles = format::count(self.cycles());
        let speed = format::speed(self.cycles(), self.duration);
        let limits = self.limits().map(|(name, limit)| format!("{name} {limit}"));
        Some(format!(
            "{ended}, {cycles} cycles, {speed} ({})",
            limits.join(", ")
        ))
    }

    /// For scripts. `total_num_cycles`, `region_cycles` and `execution_duration` are always there.
    pub fn json(&self) -> Value {
        let (guest, outcome, limits) = (self.guest, self.outcome, self.guest.limits());
        let mut report = json!({
            "schema": "tracelane.run",
            "schema_version": 1,
            "success": outcome.as_ref().is_ok_and(|result| result.exit_code == 0),
            "total_num_cycles": self.cycles(),
            "region_cycles": {},
            "execution_duration": format::duration_json(self.duration),
            "program_digest": format::hex(&guest.program.digest()),
            "input_digest": format::hex(&guest.input_digest()),
            "limits": {
                "cycles": limits.cycles_max,
                "memory_bytes": limits.memory_bytes_max,
                "text_bytes": limits.text_bytes_max,
            },
        });
        match outcome {
            Ok(result) => {
                report["exit_code"] = result.exit_code.into();
                report["output_bytes"] = result.output.len().into();
                report["output_digest"] = blake3::hash(&result.output).to_hex().as_str().into();
                report["text_bytes"] = result.text_bytes.into();
                report["guest_memory_bytes"] = (result.backed_pages * PAGE_BYTES as u64).into();
            }
            Err(Failure::Guest(fault)) => {
                report["crashed"] = json!({
                    "reason": fault.trap.kind.to_string(),
                    "pc": fault.trap.pc,
                    "address": fault.trap.address,
                    "instruction": fault.instruction,
                    "symbol": fault.symbol,
                });
            }
            Err(Failure::Interrupted(_)) => report["interrupted"] = true.into(),
            Err(failure) => report["refused"] = failure.to_string().into(),
        }
        report
    }
}
