//! The verifier: checks what a proof says, and hands back what only the oracle can tell.
//!
//! In: a proof, and what the verifier itself says must be proven: public facts, a batch, columns'
//! names. Out: [`PendingClaims`], which an oracle turns into [`Verified`]. There is no other way to a
//! `Verified`: the final check can't be left out. Of the prover's code it uses the order of the
//! transcript (`conversation`) and the data types; its arithmetic is its own.

use tracelane_kernels::{Kernels, WeightField};

use super::conversation;
use super::order::BindingOrder;
use super::proof::{Proof, PublicInstance};
use super::statement::{Batch, LinearForm, RowWeight, Statement, StatementError};
use crate::limits::VARIABLE_COUNT_MAX;
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
    /// The proof is about other statements, or opens other columns, than the verifier expects.
    #[error("the proof is about another statement")]
    Batch,
    /// What the verifier expects is no sound batch.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// A point was given for statements that weigh no rows.
    #[error("a point was given, but no statement weighs rows; verify without one")]
    Point,
    /// No variables, or more than can be proven.
    #[error("{actual} variables, expected 1 to {max}")]
    VariableCount {
        /// How many there are.
        actual: usize,
        /// Limit.
        max: usize,
    },
    /// The number of sums, of the messages' values or of openings is wrong.
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
    /// The oracle is of another run than the proof.
    #[error("the oracle's {what} is not the proof's")]
    OtherRun {
        /// What differs.
        what: &'static str,
    },
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
    verified: Verified<F>,
    tau: Option<Vec<F>>,
    point: Vec<F>,
    claims: Vec<(ColumnId, F)>,
    /// The names of the claims' columns.
    names: Vec<String>,
}

/// A proof whose claims the oracle has confirmed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified<F> {
    instance: PublicInstance,
    batch: Batch,
    claimed_sums: Vec<F>,
}

impl<F: WeightField> PendingClaims<F> {
    /// What is claimed: the batch that the verifier expected.
    #[must_use]
    pub fn batch(&self) -> &Batch {
        &self.verified.batch
    }

    /// The claimed sum of each statement.
    #[must_use]
    pub fn claimed_sums(&self) -> &[F] {
        &self.verified.claimed_sums
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

    /// Settles the claims: one sweep over the oracle, which must have the columns' names, and be of
    /// the run if it [says](PolynomialOracle::run) what it is of.
    ///
    /// # Errors
    /// [`VerifyError::OtherRun`] for another run's oracle, [`VerifyError::Claim`] if a claim is wrong, or
    /// what the oracle says.
    pub fn check<O: PolynomialOracle>(
        self,
        oracle: &O,
        kernels: Kernels<F>,
    ) -> Result<Verified<F>, VerifyError> {
        self.check_oracle(oracle)?;
        let set: ColumnSet = self.claims.iter().map(|(id, _)| *id).collect();
        let values = evaluate_columns(oracle, kernels, set, &self.point)?;
        let claims = self.claims.iter().zip(self.names);
        for (((_, claimed), column), value) in claims.zip(values) {
            if *claimed != value {
                return Err(VerifyError::Claim { column });
            }
        }
        Ok(self.verified)
    }

    fn check_oracle<O: PolynomialOracle>(&self, oracle: &O) -> Result<(), VerifyError> {
        let names = oracle.column_names();
        let mut claims = self.claims.iter().zip(&self.names);
        let named = claims.all(|((id, _), name)| names.get(id.index()) == Some(&name.as_str()));
        let own = &self.verified.instance;
        let run = oracle.run();
        let identity = run.map(|(identity, _)| (identity.program_digest, identity.input_digest));
        let output = run.map(|(_, summary)| (summary.output_digest, summary.exit_code));
        let cycles = run.map(|(_, summary)| summary.cycles);
        // An oracle that does not say what it is of is taken at its columns' word.
        let facts = [
            ("number of variables", oracle.num_vars() == self.point.len()),
            ("column names", named),
            (
                "program or input",
                identity.is_none_or(|one| one == (own.program_digest, own.input_digest)),
            ),
            (
                "output or exit code",
                output.is_none_or(|one| one == (own.output_digest, own.exit_code)),
            ),
            (
                "number of cycles",
                cycles.is_none_or(|one| one == own.cycles),
            ),
        ];
        match facts.into_iter().find(|(_, equal)| !equal) {
            Some((what, _)) => Err(VerifyError::OtherRun { what }),
            None => Ok(()),
        }
    }
}

impl<F> Verified<F> {
    /// The facts that were proven about.
    #[must_use]
    pub fn instance(&self) -> &PublicInstance {
        &self.instance
    }

