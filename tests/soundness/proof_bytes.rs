//! Law: a proof has one encoding, and hostile bytes get an error: no panic, and all that decoding ever
//! allocates is no more than the bytes it was given.

use crate::case::{Case, batches, product, several};
use allocation_counter::measure;
use ark_bn254::Fr;
use ark_ff::{BigInteger, Field, PrimeField};
use proptest::prelude::*;
use tracelane::sumcheck::{
    Batch, DecodeError, EncodedBatch, LinearForm, Product, Proof, PublicInstance, RowWeight,
    Statement, verify,
};
use tracelane::trace::columns::{Column, ColumnId, ColumnSet};
use tracelane_kernels::{Goldilocks2, WeightField};

/// Decodes `bytes`, which may not cost more memory than they are long, freed parts included.
fn decode<F: Field>(bytes: &[u8]) -> Result<Proof<F>, DecodeError> {
    let mut decoded = None;
    let used = measure(|| decoded = Some(Proof::<F>::from_bytes(bytes)));
    let (allocated, length) = (used.bytes_total, bytes.len() as u64);
    assert!(allocated <= length, "{allocated} of {length} bytes");
    decoded.expect("a verdict")
}

/// A proof that nothing says is true, of as many elements as its batch asks for.
fn hollow<F: Field>(batch: &Batch, num_vars: u32) -> Proof<F> {
    let elements = |count: usize| (0..count as u64).map(F::from).collect();
    Proof {
        instance: PublicInstance {
            program_digest: [1; 32],
            input_digest: [2; 32],
            output_digest: [3; 32],
            exit_code: 4,
            cycles: 5,
            num_vars,
        },
        batch: EncodedBatch::new(batch),
        claimed_sums: elements(batch.statements.len()),
        messages: elements(num_vars as usize * (batch.eval_points() - 1)),
        openings: elements(batch.columns().count()),
    }
}

/// 16 statements of 64 products each, the most there may be, of `factors` forms of `terms` terms.
fn large_batch(factors: usize, terms: usize, eval_points: usize) -> Batch {
    let form = LinearForm {
        constant: -1,
        terms: (0..terms).map(|id| (ColumnId::new(id), 3)).collect(),
    };
    let product = Product {
        coefficient: 2,
        factors: vec![form; factors],
    };
    let statement = Statement {
        weight: RowWeight::Eq,
        eval_points,
        products: vec![product; 64],
    };
    Batch {
        statements: vec![statement; 16],
        extra: ColumnSet::first(64),
    }
}

/// As data these are sixteen times as large as their bytes and more.
fn large<F: Field>() -> Vec<Proof<F>> {
    [(1, 0, 2, 1), (1, 0, 2, 40), (4, 0, 5, 40), (4, 3, 16, 40)]
        .map(|(factors, terms, points, num_vars)| {
            hollow(&large_batch(factors, terms, points), num_vars)
        })
        .to_vec()
}

#[test]
fn proofs_decode_to_themselves_within_their_own_size() {
    fn law<F: WeightField>(case: &Case) {
        let proofs = batches().map(|batch| case.proof::<F>(&batch));
        let everything = large_batch(4, 64, 16);
        let all = [&proofs[..], &large(), &[hollow(&everything, 40)]].concat();
        for proof in all {
            assert_eq!(decode(&proof.to_bytes()).as_ref(), Ok(&proof));
            let batch = proof.batch.decode().expect("a batch");
            assert_eq!(EncodedBatch::new(&batch), proof.batch);
        }
    }
    let case = Case::new();
    law::<Fr>(&case);
    law::<Goldilocks2>(&case);
}

#[test]
fn different_batches_have_different_bytes_sound_or_not() {
    let id = Column::Pc.id();
    let change = |change: &dyn Fn(&mut Statement)| {
        let mut statement = product(false);
        change(&mut statement);
        Batch::of(statement)
    };
    let terms =
        |count: usize| change(&|one| one.products[0].factors[0].terms = vec![(id, 1); count]);
    let factors =
        |count: usize| change(&|one| one.products[0].factors = vec![LinearForm::column(id); count]);
    let products =
        |count: usize| change(&|one| one.products = vec![one.products[0].clone(); count]);
    let points = |count: usize| change(&|one| one.eval_points = count);
    let statements = |count: usize| Batch {
        statements: vec![product(false); count],
        extra: ColumnSet::EMPTY,
    };
    let mut all = vec![several()];
    // Counts that are equal in their lowest byte.
    for count in [0, 1, 254, 255, 256, 257, 511, 512] {
        all.extend([terms(count), factors(count), products(count)]);
        all.extend([points(count), statements(count)]);
    }
    let mut bytes: Vec<Vec<u8>> = all.iter().map(Batch::to_bytes).collect();
    all.dedup();
    bytes.sort();
    bytes.dedup();
    // One product, and one statement, are the statement itself.
    assert_eq!(bytes.len(), all.len() - 1);
    for batch in [
        terms(255),
        factors(256),
        products(512),
        statements(257),
        points(300),
    ] {
        assert!(EncodedBatch::new(&batch).decode().is_err(), "out of range");
    }
}

#[test]
fn every_flipped_bit_of_the_bytes_is_refused() {
    let case = Case::new();
    let batch = Batch::of(product(false));
    let mut bytes = case.proof::<Fr>(&batch).to_bytes();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            if let Ok(proof) = decode::<Fr>(&bytes) {
                let accepted = case.verdict(&proof, &batch).is_ok();
                assert!(!accepted, "bit {bit} of byte {at}");
                assert_eq!(proof.to_bytes(), bytes, "one encoding");
            }
            bytes[at] ^= 1 << bit;
        }
    }
}

