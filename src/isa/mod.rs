//! The instruction set: one table of RV32IM, and what derives from it.
//!
//! In: 32-bit instruction words. Out: [`Opcode`] (one per instruction), [`Instruction`] (fields taken
//! apart), names and, in [`text`], disassembly. It does not know how instructions are executed.
//! Source: The RISC-V Instruction Set Manual, volume I, chapters RV32I 2.1, M 2.0, Zifencei 2.0.

pub mod text;

/// How an instruction's operands lie in its word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Two source registers and a destination.
    Register,
    /// One source register, a 12-bit immediate and a destination.
    Immediate,
    /// One source register, a 5-bit shift amount and a destination.
    Shift,
    /// A load: base register, 12-bit offset, destination.
    Load,
    /// A store: base and value registers, 12-bit offset.
    Store,
    /// A branch: two source registers, 13-bit offset.
    Branch,
    /// A 20-bit upper immediate and a destination.
    Upper,
    /// A jump: 21-bit offset and a destination.
    Jump,
    /// No operands that matter here.
    Fence,
    /// `ecall` and `ebreak`: the whole word is fixed.
    System,
}

macro_rules! instructions {
    ($($variant:ident $name:literal $format:ident $pattern:literal $mask:literal,)+) => {
        /// One instruction of RV32IM.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum Opcode {
            $(#[doc = concat!("`", $name, "`")] $variant,)+
        }

        impl Opcode {
            /// Every instruction, in table order.
            pub const ALL: &'static [Opcode] = &[$(Opcode::$variant,)+];

            /// The assembler's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Opcode::$variant => $name,)+ }
            }

            /// How its operands lie in the word.
            #[must_use]
            pub const fn format(self) -> Format {
                match self { $(Opcode::$variant => Format::$format,)+ }
            }

            /// The fixed bits of its encoding and the mask that selects them.
            #[must_use]
            pub const fn encoding(self) -> (u32, u32) {
                match self { $(Opcode::$variant => ($pattern, $mask),)+ }
            }
        }
    };
}

