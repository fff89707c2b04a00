//! What checkpoints cost: the pass that leaves them against the plain fast pass, restoring an image
//! against copying as many bytes and against a private map of them, thinning, budgets, single values,
//! and what a sweep saves that asks for fewer columns.
//!
//! `cargo bench --bench checkpoints` prints tables; `-- passes`, `-- restores`, `-- overlay`, `-- sizes`,
//! `-- reads` one of them; with `cpu` they are of processor time, for a machine that is busy. Entries are
//! measured in turns; ratios are medians of the turns'. PERF.md, section C.
#![expect(
    unsafe_code,
    reason = "a private map of a file, to measure what the engine does without it"
)]

#[path = "../tests/support/encode.rs"]
mod encode;
#[path = "../tests/support/guests.rs"]
mod guests;
#[path = "../tests/support/random.rs"]
mod random;
#[path = "../tests/support/stored.rs"]
mod stored;
#[path = "support/turns.rs"]
mod turns;

use std::cell::Cell;
use std::hint::black_box;
use std::io::Write;
use std::time::Duration;

use guests::{ALL, Guest};
use memmap2::MmapOptions;
use random::Random;
use tracelane::Program;
use tracelane::checkpoint::{
    CheckpointFile, CheckpointSink, CheckpointSource, CheckpointState, CheckpointWriter,
    MemoryStore, PageContent, RunSummary, StoreError, WrittenPage, thin, thinned_identity,
};
use tracelane::limits::PAGE_BYTES;
use tracelane::oracle::{PolynomialOracle, StreamingOracle};
use tracelane::replay::{
    FastPass, ReplayOptions, Replayer, Run, fast_pass, fast_pass_within, replay_rows,
};
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane::vm::{DiscardText, MemoryKind};
use turns::{in_turns, processor_of_this, timed};

/// Turns of what takes tens of milliseconds.
const ROUNDS: usize = 9;

/// log2 of the cycles of each guest: enough for a few hundred checkpoints.
const CYCLES_LOG2: u32 = 24;

/// A guest's program and input.
fn subject(guest: &Guest, cycles_log2: u32) -> (Program, Vec<u8>) {
    let program = Program::from_elf(&guest.elf()).expect(guest.name);
    (program, guest.input(cycles_log2))
}

/// A sink that looks how long its thread has had a processor when it has the last checkpoint.
struct Watched<'a> {
    sink: &'a mut dyn CheckpointSink,
    left: usize,
    processor: Option<Duration>,
}

impl CheckpointSink for Watched<'_> {
    fn append(
        &mut self,
        state: &CheckpointState,
        written: &mut dyn ExactSizeIterator<Item = WrittenPage<'_>>,
    ) -> Result<(), StoreError> {
        self.sink.append(state, written)?;
        self.left -= 1;
        if self.left == 0 {
            self.processor = processor_of_this();
        }
        Ok(())
    }

    fn finish(&mut self, summary: &RunSummary) -> Result<(), StoreError> {
        self.sink.finish(summary)
    }
}

fn passes() {
    println!(
        "\ncheckpointing passes of about 2^{CYCLES_LOG2} cycles, interval 2^16, and the plain one; with two threads also the processor time of the one that stores"
    );
    println!(
        "| guest | plain, M cycles/s | into a file | two threads | storing | into memory | two threads | storing | checkpoints | file |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for guest in ALL {
        let ((program, input), pass) = (subject(guest, CYCLES_LOG2), FastPass::default());
        let identity = pass.identity(&program, &input);
        let file = stored::scratch(&program, &input, &pass);
        let run = |sink: Option<&mut dyn CheckpointSink>, background| {
            let pass = FastPass { background, ..pass };
            let result = fast_pass(&program, &input, &pass, sink, &mut DiscardText);
            result.expect(guest.name).cycles
        };
        let storing = [Cell::default(), Cell::default()];
        let watched = |sink: &mut dyn CheckpointSink, background, storing: &Cell<Duration>| {
            let (left, processor) = (file.count(), None);
            let mut sink = Watched {
                sink,
                left,
                processor,
            };
            let time = timed(|| run(Some(&mut sink), background));
            storing.set(sink.processor.unwrap_or_default());
            time
        };
        let into_file = |background| {
            let mut writer = CheckpointWriter::scratch(&identity, &input).expect("a file");
            watched(&mut writer, background, &storing[0])
        };
        let into_memory = |background| {
            let mut store = MemoryStore::new(identity, &input);
            watched(&mut store, background, &storing[1])
        };
        let results = in_turns(
            ROUNDS,
            &mut [
                &mut || timed(|| run(None, false)),
                &mut || into_file(false),
                &mut || into_file(true),
                &mut || storing[0].get(),
                &mut || into_memory(false),
                &mut || into_memory(true),
                &mut || storing[1].get(),
            ],
        );
        let ratios: Vec<String> = results[1..]
            .iter()
            .map(|result| format!("{:.3}", result.ratio))
            .collect();
        println!(
            "| {} | {:.0} | {} | {} | {:.1} MiB |",
            guest.name,
            run(None, false) as f64 / results[0].seconds / 1e6,
            ratios.join(" | "),
            file.count(),
            file.file_bytes() as f64 / f64::from(1 << 20),
        );
    }
}

