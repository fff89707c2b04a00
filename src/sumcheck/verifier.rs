//! The verifier: checks what a proof says, and hands back what only the oracle can tell.
//!
//! In: a proof, the public facts the verifier itself believes in. Out: [`PendingClaims`], which an
//! oracle turns into [`Verified`]. There is no other way to a `Verified`: the final check can't be
//! left out. It uses no code of the prover.

use tracelane_kernels::{Kernels, WeightField};

use super::proof::{Proof, PublicInstance, field_id};
use super::round_poly::evaluate_at;
use super::statement::{Batch, LinearForm, RowWeight, Statement, StatementError};
use crate::mle::{eq_plus_one_points, eq_points};
use crate::oracle::{OracleError, PolynomialOracle, evaluate_columns};
use crate::trace::columns::{ColumnId, ColumnSet};
use crate::transcript::{SpongeTranscript, Transcript};

/// Why a proof is not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The proof is about other public facts than the verifier's.
    #[error("the proof is about another {what}")]
    Instance {
        /// Which fact differs.
        what: &'static str,
    },
    /// The proof's statement is none.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The number of rounds, of a round's values or of openings is wrong.
    #[error("the proof has {actual} {what}, expected {expected}")]
    Length {
        /// What there are too many or too few of.
        what: &'static str,
        /// How many there are.
        actual: usize,
        /// How many there should be.
        expected: usize,
    },
    /// The openings do not fit the last round.
    #[error("the openings contradict the rounds: the proof is wrong")]
    FinalSum,
    /// A column does not have the claimed value.
    #[error("column {column} does not have the value that the proof claims")]
    Claim {
        /// The column's name.
        column: String,
    },
    /// The oracle could not answer.
    #[error(transparent)]
    Oracle(#[from] OracleError),
}

/// Claims that are consistent among themselves, and true if the oracle says so.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a proof is not verified before its claims are checked"]
pub struct PendingClaims<F> {
    instance: PublicInstance,
    claimed_sums: Vec<F>,
    tau: Option<Vec<F>>,
    point: Vec<F>,
    claims: Vec<(ColumnId, F)>,
}

/// A proof whose claims the oracle has confirmed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified<F> {
    instance: PublicInstance,
    claimed_sums: Vec<F>,
}

impl<F: WeightField> PendingClaims<F> {
    /// The claimed sum of each statement.
    #[must_use]
    pub fn claimed_sums(&self) -> &[F] {
        &self.claimed_sums
    }

    /// The point of eq, variable 0 first, if rows are weighted: drawn from the transcript, or the one
    /// that [`verify_at`] was given.
    #[must_use]
    pub fn tau(&self) -> Option<&[F]> {
        self.tau.as_deref()
    }

    /// The point of the claims, variable 0 first, in whatever order variables were bound.
    #[must_use]
    pub fn point(&self) -> &[F] {
        &self.point
    }

    /// For each column of the batch its claimed value at the point.
    #[must_use]
    pub fn claims(&self) -> &[(ColumnId, F)] {
        &self.claims
    }

    /// Settles the claims: one sweep over the oracle.
    ///
    /// # Errors
    /// [`VerifyError::Claim`] if one is wrong, or what the oracle says.
    pub fn check<O: PolynomialOracle>(
        self,
        oracle: &O,
        kernels: Kernels<F>,
    ) -> Result<Verified<F>, VerifyError> {
        let (actual, expected) = (oracle.num_vars(), self.point.len());
        if actual != expected {
            return Err(VerifyError::Length {
                what: "variables",
                actual: expected,
                expected: actual,
            });
        }
        let set: ColumnSet = self.claims.iter().map(|(id, _)| *id).collect();
        let values = evaluate_columns(oracle, kernels, set, &self.point)?;
        for ((id, claimed), value) in self.claims.iter().zip(values) {
            if *claimed != value {
                let column = oracle.column_names()[id.index()].to_owned();
                return Err(VerifyError::Claim { column });
            }
        }
        Ok(Verified {
            instance: self.instance,
            claimed_sums: self.claimed_sums,
        })
    }
}

impl<F> Verified<F> {
    /// The facts that were proven about.
    #[must_use]
    pub fn instance(&self) -> &PublicInstance {
        &self.instance
    }

    /// The sums that were proven, one a statement.
    #[must_use]
    pub fn claimed_sums(&self) -> &[F] {
        &self.claimed_sums
    }
}

/// Checks `proof` against the facts in `instance`, for an oracle with these column names.
///
/// # Errors
/// [`VerifyError`].
pub fn verify<F: WeightField>(
    proof: &Proof<F>,
    instance: &PublicInstance,
    column_names: &[&str],
) -> Result<PendingClaims<F>, VerifyError> {
    verify_proof(proof, instance, column_names, None)
}

/// [`verify`] for a proof made [at a given point](super::SumCheckProver::at_point): rows are weighted
/// with eq of `tau`, variable 0 first, which an earlier proof has left claims about.
///
/// # Errors
/// [`VerifyError`].
pub fn verify_at<F: WeightField>(
    proof: &Proof<F>,
    instance: &PublicInstance,
    column_names: &[&str],
    tau: &[F],
) -> Result<PendingClaims<F>, VerifyError> {
    check_length("variables", proof.instance.num_vars as usize, tau.len())?;
    verify_proof(proof, instance, column_names, Some(tau))
}

