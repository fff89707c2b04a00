//! The prover: one driver that owns the transcript; sweeps and tables only give it sums.
//!
//! In: an oracle, a statement, public facts. Out: a [`Proof`]. Low variables are bound first.

use tracelane_kernels::{Kernels, WeightField};

use super::block::Plan;
use super::proof::{Proof, PublicInstance};
use super::round_poly::{digit_weights, evaluate_at};
use super::schedule::{Schedule, ScheduleInputs};
use super::statement::{Statement, StatementError};
use super::tables::Tables;
use super::verifier::open_transcript;
use super::window::{integers_fit, sweep_window};
use crate::oracle::{OracleError, PolynomialOracle};
use crate::trace::columns::ColumnId;
use crate::transcript::{SpongeTranscript, Transcript};

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The statement is none.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The oracle could not answer.
    #[error(transparent)]
    Oracle(#[from] OracleError),
    /// The columns do not sum to what was claimed.
    #[error("the columns do not sum to the claimed value; claim the right sum or leave it out")]
    ClaimedSum,
    /// The prover was made for another number of variables.
    #[error("the oracle has {actual} variables, the prover was made for {expected}")]
    NumVars {
        /// The oracle's.
        actual: usize,
        /// The prover's.
        expected: usize,
    },
}

/// Proves sums of products of columns.
#[derive(Clone, Debug)]
pub struct SumCheckProver<F: WeightField> {
    num_vars: usize,
    statement: Statement,
    instance: PublicInstance,
    kernels: Kernels<F>,
    schedule: Option<Schedule>,
    memory_bytes: Option<u64>,
}

impl<F: WeightField> SumCheckProver<F> {
    /// A prover for the sum over 2^`num_vars` rows of the product of an oracle's first `num_polys`
    /// columns, with round polynomials given at `eval_points` points.
    #[must_use]
    pub fn new(num_vars: usize, num_polys: usize, eval_points: usize) -> Self {
        let columns: Vec<ColumnId> = (0..num_polys).map(ColumnId::new).collect();
        let statement = Statement {
            eval_points,
            ..Statement::product(&columns, false)
        };
        Self::for_statement(num_vars, statement)
    }

    /// A prover for `statement` over 2^`num_vars` rows.
    #[must_use]
    pub fn for_statement(num_vars: usize, statement: Statement) -> Self {
        let instance = PublicInstance {
            program_digest: [0; 32],
            input_digest: [0; 32],
            output_digest: [0; 32],
            exit_code: 0,
            cycles: 1 << num_vars,
            num_vars: num_vars as u32,
        };
        let (schedule, memory_bytes) = (None, None);
        Self {
            num_vars,
            statement,
            instance,
            kernels: Kernels::detect(),
            schedule,
            memory_bytes,
        }
    }

    /// The same, about a run with these public facts.
    #[must_use]
    pub fn with_instance(mut self, instance: PublicInstance) -> Self {
        self.instance = instance;
        self
    }

    /// The same, with other kernels than the fastest ones of this processor.
    #[must_use]
    pub fn with_kernels(mut self, kernels: Kernels<F>) -> Self {
        self.kernels = kernels;
        self
    }

    /// The same, with a given schedule instead of the cheapest one.
    #[must_use]
    pub fn with_schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = Some(schedule);
        self
    }

    /// The same, with tables of at most `bytes` after the switch to memory.
    #[must_use]
    pub fn with_memory_bytes(mut self, bytes: u64) -> Self {
        self.memory_bytes = Some(bytes);
        self
    }

    /// Proves that the statement's sum is `claimed_sum`.
    ///
    /// # Errors
    /// [`ProveError::ClaimedSum`] if it is not, or what the oracle says.
    pub fn prove<O: PolynomialOracle>(
        &self,
        oracle: &O,
        claimed_sum: F,
    ) -> Result<Proof<F>, ProveError> {
        self.prove_sum(oracle, Some(claimed_sum))
    }

    /// Proves whatever the statement's sum is. With an eq factor nobody knows it beforehand: the
    /// point is drawn after the statement is fixed.
    ///
    /// # Errors
    /// What the oracle says.
    pub fn prove_actual<O: PolynomialOracle>(&self, oracle: &O) -> Result<Proof<F>, ProveError> {
        self.prove_sum(oracle, None)
    }

    fn prove_sum<O: PolynomialOracle>(
        &self,
        oracle: &O,
        claimed_sum: Option<F>,
    ) -> Result<Proof<F>, ProveError> {
        let (actual, expected) = (oracle.num_vars(), self.num_vars);
        if actual != expected {
            return Err(ProveError::NumVars { actual, expected });
        }
        self.statement.check(oracle.column_names().len())?;
        let plan = Plan::new(&self.statement);
        let names = oracle.column_names();
        let (transcript, tau) = open_transcript(&self.instance, &self.statement, names);
        let mut rounds = Rounds {
            statement: &self.statement,
            degree: plan.degree,
            transcript,
            tau,
            scale: F::ONE,
            claimed_sum,
            messages: Vec::with_capacity(self.num_vars),
            point: Vec::with_capacity(self.num_vars),
        };
        for &window in &self.schedule_for(oracle, &plan).windows {
            let tau = rounds.tau_behind(window);
            let sums = sweep_window(oracle, self.kernels, &plan, &rounds.point, window, tau)?;
            rounds.window(sums, window)?;
        }
        let mut tables = Tables::materialise(oracle, self.kernels, &plan, &rounds.point)?;
        while rounds.point.len() < self.num_vars {
            let sums = tables.round_sums(self.kernels, &plan, rounds.tau_behind(1));
            rounds.window(sums, 1)?;
            tables.bind(self.kernels, rounds.point[rounds.point.len() - 1]);
        }
        Ok(Proof {
            instance: self.instance,
            statement: self.statement.clone(),
            claimed_sum: rounds.claimed_sum.unwrap_or(F::ZERO),
            rounds: rounds.messages,
            openings: tables.openings(),
        })
    }

    /// The schedule that [`prove`](SumCheckProver::prove) will use on `oracle`.
    fn schedule_for<O: PolynomialOracle>(&self, oracle: &O, plan: &Plan<F>) -> Schedule {
        let chosen = self.schedule.clone().unwrap_or_else(|| {
            Schedule::new(&ScheduleInputs {
                num_vars: self.num_vars,
                column_count: plan.columns.len(),
                degree: plan.degree,
                product_count: plan.products.len(),
                element_bytes: size_of::<F>(),
                memory_bytes: self.memory_bytes,
                integers: integers_fit(plan, 1, oracle.chunk_rows().get()),
            })
        });
        assert!(
            chosen.streamed() <= self.num_vars,
            "windows for at most all variables"
        );
        chosen
    }
}

