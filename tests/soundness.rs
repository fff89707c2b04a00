//! What a cheating prover may try: every attack is refused, by the rounds or by the oracle; and
//! hostile proof bytes get an error, never a panic.

#[path = "support/guests.rs"]
mod guests;
#[path = "support/recorded.rs"]
mod recorded;

use std::num::NonZeroUsize;

use allocation_counter::measure;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use proptest::prelude::*;
use recorded::Recorded;
use tracelane::checkpoint::MemoryStore;
use tracelane::oracle::{DenseOracle, OracleError, PolynomialOracle, StreamingOracle};
use tracelane::replay::{ReplayOptions, Run};
use tracelane::sumcheck::{
    Batch, LinearForm, Product, Proof, ProveError, PublicInstance, Statement, StatementError,
    SumCheckProver, Verified, VerifyError, verify,
};
use tracelane::trace::columns::{Column, ColumnId, ColumnSet};
use tracelane::transcript::{SpongeTranscript, Transcript};
use tracelane_kernels::{Goldilocks2, Kernels};

/// One alteration.
type Change<T> = fn(&mut T);

struct Case {
    recorded: Recorded,
    store: MemoryStore,
}

impl Case {
    fn new() -> Self {
        let recorded = Recorded::new("sieve", b"200");
        let store = recorded.checkpoints(256);
        Self { recorded, store }
    }

    fn oracle(&self) -> StreamingOracle<'_> {
        let run = Run::new(&self.recorded.program, &self.store).expect("its own program");
        StreamingOracle::new(run, ReplayOptions::default()).expect("a worker")
    }

    fn proof(&self, eq: bool) -> Proof<Fr> {
        prove(&self.oracle(), &statement(eq), self.recorded.instance())
    }

    /// Several statements of every weight, and a column that none is about.
    fn batch_proof(&self) -> Proof<Fr> {
        let batch = Batch {
            statements: vec![
                statement(true),
                Statement::next(Column::Pc.id()),
                Statement::product(&[Column::RdAfter.id()], false),
            ],
            extra: ColumnSet::EMPTY.with(Column::Opcode.id()),
        };
        let oracle = self.oracle();
        let prover = SumCheckProver::for_batch(oracle.num_vars(), batch);
        let prover = prover.with_instance(self.recorded.instance());
        prover.prove_actual(&oracle).expect("a prover")
    }

    /// What the verifier says in the end.
    fn verdict(&self, proof: &Proof<Fr>) -> Result<Verified<Fr>, VerifyError> {
        verify(proof, &self.recorded.instance(), Column::NAMES)?
            .check(&self.oracle(), Kernels::detect())
    }
}

fn statement(eq: bool) -> Statement {
    Statement::product(&[Column::Rs1Value.id(), Column::Rs2Value.id()], eq)
}

fn prove<O: PolynomialOracle>(
    oracle: &O,
    statement: &Statement,
    instance: PublicInstance,
) -> Proof<Fr> {
    let prover = SumCheckProver::for_statement(oracle.num_vars(), statement.clone());
    prover
        .with_instance(instance)
        .prove_actual(oracle)
        .expect("a prover")
}

#[test]
fn every_changed_field_element_is_refused() {
    let case = Case::new();
    for eq in [false, true] {
        let honest = case.proof(eq);
        case.verdict(&honest).expect("an honest proof");
        let mut proof = honest.clone();
        proof.claimed_sums[0] += Fr::ONE;
        case.verdict(&proof).expect_err("another sum");
        for round in 0..honest.rounds.len() {
            for place in 0..honest.rounds[round].len() {
                for change in [Fr::ONE, -Fr::ONE, -honest.rounds[round][place]] {
                    if change == Fr::ZERO {
                        continue;
                    }
                    let mut proof = honest.clone();
                    proof.rounds[round][place] += change;
                    case.verdict(&proof).expect_err("another round");
                }
            }
        }
        for place in 0..honest.openings.len() {
            let mut proof = honest.clone();
            proof.openings[place] += Fr::ONE;
            case.verdict(&proof).expect_err("another opening");
        }
        let mut proof = honest.clone();
        proof.openings.swap(0, 1);
        case.verdict(&proof)
            .expect_err("openings of each other's columns");
    }
}

