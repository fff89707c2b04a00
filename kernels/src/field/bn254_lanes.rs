//! Eight BN254 sums reduced at once: a Barrett step on 26-bit limbs, lanes being the sums.
//!
//! In: limb sums per lane, below `p * 2^39` together. Out: eight canonical Montgomery
//! representations. Used where every few rows end in an element (`prefix_dot`, `axpy_flush`); a long
//! dot product reduces once and uses `reduce_dot`.
//!
//! The quotient is exact but for a sum that lies within `2^-17` p above a multiple of p: whether one of the
//! eight might is a single comparison, and only then is p subtracted once more.
//!
//! Sketch, per eight elements: 23 multiplies of eight lanes, about 90 additions, shifts and masks, and
//! a transpose of four words. Several banks cost 30 operations each before.

use super::bn254::{LIMB_MASK, MU_LOW, P, subtract_once};
use super::{MAX_LIMBS, REDUCE_LANES_BANKS, REDUCE_LANES_LOG2};
use crate::lanes::{Lanes, for_limbs};
use ark_bn254::Fr;
use ark_ff::BigInt;

/// `floor(2^313 / p)`, between `2^59` and `2^60`.
const MU: u64 = (1 << 59) | MU_LOW >> 5;
const MU_0: u32 = (MU & ((1 << 30) - 1)) as u32;
const MU_1: u32 = (MU >> 30) as u32;
/// The top limb of p: a value whose own is smaller is below p.
pub(super) const P_9: u64 = P[3] >> (26 * 9 - 64 * 3);

/// The limbs of `2^260 - p`: adding a multiple of it subtracts that multiple of p modulo `2^260`.
pub(super) const MINUS_P: [u32; 10] = minus_p();

const fn minus_p() -> [u32; 10] {
    let mut limbs = [0; 10];
    let mut borrow = 0;
    let mut k = 0;
    while k < 10 {
        let (word, shift) = (26 * k / 64, 26 * k % 64);
        let mut bits = P[word] >> shift;
        if shift > 38 && word < 3 {
            bits |= P[word + 1] << (64 - shift);
        }
        let less = (1i64 << 26) - (bits & LIMB_MASK) as i64 - borrow;
        limbs[k] = (less as u64 & LIMB_MASK) as u32;
        borrow = (less < 1 << 26) as i64;
        k += 1;
    }
    // 2^260 > p: the last borrow is the 2^260 itself.
    assert!(borrow == 1);
    limbs
}

/// The bounds of `reduce` from its fullest lanes, four banks of 63 bits.
const _: () = {
    assert!(REDUCE_LANES_LOG2 == 39 && REDUCE_LANES_BANKS == 4);
    // V is below 2^(254 + 39), and so T below 2^(293 - 233), and a quotient below 2^39.
    assert!(P[3] < 1 << 62 && MU >> 60 == 0);
    let middle = (LIMB_30 as u128) * (MU_0 as u128 + MU_1 as u128);
    assert!(middle < 1 << 61 && (LIMB_30 as u128) * (MU_1 as u128) < 1 << 60);
    // The error of T MU / 2^80, in units of 2^-80: three units of T, MU's floor, the low halves, the
    // inner floor.
    let error = 3 * (MU as u128 + 1) + (1 << 60) + (1 << 60) + (1 << 60);
    assert!(error < 1 << (80 - 17));
    // What lies below limb 7, seven lanes of 63 bits, is less than 2^-12 of T's unit, 2^233.
    let limb_bits = LIMB_MASK.count_ones();
    assert!(63 + 6 * limb_bits + 1 + 12 < 9 * limb_bits);
    // One limb of the last loop: a lane, or four spread ones; the products; a carry.
    let spread = REDUCE_LANES_BANKS as u128 * (LIMB_MASK as u128 + ((1 << 63) >> 26));
    assert!(spread < 1 << 63);
    let products = (LIMB_MASK * LIMB_MASK + ((1 << 13) - 1) * LIMB_MASK) as u128;
    assert!((1u128 << 63) + products + (1 << 38) < 1 << 64);
};
/// The largest half of T.
const LIMB_30: u64 = (1 << 30) - 1;

/// Carries of one limb moved to the next, once: limbs below `2^26 + 2^37`.
#[inline(always)]
fn spread<L: Lanes>(isa: L, bank: &[L::Wide; MAX_LIMBS]) -> [L::Wide; 10] {
    let mut out = *bank;
    for k in 0..9 {
        out[k] = isa.wide_and(bank[k], LIMB_MASK);
    }
    for k in 1..10 {
        out[k] = isa.wide_add(out[k], isa.wide_shr(bank[k - 1], 26));
    }
    out
}

