//! Laws of the profile: its counts are those of the trace, its regions what the guest marked, and
//! neither depends on how the run was made.

#[path = "support/encode.rs"]
mod encode;
#[path = "support/guests.rs"]
mod guests;
#[path = "support/recorded.rs"]
mod recorded;

use std::sync::atomic::AtomicBool;

use encode::{ECALL, branch, data, elf, immediate, jal, jalr, li, load, store, text};
use recorded::{Recorded, SMALL};
use tracelane::Program;
use tracelane::isa::Opcode;
use tracelane::profile::{Ending, Profile, ProfileOptions, Region, Samples, profile};
use tracelane::trace::columns::Column;
use tracelane::vm::{DiscardText, Limits, MemoryKind, TrapKind};

fn options() -> ProfileOptions<'static> {
    ProfileOptions {
        limits: Limits::default(),
        memory: MemoryKind::Automatic,
        sample_cycles: None,
        cancel: None,
        progress: None,
    }
}

fn measure(recorded: &Recorded, options: &ProfileOptions<'_>) -> Profile {
    profile(
        &recorded.program,
        &recorded.input,
        options,
        &mut DiscardText,
    )
    .expect("a machine")
}

#[test]
fn counts_are_those_of_the_trace() {
    for (name, input) in SMALL {
        let recorded = Recorded::new(name, input);
        let trace = recorded.trace();
        for memory in [MemoryKind::Reserved, MemoryKind::Paged] {
            let profile = measure(
                &recorded,
                &ProfileOptions {
                    memory,
                    ..options()
                },
            );
            assert_eq!(profile.ending, Ending::Exit(recorded.result.clone()));
            assert_eq!(profile.cycles, recorded.result.cycles);
            let mut expected = vec![0u64; recorded.program.instruction_count()];
            for &index in &trace[Column::PcIndex.id().index()] {
                expected[index as usize] += 1;
            }
            assert_eq!(profile.counts.by_instruction(), expected, "{name}");
            let opcodes = profile.counts.by_opcode(&recorded.program);
            for opcode in Opcode::ALL {
                let rows = trace[Column::Opcode.id().index()].iter();
                let count = rows.filter(|&&value| value == *opcode as u32).count() as u64;
                assert_eq!(
                    opcodes.get(opcode.name()).copied().unwrap_or(0),
                    count,
                    "{name}"
                );
            }
            let functions = profile.counts.by_function(&recorded.program);
            assert_eq!(functions.values().sum::<u64>(), profile.cycles, "{name}");
            assert!(functions.contains_key("main"), "{functions:?}");
        }
    }
}

#[test]
fn samples_stand_for_all_cycles_and_start_at_the_entry() {
    let recorded = Recorded::new("btree", b"12 5");
    for interval in [1, 7, 100] {
        let profile = measure(
            &recorded,
            &ProfileOptions {
                sample_cycles: Some(interval),
                ..options()
            },
        );
        let samples = &profile.samples;
        assert_eq!(checked(samples), profile.cycles / interval);
        let paths: Vec<Vec<&str>> = (0..samples.stacks.len() as u32)
            .map(|stack| samples.path(stack))
            .collect();
        assert!(paths.iter().all(|path| path[0] == "_start"));
        assert!(
            paths
                .iter()
                .any(|path| path.starts_with(&["_start", "main"]))
        );
    }
    let exact = measure(
        &recorded,
        &ProfileOptions {
            sample_cycles: Some(1),
            ..options()
        },
    );
    let samples = &exact.samples;
    let walks = samples
        .stacks
        .iter()
        .filter(|stack| samples.functions[stack.function as usize] == "walk");
    let leaves: u64 = walks.map(|stack| stack.samples).sum();
    let functions = exact.counts.by_function(&recorded.program);
    // A block is booked where it ends, which for a function's first block is in the function.
    assert_eq!(leaves, functions["walk"]);
}

/// The number of samples, which tree and order in time have in common.
fn checked(samples: &Samples) -> u64 {
    let mut counts = vec![0; samples.stacks.len()];
    for &(stack, count) in &samples.runs {
        assert!(count > 0);
        counts[stack as usize] += count;
    }
    for (index, stack) in samples.stacks.iter().enumerate() {
        assert!(stack.caller.is_none_or(|caller| caller < index as u32));
        assert_eq!(stack.samples, counts[index], "stack {index}");
    }
    counts.iter().sum()
}

fn run_with_stacks(words: &[u32], symbols: &[(&str, u32)]) -> Profile {
    let segments = [
        text(0x0001_0000, words),
        data(0x0010_0000, &[0; 4096], true),
    ];
    let program = Program::from_elf(&elf(0x0001_0000, &segments, symbols)).expect("a sound ELF");
    let options = ProfileOptions {
        sample_cycles: Some(1),
        ..options()
    };
    profile(&program, &[], &options, &mut DiscardText).expect("a machine")
}