    /// What was proven: the batch that the verifier expected.
    #[must_use]
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// The sums that were proven, one a statement.
    #[must_use]
    pub fn claimed_sums(&self) -> &[F] {
        &self.claimed_sums
    }
}

/// Checks that `proof` is one of `batch` about the facts in `instance`, for an oracle with these column
/// names. A proof of anything else is refused, however honest.
///
/// # Errors
/// [`VerifyError`].
pub fn verify<F: WeightField>(
    proof: &Proof<F>,
    instance: &PublicInstance,
    batch: &Batch,
    column_names: &[&str],
) -> Result<PendingClaims<F>, VerifyError> {
    let transcript = &mut SpongeTranscript::new();
    verify_in(transcript, proof, instance, batch, column_names, None)
}

/// [`verify`] for a proof made [at a given point](super::SumCheckProver::at_point): rows are weighted
/// with eq of `tau`, variable 0 first, which an earlier proof has left claims about.
///
/// # Errors
/// [`VerifyError`]; [`VerifyError::Point`] if no statement weighs rows.
pub fn verify_at<F: WeightField>(
    proof: &Proof<F>,
    instance: &PublicInstance,
    batch: &Batch,
    column_names: &[&str],
    tau: &[F],
) -> Result<PendingClaims<F>, VerifyError> {
    let transcript = &mut SpongeTranscript::new();
    verify_in(transcript, proof, instance, batch, column_names, Some(tau))
}

/// [`verify`], or [`verify_at`] if there is a `tau`, in a transcript that goes on: what was absorbed
/// before binds this proof, and this proof, openings included, what is drawn behind it. Its prover is
/// [`prove_in`](super::SumCheckProver::prove_in).
///
/// # Errors
/// [`VerifyError`]; the transcript is of no use then.
pub fn verify_in<F: WeightField, T: Transcript>(
    transcript: &mut T,
    proof: &Proof<F>,
    instance: &PublicInstance,
    batch: &Batch,
    column_names: &[&str],
    tau: Option<&[F]>,
) -> Result<PendingClaims<F>, VerifyError> {
    batch.check(column_names.len())?;
    check_instance(&proof.instance, instance)?;
    let (num_vars, max) = (instance.num_vars as usize, VARIABLE_COUNT_MAX);
    if !(1..=max).contains(&num_vars) {
        let actual = num_vars;
        return Err(VerifyError::VariableCount { actual, max });
    }
    if proof.batch.as_bytes() != batch.to_bytes() {
        return Err(VerifyError::Batch);
    }
    if let Some(tau) = tau {
        if !batch.is_weighted() {
            return Err(VerifyError::Point);
        }
        check_length("variables", num_vars, tau.len())?;
    }
    let columns: Vec<ColumnId> = batch.columns().iter().collect();
    let message_values = batch.eval_points() - 1;
    let values = num_vars * message_values;
    check_length("values in its rounds", proof.messages.len(), values)?;
    let statements = batch.statements.len();
    check_length("sums", proof.claimed_sums.len(), statements)?;
    check_length("openings", proof.openings.len(), columns.len())?;

    let tau = conversation::open(transcript, instance, batch, column_names, tau);
    let mixers = conversation::sums(transcript, &proof.claimed_sums);
    let mut claim = mix(&mixers, proof.claimed_sums.iter().copied());
    let mut point = Vec::with_capacity(num_vars);
    for message in proof.messages.chunks_exact(message_values) {
        let challenge = conversation::round(transcript, message);
        claim = next_claim(claim, message, challenge);
        point.push(challenge);
    }
    conversation::close(transcript, &proof.openings);
    let names = columns.iter().map(|id| column_names[id.index()].to_owned());
    let names = names.collect();
    let point = BindingOrder::default().point(&point);
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
        verified: Verified {
            instance: *instance,
            batch: batch.clone(),
            claimed_sums: proof.claimed_sums.clone(),
        },
        tau,
        point,
        claims,
        names,
    })
}

/// The batched value of one value a statement.
fn mix<F: WeightField>(mixers: &[F], values: impl Iterator<Item = F>) -> F {
    mixers.iter().zip(values).map(|(m, value)| *m * value).sum()
}

/// The value at `x` of the round polynomial that has the message's values at 0, 2, 3, ..., and sums to
/// `claim` over 0 and 1: Newton's forward differences.
fn next_claim<F: WeightField>(claim: F, message: &[F], x: F) -> F {
    let mut differences = message.to_vec();
    differences.insert(1, claim - message[0]);
    // x choose k.
    let (mut sum, mut binomial) = (F::ZERO, F::ONE);
    for k in 0..=message.len() {
        sum += binomial * differences[0];
        for j in 0..message.len() - k {
            differences[j] = differences[j + 1] - differences[j];
        }
        let below = F::from(k as u64 + 1).inverse();
        binomial *= (x - F::from(k as u64)) * below.expect("a small number is not zero");
    }
    sum
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