#[test]
fn a_wrong_sum_is_not_proven_and_not_hidden_in_the_first_round() {
    let case = Case::new();
    let oracle = case.oracle();
    let honest = case.proof(false);
    let prover = SumCheckProver::<Fr>::for_statement(oracle.num_vars(), statement(false))
        .with_instance(case.recorded.instance());
    let wrong = honest.claimed_sums[0] + Fr::ONE;
    assert!(matches!(
        prover.prove(&oracle, wrong),
        Err(ProveError::ClaimedSum)
    ));
    assert_eq!(
        prover
            .prove(&oracle, honest.claimed_sums[0])
            .expect("the true sum"),
        honest
    );
    // A first message that fits the wrong sum shifts the error to the openings.
    let mut proof = honest;
    proof.claimed_sums[0] = wrong;
    proof.rounds[0]
        .iter_mut()
        .for_each(|value| *value += Fr::ONE);
    assert!(matches!(case.verdict(&proof), Err(VerifyError::FinalSum)));
}

#[test]
fn openings_that_fit_the_rounds_but_not_the_columns_are_refused_by_the_oracle() {
    let case = Case::new();
    let honest = case.proof(false);
    // Scaled against each other, the product stays what the last round says.
    let mut proof = honest.clone();
    proof.openings[0] *= Fr::from(2);
    proof.openings[1] *= Fr::from(2).inverse().expect("not zero");
    let pending = verify(&proof, &case.recorded.instance(), Column::NAMES).expect("consistent");
    let error = pending
        .check(&case.oracle(), Kernels::detect())
        .expect_err("false claims");
    assert!(
        matches!(&error, VerifyError::Claim { column } if column == "rs1_value"),
        "{error}"
    );
}

#[test]
fn a_proof_over_other_columns_is_refused_by_the_oracle() {
    let case = Case::new();
    let mut trace = case.recorded.padded_trace();
    trace[Column::Rs2Value.id().index()][17] ^= 1;
    let columns: Vec<(&str, &[u32])> = Column::NAMES
        .iter()
        .zip(&trace)
        .map(|(name, values)| (*name, values.as_slice()))
        .collect();
    let dense = DenseOracle::new(&columns, NonZeroUsize::MIN).expect("one table");
    let proof = prove(&dense, &statement(false), case.recorded.instance());
    let pending = verify(&proof, &case.recorded.instance(), Column::NAMES).expect("consistent");
    let error = pending
        .check(&case.oracle(), Kernels::detect())
        .expect_err("other columns");
    assert!(
        matches!(&error, VerifyError::Claim { column } if column == "rs2_value"),
        "{error}"
    );
}

#[test]
fn a_proof_about_something_else_is_refused() {
    let case = Case::new();
    let honest = case.proof(true);
    let changes: [(&str, Change<PublicInstance>); 6] = [
        ("program", |instance| instance.program_digest[0] ^= 1),
        ("input", |instance| instance.input_digest[31] ^= 1),
        ("output", |instance| instance.output_digest[7] ^= 1),
        ("exit code", |instance| instance.exit_code += 1),
        ("number of cycles", |instance| instance.cycles -= 1),
        ("padded length", |instance| instance.num_vars += 1),
    ];
    for (expected, change) in changes {
        let mut other = case.recorded.instance();
        change(&mut other);
        let error = verify(&honest, &other, Column::NAMES).expect_err(expected);
        assert!(
            matches!(error, VerifyError::Instance { what } if what == expected),
            "{error}"
        );
        // Relabelled, it does not fit its own transcript.
        let mut proof = honest.clone();
        change(&mut proof.instance);
        verify(&proof, &other, Column::NAMES).expect_err(expected);
    }
}

#[test]
fn a_proof_of_another_statement_is_no_proof_of_this_one() {
    let case = Case::new();
    let honest = case.proof(false);
    let mut others = vec![
        statement(true),
        statement(false),
        statement(false),
        statement(false),
    ];
    others[1].products[0].coefficient = 2;
    others[2].products[0].factors[1] = LinearForm::column(Column::RdAfter.id());
    others[3].eval_points += 1;
    for other in others {
        let mut proof = honest.clone();
        proof.batch.statements[0] = other;
        case.verdict(&proof).expect_err("another statement");
    }
    // Nor of columns that are only named otherwise.
    let mut names = Column::NAMES.to_vec();
    names.swap(Column::Rs1Value.id().index(), Column::Rs2Value.id().index());
    verify(&honest, &case.recorded.instance(), &names).expect_err("other names");
}

#[test]
fn rounds_values_and_openings_must_be_as_many_as_they_should() {
    let case = Case::new();
    let honest = case.proof(false);
    let changes: [Change<Proof<Fr>>; 6] = [
        |proof| proof.rounds.truncate(1),
        |proof| proof.rounds.push(proof.rounds[0].clone()),
        |proof| proof.rounds[3].truncate(1),
        |proof| proof.rounds[3].push(Fr::ZERO),
        |proof| proof.openings.truncate(1),
        |proof| proof.openings.push(Fr::ZERO),
    ];
    for change in changes {
        let mut proof = honest.clone();
        change(&mut proof);
        let error = verify(&proof, &case.recorded.instance(), Column::NAMES).expect_err("a count");
        assert!(matches!(error, VerifyError::Length { .. }), "{error}");
    }
}

