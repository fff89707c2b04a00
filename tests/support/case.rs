//! One recorded run, honest proofs about it, and verdicts on proofs of any kind.
//!
//! In: a batch, a proof. Out: what prover and verifier say. Every verdict is settled twice: by the
//! oracle and its kernels, and by plain ark-ff over the eager trace.

#![allow(dead_code, reason = "each test takes the part it needs")]

use tracelane::checkpoint::MemoryStore;
use tracelane::oracle::StreamingOracle;
use tracelane::replay::{ReplayOptions, Run};
use tracelane::sumcheck::{
    Batch, Proof, PublicInstance, Statement, SumCheckProver, Verified, VerifyError, verify,
};
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane_kernels::{Kernels, WeightField};

use crate::plain_mle;
use crate::recorded::Recorded;

pub struct Case {
    pub recorded: Recorded,
    store: MemoryStore,
    pub trace: Vec<Vec<u32>>,
}

impl Case {
    pub fn new() -> Self {
        Self::of("sieve", b"200")
    }

    pub fn of(guest: &str, input: &[u8]) -> Self {
        let recorded = Recorded::new(guest, input);
        Self {
            store: recorded.checkpoints(256),
            trace: recorded.padded_trace(),
            recorded,
        }
    }

    pub fn instance(&self) -> PublicInstance {
        self.recorded.instance()
    }

    pub fn num_vars(&self) -> usize {
        self.instance().num_vars as usize
    }

    pub fn oracle(&self) -> StreamingOracle<'_> {
        let run = Run::new(&self.recorded.program, &self.store).expect("its own program");
        StreamingOracle::new(run, ReplayOptions::default()).expect("a worker")
    }

    pub fn prover<F: WeightField>(&self, batch: &Batch) -> SumCheckProver<F> {
        SumCheckProver::for_batch(self.num_vars(), batch.clone()).with_instance(self.instance())
    }

    pub fn proof<F: WeightField>(&self, batch: &Batch) -> Proof<F> {
        let proof = self.prover(batch).prove_actual(&self.oracle());
        proof.expect("an honest prover")
    }

    /// What a verifier that wants `batch` proven says in the end.
    pub fn verdict<F: WeightField>(
        &self,
        proof: &Proof<F>,
        batch: &Batch,
    ) -> Result<Verified<F>, VerifyError> {
        let pending = verify(proof, &self.instance(), batch, Column::NAMES)?;
        let mut claims = pending.claims().iter();
        let plain = claims.all(|(id, claimed)| {
            plain_mle::evaluate(&self.trace[id.index()], pending.point()) == *claimed
        });
        let verdict = pending.check(&self.oracle(), Kernels::detect());
        assert_eq!(plain, verdict.is_ok(), "kernels and plain ark-ff agree");
        verdict
    }
}

/// The product of the two source registers.
pub fn product(eq: bool) -> Statement {
    Statement::product(&[Column::Rs1Value.id(), Column::Rs2Value.id()], eq)
}

/// Several statements of every weight, and a column that none is about.
pub fn several() -> Batch {
    Batch {
        statements: vec![
            product(true),
            Statement::next(Column::Pc.id()),
            Statement::product(&[Column::RdAfter.id()], false),
        ],
        extra: ColumnSet::EMPTY.with(Column::Opcode.id()),
    }
}

/// A statement without weights, one with eq, several of every weight.
pub fn batches() -> [Batch; 3] {
    [
        Batch::of(product(false)),
        Batch::of(product(true)),
        several(),
    ]
}
