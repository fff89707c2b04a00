//! Law: everything that is said, public or by the prover, is absorbed, in one order by prover, verifier
//! and dense prover; and every item decides every challenge that comes behind it.

use crate::case::{Case, batches, product, several};
use crate::spy::{Event, Spy};
use ark_bn254::Fr;
use ark_ff::{BigInteger, Field, PrimeField};
use tracelane::sumcheck::{
    Batch, EncodedBatch, LinearForm, Proof, PublicInstance, RowWeight, Statement, SumCheckProver,
    VerifyError, verify, verify_in,
};
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane::transcript::{SpongeTranscript, Transcript};
use tracelane_kernels::{Goldilocks2, Kernels, WeightField};

/// What a verifier is told, true or not.
#[derive(Clone)]
struct Told<F> {
    proof: Proof<F>,
    instance: PublicInstance,
    batch: Batch,
    names: Vec<&'static str>,
    tau: Option<Vec<F>>,
}

impl<F: WeightField> Told<F> {
    fn new(case: &Case, batch: &Batch, tau: Option<Vec<F>>) -> Self {
        let mut prover = case.prover::<F>(batch);
        if let Some(tau) = &tau {
            prover = prover.at_point(tau.clone());
        }
        Self {
            proof: prover.prove_actual(&case.oracle()).expect("a proof"),
            instance: case.instance(),
            batch: batch.clone(),
            names: Column::NAMES.to_vec(),
            tau,
        }
    }

    /// The whole conversation, to its end, and a last word.
    fn conversation(&self, mishear: Option<(usize, usize)>) -> Spy {
        let mut told = self.clone();
        // What is compared are challenges: a proof about other facts is one about them.
        told.proof.instance = told.instance;
        told.proof.batch = EncodedBatch::new(&told.batch);
        let values = told.instance.num_vars as usize * (told.batch.eval_points() - 1);
        told.proof.messages.resize(values, F::ONE);
        told.proof
            .claimed_sums
            .resize(told.batch.statements.len(), F::ONE);
        told.proof
            .openings
            .resize(told.batch.columns().count(), F::ONE);
        let mut spy = Spy::default();
        spy.mishear = mishear;
        let tau = told.tau.as_deref();
        let verdict = verify_in(
            &mut spy,
            &told.proof,
            &told.instance,
            &told.batch,
            &told.names,
            tau,
        );
        assert!(matches!(verdict, Ok(_) | Err(VerifyError::FinalSum)));
        spy.last_word();
        spy
    }
}

#[test]
fn prover_verifier_and_dense_prover_say_the_same() {
    fn law<F: WeightField>(case: &Case, batch: &Batch) {
        let mut prover = Spy::default();
        let proof = case
            .prover::<F>(batch)
            .prove_in(&mut prover, &case.oracle(), None);
        let proof = proof.expect("an honest prover");
        prover.last_word();
        let columns: Vec<(&str, &[u32])> = Column::NAMES
            .iter()
            .zip(&case.trace)
            .map(|(name, values)| (*name, values.as_slice()))
            .collect();
        let mut dense = Spy::default();
        let same = crate::dense_prover::prove_in(&mut dense, &columns, batch, &case.instance());
        dense.last_word();
        assert!(proof == same);
        let verifier = Told::<F>::new(case, batch, None).conversation(None);
        assert!(prover.events == verifier.events, "prover and verifier");
        assert!(prover.events == dense.events, "prover and dense prover");
        // The order, and nothing left out.
        let label = |event: &Event| match event {
            Event::Bytes(label, _) | Event::Field(label, _) | Event::Challenge(label, _) => *label,
        };
        let mut labels: Vec<&str> = prover.events.iter().map(label).collect();
        labels.dedup();
        let tau = batch.is_weighted().then_some("tau");
        let mixers = (batch.statements.len() > 1).then_some("statement");
        let expected = ["field", "instance", "batch", "column"]
            .into_iter()
            .chain(tau);
        let expected = expected.chain(["claimed sums"]).chain(mixers);
        let expected: Vec<&str> = expected.chain(["round", "openings", "last word"]).collect();
        assert_eq!(labels, expected);
    }
    let case = Case::of("sieve", b"20");
    for batch in &batches() {
        law::<Fr>(&case, batch);
        law::<Goldilocks2>(&case, batch);
    }
}