/// Pages of the image that is restored: 64 MiB.
const IMAGE_PAGES: usize = (64 << 20) / PAGE_BYTES;

/// Where they lie.
const FIRST_PAGE: u32 = 0x1000_0000 / PAGE_BYTES as u32;

/// A program of about 2^18 cycles that stores nothing, so that it never minds what is in memory.
fn idle() -> Program {
    let mut code = encode::li(15, 1 << 17).to_vec();
    code.push(encode::immediate(0, 9, 9, 1));
    code.push(encode::branch(1, 9, 15, -4));
    code.extend(encode::li(17, 93));
    code.push(encode::ECALL);
    let elf = encode::elf(0x1_0000, &[encode::text(0x1_0000, &code)], &[]);
    Program::from_elf(&elf).expect("a program")
}

/// Checkpoints of a run of which the second stores `IMAGE_PAGES` pages that it did not write.
fn image(program: &Program, input: &[u8], pass: &FastPass<'_>) -> CheckpointFile {
    let identity = pass.identity(program, input);
    let mut store = MemoryStore::new(identity, input);
    fast_pass(program, input, pass, Some(&mut store), &mut DiscardText).expect("a run");
    let mut writer = CheckpointWriter::scratch(&identity, input).expect("a scratch file");
    let pages = vec![[0xA5u8; PAGE_BYTES]; IMAGE_PAGES];
    for index in 0..store.count() {
        let mut written = Vec::new();
        if index == 1 {
            written.extend((0..).zip(&pages).map(|(page, bytes)| WrittenPage {
                page_index: FIRST_PAGE + page,
                content: PageContent::Bytes(bytes),
            }));
        }
        let appended = writer.append(&store.state(index), &mut written.into_iter());
        appended.expect("room on the disk");
    }
    writer.finish(store.summary()).expect("room on the disk");
    writer.into_file().expect("a finished file")
}

fn restores() {
    let program = idle();
    // What is executed besides is next to nothing.
    let pass = FastPass {
        interval: 1 << 12,
        ..FastPass::default()
    };
    let file = image(&program, &[], &pass);
    let run = Run::new(&program, &file).expect("its own program");
    let set: ColumnSet = [Column::PcIndex.id()].into_iter().collect();
    // A machine of its own each time, and one row behind the checkpoint.
    let new_machine = |memory| {
        let options = ReplayOptions {
            memory,
            ..ReplayOptions::default()
        };
        let rows = pass.interval..pass.interval + 1;
        let replayed = replay_rows(&run, &options, rows, set, &mut |view| {
            black_box(view.rows());
        });
        replayed.expect("sound checkpoints");
    };
    let options = ReplayOptions::default();
    let mut worker = Replayer::new(&run, &options).expect("a worker");
    let one_row = |worker: &mut Replayer<'_>| {
        let rows = pass.interval..pass.interval + 1;
        worker
            .rows(rows, set, &mut |_| {})
            .expect("sound checkpoints");
    };
    // The interval before did not write what its checkpoint says, and so its error leaves a worker that takes
    // nothing of its memory for granted.
    let mut in_use = Replayer::new(&run, &options).expect("a worker");
    let mut again = || {
        let wrong = in_use.rows(0..1, set, &mut |_| {});
        assert!(wrong.is_err(), "a boundary that differs");
        timed(|| one_row(&mut in_use))
    };
    let image = vec![0xA5u8; IMAGE_PAGES * PAGE_BYTES];
    let mut to = image.clone();
    let names = [
        "copy into memory in use",
        "copy into new memory",
        "restore into a new machine, reserved",
        "restore into a new machine, paged",
        "restore into a machine in use",
        "restore of what it has already",
    ];
    let results = in_turns(
        15,
        &mut [
            &mut || timed(|| black_box(&mut to).copy_from_slice(black_box(&image))),
            &mut || timed(|| image.clone()),
            &mut || timed(|| new_machine(MemoryKind::Reserved)),
            &mut || timed(|| new_machine(MemoryKind::Paged)),
            &mut again,
            &mut || timed(|| one_row(&mut worker)),
        ],
    );
    println!("\nrestoring {} MiB", image.len() >> 20);
    println!("| what | ms | GiB/s | of copying into memory in use |");
    println!("|---|---|---|---|");
    for (name, result) in names.iter().zip(results) {
        println!(
            "| {name} | {:.2} | {:.1} | {:.2} |",
            result.seconds * 1e3,
            image.len() as f64 / result.seconds / f64::from(1 << 30),
            result.ratio
        );
    }
}

