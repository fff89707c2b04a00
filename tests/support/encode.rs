//! An assembler of single instructions and a writer of minimal ELF files, from the manual alone.
//!
//! In: mnemonics and operands; segments. Out: instruction words; the bytes of an ELF32 executable.
//! It shares nothing with the library's instruction table.

#![allow(dead_code, reason = "each test takes the part it needs")]

/// The ten instructions on two registers, the eight of M, and so on: name, funct7, funct3.
pub const REGISTER: [(&str, u32, u32); 18] = [
    ("add", 0, 0),
    ("sub", 32, 0),
    ("sll", 0, 1),
    ("slt", 0, 2),
    ("sltu", 0, 3),
    ("xor", 0, 4),
    ("srl", 0, 5),
    ("sra", 32, 5),
    ("or", 0, 6),
    ("and", 0, 7),
    ("mul", 1, 0),
    ("mulh", 1, 1),
    ("mulhsu", 1, 2),
    ("mulhu", 1, 3),
    ("div", 1, 4),
    ("divu", 1, 5),
    ("rem", 1, 6),
    ("remu", 1, 7),
];

/// Instructions with a 12-bit immediate: name, funct3.
pub const IMMEDIATE: [(&str, u32); 6] = [
    ("addi", 0),
    ("slti", 2),
    ("sltiu", 3),
    ("xori", 4),
    ("ori", 6),
    ("andi", 7),
];

/// Shifts by a constant: name, funct7, funct3.
pub const SHIFT: [(&str, u32, u32); 3] = [("slli", 0, 1), ("srli", 0, 5), ("srai", 32, 5)];

/// Loads: name, funct3, bytes.
pub const LOAD: [(&str, u32, u32); 5] = [
    ("lb", 0, 1),
    ("lh", 1, 2),
    ("lw", 2, 4),
    ("lbu", 4, 1),
    ("lhu", 5, 2),
];

/// Stores: name, funct3, bytes.
pub const STORE: [(&str, u32, u32); 3] = [("sb", 0, 1), ("sh", 1, 2), ("sw", 2, 4)];

/// Branches: name, funct3.
pub const BRANCH: [(&str, u32); 6] = [
    ("beq", 0),
    ("bne", 1),
    ("blt", 4),
    ("bge", 5),
    ("bltu", 6),
    ("bgeu", 7),
];

pub const ECALL: u32 = 0x0000_0073;
pub const EBREAK: u32 = 0x0010_0073;
pub const FENCE: u32 = 0x0ff0_000f;
pub const FENCE_I: u32 = 0x0000_100f;

pub fn register(funct7: u32, funct3: u32, rd: u32, rs1: u32, rs2: u32) -> u32 {
    funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x33
}

pub fn immediate(funct3: u32, rd: u32, rs1: u32, imm: i32) -> u32 {
    (imm as u32 & 0xfff) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x13
}

pub fn shift(funct7: u32, funct3: u32, rd: u32, rs1: u32, amount: u32) -> u32 {
    funct7 << 25 | (amount & 31) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x13
}

pub fn load(funct3: u32, rd: u32, rs1: u32, imm: i32) -> u32 {
    (imm as u32 & 0xfff) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x03
}