#[test]
fn samples_are_in_the_order_of_time_whichever_register_links() {
    for link in [1, 5] {
        // main calls f, g and f; each works and returns.
        let (main, f, g) = (0x0001_0000, 0x0001_0018, 0x0001_0030);
        let body = |work: usize| {
            let mut words = vec![immediate(0, 6, 6, 1); 5 - work];
            words.extend(vec![immediate(0, 7, 7, 1); work]);
            words.push(jalr(0, link, 0));
            words
        };
        let words = [
            vec![
                jal(link, (f - main) as i32),
                jal(link, (g - main - 4) as i32),
                jal(link, (f - main - 8) as i32),
            ],
            li(17, 93).to_vec(),
            vec![ECALL],
            body(1),
            body(2),
        ]
        .concat();
        let symbols = [("main", main), ("f", f), ("g", g)];
        let profile = run_with_stacks(&words, &symbols);
        let samples = &profile.samples;
        assert_eq!(checked(samples), profile.cycles);
        let runs: Vec<(String, u64)> = samples
            .runs
            .iter()
            .map(|&(stack, count)| (samples.path(stack).join(">"), count))
            .collect();
        let run = |path: &str, count| (path.to_owned(), count);
        let expected = [
            run("main", 1),
            run("main>f", 6),
            run("main", 1),
            run("main>g", 6),
            run("main", 1),
            run("main>f", 6),
            run("main", 3),
        ];
        assert_eq!(runs, expected, "through x{link}");
    }
}

#[test]
fn more_stacks_than_are_kept_are_counted_where_they_leave_the_tree() {
    // f and g call f and g, 17 deep.
    let body = |f: i32, g: i32| {
        [
            branch(1, 10, 0, 8),
            jalr(0, 1, 0),
            immediate(0, 2, 2, -8),
            store(2, 2, 1, 0),
            store(2, 2, 10, 4),
            immediate(0, 10, 10, -1),
            jal(1, f - 24),
            load(2, 10, 2, 4),
            immediate(0, 10, 10, -1),
            jal(1, g - 36),
            load(2, 1, 2, 0),
            immediate(0, 2, 2, 8),
            jalr(0, 1, 0),
        ]
    };
    let words = [
        li(2, 0x0010_1000).as_slice(),
        &li(10, 17),
        &[jal(1, 16)],
        &li(17, 93),
        &[ECALL],
        &body(0, 52),
        &body(-52, 0),
    ]
    .concat();
    let (f, g) = (0x0001_0020, 0x0001_0054);
    let profile = run_with_stacks(&words, &[("main", 0x0001_0000), ("f", f), ("g", g)]);
    assert!(matches!(&profile.ending, Ending::Exit(result) if result.exit_code < u32::MAX));
    let samples = &profile.samples;
    let counted: u64 = samples.stacks.iter().map(|stack| stack.samples).sum();
    let in_time: u64 = samples.runs.iter().map(|(_, count)| count).sum();
    assert_eq!((counted, in_time), (profile.cycles, profile.cycles));
    assert!(profile.cycles > 1 << 20);
    assert_eq!(samples.stacks.len(), 1 << 16);
    assert!((1 << 17..=1 << 18).contains(&samples.runs.len()));
}

/// A guest that writes `lines` one by one, with `work` instructions behind each.
fn marked(lines: &[(&str, usize)]) -> Program {
    const DATA: u32 = 0x0010_0000;
    let mut words = Vec::new();
    let mut bytes = Vec::new();
    for (line, work) in lines {
        let address = DATA + bytes.len() as u32;
        bytes.extend(line.as_bytes());
        for (register, value) in [(17, 64), (10, 1), (11, address), (12, line.len() as u32)] {
            words.extend(li(register, value));
        }
        words.push(ECALL);
        words.extend(std::iter::repeat_n(encode::immediate(0, 5, 5, 1), *work));
    }
    words.extend(li(17, 93));
    words.push(ECALL);
    let segments = [text(0x0001_0000, &words), data(DATA, &bytes, true)];
    Program::from_elf(&elf(0x0001_0000, &segments, &[])).expect("a sound ELF")
}

