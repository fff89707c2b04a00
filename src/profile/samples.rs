//! Samples: how often each call stack was met, and when.
//!
//! In: functions from the outermost in, sample by sample. Out: [`Samples`]: a tree of call stacks, its
//! counts, and the order in time. Bounded, whatever a guest calls: a full tree counts what is new where
//! it leaves the tree, a full order in time is halved in resolution.

use std::collections::HashMap;

/// Most nodes of the tree.
const NODE_COUNT_MAX: usize = 1 << 16;

/// Most functions in the paths of all nodes together, which is what folded stacks are.
const PATHS_FUNCTIONS_MAX: usize = 1 << 22;

/// Most entries of the order in time.
const RUN_COUNT_MAX: usize = 1 << 18;

/// A call stack: a function, and the stack it was called from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stack {
    /// Index of the caller's stack, lower than its own; `None` at the outermost function.
    pub caller: Option<u32>,
    /// Index into [`Samples::functions`].
    pub function: u32,
    /// Samples of this very stack.
    pub samples: u64,
}

/// Samples by call stack, and in the order of time.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// Names of functions, as the ELF has them; `?` where it has none.
    pub functions: Vec<String>,
    /// The stacks.
    pub stacks: Vec<Stack>,
    /// Indices of stacks as they were met, each with the number of samples in a row. In a long run
    /// short ones are added to a neighbour; the counts of the stacks are exact all the same.
    pub runs: Vec<(u32, u64)>,
    /// Cycles between two samples; 0 where none were taken.
    pub interval_cycles: u64,
}

impl Samples {
    /// The names of the functions of stack `index`, outermost first.
    ///
    /// # Panics
    /// If there is no such stack.
    #[must_use]
    pub fn path(&self, index: u32) -> Vec<&str> {
        let mut path = Vec::new();
        let mut next = Some(index);
        while let Some(index) = next {
            let stack = self.stacks[index as usize];
            path.push(self.functions[stack.function as usize].as_str());
            next = stack.caller;
        }
        path.reverse();
        path
    }
}

/// A tree that grows.
#[derive(Default)]
pub(super) struct Tree {
    stacks: Vec<Stack>,
    /// By stack, the number of functions in its path.
    depths: Vec<usize>,
    /// The sum of these.
    paths_functions: usize,
    /// By caller and function.
    index_of: HashMap<(Option<u32>, u32), u32>,
    runs: Vec<(u32, u64)>,
}

impl Tree {
    /// The stack of `function` called from `caller`; `caller` itself where the tree is full.
    pub fn enter(&mut self, caller: Option<u32>, function: u32) -> u32 {
        if let Some(&index) = self.index_of.get(&(caller, function)) {
            return index;
        }
        let full =
            self.stacks.len() >= NODE_COUNT_MAX || self.paths_functions >= PATHS_FUNCTIONS_MAX;
        if let (Some(caller), true) = (caller, full) {
            return caller;
        }
        let depth = caller.map_or(0, |caller| self.depths[caller as usize]) + 1;
        self.depths.push(depth);
        self.paths_functions += depth;
        let index = self.stacks.len() as u32;
        self.stacks.push(Stack {
            caller,
            function,
            samples: 0,
        });
        self.index_of.insert((caller, function), index);
        index
    }

    /// Adds `count` samples of stack `index`, behind all others in time.
    pub fn add(&mut self, index: u32, count: u64) {
        self.stacks[index as usize].samples += count;
        match self.runs.last_mut() {
            Some((last, run)) if *last == index => *run += count,
            _ => {
                if self.runs.len() == RUN_COUNT_MAX {
                    self.halve();
                }
                self.runs.push((index, count));
            }
        }
    }

    /// Makes one of every two runs: the longer takes the other's samples.
    fn halve(&mut self) {
        let pairs = self.runs.chunks(2).map(|pair| {
            let longest = pair.iter().max_by_key(|(_, count)| *count);
            let (index, _) = *longest.expect("one or two");
            (index, pair.iter().map(|(_, count)| count).sum())
        });
        self.runs = pairs.collect();
    }

    pub fn finish(self, functions: Vec<String>, interval_cycles: u64) -> Samples {
        Samples {
            functions,
            stacks: self.stacks,
            runs: self.runs,
            interval_cycles,
        }
    }
}
