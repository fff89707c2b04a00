//! Pairs: two consecutive ops that are dispatched as one and stay two rows.
//!
//! In: a table of ops. Out: the same table once more, in which the first of two ops names both. What it saves is
//! the dispatch, which is most of what an interpreter does (PERF.md M-6f). It does not know what ops
//! do: execution runs the step of the one, then that of the other.

use super::op::{Kind, Op};

/// Calls `$callback!` with every pair that there is, by first op: `First { Name: Second, .. } ..`.
///
/// These are the pairs that make up at least 0.08 % of what the guests in guests/bin execute (of
/// the next op, 88 in 100 stand behind one of these), and neighbours of theirs that other compilers or
/// programs are known to bring: far calls, comparisons that a branch follows, copies of bytes.
macro_rules! for_each_pair {
    ($callback:ident) => {
        $callback! {
            Addi { AddiAddi: Addi, AddiAdd: Add, AddiBne: Bne, AddiMul: Mul, AddiBltu: Bltu,
                AddiBeq: Beq, AddiXor: Xor, AddiLw: Lw, AddiJump: Jump, AddiSlli: Slli,
                AddiSw: Sw, AddiBgeu: Bgeu, AddiMulhu: Mulhu, AddiJumpLink: JumpLink,
                AddiRem: Rem, AddiAndi: Andi, AddiSll: Sll, AddiXori: Xori, AddiSb: Sb,
                AddiLbu: Lbu, AddiAnd: And, AddiSrli: Srli, AddiJumpRegister: JumpRegister }
            Add { AddLw: Lw, AddAdd: Add, AddSw: Sw, AddLbu: Lbu, AddAddi: Addi, AddOr: Or,
                AddBne: Bne, AddSltu: Sltu, AddJumpRegister: JumpRegister, AddSb: Sb, AddAnd: And,
                AddXor: Xor, AddSlli: Slli, AddJump: Jump }
            Sub { SubAddi: Addi, SubAdd: Add, SubXori: Xori, SubBlt: Blt, SubSltu: Sltu,
                SubSlli: Slli }
            Sltu { SltuAdd: Add, SltuSw: Sw, SltuSub: Sub, SltuBeq: Beq, SltuBne: Bne,
                SltuOr: Or }
            Xor { XorSw: Sw, XorAndi: Andi, XorXor: Xor, XorSrli: Srli, XorAdd: Add, XorBne: Bne,
                XorSlli: Slli, XorLw: Lw, XorAnd: And, XorOr: Or }
            Or { OrSw: Sw, OrOr: Or, OrAdd: Add, OrSrli: Srli, OrSlli: Slli, OrXor: Xor,
                OrAnd: And, OrSub: Sub, OrLw: Lw }
            And { AndXor: Xor, AndAnd: And, AndSlli: Slli, AndJumpRegister: JumpRegister,
                AndOr: Or, AndBeq: Beq, AndBne: Bne }
            Sll { SllAdd: Add, SllSrl: Srl }
            Srl { SrlAndi: Andi, SrlSub: Sub }
            Mul { MulAddi: Addi, MulAdd: Add, MulMulhu: Mulhu }
            Mulhu { MulhuAdd: Add }
            Rem { RemAddi: Addi, RemSlli: Slli }
            Andi { AndiSlli: Slli, AndiAddi: Addi, AndiBgeu: Bgeu, AndiSra: Sra, AndiBeq: Beq,
                AndiBne: Bne }
            Xori { XoriSlli: Slli, XoriXori: Xori, XoriSrli: Srli, XoriSw: Sw }
            Slli { SlliAdd: Add, SlliAddi: Addi, SlliSrli: Srli, SlliOr: Or, SlliSlli: Slli,
                SlliXor: Xor, SlliSub: Sub, SlliXori: Xori }
            Srli { SrliSlli: Slli, SrliAddi: Addi, SrliXor: Xor, SrliOr: Or, SrliBne: Bne,
                SrliSrli: Srli, SrliAdd: Add }
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
            Bgeu { BgeuAddi: Addi, BgeuBeq: Beq, BgeuConstant: Constant, BgeuSlli: Slli,
                BgeuSw: Sw, BgeuAdd: Add }
            Constant { ConstantAddi: Addi, ConstantLw: Lw, ConstantConstant: Constant,
                ConstantJumpRegisterLink: JumpRegisterLink, ConstantJumpRegister: JumpRegister,
                ConstantSw: Sw, ConstantAdd: Add }
            Slt { SltBeq: Beq, SltBne: Bne }
            Slti { SltiBeq: Beq, SltiBne: Bne }
            Sltiu { SltiuBeq: Beq, SltiuBne: Bne }
        }
    };
}
pub(crate) use for_each_pair;

/// What runs `first` and then `second`, where the two are a pair.
fn kind_of(first: Kind, second: Kind) -> Option<Kind> {
    macro_rules! find {
        ($($first:ident { $($name:ident: $second:ident),+ })+) => {
            match (first, second) {
                $($((Kind::$first, Kind::$second) => Some(Kind::$name),)+)+
                _ => None,
            }
        };
    }
    for_each_pair!(find)
}

/// Puts behind `ops` the same ops, with the kind of both wherever an op and the one behind it are a
/// pair. Every op keeps its place and its operands, so that control may enter between the two.
pub(super) fn append_pairs(ops: &mut Vec<Op>) {
    let count = ops.len();
    ops.reserve_exact(count);
    for index in 0..count {
        let op = ops[index];
        let second = ops[..count].get(index + 1);
        let kind = second.and_then(|second| kind_of(op.kind, second.kind));
        ops.push(Op {
            kind: kind.unwrap_or(op.kind),
            ..op
        });
    }
}
