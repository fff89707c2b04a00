//! What fuzz targets and their short runs in `cargo test` do with hostile bytes. None may panic.

#![allow(dead_code, reason = "each target takes the body it is named after")]

use ark_bn254::Fr;
use tracelane::Program;
use tracelane::replay::{FastPass, fast_pass};
use tracelane::sumcheck::{Proof, verify};
use tracelane::trace::columns::Column;
use tracelane::vm::{DiscardText, Limits, MemoryKind};

use crate::differential::{Case, compare};

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

/// Decodes a proof; what is decoded has one encoding, and the verifier gives a verdict on it.
pub fn decode_proof(bytes: &[u8]) {
    if let Ok(proof) = Proof::<Fr>::from_bytes(bytes) {
        assert_eq!(proof.to_bytes(), bytes, "one encoding");
        let _verdict = verify(&proof, &proof.instance, Column::NAMES).map(|_| ());
    }
}
