//! Every instruction equals the specification: over edge operands, all aliasings, random operands and
//! random programs.

#[path = "support/differential.rs"]
mod differential;
#[path = "support/encode.rs"]
mod encode;
#[path = "support/instances.rs"]
mod instances;
#[path = "support/programs.rs"]
mod programs;
#[path = "support/sites.rs"]
mod sites;
#[path = "support/spec.rs"]
mod spec;

use std::cell::RefCell;
use std::collections::BTreeSet;

use differential::{Bout, Case, DATA, Expected, TEXT, compare};
use encode::li;
use instances::{ALIASINGS, EDGES, Fields, IMMEDIATES, Random, width, word};
use programs::instruction;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use sites::Sites;
use spec::{Spec, Step};
use tracelane::Program;
use tracelane::isa::Opcode;
use tracelane::vm::ReservedMemory;

/// rd and rs1 in each of the ways in which they and x0 can be the same, and far ones.
const ALIASINGS_OF_TWO: [(u32, u32); 6] = [(5, 6), (6, 6), (0, 6), (5, 0), (0, 0), (31, 30)];

/// Where the 12-bit offsets from x0 reach: the null page, and the last half page of memory.
const LAST: u32 = 0xffff_f800;

/// One run of all the given instructions, each after setting its registers.
struct Sequence {
    words: Vec<u32>,
}

impl Sequence {
    fn new() -> Self {
        Self { words: Vec::new() }
    }

    fn set(&mut self, register: u32, value: u32) -> &mut Self {
        self.words.extend(li(register, value));
        self
    }

    fn then(&mut self, word: u32) -> &mut Self {
        self.words.push(word);
        self
    }

    /// An instruction that shows whether it was skipped.
    fn marker(&mut self) -> &mut Self {
        self.then(encode::immediate(0, 9, 9, 1))
    }

    fn run(&self, data: &[u8]) -> Spec {
        compare(&Case {
            words: &self.words,
            data,
            budget: self.words.len(),
        })
        .0
    }

    /// Runs it, and it must come to its end.
    fn run_to_end(&self, name: &str, data: &[u8]) -> Spec {
        let spec = self.run(data);
        let end = TEXT + 4 * self.words.len() as u32;
        assert_eq!(spec.pc, end, "{name} ran to its end");
        spec
    }
}

/// Compares `opcode` over all of its edges. An instruction that is added to the table does not compile
/// here until somebody has said which these are.
fn edges(opcode: Opcode) {
    use Opcode::*;
    match opcode {
        Lui | Auipc => upper_immediates(opcode),
        Jal => jumps(),
        Jalr => register_jumps(),
        Beq | Bne | Blt | Bge | Bltu | Bgeu => branches(opcode),
        Lb | Lh | Lw | Lbu | Lhu => loads(opcode),
        Sb | Sh | Sw => stores(opcode),
        Addi | Slti | Sltiu | Xori | Ori | Andi => immediates(opcode, &IMMEDIATES),
        Slli | Srli | Srai => immediates(opcode, &std::array::from_fn::<_, 32, _>(|at| at as i32)),
        Add | Sub | Sll | Slt | Sltu | Xor | Srl | Sra | Or | And | Mul | Mulh | Mulhsu | Mulhu
        | Div | Divu | Rem | Remu => registers(opcode),
        Fence => fences(&[encode::FENCE, 0x8330_000f, 0x0ff0_8f8f]),
        FenceI => fences(&[encode::FENCE_I, 0x8330_100f]),
        Ecall => host_calls(),
        Ebreak => {
            Sequence::new().then(encode::EBREAK).run(&[]);
            Sequence::new()
                .marker()
                .then(encode::EBREAK)
                .marker()
                .run(&[]);
        }
    }
}

// Every second one in a test, for two cores.
#[test]
fn every_instruction_on_its_edges() {
    Opcode::ALL
        .iter()
        .step_by(2)
        .for_each(|&opcode| edges(opcode));
}

