//! Guests that do what they must not: each wrong deed ends in its typed trap, with place and remedy,
//! and no guest makes the library panic.

#[path = "support/encode.rs"]
mod encode;

use encode::{EBREAK, ECALL, Segment, data, elf, li, text};
use proptest::prelude::*;
use tracelane::Program;
use tracelane::checkpoint::MemoryStore;
use tracelane::limits::REGION_DATA_BYTES_MAX;
use tracelane::replay::{FastPass, PassError, ReplayOptions, Run, fast_pass, replay_rows};
use tracelane::trace::chunk::Chunk;
use tracelane::trace::columns::Column;
use tracelane::trace::record::record;
use tracelane::vm::{
    GuestMemory, Limits, Machine, MemoryKind, PagedMemory, ReservedMemory, RunResult, Stop, Trap,
    TrapKind,
};

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

/// How one way of running ended, and the text it let through.
type Outcome = (Result<RunResult, Trap>, Vec<u8>);

fn fast<M: GuestMemory>(program: &Program, machine: &mut Machine<M>) -> Outcome {
    let mut text = Vec::new();
    (machine.run(program, &mut text), text)
}

/// By the record pass, in chunks of `chunk_rows`. It drops text, so `text` is what another way gave.
fn recording<M: GuestMemory>(
    program: &Program,
    machine: &mut Machine<M>,
    chunk_rows: usize,
    text: &[u8],
) -> Outcome {
    let mut chunk = Chunk::new(chunk_rows);
    let outcome = loop {
        let left = limits().cycles_max - machine.cycle();
        if left == 0 {
            break Err(machine.cycle_limit(program));
        }
        chunk.begin(machine.cycle(), Column::raw_set());
        let budget = left.min(chunk_rows as u64) as usize;
        match record(machine, program, budget, &mut chunk) {
            Stop::Budget => {}
            Stop::Exit(code) => break machine.finish(program, code),
            Stop::Trap(trap) => break Err(trap),
        }
    };
    (outcome, text.to_vec())
}

/// Every way of running on one memory: fast, recording, again after a restart.
fn every_way<M: GuestMemory>(program: &Program) -> Vec<Outcome> {
    let mut machine = Machine::<M>::new(program, INPUT, limits()).expect("a machine");
    let mut outcomes = vec![fast(program, &mut machine)];
    let text = outcomes[0].1.clone();
    for chunk_rows in [1, 7, 4096] {
        machine.restart(program, INPUT).expect("it fitted before");
        outcomes.push(recording(program, &mut machine, chunk_rows, &text));
    }
    machine.restart(program, INPUT).expect("it fitted before");
    outcomes.push(fast(program, &mut machine));
    outcomes
}

/// With checkpoints; and where the guest ends well, by replay from them.
fn checkpointed(program: &Program, memory: MemoryKind) -> Outcome {
    let pass = FastPass {
        limits: limits(),
        memory,
        interval: 3,
        ..FastPass::default()
    };
    let mut store = MemoryStore::new(pass.identity(program, INPUT), INPUT);
    let mut text = Vec::new();
    let outcome = match fast_pass(program, INPUT, &pass, Some(&mut store), &mut text) {
        Ok(result) => {
            let run = Run::new(program, &store).expect("its own program");
            let options = ReplayOptions {
                memory,
                ..ReplayOptions::default()
            };
            let mut rows = 0;
            let set = Column::raw_set();
            replay_rows(&run, &options, 0..run.rows(), set, &mut |view| {
                rows += view.rows()
            })
            .expect("sound checkpoints");
            assert_eq!(rows as u64, result.cycles);
            Ok(result)
        }
        Err(PassError::Trap(trap)) => Err(trap),
        Err(error) => panic!("{error}"),
    };
    (outcome, text)
}

/// The same fast, recording, restarted, checkpointed and replayed, on both memories.
fn run(program: &Program, text: &mut Vec<u8>) -> Result<RunResult, Trap> {
    let mut outcomes = every_way::<ReservedMemory>(program);
    outcomes.extend(every_way::<PagedMemory>(program));
    outcomes.push(checkpointed(program, MemoryKind::Reserved));
    outcomes.push(checkpointed(program, MemoryKind::Paged));
    let (outcome, written) = outcomes.swap_remove(0);
    for (index, (other, other_text)) in outcomes.iter().enumerate() {
        assert_eq!(*other, outcome, "way {index}");
        assert_eq!(*other_text, written, "way {index}");
    }
    *text = written;
    outcome
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
        (0, TrapKind::FetchOutsideText, 0, 3, Some(0)),
        (
            0xffff_fffc,
            TrapKind::FetchOutsideText,
            0xffff_fffc,
            3,
            Some(0xffff_fffc),
        ),
        (
            0x4000_0010,
            TrapKind::FetchOutsideText,
            0x4000_0010,
            3,
            Some(0x4000_0010),
        ),
        (
            READ_ONLY,
            TrapKind::FetchOutsideText,
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
        kind: TrapKind::FetchOutsideText,
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
