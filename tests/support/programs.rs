//! Random programs: legal instructions that stay where they may be, or mostly do.
//!
//! In: nothing but chance. Out: shrinkable strategies: of single instructions, of programs that may trap
//! anywhere, and of programs that surely end, however long they run.

#![allow(dead_code, reason = "each test takes the part it needs")]

use std::ops::Range;

use proptest::prelude::*;
use proptest::sample::Index;

use crate::encode::{self, BRANCH, ECALL, IMMEDIATE, LOAD, REGISTER, SHIFT, STORE, Segment, li};

/// Where random programs have their text.
pub const TEXT: u32 = 0x0001_0000;
/// Where random programs have their data.
pub const DATA: u32 = 0x0010_0000;

/// 12-bit immediates at the edges of their range.
const IMMEDIATES: [i32; 8] = [-2048, -2047, -1, 0, 1, 2, 1023, 2047];

/// Any legal instruction; branches and jumps stay within 64 instructions, most addresses in data.
pub fn instruction() -> impl Strategy<Value = u32> {
    let near = || (-16..16i32).prop_map(|words| words * 4);
    // x8 and x9 hold data addresses; the strategy avoids writing them. Below x0 lies the end of memory.
    let rd = || prop_oneof![4 => 0..8u32, 1 => 10..32u32];
    let place = || prop_oneof![9 => (8..10u32, 0..64i32), 1 => (Just(0u32), -2048..0i32)];
    prop_oneof![
        13 => computation(rd()),
        3 => (prop::sample::select(LOAD.as_slice()), rd(), place())
            .prop_map(|((_, f3, width), rd, (a, imm))| encode::load(f3, rd, a, imm & -(width as i32))),
        3 => (prop::sample::select(STORE.as_slice()), place(), 0..32u32)
            .prop_map(|((_, f3, width), (a, imm), b)| encode::store(f3, a, b, imm & -(width as i32))),
        2 => (prop::sample::select(BRANCH.as_slice()), 0..32u32, 0..32u32, near())
            .prop_map(|((_, f3), a, b, offset)| encode::branch(f3, a, b, offset)),
        1 => (rd(), near()).prop_map(|(rd, offset)| encode::jal(rd, offset)),
    ]
}

/// An instruction that changes at most `rd`.
fn computation(rd: impl Strategy<Value = u32> + Clone) -> impl Strategy<Value = u32> {
    let x = || 0..32u32;
    let imm = || prop_oneof![-2048..2048, prop::sample::select(IMMEDIATES.as_slice())];
    prop_oneof![
        6 => (prop::sample::select(REGISTER.as_slice()), rd.clone(), x(), x())
            .prop_map(|((_, f7, f3), rd, a, b)| encode::register(f7, f3, rd, a, b)),
        4 => (prop::sample::select(IMMEDIATE.as_slice()), rd.clone(), x(), imm())
            .prop_map(|((_, f3), rd, a, imm)| encode::immediate(f3, rd, a, imm)),
        2 => (prop::sample::select(SHIFT.as_slice()), rd.clone(), x(), x())
            .prop_map(|((_, f7, f3), rd, a, amount)| encode::shift(f7, f3, rd, a, amount)),
        1 => (rd.clone(), any::<u32>()).prop_map(|(rd, upper)| encode::lui(rd, upper)),
        1 => (rd, any::<u32>()).prop_map(|(rd, upper)| encode::auipc(rd, upper)),
        1 => prop::sample::select(&[encode::FENCE, encode::FENCE_I][..]),
    ]
}

/// A program of up to `length` random instructions that ends, if it gets there, with a host call. Most
/// trap before.
pub fn program(length: usize) -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(instruction(), 1..length).prop_map(|body| {
        let mut words: Vec<u32> = [li(8, DATA), li(9, DATA + 32), li(5, 0x8000_0000)].concat();
        words.extend(body);
        words.push(ECALL);
        words
    })
}

