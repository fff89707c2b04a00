//! Integer grids on double limbs: products of two columns where the processor multiplies 52 bits by 52.
//!
//! In: the tables of a grid point, a tile's weights. Out: the sums of that point, by powers of `2^52`. It
//! knows neither how the grid is walked nor what the weights are.
//!
//! Algorithm. Two limbs of a weight are joined to one of 52 bits, once a tile. A product of two grid
//! values is cut into two pieces, the lower of 52 bits; the upper one, which is signed, gets a bias that
//! makes it positive. Both halves of a product of piece and limb add up by their joint power of two.
//! What the biases came to is the sum of all weights times a power of two: it is subtracted once, when
//! the sums are reduced.
//!
//! Sketch, per leaf and eight blocks: two multiplications and four simple operations for the pieces,
//! then per double limb one load and four multiplications that add.

use ark_bn254::Fr;

use crate::field::{MAX_SUMS, WeightField};
use crate::grid_range::{SHORT_PIECES, TILE_GROUPS, piece_count};
use crate::lanes::{Group, Lanes, WideGroup, for_limbs};

/// Limbs of a weight, joined in pairs.
pub(crate) const DOUBLE_LIMBS: usize = 5;
/// Sums of a grid point: those of five limbs times two pieces, and the upper half of the last product.
pub(crate) const DOUBLE_SUMS: usize = DOUBLE_LIMBS + 2;
/// Bits of a double limb.
pub(crate) const DOUBLE_BITS: u32 = 52;
/// Grid values have at most so many bits, and so upper pieces are at most the bias in magnitude.
const VALUE_BITS: u32 = 41;
const BIAS_LOG2: u32 = 2 * VALUE_BITS - DOUBLE_BITS;
const BIAS: u64 = 1 << BIAS_LOG2;

/// Groups that may be added before a flush.
pub(crate) const DOUBLE_GROUPS: usize = double_groups();

/// A lane of four takes two products a group: to a sum come the lower halves of two, the upper half of
/// one, and that of an upper piece.
const fn double_groups() -> usize {
    let group = 2 * (3 * (1u128 << DOUBLE_BITS) + 2 * BIAS as u128);
    let groups = ((1 << 64) - 1) / group;
    assert!(groups >= TILE_GROUPS as u128 && groups < 1 << 12);
    groups as usize
}

/// Every product that has the short form is small enough; and sums have room for all powers of `2^26`
/// up to the last.
const _: () = {
    assert!(piece_count::<Fr>(VALUE_BITS + 1, 2) != SHORT_PIECES);
    assert!(Fr::LIMBS == 2 * DOUBLE_LIMBS && 2 * Fr::LIMB_BITS == DOUBLE_BITS);
    assert!(2 * DOUBLE_SUMS - 1 <= MAX_SUMS);
};

/// Whether weights of this field have double limbs.
pub(crate) const fn has_doubles<F: WeightField>() -> bool {
    F::COORDS == 1 && F::LIMBS == 2 * DOUBLE_LIMBS && 2 * F::LIMB_BITS == DOUBLE_BITS
}

/// Joins the weights of `GROUPS` groups.
#[inline(always)]
pub(crate) fn join<L: Lanes, const GROUPS: usize>(
    isa: L,
    planes: &[Group],
) -> [[L::Wide; DOUBLE_LIMBS]; GROUPS] {
    let mut doubles = [[isa.wide_zero(); DOUBLE_LIMBS]; GROUPS];
    let (pairs, _) = planes.as_chunks::<2>();
    for (doubles, pairs) in doubles.iter_mut().zip(pairs.chunks_exact(DOUBLE_LIMBS)) {
        for (double, [low, high]) in doubles.iter_mut().zip(pairs) {
            let low = isa.widen(isa.split(isa.load_group(low)));
            let high = isa.widen(isa.split(isa.load_group(high)));
            *double = isa.wide_add(low, isa.wide_shl(high, DOUBLE_BITS / 2));
        }
    }
    doubles
}

/// Adds the weights to their sums: what the biases have to be taken back by.
#[inline(always)]
pub(crate) fn add_weights<L: Lanes, const GROUPS: usize>(
    isa: L,
    doubles: &[[L::Wide; DOUBLE_LIMBS]; GROUPS],
    sums: &mut [[u64; 4]; DOUBLE_LIMBS],
) {
    for limbs in doubles {
        for_limbs!(limb in 0..DOUBLE_LIMBS => {
            add_to(isa, &mut sums[limb], limbs[limb]);
        });
    }
}

/// Adds eight lanes to four.
#[inline(always)]
fn add_to<L: Lanes>(isa: L, sum: &mut [u64; 4], lanes: L::Wide) {
    let before = isa.sum_from_array(sum);
    *sum = isa.sum_to_array(isa.sum_add(before, isa.wide_sum(lanes)));
}

/// The two pieces of a product of signed values of at most [`VALUE_BITS`] bits, the upper one biased.
///
/// Multiplicands are the low 52 bits of a lane. What is below zero is read as `2^52` more, by which the
/// upper half of the product has the other factor too much.
#[inline(always)]
fn pieces<L: Lanes>(isa: L, bias: L::Wide, a: L::Wide, b: L::Wide) -> [L::Wide; 2] {
    let low = isa.mul_add_low52(isa.wide_zero(), a, b);
    let mut high = isa.mul_add_high52(bias, a, b);
    high = isa.sub_where_negative(high, a, b);
    high = isa.sub_where_negative(high, b, a);
    [low, high]
}

