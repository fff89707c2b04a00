//! A transcript that keeps a record of the conversation, and can mishear one item.
//!
//! In: the calls of a prover or verifier. Out: what was absorbed and which challenges came, in order.

#![allow(dead_code, reason = "each test takes the part it needs")]

use ark_ff::{BigInteger, Field, PrimeField};
use tracelane::transcript::{SpongeTranscript, Transcript};

/// One call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// Bytes, under a label.
    Bytes(&'static str, Vec<u8>),
    /// Field elements, each as its bytes.
    Field(&'static str, Vec<Vec<u8>>),
    /// A challenge, as its bytes.
    Challenge(&'static str, Vec<u8>),
}

/// A [`SpongeTranscript`] under observation.
#[derive(Clone, Default)]
pub struct Spy {
    inner: SpongeTranscript,
    pub events: Vec<Event>,
    /// The number of an event, and the place in it (a byte or an element), that reaches the sponge
    /// changed.
    pub mishear: Option<(usize, usize)>,
}

fn bytes_of<F: Field>(element: &F) -> Vec<u8> {
    let coordinates = element.to_base_prime_field_elements();
    coordinates
        .flat_map(|coordinate| coordinate.into_bigint().to_bytes_le())
        .collect()
}

impl Spy {
    /// The place to change in the call that comes now.
    fn misheard(&self) -> Option<usize> {
        let (event, place) = self.mishear?;
        (event == self.events.len()).then_some(place)
    }

    /// What is drawn behind everything.
    pub fn last_word(&mut self) {
        let _word: ark_bn254::Fr = self.challenge("last word");
    }

    /// The challenges, in order, with the number of the event that each is.
    pub fn challenges(&self) -> Vec<(usize, &[u8])> {
        let events = self.events.iter().enumerate();
        events
            .filter_map(|(number, event)| match event {
                Event::Challenge(_, bytes) => Some((number, bytes.as_slice())),
                _ => None,
            })
            .collect()
    }
}

impl Transcript for Spy {
    fn absorb_bytes(&mut self, label: &'static str, bytes: &[u8]) {
        let mut heard = bytes.to_vec();
        if let Some(place) = self.misheard() {
            heard[place] ^= 1;
        }
        self.inner.absorb_bytes(label, &heard);
        self.events.push(Event::Bytes(label, bytes.to_vec()));
    }

    fn absorb_field<F: Field>(&mut self, label: &'static str, elements: &[F]) {
        let mut heard = elements.to_vec();
        if let Some(place) = self.misheard() {
            heard[place] += F::ONE;
        }
        self.inner.absorb_field(label, &heard);
        let bytes = elements.iter().map(bytes_of).collect();
        self.events.push(Event::Field(label, bytes));
    }

    fn challenge<F: Field>(&mut self, label: &'static str) -> F {
        let challenge: F = self.inner.challenge(label);
        self.events
            .push(Event::Challenge(label, bytes_of(&challenge)));
        challenge
    }
}