const RA: u32 = 1;
const SP: u32 = 2;
const A0: u32 = 10;
const A1: u32 = 11;
const A2: u32 = 12;
const A7: u32 = 17;
/// Two pointers into data, each between two pages of it at any time.
const POINTERS: [u32; 2] = [8, 9];
/// Holds addresses for one instruction.
const SCRATCH: u32 = 29;
/// Calls and jumps backward that are left in this round; without any, control goes forward only.
const PATIENCE: u32 = 30;
/// How many jumps backward a call counts for.
const CALL_PATIENCE: i32 = 8;
/// Rounds through the main function that are left.
const ROUNDS: u32 = 31;

/// log2 of the bytes the pointers move in.
const WINDOW_LOG2: u32 = 15;
/// Bytes around that window which an offset reaches.
const MARGIN: u32 = 4096;
const STACK_END: u32 = DATA + 0x0004_0000;

/// A part of a terminating program; a few words.
#[derive(Clone, Debug)]
pub enum Part {
    /// An instruction that neither jumps nor touches memory.
    Word(u32),
    /// A register set to any value, by `lui` and `addi`.
    Set(u32, u32),
    /// A load or a store through one of the pointers, given as a load or store through x0.
    Access(u32, Index),
    /// The same at an offset that a register says.
    Indexed(u32, Index, u32),
    /// A pointer moved by some words.
    Move(Index, i32),
    /// A branch over some parts, or back.
    Branch(u32, u32, u32, i32),
    /// A comparison into a register, and a branch on it.
    Compare(u32, u32, u32, u32, i32),
    /// A jump over some parts, or back; by register or not.
    Jump(u32, i32, bool),
    /// A call of a function, this one included; by register or not.
    Call(Index, bool),
    /// Some bytes of data as text.
    Write(u32),
}

fn part() -> impl Strategy<Value = Part> {
    // Neither the stack's pointer nor what data is reached through nor what is counted down.
    let rd = || prop_oneof![0..2u32, 3..8u32, 10..30u32];
    let x = || 0..32u32;
    let imm = || prop_oneof![3 => 0..64i32, 1 => -2048..2048i32];
    let access = move || {
        prop_oneof![
            (prop::sample::select(LOAD.as_slice()), rd(), imm()).prop_map(
                |((_, f3, width), rd, imm)| encode::load(f3, rd, 0, imm & -(width as i32))
            ),
            (prop::sample::select(STORE.as_slice()), x(), imm()).prop_map(
                |((_, f3, width), b, imm)| encode::store(f3, 0, b, imm & -(width as i32))
            ),
        ]
    };
    let near = || -12..12i32;
    let comparison = prop::sample::select(&[(0, 2), (0, 3), (0, 4), (32, 0), (0, 7)][..]);
    prop_oneof![
        20 => computation(rd()).prop_map(Part::Word),
        2 => (rd(), any::<u32>()).prop_map(|(rd, value)| Part::Set(rd, value)),
        6 => (access(), any::<Index>()).prop_map(|(word, pointer)| Part::Access(word, pointer)),
        4 => (access(), any::<Index>(), x()).prop_map(|(word, at, by)| Part::Indexed(word, at, by)),
        2 => (any::<Index>(), -500..500i32).prop_map(|(pointer, words)| Part::Move(pointer, words)),
        4 => (prop::sample::select(BRANCH.as_slice()), x(), x(), near())
            .prop_map(|((_, f3), a, b, parts)| Part::Branch(f3, a, b, parts)),
        2 => (comparison, rd(), x(), x(), near())
            .prop_map(|((f7, f3), rd, a, b, to)| Part::Compare(f7 << 3 | f3, rd, a, b, to)),
        1 => (rd(), near(), any::<bool>()).prop_map(|(rd, to, far)| Part::Jump(rd, to, far)),
        2 => (any::<Index>(), any::<bool>()).prop_map(|(callee, far)| Part::Call(callee, far)),
        1 => (0..6u32).prop_map(Part::Write),
    ]
}

