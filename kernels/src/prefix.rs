//! Small-prefix dot products: `out[j] = sum over b < 2^i of weight[b] * column[b + 2^i j]`, `i <= 7`.
//!
//! In: planes of `2^i` weights and a `u32` column of whole blocks. Out: one field element per block.
//! Lanes are blocks, so nothing is added across lanes; larger prefixes use `dot`.
//!
//! Sketch, per eight blocks: 8x8 transposes bring row `b` of eight blocks into one vector (3 shuffles
//! a vector); per row and limb one broadcast load, two multiplies, two additions. The limbs are taken
//! in passes so that the accumulators stay in registers. Eight outputs are reduced at once (BN254: see
//! `field::bn254_lanes`). Up to eight rows are `prefix_short`'s where whole words come in vectors.

use crate::field::{
    Goldilocks2, MAX_LIMBS, REDUCE_LANES_BANKS, REDUCE_LANES_LOG2, WeightField, at_most, fits_lane,
};
use crate::lanes::{GROUP_ROWS, Lanes, for_limbs};
use crate::planes::PlanesView;
use crate::prefix_short::prefix_short;
use crate::word_lanes::WordLanes;
use ark_bn254::Fr;

/// Largest prefix.
pub const MAX_PREFIX_LOG2: usize = 7;
const MAX_BLOCK_ROWS: usize = 1 << MAX_PREFIX_LOG2;

/// Rows of one bank: lanes stay below `2^63`.
const fn bank_rows<F: WeightField>() -> usize {
    at_most(1 << (63 - 32 - F::LIMB_BITS), MAX_BLOCK_ROWS)
}

