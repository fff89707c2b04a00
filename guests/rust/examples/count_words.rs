//! Counts the words of its input and publishes the count.
#![no_std]
#![no_main]

use core::fmt::Write;
use tracelane_guest::{entry, leave, read_input, region_end, region_start, write_output, Text};

entry!(main);

fn main() {
    let Ok(text) = core::str::from_utf8(read_input()) else {
        let _written = writeln!(Text, "the input is no text");
        leave(1);
    };
    region_start!("split");
    let count = text.split_whitespace().count() as u32;
    region_end!("split");
    write_output(&count.to_le_bytes());
    let _written = writeln!(Text, "{count} words");
}
