//! What is summed: weighted products of linear combinations of columns, over all rows.
//!
//! In: column ids and small integers. Out: [`Statement`], one sum, and [`Batch`], several that are
//! proven together; plain data. It does not know columns' values.

use crate::trace::columns::{ColumnId, ColumnSet};

/// Most factors of one product.
pub const FACTOR_COUNT_MAX: usize = 4;

/// Most products of one statement.
pub const PRODUCT_COUNT_MAX: usize = 64;

/// Most evaluations a round message may have.
pub const EVAL_POINTS_MAX: usize = 16;

/// Most statements of one batch.
pub const STATEMENT_COUNT_MAX: usize = 16;

/// `constant + sum of coefficient * column`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinearForm {
    /// The constant.
    pub constant: i32,
    /// Columns with their coefficients; no column twice.
    pub terms: Vec<(ColumnId, i32)>,
}

impl LinearForm {
    /// The form that is one column.
    #[must_use]
    pub fn column(id: ColumnId) -> Self {
        Self {
            constant: 0,
            terms: vec![(id, 1)],
        }
    }

    /// The column this form is, if it is one and nothing else.
    #[must_use]
    pub fn as_column(&self) -> Option<ColumnId> {
        match (self.constant, self.terms.as_slice()) {
            (0, [(id, 1)]) => Some(*id),
            _ => None,
        }
    }

    fn check(&self) -> Result<(), StatementError> {
        let mut seen = ColumnSet::EMPTY;
        for (id, _) in &self.terms {
            if seen.contains(*id) {
                let column = id.index();
                return Err(StatementError::ColumnTwice { column });
            }
            seen = seen.with(*id);
        }
        Ok(())
    }
}

/// `coefficient * product of factors`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Product {
    /// The coefficient.
    pub coefficient: i32,
    /// One to four factors.
    pub factors: Vec<LinearForm>,
}

/// What each row is weighted with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RowWeight {
    /// Nothing: every row counts once.
    One,
    /// eq(tau, x).
    Eq,
    /// eq(tau, x - 1), the polynomial "eq plus one": the columns as they are one row later, weighted
    /// with eq(tau, .). No row comes before row 0, so row 0 counts nothing. For sums of single
    /// linear forms only. Source: ePrint 2025/611, section 5 (pcnext).
    EqPlusOne,
}

/// `sum over rows x of weight(x) * (sum of products)(x)`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// The weight of each row.
    pub weight: RowWeight,
    /// Evaluations that describe a round polynomial: at least its degree and one.
    pub eval_points: usize,
    /// The products.
    pub products: Vec<Product>,
}

/// Statements about one trace that are proven together: one tau, one point, the same sweeps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// The statements.
    pub statements: Vec<Statement>,
    /// Columns whose values at the point are claimed beyond those the statements are about.
    pub extra: ColumnSet,
}

/// Why a statement can't be proven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// No products or factors, or too many.
    #[error("{actual} {what}, expected 1 to {max}")]
    Count {
        /// What there are too many or too few of.
        what: &'static str,
        /// How many there are.
        actual: usize,
        /// Limit.
        max: usize,
    },
    /// Rows weighted with eq plus one, and a product of several factors.
    #[error(
        "a product of {actual} factors, expected 1 where rows are weighted with eq plus one; prove \
         the factors' claims at the next row by a statement each"
    )]
    NextFactors {
        /// Its factors.
        actual: usize,
    },
    /// Too few or too many evaluation points.
    #[error("{actual} evaluation points, expected {min} to {EVAL_POINTS_MAX}")]
    EvalPoints {
        /// How many were given.
        actual: usize,
        /// The degree of a round polynomial and one.
        min: usize,
    },
    /// A column twice in one linear form.
    #[error("column {column} twice in one linear form; add up its coefficients")]
    ColumnTwice {
        /// Its index.
        column: usize,
    },
    /// A column that the oracle does not have.
    #[error("column {actual} does not exist, there are {count}")]
    UnknownColumn {
        /// Its index.
        actual: usize,
        /// Number of columns.
        count: usize,
    },
}

impl Statement {
    /// The sum over all rows of the product of `columns`, weighted with eq or not.
    #[must_use]
    pub fn product(columns: &[ColumnId], eq: bool) -> Self {
        let weight = if eq { RowWeight::Eq } else { RowWeight::One };
        Self::weighted_product(columns, weight)
    }

    /// `column` one row later, weighted with eq.
    #[must_use]
    pub fn next(column: ColumnId) -> Self {
        Self::weighted_product(&[column], RowWeight::EqPlusOne)
    }

    fn weighted_product(columns: &[ColumnId], weight: RowWeight) -> Self {
        let factors = columns.iter().copied().map(LinearForm::column).collect();
        let products = vec![Product {
            coefficient: 1,
            factors,
        }];
        let mut statement = Self {
            weight,
            eval_points: 0,
            products,
        };
        statement.eval_points = statement.round_degree() + 1;
        statement
    }

    /// Most factors of a product.
    #[must_use]
    pub fn product_degree(&self) -> usize {
        self.products
            .iter()
            .map(|product| product.factors.len())
            .max()
            .unwrap_or(0)
    }

