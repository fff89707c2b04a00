//! Execution: the one place where instructions mean something.
//!
//! In: a machine, a program, a budget of cycles, a recorder. Out: the machine moved on, and why it
//! stopped. Every pass (fast, record, replay) is this function with another [`Recorder`]. It does
//! not know chunks, checkpoints or what is done with the facts it reports.
//!
//! Work is done a block at a time: length, budget and recorder are settled once per block, so that an
//! instruction pays for its own work only (PERF.md M-1). A block runs on to the next unconditional
//! jump and is left early by a branch that is taken. It is cut where the budget ends, which makes
//! every stop exact.

use super::alu;
use super::host::{self, Called, TextSink};
use super::machine::{Machine, Stop};
use super::memory::GuestMemory;
use super::recorder::{BlockRecorder, Recorder};
use super::trap::{Trap, TrapKind};
use crate::isa::{A0, A1, A2, A7};
use crate::limits::NULL_END;
use crate::program::Program;
use crate::program::op::{Kind, Op};

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
    let (ops, lengths) = (program.ops(), program.block_lengths());
    let start_cycle = machine.cycle;
    let mut left = budget;
    let mut index = machine.index;
    let stop = loop {
        if left == 0 {
            break Stop::Budget;
        }
        let Some(&length) = lengths.get(index as usize) else {
            break Stop::Trap(outside(program, index, start_cycle + budget - left));
        };
        let rows = u64::from(length).min(left) as usize;
        let block = &ops[index as usize..][..rows];
        let facts = recorder.begin_block(rows);
        let mut next = index + rows as u32;
        match run_block(machine, program, block, index, &mut next, facts, text) {
            Ok(retired) => {
                recorder.end_block(index, program.pc_of(index), retired, program.pc_of(next));
                left -= retired as u64;
                index = next;
            }
            Err((offset, ended)) => {
                // Opaque, or the loop would carry along everything that is computed from it here.
                let offset = std::hint::black_box(offset);
                let retired = offset + usize::from(matches!(ended, Ended::Exit(_)));
                let stopped = index + retired as u32;
                let pc = program.pc_of(stopped);
                recorder.end_block(index, program.pc_of(index), retired, pc);
                left -= retired as u64;
                index = stopped;
                break match ended {
                    Ended::Exit(code) => Stop::Exit(code),
                    Ended::Fault(kind, address) => Stop::Trap(Trap {
                        kind,
                        pc,
                        cycle: start_cycle + budget - left,
                        address,
                    }),
                };
            }
        }
    };
    machine.index = index;
    machine.cycle = start_cycle + budget - left;
    stop
}

/// The trap for an index that is no instruction's.
#[cold]
fn outside(program: &Program, index: u32, cycle: u64) -> Trap {
    let pc = program.pc_of(index);
    Trap {
        kind: TrapKind::FetchOutsideText,
        pc,
        cycle,
        address: Some(pc),
    }
}

/// Which rule an access at `address` broke: alignment before the null page.
#[cold]
fn refused(address: u32, width: u32, misaligned: TrapKind) -> Ended {
    let kind = if address.is_multiple_of(width) {
        TrapKind::NullAddress
    } else {
        misaligned
    };
    Ended::Fault(kind, Some(address))
}

