//! Exact executions of every instruction, at the cost of two additions a block.
//!
//! In: blocks. Out: executions by instruction, opcode or function.

use std::collections::BTreeMap;

use crate::isa::Opcode;
use crate::program::Program;
use crate::trace::columns::Column;

/// How often each instruction of a program was retired.
#[derive(Clone, Debug)]
pub struct Counts {
    /// While counting: +1 where a block began, -1 behind where it ended. When finished: the sums of
    /// these, which are the executions.
    values: Vec<u64>,
}

impl Counts {
    pub(super) fn new(program: &Program) -> Self {
        Self {
            values: vec![0; program.ops().len() + 1],
        }
    }

    #[inline]
    pub(super) fn add_block(&mut self, index: u32, rows: usize) {
        let first = index as usize;
        self.values[first] = self.values[first].wrapping_add(1);
        self.values[first + rows] = self.values[first + rows].wrapping_sub(1);
    }

    pub(super) fn finish(mut self) -> Self {
        let mut executions = 0u64;
        for value in &mut self.values {
            executions = executions.wrapping_add(*value);
            *value = executions;
        }
        self.values.pop();
        self
    }

    /// Executions by `pc_index`.
    #[must_use]
    pub fn by_instruction(&self) -> &[u64] {
        &self.values
    }

    /// Executions by opcode name, those that occurred.
    #[must_use]
    pub fn by_opcode(&self, program: &Program) -> BTreeMap<&'static str, u64> {
        let opcode = |index: usize| program.static_value(Column::Opcode, index as u32);
        self.sum_by(|index| Opcode::ALL[opcode(index) as usize].name())
    }

    /// Executions by function, the ones a function calls not included. Instructions before the
    /// first symbol are `?`.
    #[must_use]
    pub fn by_function(&self, program: &Program) -> BTreeMap<String, u64> {
        let symbols = program.symbols();
        let by_symbol = self.sum_by(|index| symbols.index_containing(program.pc_of(index as u32)));
        let mut sums = BTreeMap::new();
        for (symbol, executions) in by_symbol {
            let name = symbol.map_or("?", |index| symbols.as_slice()[index].name.as_str());
            *sums.entry(name.to_owned()).or_default() += executions;
        }
        sums
    }

    fn sum_by<K: Ord>(&self, key: impl Fn(usize) -> K) -> BTreeMap<K, u64> {
        let mut sums = BTreeMap::new();
        for (index, &executions) in self.values.iter().enumerate() {
            if executions > 0 {
                *sums.entry(key(index)).or_default() += executions;
            }
        }
        sums
    }
}
