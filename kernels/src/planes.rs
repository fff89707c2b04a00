//! Weights as limb planes: eight rows of one limb per vector, all limbs of a group side by side.
//!
//! In: a point or a slice of field elements. Out: aligned `u32` groups the kernels read.
//! Layout: group `g` holds rows `8g .. 8g + 8`; its `F::LIMBS` vectors are contiguous. Rows past the
//! end carry weight zero. 40 bytes a row for BN254, 24 for Goldilocks^2.
//!
//! Index convention, everywhere in this crate: bit `j` of a row index (bit 0 is the least
//! significant) pairs with `point[j]`.

use crate::field::WeightField;
use crate::lanes::{GROUP_ROWS, Group};
use std::marker::PhantomData;

/// Owned weight planes.
#[derive(Clone, Debug)]
pub struct WeightPlanes<F> {
    groups: Vec<Group>,
    weight_rows: usize,
    field: PhantomData<F>,
}

/// A borrowed run of rows of [`WeightPlanes`], starting at a group boundary.
#[derive(Debug)]
pub struct PlanesView<'a, F> {
    groups: &'a [Group],
    weight_rows: usize,
    field: PhantomData<F>,
}

impl<F> Clone for PlanesView<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for PlanesView<'_, F> {}

impl<F: WeightField> WeightPlanes<F> {
    /// Planes of arbitrary weights.
    pub fn from_weights(weights: &[F]) -> Self {
        let mut groups = vec![Group::default(); weights.len().div_ceil(GROUP_ROWS) * F::LIMBS];
        for (rows, planes) in weights
            .chunks(GROUP_ROWS)
            .zip(groups.chunks_exact_mut(F::LIMBS))
        {
            for (lane, weight) in rows.iter().enumerate() {
                for (plane, limb) in planes.iter_mut().zip(weight.split()) {
                    plane.0[lane] = limb;
                }
            }
        }
        Self {
            groups,
            weight_rows: weights.len(),
            field: PhantomData,
        }
    }

    /// Planes of `eq(point, row)` for the `2^point.len()` rows of the cube.
    pub fn from_point(point: &[F]) -> Self {
        Self::from_weights(&eq_table(point))
    }

    /// Number of weights.
    pub fn weight_rows(&self) -> usize {
        self.weight_rows
    }

    /// All rows.
    pub fn view(&self) -> PlanesView<'_, F> {
        self.rows(0, self.weight_rows)
    }

    /// Rows `first .. first + count`.
    ///
    /// # Panics
    /// If `first` is not a multiple of eight or the range leaves the planes.
    pub fn rows(&self, first: usize, count: usize) -> PlanesView<'_, F> {
        assert!(
            first.is_multiple_of(GROUP_ROWS),
            "planes are cut at groups of eight: {first}"
        );
        let end = first.checked_add(count).expect("row range overflows");
        assert!(
            end <= self.weight_rows,
            "rows {first}..{end} of {}",
            self.weight_rows
        );
        let groups = first / GROUP_ROWS * F::LIMBS..end.div_ceil(GROUP_ROWS) * F::LIMBS;
        PlanesView {
            groups: &self.groups[groups],
            weight_rows: count,
            field: PhantomData,
        }
    }
}

impl<'a, F> PlanesView<'a, F> {
    /// Number of weights.
    pub fn weight_rows(&self) -> usize {
        self.weight_rows
    }

    /// The vectors: `F::LIMBS` per group of eight rows.
    pub(crate) fn groups(&self) -> &'a [Group] {
        self.groups
    }
}

/// Planes of `eq(point, row)`; see [`WeightPlanes::from_point`].
pub fn eq_planes<F: WeightField>(point: &[F]) -> WeightPlanes<F> {
    WeightPlanes::from_point(point)
}

/// `eq(point, row) = product over j of (row_j ? point[j] : 1 - point[j])` for every row.
///
/// Tensor doubling: one multiplication per entry beyond the first.
pub fn eq_table<F: WeightField>(point: &[F]) -> Vec<F> {
    let mut table = Vec::with_capacity(1 << point.len());
    table.push(F::ONE);
    for r in point {
        for row in 0..table.len() {
            let with_bit = table[row] * r;
            table[row] -= with_bit;
            table.push(with_bit);
        }
    }
    table
}