#[test]
fn every_byte_and_element_that_is_absorbed_changes_every_later_challenge() {
    fn law<F: WeightField>(told: &Told<F>) {
        let honest = told.conversation(None);
        for (number, event) in honest.events.iter().enumerate() {
            let places = match event {
                Event::Bytes(_, bytes) => bytes.len(),
                Event::Field(_, elements) => elements.len(),
                Event::Challenge(..) => 0,
            };
            for place in 0..places {
                let other = told.conversation(Some((number, place)));
                let pairs = honest.challenges().into_iter().zip(other.challenges());
                for ((at, expected), (_, actual)) in pairs {
                    let equal = expected == actual;
                    assert_eq!(equal, at < number, "challenge {at}, {place} of {number}");
                }
            }
        }
    }
    let case = Case::of("sieve", b"20");
    for batch in &batches() {
        law(&Told::<Fr>::new(&case, batch, None));
        law(&Told::<Goldilocks2>::new(&case, batch, None));
    }
    let tau = vec![Fr::from(9u64); case.num_vars()];
    law(&Told::new(&case, &several(), Some(tau)));
}

/// Told something else, all challenges are others.
fn others_from_the_start<F: WeightField>(told: &Told<F>, changes: &[(&str, Change<F>)]) {
    let honest = told.conversation(None);
    for (what, change) in changes {
        let mut other = told.clone();
        change(&mut other);
        let other = other.conversation(None);
        let pairs = honest.challenges().into_iter().zip(other.challenges());
        for ((_, expected), (at, actual)) in pairs {
            assert_ne!(expected, actual, "{what}, challenge {at}");
        }
    }
}

type Change<F> = fn(&mut Told<F>);

#[test]
fn public_facts_statements_and_names_change_every_challenge() {
    fn law<F: WeightField>(case: &Case, tau: Option<Vec<F>>) {
        let told = Told::<F>::new(case, &several(), tau);
        let instance: [(&str, Change<F>); 6] = [
            ("program", |told| told.instance.program_digest[31] ^= 1),
            ("input", |told| told.instance.input_digest[0] ^= 1),
            ("output", |told| told.instance.output_digest[5] ^= 1),
            ("exit code", |told| told.instance.exit_code ^= 1),
            ("cycles", |told| told.instance.cycles ^= 1),
            ("variables", |told| {
                told.instance.num_vars += 1;
                told.tau.iter_mut().for_each(|tau| tau.push(F::ONE));
            }),
        ];
        others_from_the_start(&told, &instance);
        let batch: [(&str, Change<F>); 10] = [
            ("weight", |told| {
                told.batch.statements[1].weight = RowWeight::Eq
            }),
            ("points", |told| told.batch.statements[0].eval_points += 1),
            ("coefficient", |told| {
                told.batch.statements[0].products[0].coefficient = -1;
            }),
            ("constant", |told| {
                told.batch.statements[1].products[0].factors[0].constant = 1;
            }),
            ("term", |told| {
                told.batch.statements[2].products[0].factors[0].terms[0].1 = 2;
            }),
            ("column", |told| {
                let other = LinearForm::column(Column::Pc.id());
                told.batch.statements[2].products[0].factors[0] = other;
            }),
            ("product", |told| {
                let statement = &mut told.batch.statements[2];
                statement.products.push(statement.products[0].clone());
            }),
            ("order", |told| told.batch.statements.swap(0, 2)),
            ("statement", |told| {
                told.batch.statements.push(product(false))
            }),
            ("extra", |told| told.batch.extra = ColumnSet::EMPTY),
        ];
        others_from_the_start(&told, &batch);
        for id in told.batch.columns().iter() {
            let mut other = told.clone();
            other.names[id.index()] = "another";
            let (honest, other) = (told.conversation(None), other.conversation(None));
            for ((_, expected), (_, actual)) in
                honest.challenges().into_iter().zip(other.challenges())
            {
                assert_ne!(expected, actual, "name of {id:?}");
            }
        }
    }
    let case = Case::of("sieve", b"20");
    let tau = vec![Fr::from(3u64); case.num_vars()];
    law::<Fr>(&case, None);
    law::<Fr>(&case, Some(tau));
    law::<Goldilocks2>(&case, None);
}

