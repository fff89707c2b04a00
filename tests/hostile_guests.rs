//! Guests that do what they must not: each wrong deed ends in its typed trap, with place and remedy,
//! and no guest makes the library panic.

#[path = "support/encode.rs"]
mod encode;

use encode::{EBREAK, ECALL, Segment, data, elf, li, text};
use proptest::prelude::*;
use tracelane::Program;
use tracelane::limits::REGION_DATA_BYTES_MAX;
use tracelane::replay::{FastPass, PassError, fast_pass};
use tracelane::vm::{Limits, MemoryKind, RunResult, Trap, TrapKind};

const TEXT: u32 = 0x0001_0000;
const DATA: u32 = 0x0010_0000;
const READ_ONLY: u32 = 0x0020_0000;
const OUTPUT: u32 = 0x6000_0000;

fn segments(words: &[u32]) -> Vec<Segment> {
    let zeros = Segment {
        memory_bytes: 1 << 16,
        ..data(DATA, &[1, 2, 3, 4], true)
    };
    vec![text(TEXT, words), zeros, data(READ_ONLY, &[9; 16], false)]
}

fn program(words: &[u32], symbols: &[(&str, u32)]) -> Program {
    Program::from_elf(&elf(TEXT, &segments(words), symbols)).expect("a sound ELF")
}

fn limits() -> Limits {
    Limits {
        cycles_max: 10_000,
        memory_bytes_max: 1 << 20,
        text_bytes_max: 100,
    }
}

/// The same on both memories.
fn run(program: &Program, text: &mut Vec<u8>) -> Result<RunResult, Trap> {
    let outcomes = [MemoryKind::Reserved, MemoryKind::Paged].map(|memory| {
        let pass = FastPass {
            limits: limits(),
            memory,
            ..FastPass::default()
        };
        text.clear();
        match fast_pass(program, b"input", &pass, None, text) {
            Ok(result) => Ok(result),
            Err(PassError::Trap(trap)) => Err(trap),
            Err(error) => panic!("{error}"),
        }
    });
    let [reserved, paged] = outcomes;
    assert_eq!(reserved, paged);
    reserved
}

fn trap(words: &[u32]) -> Trap {
    run(&program(words, &[]), &mut Vec::new()).expect_err("a trap")
}

/// Words that put `value` into x5 and then do `word`.
fn with_x5(value: u32, word: u32) -> Vec<u32> {
    [li(5, value).as_slice(), &[word, EBREAK]].concat()
}

#[test]
fn each_deed_has_its_trap_and_its_place() {
    let store_word = encode::store(2, 5, 6, 0);
    let load_word = encode::load(2, 6, 5, 0);
    let cases = [
        (
            with_x5(0, 0xffff_ffff),
            TrapKind::IllegalInstruction { word: u32::MAX },
            None,
        ),
        (
            with_x5(0, 0),
            TrapKind::IllegalInstruction { word: 0 },
            None,
        ),
        (with_x5(0, EBREAK), TrapKind::Breakpoint, None),
        (
            with_x5(DATA + 1, encode::load(1, 6, 5, 0)),
            TrapKind::MisalignedLoad { width: 2 },
            Some(DATA + 1),
        ),
        (
            with_x5(DATA + 2, load_word),
            TrapKind::MisalignedLoad { width: 4 },
            Some(DATA + 2),
        ),
        (
            with_x5(DATA + 3, store_word),
            TrapKind::MisalignedStore { width: 4 },
            Some(DATA + 3),
        ),
        (
            with_x5(TEXT + 2, encode::jalr(1, 5, 0)),
            TrapKind::MisalignedFetch,
            Some(TEXT + 2),
        ),
        (with_x5(0, load_word), TrapKind::NullAddress, Some(0)),
        (with_x5(4092, store_word), TrapKind::NullAddress, Some(4092)),
        (with_x5(TEXT, store_word), TrapKind::StoreToText, Some(TEXT)),
        (
            with_x5(READ_ONLY + 8, store_word),
            TrapKind::StoreToReadOnly,
            Some(READ_ONLY + 8),
        ),
        (
            with_x5(0x4000_0010, store_word),
            TrapKind::StoreToInput,
            Some(0x4000_0010),
        ),
        (
            with_x5(0x5fff_fffc, store_word),
            TrapKind::StoreToInput,
            Some(0x5fff_fffc),
        ),
    ];
    for (words, kind, address) in cases {
        let expected = Trap {
            kind,
            pc: TEXT + 8,
            cycle: 2,
            address,
        };
        assert_eq!(trap(&words), expected);
    }
    let jump = trap(&with_x5(DATA, encode::jalr(1, 5, 0)));
    let expected = Trap {
        kind: TrapKind::FetchOutsideText,
        pc: DATA,
        cycle: 3,
        address: Some(DATA),
    };
    assert_eq!(jump, expected);
}

#[test]
fn read_only_data_and_input_can_be_read() {
    let words = [
        li(5, READ_ONLY).as_slice(),
        &[encode::load(2, 6, 5, 0)],
        &li(5, 0x4000_0000),
        &[encode::load(2, 10, 5, 0), encode::load(4, 7, 5, 20)],
        &li(17, 93),
        &[ECALL],
    ]
    .concat();
    let result = run(&program(&words, &[]), &mut Vec::new()).expect("a run");
    assert_eq!(result.exit_code, 5, "the length of the input");
}

