//! Every constant that bounds the engine, with the relations between them checked at compile time.
//!
//! In: nothing. Out: sizes (bytes, rows, addresses). No other file writes these numbers again.

#[cfg(not(all(target_endian = "little", target_pointer_width = "64")))]
compile_error!("tracelane needs a little-endian 64-bit target: records are used as they lie");

/// Bytes of a guest page: the unit of dirty tracking, of checkpoints and of the memory limit.
pub const PAGE_BYTES: usize = 4096;

/// log2 of [`PAGE_BYTES`].
pub const PAGE_BYTES_LOG2: u32 = PAGE_BYTES.trailing_zeros();

/// Pages of the whole 32-bit address space.
pub const PAGE_COUNT: usize = 1 << (32 - PAGE_BYTES_LOG2);

/// First address that is not in the null page: below it every access is an error.
pub const NULL_END: u32 = PAGE_BYTES as u32;

/// Start of the read-only input region: a u32 length, then the bytes from [`REGION_HEADER_BYTES`].
pub const INPUT_BASE: u32 = 0x4000_0000;

/// Start of the output region, of the same form as the input region.
pub const OUTPUT_BASE: u32 = 0x6000_0000;

/// Bytes of each of the two regions.
pub const REGION_BYTES: u32 = OUTPUT_BASE - INPUT_BASE;

/// Bytes before a region's data: the u32 length and 12 unused ones.
pub const REGION_HEADER_BYTES: u32 = 16;

/// Longest input or output in bytes.
pub const REGION_DATA_BYTES_MAX: u32 = REGION_BYTES - REGION_HEADER_BYTES;

/// Program headers an ELF may have; the figure SP1 and RISC Zero use too.
pub const PROGRAM_HEADER_COUNT_MAX: usize = 256;

/// Bytes that text may span, from its lowest to its highest address.
/// 2^22 instructions: four times the largest guest we know of. Each takes 28 bytes of tables.
pub const TEXT_BYTES_MAX: u32 = 1 << 24;

/// Bytes that text may span beyond those that the file has: gaps, zeros. Tables then follow the file's
/// size: one of 4 MiB loads in 64 MiB, whatever it says.
pub const TEXT_BYTES_EMPTY_MAX: u64 = 1 << 20;

/// Bytes of the largest ELF file that is looked at.
pub const ELF_BYTES_MAX: usize = 1 << 28;

/// Entries of a symbol table that are looked at.
pub const SYMBOLS_READ_MAX: usize = 1 << 20;

/// Symbols that are kept.
pub const SYMBOLS_KEPT_MAX: usize = 1 << 16;

/// Longest part of a symbol's name that is kept. Names that Rust mangles are long.
pub const SYMBOL_NAME_BYTES_MAX: usize = 1 << 10;

/// Bytes of all names together that are looked at: a table may point everywhere into one long string.
pub const SYMBOL_NAMES_BYTES_MAX: usize = 1 << 24;

/// Rows of a chunk unless the caller says otherwise: nine raw columns of 2^11 u32 are 72 KiB, and
/// 32 columns with the static and derived ones are 256 KiB, half of a 512 KiB L2.
pub const CHUNK_ROWS: usize = 1 << 11;

/// Largest number of rows a chunk may have.
pub const CHUNK_ROWS_MAX: usize = 1 << 24;

/// Cycles between two checkpoints unless the caller says otherwise.
pub const INTERVAL_CYCLES: u64 = 1 << 16;

/// Cycles between two checkpoints where a byte budget chooses: below, their digests would cost more
/// than the run.
pub const INTERVAL_CYCLES_MIN: u64 = 1 << 12;

/// Cycles after which a run is stopped unless the caller says otherwise.
pub const CYCLES_MAX: u64 = 1 << 32;

/// Most cycles of any run, and most bytes of its text: sums with one more interval or text stay below
/// 2^64.
pub const RUN_CYCLES_MAX: u64 = 1 << 63;

/// Guest memory after which a run is stopped unless the caller says otherwise.
pub const MEMORY_BYTES_MAX: u64 = 1 << 30;

/// Text a guest may write unless the caller says otherwise.
pub const TEXT_OUTPUT_BYTES_MAX: u64 = 1 << 24;

/// Most variables a padded trace may have: 2^40 rows are a month of proving.
pub const VARIABLE_COUNT_MAX: usize = 40;

const _: () = assert!(PAGE_COUNT * PAGE_BYTES == 1 << 32);
const _: () = assert!(
    INPUT_BASE.is_multiple_of(PAGE_BYTES as u32) && OUTPUT_BASE.is_multiple_of(PAGE_BYTES as u32)
);
const _: () = assert!(OUTPUT_BASE as u64 + REGION_BYTES as u64 <= 0x8000_0000);
const _: () = assert!(CHUNK_ROWS <= CHUNK_ROWS_MAX && CHUNK_ROWS.is_power_of_two());
const _: () = assert!(CYCLES_MAX <= RUN_CYCLES_MAX);
const _: () = assert!(INTERVAL_CYCLES.is_multiple_of(CHUNK_ROWS as u64));
const _: () = assert!(INTERVAL_CYCLES.is_multiple_of(INTERVAL_CYCLES_MIN));
