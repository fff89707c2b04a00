//! Law: the first divergence of two runs is what a scan over all their rows finds, whatever the
//! intervals, threads and chunks; the lasting one is what a scan over their whole states leaves.

#[path = "support/encode.rs"]
mod encode;
#[path = "support/guests.rs"]
mod guests;
#[path = "support/random.rs"]
mod random;
#[path = "support/recorded.rs"]
mod recorded;

use std::sync::atomic::AtomicBool;

use guests::Guest;
use random::Random;
use rayon::ThreadPoolBuilder;
use recorded::Recorded;
use tracelane::Program;
use tracelane::limits::{INPUT_BASE, OUTPUT_BASE, PAGE_BYTES_LOG2};
use tracelane::replay::divergence::{Comparison, Divergence, Scope};
use tracelane::replay::{FastPass, ReplayError, ReplayOptions, Run, fast_pass, first_divergence};
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane::vm::{DiscardText, GuestMemory, Limits, Machine, NoRecorder, PagedMemory};

/// A run of `program` on `input`, if it ends within `cycles_max`.
fn record(program: Program, input: &[u8], cycles_max: u64) -> Option<Recorded> {
    let pass = FastPass {
        limits: Limits {
            cycles_max,
            ..Limits::default()
        },
        ..FastPass::default()
    };
    let result = fast_pass(&program, input, &pass, None, &mut DiscardText).ok()?;
    Some(Recorded {
        program,
        input: input.to_vec(),
        result,
    })
}

fn set_of_row(a: &[Vec<u32>], b: &[Vec<u32>], row: usize) -> ColumnSet {
    let columns = Column::ALL.iter();
    columns
        .filter(|&&column| column != Column::PcIndex)
        .map(|column| column.id())
        .filter(|id| a[id.index()][row] != b[id.index()][row])
        .collect()
}

/// The slow reference: every row from `first` on.
fn scan(a: &Recorded, b: &Recorded, first: u64) -> Divergence {
    let (left, right) = (a.trace(), b.trace());
    let rows = a.result.cycles.min(b.result.cycles);
    for row in first..rows {
        let columns = set_of_row(&left, &right, row as usize);
        if columns != ColumnSet::EMPTY {
            return Divergence::Row {
                cycle: row,
                columns,
            };
        }
    }
    match a.result.cycles == b.result.cycles {
        true => Divergence::None,
        false => Divergence::End { cycle: rows },
    }
}

fn compare(
    a: (&Recorded, u64),
    b: (&Recorded, u64),
    options: &ReplayOptions<'_>,
    scope: Scope,
) -> Result<Comparison, ReplayError> {
    let stores = [a, b].map(|(recorded, interval)| recorded.checkpoints(interval));
    let [left, right] = [(a.0, &stores[0]), (b.0, &stores[1])]
        .map(|(recorded, store)| Run::new(&recorded.program, store).expect("its own program"));
    first_divergence(&left, &right, options, scope)
}

/// Compares them in several ways, all of which must find what the scan finds.
fn check(a: &Recorded, b: &Recorded) -> Divergence {
    let expected = scan(a, b, 0);
    let pool = ThreadPoolBuilder::new().num_threads(3).build();
    let pool = pool.expect("three threads");
    let ways = [
        (1 << 16, 1 << 16, 1 << 11, None),
        (64, 64, 100, None),
        (100, 256, 64, Some(&pool)),
        (u64::MAX, 999, 1 << 12, Some(&pool)),
    ];
    for (interval_a, interval_b, chunk_rows, pool) in ways {
        let options = ReplayOptions {
            chunk_rows,
            pool,
            ..ReplayOptions::default()
        };
        let pair = ((a, interval_a), (b, interval_b));
        let found = compare(pair.0, pair.1, &options, Scope::First).expect("two sound runs");
        assert_eq!(found.divergence, expected, "{interval_a}, {interval_b}");
        assert_eq!(found.first_row, 0);
        if let (Some(cycle), Divergence::Row { cycle: row, .. }) =
            (found.checkpoint_cycle, found.divergence)
        {
            assert!(row < cycle, "row {row} differs before checkpoint {cycle}");
        }
        let reverse = compare(pair.1, pair.0, &options, Scope::First).expect("two sound runs");
        assert_eq!(reverse, found);
    }
    expected
}