instructions! {
    Lui    "lui"     Upper     0x0000_0037 0x0000_007f,
    Auipc  "auipc"   Upper     0x0000_0017 0x0000_007f,
    Jal    "jal"     Jump      0x0000_006f 0x0000_007f,
    Jalr   "jalr"    Immediate 0x0000_0067 0x0000_707f,
    Beq    "beq"     Branch    0x0000_0063 0x0000_707f,
    Bne    "bne"     Branch    0x0000_1063 0x0000_707f,
    Blt    "blt"     Branch    0x0000_4063 0x0000_707f,
    Bge    "bge"     Branch    0x0000_5063 0x0000_707f,
    Bltu   "bltu"    Branch    0x0000_6063 0x0000_707f,
    Bgeu   "bgeu"    Branch    0x0000_7063 0x0000_707f,
    Lb     "lb"      Load      0x0000_0003 0x0000_707f,
    Lh     "lh"      Load      0x0000_1003 0x0000_707f,
    Lw     "lw"      Load      0x0000_2003 0x0000_707f,
    Lbu    "lbu"     Load      0x0000_4003 0x0000_707f,
    Lhu    "lhu"     Load      0x0000_5003 0x0000_707f,
    Sb     "sb"      Store     0x0000_0023 0x0000_707f,
    Sh     "sh"      Store     0x0000_1023 0x0000_707f,
    Sw     "sw"      Store     0x0000_2023 0x0000_707f,
    Addi   "addi"    Immediate 0x0000_0013 0x0000_707f,
    Slti   "slti"    Immediate 0x0000_2013 0x0000_707f,
    Sltiu  "sltiu"   Immediate 0x0000_3013 0x0000_707f,
    Xori   "xori"    Immediate 0x0000_4013 0x0000_707f,
    Ori    "ori"     Immediate 0x0000_6013 0x0000_707f,
    Andi   "andi"    Immediate 0x0000_7013 0x0000_707f,
    Slli   "slli"    Shift     0x0000_1013 0xfe00_707f,
    Srli   "srli"    Shift     0x0000_5013 0xfe00_707f,
    Srai   "srai"    Shift     0x4000_5013 0xfe00_707f,
    Add    "add"     Register  0x0000_0033 0xfe00_707f,
    Sub    "sub"     Register  0x4000_0033 0xfe00_707f,
    Sll    "sll"     Register  0x0000_1033 0xfe00_707f,
    Slt    "slt"     Register  0x0000_2033 0xfe00_707f,
    Sltu   "sltu"    Register  0x0000_3033 0xfe00_707f,
    Xor    "xor"     Register  0x0000_4033 0xfe00_707f,
    Srl    "srl"     Register  0x0000_5033 0xfe00_707f,
    Sra    "sra"     Register  0x4000_5033 0xfe00_707f,
    Or     "or"      Register  0x0000_6033 0xfe00_707f,
    And    "and"     Register  0x0000_7033 0xfe00_707f,
    Mul    "mul"     Register  0x0200_0033 0xfe00_707f,
    Mulh   "mulh"    Register  0x0200_1033 0xfe00_707f,
    Mulhsu "mulhsu"  Register  0x0200_2033 0xfe00_707f,
    Mulhu  "mulhu"   Register  0x0200_3033 0xfe00_707f,
    Div    "div"     Register  0x0200_4033 0xfe00_707f,
    Divu   "divu"    Register  0x0200_5033 0xfe00_707f,
    Rem    "rem"     Register  0x0200_6033 0xfe00_707f,
    Remu   "remu"    Register  0x0200_7033 0xfe00_707f,
    Fence  "fence"   Fence     0x0000_000f 0x0000_707f,
    FenceI "fence.i" Fence     0x0000_100f 0x0000_707f,
    Ecall  "ecall"   System    0x0000_0073 0xffff_ffff,
    Ebreak "ebreak"  System    0x0010_0073 0xffff_ffff,
}

/// Number of the register with the return address.
pub const RA: u8 = 1;
/// Register a0: first argument and result of a host call.
pub const A0: u8 = 10;
/// Register a1: second argument of a host call.
pub const A1: u8 = 11;
/// Register a2: third argument of a host call.
pub const A2: u8 = 12;
/// Register a7: number of a host call.
pub const A7: u8 = 17;

/// One instruction taken apart. Absent register operands are 0, an absent immediate is 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instruction {
    /// Which instruction.
    pub opcode: Opcode,
    /// Destination register; a0 for `ecall`.
    pub rd: u8,
    /// First source register; a7 for `ecall`.
    pub rs1: u8,
    /// Second source register; a2 for `ecall`.
    pub rs2: u8,
    /// Immediate, sign-extended; for `lui` and `auipc` already shifted.
    pub imm: u32,
}

/// Bits of a word that together tell all instructions of the table apart.
const KEY_BITS: u32 = 0x4210_707c;

/// log2 of the number of keys.
const KEY_BITS_COUNT: u32 = KEY_BITS.count_ones();

/// [`KEY_BITS`] of a word, pushed together.
const fn key(word: u32) -> usize {
    let fields = word >> 2 & 31 | (word >> 12 & 7) << 5;
    (fields | (word >> 20 & 1) << 8 | (word >> 25 & 1) << 9 | (word >> 30 & 1) << 10) as usize
}