#[test]
fn statements_that_are_none_are_refused_by_prover_and_verifier() {
    let case = Case::new();
    let oracle = case.oracle();
    let unknown = Statement::product(&[ColumnId::new(63)], false);
    let mut no_products = statement(false);
    no_products.products.clear();
    let mut no_factors = statement(false);
    no_factors.products.push(Product {
        coefficient: 1,
        factors: Vec::new(),
    });
    let mut few_points = statement(true);
    few_points.eval_points = 3;
    let constant = LinearForm {
        constant: 5,
        terms: Vec::new(),
    };
    let mut no_columns = statement(false);
    no_columns.products = vec![Product {
        coefficient: 1,
        factors: vec![constant],
    }];
    for bad in [unknown, no_products, no_factors, few_points, no_columns] {
        let prover = SumCheckProver::<Fr>::for_statement(oracle.num_vars(), bad.clone())
            .with_instance(case.recorded.instance());
        assert!(
            matches!(prover.prove_actual(&oracle), Err(ProveError::Statement(_))),
            "{bad:?}"
        );
        let mut proof = case.proof(false);
        proof.batch = Batch::of(bad);
        let error = verify(&proof, &case.recorded.instance(), Column::NAMES).expect_err("none");
        assert!(matches!(error, VerifyError::Statement(_)), "{error}");
    }
    let error: StatementError = Batch::of(Statement::product(&[], false))
        .check(5)
        .expect_err("no factors");
    assert!(error.to_string().contains("expected 1 to"), "{error}");
}

#[test]
fn an_oracle_of_another_size_is_refused() {
    let case = Case::new();
    let oracle = case.oracle();
    let prover = SumCheckProver::<Fr>::for_statement(oracle.num_vars() + 1, statement(false));
    assert!(matches!(
        prover.prove_actual(&oracle),
        Err(ProveError::NumVars { .. })
    ));
    let set = tracelane::trace::columns::ColumnSet::first(40);
    let sweep = oracle.sweep(set, 0, || (), |_, _| {}, |_, _| ());
    assert!(matches!(sweep, Err(OracleError::UnknownColumn { .. })));
    let row = oracle.evaluate_index(Column::Pc.id(), 1 << oracle.num_vars());
    assert!(matches!(row, Err(OracleError::UnknownRow { .. })));
}

#[test]
fn every_flipped_bit_of_the_bytes_is_refused() {
    let case = Case::new();
    let mut bytes = case.proof(false).to_bytes();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            if let Ok(proof) = Proof::<Fr>::from_bytes(&bytes) {
                let accepted = case.verdict(&proof).is_ok();
                assert!(!accepted, "bit {bit} of byte {at}");
                assert_eq!(proof.to_bytes(), bytes, "one encoding");
            }
            bytes[at] ^= 1 << bit;
        }
    }
}

#[test]
fn cut_lengthened_foreign_and_uncanonical_bytes_are_refused() {
    let bytes = Case::new().proof(true).to_bytes();
    for length in 0..bytes.len() {
        Proof::<Fr>::from_bytes(&bytes[..length]).expect_err("cut short");
    }
    Proof::<Fr>::from_bytes(&[bytes.as_slice(), &[0]].concat()).expect_err("too long");
    Proof::<Goldilocks2>::from_bytes(&bytes).expect_err("another field");
    // The last opening plus the modulus: the same element, another encoding.
    let mut other = bytes.clone();
    let at = other.len() - 32;
    let mut value = <Fr as PrimeField>::BigInt::new([0; 4]);
    for (limb, chunk) in value.0.iter_mut().zip(bytes[at..].chunks_exact(8)) {
        *limb = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
    }
    assert!(!value.add_with_carry(&Fr::MODULUS), "it fits");
    other[at..].copy_from_slice(&value.to_bytes_le());
    Proof::<Fr>::from_bytes(&other).expect_err("not canonical");
}

