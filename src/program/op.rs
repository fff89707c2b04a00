//! Decoded operations: eight bytes each, with everything settled that can be before the run.
//!
//! In: an [`Instruction`] and its address. Out: [`Op`]. What is settled: writes to x0 become
//! operations without a destination, `lui` and `auipc` become constants, branch and jump targets
//! become indices into the op table. It does not know memory or registers.

use super::pair::for_each_pair;
use crate::isa::{Instruction, Opcode};

macro_rules! define_kind {
    ($($first:ident { $($name:ident: $second:ident $($operand:ident)?),+ })+) => {
        /// What an [`Op`] does. Where `imm` is an index, it is one of [`index_of`].
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        #[expect(
            missing_docs,
            reason = "the rest are named as the instructions they execute"
        )]
        pub enum Kind {
            /// Reads rs1 and rs2 and does nothing: a computation whose destination is x0, or a fence.
            Discard,
            /// rd = imm.
            Constant,
            Add,
            Sub,
            Sll,
            Slt,
            Sltu,
            Xor,
            Srl,
            Sra,
            Or,
            And,
            Mul,
            Mulh,
            Mulhsu,
            Mulhu,
            Div,
            Divu,
            Rem,
            Remu,
            Addi,
            Slti,
            Sltiu,
            Xori,
            Ori,
            Andi,
            Slli,
            Srli,
            Srai,
            Lb,
            Lh,
            Lw,
            Lbu,
            Lhu,
            /// A load to x0: may fault like any other. rs2 holds log2 of its width in bytes.
            LoadDiscard,
            Sb,
            Sh,
            Sw,
            Beq,
            Bne,
            Blt,
            Bge,
            Bltu,
            Bgeu,
            /// A branch to an address with bit 1 set: a fault when taken. rd holds the real [`Kind`].
            BranchMisaligned,
            /// A direct jump without link; imm is the target's index.
            Jump,
            /// A direct jump with link; imm is the target's index.
            JumpLink,
            /// A direct jump to an address with bit 1 set: always a fault.
            JumpMisaligned,
            /// An indirect jump without link.
            JumpRegister,
            /// An indirect jump with link.
            JumpRegisterLink,
            Ecall,
            Ebreak,
            /// No instruction of RV32IM; imm is the word.
            Illegal,
            /// A gap between executable segments.
            Outside,
            $($(
                #[doc = concat!("[`", stringify!($first), "`](Kind::", stringify!($first), "), then [`", stringify!($second), "`](Kind::", stringify!($second), "), dispatched as one.")]
                $name,
            )+)+
        }
    };
}
for_each_pair!(define_kind);

/// One decoded operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, align(8))]
pub struct Op {
    /// What to do.
    pub kind: Kind,
    /// Destination register, never x0 where there is one.
    pub rd: u8,
    /// First source register.
    pub rs1: u8,
    /// Second source register.
    pub rs2: u8,
    /// Immediate, constant or target index.
    pub imm: u32,
}

const _: () = assert!(size_of::<Op>() == 8);

impl Op {
    /// Whether control never continues at the next op of its own accord. A branch that is not taken
    /// does, so it ends no block.
    #[must_use]
    pub fn ends_block(self) -> bool {
        matches!(
            self.kind,
            Kind::Jump
                | Kind::JumpLink
                | Kind::JumpMisaligned
                | Kind::JumpRegister
                | Kind::JumpRegisterLink
                | Kind::Ecall
                | Kind::Ebreak
                | Kind::Illegal
                | Kind::Outside
        )
    }
}

/// The index of address `pc` in a table whose first op is at `text_base`, for an even `pc`.
///
/// Addresses outside the table give indices outside it; bit 31 carries bit 1 of the address, so
/// [`pc_of`] recovers every even address.
#[must_use]
pub fn index_of(text_base: u32, pc: u32) -> u32 {
    let offset = pc.wrapping_sub(text_base);
    offset >> 2 | (offset & 2) << 30
}

/// The address of the op at `index`: the inverse of [`index_of`].
#[must_use]
pub fn pc_of(text_base: u32, index: u32) -> u32 {
    text_base.wrapping_add(index << 2 | index >> 31 << 1)
}

/// The operation for the instruction at `pc`, in a table whose first op is at `text_base`.
#[must_use]
pub fn lower(text_base: u32, pc: u32, instruction: Instruction) -> Op {
    let Instruction {
        opcode,
        rd,
        rs1,
        rs2,
        imm,
    } = instruction;
    let target = pc.wrapping_add(imm);
    let target_index = index_of(text_base, target);
    let target_misaligned = target & 2 != 0;
    let op = |kind, imm| Op {
        kind,
        rd,
        rs1,
        rs2,
        imm,
    };
    match opcode {
        Opcode::Beq | Opcode::Bne | Opcode::Blt | Opcode::Bge | Opcode::Bltu | Opcode::Bgeu => {
            let kind = plain_kind(opcode);
            if target_misaligned {
                return Op {
                    kind: Kind::BranchMisaligned,
                    rd: kind as u8,
                    rs1,
                    rs2,
                    imm: target,
                };
            }
            op(kind, target_index)
        }
        Opcode::Jal if target_misaligned => op(Kind::JumpMisaligned, target),
        Opcode::Jal if rd == 0 => op(Kind::Jump, target_index),
        Opcode::Jal => op(Kind::JumpLink, target_index),
        Opcode::Jalr if rd == 0 => op(Kind::JumpRegister, imm),
        Opcode::Jalr => op(Kind::JumpRegisterLink, imm),
        Opcode::Lb | Opcode::Lbu if rd == 0 => Op {
            rs2: 0,
            ..op(Kind::LoadDiscard, imm)
        },
        Opcode::Lh | Opcode::Lhu if rd == 0 => Op {
            rs2: 1,
            ..op(Kind::LoadDiscard, imm)
        },
        Opcode::Lw if rd == 0 => Op {
            rs2: 2,
            ..op(Kind::LoadDiscard, imm)
        },
        Opcode::Sb | Opcode::Sh | Opcode::Sw | Opcode::Ecall | Opcode::Ebreak => {
            op(plain_kind(opcode), imm)
        }
        Opcode::Fence | Opcode::FenceI => op(Kind::Discard, 0),
        _ if rd == 0 => op(Kind::Discard, 0),
        Opcode::Auipc => op(Kind::Constant, target),
        _ => op(plain_kind(opcode), imm),
    }
}

/// The kind of the same name.
fn plain_kind(opcode: Opcode) -> Kind {
    macro_rules! same_names {
        ($($name:ident)+) => {
            match opcode {
                $(Opcode::$name => Kind::$name,)+
                Opcode::Lui | Opcode::Auipc => Kind::Constant,
                Opcode::Jal => Kind::JumpLink,
                Opcode::Jalr => Kind::JumpRegisterLink,
                Opcode::Fence | Opcode::FenceI => Kind::Discard,
            }
        };
    }
    same_names! {
        Add Sub Sll Slt Sltu Xor Srl Sra Or And Mul Mulh Mulhsu Mulhu Div Divu Rem Remu
        Addi Slti Sltiu Xori Ori Andi Slli Srli Srai Lb Lh Lw Lbu Lhu Sb Sh Sw
        Beq Bne Blt Bge Bltu Bgeu Ecall Ebreak
    }
}