#[test]
fn regions_nest_repeat_and_close_at_the_end() {
    let program = marked(&[
        ("hello\n", 5),
        ("cycle-tracker-start: outer\n", 100),
        ("cycle-tracker-start: inner\n", 10),
        ("cycle-tracker-end: inner\n", 3),
        ("cycle-tracker-sta", 0),
        ("rt: inner\nmore text\n", 20),
        ("cycle-tracker-end: inner\n", 0),
        ("cycle-tracker-end: outer\n", 50),
        ("cycle-tracker-end: never\n", 0),
        ("cycle-tracker-start: open\n", 30),
    ]);
    for memory in [MemoryKind::Reserved, MemoryKind::Paged] {
        let options = ProfileOptions {
            memory,
            ..options()
        };
        let mut text = Vec::new();
        let profile = profile(&program, &[], &options, &mut text).expect("a machine");
        assert!(
            text.starts_with(b"hello\ncycle-tracker-start: outer\n"),
            "text is passed on"
        );
        // Between two calls lie the work, eight instructions of arguments, and the call itself.
        let region = |name: &str, cycles, count, depth| Region {
            name: name.to_owned(),
            cycles,
            count,
            depth,
        };
        let inner = (10 + 9) + (20 + 9);
        let outer = (100 + 9) + (10 + 9) + (3 + 9) + 9 + (20 + 9) + 9;
        let expected = [
            region("outer", outer, 1, 0),
            region("inner", inner, 2, 1),
            region("open", 1 + 30 + 3, 1, 0),
        ];
        assert_eq!(profile.regions.list, expected);
        assert_eq!(profile.regions.unmatched, 2);
    }
}

#[test]
fn a_region_in_itself_counts_no_cycle_twice() {
    let program = marked(&[
        ("cycle-tracker-start: again\n", 10),
        ("cycle-tracker-start: again\n", 20),
        ("cycle-tracker-end: again\n", 30),
        ("cycle-tracker-end: again\n", 40),
        ("cycle-tracker-start: again\n", 50),
        ("cycle-tracker-end: again\n", 0),
    ]);
    let profile = profile(&program, &[], &options(), &mut DiscardText).expect("a machine");
    let [again] = &profile.regions.list[..] else {
        panic!("{:?}", profile.regions)
    };
    assert_eq!(again.cycles, (10 + 9) + (20 + 9) + (30 + 9) + (50 + 9));
    assert_eq!(
        (again.count, again.depth, profile.regions.unmatched),
        (3, 0, 0)
    );
}

#[test]
fn a_mark_behind_a_long_line_is_seen() {
    for filler in ["x", "\u{20ac}"] {
        let long = filler.repeat(600) + "\n";
        // Cut after 512 bytes, which is no text where it falls into a character.
        let lines = [
            (long.as_str(), 0),
            ("cycle-tracker-start: seen\n", 5),
            ("cycle-tracker-end: seen\n", 0),
        ];
        let profile = profile(&marked(&lines), &[], &options(), &mut DiscardText);
        let regions = profile.expect("a machine").regions;
        assert_eq!(regions.list.len(), 1, "{regions:?}");
        assert_eq!((regions.list[0].cycles, regions.unmatched), (5 + 9, 0));
    }
}

#[test]
fn any_number_of_marks_is_kept_within_bounds() {
    let names = 0..100_000;
    let mark = |what: &str, name| format!("cycle-tracker-{what}: {name}\n");
    let starts: String = names.clone().map(|name| mark("start", name)).collect();
    let ends: String = names.clone().map(|name| mark("end", name)).collect();
    // One region opened as often, and never closed.
    let same: String = names.map(|_| mark("start", 0)).collect();
    let program = marked(&[(&starts, 0), (&ends, 0), (&same, 0)]);
    let profile = profile(&program, &[], &options(), &mut DiscardText).expect("a machine");
    let regions = profile.regions;
    assert_eq!(regions.list.len(), 1 << 14);
    assert_eq!(regions.list[0].count, 100_001);
    assert_eq!(regions.list[77].depth, 77);
    assert!(
        regions.list[1..]
            .iter()
            .all(|region| (region.cycles, region.count) == (9, 1))
    );
    assert_eq!(regions.unmatched, 2 * (100_000 - (1 << 14)) + 100_000);
}

#[test]
fn a_run_that_stops_early_is_counted_up_to_there() {
    let recorded = Recorded::new("sieve", b"200");
    let limits = Limits {
        cycles_max: 1000,
        ..Limits::default()
    };
    let profile = measure(
        &recorded,
        &ProfileOptions {
            limits,
            ..options()
        },
    );
    let Ending::Trap(trap) = &profile.ending else {
        panic!("{:?}", profile.ending)
    };
    assert_eq!(trap.kind, TrapKind::CycleLimit { limit: 1000 });
    assert_eq!(profile.counts.by_instruction().iter().sum::<u64>(), 1000);

    let raised = AtomicBool::new(true);
    let profile = measure(
        &recorded,
        &ProfileOptions {
            cancel: Some(&raised),
            ..options()
        },
    );
    assert_eq!((profile.ending, profile.cycles), (Ending::Cancelled, 0));
}
