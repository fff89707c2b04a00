//! Small-prefix dot products: `out[j] = sum over b < 2^i of weight[b] * column[b + 2^i j]`, `i <= 7`.
//!
//! In: planes of `2^i` weights and a `u32` column of whole blocks. Out: one field element per block.
//! Lanes are blocks, so nothing is added across lanes; larger prefixes use `dot`.
//!
//! Sketch, per eight blocks: 8x8 transposes bring row `b` of eight blocks into one vector (3 shuffles
//! a vector); per row and limb one broadcast load, two multiplies, two additions. The limbs are taken
//! in passes so that the accumulators stay in registers. Eight outputs are reduced at once (BN254: see
//! `field::bn254_lanes`).

use crate::field::{Goldilocks2, MAX_LIMBS, WeightField, fits_lane, lane_products};
use crate::lanes::{GROUP_ROWS, Lanes};
use crate::planes::PlanesView;
use ark_bn254::Fr;

/// Largest prefix.
pub const MAX_PREFIX_LOG2: usize = 7;
const MAX_BLOCK_ROWS: usize = 1 << MAX_PREFIX_LOG2;
/// Rows of one bank.
const BANK_ROWS: usize = 64;
const BANK_COUNT: usize = MAX_BLOCK_ROWS / BANK_ROWS;

/// A lane of a bank holds the largest rows, and `reduce_lanes` takes all banks of a prefix.
const _: () = {
    assert!(fits_lane(
        BANK_ROWS as u64,
        <Fr as WeightField>::LIMB_BITS,
        32
    ));
    assert!(fits_lane(BANK_ROWS as u64, Goldilocks2::LIMB_BITS, 32));
    assert!(BANK_COUNT <= 2 && MAX_BLOCK_ROWS as u64 <= lane_products::<Fr>());
    assert!(MAX_BLOCK_ROWS as u64 <= lane_products::<Goldilocks2>());
};

/// Vector `b` of `rows` becomes row `b` of blocks `first .. first + 8`; absent blocks read as zero.
#[inline(always)]
pub(crate) fn load_blocks<L: Lanes>(
    isa: L,
    column: &[u32],
    block_rows: usize,
    first: usize,
    rows: &mut [L::U32],
) {
    let start = first * block_rows;
    let present = &column[start..column.len().min(start + GROUP_ROWS * block_rows)];
    if block_rows >= GROUP_ROWS && present.len() == GROUP_ROWS * block_rows {
        for (g, out) in rows.chunks_exact_mut(8).enumerate() {
            let mut square = [isa.zero(); 8];
            for (lane, vector) in square.iter_mut().enumerate() {
                let at = lane * block_rows + 8 * g;
                let eight: &[u32; 8] = present[at..at + 8].try_into().expect("eight rows");
                *vector = isa.load(eight);
            }
            let square = isa.transpose(square);
            out.copy_from_slice(&square);
        }
    } else {
        for (b, out) in rows.iter_mut().enumerate() {
            let mut lanes = [0; 8];
            for (lane, value) in lanes.iter_mut().enumerate() {
                *value = present.get(lane * block_rows + b).copied().unwrap_or(0);
            }
            *out = isa.load(&lanes);
        }
    }
}

#[inline(always)]
pub(crate) fn prefix_dot<L: Lanes, F: WeightField>(
    isa: L,
    planes: PlanesView<'_, F>,
    column: &[u32],
    out: &mut [F],
) {
    let block_rows = planes.weight_rows();
    assert!(
        block_rows.is_power_of_two() && block_rows <= MAX_BLOCK_ROWS,
        "a prefix has 1 to {MAX_BLOCK_ROWS} weights, a power of two: {block_rows}"
    );
    assert_eq!(
        column.len(),
        out.len() * block_rows,
        "one output per block of {block_rows} rows"
    );
    let mut rows = [isa.zero(); MAX_BLOCK_ROWS];
    let rows = &mut rows[..block_rows];
    let mut banks = [[isa.wide_zero(); MAX_LIMBS]; BANK_COUNT];
    let bank_count = block_rows.div_ceil(BANK_ROWS);
    for (g, out) in out.chunks_mut(GROUP_ROWS).enumerate() {
        load_blocks(isa, column, block_rows, g * GROUP_ROWS, rows);
        for (b, (rows, bank)) in rows.chunks(BANK_ROWS).zip(&mut banks).enumerate() {
            for first in (0..F::LIMBS).step_by(F::LIMBS / 2) {
                bank_pass(isa, planes, b * BANK_ROWS, rows, first, bank);
            }
        }
        let mut reduced = [F::ZERO; GROUP_ROWS];
        F::reduce_lanes(isa, &banks[..bank_count], &mut reduced);
        out.copy_from_slice(&reduced[..out.len()]);
    }
}

/// Half of the limbs, starting at `first`, over at most [`BANK_ROWS`] rows starting at `row`.
#[inline(always)]
fn bank_pass<L: Lanes, F: WeightField>(
    isa: L,
    planes: PlanesView<'_, F>,
    row: usize,
    rows: &[L::U32],
    first: usize,
    bank: &mut [L::Wide; MAX_LIMBS],
) {
    let pass_limbs = const { F::LIMBS / 2 };
    let mut acc = [isa.wide_zero(); MAX_LIMBS];
    let groups = &planes.groups()[row / GROUP_ROWS * F::LIMBS..];
    for (rows, planes) in rows.chunks(GROUP_ROWS).zip(groups.chunks_exact(F::LIMBS)) {
        let planes = &planes[first..first + pass_limbs];
        for (lane, value) in rows.iter().enumerate() {
            let value = isa.split(*value);
            for limb in 0..pass_limbs {
                let weight = isa.splat_pair(planes[limb].0[lane]);
                acc[limb] = isa.wide_add(acc[limb], isa.wide_mul(weight, value));
            }
        }
    }
    bank[first..first + pass_limbs].copy_from_slice(&acc[..pass_limbs]);
}
