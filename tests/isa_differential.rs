//! Every instruction equals the specification: over edge operands, all aliasings, random programs.

#[path = "support/differential.rs"]
mod differential;
#[path = "support/encode.rs"]
mod encode;
#[path = "support/programs.rs"]
mod programs;
#[path = "support/spec.rs"]
mod spec;

use differential::{Case, DATA, TEXT, compare};
use encode::{BRANCH, IMMEDIATE, LOAD, REGISTER, SHIFT, STORE, li};
use programs::{IMMEDIATES, instruction};
use proptest::prelude::*;
use spec::Spec;
use tracelane::isa::Opcode;

const EDGES: [u32; 16] = [
    0,
    1,
    2,
    3,
    31,
    32,
    33,
    0x7f,
    0x80,
    0x7fff,
    0x8000,
    0x7fff_ffff,
    0x8000_0000,
    0x8000_0001,
    0xffff_fffe,
    0xffff_ffff,
];

/// rd, rs1, rs2: all different, each pair equal, all equal, and x0 in each place.
const ALIASINGS: [(u32, u32, u32); 10] = [
    (5, 6, 7),
    (6, 6, 7),
    (7, 6, 7),
    (5, 6, 6),
    (6, 6, 6),
    (0, 6, 7),
    (5, 0, 7),
    (5, 6, 0),
    (0, 0, 0),
    (31, 30, 29),
];

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

    fn run(&self, data: &[u8]) -> Spec {
        compare(&Case {
            words: &self.words,
            data,
            budget: self.words.len(),
        })
    }
}

#[test]
fn register_instructions() {
    for (name, funct7, funct3) in REGISTER {
        let mut sequence = Sequence::new();
        for (rd, rs1, rs2) in ALIASINGS {
            for a in EDGES {
                for b in EDGES {
                    sequence
                        .set(rs2, b)
                        .set(rs1, a)
                        .then(encode::register(funct7, funct3, rd, rs1, rs2));
                }
            }
        }
        let spec = sequence.run(&[]);
        assert_eq!(
            spec.pc,
            TEXT + 4 * sequence.words.len() as u32,
            "{name} ran to its end"
        );
    }
}

#[test]
fn immediate_instructions_and_shifts() {
    for (rd, rs1, _) in ALIASINGS {
        let mut sequence = Sequence::new();
        for a in EDGES {
            for imm in IMMEDIATES {
                for (_, funct3) in IMMEDIATE {
                    sequence
                        .set(rs1, a)
                        .then(encode::immediate(funct3, rd, rs1, imm));
                }
            }
            for amount in [0, 1, 2, 15, 16, 30, 31] {
                for (_, funct7, funct3) in SHIFT {
                    sequence
                        .set(rs1, a)
                        .then(encode::shift(funct7, funct3, rd, rs1, amount));
                }
            }
        }
        sequence.run(&[]);
    }
}

#[test]
fn upper_immediates_and_fences() {
    let mut sequence = Sequence::new();
    for rd in [0, 1, 31] {
        for upper in [0, 0x1000, 0x7fff_f000, 0x8000_0000, 0xffff_f000] {
            sequence
                .then(encode::lui(rd, upper))
                .then(encode::auipc(rd, upper));
        }
    }
    sequence
        .then(encode::FENCE)
        .then(encode::FENCE_I)
        .then(0x8330_000f);
    sequence.run(&[]);
}

#[test]
fn loads_of_every_width_place_and_sign() {
    let data: Vec<u8> = (0..64u32).map(|index| (index * 37 + 0x7b) as u8).collect();
    for (_, funct3, width) in LOAD {
        for (rd, rs1) in [(5, 6), (6, 6), (0, 6)] {
            let mut sequence = Sequence::new();
            for offset in (0..32).step_by(width as usize) {
                for imm in [-2048, -4, 0, 4, 2044] {
                    let base = (DATA + offset).wrapping_sub(imm as u32);
                    sequence
                        .set(rs1, base)
                        .then(encode::load(funct3, rd, rs1, imm));
                }
            }
            sequence.run(&data);
        }
    }
}

