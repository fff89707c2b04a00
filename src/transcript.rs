//! Fiat-Shamir: everything said so far decides the next challenge.
//!
//! In: labelled bytes and field elements. Out: challenges. The sponge is spongefish's TurboSHAKE128;
//! this file adds labels and lengths, so that no two sequences of calls absorb the same bytes. It
//! does not know what a sum-check is.

use ark_ff::{BigInteger, Field, PrimeField};
use spongefish::{DefaultHash, DuplexSpongeInit, DuplexSpongeInterface};

/// The prover's and the verifier's common record of the conversation.
pub trait Transcript {
    /// Adds `bytes` under `label`.
    fn absorb_bytes(&mut self, label: &'static str, bytes: &[u8]);

    /// Adds field elements under `label`.
    fn absorb_field<F: Field>(&mut self, label: &'static str, elements: &[F]);

    /// A field element that depends on everything absorbed so far.
    fn challenge<F: Field>(&mut self, label: &'static str) -> F;
}

/// The default [`Transcript`].
#[derive(Clone)]
pub struct SpongeTranscript(DefaultHash);

/// What the sponge starts from; changes with every change of the protocol, as the proof format's
/// version does.
const PROTOCOL: &str = "tracelane sum-check, version 3";

/// Bits a challenge is drawn with beyond the size of its field: a bias below 2^-128.
const EXCESS_BITS: usize = 128;

/// Fewest bits that a challenge may have: it hits a bad value with a probability below 2^-120 times
/// a round polynomial's degree.
pub const CHALLENGE_BITS_MIN: u32 = 120;

/// Asserts, at compile time where it stands in a `const`, that challenges of `bits` bits are large
/// enough; prover and verifier do so for their field.
///
/// ```
/// const _: () = tracelane::transcript::assert_challenge_bits(120);
/// ```
///
/// ```compile_fail
/// const _: () = tracelane::transcript::assert_challenge_bits(119);
/// ```
///
/// # Panics
/// If they are not.
pub const fn assert_challenge_bits(bits: u32) {
    assert!(
        bits >= CHALLENGE_BITS_MIN,
        "a field whose challenges have fewer than 120 bits"
    );
}

impl SpongeTranscript {
    /// A transcript in which nothing was said yet.
    #[must_use]
    pub fn new() -> Self {
        Self(DefaultHash::init(
            blake3::hash(PROTOCOL.as_bytes()).as_bytes(),
        ))
    }

    /// Label and length first: what follows can't be taken for something else.
    fn head(&mut self, kind: u8, label: &'static str, length: usize) {
        self.0.absorb(&[kind]);
        self.0.absorb(&(label.len() as u64).to_le_bytes());
        self.0.absorb(label.as_bytes());
        self.0.absorb(&(length as u64).to_le_bytes());
    }
}

impl Default for SpongeTranscript {
    fn default() -> Self {
        Self::new()
    }
}

impl Transcript for SpongeTranscript {
    fn absorb_bytes(&mut self, label: &'static str, bytes: &[u8]) {
        self.head(0, label, bytes.len());
        self.0.absorb(bytes);
    }

    fn absorb_field<F: Field>(&mut self, label: &'static str, elements: &[F]) {
        self.head(1, label, elements.len());
        for coordinate in elements.iter().flat_map(F::to_base_prime_field_elements) {
            self.0.absorb(&coordinate.into_bigint().to_bytes_le());
        }
    }

    fn challenge<F: Field>(&mut self, label: &'static str) -> F {
        let bits = F::BasePrimeField::MODULUS_BIT_SIZE as usize + EXCESS_BITS;
        self.head(2, label, bits);
        let coordinates = (0..F::extension_degree()).map(|_| {
            let bytes = self.0.squeeze_boxed(bits.div_ceil(8));
            F::BasePrimeField::from_le_bytes_mod_order(&bytes)
        });
        let element = F::from_base_prime_field_elems(coordinates);
        element.expect("as many coordinates as the extension has")
    }
}
