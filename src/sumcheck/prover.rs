//! The prover: one driver that owns the transcript; sweeps and tables only give it sums.
//!
//! In: an oracle, a batch of statements, public facts. Out: a [`Proof`]. Low variables are bound
//! first.

use tracelane_kernels::{Kernels, WeightField};

use super::block::{BatchPlan, Place, Plan};
use super::cost::CostModel;
use super::next::{NextRounds, NextWeights};
use super::proof::{Proof, PublicInstance};
use super::round_poly::{digit_weights, evaluate_at};
use super::schedule::{Schedule, ScheduleInputs};
use super::statement::{Batch, Statement, StatementError};
use super::tables::{Before, Tables};
use super::verifier::{absorb_sums, mix, open_transcript};
use super::window::sweep_window;
use crate::oracle::{OracleError, PolynomialOracle};
use crate::trace::columns::{ColumnId, ColumnSet};
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
    batch: Batch,
    instance: PublicInstance,
    kernels: Kernels<F>,
    schedule: Option<Schedule>,
    memory_bytes: Option<u64>,
    costs: CostModel,
    point: Option<Vec<F>>,
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
        Self::for_batch(num_vars, Batch::of(statement))
    }

    /// A prover for several statements over 2^`num_vars` rows, batched by random coefficients: they
    /// share every sweep, every round and the point.
    #[must_use]
    pub fn for_batch(num_vars: usize, batch: Batch) -> Self {
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
            batch,
            instance,
            kernels: Kernels::detect(),
            schedule,
            memory_bytes,
            costs: CostModel::committed::<F>(),
            point: None,
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

    /// The same, with at most `bytes` of tables, weights and sums, where the cheapest schedule that
    /// keeps to them is chosen. They are about the square root of the rows unless given.
    #[must_use]
    pub fn with_memory_bytes(mut self, bytes: u64) -> Self {
        self.memory_bytes = Some(bytes);
        self
    }

    /// The same, with schedules chosen by other costs than the committed ones.
    #[must_use]
    pub fn with_costs(mut self, costs: CostModel) -> Self {
        self.costs = costs;
        self
    }

    /// The same, with the values of `columns` at the point claimed too. They cost no sweep.
    #[must_use]
    pub fn with_openings(mut self, columns: ColumnSet) -> Self {
        self.batch.extra = columns;
        self
    }

    /// The same, with rows weighted by eq of a given point, variable 0 first, instead of one drawn
    /// from the transcript: what claims at a point are reduced with. See
    /// [`verify_at`](super::verify_at).
    #[must_use]
    pub fn at_point(mut self, tau: Vec<F>) -> Self {
        self.point = Some(tau);
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
        self.prove_sums(oracle, &[claimed_sum])
    }

    /// [`prove`](SumCheckProver::prove) for a batch: one sum a statement.
    ///
    /// # Errors
    /// [`ProveError::ClaimedSum`] if one is wrong, or what the oracle says.
    pub fn prove_sums<O: PolynomialOracle>(
        &self,
        oracle: &O,
        claimed_sums: &[F],
    ) -> Result<Proof<F>, ProveError> {
        self.prove_sum(oracle, Some(claimed_sums))
    }

    /// Proves whatever the sums are. With an eq factor nobody knows them beforehand: the point is
    /// drawn after the statements are fixed.
    ///
    /// # Errors
    /// What the oracle says.
    pub fn prove_actual<O: PolynomialOracle>(&self, oracle: &O) -> Result<Proof<F>, ProveError> {
        self.prove_sum(oracle, None)
    }

    fn prove_sum<O: PolynomialOracle>(
        &self,
        oracle: &O,
        claimed_sums: Option<&[F]>,
    ) -> Result<Proof<F>, ProveError> {
        let (actual, expected) = (oracle.num_vars(), self.num_vars);
        let given = self.point.as_ref().map_or(expected, Vec::len);
        if actual != expected || given != expected {
            let actual = if actual == expected { given } else { actual };
            return Err(ProveError::NumVars { actual, expected });
        }
        let names = oracle.column_names();
        self.batch.check(names.len())?;
        let plan = BatchPlan::new(&self.batch);
        let point = self.point.as_deref();
        let (transcript, tau) = open_transcript(&self.instance, &self.batch, names, point);
        let schedule = self.schedule_for(oracle);
        let streamed = schedule.streamed();
        let next_weights = match &tau {
            Some(tau) if !plan.nexts.is_empty() => Some(NextWeights::new(tau, streamed)),
            _ => None,
        };
        let kernels = self.kernels;
        let mut rounds = Rounds::new(&self.batch, &plan, transcript, tau, kernels, claimed_sums);
        for &window in &schedule.windows {
            let bound = &rounds.point;
            let next = next_weights.as_ref().filter(|_| bound.is_empty());
            if plan.grids.is_empty() && next.is_none() {
                rounds.window(vec![], window)?;
                continue;
            }
            let tau = rounds.tau_from(bound.len() + window);
            let sums = sweep_window(oracle, kernels, &plan, bound, window, tau, next)?;
            if next.is_some() {
                rounds.nexts = sums.nexts;
            }
            rounds.window(sums.grids, window)?;
        }
        let mut tables = Tables::materialise(oracle, kernels, &plan, &rounds.point)?;
        if let Some(weights) = &next_weights {
            let low = |index| rounds.nexts.get(index);
            let high = plan.nexts.iter().enumerate().map(|(index, one)| {
                NextRounds::high(low(index), one, weights, |slot| tables.column(slot))
            });
            rounds.nexts = high.collect();
        }
        let mut unbound = None;
        while rounds.point.len() < self.num_vars {
            let before = Before {
                tau: rounds.tau_from(rounds.point.len()),
                claims: rounds.claims.as_deref(),
            };
            let sums = tables.round(kernels, &plan, unbound, &before);
            rounds.window(sums, 1)?;
            unbound = rounds.point.last().copied();
        }
        Ok(Proof {
            instance: self.instance,
            batch: self.batch.clone(),
            claimed_sums: rounds.claimed_sums,
            rounds: rounds.messages,
            openings: tables.openings(kernels, unbound),
        })
    }

    /// The schedule that [`prove`](SumCheckProver::prove) will use on `oracle`.
    ///
    /// # Panics
    /// If a schedule was given that has more rounds than there are variables.
    pub fn schedule_for<O: PolynomialOracle>(&self, oracle: &O) -> Schedule {
        let chosen = self.schedule.clone().unwrap_or_else(|| {
            Schedule::new(
                &self.schedule_inputs(oracle.chunk_rows().get(), 1),
                &self.costs,
            )
        });
        assert!(
            chosen.streamed() <= self.num_vars,
            "windows for at most all variables"
        );
        chosen
    }

    /// What schedules and predictions are made from, for sweeps by `workers` workers over chunks of
    /// `chunk_rows` rows.
    ///
    /// # Panics
    /// If the batch is not sound, which [`prove`](Self::prove) answers with an error.
    #[must_use]
    pub fn schedule_inputs(&self, chunk_rows: usize, workers: usize) -> ScheduleInputs {
        ScheduleInputs::new::<F>(
            &self.batch,
            self.num_vars,
            self.instance.cycles,
            self.memory_bytes,
            chunk_rows,
            workers,
        )
    }
}

