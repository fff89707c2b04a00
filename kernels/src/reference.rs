//! The slow twins: every kernel again, naively, over plain `ark_ff` arithmetic.
//!
//! Same names and same results, without planes, tiers and unreduced sums: planes are a slice of
//! weights, sums are field elements, and what a kernel keeps in a buffer a twin returns or adds to its
//! output. It is short on purpose and only the tests and benches call it.

use crate::columns::{Combine, Signs, SubWord};
use crate::grid::grid_points;
use ark_ff::Field;

/// The planes of `eq(point, row)`.
pub fn eq_planes<F: Field>(point: &[F]) -> Vec<F> {
    eq_table(point)
}

/// `eq(point, row)` by its definition; bit `j` of the row pairs with `point[j]`.
pub fn eq_table<F: Field>(point: &[F]) -> Vec<F> {
    let weight = |row: usize| {
        let factor = |(j, r): (usize, &F)| if row >> j & 1 == 1 { *r } else { F::ONE - r };
        point.iter().enumerate().map(factor).product()
    };
    (0..1 << point.len()).map(weight).collect()
}

/// `sum of weight * value`, for any type of cell.
pub fn dot<F: Field, X: Copy + Into<u64>>(weights: &[F], column: &[X]) -> F {
    weights
        .iter()
        .zip(column)
        .map(|(weight, value)| *weight * F::from((*value).into()))
        .sum()
}

macro_rules! dots {
    ($($one:ident $two:ident $cell:ty;)*) => {$(
        /// `dot` of one column.
        pub fn $one<F: Field>(weights: &[F], column: &[$cell]) -> F {
            dot(weights, column)
        }

        /// `dot` of each of two columns.
        pub fn $two<F: Field>(weights: &[F], columns: [&[$cell]; 2]) -> [F; 2] {
            columns.map(|column| dot(weights, column))
        }
    )*};
}

dots! {
    dot_u32 dot2_u32 u32;
    dot_u16 dot2_u16 u16;
    dot_u8 dot2_u8 u8;
}

/// `dot` of each of four columns.
pub fn dot4_u32<F: Field>(weights: &[F], columns: [&[u32]; 4]) -> [F; 4] {
    columns.map(|column| dot(weights, column))
}

/// The sum of the weights whose bit is set.
pub fn dot_bits<F: Field>(weights: &[F], bits: &[u8], row_count: usize) -> F {
    let set = |row: &usize| bits[row / 8] >> (row % 8) & 1 == 1;
    (0..row_count).filter(set).map(|row| weights[row]).sum()
}

/// `dot_bits` of each of two columns.
pub fn dot2_bits<F: Field>(weights: &[F], bits: [&[u8]; 2], row_count: usize) -> [F; 2] {
    bits.map(|bits| dot_bits(weights, bits, row_count))
}

/// One `dot` per block of `weights.len()` rows.
pub fn prefix_dot<F: Field>(weights: &[F], column: &[u32], out: &mut [F]) {
    for (out, block) in out.iter_mut().zip(column.chunks(weights.len())) {
        *out = dot(weights, block);
    }
}

/// `sums[row] += weight * column[row]`.
pub fn axpy<F: Field>(sums: &mut [F], weight: F, column: &[u32]) {
    for (sum, value) in sums.iter_mut().zip(column) {
        *sum += weight * F::from(*value);
    }
}