#[test]
fn every_other_instruction_on_its_edges() {
    Opcode::ALL
        .iter()
        .skip(1)
        .step_by(2)
        .for_each(|&opcode| edges(opcode));
}

fn registers(opcode: Opcode) {
    let mut sequence = Sequence::new();
    for (rd, rs1, rs2) in ALIASINGS {
        for a in EDGES {
            for b in EDGES {
                let word = word(
                    opcode,
                    Fields {
                        rd,
                        rs1,
                        rs2,
                        imm: 0,
                    },
                );
                sequence.set(rs2, b).set(rs1, a).then(word);
            }
        }
    }
    sequence.run_to_end(opcode.name(), &[]);
}

fn immediates(opcode: Opcode, immediates: &[i32]) {
    let mut sequence = Sequence::new();
    for (rd, rs1) in ALIASINGS_OF_TWO {
        for a in EDGES {
            for &imm in immediates {
                let word = word(
                    opcode,
                    Fields {
                        rd,
                        rs1,
                        rs2: 0,
                        imm,
                    },
                );
                sequence.set(rs1, a).then(word);
            }
        }
    }
    sequence.run_to_end(opcode.name(), &[]);
}

fn upper_immediates(opcode: Opcode) {
    let mut sequence = Sequence::new();
    for rd in [0, 1, 31] {
        for edge in EDGES {
            for upper in [edge, edge << 12] {
                let fields = Fields {
                    rd,
                    rs1: 0,
                    rs2: 0,
                    imm: upper as i32,
                };
                sequence.then(word(opcode, fields));
            }
        }
    }
    sequence.run_to_end(opcode.name(), &[]);
}

fn fences(words: &[u32]) {
    let mut sequence = Sequence::new();
    // Their fields name registers, which are not read.
    sequence.set(1, 5).set(31, 7);
    words.iter().for_each(|&word| {
        sequence.then(word);
    });
    sequence.run_to_end("fence", &[]);
}

fn loads(opcode: Opcode) {
    let data: Vec<u8> = (0..64u32).map(|index| (index * 37 + 0x7b) as u8).collect();
    let width = width(opcode).expect("a width");
    let mut sequence = Sequence::new();
    for (rd, rs1) in [(5, 6), (6, 6), (0, 6), (31, 30)] {
        for offset in (0..32).step_by(width as usize) {
            for imm in IMMEDIATES {
                let base = (DATA + offset).wrapping_sub(imm as u32);
                let word = word(
                    opcode,
                    Fields {
                        rd,
                        rs1,
                        rs2: 0,
                        imm,
                    },
                );
                sequence.set(rs1, base).then(word);
            }
        }
    }
    // From x0, before and behind a store to the same place.
    for rd in [5, 0] {
        for place in (LAST..=u32::MAX - 3).step_by(252) {
            for offset in (0..4).step_by(width as usize) {
                let imm = (place + offset) as i32;
                let word = word(
                    opcode,
                    Fields {
                        rd,
                        rs1: 0,
                        rs2: 0,
                        imm,
                    },
                );
                sequence.set(7, place ^ 0x7d21_80f3).then(word);
                sequence
                    .then(encode::store(2, 0, 7, place as i32))
                    .then(word);
            }
        }
    }
    sequence.run_to_end(opcode.name(), &data);
    for imm in [0, 4, 2047, -1, -2, -3, -2047] {
        for rd in [0, 5] {
            let word = word(
                opcode,
                Fields {
                    rd,
                    rs1: 0,
                    rs2: 0,
                    imm,
                },
            );
            Sequence::new().then(word).marker().run(&[]);
        }
    }
    refused_accesses(opcode);
}