/// A lane of a bank holds the largest rows with a bit to spare, and `reduce_lanes` takes all banks of a
/// prefix.
const _: () = {
    assert!(bank_rows::<Fr>() == 32 && fits_lane(2 * 32, 26, 32));
    assert!(bank_rows::<Goldilocks2>() == 128 && fits_lane(2 * 128, 22, 32));
    assert!(MAX_BLOCK_ROWS / 32 <= REDUCE_LANES_BANKS);
    assert!(MAX_BLOCK_ROWS as u64 * 0xffff_ffff < 1 << REDUCE_LANES_LOG2);
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
    } else if block_rows < GROUP_ROWS {
        let mut padded = [0; GROUP_ROWS * GROUP_ROWS / 2];
        let whole = GROUP_ROWS * block_rows;
        let values = if present.len() == whole {
            present
        } else {
            padded[..present.len()].copy_from_slice(present);
            &padded[..whole]
        };
        let load = |k: usize| -> &[u32; 8] {
            let eight = values[8 * k..8 * k + 8].try_into();
            eight.expect("eight rows")
        };
        match block_rows {
            1 => rows[0] = isa.load(load(0)),
            2 => {
                [rows[0], rows[1]] = isa.deinterleave(isa.load(load(0)), isa.load(load(1)));
            }
            _ => {
                let low = isa.deinterleave(isa.load(load(0)), isa.load(load(1)));
                let high = isa.deinterleave(isa.load(load(2)), isa.load(load(3)));
                [rows[0], rows[2]] = isa.deinterleave(low[0], high[0]);
                [rows[1], rows[3]] = isa.deinterleave(low[1], high[1]);
            }
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

/// Limbs whose sums, two vectors each, stay in registers beside a row's values and products.
const fn pass_limbs<L: Lanes, F: WeightField>() -> usize {
    assert!(F::LIMBS.is_multiple_of(2));
    if 2 * F::LIMBS + 5 <= L::REGISTERS {
        F::LIMBS
    } else {
        F::LIMBS / 2
    }
}

/// The rows of a block, where everything fits together.
#[inline(always)]
fn block_rows<F: WeightField>(planes: PlanesView<'_, F>, column: &[u32], out: &[F]) -> usize {
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
    block_rows
}

#[inline(always)]
pub(crate) fn prefix_dot<L: Lanes, F: WeightField>(
    isa: L,
    planes: PlanesView<'_, F>,
    column: &[u32],
    out: &mut [F],
) {
    let block_rows = block_rows(planes, column, out);
    macro_rules! run {
        ($body:expr) => {
            isa.run(
                #[inline(always)]
                || $body,
            )
        };
    }
    // Functions of their own: in one of all of them the registers do not suffice for any.
    match block_rows {
        1 if L::Dense::FASTER => run!(prefix_short::<_, F, 1>(isa.dense(), planes, column, out)),
        2 if L::Dense::FASTER => run!(prefix_short::<_, F, 2>(isa.dense(), planes, column, out)),
        4 if L::Dense::FASTER => run!(prefix_short::<_, F, 4>(isa.dense(), planes, column, out)),
        8 if L::Dense::FASTER => run!(prefix_short::<_, F, 8>(isa.dense(), planes, column, out)),
        _ => run!(prefix_long(isa, planes, column, out)),
    }
}

/// Any prefix, eight blocks at a time.
#[inline(always)]
fn prefix_long<L: Lanes, F: WeightField>(
    isa: L,
    planes: PlanesView<'_, F>,
    column: &[u32],
    out: &mut [F],
) {
    let block_rows = block_rows(planes, column, out);
    let mut rows = [isa.zero(); MAX_BLOCK_ROWS];
    let rows = &mut rows[..block_rows];
    let mut banks = [[isa.wide_zero(); MAX_LIMBS]; REDUCE_LANES_BANKS];
    let bank_rows = const { bank_rows::<F>() };
    let bank_count = block_rows.div_ceil(bank_rows);
    for (g, out) in out.chunks_mut(GROUP_ROWS).enumerate() {
        load_blocks(isa, column, block_rows, g * GROUP_ROWS, rows);
        for (b, (rows, bank)) in rows.chunks(bank_rows).zip(&mut banks).enumerate() {
            for first in (0..F::LIMBS).step_by(const { pass_limbs::<L, F>() }) {
                bank_pass(isa, planes, b * bank_rows, rows, first, bank);
            }
        }
        let mut reduced = [F::ZERO; GROUP_ROWS];
        F::reduce_lanes(isa, &banks[..bank_count], &mut reduced);
        out.copy_from_slice(&reduced[..out.len()]);
    }
}

/// The limbs of one pass, starting at `first`, over the rows of one bank, starting at `row`.
#[inline(always)]
fn bank_pass<L: Lanes, F: WeightField>(
    isa: L,
    planes: PlanesView<'_, F>,
    row: usize,
    rows: &[L::U32],
    first: usize,
    bank: &mut [L::Wide; MAX_LIMBS],
) {
    let pass_limbs = const { pass_limbs::<L, F>() };
    let mut acc = [isa.wide_zero(); MAX_LIMBS];
    let groups = &planes.groups()[row / GROUP_ROWS * F::LIMBS..];
    let (eights, few) = rows.as_chunks::<GROUP_ROWS>();
    // Eight rows at constant places need one address; fewer than eight are a prefix of their own.
    for (rows, planes) in eights.iter().zip(groups.chunks_exact(F::LIMBS)) {
        let planes = &planes[first..first + pass_limbs];
        for_limbs!(lane in 0..GROUP_ROWS => {
            let value = isa.split(rows[lane]);
            for_limbs!(limb in 0..pass_limbs => {
                let weight = isa.splat_pair(planes[limb].0[lane]);
                acc[limb] = isa.wide_add(acc[limb], isa.wide_mul(weight, value));
            });
        });
    }
    for (lane, value) in few.iter().enumerate() {
        let value = isa.split(*value);
        for_limbs!(limb in 0..pass_limbs => {
            let weight = isa.splat_pair(groups[first + limb].0[lane]);
            acc[limb] = isa.wide_add(acc[limb], isa.wide_mul(weight, value));
        });
    }
    for_limbs!(limb in 0..pass_limbs => {
        bank[first + limb] = acc[limb];
    });
}
