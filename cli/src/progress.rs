//! Progress of long runs: a line on stderr, only where stderr is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A progress line; it erases itself when dropped.
pub struct Progress(ProgressBar);

impl Progress {
    /// A line for work of unknown length, counted in cycles.
    pub fn cycles(what: &'static str) -> Self {
        Self::new(
            ProgressBar::new_spinner(),
            what,
            "{spinner} {msg}: {human_pos} cycles",
        )
    }

    /// A line for sweeps over `rows` rows each; the number of sweeps is not known beforehand.
    pub fn rows(what: &'static str) -> Self {
        Self::new(
            ProgressBar::new_spinner(),
            what,
            "{spinner} {msg}: {human_pos} rows regenerated",
        )
    }

    fn new(bar: ProgressBar, what: &'static str, template: &str) -> Self {
        let speed = format!("{template}, {{per_sec}}, {{elapsed}}");
        if let Ok(style) = ProgressStyle::with_template(&speed) {
            bar.set_style(style);
        }
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// `count` more are done.
    pub fn add(&self, count: u64) {
        self.0.inc(count);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
