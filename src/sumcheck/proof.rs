//! Proofs: what the prover says, and its bytes.
//!
//! In: parts of a proof, or hostile bytes. Out: bytes, or parts that are well-formed (not: true).
//! Decoding never allocates more than the input has bytes, and accepts each proof under exactly one
//! encoding.

use ark_ff::{BigInteger, Field, PrimeField};

use super::statement::{
    Batch, EVAL_POINTS_MAX, FACTOR_COUNT_MAX, LinearForm, PRODUCT_COUNT_MAX, Product, RowWeight,
    STATEMENT_COUNT_MAX, Statement,
};
use crate::limits::VARIABLE_COUNT_MAX;
use crate::trace::columns::{ColumnId, ColumnSet};

/// First bytes of a proof file.
const MAGIC: [u8; 8] = *b"\x89TLPROOF";

/// Version of the encoding.
const VERSION: u32 = 2;

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
}

/// What a prover says about a [`PublicInstance`] and a [`Batch`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof<F> {
    /// The public facts.
    pub instance: PublicInstance,
    /// What is summed.
    pub batch: Batch,
    /// The sum of each statement.
    pub claimed_sums: Vec<F>,
    /// For each variable, low ones first, the round polynomial at 0, 2, 3, ... ; its value at 1
    /// follows from the claim.
    pub rounds: Vec<Vec<F>>,
    /// The value at the challenge point of each column of the batch, in registry order.
    pub openings: Vec<F>,
}

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

impl<F: Field> Proof<F> {
    /// The proof's one encoding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(field_id::<F>());
        bytes.extend(self.instance.to_bytes());
        bytes.extend(self.batch.to_bytes());
        let rounds = self.rounds.iter().flatten();
        for element in self.claimed_sums.iter().chain(rounds).chain(&self.openings) {
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
        let instance = reader.instance()?;
        let batch = reader.batch()?;
        let claimed_sums = reader.elements(batch.statements.len())?;
        let mut rounds = Vec::new();
        for _ in 0..instance.num_vars {
            rounds.push(reader.elements(batch.eval_points() - 1)?);
        }
        let openings = reader.elements(batch.columns().count())?;
        match bytes.len() - reader.at {
            0 => Ok(Self {
                instance,
                batch,
                claimed_sums,
                rounds,
                openings,
            }),
            actual => Err(DecodeError::Trailing { actual }),
        }
    }
}

/// Identifies a field: BLAKE3 of its characteristic and extension degree.
pub(super) fn field_id<F: Field>() -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&F::BasePrimeField::MODULUS.to_bytes_le());
    hasher.update(&F::extension_degree().to_le_bytes());
    *hasher.finalize().as_bytes()
}

/// A position in hostile bytes.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], DecodeError> {
        let found = self.bytes[self.at..].first_chunk();
        let array = found.ok_or(DecodeError::Truncated {
            at: self.bytes.len(),
        })?;
        self.at += LENGTH;
        Ok(*array)
    }

    fn count(&mut self, what: &'static str, min: usize, max: usize) -> Result<usize, DecodeError> {
        let at = self.at;
        let [value] = self.array()?;
        let value = usize::from(value);
        if (min..=max).contains(&value) {
            Ok(value)
        } else {
            Err(DecodeError::Range { what, at })
        }
    }

    fn integer(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    fn instance(&mut self) -> Result<PublicInstance, DecodeError> {
        let instance = PublicInstance {
            program_digest: self.array()?,
            input_digest: self.array()?,
            output_digest: self.array()?,
            exit_code: u32::from_le_bytes(self.array()?),
            cycles: u64::from_le_bytes(self.array()?),
            num_vars: u32::from_le_bytes(self.array()?),
        };
        let range = 1..=VARIABLE_COUNT_MAX as u32;
        if !range.contains(&instance.num_vars) {
            return Err(DecodeError::Range {
                what: "number of variables",
                at: self.at - 4,
            });
        }
        Ok(instance)
    }

    fn batch(&mut self) -> Result<Batch, DecodeError> {
        let mut statements = Vec::new();
        for _ in 0..self.count("number of statements", 1, STATEMENT_COUNT_MAX)? {
            statements.push(self.statement()?);
        }
        let mut extra = ColumnSet::EMPTY;
        let mut least = 0;
        for _ in 0..self.count("number of extra columns", 0, ColumnId::COUNT_MAX)? {
            // Ascending, so that a set has one encoding.
            let id = self.count("extra column", least, ColumnId::COUNT_MAX - 1)?;
            extra = extra.with(ColumnId::new(id));
            least = id + 1;
        }
        Ok(Batch { statements, extra })
    }

    fn statement(&mut self) -> Result<Statement, DecodeError> {
        let weight = match self.count("row weight", 0, 2)? {
            0 => RowWeight::One,
            1 => RowWeight::Eq,
            _ => RowWeight::EqPlusOne,
        };
        let eval_points = self.count("number of evaluation points", 2, EVAL_POINTS_MAX)?;
        let mut products = Vec::new();
        for _ in 0..self.count("number of products", 1, PRODUCT_COUNT_MAX)? {
            let coefficient = self.integer()?;
            let mut factors = Vec::new();
            for _ in 0..self.count("number of factors", 1, FACTOR_COUNT_MAX)? {
                factors.push(self.form()?);
            }
            products.push(Product {
                coefficient,
                factors,
            });
        }
        Ok(Statement {
            weight,
            eval_points,
            products,
        })
    }

    fn form(&mut self) -> Result<LinearForm, DecodeError> {
        let constant = self.integer()?;
        let mut terms = Vec::new();
        for _ in 0..self.count("number of terms", 0, ColumnId::COUNT_MAX)? {
            let id = self.count("column", 0, ColumnId::COUNT_MAX - 1)?;
            terms.push((ColumnId::new(id), self.integer()?));
        }
        Ok(LinearForm { constant, terms })
    }

    fn elements<F: Field>(&mut self, count: usize) -> Result<Vec<F>, DecodeError> {
        let mut elements = Vec::new();
        for _ in 0..count {
            elements.push(self.element()?);
        }
        Ok(elements)
    }

    /// One element; only the canonical representative of each coordinate is taken.
    fn element<F: Field>(&mut self) -> Result<F, DecodeError> {
        let at = self.at;
        let bytes = F::BasePrimeField::MODULUS.to_bytes_le().len();
        let mut coordinates = Vec::with_capacity(F::extension_degree() as usize);
        for _ in 0..F::extension_degree() {
            let end = self.at + bytes;
            let slice = self.bytes.get(self.at..end);
            let slice = slice.ok_or(DecodeError::Truncated {
                at: self.bytes.len(),
            })?;
            let value = F::BasePrimeField::from_le_bytes_mod_order(slice);
            if value.into_bigint().to_bytes_le() != slice {
                return Err(DecodeError::Range {
                    what: "field element",
                    at,
                });
            }
            coordinates.push(value);
            self.at = end;
        }
        let element = F::from_base_prime_field_elems(coordinates);
        Ok(element.expect("as many coordinates as the extension has"))
    }
}
