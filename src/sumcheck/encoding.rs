//! A batch as bytes: its one encoding, written, and read without allocating.
//!
//! In: a [`Batch`], or hostile bytes. Out: bytes; from bytes an [`EncodedBatch`], which is well-formed
//! but may be no sound batch ([`Batch::check`]).

use super::reader::{DecodeError, Reader};
use super::statement::{
    Batch, EVAL_POINTS_MAX, FACTOR_COUNT_MAX, LinearForm, PRODUCT_COUNT_MAX, Product, RowWeight,
    STATEMENT_COUNT_MAX, Statement,
};
use crate::trace::columns::{ColumnId, ColumnSet};

/// A batch as a proof carries it. As data it would be several times as large as its bytes, which a
/// decoder of hostile bytes must not become.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedBatch(Box<[u8]>);

impl EncodedBatch {
    /// The encoding of `batch`.
    #[must_use]
    pub fn new(batch: &Batch) -> Self {
        Self(batch.to_bytes().into())
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The batch, for people: a verifier compares bytes with those of the batch it expects.
    ///
    /// # Errors
    /// [`DecodeError`] where it was made of a batch whose counts are out of range; never for that of a
    /// decoded proof.
    pub fn decode(&self) -> Result<Batch, DecodeError> {
        let mut batch = Batch {
            statements: Vec::new(),
            extra: ColumnSet::EMPTY,
        };
        let reader = &mut Reader {
            bytes: &self.0,
            at: 0,
        };
        walk(reader, &mut |item| batch.push(item))?;
        Ok(batch)
    }

    /// Reads a batch's bytes, and tells their [`Shape`].
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<(Self, Shape), DecodeError> {
        let (bytes, start) = (reader.bytes, reader.at);
        let mut shape = Shape::default();
        walk(reader, &mut |item| shape.add(&item))?;
        Ok((Self(bytes[start..reader.at].into()), shape))
    }
}

/// How many elements a proof of a batch has.
#[derive(Default)]
pub(super) struct Shape {
    pub statements: usize,
    pub eval_points: usize,
    pub columns: ColumnSet,
}

impl Shape {
    fn add(&mut self, item: &Item) {
        match *item {
            Item::Statement { eval_points, .. } => {
                self.statements += 1;
                self.eval_points = self.eval_points.max(eval_points);
            }
            Item::Term(id, _) | Item::Extra(id) => self.columns = self.columns.with(id),
            Item::Product(_) | Item::Form(_) => {}
        }
    }
}

/// What a batch's bytes say, one after the other; each item belongs to the last of the kind before it.
enum Item {
    Statement {
        weight: RowWeight,
        eval_points: usize,
    },
    Product(i32),
    Form(i32),
    Term(ColumnId, i32),
    Extra(ColumnId),
}

/// Reads a batch and shows its items.
fn walk(reader: &mut Reader<'_>, visit: &mut impl FnMut(Item)) -> Result<(), DecodeError> {
    for _ in 0..reader.count("number of statements", 1, STATEMENT_COUNT_MAX)? {
        let weight = match reader.count("row weight", 0, 2)? {
            0 => RowWeight::One,
            1 => RowWeight::Eq,
            _ => RowWeight::EqPlusOne,
        };
        let eval_points = reader.count("number of evaluation points", 2, EVAL_POINTS_MAX)?;
        visit(Item::Statement {
            weight,
            eval_points,
        });
        for _ in 0..reader.count("number of products", 1, PRODUCT_COUNT_MAX)? {
            visit(Item::Product(reader.integer()?));
            for _ in 0..reader.count("number of factors", 1, FACTOR_COUNT_MAX)? {
                visit(Item::Form(reader.integer()?));
                walk_terms(reader, visit)?;
            }
        }
    }
    let mut least = 0;
    for _ in 0..reader.count("number of extra columns", 0, ColumnId::COUNT_MAX)? {
        // Ascending, so that a set has one encoding.
        let id = reader.count("extra column", least, ColumnId::COUNT_MAX - 1)?;
        visit(Item::Extra(ColumnId::new(id)));
        least = id + 1;
    }
    Ok(())
}

fn walk_terms(reader: &mut Reader<'_>, visit: &mut impl FnMut(Item)) -> Result<(), DecodeError> {
    let mut seen = ColumnSet::EMPTY;
    for _ in 0..reader.count("number of terms", 0, ColumnId::COUNT_MAX)? {
        let at = reader.at;
        let id = ColumnId::new(reader.count("column", 0, ColumnId::COUNT_MAX - 1)?);
        if seen.contains(id) {
            let what = "repeated column";
            return Err(DecodeError::Range { what, at });
        }
        seen = seen.with(id);
        visit(Item::Term(id, reader.integer()?));
    }
    Ok(())
}

impl Batch {
    /// The batch's one encoding, for transcripts and proof files. Different batches have different
    /// bytes, those that [`check`](Batch::check) refuses included.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_count(&mut bytes, self.statements.len());
        for statement in &self.statements {
            bytes.push(statement.weight as u8);
            put_count(&mut bytes, statement.eval_points);
            put_count(&mut bytes, statement.products.len());
            for product in &statement.products {
                bytes.extend(product.coefficient.to_le_bytes());
                put_count(&mut bytes, product.factors.len());
                for form in &product.factors {
                    bytes.extend(form.constant.to_le_bytes());
                    put_count(&mut bytes, form.terms.len());
                    for (id, coefficient) in &form.terms {
                        bytes.push(id.index() as u8);
                        bytes.extend(coefficient.to_le_bytes());
                    }
                }
            }
        }
        put_count(&mut bytes, self.extra.count());
        bytes.extend(self.extra.iter().map(|id| id.index() as u8));
        bytes
    }

    fn push(&mut self, item: Item) {
        let statements = &mut self.statements;
        match item {
            Item::Statement {
                weight,
                eval_points,
            } => statements.push(Statement {
                weight,
                eval_points,
                products: Vec::new(),
            }),
            Item::Product(coefficient) => last(statements).products.push(Product {
                coefficient,
                factors: Vec::new(),
            }),
            Item::Form(constant) => {
                let product = last(&mut last(statements).products);
                product.factors.push(LinearForm {
                    constant,
                    terms: Vec::new(),
                });
            }
            Item::Term(id, coefficient) => {
                let product = last(&mut last(statements).products);
                last(&mut product.factors).terms.push((id, coefficient));
            }
            Item::Extra(id) => self.extra = self.extra.with(id),
        }
    }
}

fn last<T>(items: &mut [T]) -> &mut T {
    items.last_mut().expect("an item comes behind its owner")
}

/// A byte; 255 and eight bytes for what no sound batch has.
fn put_count(bytes: &mut Vec<u8>, count: usize) {
    match u8::try_from(count) {
        Ok(count) if count < u8::MAX => bytes.push(count),
        _ => {
            bytes.push(u8::MAX);
            bytes.extend((count as u64).to_le_bytes());
        }
    }
}
