//! The prover: one driver that owns the transcript; sweeps and tables only give it sums.
//!
//! In: an oracle, a batch of statements, public facts. Out: a [`Proof`]. Low variables are bound
//! first. Every round is held against the one before it: sweeps that contradict each other give no
//! proof.

use tracelane_kernels::{Kernels, WeightField};

use super::block::{BatchPlan, Place, Plan};
use super::conversation;
use super::cost::CostModel;
use super::encoding::EncodedBatch;
use super::forecast::ScheduleInputs;
use super::next::{NextRounds, NextWeights};
use super::order::BindingOrder;
use super::proof::{Proof, PublicInstance};
use super::round_poly::digit_weights;
use super::schedule::{BudgetError, Schedule, WINDOW_MAX};
use super::statement::{Batch, FACTOR_COUNT_MAX, Statement, StatementError};
use super::tables::{Before, Tables};
use super::window::sweep_window;
use crate::limits::VARIABLE_COUNT_MAX;
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
    /// The memory budget is not enough.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// The columns do not sum to what was claimed.
    #[error("the columns do not sum to the claimed value; claim the right sum or leave it out")]
    ClaimedSum,
    /// The oracle, the point or the public facts are of another number of variables.
    #[error("the {what} has {actual} variables, the prover was made for {expected}")]
    NumVars {
        /// What has another number.
        what: &'static str,
        /// Its number.
        actual: usize,
        /// The prover's.
        expected: usize,
    },
    /// No variables, or more than can be proven.
    #[error("{actual} variables, expected 1 to {max}")]
    VariableCount {
        /// How many there are.
        actual: usize,
        /// Limit.
        max: usize,
    },
    /// A point was given for statements that weigh no rows.
    #[error("a point was given, but no statement weighs rows; prove without one")]
    Point,
    /// A window of no rounds, or of more than one sweep can serve or are left.
    #[error("a window of {actual} rounds, expected 1 to {max} here; leave the schedule out")]
    Window {
        /// Its rounds.
        actual: usize,
        /// Most rounds it may have.
        max: usize,
    },
    /// A sweep contradicts the rounds before it.
    #[error(
        "round {round} contradicts the one before: the oracle's columns are not always the same"
    )]
    Contradiction {
        /// The round, counted from 0.
        round: usize,
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
    /// What was wrong from the start.
    defect: Option<StatementError>,
}

