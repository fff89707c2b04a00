//! The machine a second time: slow, naive, close to the words of the manual.
//!
//! In: text, other memory, a text limit. Out: for each step a [`Row`] or the trap. Memory is a map
//! of bytes, arithmetic is done in 64 bits, and every field is cut out of the instruction word
//! where it is needed. Source: The RISC-V Instruction Set Manual, volume I, RV32I 2.1 and M 2.0; for
//! host calls and protected memory the project's ARCHITECTURE.md.

#![allow(dead_code, reason = "each test takes the part it needs")]

use std::collections::BTreeMap;
use std::ops::Range;

/// What a cycle's row says, under the names of the raw columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Row {
    pub pc: u32,
    pub rs1_value: u32,
    pub rs2_value: u32,
    pub rd_before: u32,
    pub rd_after: u32,
    pub memory_address: u32,
    pub memory_before: u32,
    pub memory_after: u32,
    pub next_pc: u32,
}

/// Why there is no row: the name of the trap, and the address concerned.
pub type Refusal = (&'static str, Option<u32>);

/// What a step does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The run goes on.
    Next(Row),
    /// The guest ended, with this row and this code.
    Exit(Row, u32),
    /// No row.
    Trap(Refusal),
}

/// The whole state.
#[derive(Clone)]
pub struct Spec {
    pub registers: [u32; 32],
    pub pc: u32,
    pub memory: BTreeMap<u32, u8>,
    /// Executable addresses.
    pub text: Range<u64>,
    /// Addresses that may be read only.
    pub read_only: Vec<Range<u64>>,
    pub tohost: Option<u32>,
    pub text_output: Vec<u8>,
    /// Bytes of text that may be written.
    pub text_bytes_max: u64,
}

const INPUT: Range<u32> = 0x4000_0000..0x6000_0000;

fn bits(word: u32, range: Range<u32>) -> u32 {
    (word >> range.start) & ((1 << (range.end - range.start)) - 1)
}

/// The low `count` bits of `value` as a signed number.
fn signed(value: u32, count: u32) -> u32 {
    let sign = 1u32 << (count - 1);
    (value ^ sign).wrapping_sub(sign)
}

fn as_signed(value: u32) -> i64 {
    i64::from(value as i32)
}

fn inside(ranges: &[Range<u64>], address: u32) -> bool {
    ranges
        .iter()
        .any(|range| range.contains(&u64::from(address)))
}

impl Spec {
    /// A machine with `words` at `base`, about to execute the first.
    pub fn new(base: u32, words: &[u32]) -> Self {
        let mut spec = Self {
            registers: [0; 32],
            pc: base,
            memory: BTreeMap::new(),
            text: u64::from(base)..u64::from(base) + 4 * words.len() as u64,
            read_only: Vec::new(),
            tohost: None,
            text_output: Vec::new(),
            text_bytes_max: 1 << 24,
        };
        for (index, word) in words.iter().enumerate() {
            spec.put(base + 4 * index as u32, 4, *word);
        }
        spec
    }

    pub fn get(&self, address: u32, width: u32) -> u32 {
        (0..width).fold(0, |value, offset| {
            let byte = self
                .memory
                .get(&address.wrapping_add(offset))
                .copied()
                .unwrap_or(0);
            value | u32::from(byte) << (8 * offset)
        })
    }

    pub fn put(&mut self, address: u32, width: u32, value: u32) {
        for offset in 0..width {
            self.memory
                .insert(address.wrapping_add(offset), (value >> (8 * offset)) as u8);
        }
    }

    /// Executes one instruction.
    pub fn step(&mut self) -> Step {
        match self.execute() {
            Ok((row, exit)) => {
                self.pc = row.next_pc;
                match exit {
                    Some(code) => Step::Exit(row, code),
                    None => Step::Next(row),
                }
            }
            Err(refusal) => Step::Trap(refusal),
        }
    }

