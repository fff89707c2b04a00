//! Every two instructions in a row equal the specification: every opcode before every opcode, in every
//! aliasing between the two, with faults and taken branches in either, and cut between them. The fast
//! pass may execute two as one; nobody may see it.

#[path = "support/differential.rs"]
mod differential;
#[path = "support/encode.rs"]
mod encode;
#[path = "support/instances.rs"]
mod instances;
#[path = "support/sites.rs"]
mod sites;
#[path = "support/spec.rs"]
mod spec;

use differential::{DATA, Expected, TEXT};
use instances::{Fields, Random, width, word};
use sites::Sites;
use spec::Step;
use tracelane::isa::Opcode;

/// Words of a site: the two, a marker behind each branch that may skip one, and an end.
const SITE: usize = 4;
/// Register states each site is run with.
const STATES: usize = 6;

/// rd, rs1, rs2 of the first and of the second; x0 counts as a register like any other.
type Registers = [u32; 6];

/// What two instructions may share with each other and with x0.
const SHARED: [Registers; 28] = [
    // Nothing.
    [5, 6, 7, 8, 9, 10],
    // The second reads what the first writes: as rs1, rs2, both.
    [5, 6, 7, 8, 5, 10],
    [5, 6, 7, 8, 9, 5],
    [5, 6, 7, 8, 5, 5],
    // And writes it again.
    [5, 6, 7, 5, 9, 10],
    [5, 6, 7, 5, 5, 10],
    [5, 6, 7, 5, 9, 5],
    [5, 6, 7, 5, 5, 5],
    // The first changes a source of its own.
    [5, 5, 7, 8, 5, 10],
    [5, 6, 5, 8, 9, 5],
    [5, 5, 5, 5, 5, 5],
    [5, 5, 7, 5, 5, 7],
    // The second writes what the first reads.
    [5, 6, 7, 6, 9, 10],
    [5, 6, 7, 7, 5, 10],
    [5, 6, 7, 6, 5, 6],
    // They read the same.
    [5, 6, 7, 8, 6, 7],
    [5, 6, 7, 8, 7, 6],
    [5, 6, 6, 6, 6, 6],
    // x0: as destination, as source, and where a comparison is followed by a branch on it.
    [0, 6, 7, 8, 0, 10],
    [0, 6, 7, 8, 9, 0],
    [5, 6, 7, 0, 5, 10],
    [0, 6, 7, 0, 6, 7],
    [5, 6, 7, 8, 5, 0],
    [5, 6, 7, 8, 0, 5],
    [5, 0, 7, 5, 5, 0],
    [5, 6, 0, 8, 0, 5],
    [5, 0, 0, 5, 0, 0],
    [0, 0, 0, 0, 0, 0],
];

/// The immediate of the instruction at `index` of the table: targets in reach of a step or two, edges,
/// addresses that mean something.
fn immediate(opcode: Opcode, index: usize, random: &mut Random) -> i32 {
    use Opcode::*;
    match opcode {
        Lui => match random.below(4) {
            0 => TEXT as i32,
            1 => DATA as i32,
            _ => random.value() as i32,
        },
        Auipc => match random.below(4) {
            0 => (DATA - TEXT) as i32,
            1 => random.value() as i32,
            _ => 0,
        },
        Jal | Beq | Bne | Blt | Bge | Bltu | Bgeu => random.pick(&[8, 8, 12, 4, 0, -4, 6, 6, -2]),
        // Behind `auipc` an offset, behind `lui` and before x0 an address, of an instruction nearby.
        Jalr => match random.below(4) {
            0 | 1 => random.pick(&[8, 12, 9, 6]),
            2 => (4 * index as i32 + 4) & 0x7ff,
            _ => random.immediate(),
        },
        _ => random.immediate(),
    }
}

/// The registers a pair begins with: addresses in data, of instructions, and values.
fn state(index: usize, random: &mut Random) -> [u32; 32] {
    let here = TEXT + 4 * index as u32;
    let mut registers = [0; 32];
    for register in &mut registers[1..] {
        *register = match random.below(8) {
            0 => here + 4 * random.below(4) as u32,
            1..=4 => random.value_or_address(),
            _ => random.value(),
        };
    }
    // Equal ones, which chance would not give: all, or of two values.
    let values = [random.value_or_address(), random.value_or_address()];
    let mode = random.below(4);
    for register in &mut registers[5..11] {
        match mode {
            0 => *register = values[0],
            1 | 2 if random.below(4) > 0 => *register = random.pick(&values),
            _ => {}
        }
    }
    registers
}

/// How often the pairs of two opcodes ended in which way.
#[derive(Default)]
struct Tally {
    both_retired: usize,
    first_faulted: usize,
    second_faulted: usize,
    first_jumped: usize,
    second_jumped: usize,
}

