//! Call stacks, followed from block to block and sampled by cycles.
//!
//! In: block boundaries. Out: [`Samples`]. Calls are jumps that leave their return address in ra or t0,
//! returns are jumps through one of them that leave none, as the manual's hints for return-address
//! stacks have it; a guest that does otherwise gets odd stacks and nothing worse.

use std::collections::HashMap;

use super::samples::{Samples, Tree};
use crate::program::Program;
use crate::program::op::{Kind, Op};

/// Deepest stack that is followed; deeper calls are counted where they were cut.
const DEPTH_MAX: usize = 512;

/// Whether calling conventions keep return addresses in this register: ra and, for helpers that save
/// registers, t0.
fn is_link(register: u8) -> bool {
    register == 1 || register == 5
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
    /// Stacks of the outermost calls, as far as they were looked up and have not returned.
    known: Vec<u32>,
    /// Numbers of functions, by the index of their symbol.
    function_of: HashMap<Option<usize>, u32>,
    functions: Vec<String>,
    tree: Tree,
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
            known: Vec::new(),
            function_of: HashMap::new(),
            functions: Vec::new(),
            tree: Tree::default(),
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
            Kind::JumpLink if is_link(op.rd) => self.call(last),
            Kind::JumpRegister | Kind::JumpRegisterLink => self.jump(op, last, next_pc),
            _ => {}
        }
    }

    /// An indirect jump: a return, a call, both (a coroutine) or neither.
    fn jump(&mut self, op: Op, index: u32, next_pc: u32) {
        let calls = op.kind == Kind::JumpRegisterLink && is_link(op.rd);
        if is_link(op.rs1) && !(calls && op.rd == op.rs1) {
            self.give_back(next_pc);
        }
        if calls {
            self.call(index);
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
            self.known.truncate(depth);
        }
    }

    #[cold]
    fn sample(&mut self, pc: u32, retired: u64) {
        while self.known.len() < self.calls.len() {
            let function = self.function(self.calls[self.known.len()].from);
            let stack = self.tree.enter(self.known.last().copied(), function);
            self.known.push(stack);
        }
        let function = self.function(pc);
        let stack = self.tree.enter(self.known.last().copied(), function);
        let count = (retired - self.next_sample) / self.interval + 1;
        self.tree.add(stack, count);
        self.next_sample += count * self.interval;
    }

    /// The number of the function around `pc`.
    fn function(&mut self, pc: u32) -> u32 {
        let symbols = self.program.symbols();
        let symbol = symbols.index_containing(pc);
        *self.function_of.entry(symbol).or_insert_with(|| {
            let name = symbol.map_or("?", |index| symbols.as_slice()[index].name.as_str());
            self.functions.push(name.to_owned());
            self.functions.len() as u32 - 1
        })
    }

    pub(super) fn finish(self) -> Samples {
        self.tree.finish(self.functions, self.interval)
    }
}
