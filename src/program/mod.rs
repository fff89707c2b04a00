//! Programs: an ELF file, decoded once, shared by every pass and every worker.
//!
//! In: the bytes of an ELF file. Out: [`Program`]: the op table, block lengths, the static columns
//! and the memory image. It does not know machine state.

use crate::isa::{self, Opcode, text};
use crate::limits::{PAGE_BYTES, PAGE_BYTES_LOG2};
use crate::trace::columns::Column;

pub mod elf;
pub mod op;
pub(crate) mod pair;
mod sections;
pub mod symbols;

pub use elf::{ElfError, Segment};
use op::{Kind, Op};
pub use symbols::{Symbol, Symbols};

/// A decoded program. Immutable, and cheap to share by reference between threads.
#[derive(Debug)]
pub struct Program {
    digest: [u8; 32],
    text_base: u32,
    entry: u32,
    /// The ops one by one, then the same ops in pairs.
    code: Vec<Op>,
    /// For each op, the number of ops from it to the end of its block, itself included.
    block_lengths: Vec<u32>,
    /// Of each instruction and of padding, which is last: the immediate above the other static values, which
    /// are a byte each; see [`Program::static_byte`].
    statics: Vec<u64>,
    segments: Vec<Segment>,
    symbols: Symbols,
    tohost: Option<u32>,
}

impl Program {
    /// Loads and decodes the ELF file in `bytes`.
    ///
    /// # Errors
    /// [`ElfError`] for everything that is no static RV32IM executable, and says what to do.
    pub fn from_elf(bytes: &[u8]) -> Result<Self, ElfError> {
        let image = elf::load(bytes)?;
        let (text_base, words) = text_words(&image.segments);
        let mut code = decode_ops(text_base, &words, &image.segments);
        let statics = static_values(&words);
        let block_lengths = block_lengths(&code);
        pair::append_pairs(&mut code);
        let tohost = image.symbols.address_of("tohost").filter(|address| {
            let inside = |segment: &Segment| {
                let end = u64::from(*address) + 4;
                segment.writable && segment.address <= *address && end <= segment.end()
            };
            address % 4 == 0 && image.segments.iter().any(inside)
        });
        Ok(Self {
            digest: *blake3::hash(bytes).as_bytes(),
            text_base,
            entry: image.entry,
            statics,
            block_lengths,
            code,
            segments: image.segments,
            symbols: image.symbols,
            tohost,
        })
    }

    /// BLAKE3 of the ELF file.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Lowest executable address; the address of the instruction with index 0.
    #[must_use]
    pub fn text_base(&self) -> u32 {
        self.text_base
    }

    /// Address of the first instruction of a run.
    #[must_use]
    pub fn entry(&self) -> u32 {
        self.entry
    }

    /// Number of instruction words between the lowest and the highest executable address.
    #[must_use]
    pub fn instruction_count(&self) -> usize {
        self.block_lengths.len()
    }

    /// The `pc_index` of padding rows: one past the last instruction, where the static columns hold
    /// a jump to itself.
    #[must_use]
    pub fn padding_index(&self) -> u32 {
        self.block_lengths.len() as u32
    }

    /// The address of the instruction at `index`.
    #[must_use]
    pub fn pc_of(&self, index: u32) -> u32 {
        op::pc_of(self.text_base, index)
    }

    /// The index of the instruction at the even address `pc`.
    #[must_use]
    pub fn index_of(&self, pc: u32) -> u32 {
        op::index_of(self.text_base, pc)
    }

    /// The decoded ops, by `pc_index`.
    #[must_use]
    pub fn ops(&self) -> &[Op] {
        &self.code[..self.block_lengths.len()]
    }

    /// The `rows` ops from `index` on, which lie in one block, and the one behind them, so that an op and the
    /// one behind it are read from one slice.
    ///
    /// # Panics
    /// If there are fewer ops.
    #[inline(always)]
    pub(crate) fn block(&self, index: u32, rows: usize, in_pairs: bool) -> &[Op] {
        let start = index as usize
            + if in_pairs {
                self.block_lengths.len()
            } else {
                0
            };
        &self.code[start..][..rows + 1]
    }

    /// For each op, how many ops there are to the end of its block, itself included.
    #[must_use]
    pub fn block_lengths(&self) -> &[u32] {
        &self.block_lengths
    }

    /// The instruction word at `pc`, or `None` outside text.
    #[must_use]
    pub fn word_at(&self, pc: u32) -> Option<u32> {
        if !pc.is_multiple_of(4) {
            return None;
        }
        let index = self.index_of(pc) as usize;
        let inside = self.ops().get(index)?.kind != Kind::Outside;
        inside.then(|| self.text_word(pc))
    }

    /// The word at the address of an instruction.
    fn text_word(&self, pc: u32) -> u32 {
        let inside = |segment: &&Segment| {
            segment.executable && segment.address <= pc && u64::from(pc) < segment.end()
        };
        let segment = self.segments.iter().find(inside);
        let segment = segment.expect("an instruction lies in a segment");
        let mut bytes = [0; 4];
        let file = segment.file.iter().skip((pc - segment.address) as usize);
        bytes
            .iter_mut()
            .zip(file)
            .for_each(|(byte, &of_file)| *byte = of_file);
        u32::from_le_bytes(bytes)
    }