    /// Degree of a round polynomial: that of the products, and one for a weight.
    #[must_use]
    pub fn round_degree(&self) -> usize {
        self.product_degree() + usize::from(self.weight != RowWeight::One)
    }

    /// The columns it is about.
    #[must_use]
    pub fn columns(&self) -> ColumnSet {
        let forms = self.products.iter().flat_map(|product| &product.factors);
        forms
            .flat_map(|form| form.terms.iter().map(|(id, _)| *id))
            .collect()
    }

    /// Checks it against an oracle with `column_count` columns.
    ///
    /// # Errors
    /// [`StatementError`].
    fn check(&self, column_count: usize) -> Result<(), StatementError> {
        count("products", self.products.len(), PRODUCT_COUNT_MAX)?;
        for product in &self.products {
            count(
                "factors in a product",
                product.factors.len(),
                FACTOR_COUNT_MAX,
            )?;
            let actual = product.factors.len();
            if self.weight == RowWeight::EqPlusOne && actual > 1 {
                return Err(StatementError::NextFactors { actual });
            }
            product.factors.iter().try_for_each(LinearForm::check)?;
        }
        count("columns", self.columns().count(), ColumnId::COUNT_MAX)?;
        let (actual, min) = (self.eval_points, self.round_degree() + 1);
        if !(min..=EVAL_POINTS_MAX).contains(&actual) {
            return Err(StatementError::EvalPoints { actual, min });
        }
        check_columns(self.columns(), column_count)
    }

    /// The statement as a formula for people; columns as `names` call them.
    #[must_use]
    pub fn describe(&self, names: &[&str]) -> String {
        let name = |id: &ColumnId| names.get(id.index()).copied().unwrap_or("?");
        let form = |form: &LinearForm| match form.as_column() {
            Some(id) => name(&id).to_owned(),
            None => {
                let term = |(id, value): &(ColumnId, i32)| format!("{value} {}", name(id));
                let constant = (form.constant != 0 || form.terms.is_empty())
                    .then(|| form.constant.to_string());
                let terms: Vec<String> = form.terms.iter().map(term).chain(constant).collect();
                format!("({})", terms.join(" + "))
            }
        };
        let product = |product: &Product| {
            let coefficient = (product.coefficient != 1).then(|| product.coefficient.to_string());
            let factors = product.factors.iter().map(form);
            coefficient
                .into_iter()
                .chain(factors)
                .collect::<Vec<_>>()
                .join(" * ")
        };
        let products = self
            .products
            .iter()
            .map(product)
            .collect::<Vec<_>>()
            .join(" + ");
        let weight = match self.weight {
            RowWeight::One => return format!("sum over rows of {products}"),
            RowWeight::Eq => "eq(tau, row)",
            RowWeight::EqPlusOne => "eq(tau, row - 1)",
        };
        match self.products.len() {
            1 => format!("sum over rows of {weight} * {products}"),
            _ => format!("sum over rows of {weight} * ({products})"),
        }
    }
}

impl Batch {
    /// One statement, and no columns beyond its own.
    #[must_use]
    pub fn of(statement: Statement) -> Self {
        Self {
            statements: vec![statement],
            extra: ColumnSet::EMPTY,
        }
    }

    /// The columns whose values at the point are claimed.
    #[must_use]
    pub fn columns(&self) -> ColumnSet {
        let columns = self.statements.iter().map(Statement::columns);
        columns.fold(self.extra, ColumnSet::union)
    }

    /// Evaluations that describe a round polynomial.
    #[must_use]
    pub fn eval_points(&self) -> usize {
        let points = self.statements.iter().map(|one| one.eval_points);
        points.max().unwrap_or(0)
    }

    /// Whether rows are weighted at all.
    #[must_use]
    pub fn is_weighted(&self) -> bool {
        self.statements
            .iter()
            .any(|one| one.weight != RowWeight::One)
    }

    /// Checks it against an oracle with `column_count` columns.
    ///
    /// # Errors
    /// [`StatementError`].
    pub fn check(&self, column_count: usize) -> Result<(), StatementError> {
        count("statements", self.statements.len(), STATEMENT_COUNT_MAX)?;
        for statement in &self.statements {
            statement.check(column_count)?;
        }
        check_columns(self.extra, column_count)
    }

    /// The statements as formulas for people; columns as `names` call them.
    #[must_use]
    pub fn describe(&self, names: &[&str]) -> String {
        let formulas = self.statements.iter().map(|one| one.describe(names));
        formulas.collect::<Vec<_>>().join("; ")
    }
}

fn count(what: &'static str, actual: usize, max: usize) -> Result<(), StatementError> {
    match (1..=max).contains(&actual) {
        true => Ok(()),
        false => Err(StatementError::Count { what, actual, max }),
    }
}

fn check_columns(set: ColumnSet, column_count: usize) -> Result<(), StatementError> {
    match set.iter().find(|id| id.index() >= column_count) {
        Some(id) => Err(StatementError::UnknownColumn {
            actual: id.index(),
            count: column_count,
        }),
        None => Ok(()),
    }
}