#[test]
fn runs_on_random_inputs_part_where_a_scan_finds_it() {
    let mut numbers = Random::new(9);
    let mut random = |bound: u64| numbers.below(bound);
    let mut rows = 0;
    for count in 0..12 {
        let (name, inputs) = match count % 3 {
            0 => (
                "quicksort",
                [(); 2].map(|()| format!("{} {}", 20 + random(20), 1 + random(3)).into_bytes()),
            ),
            1 => (
                "sieve",
                [(); 2].map(|()| (100 + random(60)).to_string().into_bytes()),
            ),
            _ => {
                let text = vec![b'a'; 200 + random(200) as usize];
                let mut other = text.clone();
                let at = random(other.len() as u64) as usize;
                other[at] ^= 1 << random(8);
                ("sha256", [text, other])
            }
        };
        let [a, b] = inputs.map(|input| Recorded::new(name, &input));
        rows += u32::from(matches!(check(&a, &b), Divergence::Row { .. }));
    }
    assert!(rows >= 6, "{rows} of 12 pairs differ in a row");
}

#[test]
fn programs_that_differ_in_a_bit_part_where_a_scan_finds_it() {
    let elf = Guest::named("sieve").elf();
    let original = Recorded::new("sieve", b"100");
    let (mut random, mut compared, mut differ) = (Random::new(3), 0, 0);
    while compared < 16 {
        let mut mutant = elf.clone();
        // Text and constants of the guest lie there.
        mutant[0x1000 + random.below(0x7bd) as usize] ^= 1 << random.below(8);
        let Ok(program) = Program::from_elf(&mutant) else {
            continue;
        };
        if let Some(other) = record(program, b"100", 20_000) {
            compared += 1;
            differ += u32::from(check(&original, &other) != Divergence::None);
        }
    }
    assert!(differ > 0, "some bits are executed");
}

/// Cycle of the last common checkpoint before the first at which anything but the input differs.
fn lasting_start(a: &Recorded, b: &Recorded, interval: u64) -> (u64, Option<u64>) {
    let mut machines = [a, b].map(|recorded| {
        Machine::<PagedMemory>::new(&recorded.program, &recorded.input, Limits::default())
            .expect("a machine")
    });
    let rows = a.result.cycles.min(b.result.cycles);
    let last = (a.result.cycles == b.result.cycles).then_some(rows);
    let mut equal = 0;
    let inner = (1..).map(|count| count * interval);
    for cycle in inner.take_while(|&cycle| cycle < rows).chain(last) {
        for (machine, recorded) in machines.iter_mut().zip([a, b]) {
            let budget = cycle - machine.cycle();
            machine.advance(&recorded.program, budget, &mut NoRecorder, &mut DiscardText);
        }
        let [left, right] = &machines;
        let plain = left.registers() == right.registers()
            && left.pc(&a.program) == right.pc(&b.program)
            && left.text_bytes() == right.text_bytes();
        let written = left.pages().backed().iter().chain(right.pages().backed());
        let input = INPUT_BASE >> PAGE_BYTES_LOG2..OUTPUT_BASE >> PAGE_BYTES_LOG2;
        let mut written = written.filter(|&page_index| !input.contains(page_index));
        let zero = [0; 4096];
        let page =
            |machine: &Machine<PagedMemory>, index| *machine.memory().page(index).unwrap_or(&zero);
        let equal_pages = written.all(|&index| page(left, index) == page(right, index));
        if !plain || !equal_pages {
            return (equal, Some(cycle));
        }
        equal = cycle;
    }
    (equal, None)
}

#[test]
fn the_lasting_divergence_is_behind_the_last_equal_state() {
    let pairs = [
        ("quicksort", "30 1", "30 2"),
        ("quicksort", "30 1", "29 1"),
        ("sieve", "100", "160"),
        (
            "sha256",
            "The same beginning, then a",
            "The same beginning, then b",
        ),
        ("bytecode", "3", "4"),
    ];
    for (name, left, right) in pairs {
        let a = Recorded::new(name, left.as_bytes());
        let b = Recorded::new(name, right.as_bytes());
        for (interval_a, interval_b, common) in [(64, 64, 64), (30, 20, 60), (500, 100, 500)] {
            let options = ReplayOptions::default();
            let found = compare((&a, interval_a), (&b, interval_b), &options, Scope::Lasting);
            let found = found.expect("two sound runs");
            let (start, cycle) = lasting_start(&a, &b, common);
            assert_eq!(found.first_row, start, "{name} {interval_a} {interval_b}");
            assert_eq!(
                found.checkpoint_cycle, cycle,
                "{name} {interval_a} {interval_b}"
            );
            assert_eq!(found.divergence, scan(&a, &b, start), "{name}");
        }
    }
}