/// The rounds so far, and the one transcript.
struct Rounds<'a, F: WeightField> {
    batch: &'a Batch,
    plan: &'a BatchPlan<F>,
    kernels: Kernels<F>,
    transcript: SpongeTranscript,
    tau: Option<Vec<F>>,
    /// eq of the bound variables.
    scale: F,
    /// What the caller says the sums are.
    expected_sums: Option<&'a [F]>,
    claimed_sums: Vec<F>,
    /// What each statement is multiplied with; empty before the sums are known.
    mixers: Vec<F>,
    /// What the next sums of each statement on grids come to.
    claims: Option<Vec<F>>,
    nexts: Vec<NextRounds<F>>,
    messages: Vec<Vec<F>>,
    point: Vec<F>,
}

impl<'a, F: WeightField> Rounds<'a, F> {
    fn new(
        batch: &'a Batch,
        plan: &'a BatchPlan<F>,
        transcript: SpongeTranscript,
        tau: Option<Vec<F>>,
        kernels: Kernels<F>,
        expected_sums: Option<&'a [F]>,
    ) -> Self {
        Self {
            batch,
            plan,
            kernels,
            transcript,
            tau,
            scale: F::ONE,
            expected_sums,
            claimed_sums: Vec::new(),
            mixers: Vec::new(),
            claims: None,
            nexts: Vec::new(),
            messages: Vec::new(),
            point: Vec::new(),
        }
    }

