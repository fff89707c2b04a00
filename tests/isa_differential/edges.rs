//! Every instruction over its edges: operands, immediates, places, all ways in which registers can be the
//! same, and what is refused.

use tracelane::isa::Opcode;

use crate::differential::{Case, DATA, TEXT, compare};
use crate::encode::{self, li};
use crate::instances::{ALIASINGS, EDGES, Fields, IMMEDIATES, width, word};
use crate::spec::Spec;

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
