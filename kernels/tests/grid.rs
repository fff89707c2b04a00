//! Laws of the integer and field grids: equal to the reference at every grid point, exact for the
//! largest values, independent of how the blocks are cut into calls.

mod support;

use ark_std::rand::Rng;
use support::{columns, elements, largest_limbs, rng, tiers, weights};
use tracelane_kernels::{
    WeightField, WeightPlanes, WindowGrid, grid_points, reference, value_bits,
};

for_both_fields!(
    windows_degrees_and_columns,
    special_values,
    unaligned_columns,
    largest_grid_sums,
    blocks_cut_into_calls,
    field_grids,
    accumulators_at_many_products,
);

/// Grids small enough for the reference.
fn windows_degrees_and_columns<F: WeightField>() {
    let rng = &mut rng(11);
    for degree in 2..=4 {
        for window in 1..=if cfg!(miri) { 2 } else { 6 - degree } {
            for column_count in 1..=3 {
                if column_count as u32 * value_bits(window, degree) > 126 {
                    continue;
                }
                let block_count = 11;
                let columns: Vec<Vec<u32>> = (0..column_count)
                    .map(|_| (0..block_count << window).map(|_| rng.r#gen()).collect())
                    .collect();
                let columns: Vec<&[u32]> = columns.iter().map(Vec::as_slice).collect();
                let weights: Vec<F> = elements(block_count, rng);
                check(&weights, &columns, window, degree, "random");
            }
        }
    }
}

fn special_values<F: WeightField>() {
    let rng = &mut rng(12);
    let (window, block_count) = (3, 9);
    for (weight_name, weights) in weights::<F>(block_count, rng) {
        for (name, a) in columns(block_count << window, rng) {
            for (other_name, b) in columns(block_count << window, rng) {
                let case = format!("{weight_name} {name} {other_name}");
                check(&weights, &[&a, &b], window, 2, &case);
            }
        }
    }
}

fn unaligned_columns<F: WeightField>() {
    let rng = &mut rng(15);
    let a: Vec<u32> = (0..100).map(|_| rng.r#gen()).collect();
    let weights: Vec<F> = elements(9, rng);
    for start in 1..8 {
        let columns = [&a[start..start + 72], &a[8 - start..80 - start]];
        check(&weights, &columns, 3, 2, "unaligned");
    }
}

fn check<F: WeightField>(
    weights: &[F],
    columns: &[&[u32]],
    window: usize,
    degree: usize,
    case: &str,
) {
    let planes = WeightPlanes::from_weights(weights);
    let mut expected = vec![F::ZERO; grid_points(window, degree)];
    reference::grid_accumulate(weights, columns, window, degree, &mut expected);
    for kernels in tiers::<F>() {
        let mut grid = WindowGrid::<F>::new(window, degree, columns.len());
        kernels.grid_accumulate(&mut grid, planes.view(), columns);
        let mut out = vec![F::ZERO; grid.point_count()];
        grid.drain_into(F::ONE, &mut out);
        let tier = kernels.tier();
        assert_eq!(
            out,
            expected,
            "{tier} w={window} d={degree} l={} {case}",
            columns.len()
        );
        grid.drain_into(F::ONE, &mut out);
        assert_eq!(out, expected, "a drained grid is empty");
    }
}

/// Rows alternate between 0 and the largest value in the pattern that makes the value at infinity in
/// every variable as large as it can be, `2^(window - 1) (2^32 - 1)`, of either sign, for more blocks
/// than the sums hold without a flush.
fn largest_grid_sums<F: WeightField>() {
    let weight = largest_limbs::<F>();
    for window in if cfg!(miri) { 1..=2 } else { 1..=6 } {
        let block_count: usize = if cfg!(miri) { 16 } else { 2800 };
        let planes = WeightPlanes::from_weights(&vec![weight; block_count]);
        let even = |row: usize| (row % (1 << window)).count_ones().is_multiple_of(2);
        let rows = 0..block_count << window;
        let a: Vec<u32> = rows
            .clone()
            .map(|row| if even(row) { u32::MAX } else { 0 })
            .collect();
        let b: Vec<u32> = rows
            .map(|row| if even(row) { 0 } else { u32::MAX })
            .collect();
        for columns in [[&a[..], &a], [&a, &b]] {
            let mut expected = vec![F::ZERO; grid_points(window, 2)];
            let scaled = weight * F::from(block_count as u64);
            let block = columns.map(|column| &column[..1 << window]);
            reference::grid_accumulate(&[scaled], &block, window, 2, &mut expected);
            for kernels in tiers::<F>() {
                let mut grid = WindowGrid::<F>::new(window, 2, 2);
                kernels.grid_accumulate(&mut grid, planes.view(), &columns);
                let mut out = vec![F::ZERO; expected.len()];
                grid.drain_into(F::ONE, &mut out);
                assert_eq!(out, expected, "{} window {window}", kernels.tier());
            }
        }
    }
}

/// One call over all blocks, or many calls over some, then scaled: the same sums.
fn blocks_cut_into_calls<F: WeightField>() {
    let rng = &mut rng(13);
    let (window, block_count) = (2, 83);
    let weights: Vec<F> = elements(block_count, rng);
    let planes = WeightPlanes::from_weights(&weights);
    let a: Vec<u32> = (0..block_count << window).map(|_| rng.r#gen()).collect();
    let b: Vec<u32> = (0..block_count << window).map(|_| rng.r#gen()).collect();
    let mut expected = vec![F::ZERO; grid_points(window, 2)];
    reference::grid_accumulate(&weights, &[&a, &b], window, 2, &mut expected);
    let scale = elements::<F>(1, rng)[0];
    for kernels in tiers::<F>() {
        for step in [8, 16, 40, 80] {
            let mut grid = WindowGrid::<F>::new(window, 2, 2);
            for first in (0..block_count).step_by(step) {
                let count = step.min(block_count - first);
                let rows = first << window..(first + count) << window;
                let part = [&a[rows.clone()], &b[rows]];
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

fn field_grids<F: WeightField>() {
    let rng = &mut rng(14);
    for degree in 1..=4 {
        for window in 0..=3 {
            for table_count in 1..=4 {
                let tables: Vec<Vec<F>> = (0..table_count)
                    .map(|_| elements(1 << window, rng))
                    .collect();
                let tables: Vec<&[F]> = tables.iter().map(Vec::as_slice).collect();
                let weights: Vec<F> = vec![elements::<F>(1, rng)[0], largest_limbs()];
                let point_count = grid_points(window, degree);
                let mut expected = vec![F::ZERO; point_count];
                for weight in &weights {
                    reference::field_grid_accumulate(*weight, &tables, degree, &mut expected);
                }
                for kernels in tiers::<F>() {
                    let mut sums = vec![F::Accumulator::default(); point_count];
                    let mut scratch = vec![F::ZERO; table_count * point_count];
                    for weight in &weights {
                        kernels.field_grid_accumulate(
                            *weight,
                            &tables,
                            degree,
                            &mut scratch,
                            &mut sums,
                        );
                    }
                    let mut out = vec![F::ZERO; point_count];
                    kernels.flush_reduce(&mut sums, &mut out);
                    assert_eq!(out, expected, "{} d={degree} w={window}", kernels.tier());
                    kernels.flush_reduce(&mut sums, &mut out);
                    assert_eq!(out, vec![F::ZERO; point_count]);
                }
            }
        }
    }
}

/// Doubling an accumulator sixty times reaches the documented bound of `2^60` products.
fn accumulators_at_many_products<F: WeightField>() {
    for element in [largest_limbs::<F>(), support::largest(), F::ONE] {
        let mut sum = F::Accumulator::default();
        F::accumulate(&mut sum, &element, &element);
        let mut expected = element * element;
        for _ in 0..60 {
            assert_eq!(F::reduce(&sum), expected);
            let copy = sum;
            F::merge(&mut sum, &copy);
            expected += expected;
        }
        assert_eq!(F::reduce(&sum), expected);
    }
}