    fn execute(&mut self) -> Result<(Row, Option<u32>), Refusal> {
        let pc = self.pc;
        if !self.text.contains(&pc.into()) {
            return Err(("FetchOutsideText", Some(pc)));
        }
        let word = self.get(pc, 4);
        let mut row = Row {
            pc,
            next_pc: pc.wrapping_add(4),
            ..Row::default()
        };
        let (opcode, funct3, funct7) = (bits(word, 0..7), bits(word, 12..15), bits(word, 25..32));
        let rd = bits(word, 7..12);
        let x = |number: u32| self.registers[number as usize];
        let (a, b) = (x(bits(word, 15..20)), x(bits(word, 20..25)));
        let illegal = Err(("IllegalInstruction", None));
        let immediate = signed(bits(word, 20..32), 12);
        match opcode {
            0x37 => self.write(rd, word & 0xffff_f000, &mut row),
            0x17 => self.write(rd, pc.wrapping_add(word & 0xffff_f000), &mut row),
            0x6f => {
                let offset = bits(word, 31..32) << 20
                    | bits(word, 12..20) << 12
                    | bits(word, 20..21) << 11
                    | bits(word, 21..31) << 1;
                self.jump(pc.wrapping_add(signed(offset, 21)), rd, &mut row)?;
            }
            0x67 if funct3 == 0 => {
                row.rs1_value = a;
                self.jump(a.wrapping_add(immediate) & !1, rd, &mut row)?;
            }
            0x63 => {
                let taken = match funct3 {
                    0 => a == b,
                    1 => a != b,
                    4 => as_signed(a) < as_signed(b),
                    5 => as_signed(a) >= as_signed(b),
                    6 => a < b,
                    7 => a >= b,
                    _ => return illegal,
                };
                (row.rs1_value, row.rs2_value) = (a, b);
                if taken {
                    let offset = bits(word, 31..32) << 12
                        | bits(word, 7..8) << 11
                        | bits(word, 25..31) << 5
                        | bits(word, 8..12) << 1;
                    row.next_pc = pc.wrapping_add(signed(offset, 13));
                    if !row.next_pc.is_multiple_of(4) {
                        return Err(("MisalignedFetch", Some(row.next_pc)));
                    }
                }
            }
            0x03 => {
                let width = match funct3 {
                    0 | 4 => 1,
                    1 | 5 => 2,
                    2 => 4,
                    _ => return illegal,
                };
                let address = a.wrapping_add(immediate);
                if !address.is_multiple_of(width) {
                    return Err(("MisalignedLoad", Some(address)));
                }
                if address < 4096 {
                    return Err(("NullAddress", Some(address)));
                }
                let value = self.get(address, width);
                let value = if funct3 < 4 {
                    signed_load(value, width)
                } else {
                    value
                };
                row.rs1_value = a;
                row.memory_address = address;
                row.memory_before = self.get(address & !3, 4);
                row.memory_after = row.memory_before;
                self.write(rd, value, &mut row);
            }
            0x23 => {
                let width = match funct3 {
                    0 => 1,
                    1 => 2,
                    2 => 4,
                    _ => return illegal,
                };
                let offset = signed(bits(word, 25..32) << 5 | bits(word, 7..12), 12);
                let address = a.wrapping_add(offset);
                self.check_store(address, width)?;
                (row.rs1_value, row.rs2_value) = (a, b);
                row.memory_address = address;
                row.memory_before = self.get(address & !3, 4);
                self.put(address, width, b);
                row.memory_after = self.get(address & !3, 4);
                if width == 4 && self.tohost == Some(address) && b % 2 == 1 {
                    return Ok((row, Some(b / 2)));
                }
            }
            0x13 => {
                let amount = immediate % 32;
                let value = match (funct3, funct7) {
                    (0, _) => a.wrapping_add(immediate),
                    (1, 0) => sll(a, amount),
                    (2, _) => u32::from(as_signed(a) < as_signed(immediate)),
                    (3, _) => u32::from(a < immediate),
                    (4, _) => a ^ immediate,
                    (5, 0) => a >> amount,
                    (5, 32) => sra(a, amount),
                    (6, _) => a | immediate,
                    (7, _) => a & immediate,
                    _ => return illegal,
                };
                row.rs1_value = a;
                self.write(rd, value, &mut row);
            }
            0x33 => {
                let Some(value) = arithmetic(funct7, funct3, a, b) else {
                    return illegal;
                };
                (row.rs1_value, row.rs2_value) = (a, b);
                self.write(rd, value, &mut row);
            }
            // A fence has nothing to order, fence.i nothing to forget: text is never stored to.
            0x0f if funct3 <= 1 => {}
            0x73 if word == 0x0000_0073 => return self.host_call(row),
            0x73 if word == 0x0010_0073 => return Err(("Breakpoint", None)),
            _ => return illegal,
        }
        Ok((row, None))
    }

