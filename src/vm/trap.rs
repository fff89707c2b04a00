//! Traps: why a guest can't go on, as values with their place.
//!
//! In: facts at the faulting instruction. Out: [`Trap`], and with the program's help [`Fault`], the
//! message a person reads. No pass prints; no guest can cause a panic.

use crate::program::Program;

/// Why a run stopped before its guest ended it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrapKind {
    /// A word that is no RV32IM instruction was executed.
    #[error("illegal instruction {word:#010x}{}", needs(*word))]
    IllegalInstruction {
        /// The word.
        word: u32,
    },
    /// `ebreak` was executed.
    #[error("breakpoint: the guest gave up (ebreak)")]
    Breakpoint,
    /// A load's address is no multiple of its width.
    #[error("misaligned load of {width} bytes")]
    MisalignedLoad {
        /// Bytes loaded.
        width: u32,
    },
    /// A store's address is no multiple of its width.
    #[error("misaligned store of {width} bytes")]
    MisalignedStore {
        /// Bytes stored.
        width: u32,
    },
    /// A jump or taken branch to an address that is no multiple of 4.
    #[error("jump to a misaligned address")]
    MisalignedFetch,
    /// The next instruction's address is in no executable segment.
    #[error("jump out of text")]
    FetchOutsideText {
        /// Register ra: what a call has left there lies right behind the call. Where the jump itself stood
        /// is no part of a machine's state, and would be lost where it resumes.
        return_address: u32,
    },
    /// An access to the null page.
    #[error("access to the null page")]
    NullAddress,
    /// Text that was to be written does not end before the address space does.
    #[error("write of {bytes} bytes, which go beyond the address space")]
    TextRange {
        /// Bytes that were to be written.
        bytes: u32,
    },
    /// A store to an executable segment.
    #[error("store to text")]
    StoreToText,
    /// A store to a segment that is not writable.
    #[error("store to read-only data")]
    StoreToReadOnly,
    /// A store to the input region.
    #[error("store to the input region")]
    StoreToInput,
    /// A store would back more memory than allowed.
    #[error("memory limit of {limit_bytes} bytes reached; raise it with --max-memory")]
    MemoryLimit {
        /// The limit.
        limit_bytes: u64,
    },
    /// The guest did not end within the allowed cycles.
    #[error("cycle limit of {limit} reached; raise it with --max-cycles")]
    CycleLimit {
        /// The limit.
        limit: u64,
    },
    /// An `ecall` with an unknown number.
    #[error("unknown host call {number} (known: 0 and 93 exit, 64 write)")]
    UnknownHostCall {
        /// Register a7.
        number: u32,
    },
    /// A write to a file descriptor that is not 1 or 2.
    #[error("write to file descriptor {descriptor}, expected 1 or 2")]
    BadFileDescriptor {
        /// Register a0.
        descriptor: u32,
    },
    /// The guest wrote more text than allowed.
    #[error("text limit of {limit_bytes} bytes reached; raise it with --max-text")]
    TextLimit {
        /// The limit.
        limit_bytes: u64,
    },
    /// At its end the guest claimed more output than the output region holds.
    #[error("output of {actual} bytes published, at most {max} fit")]
    OutputTooLong {
        /// The length word.
        actual: u32,
        /// Largest length.
        max: u32,
    },
    /// The host has no memory for the output.
    #[error("no memory for the output of {bytes} bytes")]
    OutputMemory {
        /// Bytes the guest published.
        bytes: u32,
    },
}

fn needs(word: u32) -> String {
    match (word, crate::isa::missing_extension(word)) {
        (0, _) => " (zeros: no code was put there)".to_owned(),
        (_, Some(extension)) => format!(" (extension {extension}; compile for rv32im only)"),
        (_, None) => String::new(),
    }
}

/// A [`TrapKind`] and where it happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{kind} at pc {pc:#010x}{}, cycle {cycle}", wanted(*address))]
pub struct Trap {
    /// What happened.
    pub kind: TrapKind,
    /// Address of the instruction; for a jump out of text, the address it led to.
    pub pc: u32,
    /// Number of instructions retired until then. The one at `pc` is among them only where what the
    /// run came to is refused, and not the instruction that ended it.
    pub cycle: u64,
    /// The address it wanted, where it wanted one.
    pub address: Option<u32>,
}

fn wanted(address: Option<u32>) -> String {
    address.map_or_else(String::new, |address| format!(", address {address:#010x}"))
}

impl Trap {
    /// This trap with everything the program knows about its place.
    #[must_use]
    pub fn explain(self, program: &Program) -> Fault {
        let place = match self.kind {
            TrapKind::FetchOutsideText { return_address } => return_address,
            _ => self.pc,
        };
        Fault {
            trap: self,
            instruction: program.disassemble(self.pc),
            // Outside text the nearest symbol is no help.
            symbol: program.word_at(place).and_then(|_| program.locate(place)),
        }
    }
}

/// A [`Trap`] explained: with the instruction's text and the nearest symbol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The trap.
    pub trap: Trap,
    /// The instruction, disassembled.
    pub instruction: String,
    /// Nearest symbol and offset, where there is an instruction and the ELF names any; for a jump out of
    /// text, those of the return address. As the file has it; what is displayed is escaped.
    pub symbol: Option<String>,
}

impl std::error::Error for Fault {}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Trap {
            kind,
            pc,
            cycle,
            address,
        } = self.trap;
        // Names come from the guest: no control character of theirs reaches a terminal.
        let symbol = self.symbol.as_ref();
        let symbol = symbol.map_or_else(String::new, |name| format!(" <{}>", name.escape_debug()));
        write!(f, "{kind}: pc {pc:#010x}")?;
        if let TrapKind::FetchOutsideText { return_address } = kind {
            return write!(
                f,
                " is in no executable segment, return address {return_address:#010x}{symbol}, cycle {cycle}"
            );
        }
        write!(
            f,
            "{symbol} `{}`{}, cycle {cycle}",
            self.instruction,
            wanted(address)
        )
    }
}