/// For each key the one instruction that a word with it can be, as an index into [`Opcode::ALL`]; an
/// index behind the last one where there is none. Derived from the table; that `KEY_BITS` are enough is
/// checked here.
static CANDIDATES: [u8; 1 << KEY_BITS_COUNT] = {
    let none = Opcode::ALL.len() as u8;
    let mut candidates = [none; 1 << KEY_BITS_COUNT];
    let mut index = 0;
    while index < Opcode::ALL.len() {
        let (pattern, mask) = Opcode::ALL[index].encoding();
        // Every key that agrees with the pattern where the mask looks: all subsets of what it ignores.
        let ignored = KEY_BITS & !mask;
        let mut other = 0;
        loop {
            let slot = &mut candidates[key(pattern | other)];
            assert!(*slot == none, "two instructions share a key");
            *slot = index as u8;
            other = other.wrapping_sub(ignored) & ignored;
            if other == 0 {
                break;
            }
        }
        index += 1;
    }
    candidates
};

/// Takes a word apart, or `None` where it is no RV32IM instruction.
#[must_use]
pub fn decode(word: u32) -> Option<Instruction> {
    let candidate = CANDIDATES[key(word)];
    let opcode = *Opcode::ALL.get(usize::from(candidate))?;
    let (pattern, mask) = opcode.encoding();
    if word & mask != pattern {
        return None;
    }
    let rd = (word >> 7 & 31) as u8;
    let rs1 = (word >> 15 & 31) as u8;
    let rs2 = (word >> 20 & 31) as u8;
    let (rd, rs1, rs2, imm) = match opcode.format() {
        Format::Register => (rd, rs1, rs2, 0),
        Format::Immediate | Format::Load => (rd, rs1, 0, immediate_i(word)),
        Format::Shift => (rd, rs1, 0, u32::from(rs2)),
        Format::Store => (0, rs1, rs2, immediate_s(word)),
        Format::Branch => (0, rs1, rs2, immediate_b(word)),
        Format::Upper => (rd, 0, 0, word & 0xffff_f000),
        Format::Jump => (rd, 0, 0, immediate_j(word)),
        Format::Fence => (0, 0, 0, 0),
        Format::System if opcode == Opcode::Ecall => (A0, A7, A2, 0),
        Format::System => (0, 0, 0, 0),
    };
    Some(Instruction {
        opcode,
        rd,
        rs1,
        rs2,
        imm,
    })
}

fn immediate_i(word: u32) -> u32 {
    (word as i32 >> 20) as u32
}

fn immediate_s(word: u32) -> u32 {
    ((word as i32 >> 20) as u32 & !31) | (word >> 7 & 31)
}

fn immediate_b(word: u32) -> u32 {
    let sign = (word as i32 >> 31) as u32;
    sign << 12 | (word >> 7 & 1) << 11 | (word >> 25 & 0x3f) << 5 | (word >> 8 & 0xf) << 1
}

fn immediate_j(word: u32) -> u32 {
    let sign = (word as i32 >> 31) as u32;
    sign << 20 | (word & 0x000f_f000) | (word >> 20 & 1) << 11 | (word >> 21 & 0x3ff) << 1
}

/// The extension an instruction word outside RV32IM most likely belongs to, for error messages. Words
/// that are all zeros or all ones are no instruction of any.
#[must_use]
pub fn missing_extension(word: u32) -> Option<&'static str> {
    if word == 0 || word == !0 {
        return None;
    }
    if word & 3 != 3 {
        return Some("C");
    }
    match (word >> 2 & 31, word >> 12 & 7) {
        (0x0b, _) => Some("A"),
        (0x01 | 0x09, 2) | (0x10..=0x13, _) => Some("F"),
        (0x01 | 0x09, 3) => Some("D"),
        (0x01 | 0x09, 0 | 5..=7) | (0x15, _) => Some("V"),
        (0x14, _) => Some(if word >> 25 & 3 == 1 { "D" } else { "F" }),
        (0x1c, 1..=3 | 5..=7) => Some("Zicsr"),
        // ld, lwu, sd, the word operations, and shifts by 32 and more.
        (0x00, 3 | 6) | (0x08, 3) | (0x06 | 0x0e, _) => Some("RV64I"),
        (0x04, 1 | 5) if word & 0xbe00_0000 == 0x0200_0000 => Some("RV64I"),
        _ => None,
    }
}
