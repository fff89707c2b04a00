//! Call stacks, sampled by cycles.
//!
//! In: block boundaries. Out: how many samples each stack of functions got. Calls are jumps that
//! leave their return address in ra, returns are jumps through ra, as the calling convention has
//! them; a guest that does otherwise gets odd stacks and nothing worse.

use std::collections::HashMap;

use super::counts::function_name;
use crate::program::Program;
use crate::program::op::Kind;

/// The return address register.
const RA: u8 = 1;

/// Deepest stack that is followed; deeper calls are counted where they were cut.
const DEPTH_MAX: usize = 512;

/// Samples by call stack.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// Each stack, outermost function first, and its number of samples; sorted.
    pub stacks: Vec<(Vec<String>, u64)>,
    /// Cycles between two samples; 0 where none were taken.
    pub interval_cycles: u64,
}

/// A call that has not returned.
#[derive(Clone, Copy)]
struct Call {
    /// Address of a place in the calling function.
    from: u32,
    /// Where it will return to.
    return_pc: u32,
}

pub(super) struct Sampler<'a> {
    program: &'a Program,
    /// 0 where no samples are wanted.
    interval: u64,
    next_sample: u64,
    calls: Vec<Call>,
    /// Calls beyond `DEPTH_MAX` that have not returned.
    cut: u64,
    /// By the callers' addresses and the address sampled; made names when finished.
    samples: HashMap<Vec<u32>, u64>,
}

impl<'a> Sampler<'a> {
    pub(super) fn new(program: &'a Program, interval: Option<u64>) -> Self {
        assert_ne!(interval, Some(0), "an interval of at least one cycle");
        let interval = interval.unwrap_or(0);
        Self {
            program,
            interval,
            next_sample: interval,
            calls: Vec::new(),
            cut: 0,
            samples: HashMap::new(),
        }
    }

    /// `rows` instructions from table index `index` on have retired, `retired` in all.
    #[inline]
    pub(super) fn end_block(&mut self, index: u32, rows: usize, next_pc: u32, retired: u64) {
        if self.interval == 0 || rows == 0 {
            return;
        }
        let last = index + rows as u32 - 1;
        if retired >= self.next_sample {
            self.sample(self.program.pc_of(last), retired);
        }
        let op = self.program.ops()[last as usize];
        match op.kind {
            Kind::JumpLink | Kind::JumpRegisterLink if op.rd == RA => self.call(last),
            Kind::JumpRegister if op.rs1 == RA => self.give_back(next_pc),
            _ => {}
        }
    }

    fn call(&mut self, index: u32) {
        if self.calls.len() == DEPTH_MAX {
            self.cut += 1;
            return;
        }
        let from = self.program.pc_of(index);
        let return_pc = from.wrapping_add(4);
        self.calls.push(Call { from, return_pc });
    }

    /// Returns to `next_pc`: past frames that are left without a return of their own, too.
    fn give_back(&mut self, next_pc: u32) {
        if self.cut > 0 {
            self.cut -= 1;
            return;
        }
        if let Some(depth) = self
            .calls
            .iter()
            .rposition(|call| call.return_pc == next_pc)
        {
            self.calls.truncate(depth);
        }
    }

    #[cold]
    fn sample(&mut self, pc: u32, retired: u64) {
        let stack = self.calls.iter().map(|call| call.from).chain([pc]);
        let count = (retired - self.next_sample) / self.interval + 1;
        *self.samples.entry(stack.collect()).or_default() += count;
        self.next_sample += count * self.interval;
    }

    pub(super) fn finish(self) -> Samples {
        let mut named: HashMap<Vec<String>, u64> = HashMap::new();
        for (stack, count) in self.samples {
            let name = |&pc: &u32| function_name(self.program, pc).to_owned();
            *named.entry(stack.iter().map(name).collect()).or_default() += count;
        }
        let mut stacks: Vec<_> = named.into_iter().collect();
        stacks.sort();
        Samples {
            stacks,
            interval_cycles: self.interval,
        }
    }
}
