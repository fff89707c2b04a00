//! What the parts of a proof cost: the constants that schedules are chosen and times predicted by.
//!
//! In: nothing; the committed figures were measured by [`calibrate`](super::calibrate()) on machine A of
//! PERF.md (row S-1), kernels by themselves; rows, columns, `in_place`, `sweep` and `start` are what whole proofs
//! show besides (row S-4). Out: [`CostModel`]. A wrong figure makes a proof slower, never different.

use tracelane_kernels::WeightField;

/// Nanoseconds on one thread, what more threads are worth, and what kernels lose among others.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CostModel {
    /// Regenerating a row, without what its columns cost.
    pub row: f64,
    /// Writing one column of a row.
    pub column: f64,
    /// One cell of a dot product over a prefix of at most 7 variables, without its reduction.
    pub prefix_cell: f64,
    /// One cell of a longer dot product.
    pub dot_cell: f64,
    /// Reducing one dot product to a field element.
    pub reduce: f64,
    /// One factor of a product of field elements on one grid point.
    pub grid_factor: f64,
    /// What a block of field elements costs beside its grid points.
    pub block: f64,
    /// One factor of a product of integers on one grid point.
    pub integer_factor: f64,
    /// The same in a product of three columns, which takes twice the pieces.
    pub integer_factor_cubic: f64,
    /// `integer_factor` where rows are not weighted: nothing is multiplied with limbs.
    pub plain_factor: f64,
    /// `integer_factor_cubic` where rows are not weighted.
    pub plain_factor_cubic: f64,
    /// One column of a factor that is a linear form, over the integers.
    pub integer_term: f64,
    /// Adding one cell to weighted sums a row.
    pub axpy_cell: f64,
    /// Binding one pair of field elements.
    pub bind: f64,
    /// One multiplication in a round in memory.
    pub pair_factor: f64,
    /// One byte of a table, for backing it.
    pub table_byte: f64,
    /// One entry of a table of weights.
    pub weight: f64,
    /// How many times as long a kernel takes in a proof, where others use the caches too.
    pub in_place: f64,
    /// Beginning and ending a sweep, however short.
    pub sweep: f64,
    /// Beginning and ending a proof.
    pub start: f64,
    /// What each worker after the first adds to the speed of a sweep, 0 to 1.
    pub worker_gain: f64,
}

impl CostModel {
    /// The committed figures for weights in `F`.
    #[must_use]
    pub fn committed<F: WeightField>() -> Self {
        if F::COORDS == 1 { BN254 } else { GOLDILOCKS2 }
    }

    /// How much faster than one worker `workers` of them sweep.
    #[must_use]
    pub fn speed(&self, workers: usize) -> f64 {
        1.0 + (workers.max(1) - 1) as f64 * self.worker_gain
    }

    /// One factor of a product of `degree` integers on one grid point.
    pub(super) const fn integer(&self, degree: usize, weighted: bool) -> f64 {
        match (degree, weighted) {
            (2, true) => self.integer_factor,
            (2, false) => self.plain_factor,
            (_, true) => self.integer_factor_cubic,
            (_, false) => self.plain_factor_cubic,
        }
    }
}

/// Multiplications of a weighted product of `degree` factors a pair in a round in memory: all digits
/// but the one that follows from the claim, and the weight.
pub(super) const fn round_multiplications(degree: usize) -> usize {
    degree * (degree - 1) + 2
}

const BN254: CostModel = CostModel {
    row: 0.75,
    column: 0.07,
    prefix_cell: 0.39,
    dot_cell: 0.18,
    reduce: 2.2,
    grid_factor: 7.6,
    block: 28.0,
    integer_factor: 0.29,
    integer_factor_cubic: 1.5,
    plain_factor: 0.25,
    plain_factor_cubic: 1.2,
    integer_term: 0.16,
    axpy_cell: 0.37,
    bind: 13.7,
    pair_factor: 10.9,
    table_byte: 0.39,
    weight: 16.5,
    in_place: 1.2,
    sweep: 170_000.0,
    start: 350_000.0,
    worker_gain: 0.9,
};

const GOLDILOCKS2: CostModel = CostModel {
    row: 0.75,
    column: 0.07,
    prefix_cell: 0.3,
    dot_cell: 0.14,
    reduce: 1.8,
    grid_factor: 2.7,
    block: 21.0,
    integer_factor: 0.37,
    integer_factor_cubic: 1.3,
    plain_factor: 0.26,
    plain_factor_cubic: 1.2,
    integer_term: 0.17,
    axpy_cell: 0.25,
    bind: 1.2,
    pair_factor: 1.2,
    table_byte: 0.37,
    weight: 2.3,
    in_place: 1.2,
    sweep: 170_000.0,
    start: 350_000.0,
    worker_gain: 0.9,
};
