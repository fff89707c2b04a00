//! A guest as a command sees it: program, input, limits, and where its text goes.
//!
//! In: [`GuestOptions`]. Out: runs of the library's fast pass with their failures explained.

use std::io::{IsTerminal, Write};

use tracelane::Program;
use tracelane::checkpoint::CheckpointSink;
use tracelane::replay::{FastPass, PassError, fast_pass};
use tracelane::vm::{Limits, RunResult, TextSink};

use crate::args::GuestOptions;
use crate::failure::Failure;
use crate::files;
use crate::progress::Progress;

/// A program and its input, read and checked.
pub struct Guest<'a> {
    pub options: &'a GuestOptions,
    pub program: Program,
    pub input: Vec<u8>,
}

impl<'a> Guest<'a> {
    /// Reads the files that `options` name.
    pub fn read(options: &'a GuestOptions) -> Result<Self, Failure> {
        let program = files::program(&options.elf)?;
        let input = files::read_input(options.input.as_deref())?;
        Ok(Self { options, program, input })
    }

    /// BLAKE3 of the input.
    pub fn input_digest(&self) -> [u8; 32] {
        *blake3::hash(&self.input).as_bytes()
    }

    /// The limits that the options set.
    pub fn limits(&self) -> Limits {
        Limits {
            cycles_max: self.options.max_cycles,
            memory_bytes_max: self.options.max_memory,
            ..Limits::default()
        }
    }

    /// Runs the guest to its end, and saves what it published where that is asked for.
    pub fn run(
        &self,
        interval: Option<u64>,
        sink: Option<&mut dyn CheckpointSink>,
        text: &mut dyn TextSink,
    ) -> Result<RunResult, Failure> {
        let progress = Progress::cycles("running");
        let report = |cycles| progress.add(cycles);
        let mut pass = FastPass {
            limits: self.limits(),
            memory: self.options.guest_memory,
            progress: Some(&report),
            ..FastPass::default()
        };
        pass.interval = interval.unwrap_or(pass.interval);
        let result = fast_pass(&self.program, &self.input, &pass, sink, text);
        result.map_err(|error| match error {
            PassError::Trap(trap) => Failure::Guest(trap.explain(&self.program)),
            PassError::Store(error) => Failure::Store(error),
            error => Failure::Pass(error),
        })
    }

    /// Saves the guest's output where `--output` says so.
    pub fn save_output(&self, result: &RunResult) -> Result<(), Failure> {
        match &self.options.output {
            Some(path) => files::write(path, &result.output),
            None => Ok(()),
        }
    }
}

/// Passes a guest's text on: descriptor 1 to stdout or, where stdout is for results, to stderr.
pub struct Terminal {
    /// Whether stdout is the guest's.
    pub stdout_is_guests: bool,
}

impl TextSink for Terminal {
    fn write_text(&mut self, descriptor: u32, bytes: &[u8]) {
        // A guest's text is not worth an error when nobody can read it.
        let _unread = if descriptor == 1 && self.stdout_is_guests {
            let stdout = std::io::stdout();
            write_plain(&mut stdout.lock(), bytes, stdout.is_terminal())
        } else {
            let stderr = std::io::stderr();
            write_plain(&mut stderr.lock(), bytes, stderr.is_terminal())
        };
    }
}

/// Writes guest text; to a terminal without control characters, which could rewrite the screen.
fn write_plain(out: &mut impl Write, bytes: &[u8], terminal: bool) -> std::io::Result<()> {
    if !terminal {
        return out.write_all(bytes);
    }
    for character in String::from_utf8_lossy(bytes).chars() {
        match character {
            '\n' | '\t' => write!(out, "{character}")?,
            _ if character.is_control() => write!(out, "{}", character.escape_unicode())?,
            _ => write!(out, "{character}")?,
        }
    }
    out.flush()
}
