//! Laws of `dot`, `prefix_dot` and `axpy`: equal to the reference for every tier, field, length,
//! alignment and special value, and exact at the largest sums their bounds allow.

mod support;

use ark_std::rand::Rng;
use support::{columns, elements, largest_limbs, rng, tiers, weights};
use tracelane_kernels::{AxpySums, WeightField, WeightPlanes, eq_planes, eq_table, reference};

for_both_fields!(
    eq_follows_the_index_convention,
    every_length_and_tail,
    special_values,
    unaligned_slices_and_row_ranges,
    unaligned_columns_of_the_other_kernels,
    cuts_at_any_group_add_up,
    planes_longer_than_the_column,
    largest_sums,
    prefixes,
    largest_prefix_sums,
    axpy_up_to_the_bound,
);

/// Rows of one BN254 tile, the smallest of all: longer lengths cross its boundary.
const TILE_ROWS: usize = if cfg!(miri) { 16 } else { 256 };

fn eq_follows_the_index_convention<F: WeightField>() {
    let rng = &mut rng(1);
    for vars in 0..8 {
        let point: Vec<F> = elements(vars, rng);
        let table = eq_table(&point);
        assert_eq!(table, reference::eq_table(&point));
        assert_eq!(table.iter().sum::<F>(), F::ONE);
        let planes = eq_planes(&point);
        assert_eq!(planes.weight_rows(), 1 << vars);
        for kernels in tiers::<F>() {
            for (row, weight) in table.iter().enumerate() {
                let mut column = vec![0u32; row + 1];
                column[row] = 1;
                assert_eq!(kernels.dot_u32(planes.view(), &column), *weight);
            }
        }
    }
}

