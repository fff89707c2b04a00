//! A position in hostile bytes.
//!
//! In: bytes. Out: integers and field elements, or a [`DecodeError`] that says where. It allocates
//! nothing, and does not know what a proof is made of.

use ark_ff::{Field, PrimeField};

/// Why bytes are no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Something else than a proof.
    #[error("this is no proof file; make one with `tracelane prove -o`")]
    Magic,
    /// A proof of another version.
    #[error("the proof has format version {actual}, expected {expected}; make it again")]
    Version {
        /// Version found.
        actual: u32,
        /// Version this build reads.
        expected: u32,
    },
    /// A proof over another field.
    #[error("the proof is over another field than the verifier's")]
    Field,
    /// Fewer bytes than the proof should have.
    #[error("the proof is cut short at byte {at}")]
    Truncated {
        /// Where more was expected.
        at: usize,
    },
    /// More bytes than the proof should have.
    #[error("{actual} bytes follow the proof's end")]
    Trailing {
        /// How many.
        actual: usize,
    },
    /// A value outside its range.
    #[error("the proof's {what} at byte {at} is out of range")]
    Range {
        /// What it is.
        what: &'static str,
        /// Where it stands.
        at: usize,
    },
}

/// Bytes of one field element.
pub fn element_bytes<F: Field>() -> usize {
    let limbs = F::BasePrimeField::MODULUS.as_ref().len();
    F::extension_degree() as usize * limbs * size_of::<u64>()
}

/// A position in hostile bytes.
pub struct Reader<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl Reader<'_> {
    pub fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], DecodeError> {
        let found = self.bytes[self.at..].first_chunk();
        let array = found.ok_or(DecodeError::Truncated {
            at: self.bytes.len(),
        })?;
        self.at += LENGTH;
        Ok(*array)
    }

    pub fn integer(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    /// A byte between `min` and `max`.
    pub fn count(
        &mut self,
        what: &'static str,
        min: usize,
        max: usize,
    ) -> Result<usize, DecodeError> {
        let at = self.at;
        let [value] = self.array()?;
        let value = usize::from(value);
        if (min..=max).contains(&value) {
            Ok(value)
        } else {
            Err(DecodeError::Range { what, at })
        }
    }

    /// `count` elements, which the caller knows to be there.
    pub fn elements<F: Field>(&mut self, count: usize) -> Result<Vec<F>, DecodeError> {
        let mut elements = Vec::with_capacity(count);
        for _ in 0..count {
            elements.push(self.element()?);
        }
        Ok(elements)
    }

    fn element<F: Field>(&mut self) -> Result<F, DecodeError> {
        let mut error = None;
        let coordinates = (0..F::extension_degree()).map_while(|_| {
            let coordinate = self.coordinate();
            coordinate.map_err(|why| error = Some(why)).ok()
        });
        let element = F::from_base_prime_field_elems(coordinates);
        match error {
            None => Ok(element.expect("as many coordinates as the extension has")),
            Some(error) => Err(error),
        }
    }

    /// Only the canonical representative is taken.
    fn coordinate<P: PrimeField>(&mut self) -> Result<P, DecodeError> {
        let at = self.at;
        let mut integer = P::BigInt::default();
        for limb in integer.as_mut() {
            *limb = u64::from_le_bytes(self.array()?);
        }
        let what = "field element";
        P::from_bigint(integer).ok_or(DecodeError::Range { what, at })
    }
}