/// Executes the ops of one block, `index` the first one's, until a branch is taken or they end. Sets
/// `next` where control goes elsewhere than behind the block. Returns how many ops have retired, or
/// the offset of the op that ended the run.
#[inline(always)]
fn run_block<M: GuestMemory, B: BlockRecorder>(
    machine: &mut Machine<M>,
    program: &Program,
    block: &[Op],
    index: u32,
    next: &mut u32,
    mut recorder: B,
    text: &mut dyn TextSink,
) -> Result<usize, (usize, Ended)> {
    let Machine {
        registers,
        memory,
        pages,
        tohost,
        ..
    } = machine;
    // Jumps and whatever else needs its own address stand last in their block: one place serves all.
    let end = index + block.len() as u32;
    // One counter for ops and rows: whatever else counted along would cost a register.
    #[expect(
        clippy::needless_range_loop,
        reason = "the counter is what rows are recorded under"
    )]
    for offset in 0..block.len() {
        let op = block[offset];
        let (rd, rs1, rs2) = (usize::from(op.rd), usize::from(op.rs1), usize::from(op.rs2));
        let imm = op.imm;

        macro_rules! read_rs1 {
            () => {{
                let value = registers[rs1];
                recorder.rs1(offset, value);
                value
            }};
        }
        macro_rules! read_rs2 {
            () => {{
                let value = registers[rs2];
                recorder.rs2(offset, value);
                value
            }};
        }
        macro_rules! write_rd {
            ($value:expr) => {{
                let value: u32 = $value;
                recorder.rd(offset, registers[rd], value);
                registers[rd] = value;
            }};
        }
        macro_rules! register {
            ($compute:expr) => {{
                let (a, b) = (read_rs1!(), read_rs2!());
                write_rd!($compute(a, b))
            }};
        }
        macro_rules! immediate {
            ($compute:expr) => {{
                let a = read_rs1!();
                write_rd!($compute(a, imm))
            }};
        }
        macro_rules! load {
            ($load:ident, $width:literal, |$value:ident| $finish:expr) => {{
                let address = registers[rs1].wrapping_add(imm);
                if !address.is_multiple_of($width) || address < NULL_END {
                    let misaligned = TrapKind::MisalignedLoad { width: $width };
                    return Err((offset, refused(address, $width, misaligned)));
                }
                recorder.rs1(offset, registers[rs1]);
                let $value = memory.$load(address);
                if B::MEMORY {
                    let word = memory.load_u32(address & !3);
                    recorder.memory(offset, address, word, word);
                }
                $finish
            }};
        }
        macro_rules! store {
            ($store:ident, $width:literal, $cast:ty) => {{
                let (address, value) = (registers[rs1].wrapping_add(imm), registers[rs2]);
                if !address.is_multiple_of($width) {
                    let misaligned = TrapKind::MisalignedStore { width: $width };
                    return Err((offset, Ended::Fault(misaligned, Some(address))));
                }
                let ready = pages.is_ready(address);
                if !ready {
                    match pages.prepare(address, $width) {
                        Ok(prepared) => {
                            prepared.back.into_iter().for_each(|page| memory.back(page))
                        }
                        Err(kind) => return Err((offset, Ended::Fault(kind, Some(address)))),
                    }
                }
                recorder.rs1(offset, registers[rs1]);
                recorder.rs2(offset, value);
                if B::MEMORY {
                    let before = memory.load_u32(address & !3);
                    memory.$store(address, value as $cast);
                    recorder.memory(offset, address, before, memory.load_u32(address & !3));
                } else {
                    memory.$store(address, value as $cast);
                }
                // The page of the tohost word is never ready, so that plain stores don't ask this.
                if $width == 4 && !ready && *tohost == Some(address) && value & 1 == 1 {
                    return Err((offset, Ended::Exit(value >> 1)));
                }
            }};
        }
        macro_rules! branch {
            ($taken:expr) => {{
                let (a, b) = (read_rs1!(), read_rs2!());
                if $taken(a, b) {
                    *next = imm;
                    return Ok(offset + 1);
                }
            }};
        }

        match op.kind {
            Kind::Discard => {
                read_rs1!();
                read_rs2!();
            }
            Kind::Constant => write_rd!(imm),
            Kind::Add => register!(u32::wrapping_add),
            Kind::Sub => register!(u32::wrapping_sub),
            Kind::Sll => register!(u32::wrapping_shl),
            Kind::Slt => register!(alu::slt),
            Kind::Sltu => register!(alu::sltu),
            Kind::Xor => register!(|a, b| a ^ b),
            Kind::Srl => register!(u32::wrapping_shr),
            Kind::Sra => register!(alu::sra),
            Kind::Or => register!(|a, b| a | b),
            Kind::And => register!(|a, b| a & b),
            Kind::Mul => register!(u32::wrapping_mul),
            Kind::Mulh => register!(alu::mulh),
            Kind::Mulhsu => register!(alu::mulhsu),
            Kind::Mulhu => register!(alu::mulhu),
            Kind::Div => register!(alu::div),
            Kind::Divu => register!(alu::divu),
            Kind::Rem => register!(alu::rem),
            Kind::Remu => register!(alu::remu),
            Kind::Addi => immediate!(u32::wrapping_add),
            Kind::Slti => immediate!(alu::slt),
            Kind::Sltiu => immediate!(alu::sltu),
            Kind::Xori => immediate!(|a, b| a ^ b),
            Kind::Ori => immediate!(|a, b| a | b),
            Kind::Andi => immediate!(|a, b| a & b),
            Kind::Slli => immediate!(u32::wrapping_shl),
            Kind::Srli => immediate!(u32::wrapping_shr),
            Kind::Srai => immediate!(alu::sra),
            Kind::Lb => load!(load_u8, 1, |value| write_rd!(value as i8 as u32)),
            Kind::Lh => load!(load_u16, 2, |value| write_rd!(value as i16 as u32)),
            Kind::Lw => load!(load_u32, 4, |value| write_rd!(value)),
            Kind::Lbu => load!(load_u8, 1, |value| write_rd!(u32::from(value))),
            Kind::Lhu => load!(load_u16, 2, |value| write_rd!(u32::from(value))),
            Kind::LoadDiscard => match op.rs2 {
                0 => load!(load_u8, 1, |_value| {}),
                1 => load!(load_u16, 2, |_value| {}),
                _ => load!(load_u32, 4, |_value| {}),
            },
            Kind::Sb => store!(store_u8, 1, u8),
            Kind::Sh => store!(store_u16, 2, u16),
            Kind::Sw => store!(store_u32, 4, u32),
            Kind::Beq => branch!(|a, b| a == b),
            Kind::Bne => branch!(|a, b| a != b),
            Kind::Blt => branch!(|a, b| (a as i32) < b as i32),
            Kind::Bge => branch!(|a, b| a as i32 >= b as i32),
            Kind::Bltu => branch!(|a, b| a < b),
            Kind::Bgeu => branch!(|a, b| a >= b),
            Kind::BranchMisaligned => {
                let (a, b) = (read_rs1!(), read_rs2!());
                if alu::taken(op.rd, a, b) {
                    return Err((offset, Ended::Fault(TrapKind::MisalignedFetch, Some(imm))));
                }
            }
            Kind::Jump => *next = imm,
            Kind::JumpLink => {
                write_rd!(program.text_base().wrapping_add(4 * end));
                *next = imm;
            }
            Kind::JumpMisaligned => {
                return Err((offset, Ended::Fault(TrapKind::MisalignedFetch, Some(imm))));
            }
            Kind::JumpRegister | Kind::JumpRegisterLink => {
                let target = registers[rs1].wrapping_add(imm) & !1;
                if target & 2 != 0 {
                    return Err((
                        offset,
                        Ended::Fault(TrapKind::MisalignedFetch, Some(target)),
                    ));
                }
                read_rs1!();
                if op.kind == Kind::JumpRegisterLink {
                    write_rd!(program.text_base().wrapping_add(4 * end));
                }
                *next = program.index_of(target);
            }
            Kind::Ecall => {
                let called = ecall(machine, text);
                let registers = &mut machine.registers;
                let before = registers[usize::from(A0)];
                let (after, exit) = match called {
                    Ok(Called::Return(value)) => (value, None),
                    Ok(Called::Exit(code)) => (before, Some(code)),
                    Err((kind, address)) => return Err((offset, Ended::Fault(kind, address))),
                };
                recorder.rs1(offset, registers[usize::from(A7)]);
                recorder.rs2(offset, registers[usize::from(A2)]);
                recorder.rd(offset, before, after);
                registers[usize::from(A0)] = after;
                // An ecall is the last op of its block: nothing is left to run here.
                return match exit {
                    Some(code) => Err((offset, Ended::Exit(code))),
                    None => Ok(offset + 1),
                };
            }
            Kind::Ebreak => return Err((offset, Ended::Fault(TrapKind::Breakpoint, None))),
            Kind::Illegal => {
                let kind = TrapKind::IllegalInstruction { word: imm };
                return Err((offset, Ended::Fault(kind, None)));
            }
            Kind::Outside => {
                let pc = program.text_base().wrapping_add(4 * (end - 1));
                return Err((offset, Ended::Fault(TrapKind::FetchOutsideText, Some(pc))));
            }
        }
    }
    Ok(block.len())
}

/// Carries out a host call with the machine's registers.
#[cold]
#[inline(never)]
fn ecall<M: GuestMemory>(
    machine: &mut Machine<M>,
    text: &mut dyn TextSink,
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
        text,
    )
}