#[test]
fn stores_of_every_width_and_place() {
    for (_, funct3, width) in STORE {
        for (rs1, rs2) in [(6, 7), (6, 6), (6, 0)] {
            let mut sequence = Sequence::new();
            for offset in (0..32).step_by(width as usize) {
                for value in [0x8765_4321, 0xffff_ffff, 0] {
                    for imm in [-2048, 0, 2044] {
                        let base = (DATA + offset).wrapping_sub(imm as u32);
                        sequence.set(rs2, value).set(rs1, base);
                        sequence.then(encode::store(funct3, rs1, rs2, imm));
                        sequence.then(encode::load(2, 8, rs1, imm & !3));
                    }
                }
            }
            sequence.run(&[0x5a; 64]);
        }
    }
}

#[test]
fn misaligned_and_null_accesses_trap() {
    for address in [
        DATA + 1,
        DATA + 2,
        DATA + 3,
        0,
        1,
        2,
        4,
        4092,
        4095,
        4096,
        u32::MAX,
        0xffff_fffc,
    ] {
        for (_, funct3, _) in LOAD {
            Sequence::new()
                .set(6, address)
                .then(encode::load(funct3, 5, 6, 0))
                .then(0)
                .run(&[1; 8]);
            Sequence::new()
                .set(6, address)
                .then(encode::load(funct3, 0, 6, 0))
                .then(0)
                .run(&[1; 8]);
        }
        for (_, funct3, _) in STORE {
            Sequence::new()
                .set(6, address)
                .then(encode::store(funct3, 6, 6, 0))
                .then(0)
                .run(&[1; 8]);
        }
    }
    for address in [
        TEXT,
        TEXT + 4,
        0x4000_0000,
        0x4000_0010,
        0x5fff_fffc,
        0x6000_0000,
        0x7fff_fffc,
    ] {
        Sequence::new()
            .set(6, address)
            .then(encode::store(2, 6, 6, 0))
            .then(0)
            .run(&[]);
    }
}

#[test]
fn branches_taken_and_not() {
    for (_, funct3) in BRANCH {
        for a in EDGES {
            for b in EDGES {
                // Forward over a marker, backward to it, and an offset off the grid of words.
                for (rs1, rs2) in [(6, 7), (6, 6), (0, 7), (6, 0)] {
                    let mut forward = Sequence::new();
                    forward
                        .set(6, a)
                        .set(7, b)
                        .then(encode::branch(funct3, rs1, rs2, 8));
                    forward
                        .then(encode::immediate(0, 9, 9, 1))
                        .then(encode::immediate(0, 10, 10, 1));
                    forward.run(&[]);
                }
                let mut backward = Sequence::new();
                backward
                    .then(encode::jal(0, 12))
                    .then(encode::immediate(0, 9, 9, 1));
                backward.then(encode::ECALL).set(6, a).set(7, b);
                backward
                    .then(encode::branch(funct3, 6, 7, -20))
                    .then(encode::EBREAK);
                backward.run(&[]);
                let mut misaligned = Sequence::new();
                misaligned
                    .set(6, a)
                    .set(7, b)
                    .then(encode::branch(funct3, 6, 7, 6))
                    .then(0);
                misaligned.run(&[]);
            }
        }
    }
}

#[test]
fn jumps_and_where_they_may_not_lead() {
    for rd in [0, 1, 6] {
        for offset in [4, 8, 12, 6, 2, -4, 1 << 19, -(1 << 20)] {
            let mut sequence = Sequence::new();
            sequence.then(encode::jal(rd, offset));
            sequence
                .then(encode::ECALL)
                .then(encode::ECALL)
                .then(encode::ECALL)
                .run(&[]);
        }
        for (target, imm) in [
            (TEXT + 12, 0),
            (TEXT + 16, 1),
            (TEXT + 17, 0),
            (TEXT + 14, 0),
            (TEXT + 12 + 2047, -2047),
            (TEXT - 4, 0),
            (DATA, 0),
            (0, 0),
            (u32::MAX, 0),
            (0xffff_fffc, 0),
        ] {
            let mut sequence = Sequence::new();
            sequence.set(6, target).then(encode::jalr(rd, 6, imm));
            sequence
                .then(encode::ECALL)
                .then(encode::ECALL)
                .then(encode::ECALL)
                .run(&[]);
        }
    }
    // Text may end without a jump; the next fetch is then outside.
    compare(&Case {
        words: &[encode::immediate(0, 1, 1, 1)],
        data: &[],
        budget: 5,
    });
}