fn stores(opcode: Opcode) {
    let width = width(opcode).expect("a width");
    let mut sequence = Sequence::new();
    for (rs1, rs2) in [(6, 7), (6, 6), (6, 0), (30, 31)] {
        for offset in (0..32).step_by(width as usize) {
            for value in [0x8765_4321, 0xffff_ffff, 0] {
                for imm in IMMEDIATES {
                    let base = (DATA + offset).wrapping_sub(imm as u32);
                    let word = word(
                        opcode,
                        Fields {
                            rd: 0,
                            rs1,
                            rs2,
                            imm,
                        },
                    );
                    sequence.set(rs2, value).set(rs1, base).then(word);
                    sequence.set(8, DATA + (offset & !3));
                    sequence.then(encode::load(2, 8, 8, 0));
                }
            }
        }
    }
    for rs2 in [7, 0] {
        for place in (LAST..=u32::MAX - 3).step_by(252) {
            for offset in (0..4).step_by(width as usize) {
                let imm = (place + offset) as i32;
                sequence.set(7, place ^ 0x7d21_80f3);
                sequence.then(word(
                    opcode,
                    Fields {
                        rd: 0,
                        rs1: 0,
                        rs2,
                        imm,
                    },
                ));
                sequence.then(encode::load(2, 8, 0, place as i32));
            }
        }
    }
    sequence.run_to_end(opcode.name(), &[0x5a; 64]);
    for imm in [0, 4, 2047, -1, -2, -3, -2047] {
        let word = word(
            opcode,
            Fields {
                rd: 0,
                rs1: 0,
                rs2: 7,
                imm,
            },
        );
        Sequence::new().then(word).marker().run(&[]);
    }
    refused_accesses(opcode);
    for address in [
        TEXT,
        TEXT + 4,
        0x4000_0000,
        0x4000_0010,
        0x5fff_fffc,
        0x6000_0000,
        0x7fff_fffc,
    ] {
        let word = word(
            opcode,
            Fields {
                rd: 0,
                rs1: 6,
                rs2: 6,
                imm: 0,
            },
        );
        Sequence::new().set(6, address).then(word).marker().run(&[]);
    }
}

/// Addresses off the grid of the width, in the null page and at its end, at the end of memory.
fn refused_accesses(opcode: Opcode) {
    let in_data = (0..4).map(|offset| DATA + offset);
    let null = [0, 1, 2, 3, 4, 4092, 4093, 4094, 4095, 4096];
    let last = (0..4).map(|offset| u32::MAX - offset);
    for address in in_data.chain(null).chain(last) {
        for rd in [5, 0] {
            let word = word(
                opcode,
                Fields {
                    rd,
                    rs1: 6,
                    rs2: 6,
                    imm: 0,
                },
            );
            Sequence::new()
                .set(6, address)
                .then(word)
                .marker()
                .run(&[1; 8]);
        }
    }
}

fn branches(opcode: Opcode) {
    let branch = |rs1, rs2, imm| {
        word(
            opcode,
            Fields {
                rd: 0,
                rs1,
                rs2,
                imm,
            },
        )
    };
    let mut sequence = Sequence::new();
    for a in EDGES {
        for b in EDGES {
            for (rs1, rs2) in [(6, 7), (6, 6), (0, 7), (6, 0), (0, 0)] {
                // Forward over a marker.
                sequence
                    .set(6, a)
                    .set(7, b)
                    .then(branch(rs1, rs2, 8))
                    .marker();
                // Backward to a marker, and on from there.
                sequence
                    .then(encode::jal(0, 12))
                    .marker()
                    .then(encode::jal(0, 24));
                sequence.set(6, a).set(7, b).then(branch(rs1, rs2, -24));
            }
            // To an address that is none.
            for imm in [6, -2] {
                let mut misaligned = Sequence::new();
                misaligned
                    .set(6, a)
                    .set(7, b)
                    .then(branch(6, 7, imm))
                    .marker();
                misaligned.run(&[]);
            }
        }
    }
    sequence.run_to_end(opcode.name(), &[]);
    // As far as offsets reach, to where there is no text, and to itself.
    for imm in [4094 - 2, -4096, 4094, -4094, 0] {
        Sequence::new().then(branch(0, 0, imm)).marker().run(&[]);
    }
}