    /// A static column's value where `pc_index` is `index`, that of padding included.
    ///
    /// # Panics
    /// If `column` is a raw column, or the index is none.
    #[must_use]
    pub fn static_value(&self, column: Column, index: u32) -> u32 {
        match column {
            Column::Pc => self.pc_of(index),
            Column::Imm => (self.statics[index as usize] >> u32::BITS) as u32,
            _ => {
                let byte = Self::static_byte(column).expect("a static column");
                self.statics[index as usize].to_le_bytes()[byte].into()
            }
        }
    }

    /// Static values by `pc_index`: one look-up gives all of them.
    pub(crate) fn statics(&self) -> &[u64] {
        &self.statics
    }

    /// Which byte of its entry in [`Program::statics`] a static column is, if it is one.
    pub(crate) const fn static_byte(column: Column) -> Option<usize> {
        match column {
            Column::Rd => Some(0),
            Column::Rs1 => Some(1),
            Column::Rs2 => Some(2),
            Column::Opcode => Some(3),
            _ => None,
        }
    }

    /// The loadable segments.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The symbols, as far as the file has any.
    #[must_use]
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// Address of the word to which a store ends the run, where the program has one.
    #[must_use]
    pub fn tohost(&self) -> Option<u32> {
        self.tohost
    }

    /// `symbol+offset` for an address in or after a known function.
    #[must_use]
    pub fn locate(&self, pc: u32) -> Option<String> {
        let symbol = self.symbols.containing(pc)?;
        Some(format!("{}+{:#x}", symbol.name, pc - symbol.address))
    }

    /// The instruction at `pc` as text.
    #[must_use]
    pub fn disassemble(&self, pc: u32) -> String {
        match self.word_at(pc) {
            Some(word) => text::disassemble(pc, word),
            None => "no instruction".to_owned(),
        }
    }

    /// Whether any byte of the file lies on page `page_index`.
    #[must_use]
    pub(crate) fn sets_page(&self, page_index: u32) -> bool {
        self.pieces(page_index).next().is_some()
    }

    /// Copies what the file puts into page `page_index` over `page`. Bytes the file does not set are left
    /// alone.
    pub fn copy_page(&self, page_index: u32, page: &mut [u8; PAGE_BYTES]) {
        for (offset, bytes) in self.pieces(page_index) {
            page[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
    }

    /// What the file puts into page `page_index`: bytes, and how far behind its start they lie.
    fn pieces(&self, page_index: u32) -> impl Iterator<Item = (usize, &[u8])> {
        let base = u64::from(page_index) << PAGE_BYTES_LOG2;
        self.segments.iter().filter_map(move |segment| {
            let start = u64::from(segment.address);
            let low = start.max(base);
            let high = (start + segment.file.len() as u64).min(base + PAGE_BYTES as u64);
            let range = (low < high).then(|| (low - start) as usize..(high - start) as usize)?;
            Some(((low - base) as usize, &segment.file[range]))
        })
    }
}

/// The words from the lowest to the highest executable address; gaps are zero.
fn text_words(segments: &[Segment]) -> (u32, Vec<u32>) {
    let text = || segments.iter().filter(|segment| segment.executable);
    let base = text().map(|segment| segment.address).min().unwrap_or(0);
    let end = text().map(Segment::end).max().unwrap_or(0);
    let mut words = vec![0; ((end - u64::from(base)) / 4) as usize];
    for segment in text() {
        let first = ((segment.address - base) / 4) as usize;
        // A whole word only: bytes behind the last one are data that can't be executed.
        for (word, bytes) in words[first..].iter_mut().zip(segment.file.chunks(4)) {
            let mut full = [0; 4];
            full[..bytes.len()].copy_from_slice(bytes);
            *word = u32::from_le_bytes(full);
        }
    }
    (base, words)
}

fn decode_ops(text_base: u32, words: &[u32], segments: &[Segment]) -> Vec<Op> {
    let blank = Op {
        kind: Kind::Outside,
        rd: 0,
        rs1: 0,
        rs2: 0,
        imm: 0,
    };
    // Room for the pairs behind them.
    let mut ops = Vec::with_capacity(2 * words.len());
    ops.resize(words.len(), blank);
    for segment in segments.iter().filter(|segment| segment.executable) {
        let first = ((segment.address - text_base) / 4) as usize;
        let count = (segment.memory_bytes / 4) as usize;
        for index in first..first + count {
            let pc = op::pc_of(text_base, index as u32);
            ops[index] = match isa::decode(words[index]) {
                Some(instruction) => op::lower(text_base, pc, instruction),
                None => Op {
                    kind: Kind::Illegal,
                    imm: words[index],
                    ..blank
                },
            };
        }
    }
    ops
}

fn block_lengths(ops: &[Op]) -> Vec<u32> {
    let mut lengths = vec![0; ops.len()];
    let mut length = 0;
    for (index, op) in ops.iter().enumerate().rev() {
        length = if op.ends_block() { 1 } else { length + 1 };
        lengths[index] = length;
    }
    lengths
}

const _: () = assert!(Opcode::ALL.len() <= u8::MAX as usize);

/// Immediates and fields of the instructions, those of the padding row last.
fn static_values(words: &[u32]) -> Vec<u64> {
    let jump_to_itself = 0x0000_006f;
    let value = |word| {
        isa::decode(word).map_or(0, |one| {
            let bytes = [one.rd, one.rs1, one.rs2, one.opcode as u8];
            u64::from(one.imm) << u32::BITS | u64::from(u32::from_le_bytes(bytes))
        })
    };
    let words = words.iter().copied().chain([jump_to_itself]);
    words.map(value).collect()
}
