//! Names: symbols as people read them.
//!
//! In: a symbol of an ELF. Out: what its author wrote, where it is one of Rust's mangled names; else
//! the symbol. That may still hold anything a file can hold: who prints it makes it printable.

use std::fmt::{self, Write};

/// Longest name that is made: a short mangled one can stand for a megabyte.
const NAME_BYTES_MAX: usize = 1 << 10;

/// `symbol` without mangling and hash.
pub fn readable(symbol: &str) -> String {
    let Ok(name) = rustc_demangle::try_demangle(symbol) else {
        return symbol.to_owned();
    };
    let mut short = Short(String::new());
    match write!(short, "{name:#}") {
        Ok(()) => short.0,
        Err(fmt::Error) => symbol.to_owned(),
    }
}

/// The same for `symbol+offset`.
pub fn readable_place(place: &str) -> String {
    match place.rsplit_once('+') {
        Some((symbol, offset)) => format!("{}+{offset}", readable(symbol)),
        None => readable(place),
    }
}

/// `name` with every character that is no text of one line escaped.
pub fn printable(name: &str) -> String {
    let mut text = String::new();
    for character in name.chars() {
        match character {
            // What Rust writes in lifetimes, string parameters and the like.
            '\'' | '"' | '\\' => text.push(character),
            _ => text.extend(character.escape_debug()),
        }
    }
    text
}

struct Short(String);

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > NAME_BYTES_MAX {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}
