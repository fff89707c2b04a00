//! Pairs: two consecutive ops that are dispatched as one and stay two rows.
//!
//! In: a table of ops. Out: the same table once more, in which the first of two ops names both. What it saves is
//! the dispatch, which is most of what an interpreter does (PERF.md M-6f). It does not know what ops
//! do: execution runs the step of the one, then that of the other.

use super::op::{Kind, Op};

/// Calls `$callback!` with every pair that there is, by first op: `First { Name: Second, .. } ..`. With an operand
/// behind it, `Name: Second rs1`, the pair is a chain: its second op reads as that operand what its first
/// has just written, and is handed it instead of waiting for memory (PERF.md M-6l). Of pairs of the same two
/// the first that fits is taken.
///
/// These are the pairs that make up at least 0.08 % of what the guests in guests/bin execute (of
/// the next op, 88 in 100 stand behind one of these), and neighbours of theirs that other compilers or
/// programs are known to bring: far calls, comparisons that a branch follows, copies of bytes.
macro_rules! for_each_pair {
    ($callback:ident) => {
        $callback! {
            Addi { AddiAddRs1: Add rs1, AddiBeqRs1: Beq rs1, AddiBeqRs2: Beq rs2, AddiSwRs1: Sw rs1,
                AddiSlliRs1: Slli rs1, AddiAddi: Addi, AddiAdd: Add, AddiBne: Bne, AddiMul: Mul,
                AddiBltu: Bltu, AddiBeq: Beq, AddiXor: Xor, AddiLw: Lw, AddiJump: Jump,
                AddiSlli: Slli, AddiSw: Sw, AddiBgeu: Bgeu, AddiMulhu: Mulhu,
                AddiJumpLink: JumpLink, AddiRem: Rem, AddiAndi: Andi, AddiSll: Sll, AddiXori: Xori,
                AddiSb: Sb, AddiLbu: Lbu, AddiAnd: And, AddiSrli: Srli,
                AddiJumpRegister: JumpRegister }
            Add { AddLwRs1: Lw rs1, AddLbuRs1: Lbu rs1, AddAddRs1: Add rs1,
                AddJumpRegisterRs1: JumpRegister rs1, AddLw: Lw, AddAdd: Add, AddSw: Sw,
                AddLbu: Lbu, AddAddi: Addi, AddOr: Or, AddBne: Bne, AddSltu: Sltu,
                AddJumpRegister: JumpRegister, AddSb: Sb, AddAnd: And, AddXor: Xor, AddSlli: Slli,
                AddJump: Jump }
            Sub { SubAddi: Addi, SubAdd: Add, SubXori: Xori, SubBlt: Blt, SubSltu: Sltu,
                SubSlli: Slli }
            Sltu { SltuAdd: Add, SltuSw: Sw, SltuSub: Sub, SltuBeq: Beq, SltuBne: Bne, SltuOr: Or }
            Xor { XorSwRs2: Sw rs2, XorSw: Sw, XorAndi: Andi, XorXor: Xor, XorSrli: Srli,
                XorAdd: Add, XorBne: Bne, XorSlli: Slli, XorLw: Lw, XorAnd: And, XorOr: Or }
            Or { OrSwRs2: Sw rs2, OrSw: Sw, OrOr: Or, OrAdd: Add, OrSrli: Srli, OrSlli: Slli,
                OrXor: Xor, OrAnd: And, OrSub: Sub, OrLw: Lw }
            And { AndXor: Xor, AndAnd: And, AndSlli: Slli, AndJumpRegister: JumpRegister, AndOr: Or,
                AndBeq: Beq, AndBne: Bne }
            Sll { SllAdd: Add, SllSrl: Srl }
            Srl { SrlAndiRs1: Andi rs1, SrlAndi: Andi, SrlSub: Sub }
            Mul { MulAddi: Addi, MulAdd: Add, MulMulhu: Mulhu }
            Mulhu { MulhuAdd: Add }
            Rem { RemAddi: Addi, RemSlli: Slli }
            Andi { AndiSlliRs1: Slli rs1, AndiSlli: Slli, AndiAddi: Addi, AndiBgeu: Bgeu,
                AndiSra: Sra, AndiBeq: Beq, AndiBne: Bne }
            Xori { XoriSlli: Slli, XoriXori: Xori, XoriSrli: Srli, XoriSw: Sw }
            Slli { SlliAddiRs1: Addi rs1, SlliAddRs2: Add rs2, SlliXorRs1: Xor rs1, SlliAdd: Add,
                SlliAddi: Addi, SlliSrli: Srli, SlliOr: Or, SlliSlli: Slli, SlliXor: Xor,
                SlliSub: Sub, SlliXori: Xori }
            Srli { SrliSlliRs1: Slli rs1, SrliXorRs1: Xor rs1, SrliSlli: Slli, SrliAddi: Addi,
                SrliXor: Xor, SrliOr: Or, SrliBne: Bne, SrliSrli: Srli, SrliAdd: Add }
            Sra { SraAndi: Andi }
            Lw { LwAddi: Addi, LwLw: Lw, LwXor: Xor, LwAdd: Add, LwSll: Sll, LwSrli: Srli,
                LwBeq: Beq, LwBltu: Bltu, LwSrl: Srl, LwSlli: Slli, LwConstant: Constant,
                LwBgeu: Bgeu, LwBne: Bne, LwSw: Sw, LwAnd: And, LwSub: Sub, LwOr: Or }
            Lbu { LbuAddi: Addi, LbuSrli: Srli, LbuLbu: Lbu, LbuBeq: Beq, LbuSb: Sb, LbuBne: Bne,
                LbuAdd: Add, LbuSlli: Slli, LbuOr: Or }
            Lhu { LhuOr: Or, LhuAddi: Addi, LhuSh: Sh }
            Sw { SwBne: Bne, SwSw: Sw, SwAddi: Addi, SwBltu: Bltu, SwSltu: Sltu, SwSrli: Srli,
                SwJumpRegister: JumpRegister, SwSlli: Slli, SwLw: Lw, SwAnd: And, SwAdd: Add,
                SwJump: Jump, SwLbu: Lbu }
            Sb { SbAddi: Addi }
            Beq { BeqAddi: Addi, BeqLw: Lw, BeqBeq: Beq }
            Bne { BneAddi: Addi, BneSub: Sub }
            Bltu { BltuSlli: Slli, BltuBgeu: Bgeu, BltuBltu: Bltu, BltuAddi: Addi }
            Bgeu { BgeuAddi: Addi, BgeuBeq: Beq, BgeuConstant: Constant, BgeuSlli: Slli, BgeuSw: Sw,
                BgeuAdd: Add }
            Constant { ConstantAddiRs1: Addi rs1, ConstantAddi: Addi, ConstantLw: Lw,
                ConstantConstant: Constant, ConstantJumpRegisterLink: JumpRegisterLink,
                ConstantJumpRegister: JumpRegister, ConstantSw: Sw, ConstantAdd: Add }
            Slt { SltBeq: Beq, SltBne: Bne }
            Slti { SltiBeq: Beq, SltiBne: Bne }
            Sltiu { SltiuBeq: Beq, SltiuBne: Bne }
        }
    };
}
pub(crate) use for_each_pair;

/// What runs `first` and then `second`, where the two are a pair.
fn kind_of(first: Op, second: Op) -> Option<Kind> {
    macro_rules! find {
        ($($first:ident { $($name:ident: $second:ident $($operand:ident)?),+ })+) => {
            match (first.kind, second.kind) {
                $($((Kind::$first, Kind::$second) $(if second.$operand == first.rd)? => Some(Kind::$name),)+)+
                _ => None,
            }
        };
    }
    for_each_pair!(find)
}

/// Puts behind `ops` the same ops, with the kind of both wherever an op and the one behind it are a
/// pair, and once more the last one, so that there is an op behind each. Every op keeps its place and its
/// operands, so that control may enter between the two.
pub(super) fn append_pairs(ops: &mut Vec<Op>) {
    let count = ops.len();
    ops.reserve_exact(count + 1);
    for index in 0..count {
        let op = ops[index];
        let second = ops[..count].get(index + 1);
        let kind = second.and_then(|&second| kind_of(op, second));
        ops.push(Op {
            kind: kind.unwrap_or(op.kind),
            ..op
        });
    }
    ops.extend(ops.last().copied());
}