fn every_length_and_tail<F: WeightField>() {
    let rng = &mut rng(2);
    let longest = 3 * TILE_ROWS + 9;
    let weights: Vec<F> = elements(longest, rng);
    let planes = WeightPlanes::from_weights(&weights);
    let column: Vec<u32> = (0..longest).map(|_| rng.r#gen()).collect();
    let other: Vec<u32> = (0..longest).map(|_| rng.r#gen()).collect();
    let halves: Vec<u16> = column.iter().map(|x| *x as u16).collect();
    let bytes: Vec<u8> = column.iter().map(|x| *x as u8).collect();
    let mut expected = [F::ZERO; 5];
    for len in 0..=longest {
        if len > 0 {
            let row = len - 1;
            let weight = weights[row];
            expected[0] += weight * F::from(column[row]);
            expected[1] += weight * F::from(other[row]);
            expected[2] += weight * F::from(halves[row]);
            expected[3] += weight * F::from(bytes[row]);
            if bytes[row / 8] >> (row % 8) & 1 == 1 {
                expected[4] += weight;
            }
        }
        for kernels in tiers::<F>() {
            let tier = kernels.tier();
            let view = planes.view();
            assert_eq!(
                kernels.dot_u32(view, &column[..len]),
                expected[0],
                "{tier} {len}"
            );
            let two = kernels.dot2_u32(view, [&column[..len], &other[..len]]);
            assert_eq!(two, [expected[0], expected[1]], "{tier} {len}");
            assert_eq!(
                kernels.dot_u16(view, &halves[..len]),
                expected[2],
                "{tier} {len}"
            );
            assert_eq!(
                kernels.dot_u8(view, &bytes[..len]),
                expected[3],
                "{tier} {len}"
            );
            assert_eq!(
                kernels.dot_bits(view, &bytes, len),
                expected[4],
                "{tier} {len}"
            );
        }
    }
}

fn special_values<F: WeightField>() {
    let rng = &mut rng(3);
    for len in [1, 8, TILE_ROWS, 3 * TILE_ROWS - 1] {
        for (weight_name, weights) in weights::<F>(len, rng) {
            let planes = WeightPlanes::from_weights(&weights);
            for (name, column) in columns(len, rng) {
                let halves: Vec<u16> = column.iter().map(|x| *x as u16).collect();
                let bytes: Vec<u8> = column.iter().map(|x| *x as u8).collect();
                let bits = &bytes[..len.div_ceil(8)];
                for kernels in tiers::<F>() {
                    let case = format!("{} {weight_name} {name} {len}", kernels.tier());
                    let view = planes.view();
                    let sum = reference::dot(&weights, &column);
                    assert_eq!(kernels.dot_u32(view, &column), sum, "{case}");
                    assert_eq!(kernels.dot2_u32(view, [&column; 2]), [sum; 2], "{case}");
                    let sum = reference::dot(&weights, &halves);
                    assert_eq!(kernels.dot_u16(view, &halves), sum, "{case}");
                    let sum = reference::dot(&weights, &bytes);
                    assert_eq!(kernels.dot_u8(view, &bytes), sum, "{case}");
                    let sum = reference::dot_bits(&weights, bits, len);
                    assert_eq!(kernels.dot_bits(view, bits, len), sum, "{case}");
                }
            }
        }
    }
}

fn unaligned_slices_and_row_ranges<F: WeightField>() {
    let rng = &mut rng(4);
    let weights: Vec<F> = elements(64, rng);
    let planes = WeightPlanes::from_weights(&weights);
    let column: Vec<u32> = (0..80).map(|_| rng.r#gen()).collect();
    for kernels in tiers::<F>() {
        for start in 0..9 {
            let part = &column[start..start + 37];
            let expected = reference::dot(&weights[16..], part);
            assert_eq!(kernels.dot_u32(planes.rows(16, 48), part), expected);
            let bytes: Vec<u8> = part.iter().map(|x| *x as u8).collect();
            let expected = reference::dot(&weights[8..], &bytes[start..]);
            assert_eq!(
                kernels.dot_u8(planes.rows(8, 40), &bytes[start..]),
                expected
            );
        }
    }
}

fn unaligned_columns_of_the_other_kernels<F: WeightField>() {
    let rng = &mut rng(7);
    let weights: Vec<F> = elements(64, rng);
    let planes = WeightPlanes::from_weights(&weights);
    let column: Vec<u32> = (0..90).map(|_| rng.r#gen()).collect();
    let other: Vec<u32> = (0..90).map(|_| rng.r#gen()).collect();
    for kernels in tiers::<F>() {
        for start in 0..9 {
            let (part, other) = (&column[start..start + 61], &other[9 - start..70 - start]);
            let expected = [part, other].map(|part| reference::dot(&weights, part));
            assert_eq!(kernels.dot2_u32(planes.view(), [part, other]), expected);
            let halves: Vec<u16> = column.iter().map(|x| *x as u16).collect();
            let expected = reference::dot(&weights, &halves[start..start + 61]);
            assert_eq!(
                kernels.dot_u16(planes.view(), &halves[start..start + 61]),
                expected
            );
            let mut sums = AxpySums::new(61);
            let (mut out, mut expected) = (vec![F::ONE; 62], vec![F::ONE; 61]);
            kernels.axpy(&mut sums, weights[0], part);
            kernels.axpy_flush(&mut sums, &mut out[1..]);
            reference::axpy(&mut expected, weights[0], part);
            assert_eq!(out[1..], expected);
            let short = WeightPlanes::from_weights(&weights[..8]);
            let (mut out, mut expected) = (vec![F::ONE; 8], vec![F::ZERO; 7]);
            kernels.prefix_dot(short.view(), &part[..56], &mut out[1..]);
            reference::prefix_dot(&weights[..8], &part[..56], &mut expected);
            assert_eq!(out[1..], expected);
        }
    }
}

/// Tiles of one call or of several: the same sum.
fn cuts_at_any_group_add_up<F: WeightField>() {
    let rng = &mut rng(8);
    let len = 3 * TILE_ROWS + 5;
    let planes = WeightPlanes::from_weights(&elements::<F>(len, rng));
    let column: Vec<u32> = (0..len).map(|_| rng.r#gen()).collect();
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

/// Rows the column does not have weigh nothing, whatever the planes hold there.
fn planes_longer_than_the_column<F: WeightField>() {
    let planes = WeightPlanes::from_weights(&[largest_limbs::<F>(); 24]);
    for kernels in tiers::<F>() {
        let expected = largest_limbs::<F>() * F::from(3u64);
        assert_eq!(kernels.dot_u32(planes.view(), &[1, 1, 1]), expected);
        assert_eq!(kernels.dot_u32(planes.view(), &[]), F::ZERO);
        assert_eq!(kernels.dot_bits(planes.view(), &[0xff], 0), F::ZERO);
    }
}

/// Largest limbs times largest values, over several whole tiles of every field and cell type.
fn largest_sums<F: WeightField>() {
    let len = if cfg!(miri) { 64 } else { 3 * 4096 };
    let weight = largest_limbs::<F>();
    let planes = WeightPlanes::from_weights(&vec![weight; len]);
    let times = |value: u64| weight * F::from(value) * F::from(len as u64);
    for kernels in tiers::<F>() {
        let (view, words) = (planes.view(), vec![u32::MAX; len]);
        assert_eq!(kernels.dot_u32(view, &words), times(u32::MAX.into()));
        assert_eq!(
            kernels.dot2_u32(view, [&words; 2]),
            [times(u32::MAX.into()); 2]
        );
        assert_eq!(
            kernels.dot_u16(view, &vec![u16::MAX; len]),
            times(u16::MAX.into())
        );
        assert_eq!(
            kernels.dot_u8(view, &vec![u8::MAX; len]),
            times(u8::MAX.into())
        );
        assert_eq!(kernels.dot_bits(view, &vec![0xff; len / 8], len), times(1));
    }
}

fn prefixes<F: WeightField>() {
    let rng = &mut rng(5);
    for log2 in 0..=7 {
        let block_rows = 1 << log2;
        for block_count in [0, 1, 7, 8, 9, 17] {
            let weights: Vec<F> = elements(block_rows, rng);
            let planes = WeightPlanes::from_weights(&weights);
            for (name, column) in columns(block_rows * block_count, rng) {
                let mut expected = vec![F::ZERO; block_count];
                reference::prefix_dot(&weights, &column, &mut expected);
                for kernels in tiers::<F>() {
                    let mut out = vec![F::ONE; block_count];
                    kernels.prefix_dot(planes.view(), &column, &mut out);
                    assert_eq!(
                        out,
                        expected,
                        "{} {name} 2^{log2} x {block_count}",
                        kernels.tier()
                    );
                }
            }
        }
    }
}

fn largest_prefix_sums<F: WeightField>() {
    let weight = largest_limbs::<F>();
    let planes = WeightPlanes::from_weights(&[weight; 128]);
    let expected = weight * F::from(u32::MAX) * F::from(128u64);
    for kernels in tiers::<F>() {
        let mut out = vec![F::ZERO; 9];
        kernels.prefix_dot(planes.view(), &vec![u32::MAX; 9 * 128], &mut out);
        assert_eq!(out, vec![expected; 9]);
    }
}

fn axpy_up_to_the_bound<F: WeightField>() {
    let rng = &mut rng(6);
    for len in [0, 1, 8, 21] {
        for kernels in tiers::<F>() {
            let mut sums = AxpySums::new(len);
            let mut expected = vec![F::ONE; len];
            let mut out = expected.clone();
            let adds = if cfg!(miri) {
                4
            } else {
                AxpySums::<F>::MAX_ADDS
            };
            for _ in 0..adds {
                let column = vec![u32::MAX; len];
                kernels.axpy(&mut sums, largest_limbs(), &column);
                reference::axpy(&mut expected, largest_limbs::<F>(), &column);
            }
            assert_eq!(sums.is_full(), adds == AxpySums::<F>::MAX_ADDS);
            kernels.axpy_flush(&mut sums, &mut out);
            assert_eq!(out, expected, "{} {len}", kernels.tier());
            for (_, column) in columns(len, rng) {
                let weight = elements::<F>(1, rng)[0];
                kernels.axpy(&mut sums, weight, &column);
                reference::axpy(&mut expected, weight, &column);
            }
            kernels.axpy_flush(&mut sums, &mut out);
            assert_eq!(out, expected, "{} {len}", kernels.tier());
        }
    }
}
