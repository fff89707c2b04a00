//! Integer grids of signed columns, with weights and without.

use ark_std::rand::Rng;
use tracelane_kernels::{
    GridColumn, ValueRange, WeightField, WeightPlanes, WindowGrid, grid_fits, grid_points,
    reference,
};

use crate::cases::{elements, for_both_fields, rng, tiers};

for_both_fields!(signed_columns_with_weights_and_without);

/// Linear combinations up to the ends of their range, alone and beside words, for more blocks than one
/// call holds.
fn signed_columns_with_weights_and_without<F: WeightField>() {
    let rng = &mut rng(16);
    let ends = [
        ValueRange {
            negative: u32::MAX.into(),
            positive: u32::MAX.into(),
        },
        ValueRange {
            negative: 1 << 36,
            positive: 3,
        },
        ValueRange {
            negative: 0,
            positive: 1 << 52,
        },
        ValueRange {
            negative: 5,
            positive: 0,
        },
    ];
    // Miri's days are too short for more points.
    let (window, degree) = (if cfg!(miri) { 1 } else { 2 }, 2);
    let block_count: usize = if cfg!(miri) { 8 } else { 72 };
    let weights: Vec<F> = elements(block_count, rng);
    let planes = WeightPlanes::from_weights(&weights);
    let words: Vec<u32> = (0..block_count << window).map(|_| rng.r#gen()).collect();
    for a in ends {
        for b in ends {
            if !grid_fits(window, degree, &[ValueRange::WORD, a, b]) {
                continue;
            }
            // Every range as the first; how large the second is makes no difference to memory.
            if cfg!(miri) && b != ends[3] {
                continue;
            }
            let mut signed = |range: ValueRange| -> Vec<i64> {
                let (low, high) = (-(range.negative as i64), range.positive as i64);
                let rows = 0..block_count << window;
                rows.map(|row| match row % 3 {
                    0 => low,
                    1 => high,
                    _ => rng.gen_range(low..=high),
                })
                .collect()
            };
            let (x, y) = (signed(a), signed(b));
            let lift =
                |rows: &[i64]| -> Vec<F> { rows.iter().map(|value| F::from(*value)).collect() };
            let tables = [
                lift(&x),
                lift(&y),
                words.iter().map(|word| F::from(*word)).collect(),
            ];
            let columns = [
                GridColumn::Signed(&x),
                GridColumn::Signed(&y),
                GridColumn::Words(&words),
            ];
            let ranges = [a, b, ValueRange::WORD];
            for count in 1..=3 {
                for weighted in [true, false] {
                    let mut expected = vec![F::ZERO; grid_points(window, degree)];
                    for (block, weight) in weights.iter().enumerate() {
                        let rows = block << window..(block + 1) << window;
                        let part = tables.each_ref().map(|table| &table[rows.clone()]);
                        let weight = if weighted { *weight } else { F::ONE };
                        reference::field_grid_accumulate(
                            weight,
                            &part[..count],
                            degree,
                            &mut expected,
                        );
                    }
                    for kernels in tiers::<F>() {
                        let ranges = &ranges[..count];
                        let mut grid =
                            WindowGrid::<F>::for_ranges(window, degree, ranges, weighted);
                        match weighted {
                            true => {
                                kernels.grid_accumulate(&mut grid, planes.view(), &columns[..count])
                            }
                            false => kernels.grid_add(&mut grid, &columns[..count]),
                        }
                        let mut out = vec![F::ZERO; expected.len()];
                        grid.drain_into(F::ONE, &mut out);
                        assert_eq!(out, expected, "{} {ranges:?} {weighted}", kernels.tier());
                    }
                }
            }
        }
    }
}