#[test]
fn tau_sums_messages_and_openings_change_every_challenge_behind_them() {
    fn law<F: WeightField>(told: &Told<F>, num_vars: usize) {
        let honest = told.conversation(None);
        let honest = honest.challenges();
        // How many challenges come before an item.
        let drawn = if told.tau.is_some() { 0 } else { num_vars };
        let mixers = told.batch.statements.len() - 1;
        let values = told.batch.eval_points() - 1;
        let changed = |before: usize, change: &dyn Fn(&mut Told<F>)| {
            let mut other = told.clone();
            change(&mut other);
            let other = other.conversation(None);
            let other = other.challenges();
            assert_eq!(honest.len(), other.len());
            for (index, (expected, actual)) in honest.iter().zip(&other).enumerate() {
                assert_eq!(expected.1 == actual.1, index < before, "challenge {index}");
            }
        };
        for place in 0..told.tau.as_ref().map_or(0, Vec::len) {
            changed(0, &|told| {
                let tau = told.tau.as_mut().expect("given");
                tau[place] += F::ONE;
            });
        }
        for place in 0..told.proof.claimed_sums.len() {
            changed(drawn, &|told| told.proof.claimed_sums[place] += F::ONE);
        }
        for place in 0..told.proof.messages.len() {
            let before = drawn + mixers + place / values;
            changed(before, &|told| told.proof.messages[place] += F::ONE);
        }
        for place in 0..told.proof.openings.len() {
            let before = drawn + mixers + num_vars;
            changed(before, &|told| told.proof.openings[place] += F::ONE);
        }
    }
    let case = Case::of("sieve", b"20");
    let num_vars = case.num_vars();
    law(&Told::<Fr>::new(&case, &several(), None), num_vars);
    law(&Told::<Goldilocks2>::new(&case, &several(), None), num_vars);
    let tau = vec![Fr::from(3u64); num_vars];
    law(&Told::new(&case, &several(), Some(tau)), num_vars);
}

#[test]
fn a_proof_is_bound_to_the_one_before_it_in_its_transcript() {
    let case = Case::new();
    let (oracle, instance, kernels) = (case.oracle(), case.instance(), Kernels::detect());
    let first = Batch::of(product(false));
    let second = Batch::of(Statement::next(Column::Rs1Value.id()));
    let names = Column::NAMES;
    // Goes on behind a proof by replaying it.
    let go_on = |proof: &Proof<Fr>| {
        let transcript = &mut SpongeTranscript::new();
        let pending = verify_in(transcript, proof, &instance, &first, names, None);
        let point = pending.expect("consistent").point().to_vec();
        let prover: SumCheckProver<Fr> = case.prover(&second).at_point(point);
        let next = prover.prove_in(transcript, &oracle, None);
        next.expect("an honest prover")
    };
    let verdict = |proofs: (&Proof<Fr>, &Proof<Fr>)| {
        let transcript = &mut SpongeTranscript::new();
        let pending = verify_in(transcript, proofs.0, &instance, &first, names, None)?;
        let point = pending.point().to_vec();
        let next = verify_in(
            transcript,
            proofs.1,
            &instance,
            &second,
            names,
            Some(&point),
        )?;
        pending.check(&oracle, kernels)?;
        next.check(&oracle, kernels)
    };
    let honest = case.proof::<Fr>(&first);
    let next = go_on(&honest);
    verdict((&honest, &next)).expect("both are true");
    // Openings that fit the rounds still change everything said behind them.
    let mut scaled = honest.clone();
    scaled.openings[0] *= Fr::from(2u64);
    scaled.openings[1] *= Fr::from(2u64).inverse().expect("not zero");
    assert!(verify(&scaled, &instance, &first, Column::NAMES).is_ok());
    let refused = verdict((&scaled, &next));
    assert!(matches!(refused, Err(VerifyError::FinalSum)));
    let refused = verdict((&honest, &go_on(&scaled)));
    assert!(matches!(refused, Err(VerifyError::FinalSum)));
    // What the prover absorbs is what a replay of its proof absorbs.
    let (mut own, mut replayed) = (SpongeTranscript::new(), SpongeTranscript::new());
    let proof = case.prover::<Fr>(&first).prove_in(&mut own, &oracle, None);
    let proof = proof.expect("an honest prover");
    let pending = verify_in(&mut replayed, &proof, &instance, &first, names, None);
    assert!(pending.is_ok());
    assert_eq!(own.challenge::<Fr>("on"), replayed.challenge::<Fr>("on"));
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

#[test]
fn challenges_of_both_fields_have_120_bits() {
    tracelane::transcript::assert_challenge_bits(Fr::CHALLENGE_BITS);
    tracelane::transcript::assert_challenge_bits(Goldilocks2::CHALLENGE_BITS);
    let refused = std::panic::catch_unwind(|| {
        tracelane::transcript::assert_challenge_bits(119);
    });
    assert!(refused.is_err());
}
