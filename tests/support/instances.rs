//! Instances of every instruction in the library's table, from the manual's encoder, and operands.
//!
//! In: an opcode and what stands in its fields; a seed. Out: instruction words; random numbers that
//! are edges half of the time. An instruction that is added to the table does not compile here until
//! it has its line.

#![allow(dead_code, reason = "each test takes the part it needs")]

use tracelane::isa::Opcode;

use crate::differential::DATA;
use crate::encode::{self, BRANCH, IMMEDIATE, LOAD, REGISTER, SHIFT, STORE};

/// Values at the edges of signs, widths and shift amounts.
pub const EDGES: [u32; 16] = [
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

/// 12-bit immediates at the edges of their range, of signs and of shift amounts.
pub const IMMEDIATES: [i32; 16] = [
    -2048, -2047, -1024, -33, -32, -31, -2, -1, 0, 1, 2, 31, 32, 1023, 1024, 2047,
];

/// rd, rs1, rs2 in each of the fifteen ways in which they and x0 can be the same, and far ones.
pub const ALIASINGS: [(u32, u32, u32); 16] = [
    (5, 6, 7),
    (6, 6, 7),
    (7, 6, 7),
    (5, 6, 6),
    (6, 6, 6),
    (0, 6, 7),
    (5, 0, 7),
    (5, 6, 0),
    (6, 6, 0),
    (7, 0, 7),
    (0, 6, 6),
    (5, 0, 0),
    (0, 0, 7),
    (0, 6, 0),
    (0, 0, 0),
    (31, 30, 29),
];

/// What stands in an instruction's fields; each takes what it has.
#[derive(Clone, Copy, Debug)]
pub struct Fields {
    pub rd: u32,
    pub rs1: u32,
    pub rs2: u32,
    /// The immediate, the offset, the shift amount; of `lui` and `auipc` the upper 20 bits count.
    pub imm: i32,
}

fn pair(table: &[(&str, u32)], opcode: Opcode) -> u32 {
    let entry = table.iter().find(|entry| entry.0 == opcode.name());
    entry.expect("in the manual's table").1
}

fn triple(table: &[(&str, u32, u32)], opcode: Opcode) -> (u32, u32) {
    let entry = table.iter().find(|entry| entry.0 == opcode.name());
    let (_, first, second) = entry.expect("in the manual's table");
    (*first, *second)
}

/// The word of `opcode` with these fields.
pub fn word(opcode: Opcode, fields: Fields) -> u32 {
    use Opcode::*;
    let Fields { rd, rs1, rs2, imm } = fields;
    match opcode {
        Lui => encode::lui(rd, imm as u32),
        Auipc => encode::auipc(rd, imm as u32),
        Jal => encode::jal(rd, imm),
        Jalr => encode::jalr(rd, rs1, imm),
        Beq | Bne | Blt | Bge | Bltu | Bgeu => encode::branch(pair(&BRANCH, opcode), rs1, rs2, imm),
        Lb | Lh | Lw | Lbu | Lhu => encode::load(triple(&LOAD, opcode).0, rd, rs1, imm),
        Sb | Sh | Sw => encode::store(triple(&STORE, opcode).0, rs1, rs2, imm),
        Addi | Slti | Sltiu | Xori | Ori | Andi => {
            encode::immediate(pair(&IMMEDIATE, opcode), rd, rs1, imm)
        }
        Slli | Srli | Srai => {
            let (funct7, funct3) = triple(&SHIFT, opcode);
            encode::shift(funct7, funct3, rd, rs1, imm as u32)
        }
        Add | Sub | Sll | Slt | Sltu | Xor | Srl | Sra | Or | And | Mul | Mulh | Mulhsu | Mulhu
        | Div | Divu | Rem | Remu => {
            let (funct7, funct3) = triple(&REGISTER, opcode);
            encode::register(funct7, funct3, rd, rs1, rs2)
        }
        Fence => encode::FENCE,
        FenceI => encode::FENCE_I,
        Ecall => encode::ECALL,
        Ebreak => encode::EBREAK,
    }
}

/// Bytes of a load or a store.
pub fn width(opcode: Opcode) -> Option<u32> {
    let entry = |table: &[(&str, u32, u32)]| {
        let entry = table.iter().find(|entry| entry.0 == opcode.name());
        entry.map(|entry| entry.2)
    };
    entry(&LOAD).or_else(|| entry(&STORE))
}

/// Random numbers, the same ones every time.
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 32) as u32
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        ((u64::from(self.bits()) * end as u64) >> 32) as usize
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// An operand: half of the time an edge.
    pub fn value(&mut self) -> u32 {
        if self.below(2) == 0 {
            self.pick(&EDGES)
        } else {
            self.bits()
        }
    }

    /// An operand for an instruction that may want an address: often one in data.
    pub fn value_or_address(&mut self) -> u32 {
        match self.below(4) {
            0 => DATA + 4 * self.below(16) as u32,
            1 => DATA + self.below(64) as u32,
            _ => self.value(),
        }
    }

    /// A 12-bit immediate: edges, small ones, any.
    pub fn immediate(&mut self) -> i32 {
        match self.below(4) {
            0 => self.pick(&IMMEDIATES),
            1 => 4 * self.below(16) as i32,
            2 => self.below(64) as i32,
            _ => self.bits() as i32 >> 20,
        }
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.bits() as u8).collect()
    }
}
