//! Entries measured in turns, so that what else the machine does disturbs all of them alike: by the
//! clock, or by the time that the calling thread had a processor.

#![allow(dead_code, reason = "each benchmark takes the part it needs")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Whether processor time is counted.
static BY_PROCESSOR: AtomicBool = AtomicBool::new(false);

/// From now on counts processor time of the calling thread, for a machine that is busy. Linux only.
pub fn by_processor() {
    BY_PROCESSOR.store(true, Ordering::Relaxed);
}

/// What one entry came to.
pub struct Turns {
    /// Median.
    pub seconds: f64,
    /// Median of its times divided by the first entry's of the same turn.
    pub ratio: f64,
}

/// Measures `entries` one after the other, `rounds` times, after a turn that does not count. An entry
/// says itself how long what matters took.
pub fn in_turns(rounds: usize, entries: &mut [&mut dyn FnMut() -> Duration]) -> Vec<Turns> {
    let mut turn = || -> Vec<f64> {
        let times = entries.iter_mut().map(|entry| entry().as_secs_f64());
        times.collect()
    };
    turn();
    let turns: Vec<Vec<f64>> = (0..rounds).map(|_| turn()).collect();
    let of = |value: &dyn Fn(&[f64]) -> f64| median(turns.iter().map(|turn| value(turn)).collect());
    (0..turns[0].len())
        .map(|index| Turns {
            seconds: of(&|turn| turn[index]),
            ratio: of(&|turn| turn[index] / turn[0]),
        })
        .collect()
}

/// How long `work` takes.
pub fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let (start, start_processor) = (Instant::now(), processor());
    let result = std::hint::black_box(work());
    let (duration, end_processor) = (start.elapsed(), processor());
    // Giving it back is not what is measured.
    drop(result);
    match (start_processor, end_processor) {
        (Some(start), Some(end)) => end - start,
        _ => duration,
    }
}

/// How long the calling thread has had a processor, where that is counted.
fn processor() -> Option<Duration> {
    if !BY_PROCESSOR.load(Ordering::Relaxed) {
        return None;
    }
    processor_of_this()
}

/// How long the calling thread has had a processor, where the system tells.
pub fn processor_of_this() -> Option<Duration> {
    account(Path::new("/proc/thread-self"))
}

/// How long all threads of this process have had a processor, where the system tells.
pub fn processor_of_all() -> Option<Duration> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    threads.map(|thread| account(&thread.ok()?.path())).sum()
}

fn account(thread: &Path) -> Option<Duration> {
    // It is brought up to date when the scheduler is called.
    std::thread::yield_now();
    let account = std::fs::read_to_string(thread.join("schedstat")).ok()?;
    let nanos = account.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
