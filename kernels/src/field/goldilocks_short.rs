//! Goldilocks^2 over prefixes of one to eight rows.
//!
//! In: rows of blocks, a block a lane. Out: canonical Montgomery representations.
//!
//! Sketch, per vector of blocks: of one row four multiplies, of n rows 6 n, and 24 operations to bring
//! limbs to halves of words; then two reductions of 12 operations. PERF.md row K-5.

use super::MAX_LIMBS;
use super::goldilocks::Goldilocks2;
use super::goldilocks_lanes::{HALF_MASK, reduce};
use crate::prefix_short::{MAX_SHORT_ROWS, ShortFactors, block_of_lane};
use crate::word_lanes::WordLanes;

/// `2^38 = 64 f`, and p as `1 + f (f - 1)`: what is added to the low and to the high half.
const BIAS: [u64; 2] = [(1 << 38) + 1, HALF_MASK - 64];

const _: () = {
    let rows = MAX_SHORT_ROWS as u128 * u32::MAX as u128;
    let limb = rows * ((1 << 22) - 1);
    // What is taken from the low half is below the bias, and halves are small enough to be reduced.
    assert!(limb >> 20 <= BIAS[0] as u128 && limb + (1 << 39) < 1 << 62);
};

/// One row is multiplied by halves of words, and nothing overflows; more by limbs.
#[inline(always)]
pub(super) fn factors<const ROWS: usize>(
    weights: &[[u32; MAX_LIMBS]; ROWS],
) -> ShortFactors<u64, ROWS> {
    let mut factors = ShortFactors::ZERO;
    for (row, limbs) in weights.iter().enumerate() {
        for k in 0..MAX_LIMBS {
            factors.rows[k][row] = u64::from(limbs[k]);
        }
        if ROWS == 1 {
            for c in 0..2 {
                let [low, middle, high] = [limbs[3 * c], limbs[3 * c + 1], limbs[3 * c + 2]];
                factors.rows[3 * c][row] = u64::from(low | middle << 22);
                factors.rows[3 * c + 1][row] = u64::from(middle >> 10 | high << 12);
            }
        }
    }
    factors
}

#[inline(always)]
fn sum_rows<D: WordLanes, const ROWS: usize>(
    isa: D,
    factors: &[D::Words; ROWS],
    rows: &[D::Words; ROWS],
) -> D::Words {
    let mut acc = isa.mul(rows[0], factors[0]);
    for row in 1..ROWS {
        acc = isa.add(acc, isa.mul(rows[row], factors[row]));
    }
    acc
}

/// A coordinate from its three factors.
#[inline(always)]
fn coordinate<D: WordLanes, const ROWS: usize>(
    isa: D,
    factors: &[[D::Words; ROWS]],
    rows: &[D::Words; ROWS],
) -> D::Words {
    let (low, high) = (
        sum_rows(isa, &factors[0], rows),
        sum_rows(isa, &factors[1], rows),
    );
    if ROWS == 1 {
        return reduce(isa, low, high);
    }
    let top = sum_rows(isa, &factors[2], rows);
    // 2^22 = f / 2^10, 2^44 = f 2^12, and f^2 = f - 1.
    let square = isa.shr::<20>(top);
    let middle = isa.and(isa.shl::<22>(high), HALF_MASK);
    let low = isa.add(isa.add(low, middle), isa.sub(isa.splat(BIAS[0]), square));
    let top = isa.and(isa.shl::<12>(top), HALF_MASK);
    let high = isa.add(
        isa.add(isa.shr::<10>(high), top),
        isa.add(square, isa.splat(BIAS[1])),
    );
    reduce(isa, low, high)
}

/// See `WeightField::dot_short`.
#[inline(always)]
pub(super) fn dot<D: WordLanes, const ROWS: usize>(
    isa: D,
    factors: &ShortFactors<D::Words, ROWS>,
    rows: [D::Words; ROWS],
    out: &mut [Goldilocks2],
) {
    let c0 = coordinate(isa, &factors.rows[..3], &rows);
    let c1 = coordinate(isa, &factors.rows[3..6], &rows);
    let [even, odd] = isa.unzip(c0, c1);
    let [even, odd] = [isa.to_array(even), isa.to_array(odd)];
    let out = &mut out[..D::COUNT];
    for half in 0..D::COUNT / 2 {
        for (lane, words) in [(2 * half, &even), (2 * half + 1, &odd)] {
            let out = &mut out[block_of_lane::<ROWS>(lane, D::COUNT)];
            (out.c0.0.0[0], out.c1.0.0[0]) = (words[2 * half], words[2 * half + 1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::{Goldilocks, WeightField};
    use crate::tier::scalar::Scalar;
    use ark_ff::{BigInt, Field, PrimeField};

    fn case<const ROWS: usize>(value: u32, weight: Goldilocks2) {
        let factors = factors(&[weight.split(); ROWS]).in_lanes(Scalar);
        let rows = [Scalar.splat(u64::from(value)); ROWS];
        let mut out = [Goldilocks2::ONE; 4];
        dot(Scalar, &factors, rows, &mut out);
        let all = Goldilocks2::from(ROWS as u64 * u64::from(value));
        assert_eq!(out, [weight * all; 4], "{ROWS} {value} {weight}");
        assert!(out[0].c0.0 < Goldilocks::MODULUS && out[0].c1.0 < Goldilocks::MODULUS);
    }

    #[test]
    fn halves_and_limbs_of_every_kind() {
        let p = Goldilocks::MODULUS.0[0];
        let words = [
            0,
            1,
            HALF_MASK,
            1 << 32,
            HALF_MASK << 22,
            p - (1 << 32),
            p - 2,
            p - 1,
        ];
        for value in [0, 1, 2, 0xffff, 1 << 31, u32::MAX - 1, u32::MAX] {
            // Which value it is makes no difference to memory.
            if cfg!(miri) && value != u32::MAX {
                continue;
            }
            for c0 in words {
                for c1 in words {
                    let [c0, c1] = [c0, c1].map(|word| Goldilocks::new_unchecked(BigInt([word])));
                    let weight = Goldilocks2::new(c0, c1);
                    case::<1>(value, weight);
                    case::<2>(value, weight);
                    case::<4>(value, weight);
                    case::<8>(value, weight);
                }
            }
        }
    }
}
