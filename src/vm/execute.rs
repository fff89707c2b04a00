//! Execution: the one place where instructions mean something.
//!
//! In: a machine, a program, a budget of cycles, a recorder. Out: the machine moved on, and why it
//! stopped. Every pass (fast, record, replay) is this function with another [`Recorder`]. It does
//! not know chunks, checkpoints or what is done with the facts it reports.
//!
//! Work is done a block at a time: length, budget and recorder are settled once per block, so that an
//! instruction pays for its own work only (PERF.md M-6a to M-6d). A block runs on to the next
//! unconditional jump and is left early by a branch that is taken. It is cut where the budget ends,
//! which makes every stop exact. Ops are dispatched in pairs (`program/pair.rs`) where the two are one, in a
//! cut block up to the last one, so that none is half done.

use super::alu;
use super::host::{self, Called, TextSink};
use super::machine::{Machine, Stop};
use super::memory::GuestMemory;
use super::recorder::{BlockRecorder, Recorder};
use super::trap::{Trap, TrapKind};
use crate::isa::{A0, A1, A2, A7, RA};
use crate::limits::NULL_END;
use crate::program::Program;
use crate::program::op::{Kind, Op};
use crate::program::pair::for_each_pair;

/// Why a block ended before its last instruction retired as usual.
enum Ended {
    /// The guest ended, with this instruction retired.
    Exit(u32),
    /// The instruction faulted and is not retired.
    Fault(TrapKind, Option<u32>),
}

/// Runs at most `budget` cycles and says why it stopped.
///
/// The machine's cycle count grows by the number of retired instructions, exactly `budget` where
/// the result is [`Stop::Budget`]. `program` is the one the machine was made for.
pub fn execute<M: GuestMemory, R: Recorder>(
    machine: &mut Machine<M>,
    program: &Program,
    budget: u64,
    recorder: &mut R,
    text: &mut dyn TextSink,
) -> Stop {
    let start_cycle = machine.cycle;
    let mut around = Around {
        program,
        text,
        ended: None,
    };
    let left = run(machine, program, budget, recorder, &mut around);
    machine.cycle = start_cycle + budget - left;
    match around.ended {
        Some(Ended::Exit(code)) => Stop::Exit(code),
        Some(Ended::Fault(kind, address)) => Stop::Trap(Trap {
            kind,
            pc: program.pc_of(machine.index),
            cycle: machine.cycle,
            address,
        }),
        None => Stop::Budget,
    }
}

/// What the loop over the blocks seldom needs, in one place: kept apart, each would hold a register, and so
/// would whatever an error is made of (PERF.md M-12).
struct Around<'a> {
    program: &'a Program,
    text: &'a mut dyn TextSink,
    /// Why the run ended before its budget.
    ended: Option<Ended>,
}

/// Runs block by block. Returns what is left of the budget.
#[inline(never)]
fn run<M: GuestMemory, R: Recorder>(
    machine: &mut Machine<M>,
    program: &Program,
    budget: u64,
    recorder: &mut R,
    around: &mut Around<'_>,
) -> u64 {
    let lengths = program.block_lengths();
    let mut left = budget;
    let mut index = machine.index;
    loop {
        let Some(&length) = lengths.get(index as usize) else {
            if left != 0 {
                around.ended = Some(outside(index, around.program, &machine.registers));
            }
            break;
        };
        // Two ways, which the processor predicts: of a minimum, each block would wait for the last
        // (PERF.md M-6k).
        let (rows, in_pairs);
        if u64::from(length) <= left {
            (rows, in_pairs) = (length as usize, true);
        } else {
            // All but the last op; a pair may take it along. Where it is the first of a pair itself, it is
            // left over.
            (rows, in_pairs) = match left {
                0 => break,
                1 => (1, false),
                _ => (left as usize - 1, true),
            };
        }
        let block = program.block(index, rows, M::PAIRS && R::PAIRS && in_pairs);
        let mut facts = recorder.begin_block((budget - left) as usize, rows);
        let mut next = index;
        match run_block::<M, R>(
            machine, program, block, index, &mut next, &mut facts, around,
        ) {
            Ok(retired) => {
                facts.end(index, retired, program.pc_of(next));
                left -= retired as u64;
                index = next;
            }
            Err(retired) => {
                // Opaque, or the loop would carry along everything that is computed from it here.
                let retired = std::hint::black_box(retired);
                let stopped = index + retired as u32;
                facts.end(index, retired, around.program.pc_of(stopped));
                left -= retired as u64;
                index = stopped;
                break;
            }
        }
    }
    machine.index = index;
    left
}