fn jumps() {
    for rd in [0, 1, 6] {
        for imm in [
            0,
            4,
            8,
            12,
            6,
            2,
            -4,
            1 << 19,
            (1 << 20) - 2,
            (1 << 20) - 4,
            -(1 << 20),
        ] {
            let jump = word(
                Opcode::Jal,
                Fields {
                    rd,
                    rs1: 0,
                    rs2: 0,
                    imm,
                },
            );
            let mut sequence = Sequence::new();
            sequence
                .then(jump)
                .marker()
                .marker()
                .then(encode::ECALL)
                .run(&[]);
        }
    }
}

fn register_jumps() {
    for (rd, rs1) in ALIASINGS_OF_TWO {
        for (target, imm) in [
            (TEXT + 12, 0),
            (TEXT + 16, 1),
            (TEXT + 17, 0),
            (TEXT + 14, 0),
            (TEXT + 12 + 2047, -2047),
            (TEXT + 12 - 2047, 2047),
            (TEXT + 12 + 2048, -2048),
            (TEXT - 4, 0),
            (DATA, 0),
            (0, 0),
            (0, -4),
            (u32::MAX, 0),
            (u32::MAX, 1),
            (0xffff_fffc, 0),
            (TEXT, 0),
        ] {
            let mut sequence = Sequence::new();
            let jump = word(
                Opcode::Jalr,
                Fields {
                    rd,
                    rs1,
                    rs2: 0,
                    imm,
                },
            );
            sequence.set(rs1, target).then(jump).marker();
            sequence.marker().then(encode::ECALL).run(&[]);
        }
    }
}

#[test]
fn text_may_end_without_a_jump() {
    // The next fetch is then outside.
    let (spec, expected) = compare(&Case {
        words: &[encode::immediate(0, 1, 1, 1)],
        data: &[],
        budget: 5,
    });
    assert_eq!((spec.pc, expected.rows.len()), (TEXT + 4, 1));
}