/// Reads a byte of the input and forgets it, idles, reads the next one and ends with it.
fn forgetful() -> Program {
    let mut words = encode::li(11, INPUT_BASE).to_vec();
    words.push(encode::load(4, 5, 11, 16));
    words.push(encode::immediate(0, 5, 0, 0));
    words.extend([encode::immediate(0, 6, 6, 1); 20]);
    words.push(encode::load(4, 10, 11, 17));
    words.extend(encode::li(17, 93));
    words.push(encode::ECALL);
    let elf = encode::elf(0x1_0000, &[encode::text(0x1_0000, &words)], &[]);
    Program::from_elf(&elf).expect("a sound ELF")
}

#[test]
fn a_difference_that_is_forgotten_is_the_first_but_not_the_lasting_one() {
    let [a, b] = [b"ab", b"cd"].map(|input| record(forgetful(), input, 100).expect("a run"));
    let Divergence::Row { cycle: 2, columns } = check(&a, &b) else {
        panic!("the first load")
    };
    let expected = [Column::RdAfter, Column::MemoryBefore, Column::MemoryAfter];
    let expected = expected.map(Column::id).into_iter().collect::<ColumnSet>();
    assert_eq!(columns, expected);
    let options = ReplayOptions::default();
    let lasting = compare((&a, 8), (&b, 8), &options, Scope::Lasting).expect("sound runs");
    assert_eq!(lasting.first_row, 24);
    assert_eq!(lasting.checkpoint_cycle, Some(a.result.cycles));
    assert!(matches!(
        lasting.divergence,
        Divergence::Row { cycle: 24, .. }
    ));
    let [a, b] = [b"ab", b"cb"].map(|input| record(forgetful(), input, 100).expect("a run"));
    let lasting = compare((&a, 8), (&b, 8), &options, Scope::Lasting).expect("sound runs");
    assert_eq!(lasting.divergence, Divergence::None);
    assert_eq!(lasting.checkpoint_cycle, None);
    assert!(matches!(check(&a, &b), Divergence::Row { cycle: 2, .. }));
}

#[test]
fn one_run_twice_is_equal_and_needs_no_row() {
    let recorded = Recorded::new("quicksort", b"40 7");
    assert_eq!(check(&recorded, &recorded), Divergence::None);
    let cancelled = AtomicBool::new(true);
    let options = ReplayOptions {
        cancel: Some(&cancelled),
        ..ReplayOptions::default()
    };
    let found = compare((&recorded, 64), (&recorded, 9), &options, Scope::First);
    assert_eq!(found.expect("no row").divergence, Divergence::None);
    let other = Recorded::new("quicksort", b"40 8");
    let found = compare((&recorded, 64), (&other, 64), &options, Scope::First);
    assert!(matches!(found, Err(ReplayError::Cancelled)));
}

#[test]
fn a_run_that_ends_while_the_other_goes_on_is_said_to() {
    let padded = |steps: usize| {
        let mut words = encode::li(17, 93).to_vec();
        words.push(encode::immediate(0, 10, 0, 0));
        words.extend(vec![encode::immediate(0, 6, 6, 1); 8]);
        words.push(encode::ECALL);
        words.extend(vec![encode::FENCE; steps]);
        let elf = encode::elf(0x1_0000, &[encode::text(0x1_0000, &words)], &[]);
        record(Program::from_elf(&elf).expect("a sound ELF"), b"", 100).expect("a run")
    };
    let (a, b) = (padded(1), padded(2));
    assert_ne!(a.program.digest(), b.program.digest());
    assert_eq!(check(&a, &b), Divergence::None, "what is not executed");
    // A word of `tohost` in one program only: the same store ends one run and not the other.
    let storing = |symbols: &[(&str, u32)]| {
        let mut words = encode::li(5, 0x10_0000).to_vec();
        words.push(encode::immediate(0, 6, 0, 1));
        words.push(encode::store(2, 5, 6, 0));
        words.extend(encode::li(17, 93));
        words.push(encode::ECALL);
        let segments = [
            encode::text(0x1_0000, &words),
            encode::data(0x10_0000, &[0; 8], true),
        ];
        let elf = encode::elf(0x1_0000, &segments, symbols);
        record(Program::from_elf(&elf).expect("a sound ELF"), b"", 100).expect("a run")
    };
    let (short, long) = (storing(&[("tohost", 0x10_0000)]), storing(&[]));
    assert_eq!((short.result.cycles, long.result.cycles), (4, 7));
    assert_eq!(check(&short, &long), Divergence::End { cycle: 4 });
}