/// See `WeightField::reduce_lanes`.
///
/// With V the value of a lane, below `p * 2^39`, `T` lies in `(V / 2^233 - 3, V / 2^233]` and below
/// `2^60`: two floors cost a unit each, and the limbs below the seventh sum to less than `2^220`.
/// `T MU / 2^80`, of which the product of the low halves is left out, lies in `(V/p - 2^-17, V/p]`:
/// three units of T are at most `3 * 2^-20`; MU, the low halves and the inner floor `2^-20` each. q
/// is its floor, so `V - q p` lies in `[0, p (1 + 2^-17))`.
#[inline(always)]
pub(super) fn reduce<L: Lanes>(isa: L, banks: &[[L::Wide; MAX_LIMBS]], out: &mut [Fr; 8]) {
    let (first, others) = banks.split_first().expect("a bank");
    let mut v = *first;
    if !others.is_empty() {
        v = spread(isa, first);
        for bank in others {
            let limbs = spread(isa, bank);
            for_limbs!(k in 0..10 => {
                v[k] = isa.wide_add(v[k], limbs[k]);
            });
        }
    }
    let t = isa.wide_add(
        isa.wide_shl(v[9], 1),
        isa.wide_add(isa.wide_shr(v[8], 25), isa.wide_shr(v[7], 51)),
    );
    let t_0 = isa.narrow(isa.wide_and(t, LIMB_30));
    let t_1 = isa.narrow(isa.wide_shr(t, 30));
    let middle = isa.wide_add(
        isa.wide_mul(t_1, isa.splat_pair(MU_0)),
        isa.wide_mul(t_0, isa.splat_pair(MU_1)),
    );
    let top = isa.wide_mul(t_1, isa.splat_pair(MU_1));
    let q = isa.wide_shr(isa.wide_add(top, isa.wide_shr(middle, 30)), 20);
    let q_0 = isa.narrow(isa.wide_and(q, LIMB_MASK));
    let q_1 = isa.narrow(isa.wide_shr(q, 26));

    let mut limbs = [isa.wide_zero(); 10];
    let mut sum = isa.wide_zero();
    for_limbs!(k in 0..10 => {
        // The carry of the limb below.
        sum = isa.wide_add(isa.wide_shr(sum, 26), v[k]);
        sum = isa.wide_add(sum, isa.wide_mul(q_0, isa.splat_pair(MINUS_P[k])));
        if k > 0 {
            sum = isa.wide_add(sum, isa.wide_mul(q_1, isa.splat_pair(MINUS_P[k - 1])));
        }
        limbs[k] = isa.wide_and(sum, LIMB_MASK);
    });
    let rows = isa.wide_transpose(words(isa, &limbs));
    for (out, row) in out.iter_mut().zip(rows) {
        *out = Fr::new_unchecked(BigInt(row));
    }
    if isa.wide_any_above(limbs[9], P_9 - 1) {
        for out in out {
            out.0.0 = subtract_once(out.0.0, P);
        }
    }
}

/// Ten limbs to four words; the bits of a sum do not overlap below `2^256`.
#[inline(always)]
fn words<L: Lanes>(isa: L, limbs: &[L::Wide; 10]) -> [L::Wide; 4] {
    // Macros, because closures may be compiled without the tier's instructions; written out, because
    // in a loop the shifts would not be constants.
    macro_rules! sum {
        ($a:expr, $b:expr) => { isa.wide_add($a, $b) };
        ($a:expr, $b:expr, $($rest:expr),+) => { isa.wide_add($a, sum!($b, $($rest),+)) };
    }
    macro_rules! left {
        ($k:literal, $bits:literal) => {
            isa.wide_shl(limbs[$k], $bits)
        };
    }
    macro_rules! right {
        ($k:literal, $bits:literal) => {
            isa.wide_shr(limbs[$k], $bits)
        };
    }
    [
        sum!(limbs[0], left!(1, 26), left!(2, 52)),
        sum!(right!(2, 12), left!(3, 14), left!(4, 40)),
        sum!(right!(4, 24), left!(5, 2), left!(6, 28), left!(7, 54)),
        sum!(right!(7, 10), left!(8, 16), left!(9, 42)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::WeightField;
    use crate::tier::scalar::Scalar;
    use ark_ff::{AdditiveGroup, Field, PrimeField};

    /// `quotient * p + offset` as ten limbs, the last of them with all the bits above.
    fn value(quotient: u64, offset: i64) -> [u64; MAX_LIMBS] {
        let mut limbs = [0u64; MAX_LIMBS];
        let mut carry = i128::from(offset);
        for (limb, minus) in limbs.iter_mut().zip(MINUS_P) {
            carry -= i128::from(quotient) * i128::from(minus);
            *limb = carry as u64 & LIMB_MASK;
            carry >>= 26;
        }
        // Plus quotient * 2^260.
        limbs[9] += ((carry + i128::from(quotient)) as u64) << 26;
        limbs
    }

    #[test]
    fn quotients_next_to_a_multiple_of_the_modulus() {
        let largest = (1 << 39) - 1;
        // Which quotient it is makes no difference to memory.
        let bits = (0..39).step_by(if cfg!(miri) { 13 } else { 1 });
        let powers = bits.flat_map(|bits| [1u64 << bits, (1 << bits) + 1, (2 << bits) - 1]);
        for quotient in powers.chain([0, largest - 1, largest]) {
            for offset in [-1, 0, 1, 1 << 40] {
                if quotient == 0 && offset < 0 {
                    continue;
                }
                let banks = [value(quotient, offset).map(|limb| [limb; 8])];
                let mut out = [Fr::ONE; 8];
                reduce(Scalar, &banks, &mut out);
                let one = Fr::new_unchecked(BigInt([1, 0, 0, 0]));
                assert_eq!(out, [one * Fr::from(offset); 8], "{quotient} {offset}");
                assert!(out[0].0 < Fr::MODULUS, "canonical");
            }
        }
    }

    #[test]
    fn banks_of_full_lanes() {
        // 32 rows of largest values: p - 1 has the largest top limb and an empty lowest one,
        // 2^253 - 1 fills all limbs but the top one.
        let largest = [P[0] - 1, P[1], P[2], P[3]];
        let full = [u64::MAX, u64::MAX, u64::MAX, (1 << 61) - 1];
        for weight in [largest, full].map(|words| Fr::new_unchecked(BigInt(words))) {
            let lanes = weight
                .split()
                .map(|limb| [32 * u64::from(limb) * u64::from(u32::MAX); 8]);
            for count in 1..=REDUCE_LANES_BANKS {
                let mut out = [Fr::ZERO; 8];
                reduce(Scalar, &vec![lanes; count], &mut out);
                let rows = Fr::from(32 * count as u64) * Fr::from(u32::MAX);
                assert_eq!(out, [weight * rows; 8]);
            }
        }
    }
}