#[test]
fn cut_lengthened_foreign_and_uncanonical_bytes_are_refused() {
    let bytes = Case::new().proof::<Fr>(&several()).to_bytes();
    for length in 0..bytes.len() {
        decode::<Fr>(&bytes[..length]).expect_err("cut short");
    }
    decode::<Fr>(&[bytes.as_slice(), &[0]].concat()).expect_err("too long");
    decode::<Goldilocks2>(&bytes).expect_err("another field");
    // The last opening plus the modulus: the same element, another encoding.
    let mut other = bytes.clone();
    let at = other.len() - 32;
    let mut value = <Fr as PrimeField>::BigInt::new([0; 4]);
    for (limb, chunk) in value.0.iter_mut().zip(bytes[at..].chunks_exact(8)) {
        *limb = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
    }
    assert!(!value.add_with_carry(&Fr::MODULUS), "it fits");
    other[at..].copy_from_slice(&value.to_bytes_le());
    decode::<Fr>(&other).expect_err("not canonical");
}

#[test]
fn a_column_twice_in_a_form_is_no_encoding() {
    let mut batch = Batch::of(product(false));
    let form = &mut batch.statements[0].products[0].factors[0];
    form.terms = vec![(Column::Pc.id(), 1), (Column::Rd.id(), 1)];
    let sound = hollow::<Fr>(&batch, 3).to_bytes();
    decode::<Fr>(&sound).expect("well-formed");
    batch.statements[0].products[0].factors[0].terms[1].0 = Column::Pc.id();
    let twice = hollow::<Fr>(&batch, 3).to_bytes();
    let error = decode::<Fr>(&twice).expect_err("twice");
    assert!(error.to_string().contains("repeated column"), "{error}");
}

/// One mutant of `honest`: bits flipped, bytes set, cut out, doubled or turned round, the end cut off.
fn mutant(honest: &[u8], random: &mut impl FnMut(usize) -> usize) -> Vec<u8> {
    let mut bytes = honest.to_vec();
    for _ in 0..=random(3) {
        // Half of them where headers and batches are.
        let reach = [bytes.len(), bytes.len().min(300)][random(2)];
        let at = random(reach);
        let end = (at + 1 + random(40)).min(bytes.len());
        match random(6) {
            0 => bytes[at] ^= 1 << random(8),
            1 => bytes[at..end].fill([0, 0xff, 1, 16][random(4)]),
            2 => drop(bytes.drain(at..end)),
            3 => bytes.extend_from_within(at..end),
            4 => bytes[at..end].reverse(),
            _ => bytes.truncate(at.max(1)),
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

/// A pseudo-random number below a bound.
fn xorshift(mut state: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    }
}

#[test]
fn ten_thousand_mutants_are_refused_and_cost_no_more_memory_than_they_have_bytes() {
    let case = Case::new();
    let batches = batches();
    let honest = batches
        .clone()
        .map(|batch| case.proof::<Fr>(&batch).to_bytes());
    let mut random = xorshift(0x1234_5678_9abc_def1);
    let mut well_formed = 0;
    for index in 0..10_000 {
        let kind = index % honest.len();
        let bytes = mutant(&honest[kind], &mut random);
        if bytes == honest[kind] {
            continue;
        }
        if let Ok(proof) = decode::<Fr>(&bytes) {
            well_formed += 1;
            assert_eq!(proof.to_bytes(), bytes, "one encoding");
            case.verdict(&proof, &batches[kind]).expect_err("a mutant");
            // Nor does it prove what it says itself.
            let own = proof.batch.decode().expect("walked before");
            case.verdict(&proof, &own).expect_err("a mutant");
        }
    }
    assert!(well_formed > 100, "{well_formed} reached the verifier");
}

#[test]
fn mutants_of_the_largest_batches_cost_no_more_memory_than_they_have_bytes() {
    fn law<F: WeightField>(seed: u64) {
        let large: Vec<Vec<u8>> = large::<F>().iter().map(Proof::to_bytes).collect();
        let mut random = xorshift(seed);
        let mut well_formed = 0;
        for index in 0..4_000 {
            let bytes = mutant(&large[index % large.len()], &mut random);
            if let Ok(proof) = decode::<F>(&bytes) {
                well_formed += 1;
                assert!(proof.to_bytes() == bytes, "one encoding");
            }
        }
        assert!(well_formed > 100, "{well_formed} were well-formed");
    }
    law::<Fr>(0x9e37_79b9_7f4a_7c15);
    law::<Goldilocks2>(0x2545_f491_4f6c_dd1d);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        at in 0usize..400,
    ) {
        let _refused = decode::<Fr>(&bytes);
        // The same behind a sound beginning.
        let honest = SOUND.with(Vec::clone);
        let start = at.min(honest.len());
        let mixed = [&honest[..start], bytes.as_slice()].concat();
        if let Ok(proof) = decode::<Fr>(&mixed) {
            let batch = proof.batch.decode().expect("walked before");
            let _refused = verify(&proof, &proof.instance, &batch, Column::NAMES).map(|_| ());
        }
    }
}

thread_local! {
    static SOUND: Vec<u8> = Case::new().proof::<Fr>(&several()).to_bytes();
}
