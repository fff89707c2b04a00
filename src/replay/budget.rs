//! Checkpoints within a byte budget: the shortest interval whose file is small enough.
//!
//! In: a program, an input, a number of bytes. Out: the run's result, and its checkpoint file. How many
//! bytes an interval needs is known when the run has ended, so intervals are tried in turn, each
//! twice as long as the one before and given up as soon as its file is too large. Since files grow
//! with the cycles they cover, all tries together take about twice the time of the last one.

use super::fast_pass::{FastPass, PassError, fast_pass};
use crate::checkpoint::{CheckpointSink, CheckpointWriter, RunIdentity, StoreError};
use crate::limits::INTERVAL_CYCLES_MIN;
use crate::program::Program;
use crate::vm::{RunResult, TextSink};

/// Runs `program` on `input` and leaves a checkpoint file of at most `budget_bytes`, with as many
/// checkpoints as go into it: the interval is `INTERVAL_CYCLES_MIN` doubled as often as need be,
/// whatever `pass` says. `create` begins the file of a run; `text` is written to once.
///
/// # Errors
/// [`PassError`]; [`StoreError::Budget`] where even two checkpoints are too much.
pub fn fast_pass_within(
    program: &Program,
    input: &[u8],
    pass: &FastPass<'_>,
    budget_bytes: u64,
    create: &mut dyn FnMut(&RunIdentity) -> Result<CheckpointWriter, StoreError>,
    text: &mut dyn TextSink,
) -> Result<(RunResult, CheckpointWriter), PassError> {
    let mut shown_bytes = 0;
    let mut interval = INTERVAL_CYCLES_MIN;
    loop {
        let pass = FastPass { interval, ..*pass };
        let mut writer = create(&pass.identity(program, input))?.within(budget_bytes);
        let mut again = ShownOnce {
            text,
            shown_bytes: &mut shown_bytes,
            seen_bytes: 0,
        };
        match fast_pass(program, input, &pass, Some(&mut writer), &mut again) {
            // Before the end of the first interval lie only states that every file has.
            Err(PassError::Store(StoreError::Budget { cycle, .. })) if cycle >= interval => {
                interval = interval.saturating_mul(2);
            }
            Err(error) => {
                // The next one would begin with the shortest interval again.
                writer.discard();
                return Err(error);
            }
            Ok(result) => return Ok((result, writer)),
        }
    }
}

/// Text of a run that has partly been shown already, by a try that was given up.
struct ShownOnce<'a> {
    text: &'a mut dyn TextSink,
    shown_bytes: &'a mut u64,
    seen_bytes: u64,
}

impl TextSink for ShownOnce<'_> {
    fn write_text(&mut self, descriptor: u32, bytes: &[u8]) {
        let known = (*self.shown_bytes - self.seen_bytes).min(bytes.len() as u64);
        self.seen_bytes += bytes.len() as u64;
        *self.shown_bytes += bytes.len() as u64 - known;
        if known < bytes.len() as u64 {
            self.text.write_text(descriptor, &bytes[known as usize..]);
        }
    }
}
