//! What prover and verifier both say to the transcript, in one order.
//!
//! In: public facts, a batch, what the prover sends. Out: challenges. This order, the sponge behind it
//! and the data types are all that the two share; it does not compute with what it is told.

use tracelane_kernels::WeightField;

use super::proof::{PublicInstance, field_id};
use super::statement::Batch;
use crate::transcript::{Transcript, assert_challenge_bits};

/// Public facts and statements in, tau out, which is `given` or else drawn; none where nothing weighs
/// the rows.
pub fn open<F: WeightField, T: Transcript>(
    transcript: &mut T,
    instance: &PublicInstance,
    batch: &Batch,
    column_names: &[&str],
    given: Option<&[F]>,
) -> Option<Vec<F>> {
    const { assert_challenge_bits(F::CHALLENGE_BITS) }
    transcript.absorb_bytes("field", &field_id::<F>());
    transcript.absorb_bytes("instance", &instance.to_bytes());
    transcript.absorb_bytes("batch", &batch.to_bytes());
    for id in batch.columns().iter() {
        transcript.absorb_bytes("column", column_names[id.index()].as_bytes());
    }
    match given {
        _ if !batch.is_weighted() => None,
        Some(tau) => {
            transcript.absorb_field("tau", tau);
            Some(tau.to_vec())
        }
        None => {
            let coordinates = 0..instance.num_vars;
            Some(coordinates.map(|_| transcript.challenge("tau")).collect())
        }
    }
}

/// Sums in, what each statement is multiplied with out: 1, then a challenge each.
pub fn sums<F: WeightField, T: Transcript>(transcript: &mut T, sums: &[F]) -> Vec<F> {
    transcript.absorb_field("claimed sums", sums);
    let challenges = (1..sums.len()).map(|_| transcript.challenge("statement"));
    std::iter::once(F::ONE).chain(challenges).collect()
}

/// A round's message in, its challenge out.
pub fn round<F: WeightField, T: Transcript>(transcript: &mut T, message: &[F]) -> F {
    transcript.absorb_field("round", message);
    transcript.challenge("round")
}

/// The last word: openings in. Whatever is drawn from now on depends on the whole proof.
pub fn close<F: WeightField, T: Transcript>(transcript: &mut T, openings: &[F]) {
    transcript.absorb_field("openings", openings);
}