/// One mutant of `honest`: bits flipped, bytes set, cut out, doubled or turned round, the end cut off.
fn mutant(honest: &[u8], random: &mut impl FnMut(usize) -> usize) -> Vec<u8> {
    let mut bytes = honest.to_vec();
    for _ in 0..=random(3) {
        let at = random(bytes.len());
        let end = (at + 1 + random(40)).min(bytes.len());
        match random(6) {
            0 => bytes[at] ^= 1 << random(8),
            1 => bytes[at..end].fill([0, 0xff, 1, 16][random(4)]),
            2 => drop(bytes.drain(at..end)),
            3 => bytes.extend_from_within(at..end),
            4 => bytes[at..end].reverse(),
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

#[test]
fn ten_thousand_mutants_are_refused_and_cost_no_more_memory_than_they_have_bytes() {
    let case = Case::new();
    let honest = [case.proof(false), case.proof(true), case.batch_proof()];
    let honest = honest.map(|proof| proof.to_bytes());
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut well_formed = 0;
    for index in 0..10_000 {
        let honest = &honest[index % honest.len()];
        let bytes = mutant(honest, &mut random);
        if bytes == *honest {
            continue;
        }
        let mut decoded = None;
        let used = measure(|| decoded = Proof::<Fr>::from_bytes(&bytes).ok());
        // A vector grows by doubling, and its old half is given back after the new one is taken.
        let allowed = 3 * bytes.len() as u64 + 1024;
        assert!(
            used.bytes_max as u64 <= allowed,
            "{used:?} for {} bytes",
            bytes.len()
        );
        if let Some(proof) = decoded {
            well_formed += 1;
            assert_eq!(proof.to_bytes(), bytes, "one encoding");
            case.verdict(&proof).expect_err("a mutant");
        }
    }
    assert!(
        well_formed > 100,
        "{well_formed} mutants reached the verifier"
    );
}

#[test]
fn a_batch_hides_no_wrong_statement() {
    let case = Case::new();
    let honest = case.batch_proof();
    case.verdict(&honest).expect("an honest proof");
    // Sums that are wrong against each other.
    let mut proof = honest.clone();
    proof.claimed_sums[0] += Fr::ONE;
    proof.claimed_sums[1] -= Fr::ONE;
    case.verdict(&proof).expect_err("other sums");
    for index in 0..honest.claimed_sums.len() {
        let mut proof = honest.clone();
        proof.claimed_sums[index] += Fr::ONE;
        case.verdict(&proof).expect_err("another sum");
        let mut proof = honest.clone();
        proof.batch.statements.remove(index);
        case.verdict(&proof).expect_err("a statement less");
        proof.claimed_sums.remove(index);
        case.verdict(&proof)
            .expect_err("a statement and its sum less");
        for other in 0..index {
            let mut proof = honest.clone();
            proof.batch.statements.swap(index, other);
            proof.claimed_sums.swap(index, other);
            case.verdict(&proof).expect_err("another order");
        }
    }
    for place in 0..honest.openings.len() {
        let mut proof = honest.clone();
        proof.openings[place] += Fr::ONE;
        case.verdict(&proof).expect_err("another opening");
    }
    let mut proof = honest;
    proof.batch.extra = ColumnSet::EMPTY;
    case.verdict(&proof).expect_err("a column less");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        at in 0usize..400,
    ) {
        let _refused = Proof::<Fr>::from_bytes(&bytes);
        // The same behind a sound beginning.
        let honest = SOUND.with(Vec::clone);
        let start = at.min(honest.len());
        let mixed = [&honest[..start], bytes.as_slice()].concat();
        if let Ok(proof) = Proof::<Fr>::from_bytes(&mixed) {
            let _refused = verify(&proof, &proof.instance, Column::NAMES).map(|_| ());
        }
    }
}

thread_local! {
    static SOUND: Vec<u8> = Case::new().proof(true).to_bytes();
}

#[test]
fn a_challenge_depends_on_every_call_its_label_and_its_cut() {
    let challenge = |calls: &dyn Fn(&mut SpongeTranscript)| -> Fr {
        let mut transcript = SpongeTranscript::new();
        calls(&mut transcript);
        transcript.challenge("end")
    };
    let one = Fr::ONE;
    let all = [
        challenge(&|_| {}),
        challenge(&|t| t.absorb_bytes("a", b"")),
        challenge(&|t| t.absorb_bytes("a", b"xy")),
        challenge(&|t| t.absorb_bytes("b", b"xy")),
        challenge(&|t| t.absorb_bytes("ax", b"y")),
        challenge(&|t| {
            t.absorb_bytes("a", b"x");
            t.absorb_bytes("a", b"y");
        }),
        challenge(&|t| t.absorb_field("a", &[one])),
        challenge(&|t| t.absorb_field("a", &[one, one])),
        challenge(&|t| {
            t.absorb_field("a", &[one]);
            t.absorb_field("a", &[one]);
        }),
        challenge(&|t| t.absorb_bytes("a", &one.into_bigint().to_bytes_le())),
        challenge(&|t| {
            let _first: Fr = t.challenge("end");
        }),
    ];
    for (index, value) in all.iter().enumerate() {
        assert!(
            !all[..index].contains(value),
            "call sequence {index} is told apart"
        );
    }
}
