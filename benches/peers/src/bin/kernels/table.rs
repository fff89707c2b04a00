//! A table of entries that are timed in turns, and its print.

use std::hint::black_box;
use std::time::Instant;

const TURNS: usize = 31;
/// Seconds one turn of one entry takes at least.
const TURN_SECONDS: f64 = 0.004;

struct Entry {
    name: String,
    run: Box<dyn FnMut()>,
    nanos: Vec<f64>,
}

/// Entries that do the same work; the first is what the others are compared with.
pub struct Table {
    title: String,
    /// Cells, rows or outputs of one run.
    count: usize,
    entries: Vec<Entry>,
}

impl Table {
    pub fn new(title: impl Into<String>, count: usize) -> Self {
        Self {
            title: title.into(),
            count,
            entries: Vec::new(),
        }
    }

    pub fn entry<R>(&mut self, name: impl Into<String>, mut run: impl FnMut() -> R + 'static) {
        self.entries.push(Entry {
            name: name.into(),
            run: Box::new(move || {
                black_box(run());
            }),
            nanos: Vec::new(),
        });
    }

    /// Measures and prints: nanoseconds each and their ratio to the first entry, medians; then the least
    /// of the turns, which says more where others work on the machine.
    pub fn print(mut self) {
        let repeats: Vec<usize> = self
            .entries
            .iter_mut()
            .map(|entry| {
                (entry.run)();
                let start = Instant::now();
                (entry.run)();
                (TURN_SECONDS / start.elapsed().as_secs_f64()).ceil() as usize
            })
            .collect();
        for _ in 0..TURNS {
            for (entry, repeats) in self.entries.iter_mut().zip(&repeats) {
                let start = Instant::now();
                (0..*repeats).for_each(|_| (entry.run)());
                let seconds = start.elapsed().as_secs_f64();
                entry
                    .nanos
                    .push(seconds * 1e9 / (*repeats * self.count) as f64);
            }
        }
        println!("\n{}", self.title);
        let mut first = None;
        for entry in &mut self.entries {
            entry.nanos.sort_by(f64::total_cmp);
            let median = entry.nanos[TURNS / 2];
            let first = *first.get_or_insert(median);
            let (ratio, least) = (median / first, entry.nanos[0]);
            println!("  {:52}{median:9.3} ns{ratio:8.2} x{least:12.3} ns", entry.name);
        }
    }
}
