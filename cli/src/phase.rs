//! Phases: wall time by name, and what the process used at its peak.

use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::format;

/// Wall time of the phases of one command, in order.
#[derive(Default)]
pub struct Phases(Vec<(&'static str, Duration)>);

impl Phases {
    /// Runs `work` and books its time under `name`.
    pub fn time<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.0.push((name, start.elapsed()));
        result
    }

    /// All phases together.
    pub fn total(&self) -> Duration {
        self.0.iter().map(|(_, duration)| *duration).sum()
    }

    /// The time booked under `name`.
    pub fn of(&self, name: &str) -> Duration {
        self.0
            .iter()
            .filter(|(other, _)| *other == name)
            .map(|(_, duration)| *duration)
            .sum()
    }

    /// Name and duration of each phase.
    pub fn iter(&self) -> impl Iterator<Item = &(&'static str, Duration)> {
        self.0.iter()
    }

    /// An object with each phase's duration.
    pub fn to_json(&self) -> Value {
        let fields = self
            .0
            .iter()
            .map(|(name, duration)| ((*name).to_owned(), format::duration_json(*duration)));
        Value::Object(fields.collect::<Map<_, _>>())
    }
}

/// Resident memory of this process in bytes, where the system tells: `VmRSS:` now, `VmHWM:` at its
/// peak.
pub fn memory_bytes(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
