//! The slow twin: every kernel again, naively, over plain `ark_ff` arithmetic.
//!
//! Same names, same results, no planes and no tiers: weights and tables are slices of elements. It is
//! short on purpose and only the tests and benches call it.

use crate::columns::{Combine, Signs, SubWord};
use crate::grid::grid_points;
use ark_ff::Field;

/// `eq(point, row)` by its definition; bit `j` of the row pairs with `point[j]`.
pub fn eq_table<F: Field>(point: &[F]) -> Vec<F> {
    let weight = |row: usize| {
        let factor = |(j, r): (usize, &F)| if row >> j & 1 == 1 { *r } else { F::ONE - r };
        point.iter().enumerate().map(factor).product()
    };
    (0..1 << point.len()).map(weight).collect()
}

/// `sum of weight * value`.
pub fn dot<F: Field, X: Copy + Into<u64>>(weights: &[F], column: &[X]) -> F {
    weights
        .iter()
        .zip(column)
        .map(|(weight, value)| *weight * F::from((*value).into()))
        .sum()
}

/// The sum of the weights whose bit is set.
pub fn dot_bits<F: Field>(weights: &[F], bits: &[u8], row_count: usize) -> F {
    let set = |row: &usize| bits[row / 8] >> (row % 8) & 1 == 1;
    (0..row_count).filter(set).map(|row| weights[row]).sum()
}

/// One `dot` per block of `weights.len()` rows.
pub fn prefix_dot<F: Field>(weights: &[F], column: &[u32], out: &mut [F]) {
    for (out, block) in out.iter_mut().zip(column.chunks(weights.len())) {
        *out = dot(weights, block);
    }
}

/// `out[row] += weight * column[row]`.
pub fn axpy<F: Field>(out: &mut [F], weight: F, column: &[u32]) {
    for (out, value) in out.iter_mut().zip(column) {
        *out += weight * F::from(*value);
    }
}

/// The value of the multilinear function `block` at a grid point, one variable after the other.
pub fn grid_value<F: Field>(block: &[F], degree: usize, point: usize) -> F {
    let mut table = block.to_vec();
    let mut rest = point;
    while table.len() > 1 {
        let digit = rest % (degree + 1);
        rest /= degree + 1;
        let at = |pair: &[F]| match digit {
            d if d == degree => pair[1] - pair[0],
            d => pair[0] + F::from(d as u64) * (pair[1] - pair[0]),
        };
        table = table.chunks(2).map(at).collect();
    }
    table[0]
}

/// `out[g] += weight * product over tables of grid_value(g)`.
pub fn field_grid_accumulate<F: Field>(weight: F, tables: &[&[F]], degree: usize, out: &mut [F]) {
    let window = tables[0].len().ilog2() as usize;
    assert_eq!(out.len(), grid_points(window, degree));
    for (point, out) in out.iter_mut().enumerate() {
        let product: F = tables
            .iter()
            .map(|table| grid_value(table, degree, point))
            .product();
        *out += weight * product;
    }
}

/// `field_grid_accumulate` of every block of `2^window` rows of integer columns.
pub fn grid_accumulate<F: Field>(
    weights: &[F],
    columns: &[&[u32]],
    window: usize,
    degree: usize,
    out: &mut [F],
) {
    for (k, weight) in weights.iter().enumerate() {
        let rows = k << window..(k + 1) << window;
        let lift = |column: &&[u32]| -> Vec<F> {
            column[rows.clone()]
                .iter()
                .map(|value| F::from(*value))
                .collect()
        };
        let blocks: Vec<Vec<F>> = columns.iter().map(lift).collect();
        let blocks: Vec<&[F]> = blocks.iter().map(Vec::as_slice).collect();
        field_grid_accumulate(*weight, &blocks, degree, out);
    }
}

/// Folds neighbours; the first half is the result.
pub fn bind_low<F: Field>(table: &mut [F], r: F) {
    for j in 0..table.len() / 2 {
        table[j] = table[2 * j] + r * (table[2 * j + 1] - table[2 * j]);
    }
}

/// Folds halves; the first half is the result.
pub fn bind_high<F: Field>(table: &mut [F], r: F) {
    let half = table.len() / 2;
    for j in 0..half {
        table[j] = table[j] + r * (table[j + half] - table[j]);
    }
}

/// Sums at 0 and infinity over neighbours.
pub fn evaluate_low<F: Field>(a: &[F], b: &[F], eq: &[F]) -> [F; 2] {
    let mut sums = [F::ZERO; 2];
    for (j, weight) in eq.iter().enumerate() {
        sums[0] += *weight * a[2 * j] * b[2 * j];
        sums[1] += *weight * (a[2 * j + 1] - a[2 * j]) * (b[2 * j + 1] - b[2 * j]);
    }
    sums
}

/// Sums at 0 and infinity over halves.
pub fn evaluate_high<F: Field>(a: &[F], b: &[F], eq: &[F]) -> [F; 2] {
    let half = a.len() / 2;
    let mut sums = [F::ZERO; 2];
    for (j, weight) in eq.iter().enumerate() {
        sums[0] += *weight * a[j] * b[j];
        sums[1] += *weight * (a[j + half] - a[j]) * (b[j + half] - b[j]);
    }
    sums
}

/// Sums over neighbours of the weighted product at 0, 1, .., `degree - 1` and at infinity.
pub fn round_accumulate<F: Field>(factors: &[&[F]], weights: &[F], degree: usize) -> Vec<F> {
    let mut sums = vec![F::ZERO; degree + 1];
    for (j, weight) in weights.iter().enumerate() {
        let at = |x: F| -> F {
            let line = |table: &&[F]| table[2 * j] + x * (table[2 * j + 1] - table[2 * j]);
            factors.iter().map(line).product()
        };
        for (x, sum) in sums[..degree].iter_mut().enumerate() {
            *sum += *weight * at(F::from(x as u64));
        }
        if factors.len() == degree {
            let slope = |table: &&[F]| table[2 * j + 1] - table[2 * j];
            sums[degree] += *weight * factors.iter().map(slope).product::<F>();
        }
    }
    sums
}

/// One row of `combine`.
pub fn combine(op: Combine, a: u32, b: u32) -> u32 {
    match op {
        Combine::Add => (u64::from(a) + u64::from(b)) as u32,
        Combine::Sub => (i64::from(a) - i64::from(b)) as u32,
        Combine::Equal => (a == b).into(),
        Combine::LessUnsigned => (a < b).into(),
        Combine::LessSigned => ((a as i32) < b as i32).into(),
    }
}

/// One row of `product`: low and high word.
pub fn product(signs: Signs, a: u32, b: u32) -> (u32, u32) {
    let signed = |x: u32| i128::from(x as i32);
    let (a, b) = match signs {
        Signs::Unsigned => (a.into(), b.into()),
        Signs::Signed => (signed(a), signed(b)),
        Signs::SignedUnsigned => (signed(a), b.into()),
    };
    (((a * b) & 0xffff_ffff) as u32, ((a * b) >> 32) as u32)
}

/// One row of `sub_word`, from the little-endian bytes.
pub fn sub_word(part: SubWord, word: u32, address: u32) -> u32 {
    let bytes = word.to_le_bytes();
    let byte = bytes[address as usize % 4];
    let first = address as usize % 4 / 2 * 2;
    let half = u16::from_le_bytes([bytes[first], bytes[first + 1]]);
    match part {
        SubWord::Byte => byte.into(),
        SubWord::ByteSigned => i32::from(byte as i8) as u32,
        SubWord::Half => half.into(),
        SubWord::HalfSigned => i32::from(half as i16) as u32,
    }
}
