//! What a trap says, and traps that speak of a run as a whole: its text and its output.

#[path = "support/encode.rs"]
mod encode;

use allocation_counter::measure;
use encode::{EBREAK, ECALL, data, elf, jalr, li, store, text};
use tracelane::Program;
use tracelane::limits::REGION_DATA_BYTES_MAX;
use tracelane::profile::{Ending, ProfileOptions, profile};
use tracelane::vm::{
    DiscardText, GuestMemory, Limits, Machine, MemoryKind, NoRecorder, PagedMemory, ReservedMemory,
    RunResult, Stop, Trap, TrapKind,
};

const TEXT: u32 = 0x0001_0000;
const DATA: u32 = 0x0010_0000;
const OUTPUT: u32 = 0x6000_0000;

fn program(words: &[u32], symbols: &[(&str, u32)]) -> Program {
    let segments = [text(TEXT, words), data(DATA, &[b'x'; 16], true)];
    Program::from_elf(&elf(TEXT, &segments, symbols)).expect("a sound ELF")
}

fn limits() -> Limits {
    Limits {
        cycles_max: 10_000,
        memory_bytes_max: 1 << 20,
        text_bytes_max: 100,
    }
}

fn run<M: GuestMemory>(program: &Program) -> Result<RunResult, Trap> {
    let mut machine = Machine::<M>::new(program, &[], limits()).expect("a machine");
    machine.run(program, &mut DiscardText)
}

fn message(words: &[u32], symbols: &[(&str, u32)]) -> String {
    let program = program(words, symbols);
    let trap = run::<PagedMemory>(&program).expect_err("a trap");
    trap.explain(&program).to_string()
}

#[test]
fn words_that_are_no_instruction_are_told_apart() {
    for (word, hint) in [
        (0x0000_0000, "no code was put there"),
        (0x0000_4501, "extension C"),
        (0x0005_3503, "RV64I"),
        (0x0005_6503, "RV64I"),
        (0x00a5_3023, "RV64I"),
        (0x0205_1513, "RV64I"),
        (0x4205_5513, "RV64I"),
        (0x0015_051b, "RV64I"),
        (0x1005_252f, "extension A"),
        (0x0205_7057, "extension V"),
        (0x3000_2573, "Zicsr"),
    ] {
        let message = message(&[word], &[]);
        assert!(message.contains(hint), "{word:#010x}: {message}");
    }
    assert!(!message(&[u32::MAX], &[]).contains("extension"));
}

#[test]
fn names_from_the_file_reach_no_terminal_as_they_are() {
    let message = message(&[EBREAK], &[("evil\x1b[2J\nname", TEXT)]);
    assert!(message.contains("evil\\u{1b}[2J\\nname+0x0"), "{message}");
    assert!(!message.contains(char::is_control), "{message}");
}

#[test]
fn a_jump_out_of_text_names_no_symbol_and_no_instruction() {
    let words = [li(5, 0x0002_0000).as_slice(), &[jalr(0, 5, 0)]].concat();
    let message = message(&words, &[("main", TEXT)]);
    assert!(
        message.contains("jump out of text: pc 0x00020000 is in no executable segment"),
        "{message}"
    );
    assert!(
        !message.contains("main") && !message.contains('`'),
        "{message}"
    );
}

#[test]
fn a_call_out_of_text_names_the_place_behind_the_call() {
    let words = [li(5, 0x0002_0000).as_slice(), &[jalr(1, 5, 0), EBREAK]].concat();
    let message = message(&words, &[("main", TEXT)]);
    let place = format!("return address {:#010x} <main+0xc>, cycle 3", TEXT + 12);
    assert!(message.contains(&place), "{message}");
}

#[test]
fn a_trap_says_the_address_without_a_program_too() {
    let words = [li(5, 4).as_slice(), &[store(2, 5, 5, 0)]].concat();
    let trap = run::<PagedMemory>(&program(&words, &[])).expect_err("a trap");
    let message = trap.to_string();
    assert_eq!(
        message,
        "access to the null page at pc 0x00010008, address 0x00000004, cycle 2"
    );
}

/// A guest that claims `length` bytes of output and ends.
fn publishing(length: u32) -> Program {
    let words = [
        li(5, OUTPUT).as_slice(),
        &li(6, length),
        &[store(2, 5, 6, 0)],
        &li(17, 93),
        &[ECALL],
    ]
    .concat();
    program(&words, &[])
}

#[test]
fn output_counts_against_the_memory_limit() {
    // Text, data and the page of the length are backed: 253 pages of 256 are left, less the header.
    let fits = 254 * 4096 - 16;
    for (length, good) in [
        (fits, true),
        (fits + 1, false),
        (REGION_DATA_BYTES_MAX, false),
    ] {
        let program = publishing(length);
        for run in [run::<PagedMemory>, run::<ReservedMemory>] {
            let mut outcome = None;
            let info = measure(|| outcome = Some(run(&program)));
            assert!(info.bytes_max < 16 << 20, "{length}: {info:?}");
            match outcome.expect("an outcome") {
                Ok(result) => assert!(good && result.output.len() as u32 == length),
                Err(trap) => {
                    assert!(!good, "{length}: {trap}");
                    let limit_bytes = 1 << 20;
                    assert_eq!(trap.kind, TrapKind::MemoryLimit { limit_bytes });
                    assert_eq!((trap.pc, trap.cycle), (TEXT + 28, 8));
                }
            }
        }
    }
}

#[test]
fn a_refused_output_leaves_counts_that_add_up() {
    for length in [REGION_DATA_BYTES_MAX, u32::MAX] {
        let program = publishing(length);
        let options = ProfileOptions {
            limits: limits(),
            memory: MemoryKind::Automatic,
            sample_cycles: None,
            cancel: None,
            progress: None,
        };
        let profile = profile(&program, &[], &options, &mut DiscardText).expect("a machine");
        let Ending::Trap(trap) = profile.ending else {
            panic!("{:?}", profile.ending)
        };
        assert_eq!(trap, run::<PagedMemory>(&program).expect_err("a trap"));
        let sum: u64 = profile.counts.by_opcode(&program).values().sum();
        assert_eq!((trap.cycle, profile.cycles), (sum, sum));
    }
}

#[test]
fn a_checkpoint_may_claim_any_amount_of_text() {
    let words = [
        li(17, 64),
        li(10, 1),
        li(11, DATA),
        li(12, 16),
        [ECALL, EBREAK],
    ]
    .concat();
    let program = program(&words, &[]);
    let limits = Limits {
        text_bytes_max: u64::MAX,
        ..limits()
    };
    for (before, kind) in [
        (u64::MAX - 16, TrapKind::Breakpoint),
        (
            u64::MAX - 15,
            TrapKind::TextLimit {
                limit_bytes: u64::MAX,
            },
        ),
        (
            u64::MAX,
            TrapKind::TextLimit {
                limit_bytes: u64::MAX,
            },
        ),
    ] {
        let mut machine = Machine::<PagedMemory>::new(&program, &[], limits).expect("a machine");
        machine.set_state(&program, 0, TEXT, &[0; 32], before);
        match machine.advance(&program, 100, &mut NoRecorder, &mut DiscardText) {
            Stop::Trap(trap) => assert_eq!(trap.kind, kind),
            stop => panic!("{stop:?}"),
        }
    }
}
