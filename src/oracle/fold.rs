//! Folding columns over bound low variables: many u32 values times field weights.
//!
//! In: the challenges of the bound variables, chunks of a column. Out: for each block of
//! 2^(number of bound variables) rows the sum of `eq(challenges, row in block) * value`. Blocks may be
//! smaller or larger than a chunk. The work is done by the kernels' dot products.

use tracelane_kernels::{
    GROUP_ROWS, Kernels, MAX_PREFIX_LOG2, WeightField, WeightPlanes, eq_table,
};

/// The weights of a bound prefix of low variables.
pub struct PrefixFold<F: WeightField> {
    kernels: Kernels<F>,
    log2: usize,
    planes: WeightPlanes<F>,
    /// The weights themselves, for chunks smaller than the kernels' groups.
    weights: Vec<F>,
}

impl<F: WeightField> PrefixFold<F> {
    /// Weights for low variables bound to `point`, variable 0 first.
    #[must_use]
    pub fn new(kernels: Kernels<F>, point: &[F]) -> Self {
        let weights = eq_table(point);
        let planes = WeightPlanes::from_weights(&weights);
        Self {
            kernels,
            log2: point.len(),
            planes,
            weights,
        }
    }

    /// Number of bound variables.
    #[must_use]
    pub fn log2(&self) -> usize {
        self.log2
    }

    /// Values that a chunk of `rows` rows gives or contributes to.
    #[must_use]
    pub fn values(&self, rows: usize) -> usize {
        (rows >> self.log2).max(1)
    }

    /// Folds consecutive values of a column, `column[0]` being that of row `first_row`: sets the
    /// values of the blocks that begin here, adds to that of a block that began in an earlier chunk.
    ///
    /// # Panics
    /// If `column` is no power of two long, does not start at a multiple of its length, or `out` is
    /// not [`values`](PrefixFold::values) long.
    pub fn fold(&self, first_row: u64, column: &[u32], out: &mut [F]) {
        let rows = column.len();
        assert!(
            rows.is_power_of_two() && first_row.is_multiple_of(rows as u64),
            "aligned rows"
        );
        assert_eq!(out.len(), self.values(rows), "one value a block");
        let block_rows = 1usize << self.log2;
        if self.log2 <= MAX_PREFIX_LOG2 && rows >= block_rows {
            self.kernels.prefix_dot(self.planes.view(), column, out);
        } else if rows >= block_rows {
            for (value, block) in out.iter_mut().zip(column.chunks_exact(block_rows)) {
                *value = self.kernels.dot_u32(self.planes.view(), block);
            }
        } else {
            let offset = first_row as usize & (block_rows - 1);
            let part = if rows.is_multiple_of(GROUP_ROWS) {
                self.kernels.dot_u32(self.planes.rows(offset, rows), column)
            } else {
                let weights = &self.weights[offset..offset + rows];
                weights
                    .iter()
                    .zip(column)
                    .map(|(weight, &value)| *weight * F::from(value))
                    .sum()
            };
            out[0] = if offset == 0 { part } else { out[0] + part };
        }
    }
}
