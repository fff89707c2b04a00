//! Proving: the field, the public facts and the thread pool that `prove` and `verify` share.

use ark_bn254::Fr;
use tracelane::limits::VARIABLE_COUNT_MAX;
use tracelane::replay::ReplayOptions as Replay;
use tracelane::sumcheck::PublicInstance;
use tracelane::vm::RunResult;
use tracelane_kernels::Kernels;

use crate::args::{KernelOptions, LimitOptions, ReplayOptions};
use crate::failure::Failure;
use crate::guest::Guest;
use crate::interrupt;

/// The field of every proof that the command makes or checks.
pub type Field = Fr;

/// The public facts of a run of `guest` with this result.
pub fn instance(guest: &Guest<'_>, result: &RunResult, num_vars: usize) -> PublicInstance {
    PublicInstance {
        program_digest: guest.program.digest(),
        input_digest: guest.input_digest(),
        output_digest: *blake3::hash(&result.output).as_bytes(),
        exit_code: result.exit_code,
        cycles: result.cycles,
        num_vars: num_vars as u32,
    }
}

/// log2 of the padded number of rows of a run of `cycles` cycles.
pub fn num_vars(cycles: u64) -> Result<usize, Failure> {
    match cycles <= 1 << VARIABLE_COUNT_MAX {
        true => Ok(cycles.next_power_of_two().trailing_zeros().max(1) as usize),
        false => Err(Failure::Arguments(format!(
            "{cycles} cycles can't be proven; at most 2^{VARIABLE_COUNT_MAX} can"
        ))),
    }
}

/// The kernels of the tier that `options` ask for.
pub fn kernels(options: &KernelOptions) -> Result<Kernels<Field>, Failure> {
    let missing = || Failure::Arguments(format!("this processor has no {}", options.tier));
    Kernels::for_tier(options.tier).ok_or_else(missing)
}

/// The threads that `options` ask for.
pub fn pool(options: &ReplayOptions) -> Result<rayon::ThreadPool, Failure> {
    let threads = options.threads.map_or(0, usize::from);
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let remedy = |error| {
        Failure::Arguments(format!(
            "cannot start the worker threads: {error}; lower --threads"
        ))
    };
    builder.build().map_err(remedy)
}

/// How to replay, as the options say.
pub fn replay<'a>(
    options: &ReplayOptions,
    kernels: &Kernels<Field>,
    limits: &LimitOptions,
    pool: &'a rayon::ThreadPool,
    progress: &'a (dyn Fn(u64) + Sync),
) -> Replay<'a> {
    Replay {
        chunk_rows: options.chunk_rows as usize,
        kernels: kernels.of_chunks(),
        memory: limits.guest_memory,
        pool: Some(pool),
        cancel: Some(interrupt::flag()),
        progress: Some(progress),
    }
}
