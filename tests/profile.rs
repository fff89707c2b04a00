//! Laws of the profile: its counts are those of the trace, its regions what the guest marked, and
//! neither depends on how the run was made.

#[path = "support/encode.rs"]
mod encode;
#[path = "support/guests.rs"]
mod guests;
#[path = "support/recorded.rs"]
mod recorded;

use std::sync::atomic::AtomicBool;

use encode::{ECALL, data, elf, li, text};
use recorded::{Recorded, SMALL};
use tracelane::Program;
use tracelane::isa::Opcode;
use tracelane::profile::{Ending, Profile, ProfileOptions, Region, profile};
use tracelane::trace::columns::Column;
use tracelane::vm::{DiscardText, Limits, MemoryKind, TrapKind};

fn options() -> ProfileOptions<'static> {
    ProfileOptions {
        limits: Limits::default(),
        memory: MemoryKind::Automatic,
        sample_cycles: None,
        cancel: None,
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
        let samples: u64 = profile.samples.stacks.iter().map(|(_, count)| count).sum();
        assert_eq!(samples, profile.cycles / interval);
        assert!(
            profile
                .samples
                .stacks
                .iter()
                .all(|(stack, _)| stack[0] == "_start")
        );
        let deep = |(stack, _): &(Vec<String>, u64)| stack[..2] == ["_start", "main"];
        assert!(
            profile
                .samples
                .stacks
                .iter()
                .filter(|(stack, _)| stack.len() > 1)
                .any(deep)
        );
    }
    let exact = measure(
        &recorded,
        &ProfileOptions {
            sample_cycles: Some(1),
            ..options()
        },
    );
    let walks = exact
        .samples
        .stacks
        .iter()
        .filter(|(stack, _)| stack.ends_with(&["walk".into()]));
    let leaves: u64 = walks.map(|(_, count)| count).sum();
    let functions = exact.counts.by_function(&recorded.program);
    // A block is booked where it ends, which for a function's first block is in the function.
    assert_eq!(leaves, functions["walk"]);
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
        let region = |name: &str, cycles, count| Region {
            name: name.to_owned(),
            cycles,
            count,
        };
        let inner = (10 + 9) + (20 + 9);
        let outer = (100 + 9) + (10 + 9) + (3 + 9) + 9 + (20 + 9) + 9;
        let expected = [
            region("outer", outer, 1),
            region("inner", inner, 2),
            region("open", 1 + 30 + 3, 1),
        ];
        assert_eq!(profile.regions.list, expected);
        assert_eq!(profile.regions.unmatched, 2);
    }
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
