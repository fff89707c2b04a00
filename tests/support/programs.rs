//! Random programs: legal instructions that mostly stay where they may be.
//!
//! In: nothing but chance. Out: strategies of instruction words, shrinkable.

use proptest::prelude::*;

use crate::encode::{self, BRANCH, ECALL, IMMEDIATE, LOAD, REGISTER, SHIFT, STORE, li};

/// Where random programs have their data.
pub const DATA: u32 = 0x0010_0000;

/// Immediates at the edges of their range.
pub const IMMEDIATES: [i32; 8] = [-2048, -2047, -1, 0, 1, 2, 1023, 2047];

/// Any legal instruction; branches and jumps stay within 64 instructions, most addresses in data.
pub fn instruction() -> impl Strategy<Value = u32> {
    let x = || 0..32u32;
    let imm = || prop_oneof![-2048..2048, prop::sample::select(IMMEDIATES.as_slice())];
    let near = || (-16..16i32).prop_map(|words| words * 4);
    // x8 and x9 hold data addresses; the strategy avoids writing them.
    let rd = || prop_oneof![4 => 0..8u32, 1 => 10..32u32];
    prop_oneof![
        6 => (prop::sample::select(REGISTER.as_slice()), rd(), x(), x())
            .prop_map(|((_, f7, f3), rd, a, b)| encode::register(f7, f3, rd, a, b)),
        4 => (prop::sample::select(IMMEDIATE.as_slice()), rd(), x(), imm())
            .prop_map(|((_, f3), rd, a, imm)| encode::immediate(f3, rd, a, imm)),
        2 => (prop::sample::select(SHIFT.as_slice()), rd(), x(), x())
            .prop_map(|((_, f7, f3), rd, a, amount)| encode::shift(f7, f3, rd, a, amount)),
        3 => (prop::sample::select(LOAD.as_slice()), rd(), 8..10u32, 0..64i32)
            .prop_map(|((_, f3, width), rd, a, imm)| encode::load(f3, rd, a, imm & -(width as i32))),
        3 => (prop::sample::select(STORE.as_slice()), 8..10u32, x(), 0..64i32)
            .prop_map(|((_, f3, width), a, b, imm)| encode::store(f3, a, b, imm & -(width as i32))),
        2 => (prop::sample::select(BRANCH.as_slice()), x(), x(), near())
            .prop_map(|((_, f3), a, b, offset)| encode::branch(f3, a, b, offset)),
        1 => (rd(), near()).prop_map(|(rd, offset)| encode::jal(rd, offset)),
        1 => (rd(), any::<u32>()).prop_map(|(rd, upper)| encode::lui(rd, upper)),
        1 => (rd(), any::<u32>()).prop_map(|(rd, upper)| encode::auipc(rd, upper)),
        1 => Just(encode::FENCE),
    ]
}

/// A program of up to `length` random instructions that ends, if it gets there, with a host call.
pub fn program(length: usize) -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(instruction(), 1..length).prop_map(|body| {
        let mut words: Vec<u32> = [li(8, DATA), li(9, DATA + 32), li(5, 0x8000_0000)].concat();
        words.extend(body);
        words.push(ECALL);
        words
    })
}
