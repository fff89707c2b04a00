//! Guests that do what they must not: each wrong deed ends in its typed trap, with place and remedy, in
//! every way to run it; and no guest makes the library panic, leak or take more than it may.

#[path = "support/encode.rs"]
mod encode;
#[path = "support/ways.rs"]
mod ways;

use encode::{EBREAK, ECALL, Segment, data, elf, li, text};
use proptest::prelude::*;
use tracelane::Program;
use tracelane::limits::REGION_DATA_BYTES_MAX;
use tracelane::vm::{Limits, RunResult, Trap, TrapKind};
use ways::Guest;

const TEXT: u32 = 0x0001_0000;
const DATA: u32 = 0x0010_0000;
const READ_ONLY: u32 = 0x0020_0000;
const OUTPUT: u32 = 0x6000_0000;
const INPUT: &[u8] = b"input";

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

/// The same in every way there is.
fn run(program: &Program, text: &mut Vec<u8>) -> Result<RunResult, Trap> {
    let guest = Guest {
        program,
        input: INPUT,
        limits: limits(),
    };
    guest.run(text)
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
        kind: TrapKind::FetchOutsideText {
            return_address: TEXT + 12,
        },
        pc: DATA,
        cycle: 3,
        address: Some(DATA),
    };
    assert_eq!(jump, expected);
}