pub fn store(funct3: u32, rs1: u32, rs2: u32, imm: i32) -> u32 {
    let imm = imm as u32;
    (imm >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (imm & 31) << 7 | 0x23
}

pub fn branch(funct3: u32, rs1: u32, rs2: u32, offset: i32) -> u32 {
    let o = offset as u32;
    let high = (o >> 12 & 1) << 31 | (o >> 5 & 0x3f) << 25;
    let low = (o >> 1 & 0xf) << 8 | (o >> 11 & 1) << 7;
    high | rs2 << 20 | rs1 << 15 | funct3 << 12 | low | 0x63
}

pub fn lui(rd: u32, upper: u32) -> u32 {
    (upper & 0xffff_f000) | rd << 7 | 0x37
}

pub fn auipc(rd: u32, upper: u32) -> u32 {
    (upper & 0xffff_f000) | rd << 7 | 0x17
}

pub fn jal(rd: u32, offset: i32) -> u32 {
    let o = offset as u32;
    let imm = (o >> 20 & 1) << 31 | (o >> 1 & 0x3ff) << 21 | (o >> 11 & 1) << 20 | (o & 0xf_f000);
    imm | rd << 7 | 0x6f
}

pub fn jalr(rd: u32, rs1: u32, imm: i32) -> u32 {
    (imm as u32 & 0xfff) << 20 | rs1 << 15 | rd << 7 | 0x67
}

/// Two instructions that set `rd` to `value`.
pub fn li(rd: u32, value: u32) -> [u32; 2] {
    let low = (value << 20) as i32 >> 20;
    [
        lui(rd, value.wrapping_sub(low as u32)),
        immediate(0, rd, rd, low),
    ]
}

/// One loadable segment.
#[derive(Clone)]
pub struct Segment {
    pub address: u32,
    pub bytes: Vec<u8>,
    pub memory_bytes: u32,
    /// Bit 0 executable, bit 1 writable, bit 2 readable.
    pub flags: u32,
}

/// Text at an address.
pub fn text(address: u32, words: &[u32]) -> Segment {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    Segment {
        address,
        memory_bytes: bytes.len() as u32,
        bytes,
        flags: 5,
    }
}

/// Writable or read-only data at an address.
pub fn data(address: u32, bytes: &[u8], writable: bool) -> Segment {
    let memory_bytes = bytes.len() as u32;
    let flags = if writable { 6 } else { 4 };
    Segment {
        address,
        bytes: bytes.to_vec(),
        memory_bytes,
        flags,
    }
}

/// An ELF32 executable with these segments and symbols.
pub fn elf(entry: u32, segments: &[Segment], symbols: &[(&str, u32)]) -> Vec<u8> {
    const HEADER: usize = 52;
    const PROGRAM_HEADER: usize = 32;
    const SECTION_HEADER: usize = 40;
    let mut body: Vec<u8> = Vec::new();
    let body_start = HEADER + PROGRAM_HEADER * segments.len();
    let mut program_headers = Vec::new();
    for segment in segments {
        let offset = (body_start + body.len()) as u32;
        let file_bytes = segment.bytes.len() as u32;
        let fields = [
            1,
            offset,
            segment.address,
            segment.address,
            file_bytes,
            segment.memory_bytes,
            segment.flags,
            4,
        ];
        program_headers.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
        body.extend(&segment.bytes);
    }
    let mut names = vec![0u8];
    let mut table = vec![0u8; 16];
    for (name, address) in symbols {
        let fields = [names.len() as u32, *address, 4];
        table.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
        let code = segments.iter().any(|segment| {
            let offset = address.wrapping_sub(segment.address);
            segment.flags & 1 != 0 && offset < segment.memory_bytes
        });
        // Global function or object, in section 1.
        table.extend([if code { 0x12 } else { 0x11 }, 0, 1, 0]);
        names.extend(name.bytes());
        names.push(0);
    }
    let table_offset = (body_start + body.len()) as u32;
    body.extend(&table);
    let names_offset = (body_start + body.len()) as u32;
    body.extend(&names);
    let sections_offset = (body_start + body.len()) as u32;
    let section = |kind: u32, offset: u32, bytes: usize, link: u32, entry: u32| {
        [0, kind, 0, 0, offset, bytes as u32, link, 1, 4, entry]
    };
    let sections = [
        [0; 10],
        section(2, table_offset, table.len(), 2, 16),
        section(3, names_offset, names.len(), 0, 0),
    ];
    let mut file = vec![0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    file.extend([2, 0, 243, 0]);
    for field in [1, entry, HEADER as u32, sections_offset, 0] {
        file.extend(field.to_le_bytes());
    }
    let counts = [
        HEADER,
        PROGRAM_HEADER,
        segments.len(),
        SECTION_HEADER,
        sections.len(),
        2,
    ];
    file.extend(
        counts
            .iter()
            .flat_map(|count| (*count as u16).to_le_bytes()),
    );
    file.extend(program_headers);
    file.extend(body);
    file.extend(
        sections
            .iter()
            .flatten()
            .flat_map(|field| field.to_le_bytes()),
    );
    file
}