/// A random program that surely ends: each round through its main function may call and jump backward
/// only so often, and there are only so many rounds. It never traps.
#[derive(Clone, Debug)]
pub struct Terminating {
    parts: Vec<Part>,
    functions: usize,
    patience: i32,
    rounds: u32,
    seeds: [u32; 32],
}

/// Programs of so many parts, which go so many rounds.
pub fn terminating(parts: Range<usize>, rounds: Range<u32>) -> impl Strategy<Value = Terminating> {
    let parts = prop::collection::vec(part(), parts);
    let rest = (1..5usize, 0..40i32, rounds, any::<[u32; 32]>());
    (parts, rest).prop_map(
        |(parts, (functions, patience, rounds, seeds))| Terminating {
            parts,
            functions,
            patience,
            rounds,
            seeds,
        },
    )
}

/// Index of the word at which each function, and each of its parts and its end, begin.
type Starts = Vec<(usize, Vec<usize>)>;

impl Terminating {
    /// Its text.
    pub fn words(&self) -> Vec<u32> {
        let size = self.parts.len().div_ceil(self.functions).max(1);
        let functions: Vec<&[Part]> = self.parts.chunks(size).collect();
        // Where things lie does not depend on where they lead: the first time all leads nowhere.
        let nowhere = functions.iter().map(|parts| (0, vec![0; parts.len() + 1]));
        let (_, starts) = self.lay_out(&functions, &nowhere.collect());
        let (words, again) = self.lay_out(&functions, &starts);
        assert_eq!(starts, again, "the layout holds");
        words
    }

    fn lay_out(&self, functions: &[&[Part]], starts: &Starts) -> (Vec<u32>, Starts) {
        let mut words = Vec::new();
        for register in 1..32 {
            let value = match register {
                SP => STACK_END,
                8 => DATA,
                9 => DATA + (1 << (WINDOW_LOG2 - 1)),
                ROUNDS => self.rounds,
                _ => self.seeds[register as usize],
            };
            words.extend(li(register, value));
        }
        let round = words.len();
        words.push(encode::immediate(0, PATIENCE, 0, self.patience));
        let mut laid_out = Starts::new();
        for (index, parts) in functions.iter().enumerate() {
            let start = words.len();
            if index > 0 {
                words.extend([
                    encode::immediate(0, SP, SP, -16),
                    encode::store(2, SP, RA, 12),
                ]);
            }
            let mut of_parts = Vec::new();
            for (at, part) in parts.iter().enumerate() {
                of_parts.push(words.len());
                emit(part, at, index, starts, &mut words);
            }
            of_parts.push(words.len());
            laid_out.push((start, of_parts));
            if index > 0 {
                let leave = [
                    encode::load(2, RA, SP, 12),
                    encode::immediate(0, SP, SP, 16),
                ];
                words.extend(leave);
                words.push(encode::jalr(0, RA, 0));
                continue;
            }
            words.extend([
                encode::immediate(0, ROUNDS, ROUNDS, -1),
                encode::branch(0, ROUNDS, 0, 8),
            ]);
            words.push(encode::jal(0, 4 * (round as i32 - words.len() as i32)));
            words.extend([encode::immediate(0, A7, 0, 93), ECALL]);
        }
        (words, laid_out)
    }
}