    fn write(&mut self, rd: u32, value: u32, row: &mut Row) {
        if rd != 0 {
            row.rd_before = self.registers[rd as usize];
            row.rd_after = value;
            self.registers[rd as usize] = value;
        }
    }

    fn jump(&mut self, target: u32, rd: u32, row: &mut Row) -> Result<(), Refusal> {
        if !target.is_multiple_of(4) {
            return Err(("MisalignedFetch", Some(target)));
        }
        self.write(rd, row.pc.wrapping_add(4), row);
        row.next_pc = target;
        Ok(())
    }

    fn check_store(&self, address: u32, width: u32) -> Result<(), Refusal> {
        let refuse = |name| Err((name, Some(address)));
        if !address.is_multiple_of(width) {
            refuse("MisalignedStore")
        } else if address < 4096 {
            refuse("NullAddress")
        } else if self.text.contains(&address.into()) {
            refuse("StoreToText")
        } else if inside(&self.read_only, address) {
            refuse("StoreToReadOnly")
        } else if INPUT.contains(&address) {
            refuse("StoreToInput")
        } else {
            Ok(())
        }
    }

    fn host_call(&mut self, mut row: Row) -> Result<(Row, Option<u32>), Refusal> {
        let [a0, a1, a2, a7] = [10, 11, 12, 17].map(|number: usize| self.registers[number]);
        (row.rs1_value, row.rs2_value) = (a7, a2);
        (row.rd_before, row.rd_after) = (a0, a0);
        match a7 {
            0 | 93 => return Ok((row, Some(a0))),
            64 if a0 != 1 && a0 != 2 => return Err(("BadFileDescriptor", None)),
            64 => {
                let end = u64::from(a1) + u64::from(a2);
                if a2 > 0 && a1 < 4096 {
                    return Err(("NullAddress", Some(a1)));
                }
                if end > 1 << 32 {
                    return Err(("TextRange", Some(a1)));
                }
                if self.text_output.len() as u64 + u64::from(a2) > self.text_bytes_max {
                    return Err(("TextLimit", None));
                }
                for address in u64::from(a1)..end {
                    self.text_output.push(self.get(address as u32, 1) as u8);
                }
                row.rd_after = a2;
                self.registers[10] = a2;
            }
            _ => return Err(("UnknownHostCall", None)),
        }
        Ok((row, None))
    }
}

fn signed_load(value: u32, width: u32) -> u32 {
    if width == 4 {
        value
    } else {
        signed(value, 8 * width)
    }
}

fn sll(a: u32, amount: u32) -> u32 {
    (u64::from(a) << amount) as u32
}

fn sra(a: u32, amount: u32) -> u32 {
    (as_signed(a) >> amount) as u32
}

fn arithmetic(funct7: u32, funct3: u32, a: u32, b: u32) -> Option<u32> {
    let (unsigned_a, unsigned_b) = (u64::from(a), u64::from(b));
    let value = match (funct7, funct3) {
        (0, 0) => (unsigned_a + unsigned_b) as u32,
        (32, 0) => (as_signed(a) - as_signed(b)) as u32,
        (0, 1) => sll(a, b % 32),
        (0, 2) => u32::from(as_signed(a) < as_signed(b)),
        (0, 3) => u32::from(a < b),
        (0, 4) => a ^ b,
        (0, 5) => a >> (b % 32),
        (32, 5) => sra(a, b % 32),
        (0, 6) => a | b,
        (0, 7) => a & b,
        (1, 0) => (unsigned_a * unsigned_b) as u32,
        (1, 1) => ((as_signed(a) * as_signed(b)) >> 32) as u32,
        (1, 2) => ((i128::from(as_signed(a)) * i128::from(b)) >> 32) as u32,
        (1, 3) => ((unsigned_a * unsigned_b) >> 32) as u32,
        (1, 4) if b == 0 => u32::MAX,
        (1, 4) => (as_signed(a) / as_signed(b)) as u32,
        (1, 5) if b == 0 => u32::MAX,
        (1, 5) => a / b,
        (1, 6) if b == 0 => a,
        (1, 6) => (as_signed(a) % as_signed(b)) as u32,
        (1, 7) if b == 0 => a,
        (1, 7) => a % b,
        _ => return None,
    };
    Some(value)
}
