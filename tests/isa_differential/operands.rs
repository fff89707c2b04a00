//! Every instruction on ten thousand random operands, of which each way that it can go takes its share.

use tracelane::isa::Opcode;

use crate::differential::{DATA, Expected, TEXT};
use crate::encode;
use crate::instances::{ALIASINGS, Fields, Random, width, word};
use crate::sites::Sites;
use crate::spec::Step;

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