#[test]
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Long ones, with loops and traffic; every row of up to 20,000 is compared.
    #[test]
    fn long_random_programs(
        words in programs::program(10_000),
        data in prop::collection::vec(any::<u8>(), 0..128),
    ) {
        compare(&Case { words: &words, data: &data, budget: 20_000 });
    }
}

/// Random numbers for operands, half of them edges.
struct Operands(u64);

impl Operands {
    fn bits(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 32) as u32
    }

    fn value(&mut self) -> u32 {
        let bits = self.bits();
        if bits & 1 == 0 {
            EDGES[(bits >> 1) as usize % EDGES.len()]
        } else {
            self.bits()
        }
    }
}

/// A random instance of `opcode` on x6 and x7, or another alias. An instruction that is added to the
/// table does not compile here until it has its line.
fn instance(opcode: Opcode, random: &mut Operands) -> u32 {
    let (rd, rs1, rs2) = ALIASINGS[random.bits() as usize % ALIASINGS.len()];
    let imm = random.bits() as i32 >> 20;
    let named = |table: &[(&str, u32, u32)]| {
        let entry = table.iter().find(|entry| entry.0 == opcode.name());
        entry
            .map(|&(_, a, b)| (a, b))
            .expect("in the manual's table")
    };
    let pairs = |table: &[(&str, u32)]| {
        let entry = table.iter().find(|entry| entry.0 == opcode.name());
        entry.expect("in the manual's table").1
    };
    use Opcode::*;
    match opcode {
        Lui => encode::lui(rd, random.bits()),
        Auipc => encode::auipc(rd, random.bits()),
        Jal => encode::jal(rd, 4),
        Jalr => encode::jalr(rd, 0, TEXT as i32 & 0x7ff),
        Beq | Bne | Blt | Bge | Bltu | Bgeu => encode::branch(pairs(&BRANCH), rs1, rs2, 4),
        // A base register of zero would be the null page: x9 holds an address in data.
        Lb | Lh | Lw | Lbu | Lhu => {
            let (funct3, width) = named(&LOAD);
            encode::load(funct3, rd, 9, imm & 0x3ff & -(width as i32))
        }
        Sb | Sh | Sw => {
            let (funct3, width) = named(&STORE);
            encode::store(funct3, 9, rs2, imm & 0x3ff & -(width as i32))
        }
        Addi | Slti | Sltiu | Xori | Ori | Andi => {
            encode::immediate(pairs(&IMMEDIATE), rd, rs1, imm)
        }
        Slli | Srli | Srai => {
            let (funct7, funct3) = named(&SHIFT);
            encode::shift(funct7, funct3, rd, rs1, random.bits())
        }
        Add | Sub | Sll | Slt | Sltu | Xor | Srl | Sra | Or | And | Mul | Mulh | Mulhsu | Mulhu
        | Div | Divu | Rem | Remu => {
            let (funct7, funct3) = named(&REGISTER);
            encode::register(funct7, funct3, rd, rs1, rs2)
        }
        Fence => encode::FENCE,
        FenceI => encode::FENCE_I,
        Ecall => encode::ECALL,
        Ebreak => encode::EBREAK,
    }
}

#[test]
fn every_instruction_on_ten_thousand_random_operands() {
    const BATCH: usize = 500;
    let mut random = Operands(1);
    for &opcode in Opcode::ALL {
        // These end a run or leave the sequence; they have tests of their own above.
        if matches!(opcode, Opcode::Jalr | Opcode::Ecall | Opcode::Ebreak) {
            continue;
        }
        for _ in 0..10_000 / BATCH {
            let mut sequence = Sequence::new();
            sequence.set(9, DATA);
            for _ in 0..BATCH {
                let word = instance(opcode, &mut random);
                sequence
                    .set(6, random.value())
                    .set(7, random.value())
                    .then(word);
            }
            let spec = sequence.run(&[]);
            let end = TEXT + 4 * sequence.words.len() as u32;
            assert_eq!(spec.pc, end, "{} ran to its end", opcode.name());
        }
    }
}
