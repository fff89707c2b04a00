//! One round over dense tables: the sums at a round polynomial's points of a product of any degree.
//!
//! In: one to four tables of pairs (low variable: neighbours), and a weight a pair. Out: per digit an
//! unreduced sum of `weight * product of the factors`, digits as in `grid`: 0, 1, .., then infinity.
//! It knows nothing of claims; the digit that follows from one may be left out.
//!
//! Sketch, per pair of m weighted factors and digit: m - 2 reduced multiplications and one unreduced
//! multiply-accumulate (BN254: 16 `mulx`); the weight costs two multiplications a pair.

use crate::field::WeightField;
use crate::grid::MAX_DEGREE;

/// `sums[digit] += weights[j] * product over k of factors[k] at the digit`, over all pairs j.
///
/// No weights count as ones. With `skip_one` the digit 1 is left out. A product of fewer factors than
/// `sums.len() - 1` has no digit at infinity.
#[inline(always)]
pub(crate) fn round_accumulate<F: WeightField>(
    factors: &[&[F]],
    weights: &[F],
    skip_one: bool,
    sums: &mut [F::Accumulator],
) {
    assert!(
        (2..=MAX_DEGREE + 1).contains(&sums.len()),
        "{} digits",
        sums.len()
    );
    match *factors {
        [a] => products([a], weights, skip_one, sums),
        [a, b] => products([a, b], weights, skip_one, sums),
        [a, b, c] => products([a, b, c], weights, skip_one, sums),
        [a, b, c, d] => products([a, b, c, d], weights, skip_one, sums),
        _ => panic!("{} factors, expected 1 to {MAX_DEGREE}", factors.len()),
    }
}

#[inline(always)]
fn products<F: WeightField, const COUNT: usize>(
    factors: [&[F]; COUNT],
    weights: &[F],
    skip_one: bool,
    sums: &mut [F::Accumulator],
) {
    let rows = factors[0].len();
    assert!(rows.is_multiple_of(2), "{rows} entries have no pairs");
    assert!(
        factors.iter().all(|table| table.len() == rows),
        "tables of one length"
    );
    assert!(
        weights.is_empty() || weights.len() == rows / 2,
        "one weight a pair"
    );
    let degree = sums.len() - 1;
    assert!(COUNT <= degree, "{COUNT} factors for degree {degree}");
    for pair in 0..rows / 2 {
        let mut values = factors.map(|table| table[2 * pair]);
        let mut slopes = factors.map(|table| table[2 * pair + 1] - table[2 * pair]);
        if let Some(weight) = weights.get(pair) {
            values[0] = weight.mul_inline(&values[0]);
            slopes[0] = weight.mul_inline(&slopes[0]);
        }
        accumulate(&mut sums[0], &values);
        // In degree 2 nothing is behind the digit 1.
        let finite = if skip_one && degree == 2 { 1 } else { degree };
        for (digit, sum) in sums[..finite].iter_mut().enumerate().skip(1) {
            for (value, slope) in values.iter_mut().zip(&slopes) {
                *value += slope;
            }
            if digit > 1 || !skip_one {
                accumulate(sum, &values);
            }
        }
        if COUNT == degree {
            accumulate(&mut sums[degree], &slopes);
        }
    }
}

#[inline(always)]
fn accumulate<F: WeightField, const COUNT: usize>(sum: &mut F::Accumulator, values: &[F; COUNT]) {
    let [first, others @ ..] = values.as_slice() else {
        return;
    };
    match others {
        [] => F::accumulate(sum, first, &F::ONE),
        [b] => F::accumulate(sum, first, b),
        [b, c] => F::accumulate(sum, &first.mul_inline(b), c),
        [b, c, others @ ..] => {
            let high = others.iter().fold(*c, |high, d| high.mul_inline(d));
            F::accumulate(sum, &first.mul_inline(b), &high);
        }
    }
}