/// Reads a word of every page that `touched` names, and writes one in every second of them.
fn work(memory: &mut [u8], touched: &[usize]) -> u64 {
    let mut sum = 0;
    for (count, page) in touched.iter().enumerate() {
        let byte = &mut memory[page * PAGE_BYTES + 64 * (count % 64)];
        sum += u64::from(*byte);
        *byte = byte.wrapping_add((count % 2) as u8);
    }
    sum
}

/// A worker's image copied once, against a private map of it whose pages the system copies when they
/// are first written. Before each, the memory is that of the restore before.
fn overlay() {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&vec![0xA5; IMAGE_PAGES * PAGE_BYTES])
        .expect("room");
    // SAFETY: the file has no name, nobody else has it, and its length stays.
    let shared = unsafe { MmapOptions::new().map(&file) }.expect("a map");
    let mut copy = shared.to_vec();
    let mut random = Random::new(1);
    println!(
        "\na worker's image of {} MiB: copied, or mapped privately",
        shared.len() >> 20
    );
    println!("| pages touched, half of them written | copied | mapped | mapped / copied |");
    println!("|---|---|---|---|");
    for pages in [16, 256, 1 << 10, 1 << 12, IMAGE_PAGES] {
        let touched: Vec<usize> = match pages {
            IMAGE_PAGES => (0..IMAGE_PAGES).collect(),
            pages => (0..pages)
                .map(|_| random.below(IMAGE_PAGES as u64) as usize)
                .collect(),
        };
        let results = in_turns(
            15,
            &mut [
                &mut || {
                    timed(|| {
                        copy.copy_from_slice(&shared);
                        work(&mut copy, &touched)
                    })
                },
                &mut || {
                    timed(|| {
                        // SAFETY: as above; what is written goes to this map alone.
                        let map = unsafe { MmapOptions::new().map_copy(&file) };
                        let mut map = map.expect("a map");
                        let sum = work(&mut map, &touched);
                        // Taking it back is a part of the next restore.
                        drop(map);
                        sum
                    })
                },
            ],
        );
        println!(
            "| {pages} | {:.2} ms | {:.2} ms | {:.2} |",
            results[0].seconds * 1e3,
            results[1].seconds * 1e3,
            results[1].ratio
        );
    }
}

fn sizes() {
    println!(
        "\nthinning and budgets, about 2^{CYCLES_LOG2} cycles, beside one pass with interval 2^16"
    );
    println!(
        "| guest | pass | plain | thin every 16 of interval 2^12 | a budget that interval 2^16 just meets |"
    );
    println!("|---|---|---|---|---|");
    for name in ["sha256", "sieve", "quicksort", "btree"] {
        let ((program, input), pass) = (
            subject(Guest::named(name), CYCLES_LOG2),
            FastPass::default(),
        );
        let fine = FastPass {
            interval: 1 << 12,
            ..pass
        };
        let file = stored::scratch(&program, &input, &fine);
        let every = 16.try_into().expect("at least 1");
        let identity = thinned_identity(&file, every).expect("a small interval");
        let budget_bytes = stored::scratch(&program, &input, &pass).file_bytes();
        let scratch = |identity| CheckpointWriter::scratch(identity, &input).expect("a file");
        let identity_of_pass = pass.identity(&program, &input);
        let results = in_turns(
            ROUNDS,
            &mut [
                &mut || {
                    let mut writer = scratch(&identity_of_pass);
                    let sink: Option<&mut dyn CheckpointSink> = Some(&mut writer);
                    timed(|| {
                        fast_pass(&program, &input, &pass, sink, &mut DiscardText).expect("a run")
                    })
                },
                &mut || {
                    timed(|| {
                        fast_pass(&program, &input, &pass, None, &mut DiscardText).expect("a run")
                    })
                },
                &mut || {
                    let mut writer = scratch(&identity);
                    timed(|| thin(&file, every, &mut writer).expect("room"))
                },
                &mut || {
                    timed(|| {
                        let mut create = |identity: &_| CheckpointWriter::scratch(identity, &input);
                        let text = &mut DiscardText;
                        fast_pass_within(&program, &input, &pass, budget_bytes, &mut create, text)
                            .expect("room")
                    })
                },
            ],
        );
        println!(
            "| {name} | {:.1} ms | {:.2} | {:.2} | {:.2} |",
            results[0].seconds * 1e3,
            results[1].ratio,
            results[2].ratio,
            results[3].ratio
        );
    }
}