/// How a run ends at an index that is no instruction's.
#[cold]
fn outside(index: u32, program: &Program, registers: &[u32; 256]) -> Ended {
    let return_address = registers[usize::from(RA)];
    let kind = TrapKind::FetchOutsideText { return_address };
    Ended::Fault(kind, Some(program.pc_of(index)))
}

/// How many ops of a block have retired before the one at offset `at`, which faults.
#[cold]
#[inline(never)]
fn fault(
    around: &mut Around<'_>,
    at: usize,
    kind: TrapKind,
    address: Option<u32>,
) -> Result<usize, usize> {
    around.ended = Some(Ended::Fault(kind, address));
    Err(at)
}

/// The same for an access at `address`, by the rule it broke: alignment before the null page.
#[cold]
#[inline(never)]
fn refused(around: &mut Around<'_>, at: usize, address: u32, width: u32) -> Result<usize, usize> {
    let kind = if address.is_multiple_of(width) {
        TrapKind::NullAddress
    } else {
        TrapKind::MisalignedLoad { width }
    };
    fault(around, at, kind, Some(address))
}

/// The same for an op that ends the guest, and retires.
#[cold]
#[inline(never)]
fn exited(around: &mut Around<'_>, at: usize, code: u32) -> Result<usize, usize> {
    around.ended = Some(Ended::Exit(code));
    Err(at + 1)
}

