//! What a Tracelane guest in Rust may use: its input, its output, text, an end.
//!
//! A guest is `#![no_std]`, `#![no_main]`, and names its main function with [`entry!`]. Input is read
//! in place; output is what a proof speaks of; text and exit code are for people.
#![no_std]

use core::arch::{asm, global_asm};
use core::fmt::{self, Write};
use core::panic::PanicInfo;

const INPUT: *const u32 = 0x4000_0000 as *const u32;
const OUTPUT: *mut u32 = 0x6000_0000 as *mut u32;
const HEADER_BYTES: usize = 16;
const OUTPUT_BYTES_MAX: usize = 0x2000_0000 - HEADER_BYTES;

const HOST_WRITE: u32 = 64;
const HOST_EXIT: u32 = 93;

global_asm!(
    ".section .text.init",
    ".globl _start",
    "_start:",
    ".option push",
    ".option norelax",
    "la gp, __global_pointer$",
    ".option pop",
    "la sp, __stack_top",
    "call __tracelane_main",
    "li a0, 0",
    "li a7, 93",
    "ecall",
);

/// Names the function that a guest starts with.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        #[no_mangle]
        extern "C" fn __tracelane_main() {
            let main: fn() = $main;
            main()
        }
    };
}

/// The input, where it lies.
pub fn read_input() -> &'static [u8] {
    // SAFETY: the machine puts length and bytes there before the first cycle, and nothing can be
    // stored to them.
    unsafe {
        let bytes = INPUT.cast::<u8>().add(HEADER_BYTES);
        core::slice::from_raw_parts(bytes, INPUT.read_volatile() as usize)
    }
}

/// Adds `bytes` to the output.
///
/// # Panics
/// When the output region is full.
pub fn write_output(bytes: &[u8]) {
    // SAFETY: the output region is the guest's alone, a guest has one thread, and no reference into
    // the region is ever handed out.
    unsafe {
        let used = OUTPUT.read_volatile() as usize;
        assert!(bytes.len() <= OUTPUT_BYTES_MAX - used, "output too long");
        let end = OUTPUT.cast::<u8>().add(HEADER_BYTES + used);
        end.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        OUTPUT.write_volatile((used + bytes.len()) as u32);
    }
}

#[inline(always)]
fn host(call: u32, a: u32, b: u32, c: u32) -> u32 {
    let result;
    // SAFETY: a host call reads guest memory and changes a0 alone.
    unsafe {
        asm!("ecall", inlateout("a0") a => result, in("a1") b, in("a2") c, in("a7") call);
    }
    result
}

/// Text on the run's standard output; formatted with `write!(Text, ...)`.
pub struct Text;

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        host(HOST_WRITE, 1, text.as_ptr() as u32, text.len() as u32);
        Ok(())
    }
}

/// Writes a line that marks the start of a region, which `tracelane count --by region` counts: one host
/// call, its text and length known when the guest is compiled. The name is a literal.
#[macro_export]
macro_rules! region_start {
    ($name:literal) => {
        $crate::write_mark(concat!("cycle-tracker-start: ", $name, "\n"))
    };
}

/// Writes the line that marks the end of a region; see [`region_start!`].
#[macro_export]
macro_rules! region_end {
    ($name:literal) => {
        $crate::write_mark(concat!("cycle-tracker-end: ", $name, "\n"))
    };
}

/// What the marks of regions expand to.
#[doc(hidden)]
#[inline(always)]
pub fn write_mark(line: &str) {
    host(HOST_WRITE, 1, line.as_ptr() as u32, line.len() as u32);
}

/// Ends the run with `code`.
pub fn leave(code: u32) -> ! {
    host(HOST_EXIT, code, 0, 0);
    loop {}
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _written = writeln!(Text, "{info}");
    leave(101)
}
