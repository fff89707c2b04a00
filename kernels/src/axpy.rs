//! `sums[row] += weight * column[row]`, unreduced: the transpose of `dot`.
//!
//! In: one weight and a `u32` column at a time. Out: field elements added to a slice when flushed.
//!
//! Sketch, per eight rows and limb: two multiplies by a broadcast limb, two loads, two additions, two
//! stores. 80 bytes of sums a row for BN254, so a chunk of 2048 rows stays in a 512 KiB L2.

use crate::field::{Goldilocks2, MAX_LIMBS, REDUCE_LANES_LOG2, WeightField, fits_lane};
use crate::lanes::{GROUP_ROWS, Lanes, WideGroup, for_limbs};
use ark_bn254::Fr;
use std::marker::PhantomData;

/// Unreduced sums of `weight * value` per row.
#[derive(Clone, Debug)]
pub struct AxpySums<F> {
    groups: Vec<WideGroup>,
    sum_rows: usize,
    add_count: u32,
    field: PhantomData<F>,
}

impl<F: WeightField> AxpySums<F> {
    /// Columns that may be added between two flushes: what `reduce_lanes` takes.
    pub const MAX_ADDS: u32 = {
        let (lane, value) = (63 - F::LIMB_BITS - 32, REDUCE_LANES_LOG2 - 32);
        1 << if lane < value { lane } else { value }
    };

    /// Sums of `sum_rows` rows, all zero.
    pub fn new(sum_rows: usize) -> Self {
        let groups = vec![WideGroup::default(); sum_rows.div_ceil(GROUP_ROWS) * F::LIMBS];
        Self {
            groups,
            sum_rows,
            add_count: 0,
            field: PhantomData,
        }
    }

    /// Number of rows.
    pub fn sum_rows(&self) -> usize {
        self.sum_rows
    }

    /// Whether the next `axpy` needs a flush first.
    pub fn is_full(&self) -> bool {
        self.add_count == Self::MAX_ADDS
    }
}

/// A lane holds so many products of largest limbs and values, and `reduce_lanes` takes them.
const _: () = {
    assert!(AxpySums::<Fr>::MAX_ADDS == 32 && AxpySums::<Goldilocks2>::MAX_ADDS == 128);
    assert!(fits_lane(2 * 32, 26, 32) && fits_lane(2 * 128, 22, 32));
    assert!(128 * 0xffff_ffff < 1u64 << REDUCE_LANES_LOG2);
};

#[inline(always)]
pub(crate) fn axpy<L: Lanes, F: WeightField>(
    isa: L,
    sums: &mut AxpySums<F>,
    weight: F,
    column: &[u32],
) {
    assert_eq!(column.len(), sums.sum_rows, "one value per sum");
    assert!(
        !sums.is_full(),
        "flush after {} columns",
        AxpySums::<F>::MAX_ADDS
    );
    sums.add_count += 1;
    let limbs = weight.split();
    let mut weights = [isa.splat_pair(0); MAX_LIMBS];
    for limb in 0..F::LIMBS {
        weights[limb] = isa.splat_pair(limbs[limb]);
    }
    let (whole, tail) = column.as_chunks::<8>();
    let mut padded = [0; 8];
    padded[..tail.len()].copy_from_slice(tail);
    let rows = whole.iter().chain(std::iter::once(&padded));
    for (rows, sums) in rows.zip(sums.groups.chunks_exact_mut(F::LIMBS)) {
        let value = isa.split(isa.load(rows));
        for_limbs!(limb in 0..F::LIMBS => {
            let sum = isa.wide_add(
                isa.wide_load(&sums[limb]),
                isa.wide_mul(weights[limb], value),
            );
            isa.wide_store(sum, &mut sums[limb]);
        });
    }
}

#[inline(always)]
pub(crate) fn axpy_flush<L: Lanes, F: WeightField>(isa: L, sums: &mut AxpySums<F>, out: &mut [F]) {
    assert_eq!(out.len(), sums.sum_rows, "one output per sum");
    sums.add_count = 0;
    for (out, groups) in out
        .chunks_mut(GROUP_ROWS)
        .zip(sums.groups.chunks_exact_mut(F::LIMBS))
    {
        let mut bank = [isa.wide_zero(); MAX_LIMBS];
        for limb in 0..F::LIMBS {
            bank[limb] = isa.wide_load(&groups[limb]);
            groups[limb] = WideGroup::default();
        }
        let mut reduced = [F::ZERO; GROUP_ROWS];
        F::reduce_lanes(isa, &[bank], &mut reduced);
        for (out, reduced) in out.iter_mut().zip(&reduced) {
            *out += reduced;
        }
    }
}
