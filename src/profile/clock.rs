//! The cycle, as far as a host call can know it: blocks retired, and the one that is open.

use std::cell::Cell;
use std::rc::Rc;

/// Counts retired instructions; clones show the same count.
#[derive(Clone, Default, Debug)]
pub(super) struct Clock {
    retired: Rc<Cell<u64>>,
    open: Rc<Cell<u64>>,
}

impl Clock {
    /// A block of `rows` instructions begins.
    pub(super) fn open(&self, rows: u64) {
        self.open.set(rows);
    }

    /// The open block ends with `rows` of its instructions retired.
    pub(super) fn close(&self, rows: u64) {
        self.retired.set(self.retired.get() + rows);
        self.open.set(0);
    }

    /// Instructions in closed blocks.
    pub(super) fn retired(&self) -> u64 {
        self.retired.get()
    }

    /// Instructions retired before the last one of the open block, which is what an `ecall` is.
    pub(super) fn at_call(&self) -> u64 {
        self.retired.get() + self.open.get().saturating_sub(1)
    }
}
