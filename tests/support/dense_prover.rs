//! The naive prover: whole columns as field elements, one textbook round after the other.
//!
//! In: columns as slices, a batch of statements, public facts. Out: the proof bytes that every schedule,
//! chunk size and thread count of the streaming prover must reproduce. Plain ark-ff arithmetic; of
//! the engine it shares the data types and the transcript only.

#![allow(dead_code, reason = "each test takes the part it needs")]

use ark_ff::Field;
use tracelane::sumcheck::{
    Batch, EncodedBatch, LinearForm, Proof, PublicInstance, RowWeight, Statement,
};
use tracelane::trace::columns::ColumnId;
use tracelane::transcript::{SpongeTranscript, Transcript};

/// Identifies the field as the proof format says: BLAKE3 of characteristic and extension degree.
fn field_id<F: Field>() -> [u8; 32] {
    use ark_ff::{BigInteger, PrimeField};
    let mut bytes = F::BasePrimeField::MODULUS.to_bytes_le();
    bytes.extend(F::extension_degree().to_le_bytes());
    *blake3::hash(&bytes).as_bytes()
}

/// Proves whatever the statements of `batch` sum to over `columns`, which are named and of one length.
pub fn prove<F: Field>(
    columns: &[(&str, &[u32])],
    batch: &Batch,
    instance: &PublicInstance,
) -> Proof<F> {
    prove_in(&mut SpongeTranscript::new(), columns, batch, instance)
}

/// [`prove`] in a transcript that goes on.
pub fn prove_in<F: Field>(
    transcript: &mut impl Transcript,
    columns: &[(&str, &[u32])],
    batch: &Batch,
    instance: &PublicInstance,
) -> Proof<F> {
    let ids: Vec<ColumnId> = batch.columns().iter().collect();
    transcript.absorb_bytes("field", &field_id::<F>());
    transcript.absorb_bytes("instance", &instance.to_bytes());
    transcript.absorb_bytes("batch", &batch.to_bytes());
    for id in &ids {
        transcript.absorb_bytes("column", columns[id.index()].0.as_bytes());
    }
    let num_vars = instance.num_vars as usize;
    let mut statements = batch.statements.iter();
    let tau: Vec<F> = match statements.any(|one| one.weight != RowWeight::One) {
        true => (0..num_vars).map(|_| transcript.challenge("tau")).collect(),
        false => Vec::new(),
    };
    let eq = |row: usize| -> F {
        let factor = |(j, t): (usize, &F)| if row >> j & 1 == 1 { *t } else { F::ONE - t };
        tau.iter().enumerate().map(factor).product()
    };
    let weight = |weight: RowWeight, row: usize| match (weight, row) {
        (RowWeight::One, _) => F::ONE,
        (RowWeight::Eq, _) => eq(row),
        (RowWeight::EqPlusOne, 0) => F::ZERO,
        (RowWeight::EqPlusOne, _) => eq(row - 1),
    };
    let weights = batch.statements.iter();
    let weights = weights.map(|one| {
        (0..1 << num_vars)
            .map(|row| weight(one.weight, row))
            .collect()
    });
    let mut weights: Vec<Vec<F>> = weights.collect();
    let lift = |id: &ColumnId| {
        columns[id.index()]
            .1
            .iter()
            .map(|&value| F::from(value))
            .collect()
    };
    let mut tables: Vec<Vec<F>> = ids.iter().map(lift).collect();

    let mut claimed_sums = Vec::new();
    let mut mixers = Vec::new();
    let mut messages = Vec::new();
    for _ in 0..num_vars {
        // Per statement the round polynomial's values.
        let values = batch.statements.iter().zip(&weights).map(|(one, weights)| {
            let at = |x: usize| sum_at(one, &ids, weights, &tables, F::from(x as u64));
            (0..batch.eval_points()).map(at).collect()
        });
        let values: Vec<Vec<F>> = values.collect();
        if mixers.is_empty() {
            claimed_sums = values.iter().map(|values| values[0] + values[1]).collect();
            transcript.absorb_field("claimed sums", &claimed_sums);
            mixers.push(F::ONE);
            for _ in 1..values.len() {
                mixers.push(transcript.challenge("statement"));
            }
        }
        let mixed = |x: usize| -> F {
            let values = mixers.iter().zip(&values);
            values.map(|(mixer, values)| *mixer * values[x]).sum()
        };
        let points = (0..batch.eval_points()).filter(|x| *x != 1);
        let message: Vec<F> = points.map(mixed).collect();
        transcript.absorb_field("round", &message);
        let challenge: F = transcript.challenge("round");
        messages.extend(message);
        weights = weights.iter().map(|table| bind(table, challenge)).collect();
        tables = tables.iter().map(|table| bind(table, challenge)).collect();
    }
    let openings: Vec<F> = tables.iter().map(|table| table[0]).collect();
    transcript.absorb_field("openings", &openings);
    Proof {
        instance: *instance,
        batch: EncodedBatch::new(batch),
        claimed_sums,
        messages,
        openings,
    }
}

/// The value of the pair `(2j, 2j + 1)` at `x`.
fn line<F: Field>(table: &[F], j: usize, x: F) -> F {
    table[2 * j] + x * (table[2 * j + 1] - table[2 * j])
}

fn bind<F: Field>(table: &[F], x: F) -> Vec<F> {
    (0..table.len() / 2).map(|j| line(table, j, x)).collect()
}

/// The round polynomial at `x`: the statement summed with the lowest variable set to `x`.
fn sum_at<F: Field>(
    statement: &Statement,
    ids: &[ColumnId],
    weights: &[F],
    tables: &[Vec<F>],
    x: F,
) -> F {
    let mut sum = F::ZERO;
    for j in 0..weights.len() / 2 {
        let value = |id: ColumnId| {
            let slot = ids
                .iter()
                .position(|&other| other == id)
                .expect("a column of the statement");
            line(&tables[slot], j, x)
        };
        let form = |form: &LinearForm| {
            let terms = form.terms.iter();
            let terms = terms.map(|&(id, coefficient)| F::from(coefficient) * value(id));
            F::from(form.constant) + terms.sum::<F>()
        };
        let products = statement.products.iter().map(|product| {
            F::from(product.coefficient) * product.factors.iter().map(form).product::<F>()
        });
        sum += line(weights, j, x) * products.sum::<F>();
    }
    sum
}