fn verify_proof<F: WeightField>(
    proof: &Proof<F>,
    instance: &PublicInstance,
    column_names: &[&str],
    tau: Option<&[F]>,
) -> Result<PendingClaims<F>, VerifyError> {
    check_instance(&proof.instance, instance)?;
    let batch = &proof.batch;
    batch.check(column_names.len())?;
    let columns: Vec<ColumnId> = batch.columns().iter().collect();
    let statements = batch.statements.len();
    check_length("rounds", proof.rounds.len(), instance.num_vars as usize)?;
    check_length("sums", proof.claimed_sums.len(), statements)?;
    check_length("openings", proof.openings.len(), columns.len())?;

    let (mut transcript, tau) = open_transcript(instance, batch, column_names, tau);
    let mixers = absorb_sums(&mut transcript, &proof.claimed_sums);
    let mut claim = mix(&mixers, proof.claimed_sums.iter().copied());
    let mut point = Vec::with_capacity(proof.rounds.len());
    for message in &proof.rounds {
        check_length("values in a round", message.len(), batch.eval_points() - 1)?;
        transcript.absorb_field("round", message);
        let challenge = transcript.challenge("round");
        // The value at 1 is what makes the round polynomial sum to the claim.
        let mut values = message.clone();
        values.insert(1, claim - message[0]);
        claim = evaluate_at(&values, challenge);
        point.push(challenge);
    }
    let openings = proof.openings.iter().copied();
    let claims: Vec<(ColumnId, F)> = columns.into_iter().zip(openings).collect();
    let weight = |statement: &Statement| match (statement.weight, &tau) {
        (RowWeight::Eq, Some(tau)) => eq_points(tau, &point),
        (RowWeight::EqPlusOne, Some(tau)) => eq_plus_one_points(tau, &point),
        _ => F::ONE,
    };
    let values = batch.statements.iter();
    let values = values.map(|one| weight(one) * evaluate_statement(one, &claims));
    if mix(&mixers, values) != claim {
        return Err(VerifyError::FinalSum);
    }
    Ok(PendingClaims {
        instance: *instance,
        claimed_sums: proof.claimed_sums.clone(),
        tau,
        point,
        claims,
    })
}

/// The beginning that prover and verifier share: public facts and statements in, tau out, which is
/// `given` or else drawn.
pub(super) fn open_transcript<F: WeightField>(
    instance: &PublicInstance,
    batch: &Batch,
    column_names: &[&str],
    given: Option<&[F]>,
) -> (SpongeTranscript, Option<Vec<F>>) {
    const {
        assert!(
            F::CHALLENGE_BITS >= 120,
            "a challenge hits a bad value with probability below 2^-120 times the degree"
        );
    }
    let mut transcript = SpongeTranscript::new();
    transcript.absorb_bytes("field", &field_id::<F>());
    transcript.absorb_bytes("instance", &instance.to_bytes());
    transcript.absorb_bytes("batch", &batch.to_bytes());
    for id in batch.columns().iter() {
        transcript.absorb_bytes("column", column_names[id.index()].as_bytes());
    }
    let tau = match given {
        _ if !batch.is_weighted() => None,
        Some(tau) => {
            transcript.absorb_field("tau", tau);
            Some(tau.to_vec())
        }
        None => {
            let coordinates = 0..instance.num_vars;
            Some(coordinates.map(|_| transcript.challenge("tau")).collect())
        }
    };
    (transcript, tau)
}

/// Sums in, what each statement is multiplied with out: 1, then a challenge each.
pub(super) fn absorb_sums<F: WeightField>(transcript: &mut SpongeTranscript, sums: &[F]) -> Vec<F> {
    transcript.absorb_field("claimed sums", sums);
    let challenges = (1..sums.len()).map(|_| transcript.challenge("statement"));
    std::iter::once(F::ONE).chain(challenges).collect()
}

/// The batched value of one value a statement.
pub(super) fn mix<F: WeightField>(mixers: &[F], values: impl Iterator<Item = F>) -> F {
    mixers.iter().zip(values).map(|(m, value)| *m * value).sum()
}

/// The statement's sum of products, without its weight, for given values of its columns.
fn evaluate_statement<F: WeightField>(statement: &Statement, claims: &[(ColumnId, F)]) -> F {
    let value = |id: ColumnId| {
        claims
            .iter()
            .find(|(other, _)| *other == id)
            .map_or(F::ZERO, |(_, value)| *value)
    };
    let form = |form: &LinearForm| {
        let terms = form
            .terms
            .iter()
            .map(|(id, coefficient)| F::from(*coefficient) * value(*id));
        F::from(form.constant) + terms.sum::<F>()
    };
    let products = statement.products.iter();
    products
        .map(|p| F::from(p.coefficient) * p.factors.iter().map(form).product::<F>())
        .sum()
}

fn check_instance(proof: &PublicInstance, own: &PublicInstance) -> Result<(), VerifyError> {
    let facts = [
        ("program", proof.program_digest == own.program_digest),
        ("input", proof.input_digest == own.input_digest),
        ("output", proof.output_digest == own.output_digest),
        ("exit code", proof.exit_code == own.exit_code),
        ("number of cycles", proof.cycles == own.cycles),
        ("padded length", proof.num_vars == own.num_vars),
    ];
    match facts.into_iter().find(|(_, equal)| !equal) {
        Some((what, _)) => Err(VerifyError::Instance { what }),
        None => Ok(()),
    }
}

fn check_length(what: &'static str, actual: usize, expected: usize) -> Result<(), VerifyError> {
    if actual == expected {
        Ok(())
    } else {
        Err(VerifyError::Length {
            what,
            actual,
            expected,
        })
    }
}
