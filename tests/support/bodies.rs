//! What fuzz targets and their short runs in `cargo test` do with hostile bytes. None may panic.

#![allow(dead_code, reason = "each target takes the body it is named after")]

use std::io::Write;

use ark_bn254::Fr;
use tracelane::Program;
use tracelane::checkpoint::{CheckpointFile, CheckpointSource};
use tracelane::isa::{Opcode, decode, text};
use tracelane::replay::changes::for_each_checkpoint;
use tracelane::replay::{FastPass, ReplayOptions, Replayer, Run, fast_pass};
use tracelane::sumcheck::{Proof, verify};
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane::vm::{DiscardText, Limits, MemoryKind};

use crate::differential::{Case, DATA, TEXT, compare};
use crate::sites::Sites;
use crate::spec::{Spec, Step};
use crate::{flipping, forge};

/// Loads an ELF file and, where that works, runs it a little on both memories.
pub fn load_elf(bytes: &[u8]) {
    let Ok(program) = Program::from_elf(bytes) else {
        return;
    };
    let limits = Limits {
        cycles_max: 2000,
        memory_bytes_max: 1 << 22,
        ..Limits::default()
    };
    let outcomes = [MemoryKind::Reserved, MemoryKind::Paged].map(|memory| {
        let pass = FastPass {
            limits,
            memory,
            ..FastPass::default()
        };
        let outcome = fast_pass(&program, b"1000 7", &pass, None, &mut DiscardText);
        outcome.map_err(|error| error.to_string())
    });
    assert_eq!(outcomes[0], outcomes[1], "the same on both memories");
}

/// Runs words as text, against the specification: registers, memory, rows, traps.
pub fn run_words(bytes: &[u8]) {
    let chunks = bytes.chunks_exact(4);
    let words: Vec<u32> = chunks
        .take(256)
        .map(|chunk| u32::from_le_bytes(chunk.try_into().expect("four bytes")))
        .collect();
    if !words.is_empty() {
        compare(&Case {
            words: &words,
            data: bytes.get(..64).unwrap_or(bytes),
            budget: 512,
        });
    }
}

/// Decodes four bytes as an instruction: legal as the specification says, of one opcode, and as text.
pub fn decode_word(bytes: &[u8]) {
    let Some(bytes) = bytes.first_chunk() else {
        return;
    };
    let word = u32::from_le_bytes(*bytes);
    let mut spec = Spec::new(TEXT, &[word]);
    // Registers that make no word fault for another reason: addresses, and a host call that is known.
    spec.registers = [DATA; 32];
    (spec.registers[0], spec.registers[17]) = (0, 93);
    let illegal = matches!(spec.step(), Step::Trap(("IllegalInstruction", _)));
    let decoded = decode(word);
    assert_eq!(decoded.is_none(), illegal, "{word:#010x}");
    let fits = |opcode: &&Opcode| {
        let (pattern, mask) = opcode.encoding();
        word & mask == pattern
    };
    let fitting = Opcode::ALL.iter().filter(fits);
    let expected = decoded.iter().map(|instruction| &instruction.opcode);
    assert!(
        fitting.eq(expected),
        "{word:#010x} is one instruction at the most"
    );
    let text = text::disassemble(TEXT, word);
    if let Some(instruction) = decoded {
        let fields = [instruction.rd, instruction.rs1, instruction.rs2];
        assert!(fields.iter().all(|&register| register < 32), "{word:#010x}");
        assert!(
            text.starts_with(instruction.opcode.name()),
            "{word:#010x}: {text}"
        );
    }
}

/// One step of any word in any state: 31 registers, then a word and the one behind it, then memory.
pub fn step_word(bytes: &[u8]) {
    let (words, data) = bytes.split_at(bytes.len().min(33 * 4) / 4 * 4);
    let mut numbers = words
        .chunks_exact(4)
        .map(|chunk| u32::from_le_bytes(chunk.try_into().expect("four bytes")));
    // Numbers below 256 are addresses around data, which chance does not find.
    let near = |value: u32| match value {
        0x20..0x100 => DATA + value - 0x20,
        value => value,
    };
    let mut registers = [0; 32];
    for register in &mut registers[1..] {
        *register = near(numbers.next().unwrap_or(0));
    }
    let text = [numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)];
    let mut sites = Sites::new(&text, &data[..data.len().min(256)]);
    // Once on either memory.
    for budget in [1, 2] {
        sites.check(0, &registers, budget, &[1]);
        sites.check(0, &registers, budget, &[1]);
    }
}

/// Decodes a proof; what is decoded has one encoding, and the verifier gives a verdict on it.
pub fn decode_proof(bytes: &[u8]) {
    if let Ok(proof) = Proof::<Fr>::from_bytes(bytes) {
        assert_eq!(proof.to_bytes(), bytes, "one encoding");
        let batch = proof.batch.decode().expect("walked before");
        let _verdict = verify(&proof, &proof.instance, &batch, Column::NAMES).map(|_| ());
    }
}

/// Opens a checkpoint file, as it is and with all digests made to fit, and replays all of it where it says
/// that it is of the guest [`flipping`]: what is accepted then is what that run comes to.
pub fn open_checkpoint(bytes: &[u8]) {
    open_as_it_is(bytes);
    let mut forged = bytes.to_vec();
    forge::rechain(&mut forged, 0..0);
    open_as_it_is(&forged);
}

fn open_as_it_is(bytes: &[u8]) {
    let mut named = tempfile::NamedTempFile::new().expect("a file");
    named.write_all(bytes).expect("room");
    let Ok(file) = CheckpointFile::open(named.path()) else {
        return;
    };
    let program = Program::from_elf(&flipping::flipping(40)).expect("a guest");
    for_each_checkpoint(&file, Some(&program), &mut |_, _| {}).expect("as it was opened");
    let Ok(run) = Run::new(&program, &file) else {
        return;
    };
    let mut replayer = Replayer::new(&run, &ReplayOptions::default()).expect("a worker");
    let looked = replayer.seek(run.rows() / 2, &mut |_| {});
    let all = ColumnSet::first(Column::ALL.len());
    if replayer.rows(0..run.rows(), all, &mut |_| {}).is_ok() && looked.is_ok() {
        let pass = FastPass::default();
        let result = fast_pass(&program, file.input(), &pass, None, &mut DiscardText);
        let (result, summary) = (result.expect("a run"), file.summary());
        assert_eq!(result.cycles, summary.cycles);
        assert_eq!(result.exit_code, summary.exit_code);
        assert_eq!(result.text_bytes, summary.text_bytes);
        let output_digest = *blake3::hash(&result.output).as_bytes();
        assert_eq!(output_digest, summary.output_digest);
    }
}