#[test]
fn a_store_that_reaches_into_a_read_only_segment_is_refused() {
    // Read-only from the middle of a word on.
    for (offset, funct3) in [(2, 2), (3, 1), (1, 2), (3, 2)] {
        let address = READ_ONLY + if funct3 == 1 { 2 } else { 0 };
        let words = with_x5(address, encode::store(funct3, 5, 6, 0));
        let segments = [
            text(TEXT, &words),
            data(READ_ONLY + offset, &[9; 16], false),
        ];
        let program = Program::from_elf(&elf(TEXT, &segments, &[])).expect("a sound ELF");
        let error = run(&program, &mut Vec::new()).expect_err("a trap");
        assert_eq!(
            (error.kind, error.address),
            (TrapKind::StoreToReadOnly, Some(address))
        );
        // The byte before the segment is the guest's.
        let words = with_x5(READ_ONLY + offset - 1, encode::store(0, 5, 6, 0));
        let segments = [
            text(TEXT, &words),
            data(READ_ONLY + offset, &[9; 16], false),
        ];
        let program = Program::from_elf(&elf(TEXT, &segments, &[])).expect("a sound ELF");
        let error = run(&program, &mut Vec::new()).expect_err("goes on to ebreak");
        assert_eq!(error.kind, TrapKind::Breakpoint);
    }
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

/// Words that end the run with `code`.
fn exit_with(code: u32) -> Vec<u32> {
    [li(17, 93), li(10, code)]
        .concat()
        .into_iter()
        .chain([ECALL])
        .collect()
}

#[test]
fn exit_codes_of_any_size_are_kept() {
    for code in [0, 1, 255, 256, 0x8000_0000, u32::MAX] {
        let result = run(&program(&exit_with(code), &[]), &mut Vec::new()).expect("an exit");
        assert_eq!((result.exit_code, result.cycles), (code, 5));
    }
}

#[test]
fn loads_anywhere_read_zero_and_back_nothing() {
    // Behind the input, in the output, far from everything, at the end of memory.
    for address in [
        0x4000_0018,
        0x5fff_fffc,
        0x6000_0000,
        0x9000_0000,
        0xffff_fffc,
    ] {
        let words = [
            li(5, address).as_slice(),
            &[encode::load(2, 10, 5, 0)],
            &li(17, 93),
            &[ECALL],
        ]
        .concat();
        let result = run(&program(&words, &[]), &mut Vec::new()).expect("an exit");
        assert_eq!(result.exit_code, 0, "{address:#x}");
        assert_eq!(result.backed_pages, 4, "text, two of data, input");
    }
}

#[test]
fn text_that_is_none_is_passed_on_as_it_is() {
    let bytes = b"\x1b[2J\x1b]0;title\x07\xff\xfe\0\r\n";
    let words = [
        li(17, 64).as_slice(),
        &li(10, 1),
        &li(11, DATA),
        &li(12, bytes.len() as u32),
        &[ECALL],
        &exit_with(0),
    ]
    .concat();
    let segments = [text(TEXT, &words), data(DATA, bytes, true)];
    let program = Program::from_elf(&elf(TEXT, &segments, &[])).expect("a sound ELF");
    let mut written = Vec::new();
    let result = run(&program, &mut written).expect("an exit");
    assert_eq!(
        (written.as_slice(), result.text_bytes),
        (&bytes[..], bytes.len() as u64)
    );
}

#[test]
fn endless_writers_meet_the_text_limit() {
    let words = [li(17, 64), li(10, 1), li(11, DATA), li(12, 7)]
        .concat()
        .into_iter()
        .chain([ECALL]);
    // a0 is 7 after the first call: set it again each time.
    let words: Vec<u32> = words
        .chain(li(10, 1))
        .chain([encode::jal(0, -12)])
        .collect();
    let error = trap(&words);
    assert_eq!(error.kind, TrapKind::TextLimit { limit_bytes: 100 });
    assert_eq!(error.cycle, 8 + 14 * 4);
}

#[test]
fn recursion_and_floods_meet_the_memory_limit() {
    // A function that pushes a frame of one page and calls itself.
    let recursion = [
        li(2, 0x2000_0000).as_slice(),
        &li(7, 4096),
        &[
            encode::register(32, 0, 2, 2, 7),
            encode::store(2, 2, 1, 0),
            encode::jal(1, -8),
        ],
    ]
    .concat();
    // Output, page by page.
    let flood = [
        li(5, OUTPUT).as_slice(),
        &li(7, 4096),
        &[
            encode::store(2, 5, 5, 0),
            encode::register(0, 0, 5, 5, 7),
            encode::jal(0, -8),
        ],
    ]
    .concat();
    // Four pages are backed before the first cycle.
    let last = [0x2000_0000 - 253 * 4096, OUTPUT + 252 * 4096];
    for (words, address) in [recursion, flood].iter().zip(last) {
        let error = trap(words);
        assert_eq!(
            error.kind,
            TrapKind::MemoryLimit {
                limit_bytes: 1 << 20
            }
        );
        assert_eq!(error.address, Some(address));
    }
}

#[test]
fn memory_up_to_its_last_byte_belongs_to_the_guest() {
    let words = [
        li(5, 0xffff_fffc).as_slice(),
        &[encode::store(2, 5, 5, 0), encode::load(4, 10, 5, 3)],
        &li(17, 93),
        &[ECALL],
    ]
    .concat();
    let result = run(&program(&words, &[]), &mut Vec::new()).expect("an exit");
    assert_eq!(result.exit_code, 0xff);
}

#[test]
fn jumps_to_odd_and_far_places() {
    for (target, kind, pc, cycle, address) in [
        (TEXT + 13, TrapKind::Breakpoint, TEXT + 12, 3, None),
        (
            TEXT + 6,
            TrapKind::MisalignedFetch,
            TEXT + 8,
            2,
            Some(TEXT + 6),
        ),
        (
            0,
            TrapKind::FetchOutsideText { return_address: 0 },
            0,
            3,
            Some(0),
        ),
        (
            0xffff_fffc,
            TrapKind::FetchOutsideText { return_address: 0 },
            0xffff_fffc,
            3,
            Some(0xffff_fffc),
        ),
        (
            0x4000_0010,
            TrapKind::FetchOutsideText { return_address: 0 },
            0x4000_0010,
            3,
            Some(0x4000_0010),
        ),
        (
            READ_ONLY,
            TrapKind::FetchOutsideText { return_address: 0 },
            READ_ONLY,
            3,
            Some(READ_ONLY),
        ),
    ] {
        let words = with_x5(target, encode::jalr(0, 5, 0));
        assert_eq!(
            trap(&words),
            Trap {
                kind,
                pc,
                cycle,
                address
            }
        );
    }
    // Off the end of text, without a jump.
    let end = trap(&[encode::immediate(0, 1, 1, 1)]);
    let expected = Trap {
        kind: TrapKind::FetchOutsideText { return_address: 1 },
        pc: TEXT + 4,
        cycle: 1,
        address: Some(TEXT + 4),
    };
    assert_eq!(end, expected);
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
    assert_eq!(
        call(64, 1, DATA, u32::MAX),
        TrapKind::TextRange { bytes: u32::MAX }
    );
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
                // At the instruction that ended the run, which is retired.
                assert_eq!((trap.pc, trap.cycle), (TEXT + 32, 9));
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
    let words = with_x5(DATA + 2, encode::load(2, 6, 5, 0));
    let message = |symbols: &[(&str, u32)]| {
        let program = program(&words, symbols);
        let trap = run(&program, &mut Vec::new()).expect_err("a trap");
        trap.explain(&program).to_string()
    };
    let expected = "misaligned load of 4 bytes: pc 0x00010008 <start+0x8> `lw t1, 0(t0)`, \
                    address 0x00100002, cycle 2";
    // What names data is no place in text, nor is what lies behind.
    let symbols = [("start", TEXT), ("later", TEXT + 12), ("table", DATA)];
    assert_eq!(message(&symbols), expected);
    let nearer = message(&[("start", TEXT), ("fault", TEXT + 8)]);
    assert!(nearer.contains("<fault+0x0>"), "{nearer}");
    let none = message(&[("table", DATA), ("later", TEXT + 12)]);
    assert!(!none.contains('<'), "{none}");
    let far = program(&with_x5(DATA, encode::jalr(1, 5, 0)), &[("start", TEXT)]);
    let trap = run(&far, &mut Vec::new()).expect_err("a trap");
    let message = trap.explain(&far).to_string();
    assert!(message.contains("pc 0x00100000"), "{message}");
}

#[test]
fn accesses_of_every_width_at_every_offset() {
    let access = |word: u32, address: u32| {
        let trap = trap(&with_x5(address, word));
        assert_eq!(
            trap.pc,
            TEXT + if trap.kind == TrapKind::Breakpoint {
                12
            } else {
                8
            }
        );
        (trap.kind, trap.address)
    };
    for offset in 0..8 {
        let address = DATA + offset;
        for (_, funct3, width) in encode::LOAD {
            for rd in [6, 0] {
                let expected = match address % width {
                    0 => (TrapKind::Breakpoint, None),
                    _ => (TrapKind::MisalignedLoad { width }, Some(address)),
                };
                let word = encode::load(funct3, rd, 5, 0);
                assert_eq!(access(word, address), expected, "{width} at {offset}");
            }
        }
        for (_, funct3, width) in encode::STORE {
            let expected = match address % width {
                0 => (TrapKind::Breakpoint, None),
                _ => (TrapKind::MisalignedStore { width }, Some(address)),
            };
            let word = encode::store(funct3, 5, 6, 0);
            assert_eq!(access(word, address), expected, "{width} at {offset}");
        }
    }
}

#[test]
fn a_stack_that_runs_into_what_is_not_its_own() {
    // A function that pushes a frame of 16 bytes and calls itself.
    let recursion = |top: u32| {
        let push = [
            encode::immediate(0, 2, 2, -16),
            encode::store(2, 2, 1, 12),
            encode::jal(1, -8),
        ];
        [li(2, top).as_slice(), &push].concat()
    };
    let cases = [
        (TEXT + 64, TrapKind::StoreToText, TEXT + 12),
        (READ_ONLY + 64, TrapKind::StoreToReadOnly, READ_ONLY + 12),
        (OUTPUT + 64, TrapKind::StoreToInput, OUTPUT - 4),
        (4096 + 64, TrapKind::NullAddress, 4096 - 4),
    ];
    for (top, kind, address) in cases {
        let trap = trap(&recursion(top));
        let frames = u64::from((top - 4 - address) / 16);
        let expected = Trap {
            kind,
            pc: TEXT + 12,
            cycle: 2 + 3 * frames + 1,
            address: Some(address),
        };
        assert_eq!(trap, expected);
    }
}

#[test]
fn a_tohost_that_can_t_be_stored_to_ends_nothing() {
    // Off the grid, in read-only data, in text, at the last bytes of a segment, where nothing lies.
    let symbols = [
        DATA + 2,
        READ_ONLY,
        TEXT,
        DATA + (1 << 16) - 2,
        DATA + (1 << 16),
        0x9000_0000,
        0,
    ];
    for address in symbols {
        let program = program(
            &with_x5(DATA, encode::store(2, 5, 5, 0)),
            &[("tohost", address)],
        );
        assert_eq!(program.tohost(), None, "{address:#x}");
        // A store of an odd value there is what it is without the symbol.
        let aligned = address & !3;
        let words = [
            li(5, aligned).as_slice(),
            &li(6, 1),
            &[encode::store(2, 5, 6, 0), EBREAK],
        ]
        .concat();
        let with = self::program(&words, &[("tohost", address)]);
        let kind = run(&with, &mut Vec::new()).expect_err("a trap").kind;
        assert_eq!(kind, trap(&words).kind, "{address:#x}");
    }
    // The last word of a segment is one.
    let last = DATA + (1 << 16) - 4;
    let program = program(&[EBREAK], &[("tohost", last)]);
    assert_eq!(program.tohost(), Some(last));
}

#[test]
fn only_words_stored_to_tohost_end_a_run() {
    let words = [
        li(5, DATA).as_slice(),
        &li(6, 1),
        &[encode::store(1, 5, 6, 0), encode::store(0, 5, 6, 0), EBREAK],
    ]
    .concat();
    let program = program(&words, &[("tohost", DATA)]);
    let kind = run(&program, &mut Vec::new()).expect_err("a trap").kind;
    assert_eq!(kind, TrapKind::Breakpoint);
}

#[test]
fn a_jump_to_itself_meets_the_cycle_limit_in_every_form() {
    for words in [
        vec![encode::jal(0, 0)],
        vec![encode::jal(1, 0)],
        vec![encode::branch(0, 0, 0, 0)],
        vec![encode::auipc(5, 0), encode::jalr(0, 5, 4)],
        vec![encode::auipc(5, 0), encode::jalr(1, 5, 4)],
        vec![encode::auipc(5, 0), encode::jalr(5, 5, 0)],
    ] {
        assert_eq!(trap(&words).kind, TrapKind::CycleLimit { limit: 10_000 });
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