/// Single values, and sweeps of fewer columns.
fn reads() {
    println!(
        "\none column of one row, about 2^{CYCLES_LOG2} cycles, interval 2^16, chunks of 2^11 rows"
    );
    println!("| guest | first of a chunk | again | the whole run, nine columns |");
    println!("|---|---|---|---|");
    for name in ["sha256", "quicksort"] {
        let ((program, input), pass) = (
            subject(Guest::named(name), CYCLES_LOG2),
            FastPass::default(),
        );
        let file = stored::scratch(&program, &input, &pass);
        let run = Run::new(&program, &file).expect("its own program");
        let oracle = StreamingOracle::new(run, ReplayOptions::default()).expect("a worker");
        let mut random = Random::new(2);
        let id = Column::RdAfter.id();
        let look = |row| oracle.evaluate_index(id, row).expect("a row");
        let (mut first, mut again) = (Vec::new(), Vec::new());
        for _ in 0..301 {
            let row = random.below(run.rows());
            first.push(timed(|| look(row)));
            again.push(timed(|| (0..1000).map(|_| look(black_box(row))).max()) / 1000);
        }
        let sweep = in_turns(
            3,
            &mut [&mut || timed(|| sweep(&oracle, Column::raw_set()))],
        );
        let median = |mut times: Vec<Duration>| {
            times.sort();
            times[times.len() / 2]
        };
        println!(
            "| {name} | {:.1} us | {} ns | {:.1} ms |",
            median(first).as_secs_f64() * 1e6,
            median(again).as_nanos(),
            sweep[0].seconds * 1e3
        );
    }

    println!("\nsweeps of about 2^22 rows by column set, one thread, ns a row");
    println!("| guest | two operands | nine raw columns | all 15 | nine / two | 15 / two |");
    println!("|---|---|---|---|---|---|");
    let operands = [Column::Rs1Value.id(), Column::Rs2Value.id()];
    for name in ["sha256", "quicksort", "btree"] {
        let ((program, input), pass) = (subject(Guest::named(name), 22), FastPass::default());
        let file = stored::scratch(&program, &input, &pass);
        let run = Run::new(&program, &file).expect("its own program");
        let oracle = StreamingOracle::new(run, ReplayOptions::default()).expect("a worker");
        let all = ColumnSet::first(Column::ALL.len());
        let results = in_turns(
            15,
            &mut [
                &mut || timed(|| sweep(&oracle, operands.into_iter().collect())),
                &mut || timed(|| sweep(&oracle, Column::raw_set())),
                &mut || timed(|| sweep(&oracle, all)),
            ],
        );
        let nanos = |index: usize| results[index].seconds * 1e9 / run.rows() as f64;
        println!(
            "| {name} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
            nanos(0),
            nanos(1),
            nanos(2),
            results[1].ratio,
            results[2].ratio
        );
    }
}

fn sweep(oracle: &StreamingOracle<'_>, set: ColumnSet) -> usize {
    let rows = oracle.sweep(set, 0, || 0, |n, view| *n += view.rows(), |a, b| a + b);
    rows.expect("sound checkpoints")
}

fn main() {
    let tables: [(&str, fn()); 5] = [
        ("passes", passes),
        ("restores", restores),
        ("overlay", overlay),
        ("sizes", sizes),
        ("reads", reads),
    ];
    let asked: Vec<String> = std::env::args().collect();
    if asked.iter().any(|word| word == "cpu") {
        turns::by_processor();
    }
    let any = tables
        .iter()
        .any(|(name, _)| asked.iter().any(|word| word == name));
    for (name, table) in tables {
        if !any || asked.iter().any(|word| word == name) {
            table();
        }
    }
}
