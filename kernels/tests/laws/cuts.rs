//! One call or many over the same rows: the same sums.

use crate::cases::{elements, for_both_fields, rng, tiers, words};
use tracelane_kernels::{
    GridColumn, WeightField, WeightPlanes, WindowGrid, grid_points, reference,
};

for_both_fields!(rows_cut_at_any_group, blocks_cut_into_calls);

/// Rows of the shortest whole tile of all.
const TILE_ROWS: usize = if cfg!(miri) { 16 } else { 256 };

fn rows_cut_at_any_group<F: WeightField>() {
    let rng = &mut rng(8);
    let len = 3 * TILE_ROWS + 5;
    let planes = WeightPlanes::from_weights(&elements::<F>(len, rng));
    let column = words(len, rng);
    for kernels in tiers::<F>() {
        let whole = kernels.dot_u32(planes.view(), &column);
        for step in [8, 24, TILE_ROWS - 8, TILE_ROWS, TILE_ROWS + 8] {
            let parts = column.chunks(step).enumerate();
            let sum: F = parts
                .map(|(k, part)| kernels.dot_u32(planes.rows(k * step, part.len()), part))
                .sum();
            assert_eq!(sum, whole, "{} {step}", kernels.tier());
        }
    }
}

/// Scaled at the end, on top of what the output held.
fn blocks_cut_into_calls<F: WeightField>() {
    let rng = &mut rng(13);
    // Two groups and a tail are cut as well as ten are.
    let (window, block_count) = (2, if cfg!(miri) { 19 } else { 83 });
    let weights: Vec<F> = elements(block_count, rng);
    let planes = WeightPlanes::from_weights(&weights);
    let a = words(block_count << window, rng);
    let b = words(block_count << window, rng);
    let mut expected = vec![F::ZERO; grid_points(window, 2)];
    reference::grid_accumulate(&weights, &[&a, &b], window, 2, &mut expected);
    let scale = elements::<F>(1, rng)[0];
    for kernels in tiers::<F>() {
        for step in [8, 16, 40, 80] {
            let mut grid = WindowGrid::<F>::new(window, 2, 2);
            for first in (0..block_count).step_by(step) {
                let count = step.min(block_count - first);
                let rows = first << window..(first + count) << window;
                let part = [&a[rows.clone()], &b[rows]].map(GridColumn::Words);
                kernels.grid_accumulate(&mut grid, planes.rows(first, count), &part);
            }
            let mut out = vec![F::ONE; expected.len()];
            grid.drain_into(scale, &mut out);
            for (out, expected) in out.iter().zip(&expected) {
                assert_eq!(
                    *out,
                    F::ONE + scale * *expected,
                    "{} {step}",
                    kernels.tier()
                );
            }
        }
    }
}
