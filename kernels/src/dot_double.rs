//! Dot products of four columns at once, on double limbs where the processor multiplies 52 bits by 52.
//!
//! In: planes, four columns of `u32`. Out: four field elements, exact whatever the tier or tile. Elsewhere
//! the columns go two by two (`dot`).
//!
//! Sketch, per group of eight rows: one load a column; per double limb two loads, a shift and an addition
//! that join it, then two multiplications that add a column. Sums of all columns stay in registers,
//! and joining pays from three columns on. A tile is as many rows as eight lanes together hold.

use crate::dot::{dot, tile_groups};
use crate::field::{MAX_DOT_ROWS, MAX_LIMBS, WeightField, at_most};
use crate::grid_double::{DOUBLE_BITS, DOUBLE_LIMBS, has_doubles};
use crate::lanes::{GROUP_ROWS, Group, Lanes, WideGroup, for_limbs};
use crate::planes::PlanesView;

/// Columns of a call.
const COLUMNS: usize = 4;
/// Sums of a column: the upper half of the last product has one of its own.
const SUMS: usize = DOUBLE_LIMBS + 1;

/// Groups whose sums over all eight lanes stay below `2^64`: a lane takes the lower half of a product of
/// 84 bits and the upper half of another.
const TILE_GROUPS: usize = (1 << (64 - DOUBLE_BITS)) / GROUP_ROWS - 1;

const _: () = {
    let group = GROUP_ROWS as u128 * ((1 << DOUBLE_BITS) + (1 << 32));
    assert!(TILE_GROUPS as u128 * group < 1 << 64);
    // `reduce_dot`: a sum of lower and upper halves, and the last one, moved to the limb before it.
    let rows = MAX_DOT_ROWS as u128;
    assert!(rows * ((1 << DOUBLE_BITS) + (1 << 32)) < 1 << 90);
    assert!((rows << 32) << (DOUBLE_BITS / 2) < 1 << 90);
};

type Totals = [[u128; SUMS]; COLUMNS];

/// Adds one tile to the totals. Never inlined: the registers are the sums'.
#[inline(never)]
fn tile<L: Lanes>(
    isa: L,
    planes: &[Group],
    columns: [&[[u32; GROUP_ROWS]]; COLUMNS],
    totals: &mut Totals,
) {
    isa.run(
        #[inline(always)]
        || {
            let mut acc = [[isa.wide_zero(); SUMS]; COLUMNS];
            let (pairs, _) = planes.as_chunks::<2>();
            // Zipped, because nothing but one counter is then tested in the loop.
            let first = columns[0].iter().zip(columns[1]);
            let last = columns[2].iter().zip(columns[3]);
            let rows = pairs.chunks_exact(DOUBLE_LIMBS).zip(first).zip(last);
            for ((pairs, (a, b)), (c, d)) in rows {
                let rows = [a, b, c, d];
                let mut values = [isa.wide_zero(); COLUMNS];
                for n in 0..COLUMNS {
                    values[n] = isa.widen(isa.split(isa.load(rows[n])));
                }
                for_limbs!(limb in 0..DOUBLE_LIMBS => {
                    let low = isa.widen(isa.split(isa.load_group(&pairs[limb][0])));
                    let high = isa.widen(isa.split(isa.load_group(&pairs[limb][1])));
                    let weight = isa.wide_add(low, isa.wide_shl(high, DOUBLE_BITS / 2));
                    for n in 0..COLUMNS {
                        acc[n][limb] = isa.mul_add_low52(acc[n][limb], weight, values[n]);
                        acc[n][limb + 1] = isa.mul_add_high52(acc[n][limb + 1], weight, values[n]);
                    }
                });
            }
            // At constant places, or the loop above would keep its sums in memory too.
            let mut stored = [[WideGroup::default(); SUMS]; COLUMNS];
            for_limbs!(sum in 0..SUMS => {
                for n in 0..COLUMNS {
                    isa.wide_store(acc[n][sum], &mut stored[n][sum]);
                }
            });
            for (totals, stored) in totals.iter_mut().zip(&stored) {
                for (total, lanes) in totals.iter_mut().zip(stored) {
                    *total += u128::from(lanes.0.iter().sum::<u64>());
                }
            }
        },
    );
}

/// Column by column `sum over rows of weight[row] * column[row]`, in tiles of at most `cap` groups.
#[inline(always)]
pub(crate) fn dot4<L: Lanes, F: WeightField>(
    isa: L,
    planes: PlanesView<'_, F>,
    columns: [&[u32]; COLUMNS],
    cap: usize,
) -> [F; COLUMNS] {
    let row_count = columns[0].len();
    for column in columns {
        assert_eq!(
            column.len(),
            row_count,
            "columns of one call have one length"
        );
    }
    if !const { L::HAS_MUL52 && has_doubles::<F>() } {
        let groups = at_most(tile_groups::<F, u32>(usize::MAX), cap);
        let [a, b, c, d] = columns;
        let [a, b] = dot::<L, F, u32, 2>(isa, planes, [a, b], groups);
        let [c, d] = dot::<L, F, u32, 2>(isa, planes, [c, d], groups);
        return [a, b, c, d];
    }
    assert!(
        row_count <= planes.weight_rows(),
        "{row_count} rows, {} weights",
        planes.weight_rows()
    );
    assert!(row_count <= MAX_DOT_ROWS);
    let mut totals: Totals = [[0; SUMS]; COLUMNS];
    let split = columns.map(|column| column.as_chunks::<GROUP_ROWS>());
    let (whole_groups, tail_rows) = (split[0].0.len(), split[0].1.len());
    let mut start = 0;
    while start < whole_groups {
        let end = (start + at_most(TILE_GROUPS, cap)).min(whole_groups);
        let part = split.map(|(groups, _)| &groups[start..end]);
        let planes = &planes.groups()[start * F::LIMBS..end * F::LIMBS];
        tile(isa, planes, part, &mut totals);
        start = end;
    }
    if tail_rows > 0 {
        let padded = split.map(|(_, tail)| {
            let mut group = [0; GROUP_ROWS];
            group[..tail_rows].copy_from_slice(tail);
            [group]
        });
        let part: [&[[u32; GROUP_ROWS]]; COLUMNS] = std::array::from_fn(|n| padded[n].as_slice());
        let planes = &planes.groups()[whole_groups * F::LIMBS..];
        tile(isa, planes, part, &mut totals);
    }
    totals.map(|sums| {
        let mut limbs = [0u128; MAX_LIMBS];
        for (k, sum) in sums[..DOUBLE_LIMBS].iter().enumerate() {
            limbs[2 * k] = *sum;
        }
        limbs[2 * DOUBLE_LIMBS - 1] = sums[DOUBLE_LIMBS] << (DOUBLE_BITS / 2);
        F::reduce_dot(&limbs)
    })
}