/// Appends the words of the part at `at` of a function.
fn emit(part: &Part, at: usize, function: usize, starts: &Starts, words: &mut Vec<u32>) {
    let (_, parts) = &starts[function];
    let there = |by: i32| {
        let end = parts.len() as i64 - 1;
        parts[(at as i64 + i64::from(by)).clamp(0, end) as usize]
    };
    let to = |target: usize, from: usize| 4 * (target as i32 - from as i32);
    let pointer = |index: &Index| POINTERS[index.index(2)];
    // What goes back costs patience, and a call, which is as long as a function, more of it; without any
    // the `count` words behind are skipped.
    let patient = |words: &mut Vec<u32>, cost: i32, count: i32| {
        words.extend([
            encode::immediate(0, PATIENCE, PATIENCE, -cost),
            encode::branch(4, 0, PATIENCE, 8),
            encode::jal(0, 4 * (1 + count)),
        ]);
    };
    let jump = |words: &mut Vec<u32>, link: u32, target: usize, far: bool| {
        let offset = to(target, words.len());
        if far {
            let upper = offset as u32 & !0xfff;
            let upper = upper.wrapping_add((offset as u32 & 0x800) << 1);
            // The address in a register that is written anyway.
            let base = if link == 0 { SCRATCH } else { link };
            words.extend([encode::auipc(base, upper), encode::jalr(link, base, offset)]);
        } else {
            words.push(encode::jal(link, offset));
        }
    };
    match part {
        Part::Word(word) => words.push(*word),
        Part::Set(rd, value) => words.extend(li(*rd, *value)),
        Part::Access(word, index) => words.push(word | pointer(index) << 15),
        Part::Indexed(word, index, by) => words.extend([
            encode::immediate(7, SCRATCH, *by, 0x7fc),
            encode::register(0, 0, SCRATCH, SCRATCH, pointer(index)),
            word | SCRATCH << 15,
        ]),
        Part::Move(index, by) => {
            let pointer = pointer(index);
            words.extend([
                encode::immediate(0, pointer, pointer, 4 * by),
                encode::shift(0, 1, pointer, pointer, 32 - WINDOW_LOG2),
                encode::shift(0, 5, pointer, pointer, 32 - WINDOW_LOG2),
                encode::lui(SCRATCH, DATA),
                encode::register(0, 6, pointer, pointer, SCRATCH),
            ]);
        }
        Part::Branch(funct3, a, b, by) => {
            if *by <= 0 {
                patient(words, 1, 1);
            }
            words.push(encode::branch(*funct3, *a, *b, to(there(*by), words.len())));
        }
        Part::Compare(functs, rd, a, b, by) => {
            if *by <= 0 {
                patient(words, 1, 2);
            }
            words.push(encode::register(functs >> 3, functs & 7, *rd, *a, *b));
            // On x0, or the other way round.
            let (funct3, swapped) = (by & 1, a & 1 == 1);
            let (a, b) = if swapped { (0, *rd) } else { (*rd, 0) };
            words.push(encode::branch(
                funct3 as u32,
                a,
                b,
                to(there(*by), words.len()),
            ));
        }
        Part::Jump(rd, by, far) => {
            if *by <= 0 {
                patient(words, 1, 1 + i32::from(*far));
            }
            jump(words, *rd, there(*by), *far);
        }
        Part::Call(callee, far) => {
            // The main function is none that returns.
            if starts.len() > 1 {
                patient(words, CALL_PATIENCE, 1 + i32::from(*far));
                let (start, _) = starts[1 + callee.index(starts.len() - 1)];
                jump(words, RA, start, *far);
            }
        }
        Part::Write(bytes) => {
            let set = |register, value| encode::immediate(0, register, 0, value);
            words.extend([set(A7, 64), set(A0, 1), set(A2, *bytes as i32)]);
            words.extend([encode::immediate(0, A1, POINTERS[0], 0), ECALL]);
        }
    }
}

/// The segments of a program that [`terminating`] made.
pub fn segments(words: &[u32]) -> Vec<Segment> {
    let mut bytes = Vec::new();
    for_each_data_byte(|_, byte| bytes.push(byte));
    let stack = Segment {
        memory_bytes: MARGIN,
        ..encode::data(STACK_END - MARGIN, &[], true)
    };
    vec![
        encode::text(TEXT, words),
        encode::data(DATA - MARGIN, &bytes, true),
        stack,
    ]
}

/// Visits the bytes of their data, which are none in particular.
pub fn for_each_data_byte(mut visit: impl FnMut(u32, u8)) {
    for address in DATA - MARGIN..DATA + (1 << WINDOW_LOG2) + MARGIN {
        visit(address, (address.wrapping_mul(0x9e37_79b1) >> 24) as u8);
    }
}