/// The rounds so far, and the one transcript.
struct Rounds<'a, F> {
    statement: &'a Statement,
    degree: usize,
    transcript: SpongeTranscript,
    tau: Option<Vec<F>>,
    /// eq of the bound variables.
    scale: F,
    claimed_sum: Option<F>,
    messages: Vec<Vec<F>>,
    point: Vec<F>,
}

impl<F: WeightField> Rounds<'_, F> {
    /// eq's coordinates behind the next `count` variables.
    fn tau_behind(&self, count: usize) -> Option<&[F]> {
        self.tau
            .as_ref()
            .map(|tau| &tau[self.point.len() + count..])
    }

    /// Plays the rounds of a window whose grid sums are `sums`.
    fn window(&mut self, mut sums: Vec<F>, window: usize) -> Result<(), ProveError> {
        for rest in (0..window).rev() {
            let digits = self.digits(&sums, rest);
            let challenge = self.round(&digits)?;
            let weights = digit_weights(self.degree, challenge);
            let bound = sums.chunks_exact(self.degree + 1).map(|digits| {
                digits
                    .iter()
                    .zip(&weights)
                    .map(|(digit, weight)| *digit * weight)
                    .sum()
            });
            sums = bound.collect();
        }
        Ok(())
    }

    /// The sums of the first variable's digits over the cube of the `rest` variables behind it.
    fn digits(&self, sums: &[F], rest: usize) -> Vec<F> {
        let base = self.degree + 1;
        let behind = self.point.len() + 1;
        let tau = self.tau.as_ref().map(|tau| &tau[behind..behind + rest]);
        let mut digits = vec![F::ZERO; base];
        for corner in 0..1usize << rest {
            let bit = |variable: usize| corner >> variable & 1;
            let place: usize = (0..rest).map(|v| bit(v) * base.pow(v as u32 + 1)).sum();
            let weight = tau.map_or(F::ONE, |tau| {
                let factor = |(v, t): (usize, &F)| if bit(v) == 1 { *t } else { F::ONE - t };
                tau.iter().enumerate().map(factor).product()
            });
            for (digit, sum) in digits.iter_mut().zip(&sums[place..place + base]) {
                *digit += weight * sum;
            }
        }
        digits
    }

    /// One round: message out, challenge in.
    fn round(&mut self, digits: &[F]) -> Result<F, ProveError> {
        let tau = self.tau.as_ref().map(|tau| tau[self.point.len()]);
        let eq = |x: F| tau.map_or(F::ONE, |t| t * x + (F::ONE - t) * (F::ONE - x));
        let values: Vec<F> = (0..self.statement.eval_points as u64)
            .map(|x| {
                let x = F::from(x);
                let weights = digit_weights(self.degree, x);
                let value: F = digits
                    .iter()
                    .zip(&weights)
                    .map(|(digit, weight)| *digit * weight)
                    .sum();
                self.scale * eq(x) * value
            })
            .collect();
        if self.point.is_empty() {
            let sum = values[0] + values[1];
            if self.claimed_sum.is_some_and(|claimed| claimed != sum) {
                return Err(ProveError::ClaimedSum);
            }
            self.claimed_sum = Some(sum);
            self.transcript.absorb_field("claimed sum", &[sum]);
        }
        let message: Vec<F> = values
            .iter()
            .enumerate()
            .filter(|(x, _)| *x != 1)
            .map(|(_, value)| *value)
            .collect();
        self.transcript.absorb_field("round", &message);
        let challenge = self.transcript.challenge("round");
        debug_assert_eq!(
            evaluate_at(&values, F::ONE),
            values[1],
            "values describe one polynomial"
        );
        self.messages.push(message);
        self.scale *= eq(challenge);
        self.point.push(challenge);
        Ok(challenge)
    }
}
