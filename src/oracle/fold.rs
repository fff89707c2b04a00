//! Folding columns over bound low variables: many u32 values times field weights.
//!
//! In: the challenges of the bound variables, chunks of a column. Out: for each block of
//! 2^(number of bound variables) rows the sum of `eq(challenges, row in block) * value`. Blocks may be
//! smaller or larger than a chunk. The work is done by the kernels' dot products.

use tracelane_kernels::{
    GROUP_ROWS, Kernels, MAX_PREFIX_LOG2, PlanesView, WeightField, WeightPlanes, eq_table,
};

use crate::trace::columns::ColumnId;
use crate::trace::view::ChunkView;

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
        self.fold_each(first_row, [column], [out], |planes, [column]| {
            [self.kernels.dot_u32(planes, column)]
        });
    }

    /// `fold` of a chunk's columns `ids`, by fours and pairs, which share the loads of the weights; one of
    /// `outs` each.
    ///
    /// # Panics
    /// As [`fold`](PrefixFold::fold), or if there are fewer outputs than columns.
    pub fn fold_columns<'a>(
        &self,
        view: &ChunkView<'_>,
        ids: &[ColumnId],
        outs: impl IntoIterator<Item = &'a mut [F]>,
    ) {
        let mut outs = outs.into_iter();
        let mut out = || outs.next().expect("one output a column");
        let (fours, rest) = ids.as_chunks::<4>();
        let (pairs, last) = rest.as_chunks::<2>();
        let (kernels, first_row) = (&self.kernels, view.first_row());
        for ids in fours {
            let (columns, outs) = (ids.map(|id| view.column(id)), [(); 4].map(|()| out()));
            self.fold_each(first_row, columns, outs, |planes, columns| {
                kernels.dot4_u32(planes, columns)
            });
        }
        for ids in pairs {
            let (columns, outs) = (ids.map(|id| view.column(id)), [out(), out()]);
            self.fold_each(first_row, columns, outs, |planes, columns| {
                kernels.dot2_u32(planes, columns)
            });
        }
        for id in last {
            self.fold(first_row, view.column(*id), out());
        }
    }

    fn fold_each<const N: usize>(
        &self,
        first_row: u64,
        columns: [&[u32]; N],
        outs: [&mut [F]; N],
        dots: impl Fn(PlanesView<'_, F>, [&[u32]; N]) -> [F; N],
    ) {
        let rows = columns[0].len();
        assert!(
            rows.is_power_of_two() && first_row.is_multiple_of(rows as u64),
            "aligned rows"
        );
        for out in &outs {
            assert_eq!(out.len(), self.values(rows), "one value a block");
        }
        let block_rows = 1usize << self.log2;
        if self.log2 <= MAX_PREFIX_LOG2 && rows >= block_rows {
            for (column, out) in columns.into_iter().zip(outs) {
                self.kernels.prefix_dot(self.planes.view(), column, out);
            }
        } else if rows >= block_rows {
            for (block, first) in (0..rows).step_by(block_rows).enumerate() {
                let parts = columns.map(|column| &column[first..first + block_rows]);
                let values = dots(self.planes.view(), parts);
                for n in 0..N {
                    outs[n][block] = values[n];
                }
            }
        } else {
            let offset = first_row as usize & (block_rows - 1);
            let parts = if rows.is_multiple_of(GROUP_ROWS) {
                dots(self.planes.rows(offset, rows), columns)
            } else {
                let weights = &self.weights[offset..offset + rows];
                columns.map(|column| {
                    let terms = weights.iter().zip(column);
                    terms.map(|(weight, &value)| *weight * F::from(value)).sum()
                })
            };
            for (part, out) in parts.into_iter().zip(outs) {
                out[0] = if offset == 0 { part } else { out[0] + part };
            }
        }
    }
}
