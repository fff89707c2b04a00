//! Proofs: what the prover says, and its bytes.
//!
//! In: parts of a proof, or hostile bytes. Out: bytes, or parts that are well-formed (not: true).
//! Decoding counts before it allocates: all that it ever allocates is less than the input has bytes. It
//! accepts each proof under exactly one encoding.

use ark_ff::{BigInteger, Field, PrimeField};

use super::encoding::EncodedBatch;
use super::reader::{DecodeError, Reader, element_bytes};
use crate::limits::VARIABLE_COUNT_MAX;

/// First bytes of a proof file.
const MAGIC: [u8; 8] = *b"\x89TLPROOF";

/// Version of the encoding.
const VERSION: u32 = 3;

/// The public facts a proof is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicInstance {
    /// BLAKE3 of the ELF file.
    pub program_digest: [u8; 32],
    /// BLAKE3 of the input.
    pub input_digest: [u8; 32],
    /// BLAKE3 of what the guest published.
    pub output_digest: [u8; 32],
    /// The guest's exit code.
    pub exit_code: u32,
    /// Retired instructions: the real length.
    pub cycles: u64,
    /// log2 of the padded length.
    pub num_vars: u32,
}

impl PublicInstance {
    /// Bytes of the encoding.
    const BYTES: usize = 3 * 32 + 4 + 8 + 4;

    /// The instance's one encoding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::BYTES);
        bytes.extend(self.program_digest);
        bytes.extend(self.input_digest);
        bytes.extend(self.output_digest);
        bytes.extend(self.exit_code.to_le_bytes());
        bytes.extend(self.cycles.to_le_bytes());
        bytes.extend(self.num_vars.to_le_bytes());
        bytes
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let instance = Self {
            program_digest: reader.array()?,
            input_digest: reader.array()?,
            output_digest: reader.array()?,
            exit_code: u32::from_le_bytes(reader.array()?),
            cycles: u64::from_le_bytes(reader.array()?),
            num_vars: u32::from_le_bytes(reader.array()?),
        };
        let range = 1..=VARIABLE_COUNT_MAX as u32;
        if !range.contains(&instance.num_vars) {
            return Err(DecodeError::Range {
                what: "number of variables",
                at: reader.at - size_of::<u32>(),
            });
        }
        Ok(instance)
    }
}

/// What a prover says about a [`PublicInstance`] and a [`Batch`](super::Batch).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof<F> {
    /// The public facts.
    pub instance: PublicInstance,
    /// What is summed, as the prover says.
    pub batch: EncodedBatch,
    /// The sum of each statement.
    pub claimed_sums: Vec<F>,
    /// For each variable, low ones first, the round polynomial at 0, 2, 3, ..., one variable's values
    /// behind the other's; the value at 1 follows from the claim.
    pub messages: Vec<F>,
    /// The value at the challenge point of each column of the batch, in registry order.
    pub openings: Vec<F>,
}

impl<F: Field> Proof<F> {
    /// The proof's one encoding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(field_id::<F>());
        bytes.extend(self.instance.to_bytes());
        bytes.extend(self.batch.as_bytes());
        let elements = self.claimed_sums.iter().chain(&self.messages);
        for element in elements.chain(&self.openings) {
            for coordinate in element.to_base_prime_field_elements() {
                bytes.extend(coordinate.into_bigint().to_bytes_le());
            }
        }
        bytes
    }

    /// Decodes what [`to_bytes`](Proof::to_bytes) gives.
    ///
    /// # Errors
    /// [`DecodeError`] for everything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader { bytes, at: 0 };
        if reader.array().ok() != Some(MAGIC) {
            return Err(DecodeError::Magic);
        }
        let actual = u32::from_le_bytes(reader.array()?);
        if actual != VERSION {
            return Err(DecodeError::Version {
                actual,
                expected: VERSION,
            });
        }
        if reader.array()? != field_id::<F>() {
            return Err(DecodeError::Field);
        }
        let instance = PublicInstance::read(&mut reader)?;
        let (batch, shape) = EncodedBatch::read(&mut reader)?;
        let counts = [
            shape.statements,
            instance.num_vars as usize * (shape.eval_points - 1),
            shape.columns.count(),
        ];
        let expected = counts.iter().sum::<usize>() * element_bytes::<F>();
        let actual = bytes.len() - reader.at;
        if actual < expected {
            return Err(DecodeError::Truncated { at: bytes.len() });
        }
        if actual > expected {
            let actual = actual - expected;
            return Err(DecodeError::Trailing { actual });
        }
        Ok(Self {
            instance,
            batch,
            claimed_sums: reader.elements(counts[0])?,
            messages: reader.elements(counts[1])?,
            openings: reader.elements(counts[2])?,
        })
    }
}

/// Identifies a field: BLAKE3 of its characteristic and extension degree.
pub(super) fn field_id<F: Field>() -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&F::BasePrimeField::MODULUS.to_bytes_le());
    hasher.update(&F::extension_degree().to_le_bytes());
    *hasher.finalize().as_bytes()
}