/// Executes the ops of a block, of which `index` is the first one's and the last one only if a pair takes
/// it along, until a branch is taken or they end. Sets `next` to where control goes. Returns how many ops have
/// retired, as an error where the run has ended.
#[inline(always)]
fn run_block<M: GuestMemory, R: Recorder>(
    machine: &mut Machine<M>,
    program: &Program,
    block: &[Op],
    index: u32,
    next: &mut u32,
    recorder: &mut R::Block<'_>,
    around: &mut Around<'_>,
) -> Result<usize, usize> {
    let Machine {
        registers,
        memory,
        pages,
        tohost,
        ..
    } = machine;
    let rows = block.len() - 1;
    // One counter for ops and rows: whatever else counted along would cost a register.
    let mut at = 0;
    while at < rows {
        // A reference: each step then reads the operands it has, straight from the table.
        let op = &block[at];
        // What the first op of a chain hands to its second; known to be none where nothing does.
        let (mut chained_rs1, mut chained_rs2) = (None, None);

        macro_rules! rs1 {
            ($op:ident) => {
                chained_rs1.unwrap_or_else(|| registers[usize::from($op.rs1)])
            };
        }
        macro_rules! rs2 {
            ($op:ident) => {
                chained_rs2.unwrap_or_else(|| registers[usize::from($op.rs2)])
            };
        }
        macro_rules! read_rs1 {
            ($op:ident) => {{
                let value = rs1!($op);
                recorder.rs1(at, value);
                value
            }};
        }
        macro_rules! read_rs2 {
            ($op:ident) => {{
                let value = rs2!($op);
                recorder.rs2(at, value);
                value
            }};
        }
        macro_rules! write_rd {
            ($op:ident, $value:expr) => {{
                let (value, rd): (u32, _) = ($value, usize::from($op.rd));
                recorder.rd(at, registers[rd], value);
                registers[rd] = value;
                value
            }};
        }
        macro_rules! register {
            ($op:ident, $compute:expr) => {{
                let (a, b) = (read_rs1!($op), read_rs2!($op));
                write_rd!($op, $compute(a, b))
            }};
        }
        macro_rules! immediate {
            ($op:ident, $compute:expr) => {{
                let a = read_rs1!($op);
                write_rd!($op, $compute(a, $op.imm))
            }};
        }
        macro_rules! load {
            ($op:ident, $load:ident, $width:literal, |$value:ident| $finish:expr) => {{
                let base = rs1!($op);
                let address = base.wrapping_add($op.imm);
                if !address.is_multiple_of($width) || address < NULL_END {
                    return refused(around, at, address, $width);
                }
                recorder.rs1(at, base);
                let $value = memory.$load(address);
                if R::MEMORY {
                    let word = if $width == 4 {
                        $value.into()
                    } else {
                        memory.load_u32(address & !3)
                    };
                    recorder.memory(at, address, word, word);
                }
                $finish
            }};
        }
        macro_rules! store {
            ($op:ident, $store:ident, $width:literal, $cast:ty) => {{
                let base = rs1!($op);
                let value = rs2!($op);
                let address = base.wrapping_add($op.imm);
                if !address.is_multiple_of($width) {
                    let misaligned = TrapKind::MisalignedStore { width: $width };
                    return fault(around, at, misaligned, Some(address));
                }
                let ready = pages.is_ready(address);
                if !ready {
                    match pages.prepare(address, $width) {
                        Ok(prepared) => {
                            prepared.back.into_iter().for_each(|page| memory.back(page))
                        }
                        Err(kind) => return fault(around, at, kind, Some(address)),
                    }
                }
                recorder.rs1(at, base);
                recorder.rs2(at, value);
                recorder.rd(at, 0, 0);
                if R::MEMORY {
                    let before = memory.load_u32(address & !3);
                    memory.$store(address, value as $cast);
                    let after = if $width == 4 {
                        value
                    } else {
                        memory.load_u32(address & !3)
                    };
                    recorder.memory(at, address, before, after);
                } else {
                    memory.$store(address, value as $cast);
                }
                // The page of the tohost word is never ready, so that plain stores don't ask this.
                if $width == 4 && !ready && *tohost == Some(address) && value & 1 == 1 {
                    return exited(around, at, value >> 1);
                }
            }};
        }
        macro_rules! branch {
            ($op:ident, $taken:expr) => {{
                let (a, b) = (read_rs1!($op), read_rs2!($op));
                recorder.rd(at, 0, 0);
                if $taken(a, b) {
                    *next = $op.imm;
                    return Ok(at + 1);
                }
            }};
        }
        macro_rules! place {
            () => {
                // Opaque, or every block would compute it at its start and every op move it on.
                std::hint::black_box(index) + at as u32
            };
        }
        macro_rules! link {
            ($op:ident) => {
                write_rd!($op, program.pc_of(place!() + 1))
            };
        }
        macro_rules! jump_register {
            ($op:ident, $link:expr) => {{
                let target = rs1!($op).wrapping_add($op.imm) & !1;
                if target & 2 != 0 {
                    return fault(around, at, TrapKind::MisalignedFetch, Some(target));
                }
                read_rs1!($op);
                $link;
                *next = program.index_of(target);
                return Ok(at + 1);
            }};
        }
        macro_rules! chain {
            (rs1 $value:ident) => {
                chained_rs1 = Some($value)
            };
            (rs2 $value:ident) => {
                chained_rs2 = Some($value)
            };
        }
        // What each op does, where it may be one of a pair.
        macro_rules! step {
            (Constant $op:ident) => {{
                recorder.rs1(at, 0);
                write_rd!($op, $op.imm)
            }};
            (Add $op:ident) => {
                register!($op, u32::wrapping_add)
            };
            (Sub $op:ident) => {
                register!($op, u32::wrapping_sub)
            };
            (Sll $op:ident) => {
                register!($op, u32::wrapping_shl)
            };
            (Slt $op:ident) => {
                register!($op, alu::slt)
            };
            (Sltu $op:ident) => {
                register!($op, alu::sltu)
            };
            (Xor $op:ident) => {
                register!($op, |a, b| a ^ b)
            };
            (Srl $op:ident) => {
                register!($op, u32::wrapping_shr)
            };
            (Sra $op:ident) => {
                register!($op, alu::sra)
            };
            (Or $op:ident) => {
                register!($op, |a, b| a | b)
            };
            (And $op:ident) => {
                register!($op, |a, b| a & b)
            };
            (Mul $op:ident) => {
                register!($op, u32::wrapping_mul)
            };
            (Mulh $op:ident) => {
                register!($op, alu::mulh)
            };
            (Mulhsu $op:ident) => {
                register!($op, alu::mulhsu)
            };
            (Mulhu $op:ident) => {
                register!($op, alu::mulhu)
            };
            (Div $op:ident) => {
                register!($op, alu::div)
            };
            (Divu $op:ident) => {
                register!($op, alu::divu)
            };
            (Rem $op:ident) => {
                register!($op, alu::rem)
            };
            (Remu $op:ident) => {
                register!($op, alu::remu)
            };
            (Addi $op:ident) => {
                immediate!($op, u32::wrapping_add)
            };
            (Slti $op:ident) => {
                immediate!($op, alu::slt)
            };
            (Sltiu $op:ident) => {
                immediate!($op, alu::sltu)
            };
            (Xori $op:ident) => {
                immediate!($op, |a, b| a ^ b)
            };
            (Ori $op:ident) => {
                immediate!($op, |a, b| a | b)
            };
            (Andi $op:ident) => {
                immediate!($op, |a, b| a & b)
            };
            (Slli $op:ident) => {
                immediate!($op, u32::wrapping_shl)
            };
            (Srli $op:ident) => {
                immediate!($op, u32::wrapping_shr)
            };
            (Srai $op:ident) => {
                immediate!($op, alu::sra)
            };
            (Lb $op:ident) => {
                load!($op, load_u8, 1, |value| write_rd!($op, value as i8 as u32))
            };
            (Lh $op:ident) => {
                load!($op, load_u16, 2, |value| write_rd!(
                    $op,
                    value as i16 as u32
                ))
            };
            (Lw $op:ident) => {
                load!($op, load_u32, 4, |value| write_rd!($op, value))
            };
            (Lbu $op:ident) => {
                load!($op, load_u8, 1, |value| write_rd!($op, u32::from(value)))
            };
            (Lhu $op:ident) => {
                load!($op, load_u16, 2, |value| write_rd!($op, u32::from(value)))
            };
            (Sb $op:ident) => {
                store!($op, store_u8, 1, u8)
            };
            (Sh $op:ident) => {
                store!($op, store_u16, 2, u16)
            };
            (Sw $op:ident) => {
                store!($op, store_u32, 4, u32)
            };
            (Beq $op:ident) => {
                branch!($op, |a, b| a == b)
            };
            (Bne $op:ident) => {
                branch!($op, |a, b| a != b)
            };
            (Blt $op:ident) => {
                branch!($op, |a, b| (a as i32) < b as i32)
            };
            (Bge $op:ident) => {
                branch!($op, |a, b| a as i32 >= b as i32)
            };
            (Bltu $op:ident) => {
                branch!($op, |a, b| a < b)
            };
            (Bgeu $op:ident) => {
                branch!($op, |a, b| a >= b)
            };
            (Jump $op:ident) => {{
                recorder.rs1(at, 0);
                recorder.rd(at, 0, 0);
                *next = $op.imm;
                return Ok(at + 1);
            }};
            (JumpLink $op:ident) => {{
                recorder.rs1(at, 0);
                link!($op);
                *next = $op.imm;
                return Ok(at + 1);
            }};
            (JumpRegister $op:ident) => {
                jump_register!($op, recorder.rd(at, 0, 0))
            };
            (JumpRegisterLink $op:ident) => {
                jump_register!($op, link!($op))
            };
        }
        // The names twice, or the match could not have an arm for each.
        macro_rules! dispatch {
            ($($single:ident)+; $($first:ident { $($pair:ident: $second:ident $($operand:ident)?),+ })+) => {
                match op.kind {
                    $(Kind::$single => {
                        step!($single op);
                    })+
                    $($(Kind::$pair => {
                        if !(M::PAIRS && R::PAIRS) {
                            unreachable!("ops one by one");
                        }
                        let _written = step!($first op);
                        $(chain!($operand _written);)?
                        let second = &block[at + 1];
                        at += 1;
                        step!($second second);
                    })+)+
                    Kind::Discard => {
                        read_rs1!(op);
                        read_rs2!(op);
                        recorder.rd(at, 0, 0);
                    }
                    Kind::LoadDiscard => match op.rs2 {
                        0 => load!(op, load_u8, 1, |_value| recorder.rd(at, 0, 0)),
                        1 => load!(op, load_u16, 2, |_value| recorder.rd(at, 0, 0)),
                        _ => load!(op, load_u32, 4, |_value| recorder.rd(at, 0, 0)),
                    },
                    Kind::BranchMisaligned => {
                        let (a, b) = (read_rs1!(op), read_rs2!(op));
                        recorder.rd(at, 0, 0);
                        if alu::taken(op.rd, a, b) {
                            return fault(around, at, TrapKind::MisalignedFetch, Some(op.imm));
                        }
                    }
                    Kind::JumpMisaligned => {
                        return fault(around, at, TrapKind::MisalignedFetch, Some(op.imm));
                    }
                    Kind::Ecall => {
                        let called = ecall(machine, around);
                        let registers = &mut machine.registers;
                        let before = registers[usize::from(A0)];
                        let (after, exit) = match called {
                            Ok(Called::Return(value)) => (value, None),
                            Ok(Called::Exit(code)) => (before, Some(code)),
                            Err((kind, address)) => return fault(around, at, kind, address),
                        };
                        recorder.rs1(at, registers[usize::from(A7)]);
                        recorder.rs2(at, registers[usize::from(A2)]);
                        recorder.rd(at, before, after);
                        registers[usize::from(A0)] = after;
                        // An ecall is the last op of its block: nothing is left to run here.
                        return match exit {
                            Some(code) => exited(around, at, code),
                            None => {
                                *next = place!() + 1;
                                Ok(at + 1)
                            }
                        };
                    }
                    Kind::Ebreak => return fault(around, at, TrapKind::Breakpoint, None),
                    Kind::Illegal => {
                        let kind = TrapKind::IllegalInstruction { word: op.imm };
                        return fault(around, at, kind, None);
                    }
                    Kind::Outside => {
                        around.ended = Some(outside(place!(), around.program, registers));
                        return Err(at);
                    }
                }
            };
        }
        macro_rules! with_singles {
            ($($pairs:tt)+) => {
                dispatch! {
                    Constant Add Sub Sll Slt Sltu Xor Srl Sra Or And
                    Mul Mulh Mulhsu Mulhu Div Divu Rem Remu
                    Addi Slti Sltiu Xori Ori Andi Slli Srli Srai Lb Lh Lw Lbu Lhu Sb Sh Sw
                    Beq Bne Blt Bge Bltu Bgeu Jump JumpLink JumpRegister JumpRegisterLink;
                    $($pairs)+
                }
            };
        }
        for_each_pair!(with_singles);
        at += 1;
    }
    *next = index + at as u32;
    Ok(at)
}

/// Carries out a host call with the machine's registers.
#[cold]
#[inline(never)]
fn ecall<M: GuestMemory>(
    machine: &mut Machine<M>,
    around: &mut Around<'_>,
) -> Result<Called, host::Refused> {
    let registers = &machine.registers;
    let number = registers[usize::from(A7)];
    let arguments = [A0, A1, A2].map(|register| registers[usize::from(register)]);
    let limit = machine.limits.text_bytes_max;
    host::call(
        &machine.memory,
        number,
        arguments,
        &mut machine.text_bytes,
        limit,
        around.text,
    )
}
