//! Ctrl-C: the first asks whatever runs to stop in order, the second ends the process. Where there is
//! nothing to put in order, the first does.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::{Code, Failure};

static RAISED: AtomicBool = AtomicBool::new(false);

/// Whether nothing would be left behind.
static AT_ONCE: AtomicBool = AtomicBool::new(false);

/// Listens from now on. Where the system has no such signal, Ctrl-C stays what it was.
pub fn listen() {
    let _unavailable = ctrlc::set_handler(|| {
        if AT_ONCE.load(Ordering::Relaxed) {
            eprintln!("tracelane: {}", Failure::Interrupted(None));
            std::process::exit(Code::Interrupted as i32);
        }
        if RAISED.swap(true, Ordering::Relaxed) {
            std::process::exit(Code::Interrupted as i32);
        }
    });
}

/// Raised once Ctrl-C was pressed.
pub fn flag() -> &'static AtomicBool {
    &RAISED
}

/// From now on the first Ctrl-C ends the process: nothing that runs leaves anything behind, and it may
/// take long to come to where it could look at [`flag`] (a file is read from end to end).
pub fn at_once() {
    AT_ONCE.store(true, Ordering::Relaxed);
}

/// From now on what runs looks at [`flag`].
pub fn in_order() {
    AT_ONCE.store(false, Ordering::Relaxed);
}