    /// eq's coordinates from variable `first` on.
    fn tau_from(&self, first: usize) -> Option<&[F]> {
        self.tau.as_ref().map(|tau| &tau[first..])
    }

    /// Plays the rounds of a window whose grid sums are `sums`, one vector a statement on grids.
    fn window(&mut self, mut sums: Vec<Vec<F>>, window: usize) -> Result<(), ProveError> {
        for rest in (0..window).rev() {
            let digits = sums.iter().zip(&self.plan.grids);
            let digits: Vec<Vec<F>> = digits
                .map(|(sums, plan)| self.digits(plan, sums, rest))
                .collect();
            let challenge = self.round(&digits)?;
            for (sums, plan) in sums.iter_mut().zip(&self.plan.grids) {
                let weights = digit_weights(plan.degree, challenge);
                let bound = sums.chunks_exact(plan.degree + 1);
                *sums = bound.map(|digits| dot(digits, &weights)).collect();
            }
        }
        Ok(())
    }

    /// The sums of the first variable's digits over the cube of the `rest` variables behind it.
    fn digits(&self, plan: &Plan<F>, sums: &[F], rest: usize) -> Vec<F> {
        let base = plan.degree + 1;
        let behind = self.point.len() + 1;
        let tau = self.tau_from(behind).filter(|_| plan.eq);
        let mut digits = vec![F::ZERO; base];
        for corner in 0..1usize << rest {
            let bit = |variable: usize| corner >> variable & 1;
            let place: usize = (0..rest).map(|v| bit(v) * base.pow(v as u32 + 1)).sum();
            let weight = tau.map_or(F::ONE, |tau| {
                let factor = |(v, t): (usize, &F)| if bit(v) == 1 { *t } else { F::ONE - t };
                tau[..rest].iter().enumerate().map(factor).product()
            });
            for (digit, sum) in digits.iter_mut().zip(&sums[place..place + base]) {
                *digit += weight * sum;
            }
        }
        digits
    }

    /// One round: message out, challenge in. `digits` are those of the statements on grids.
    fn round(&mut self, digits: &[Vec<F>]) -> Result<F, ProveError> {
        let next_digits: Vec<[F; 3]> = self.nexts.iter().map(NextRounds::digits).collect();
        let tau = self.tau.as_ref().map(|tau| tau[self.point.len()]);
        let eq = |x: F| tau.map_or(F::ONE, |t| t * x + (F::ONE - t) * (F::ONE - x));
        let value = |place: &Place, x: F| match *place {
            Place::Grid(index) => {
                let plan = &self.plan.grids[index];
                let value = dot(&digits[index], &digit_weights(plan.degree, x));
                let weight = if plan.eq { self.scale * eq(x) } else { F::ONE };
                weight * value
            }
            Place::Next(index) => dot(&next_digits[index], &digit_weights(2, x)),
        };
        if self.point.is_empty() {
            let places = self.plan.places.iter();
            let sums = places.map(|place| value(place, F::ZERO) + value(place, F::ONE));
            self.claimed_sums = sums.collect();
            if self
                .expected_sums
                .is_some_and(|sums| sums != self.claimed_sums)
            {
                return Err(ProveError::ClaimedSum);
            }
            self.mixers = absorb_sums(&mut self.transcript, &self.claimed_sums);
        }
        let values: Vec<F> = (0..self.batch.eval_points() as u64)
            .map(|x| {
                let values = self.plan.places.iter();
                mix(&self.mixers, values.map(|place| value(place, F::from(x))))
            })
            .collect();
        let message: Vec<F> = [&values[..1], &values[2..]].concat();
        self.transcript.absorb_field("round", &message);
        let challenge = self.transcript.challenge("round");
        debug_assert_eq!(
            evaluate_at(&values, F::ONE),
            values[1],
            "values describe one polynomial"
        );
        let grids = self.plan.grids.iter().zip(digits);
        let claims =
            grids.map(|(plan, digits)| dot(digits, &digit_weights(plan.degree, challenge)));
        self.claims = Some(claims.collect());
        for next in &mut self.nexts {
            next.bind(self.kernels, challenge);
        }
        self.messages.push(message);
        self.scale *= eq(challenge);
        self.point.push(challenge);
        Ok(challenge)
    }
}

fn dot<F: WeightField>(values: &[F], weights: &[F]) -> F {
    let products = values.iter().zip(weights);
    products.map(|(value, weight)| *value * weight).sum()
}
