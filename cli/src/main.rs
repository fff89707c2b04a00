//! The `tracelane` command: what a person at a terminal or a script sees of the engine.
//!
//! In: arguments and files. Out: results on stdout, everything else on stderr, an exit code of
//! [`failure::Code`]. It decides nothing about runs, rows or proofs; the library does.

mod args;
mod commands;
mod failure;
mod files;
mod format;
mod guest;
mod interrupt;
mod names;
mod phase;
mod places;
mod planning;
mod profile_file;
mod progress;
mod proving;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Arguments, Command};
use crate::failure::Failure;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    interrupt::listen();
    let outcome = match arguments.command {
        Command::Run(options) => commands::count::run(&options),
        Command::Count(options) => commands::count::count(&options),
        Command::Checkpoint(options) => commands::checkpoint::checkpoint(&options),
        Command::Thin(options) => commands::thin::thin(&options),
        Command::Inspect(options) => commands::inspect::inspect(&options),
        Command::Rows(options) => commands::rows::rows(&options),
        Command::Seek(options) => commands::seek::seek(&options),
        Command::Diff(options) => commands::diff::diff(&options),
        Command::Export(options) => commands::export::export(&options),
        Command::Prove(options) => commands::prove::prove(&options),
        Command::Verify(options) => commands::verify::verify(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has had enough of it: not an error worth a word.
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            format::note(&format!("tracelane: {failure}"));
            failure.code().into()
        }
    }
}
