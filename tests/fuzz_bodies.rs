//! Short runs of the fuzz targets' bodies, on mutants of sound bytes and on noise.

#[path = "support/bodies.rs"]
mod bodies;
#[path = "support/differential.rs"]
mod differential;
#[path = "support/encode.rs"]
mod encode;
#[path = "support/flipping.rs"]
mod flipping;
#[path = "support/forge.rs"]
mod forge;
#[path = "support/guests.rs"]
mod guests;
#[path = "support/programs.rs"]
mod programs;
#[path = "support/recorded.rs"]
mod recorded;
#[path = "support/sites.rs"]
mod sites;
#[path = "support/spec.rs"]
mod spec;

use std::sync::LazyLock;

use ark_bn254::Fr;
use proptest::prelude::*;
use proptest::sample::Index;
use recorded::Recorded;
use tracelane::checkpoint::CheckpointWriter;
use tracelane::oracle::{PolynomialOracle, StreamingOracle};
use tracelane::replay::{FastPass, ReplayOptions, Run, fast_pass};
use tracelane::sumcheck::{Statement, SumCheckProver};
use tracelane::trace::columns::Column;
use tracelane::vm::DiscardText;

static PROOF: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let recorded = Recorded::new("sieve", b"200");
    let store = recorded.checkpoints(256);
    let run = Run::new(&recorded.program, &store).expect("its own program");
    let oracle = StreamingOracle::new(run, ReplayOptions::default()).expect("a worker");
    let statement = Statement::product(&[Column::RdAfter.id(), Column::NextPc.id()], true);
    let prover = SumCheckProver::<Fr>::for_statement(oracle.num_vars(), statement)
        .with_instance(recorded.instance());
    prover
        .prove_actual(&oracle)
        .expect("an honest prover")
        .to_bytes()
});

static CHECKPOINTS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("checkpoints");
    let recorded = Recorded::of("flipping", &flipping::flipping(40), b"some input");
    let pass = FastPass {
        interval: 64,
        ..FastPass::default()
    };
    let (program, input) = (&recorded.program, &recorded.input);
    let mut writer = CheckpointWriter::create(&path, &pass.identity(program, input), input);
    let writer = writer.as_mut().expect("a writer");
    fast_pass(program, input, &pass, Some(writer), &mut DiscardText).expect("a run");
    std::fs::read(&path).expect("the file")
});

/// Some bytes set, some removed.
type Damage = (Vec<(Index, u8)>, Option<(Index, usize)>);

fn damage() -> impl Strategy<Value = Damage> {
    let bytes = prop::collection::vec((any::<Index>(), any::<u8>()), 0..8);
    (
        bytes,
        prop::option::weighted(0.2, (any::<Index>(), 1usize..40)),
    )
}

fn damaged(sound: &[u8], (set, cut): &Damage) -> Vec<u8> {
    let mut bytes = sound.to_vec();
    for (at, value) in set {
        let at = at.index(bytes.len());
        bytes[at] = *value;
    }
    if let Some((at, count)) = cut {
        let at = at.index(bytes.len());
        bytes.drain(at..(at + count).min(sound.len()));
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn mutants_of_proofs(damage in damage()) {
        bodies::decode_proof(&damaged(&PROOF, &damage));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn mutants_of_a_small_elf(damage in damage(), words in programs::program(20)) {
        let segments = [encode::text(0x1_0000, &words), encode::data(programs::DATA, &[1; 64], true)];
        let elf = encode::elf(0x1_0000, &segments, &[("tohost", programs::DATA)]);
        bodies::load_elf(&damaged(&elf, &damage));
    }

    #[test]
    fn mutants_of_programs(damage in damage(), words in programs::program(40)) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bodies::run_words(&damaged(&bytes, &damage));
    }

    /// Bytes are set where the file says something, for most of it is zeros.
    #[test]
    fn mutants_of_checkpoint_files(
        said in prop::collection::vec((any::<Index>(), 0usize..480, any::<u8>()), 0..4),
        damage in damage(),
        elsewhere in prop::bool::weighted(0.3),
    ) {
        let mut bytes = CHECKPOINTS.clone();
        let mut parts = forge::records(&bytes);
        parts.push(0);
        for (part, offset, value) in said {
            let at = parts[part.index(parts.len())] + offset;
            bytes[at] = value;
        }
        bodies::open_checkpoint(&if elsewhere { damaged(&bytes, &damage) } else { bytes });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Any word, and legal ones but for a few bits.
    #[test]
    fn words_are_decoded_as_the_specification_says(
        word in any::<u32>(),
        legal in programs::instruction(),
        flipped in 0..32u32,
    ) {
        for word in [word, legal, legal ^ 1 << flipped] {
            bodies::decode_word(&word.to_le_bytes());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn one_step_of_any_word_in_any_state(
        registers in prop::collection::vec(prop_oneof![any::<u32>(), 0..0x100u32], 31),
        words in [programs::instruction(), programs::instruction()],
        flipped in prop::option::weighted(0.3, 0..32u32),
        data in prop::collection::vec(any::<u8>(), 0..128),
    ) {
        let words = [words[0] ^ flipped.map_or(0, |bit| 1 << bit), words[1]];
        let head = registers.iter().chain(&words).flat_map(|word| word.to_le_bytes());
        bodies::step_word(&head.chain(data).collect::<Vec<u8>>());
    }
}
