//! Disassembly: an instruction word as the assembler would write it.
//!
//! In: a word and its address. Out: one line of text. It does not know symbols.

use super::{Format, Opcode, decode};

/// The ABI names of the 32 registers.
pub const REGISTER_NAMES: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4",
    "a5", "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4",
    "t5", "t6",
];

/// The instruction `word` at address `pc`, or `.word 0x...` where it is none of RV32IM.
#[must_use]
pub fn disassemble(pc: u32, word: u32) -> String {
    let Some(instruction) = decode(word) else {
        return format!(".word {word:#010x}");
    };
    let name = instruction.opcode.name();
    let rd = REGISTER_NAMES[usize::from(instruction.rd)];
    let rs1 = REGISTER_NAMES[usize::from(instruction.rs1)];
    let rs2 = REGISTER_NAMES[usize::from(instruction.rs2)];
    let imm = instruction.imm as i32;
    let target = pc.wrapping_add(instruction.imm);
    match instruction.opcode.format() {
        Format::Register => format!("{name} {rd}, {rs1}, {rs2}"),
        Format::Immediate if instruction.opcode == Opcode::Jalr => {
            format!("{name} {rd}, {imm}({rs1})")
        }
        Format::Immediate | Format::Shift => format!("{name} {rd}, {rs1}, {imm}"),
        Format::Load => format!("{name} {rd}, {imm}({rs1})"),
        Format::Store => format!("{name} {rs2}, {imm}({rs1})"),
        Format::Branch => format!("{name} {rs1}, {rs2}, {target:#x}"),
        Format::Upper => format!("{name} {rd}, {:#x}", instruction.imm >> 12),
        Format::Jump => format!("{name} {rd}, {target:#x}"),
        Format::Fence | Format::System => name.to_owned(),
    }
}