fn host_calls() {
    let calls = [
        (93, 0, 0, 0),
        (93, 7, 0, 0),
        (0, 3, 0, 0),
        (64, 1, DATA, 5),
        (64, 2, DATA + 4090, 12),
        (64, 1, 0, 0),
        (64, 1, 0, 1),
        (64, 1, 0xffff_fffe, 2),
        (64, 1, 0xffff_fffe, 3),
        (64, 1, DATA, 1 << 16),
        (64, 1, DATA, (1 << 16) + 1),
        (64, 0, DATA, 1),
        (64, 3, DATA, 1),
        (1, 0, 0, 0),
        (u32::MAX, 0, 0, 0),
    ];
    for (number, a0, a1, a2) in calls {
        let mut sequence = Sequence::new();
        sequence
            .set(17, number)
            .set(10, a0)
            .set(11, a1)
            .set(12, a2)
            .then(encode::ECALL);
        sequence.then(encode::EBREAK).run(b"hello");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_programs(
        words in programs::program(200),
        data in prop::collection::vec(any::<u8>(), 0..128),
    ) {
        compare(&Case { words: &words, data: &data, budget: 700 });
    }

    /// Whatever the words are: legal ones run the same, the others trap the same.
    #[test]
    fn random_words(words in prop::collection::vec(any::<u32>(), 1..16)) {
        compare(&Case { words: &words, data: &[], budget: 64 });
    }

    /// Words that are legal but for a few bits.
    #[test]
    fn nearly_legal_words(word in instruction(), flipped in 0..32u32, again in 0..32u32) {
        for word in [word ^ 1 << flipped, word ^ 1 << flipped ^ 1 << again] {
            compare(&Case { words: &[word, encode::EBREAK], data: &[], budget: 4 });
        }
    }
}

/// What a set of random programs was worth: for each its cycles, places in text, pages stored to.
#[derive(Default)]
struct Worth {
    programs: Vec<[usize; 3]>,
    opcodes: BTreeSet<&'static str>,
}

/// Long programs with loops, calls, returns and traffic over several pages run to their end, the same on
/// both, row by row; registers and memory also every 2^10 cycles of a fast pass.
#[test]
fn long_random_programs() {
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 16,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let worth = RefCell::new(Worth::default());
    let result = runner.run(&programs::terminating(1000..2000, 24..32), |program| {
        let words = program.words();
        let elf = encode::elf(TEXT, &programs::segments(&words), &[]);
        let loaded = Program::from_elf(&elf).expect("a sound ELF");
        let mut spec = differential::specification(&words, &[]);
        programs::for_each_data_byte(|address, byte| spec.put(address, 1, byte.into()));
        let expected = Expected::of(&mut spec, 1 << 22);
        prop_assert!(
            matches!(expected.last, Some(Step::Exit(..))),
            "{:?}",
            expected.last
        );
        let bout = Bout {
            program: &loaded,
            spec: &spec,
            expected: &expected,
        };
        differential::every_way::<ReservedMemory>(&bout);
        worth.borrow_mut().add(&expected, &loaded);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let mut worth = worth.into_inner();
    // Of chance no more is asked than of three in four.
    let least = [0, 1, 2].map(|at| {
        worth.programs.sort_by_key(|figures| figures[at]);
        worth.programs[worth.programs.len() / 4][at]
    });
    let enough = least[0] >= 10_000 && least[1] >= 400 && least[2] >= 6;
    assert!(enough, "cycles, places, pages {least:?}");
    assert_eq!(worth.opcodes.len(), Opcode::ALL.len() - 1, "all but ebreak");
}

impl Worth {
    fn add(&mut self, expected: &Expected, program: &Program) {
        let rows = &expected.rows;
        let places: BTreeSet<u32> = rows.iter().map(|row| row.pc).collect();
        let stored = rows
            .iter()
            .filter(|row| row.memory_after != row.memory_before);
        let pages: BTreeSet<u32> = stored.map(|row| row.memory_address >> 12).collect();
        self.programs.push([rows.len(), places.len(), pages.len()]);
        let words = places.iter().map(|&pc| program.word_at(pc).expect("text"));
        self.opcodes.extend(words.map(|word| {
            let instruction = tracelane::isa::decode(word).expect("legal");
            instruction.opcode.name()
        }));
    }
}

/// Ways in which a random instance can go.
#[derive(Default, Debug)]
struct Ways {
    went_on: usize,
    went_elsewhere: usize,
    faulted: usize,
    ended: usize,
    /// Memory reads or writes whose word was not zero.
    not_zero: usize,
}

impl Ways {
    fn count(&mut self, expected: &Expected) {
        match (expected.rows.first(), expected.last) {
            (Some(_), Some(Step::Exit(..))) if expected.rows.len() == 1 => self.ended += 1,
            (Some(row), _) if row.next_pc == row.pc.wrapping_add(4) => self.went_on += 1,
            (Some(_), _) => self.went_elsewhere += 1,
            (None, _) => self.faulted += 1,
        }
        let first = expected.rows.first();
        let words = first.is_some_and(|row| row.memory_before != 0);
        self.not_zero += usize::from(words);
    }

    /// Whether each of the ways that `opcode` can go was gone. An instruction that is added to the table
    /// does not compile here until somebody has said which these are.
    fn suffice(&self, opcode: Opcode) -> bool {
        use Opcode::*;
        let often = |count: usize| count > 1000;
        match opcode {
            Lui | Auipc | Addi | Slti | Sltiu | Xori | Ori | Andi | Slli | Srli | Srai | Add
            | Sub | Sll | Slt | Sltu | Xor | Srl | Sra | Or | And | Mul | Mulh | Mulhsu | Mulhu
            | Div | Divu | Rem | Remu | Fence | FenceI => self.went_on == 10_000,
            Beq | Bne | Blt | Bge | Bltu | Bgeu => {
                often(self.went_on) && often(self.went_elsewhere) && self.faulted > 100
            }
            Jal | Jalr => often(self.went_elsewhere) && often(self.faulted),
            Lb | Lh | Lw | Lbu | Lhu | Sb | Sh | Sw => often(self.not_zero) && self.faulted > 100,
            Ecall => often(self.went_on) && often(self.ended) && often(self.faulted),
            Ebreak => self.faulted == 10_000,
        }
    }
}

/// Random fields and registers for `opcode` at the place `index`.
fn random_instance(opcode: Opcode, random: &mut Random) -> (Fields, u32) {
    use Opcode::*;
    let (rd, rs1, rs2) = random.pick(&ALIASINGS);
    let imm = match opcode {
        Lui | Auipc => random.value() as i32,
        Jal => match random.below(4) {
            0 => random.pick(&[6, 2, -2]),
            1 => (random.bits() as i32) >> 11,
            _ => 4 * random.below(16) as i32 - 32,
        },
        Beq | Bne | Blt | Bge | Bltu | Bgeu => match random.below(6) {
            0 => random.pick(&[6, 2, -2]),
            1 => (random.bits() as i32) >> 19,
            _ => 4 * random.below(16) as i32 - 32,
        },
        Slli | Srli | Srai => random.below(32) as i32,
        _ => random.immediate(),
    };
    let fields = Fields { rd, rs1, rs2, imm };
    (fields, word(opcode, fields))
}

/// Random registers, such that `opcode` with `fields` does something.
fn random_registers(opcode: Opcode, fields: Fields, random: &mut Random) -> [u32; 32] {
    let mut registers: [u32; 32] = std::array::from_fn(|_| random.value());
    registers[0] = 0;
    let mut set = |register: u32, value: u32| {
        if register > 0 {
            registers[register as usize] = value;
        }
    };
    if opcode == Opcode::Jalr && random.below(3) > 0 {
        let target = TEXT + 4 * random.below(256) as u32 + random.pick(&[0, 0, 1, 2]);
        set(fields.rs1, target.wrapping_sub(fields.imm as u32));
    } else if opcode == Opcode::Ecall && random.below(6) > 0 {
        set(10, random.pick(&[1, 1, 2, 0, random.0 as u32]));
        set(11, DATA + random.below(128) as u32);
        set(12, random.below(64) as u32);
        set(17, random.pick(&[64, 64, 64, 93, 0, random.0 as u32]));
    } else if let (Some(width), true) = (width(opcode), random.below(8) > 0) {
        let address = DATA + width * random.below(128 / width as usize) as u32;
        set(fields.rs1, address.wrapping_sub(fields.imm as u32));
    } else if random.below(8) == 0 {
        // For branches: equal ones, which chance would not give.
        let value = random.value();
        set(fields.rs1, value);
        set(fields.rs2, value);
    }
    registers
}

fn ten_thousand(opcode: Opcode) {
    const SITES: usize = 256;
    const EACH: usize = 8;
    let mut random = Random(opcode as u64);
    let mut ways = Ways::default();
    let mut left = 10_000;
    while left > 0 {
        let instances: Vec<(Fields, u32)> = (0..SITES)
            .map(|_| random_instance(opcode, &mut random))
            .collect();
        // Each before a marker.
        let words = instances.iter();
        let words: Vec<u32> = words
            .flat_map(|(_, word)| [*word, encode::immediate(0, 9, 9, 1)])
            .collect();
        let mut sites = Sites::new(&words, &random.bytes(192));
        for at in 0..(SITES * EACH).min(left) {
            let (fields, _) = instances[at % SITES];
            let registers = random_registers(opcode, fields, &mut random);
            let expected = sites.check(2 * (at % SITES), &registers, 3, &[1, 2]);
            ways.count(&expected);
            left -= 1;
        }
    }
    assert!(ways.suffice(opcode), "{}: {ways:?}", opcode.name());
}

#[test]
fn every_instruction_on_ten_thousand_random_operands() {
    Opcode::ALL
        .iter()
        .step_by(2)
        .for_each(|&opcode| ten_thousand(opcode));
}

#[test]
fn every_other_instruction_on_ten_thousand_random_operands() {
    Opcode::ALL
        .iter()
        .skip(1)
        .step_by(2)
        .for_each(|&opcode| ten_thousand(opcode));
}