impl<F: WeightField> SumCheckProver<F> {
    /// A prover for the sum over 2^`num_vars` rows of the product of an oracle's first `num_polys`
    /// columns, with round polynomials given at `eval_points` points. Whether all that is sound
    /// [`prove`](Self::prove) says.
    #[must_use]
    pub fn new(num_vars: usize, num_polys: usize, eval_points: usize) -> Self {
        let factors = num_polys.min(FACTOR_COUNT_MAX);
        let columns: Vec<ColumnId> = (0..factors).map(ColumnId::new).collect();
        let statement = Statement {
            eval_points,
            ..Statement::product(&columns, false)
        };
        Self {
            defect: (num_polys > factors).then_some(StatementError::Count {
                what: "factors in a product",
                actual: num_polys,
                max: FACTOR_COUNT_MAX,
            }),
            ..Self::for_statement(num_vars, statement)
        }
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
            // More than can be proven is refused before it is used.
            cycles: 1 << num_vars.min(VARIABLE_COUNT_MAX),
            num_vars: u32::try_from(num_vars).unwrap_or(u32::MAX),
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
            defect: None,
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

    /// The same, with at most `bytes` of tables, weights, sums and chunks: the cheapest schedule that
    /// keeps to them is chosen, and there is no proof if none does. Unless given they follow the
    /// square root of the rows, see [`ScheduleInputs::budget_bytes`].
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
    /// [`ProveError::ClaimedSum`] if it is not, another [`ProveError`] for what can't be proven, or what
    /// the oracle says.
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
    /// As [`prove`](SumCheckProver::prove).
    pub fn prove_sums<O: PolynomialOracle>(
        &self,
        oracle: &O,
        claimed_sums: &[F],
    ) -> Result<Proof<F>, ProveError> {
        self.prove_in(&mut SpongeTranscript::new(), oracle, Some(claimed_sums))
    }

    /// Proves whatever the sums are. With an eq factor nobody knows them beforehand: the point is
    /// drawn after the statements are fixed.
    ///
    /// # Errors
    /// As [`prove`](SumCheckProver::prove), but for the sum.
    pub fn prove_actual<O: PolynomialOracle>(&self, oracle: &O) -> Result<Proof<F>, ProveError> {
        self.prove_in(&mut SpongeTranscript::new(), oracle, None)
    }

    /// Proves the given sums, or whatever they are, in a transcript that goes on: what was absorbed
    /// before binds this proof, and this proof, openings included, what is drawn behind it. So one
    /// proof may be about the claims that another has left. Its verifier is
    /// [`verify_in`](super::verify_in).
    ///
    /// # Errors
    /// As [`prove`](SumCheckProver::prove); the transcript is of no use then.
    pub fn prove_in<O: PolynomialOracle, T: Transcript>(
        &self,
        transcript: &mut T,
        oracle: &O,
        claimed_sums: Option<&[F]>,
    ) -> Result<Proof<F>, ProveError> {
        let schedule = self.schedule_for(oracle)?;
        let plan = BatchPlan::new(&self.batch);
        let names = oracle.column_names();
        let point = self.point.as_deref();
        let tau = conversation::open(transcript, &self.instance, &self.batch, names, point);
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
        let openings = tables.openings(kernels, unbound);
        conversation::close(rounds.transcript, &openings);
        Ok(Proof {
            instance: self.instance,
            batch: EncodedBatch::new(&self.batch),
            claimed_sums: rounds.claimed_sums,
            messages: rounds.messages,
            openings,
        })
    }

    /// What can be said before anything is absorbed.
    fn check<O: PolynomialOracle>(&self, oracle: &O) -> Result<(), ProveError> {
        if let Some(defect) = &self.defect {
            return Err(defect.clone().into());
        }
        let (expected, max) = (self.num_vars, VARIABLE_COUNT_MAX);
        if !(1..=max).contains(&expected) {
            let actual = expected;
            return Err(ProveError::VariableCount { actual, max });
        }
        let numbers = [
            ("oracle", oracle.num_vars()),
            ("point", self.point.as_ref().map_or(expected, Vec::len)),
            ("public instance", self.instance.num_vars as usize),
        ];
        if let Some((what, actual)) = numbers.into_iter().find(|(_, actual)| *actual != expected) {
            return Err(ProveError::NumVars {
                what,
                actual,
                expected,
            });
        }
        self.batch.check(oracle.column_names().len())?;
        match self.point.is_some() && !self.batch.is_weighted() {
            true => Err(ProveError::Point),
            false => Ok(()),
        }
    }

    fn check_schedule(&self, schedule: &Schedule, plan: &BatchPlan<F>) -> Result<(), ProveError> {
        let mut left = self.num_vars;
        for &actual in &schedule.windows {
            // Without grids one sweep serves any number of low rounds.
            let max = match plan.grids.is_empty() {
                true => left,
                false => left.min(WINDOW_MAX),
            };
            if !(1..=max).contains(&actual) {
                return Err(ProveError::Window { actual, max });
            }
            left -= actual;
        }
        Ok(())
    }

    /// The schedule that [`prove`](SumCheckProver::prove) will use on `oracle`.
    ///
    /// # Errors
    /// What [`prove`](SumCheckProver::prove) would say of the batch, the sizes, the schedule or the memory
    /// budget.
    pub fn schedule_for<O: PolynomialOracle>(&self, oracle: &O) -> Result<Schedule, ProveError> {
        self.check(oracle)?;
        let inputs = self.schedule_inputs(oracle.chunk_rows().get(), oracle.workers());
        let Some(given) = &self.schedule else {
            return Ok(Schedule::new(&inputs, &self.costs)?);
        };
        self.check_schedule(given, &BatchPlan::new(&self.batch))?;
        Ok(given.clone().within(&inputs)?)
    }

    /// What schedules and predictions are made from, for sweeps by `workers` workers over chunks of
    /// `chunk_rows` rows.
    ///
    /// # Panics
    /// If the batch or the number of variables is not sound, which [`prove`](Self::prove) answers with
    /// an error.
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
struct Rounds<'a, F: WeightField, T> {
    batch: &'a Batch,
    plan: &'a BatchPlan<F>,
    kernels: Kernels<F>,
    transcript: &'a mut T,
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
    /// What the next round polynomial sums to over 0 and 1.
    claim: F,
    nexts: Vec<NextRounds<F>>,
    messages: Vec<F>,
    point: Vec<F>,
}

impl<'a, F: WeightField, T: Transcript> Rounds<'a, F, T> {
    fn new(
        batch: &'a Batch,
        plan: &'a BatchPlan<F>,
        transcript: &'a mut T,
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
            claim: F::ZERO,
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
        let variable = BindingOrder::default().variable(self.point.len());
        let tau = self.tau.as_ref().map(|tau| tau[variable]);
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
            self.mixers = conversation::sums(self.transcript, &self.claimed_sums);
            self.claim = dot(&self.claimed_sums, &self.mixers);
        }
        let mixed = |x: F| -> F {
            let places = self.mixers.iter().zip(&self.plan.places);
            places.map(|(mixer, place)| *mixer * value(place, x)).sum()
        };
        let points = 0..self.batch.eval_points() as u64;
        let values: Vec<F> = points.map(|x| mixed(F::from(x))).collect();
        if values[0] + values[1] != self.claim {
            let round = self.point.len();
            return Err(ProveError::Contradiction { round });
        }
        let message: Vec<F> = [&values[..1], &values[2..]].concat();
        let challenge = conversation::round(self.transcript, &message);
        self.claim = mixed(challenge);
        let grids = self.plan.grids.iter().zip(digits);
        let claims =
            grids.map(|(plan, digits)| dot(digits, &digit_weights(plan.degree, challenge)));
        self.claims = Some(claims.collect());
        for next in &mut self.nexts {
            next.bind(self.kernels, challenge);
        }
        self.messages.extend(message);
        self.scale *= eq(challenge);
        self.point.push(challenge);
        Ok(challenge)
    }
}

fn dot<F: WeightField>(values: &[F], weights: &[F]) -> F {
    let products = values.iter().zip(weights);
    products.map(|(value, weight)| *value * weight).sum()
}
