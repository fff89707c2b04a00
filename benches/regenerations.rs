//! The reference example of the small-space literature (Spartan in Jolt): a run of 2^20 cycles over
//! 1,000 words of memory, 16 intervals of 2^16 cycles, and a prover that needs its rows 40 times.
//!
//! `cargo bench --bench regenerations` prints the table. Peak memory is the process's own, as Linux
//! counts it, one process a line; processor time is that of all its threads, which other work on the
//! machine disturbs less than the clock.

#[path = "../tests/support/encode.rs"]
mod encode;
#[path = "../tests/support/peak.rs"]
mod peak;
#[path = "../tests/support/stored.rs"]
mod stored;
#[path = "support/turns.rs"]
mod turns;

use std::process::Command;
use std::time::Instant;

use encode::{branch, data, elf, immediate, li, load, register, shift, store, text};
use tracelane::Program;
use tracelane::checkpoint::CheckpointSource;
use tracelane::oracle::{PolynomialOracle, StreamingOracle};
use tracelane::replay::{FastPass, ReplayOptions, Run};
use tracelane::trace::columns::{Column, ColumnSet};

const CYCLES: u64 = 1 << 20;
const WORDS: u32 = 1000;
const REGENERATIONS: u32 = 40;
const TEXT: u32 = 0x1_0000;
const DATA: u32 = 0x2_0000;
const ECALL: u32 = 0x73;

/// Cycles of the loop's body, and of all that is not the loop.
const BODY: u64 = 8;
const REST: u64 = 16;

/// Multiplies one of `WORDS` words by a constant, the next one each time, for `CYCLES` cycles in all.
fn program() -> Program {
    let rounds = (CYCLES - REST) / BODY;
    let nop = immediate(0, 0, 0, 0);
    let (index, word, address, factor, words, base, end) = (9, 10, 8, 11, 14, 15, 16);
    let mut code = vec![nop; 5];
    code.extend(li(words, WORDS));
    code.extend(li(base, DATA));
    code.extend(li(factor, 0x9E37_79B1));
    code.extend(li(end, rounds as u32));
    code.extend([
        register(1, 7, address, index, words),
        shift(0, 1, address, address, 2),
        register(0, 0, address, address, base),
        load(2, word, address, 0),
        register(1, 0, word, word, factor),
        store(2, address, word, 0),
        immediate(0, index, index, 1),
        branch(1, index, end, -4 * (BODY as i32 - 1)),
    ]);
    code.extend(li(17, 93));
    code.push(ECALL);
    let seeds: Vec<u8> = (1..=WORDS).flat_map(u32::to_le_bytes).collect();
    let segments = [text(TEXT, &code), data(DATA, &seeds, true)];
    Program::from_elf(&elf(TEXT, &segments, &[])).expect("a program")
}

/// One line of the table: `REGENERATIONS` sweeps over `set` by `threads`.
fn regenerate(threads: usize, name: &str, set: ColumnSet) {
    let (program, pass) = (program(), FastPass::default());
    let file = stored::scratch(&program, &[], &pass);
    assert_eq!(file.summary().cycles, CYCLES);
    let run = Run::new(&program, &file).expect("its own program");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let pool = pool.build().expect("threads");
    let options = ReplayOptions {
        pool: Some(&pool),
        ..ReplayOptions::default()
    };
    let oracle = StreamingOracle::new(run, options).expect("workers");
    let (start, processor_start) = (Instant::now(), turns::processor_of_all());
    for _ in 0..REGENERATIONS {
        let rows = oracle.sweep(set, 0, || 0, |n, view| *n += view.rows(), |a, b| a + b);
        assert_eq!(rows.expect("sound checkpoints") as u64, CYCLES);
    }
    let total = start.elapsed();
    let spent = turns::processor_of_all().zip(processor_start);
    let spent = spent.map_or("unknown".to_owned(), |(end, start)| {
        let millis = (end - start).as_secs_f64() * 1e3;
        format!("{:.2} ms", millis / f64::from(REGENERATIONS))
    });
    let each = total / REGENERATIONS;
    let nanos = each.as_secs_f64() * 1e9 / CYCLES as f64;
    println!(
        "| {threads} | {name} | {:.2} ms | {nanos:.2} ns | {spent} | {:.1} ms | {} | {} KiB | {} KiB |",
        each.as_secs_f64() * 1e3,
        total.as_secs_f64() * 1e3,
        file.count(),
        file.file_bytes() >> 10,
        peak::peak_kib().map_or("unknown".to_owned(), |peak| peak.to_string()),
    );
}

fn main() {
    let sets: [(&str, ColumnSet); 2] = [
        (
            "operands",
            [Column::Rs1Value.id(), Column::Rs2Value.id()]
                .into_iter()
                .collect(),
        ),
        ("all 15", ColumnSet::first(Column::ALL.len())),
    ];
    // Called by itself for one line: the peak of a process is that of all it ever did.
    let asked: Vec<String> = std::env::args().collect();
    if let [_, "line", threads, set] = asked.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        let (name, set) = sets[set.parse::<usize>().expect("a set of columns")];
        return regenerate(threads.parse().expect("a number"), name, set);
    }
    println!("{REGENERATIONS} regenerations of {CYCLES} cycles over {WORDS} words, interval 2^16");
    println!(
        "| threads | columns | one | a row | processor | all {REGENERATIONS} | checkpoints | file | peak |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    for threads in if all > 1 { vec![1, all] } else { vec![1] } {
        for set in 0..sets.len() {
            let this = std::env::current_exe().expect("this benchmark");
            let mut line = Command::new(this);
            line.args(["line", &threads.to_string(), &set.to_string()]);
            assert!(line.status().expect("another process").success());
        }
    }
}