/// `sums += weight * biased product` for one grid point of two columns.
///
/// Lower and upper halves have sums of their own: each then waits for half as many before it.
#[inline(always)]
pub(crate) fn leaf<L: Lanes, const GROUPS: usize>(
    isa: L,
    tables: [&[WideGroup]; 2],
    doubles: &[[L::Wide; DOUBLE_LIMBS]; GROUPS],
    sums: &mut [[u64; 4]],
) {
    let bias = bias(isa);
    let tables = tables.map(|table| table.first_chunk::<GROUPS>().expect("a tile"));
    let sums: &mut [[u64; 4]; DOUBLE_SUMS] = sums.try_into().expect("the sums of a point");
    let mut low = [isa.wide_zero(); DOUBLE_SUMS];
    let mut high = [isa.wide_zero(); DOUBLE_SUMS];
    for g in 0..GROUPS {
        let (a, b) = (isa.wide_load(&tables[0][g]), isa.wide_load(&tables[1][g]));
        let pieces = pieces(isa, bias, a, b);
        for_limbs!(limb in 0..DOUBLE_LIMBS => {
            for p in 0..2 {
                let (weight, piece) = (doubles[g][limb], pieces[p]);
                low[limb + p] = isa.mul_add_low52(low[limb + p], weight, piece);
                high[limb + p + 1] = isa.mul_add_high52(high[limb + p + 1], weight, piece);
            }
        });
    }
    for_limbs!(sum in 0..DOUBLE_SUMS => {
        add_to(isa, &mut sums[sum], isa.wide_add(low[sum], high[sum]));
    });
}

/// The bias of every upper piece.
#[inline(always)]
fn bias<L: Lanes>(isa: L) -> L::Wide {
    isa.wide_shl(isa.widen(isa.splat_pair(1)), BIAS_LOG2)
}

/// The sums of a point by powers of `2^26`, without what biases came to; they become zero.
pub(crate) fn take_sums(sums: &mut [[u64; 4]], weights: &[u128; DOUBLE_LIMBS]) -> [i128; MAX_SUMS] {
    let mut wide = [0i128; MAX_SUMS];
    for (k, lanes) in sums.iter_mut().enumerate() {
        wide[2 * k] = take_lanes(lanes) as i128;
    }
    // An upper piece is counted in units of 2^52.
    for (k, weight) in weights.iter().enumerate() {
        wide[2 * (k + 1)] -= (weight << BIAS_LOG2) as i128;
    }
    wide
}

/// The sum of four lanes, which become zero.
pub(crate) fn take_lanes(lanes: &mut [u64; 4]) -> u128 {
    let lanes = std::mem::take(lanes);
    lanes.iter().map(|lane| u128::from(*lane)).sum()
}

/// Powers of `2^26` that `take_sums` gives.
pub(crate) const TAKEN_SUMS: usize = 2 * DOUBLE_SUMS - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tier::scalar::Scalar;
    use ark_ff::{AdditiveGroup, Field};

    /// Lanes of signed values.
    fn group(values: [i64; 8]) -> WideGroup {
        WideGroup(values.map(|value| value as u64))
    }

    #[test]
    fn pieces_and_bias_are_the_product_of_largest_values_of_either_sign() {
        let largest = (1i64 << VALUE_BITS) - 1;
        let values = [
            0,
            1,
            -1,
            largest,
            -largest,
            1 << 26,
            -(1 << 26),
            0x1_2345_6789,
        ];
        for b in values {
            let (a, isa) = (group(values), Scalar);
            let b = group([b; 8]);
            let [low, high] = pieces(isa, bias(isa), isa.wide_load(&a), isa.wide_load(&b));
            let (low, high) = (isa.wide_to_array(low), isa.wide_to_array(high));
            for lane in 0..8 {
                let mask = (1 << DOUBLE_BITS) - 1;
                let high = i128::from(high[lane] & mask) - i128::from(BIAS);
                let product = i128::from(low[lane]) + (high << DOUBLE_BITS);
                assert!(low[lane] <= mask);
                assert_eq!(
                    product,
                    i128::from(a.0[lane] as i64) * i128::from(b.0[lane] as i64)
                );
            }
        }
    }

    #[test]
    fn sums_of_a_point_without_instructions_for_it() {
        let isa = Scalar;
        let largest = (1i64 << VALUE_BITS) - 1;
        let a = group([largest, -largest, 3, -5, 0, 1, -1, 7]);
        let b = group([largest, largest, -largest, -largest, 2, -1, -1, 0]);
        // Limbs of eight weights, the same one, all of whose bits are set.
        let limb = (1u32 << (DOUBLE_BITS / 2)) - 1;
        let planes = [Group([limb; 8]); 2 * DOUBLE_LIMBS];
        let doubles: [_; 1] = join(isa, &planes);
        let mut weights = [[0; 4]; DOUBLE_LIMBS];
        let mut sums = [[0; 4]; DOUBLE_SUMS];
        // How many groups a sum has room for is no question of memory.
        let groups = if cfg!(miri) { 4 } else { DOUBLE_GROUPS };
        for _ in 0..groups {
            add_weights(isa, &doubles, &mut weights);
            leaf(isa, [&[a], &[b]], &doubles, &mut sums);
        }
        let weights = weights.each_mut().map(take_lanes);
        let taken = take_sums(&mut sums, &weights);
        let products =
            (0..8).map(|lane| i128::from(a.0[lane] as i64) * i128::from(b.0[lane] as i64));
        let (groups, total) = (groups as u64, products.sum::<i128>());
        let radix = Fr::from(1u64 << (DOUBLE_BITS / 2));
        let value = taken
            .iter()
            .rev()
            .fold(Fr::ZERO, |sum, taken| sum * radix + Fr::from(*taken));
        let weight = Fr::from(2u64).pow([260]) - Fr::ONE;
        assert_eq!(value, weight * Fr::from(total) * Fr::from(groups));
    }
}
