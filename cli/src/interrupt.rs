//! Ctrl-C: the first asks whatever runs to stop in order, the second ends the process.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::Code;

static RAISED: AtomicBool = AtomicBool::new(false);

/// Listens from now on. Where the system has no such signal, Ctrl-C stays what it was.
pub fn listen() {
    let _unavailable = ctrlc::set_handler(|| {
        if RAISED.swap(true, Ordering::Relaxed) {
            std::process::exit(Code::Interrupted as i32);
        }
    });
}

/// Raised once Ctrl-C was pressed.
pub fn flag() -> &'static AtomicBool {
    &RAISED
}