#[test]
fn an_endless_guest_meets_the_cycle_limit() {
    let error = trap(&[encode::jal(0, 0)]);
    let kind = TrapKind::CycleLimit { limit: 10_000 };
    assert_eq!(
        error,
        Trap {
            kind,
            pc: TEXT,
            cycle: 10_000,
            address: None
        }
    );
    assert!(error.to_string().contains("--max-cycles"), "{error}");
}

#[test]
fn a_greedy_guest_meets_the_memory_limit() {
    // Stores to one page after the other.
    let words = [
        li(5, DATA).as_slice(),
        &li(7, 4096),
        &[
            encode::store(2, 5, 5, 0),
            encode::register(0, 0, 5, 5, 7),
            encode::jal(0, -8),
        ],
    ]
    .concat();
    let error = trap(&words);
    assert_eq!(
        error.kind,
        TrapKind::MemoryLimit {
            limit_bytes: 1 << 20
        }
    );
    // 256 pages, of which text, read-only data and input took one each before the first cycle, and
    // the first page of data was backed by the file.
    assert_eq!(error.address, Some(DATA + 253 * 4096));
    assert!(error.to_string().contains("--max-memory"), "{error}");
}

#[test]
fn host_calls_out_of_line_are_refused() {
    let call = |number: u32, a0: u32, a1: u32, a2: u32| {
        let words = [
            li(17, number),
            li(10, a0),
            li(11, a1),
            li(12, a2),
            [ECALL, EBREAK],
        ]
        .concat();
        trap(&words).kind
    };
    assert_eq!(call(1, 0, 0, 0), TrapKind::UnknownHostCall { number: 1 });
    assert_eq!(
        call(64, 3, DATA, 1),
        TrapKind::BadFileDescriptor { descriptor: 3 }
    );
    assert_eq!(
        call(64, 1, DATA, 101),
        TrapKind::TextLimit { limit_bytes: 100 }
    );
    assert_eq!(call(64, 1, DATA, u32::MAX), TrapKind::NullAddress);
    assert_eq!(call(64, 2, 0, 1), TrapKind::NullAddress);
    assert_eq!(
        call(64, 2, 0, 0),
        TrapKind::Breakpoint,
        "no byte, no address"
    );
}

#[test]
fn output_that_claims_too_much_is_refused() {
    for (length, fits) in [
        (REGION_DATA_BYTES_MAX + 1, false),
        (u32::MAX, false),
        (3, true),
    ] {
        let words = [
            li(5, OUTPUT).as_slice(),
            &li(6, length),
            &[encode::store(2, 5, 6, 0), encode::store(2, 5, 6, 16)],
            &li(17, 93),
            &[ECALL],
        ]
        .concat();
        match run(&program(&words, &[]), &mut Vec::new()) {
            Ok(result) => assert!(fits && result.output == [3, 0, 0]),
            Err(trap) => {
                assert!(!fits);
                assert!(
                    matches!(trap.kind, TrapKind::OutputTooLong { actual, .. } if actual == length)
                );
                assert_eq!((trap.pc, trap.cycle), (TEXT + 32, 8));
            }
        }
    }
}

#[test]
fn a_store_to_tohost_ends_the_run() {
    let tohost = DATA + 64;
    for (value, code) in [
        (1, Some(0)),
        (3, Some(1)),
        (2 * 77 + 1, Some(77)),
        (4, None),
    ] {
        let words = [
            li(5, tohost).as_slice(),
            &li(6, value),
            &[encode::store(2, 5, 6, 0), EBREAK],
        ]
        .concat();
        let outcome = run(&program(&words, &[("tohost", tohost)]), &mut Vec::new());
        match (outcome, code) {
            (Ok(result), Some(code)) => {
                assert_eq!((result.exit_code, result.cycles), (code, 5));
            }
            (Err(trap), None) => assert_eq!(trap.kind, TrapKind::Breakpoint),
            (outcome, code) => panic!("{outcome:?}, expected {code:?}"),
        }
        // Without the symbol it is a store like any other.
        let plain = run(&program(&words, &[]), &mut Vec::new()).expect_err("goes on to ebreak");
        assert_eq!(plain.kind, TrapKind::Breakpoint);
    }
}

#[test]
fn a_fault_names_instruction_and_symbol() {
    let program = program(
        &with_x5(DATA + 2, encode::load(2, 6, 5, 0)),
        &[("start", TEXT)],
    );
    let fault = run(&program, &mut Vec::new())
        .expect_err("a trap")
        .explain(&program);
    let message = fault.to_string();
    for part in [
        "misaligned load",
        "0x00010008",
        "lw",
        "0x00100002",
        "cycle 2",
    ] {
        assert!(message.contains(part), "{part} in: {message}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever text holds, running it ends in a result or a trap.
    #[test]
    fn arbitrary_text_never_panics(
        words in prop::collection::vec(any::<u32>(), 1..64),
        patch in prop::collection::vec((0usize..64, prop::sample::select(&[ECALL, 0x8067, 0x13][..])), 0..8),
    ) {
        let mut words = words;
        for (at, word) in patch {
            let length = words.len();
            words[at % length] = word;
        }
        let _outcome = run(&program(&words, &[("tohost", DATA)]), &mut Vec::new());
    }
}
