//! Guests as programs of Linux, for `qemu-riscv32`: its exit and write calls are ours.
//!
//! In: a program, its input, memory to look at. Out: an ELF with the input baked in as a segment and, on
//! demand, an epilogue that writes registers and memory to standard output where the guest ends.

#![allow(dead_code, reason = "each user takes the part it needs")]

use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

use tracelane::Program;
use tracelane::limits::{INPUT_BASE, OUTPUT_BASE, REGION_HEADER_BYTES};

use crate::encode::{self, ECALL, Segment};

/// The emulator's name; Debian has it in the package qemu-user.
pub const QEMU: &str = "qemu-riscv32";

const PAGE_BYTES: u32 = 4096;
/// Bytes of the output region that such a program has.
const OUTPUT_BYTES: u32 = 1 << 28;
const EPILOGUE: u32 = 0x7800_0000;
const REGISTERS: u32 = EPILOGUE + 0x0100_0000;
const A0: u32 = 10;
const A7: u32 = 17;
const HOST_WRITE: u32 = 64;
const HOST_EXIT: u32 = 93;

/// Whether the emulator is there and starts.
pub fn qemu_runs() -> bool {
    let mut version = Command::new(QEMU);
    let status = version.arg("--version").stdout(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// A run of `elf`, which is put into `folder` first.
pub fn qemu(folder: &Path, elf: &[u8]) -> Command {
    let file = folder.join("guest");
    std::fs::write(&file, elf).expect("a temporary file");
    // Without the right to execute it qemu ends without a word.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700))
            .expect("a temporary file");
    }
    let mut command = Command::new(QEMU);
    command.arg(file);
    command
}

/// `program` with `input` as a program of Linux.
pub fn elf(program: &Program, input: &[u8]) -> Vec<u8> {
    write(program.entry(), &segments(program, input))
}

/// The same, but where crt0 would end the run it writes x0 to x31 and then `ranges` to its standard
/// output and exits with 0. a7, which holds the number of that call, is 93.
///
/// # Panics
/// If no `li a7, 93; ecall` stands in the text.
pub fn elf_with_epilogue(program: &Program, input: &[u8], ranges: &[Range<u32>]) -> Vec<u8> {
    let mut segments = segments(program, input);
    let exit = [encode::immediate(0, A7, 0, HOST_EXIT as i32), ECALL].map(u32::to_le_bytes);
    let leave = [encode::lui(A7, EPILOGUE), encode::jalr(0, A7, 0)].map(u32::to_le_bytes);
    let (exit, leave) = (exit.concat(), leave.concat());
    let mut text = segments.iter_mut().filter(|segment| segment.flags & 1 == 1);
    let found = text.find_map(|segment| {
        let mut places = (0..segment.bytes.len()).step_by(4);
        let at = places.find(|&at| segment.bytes[at..].starts_with(&exit))?;
        Some(&mut segment.bytes[at..at + 8])
    });
    found
        .expect("crt0's exit in the text")
        .copy_from_slice(&leave);

    let mut words = vec![encode::lui(A7, REGISTERS)];
    words.extend((0..32).map(|x| encode::store(2, A7, x, 4 * x as i32)));
    words.extend([
        encode::immediate(0, A0, 0, HOST_EXIT as i32),
        encode::store(2, A7, A0, 4 * A7 as i32),
    ]);
    let mut call = |number, arguments: [u32; 3]| {
        let registers = [A0, A0 + 1, A0 + 2, A7].into_iter();
        let values = arguments.into_iter().chain([number]);
        words.extend(
            registers
                .zip(values)
                .flat_map(|(x, value)| encode::li(x, value)),
        );
        words.push(ECALL);
    };
    call(HOST_WRITE, [1, REGISTERS, 128]);
    for range in ranges {
        call(HOST_WRITE, [1, range.start, range.end - range.start]);
    }
    call(HOST_EXIT, [0; 3]);
    segments.push(encode::text(EPILOGUE, &words));
    segments.push(encode::data(REGISTERS, &[0; 128], true));
    write(program.entry(), &segments)
}

/// The program's segments, the input region, the output region.
fn segments(program: &Program, input: &[u8]) -> Vec<Segment> {
    let of_program = program.segments().iter().map(|segment| Segment {
        address: segment.address,
        bytes: segment.file.clone(),
        memory_bytes: segment.memory_bytes as u32,
        flags: 4 | u32::from(segment.writable) << 1 | u32::from(segment.executable),
    });
    let mut region = (input.len() as u32).to_le_bytes().to_vec();
    region.resize(REGION_HEADER_BYTES as usize, 0);
    region.extend(input);
    let output = Segment {
        memory_bytes: OUTPUT_BYTES,
        ..encode::data(OUTPUT_BASE, &[], true)
    };
    of_program
        .chain([encode::data(INPUT_BASE, &region, false), output])
        .collect()
}

/// An ELF whose segments lie in the file as they lie in their pages, which is what Linux maps.
fn write(entry: u32, segments: &[Segment]) -> Vec<u8> {
    const HEADER_BYTES: u32 = 52;
    const PROGRAM_HEADER_BYTES: u32 = 32;
    let mut file = vec![0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    file.extend([2, 0, 243, 0]);
    for field in [1, entry, HEADER_BYTES, 0, 0] {
        file.extend(field.to_le_bytes());
    }
    let count = segments.len() as u32;
    for field in [HEADER_BYTES, PROGRAM_HEADER_BYTES, count, 0, 0, 0] {
        file.extend((field as u16).to_le_bytes());
    }
    let mut offset = (HEADER_BYTES + PROGRAM_HEADER_BYTES * count).next_multiple_of(PAGE_BYTES);
    let mut offsets = Vec::new();
    for segment in segments {
        offset += segment.address % PAGE_BYTES;
        offsets.push(offset as usize);
        let file_bytes = segment.bytes.len() as u32;
        let (address, flags) = (segment.address, segment.flags);
        for field in [1, offset, address, address] {
            file.extend(field.to_le_bytes());
        }
        for field in [file_bytes, segment.memory_bytes, flags, PAGE_BYTES] {
            file.extend(field.to_le_bytes());
        }
        offset = (offset + file_bytes).next_multiple_of(PAGE_BYTES);
    }
    for (segment, at) in segments.iter().zip(offsets) {
        file.resize(at, 0);
        file.extend(&segment.bytes);
    }
    file
}