impl Tally {
    fn count(&mut self, index: usize, expected: &Expected) {
        let pc = TEXT + 4 * index as u32;
        let jumped = |row: usize| {
            let row = expected.rows.get(row);
            row.is_some_and(|row| row.next_pc != row.pc.wrapping_add(4))
        };
        let faulted = matches!(expected.last, Some(Step::Trap(_)));
        let second = expected.rows.get(1).is_some_and(|row| row.pc == pc + 4);
        self.both_retired += usize::from(second);
        self.first_jumped += usize::from(jumped(0));
        self.second_jumped += usize::from(second && jumped(1));
        self.first_faulted += usize::from(faulted && expected.rows.is_empty());
        let at_second = expected.rows.len() == 1 && expected.rows[0].next_pc == pc + 4;
        self.second_faulted += usize::from(faulted && at_second);
    }
}

/// Runs one opcode before another at every site.
fn pairs(first: Opcode, second: Opcode, random: &mut Random) -> Tally {
    // A host call has its registers: let the other one write or read these.
    let calls = [first, second].contains(&Opcode::Ecall);
    let named = |register: u32| match register {
        5 if calls => 17,
        6 if calls => 10,
        7 if calls => 12,
        register => register,
    };
    let mut sharings = SHARED.to_vec();
    for _ in 0..12 {
        sharings.push(std::array::from_fn(|_| random.pick(&[0, 5, 6, 7])));
    }
    let mut words = Vec::new();
    for sharing in &sharings {
        let [rd1, a1, b1, rd2, a2, b2] = sharing.map(named);
        for (opcode, (rd, rs1, rs2)) in [(first, (rd1, a1, b1)), (second, (rd2, a2, b2))] {
            let mut imm = immediate(opcode, words.len(), random);
            if let (Some(width), true) = (width(opcode), random.below(4) > 0) {
                imm &= -(width as i32);
            }
            words.push(word(opcode, Fields { rd, rs1, rs2, imm }));
        }
        words.extend([encode::immediate(0, 11, 11, 1), encode::EBREAK]);
    }
    let mut sites = Sites::new(&words, &random.bytes(128));
    let mut tally = Tally::default();
    for index in (0..words.len()).step_by(SITE) {
        for _ in 0..STATES {
            let mut registers = state(index, random);
            if calls && random.below(4) > 0 {
                registers[10] = 1;
                registers[11] = DATA + random.below(64) as u32;
                registers[12] = random.pick(&[1, 2, 2, 0, 3, 64]);
                registers[17] = random.pick(&[64, 64, 64, 64, 93, 0]);
            }
            let expected = sites.check(index, &registers, 3, &[1, 2]);
            tally.count(index, &expected);
        }
    }
    tally
}

/// Whether control can go on behind the instruction, and whether it can go elsewhere, or fault.
/// A new instruction does not compile here until somebody has said so.
fn behaviour(opcode: Opcode) -> (bool, bool, bool) {
    use Opcode::*;
    match opcode {
        Lui | Auipc | Addi | Slti | Sltiu | Xori | Ori | Andi | Slli | Srli | Srai | Add | Sub
        | Sll | Slt | Sltu | Xor | Srl | Sra | Or | And | Mul | Mulh | Mulhsu | Mulhu | Div
        | Divu | Rem | Remu | Fence | FenceI => (true, false, false),
        Beq | Bne | Blt | Bge | Bltu | Bgeu => (true, true, true),
        Lb | Lh | Lw | Lbu | Lhu | Sb | Sh | Sw | Ecall => (true, false, true),
        Jal | Jalr => (false, true, true),
        Ebreak => (false, false, true),
    }
}

fn all_pairs_of(firsts: &[Opcode]) {
    for &first in firsts {
        let mut random = Random(first as u64 + 1);
        for &second in Opcode::ALL {
            let tally = pairs(first, second, &mut random);
            let name = format!("{} before {}", first.name(), second.name());
            let (goes_on, jumps, faults) = behaviour(first);
            let (second_goes_on, second_jumps, second_faults) = behaviour(second);
            assert!(!faults || tally.first_faulted > 0, "{name}: no fault");
            assert!(!jumps || tally.first_jumped > 0, "{name}: no jump");
            if goes_on {
                let retires = second_goes_on || second_jumps;
                assert!(!retires || tally.both_retired > 0, "{name}: not both");
                assert!(!second_jumps || tally.second_jumped > 0, "{name}: no jump");
                assert!(
                    !second_faults || tally.second_faulted > 0,
                    "{name}: no fault"
                );
            }
        }
    }
}

// In two halves, for two cores.
#[test]
fn pairs_of_the_first_half_of_the_table() {
    all_pairs_of(&Opcode::ALL[..Opcode::ALL.len() / 2]);
}

#[test]
fn pairs_of_the_second_half_of_the_table() {
    all_pairs_of(&Opcode::ALL[Opcode::ALL.len() / 2..]);
}