/// `out[row] += sums[row]`; the sums become zero.
pub fn axpy_flush<F: Field>(sums: &mut [F], out: &mut [F]) {
    for (sum, out) in sums.iter_mut().zip(out) {
        *out += std::mem::take(sum);
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

/// `sums[g] += weight * product over tables of grid_value(g)`.
pub fn field_grid_accumulate<F: Field>(weight: F, tables: &[&[F]], degree: usize, sums: &mut [F]) {
    let window = tables[0].len().ilog2() as usize;
    assert_eq!(sums.len(), grid_points(window, degree));
    for (point, sum) in sums.iter_mut().enumerate() {
        let product: F = tables
            .iter()
            .map(|table| grid_value(table, degree, point))
            .product();
        *sum += weight * product;
    }
}

/// `out[g] = sums[g]`; the sums become zero.
pub fn flush_reduce<F: Field>(sums: &mut [F], out: &mut [F]) {
    for (sum, out) in sums.iter_mut().zip(out) {
        *out = std::mem::take(sum);
    }
}

/// `field_grid_accumulate` of every block of `2^window` rows of integer columns.
pub fn grid_accumulate<F: Field>(
    weights: &[F],
    columns: &[&[u32]],
    window: usize,
    degree: usize,
    sums: &mut [F],
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
        field_grid_accumulate(*weight, &blocks, degree, sums);
    }
}

/// `grid_accumulate` with every weight 1.
pub fn grid_add<F: Field>(columns: &[&[u32]], window: usize, degree: usize, sums: &mut [F]) {
    let blocks = columns[0].len() >> window;
    grid_accumulate(&vec![F::ONE; blocks], columns, window, degree, sums);
}

/// Folds neighbours; the first half is the result.
pub fn bind_low<F: Field>(table: &mut [F], r: F) {
    for j in 0..table.len() / 2 {
        table[j] = table[2 * j] + r * (table[2 * j + 1] - table[2 * j]);
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

/// `bind_low` of both tables, then `evaluate_low` of their first halves.
pub fn bind_evaluate_low<F: Field>(a: &mut [F], b: &mut [F], r: F, eq: &[F]) -> [F; 2] {
    let half = a.len() / 2;
    bind_low(a, r);
    bind_low(b, r);
    evaluate_low(&a[..half], &b[..half], eq)
}

/// Adds, over neighbours, the weighted product at 0, 1, .., and at infinity where all factors of the
/// degree are there.
pub fn round_accumulate<F: Field>(factors: &[&[F]], weights: &[F], skip_one: bool, sums: &mut [F]) {
    let degree = sums.len() - 1;
    for j in 0..factors[0].len() / 2 {
        let weight = weights.get(j).copied().unwrap_or(F::ONE);
        let at = |x: F| -> F {
            let line = |table: &&[F]| table[2 * j] + x * (table[2 * j + 1] - table[2 * j]);
            factors.iter().map(line).product()
        };
        for (x, sum) in sums[..degree].iter_mut().enumerate() {
            if x != 1 || !skip_one {
                *sum += weight * at(F::from(x as u64));
            }
        }
        if factors.len() == degree {
            let slope = |table: &&[F]| table[2 * j + 1] - table[2 * j];
            sums[degree] += weight * factors.iter().map(slope).product::<F>();
        }
    }
}

/// `op` of every row.
pub fn combine(op: Combine, a: &[u32], b: &[u32], out: &mut [u32]) {
    for (row, out) in out.iter_mut().enumerate() {
        let (a, b) = (a[row], b[row]);
        *out = match op {
            Combine::Add => (u64::from(a) + u64::from(b)) as u32,
            Combine::Sub => (i64::from(a) - i64::from(b)) as u32,
            Combine::Equal => (a == b).into(),
            Combine::LessUnsigned => (a < b).into(),
            Combine::LessSigned => ((a as i32) < b as i32).into(),
        };
    }
}

/// Low and high word of every row's product.
pub fn product(signs: Signs, a: &[u32], b: &[u32], low: &mut [u32], high: &mut [u32]) {
    let signed = |x: u32| i128::from(x as i32);
    for (row, (low, high)) in low.iter_mut().zip(high).enumerate() {
        let (a, b) = (a[row], b[row]);
        let (a, b) = match signs {
            Signs::Unsigned => (a.into(), b.into()),
            Signs::Signed => (signed(a), signed(b)),
            Signs::SignedUnsigned => (signed(a), b.into()),
        };
        (*low, *high) = ((a * b) as u32, ((a * b) >> 32) as u32);
    }
}

/// The part of every word, from its little-endian bytes.
pub fn sub_word(part: SubWord, words: &[u32], addresses: &[u32], out: &mut [u32]) {
    for (row, out) in out.iter_mut().enumerate() {
        let (bytes, address) = (words[row].to_le_bytes(), addresses[row] as usize);
        let byte = bytes[address % 4];
        let first = address % 4 / 2 * 2;
        let half = u16::from_le_bytes([bytes[first], bytes[first + 1]]);
        *out = match part {
            SubWord::Byte => byte.into(),
            SubWord::ByteSigned => i32::from(byte as i8) as u32,
            SubWord::Half => half.into(),
            SubWord::HalfSigned => i32::from(half as i16) as u32,
        };
    }
}

/// The indexed entries.
pub fn gather_u32(table: &[u32], indices: &[u32], out: &mut [u32]) {
    for (row, out) in out.iter_mut().enumerate() {
        *out = table[indices[row] as usize];
    }
}

/// The indexed entries.
pub fn gather_u8(table: &[u8], indices: &[u32], out: &mut [u8]) {
    for (row, out) in out.iter_mut().enumerate() {
        *out = table[indices[row] as usize];
    }
}

/// The addresses of the indexed words of a memory.
pub fn addresses(base: u32, indices: &[u32], out: &mut [u32]) {
    for (row, out) in out.iter_mut().enumerate() {
        *out = base.wrapping_add(indices[row].wrapping_mul(4));
    }
}

/// The upper halves of the indexed entries, and their lowest four bytes.
pub fn gather_split(
    table: &[u64],
    indices: &[u32],
    high: Option<&mut [u32]>,
    bytes: [Option<&mut [u32]>; 4],
) {
    let entry = |row: usize| table[indices[row] as usize];
    for (row, out) in high.into_iter().flatten().enumerate() {
        *out = (entry(row) >> 32) as u32;
    }
    for (k, byte) in bytes.into_iter().enumerate() {
        for (row, out) in byte.into_iter().flatten().enumerate() {
            *out = entry(row).to_le_bytes()[k].into();
        }
    }
}
