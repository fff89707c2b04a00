//! Eight BN254 sums reduced at once: a Barrett step on 26-bit limbs, lanes being the sums.
//!
//! In: limb sums per lane, below `p * 2^39` together. Out: eight canonical Montgomery
//! representations. Used where every few rows end in an element (`prefix_dot`, `axpy_flush`); a long
//! dot product reduces once and uses `reduce_dot`.
//!
//! Sketch, per eight elements: 23 multiplies of eight lanes, about 100 additions, shifts and masks,
//! then per element one scalar subtraction and selection.

use super::bn254::{LIMB_MASK, MU_LOW, P, subtract_once};
use super::{MAX_LIMBS, lane_products};
use crate::lanes::Lanes;
use ark_bn254::Fr;
use ark_ff::BigInt;

/// `floor(2^297 / p)`, between `2^43` and `2^44`.
const MU: u64 = (1 << 43) | MU_LOW >> 21;
const MU_0: u32 = (MU & ((1 << 22) - 1)) as u32;
const MU_1: u32 = (MU >> 22) as u32;

/// The limbs of `2^260 - p`: adding a multiple of it subtracts that multiple of p modulo `2^260`.
const MINUS_P: [u32; 10] = minus_p();

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

/// The bounds of `reduce` from its fullest lanes, two banks of 64 bits; a quotient is below `2^39`.
const _: () = {
    assert!(
        lane_products::<Fr>() << 32 <= 1 << 39,
        "V is below p * 2^39"
    );
    assert!(P[3] < 1 << 62, "and so T below 2^(254 + 39 - 251)");
    assert!(MU_0 < 1 << 22 && MU_1 < 1 << 22);
    let middle = ((1u64 << 21) - 1) * (MU_0 as u64 + 2 * MU_1 as u64);
    assert!(middle < 1 << 45);
    let limb = 2 * (LIMB_MASK + (u64::MAX >> 26));
    let products = LIMB_MASK * LIMB_MASK + ((1 << 13) - 1) * LIMB_MASK;
    // With a carry below 2^27 the sum is below 2^53, which leaves such a carry.
    assert!(limb + products + (1 << 27) < 1 << 53);
};

/// Carries of one limb moved to the next, once: limbs below `2^26 + 2^38`, and what leaves the top.
#[inline(always)]
fn spread<L: Lanes>(isa: L, bank: &[L::Wide; MAX_LIMBS]) -> [L::Wide; 11] {
    let mut out = [isa.wide_zero(); 11];
    for k in 0..10 {
        out[k] = isa.wide_add(out[k], isa.wide_and(bank[k], LIMB_MASK));
        out[k + 1] = isa.wide_shr(bank[k], 26);
    }
    out
}

/// See `WeightField::reduce_lanes`.
///
/// With V the value of a lane, below `p * 2^39`, `T` in `(V / 2^251 - 2 - 2^-20, V / 2^251]` and `T < 2^42`,
/// `q = floor(T MU / 2^46)`, of which the product of the low halves is left out, lies in
/// `(V/p - 1.7, V/p]`: two units of T are 0.34, MU costs `2^-4`, the low halves and the inner floor
/// `2^-3` each, the outer floor 1. So `V - q p` lies in `[0, 2p)`.
#[inline(always)]
pub(super) fn reduce<L: Lanes>(isa: L, banks: &[[L::Wide; MAX_LIMBS]], out: &mut [Fr; 8]) {
    let (first, others) = banks.split_first().expect("a bank");
    let mut v = spread(isa, first);
    for bank in others {
        let limbs = spread(isa, bank);
        for k in 0..11 {
            v[k] = isa.wide_add(v[k], limbs[k]);
        }
    }
    let high = isa.wide_add(v[9], isa.wide_shr(v[8], 26));
    let t = isa.wide_add(isa.wide_shl(v[10], 9), isa.wide_shr(high, 17));
    let t_0 = isa.narrow(isa.wide_and(t, (1 << 21) - 1));
    let t_1 = isa.narrow(isa.wide_shr(t, 21));
    let middle = isa.wide_add(
        isa.wide_mul(t_1, isa.splat_pair(MU_0)),
        isa.wide_mul(t_0, isa.splat_pair(2 * MU_1)),
    );
    let top = isa.wide_mul(t_1, isa.splat_pair(MU_1));
    let q = isa.wide_shr(isa.wide_add(top, isa.wide_shr(middle, 22)), 3);
    let q_0 = isa.narrow(isa.wide_and(q, LIMB_MASK));
    let q_1 = isa.narrow(isa.wide_shr(q, 26));

    // Each sum is below 2^40 + 2^52 + 2^39 and its carry.
    let mut limbs = [isa.wide_zero(); 10];
    let mut carry = isa.wide_zero();
    for k in 0..10 {
        let product = isa.wide_mul(q_0, isa.splat_pair(MINUS_P[k]));
        let mut sum = isa.wide_add(isa.wide_add(v[k], carry), product);
        if k > 0 {
            sum = isa.wide_add(sum, isa.wide_mul(q_1, isa.splat_pair(MINUS_P[k - 1])));
        }
        limbs[k] = isa.wide_and(sum, LIMB_MASK);
        carry = isa.wide_shr(sum, 26);
    }
    let words = words(isa, &limbs);
    for (lane, out) in out.iter_mut().enumerate() {
        let word = |k: usize| words[k][lane];
        *out = Fr::new_unchecked(BigInt(subtract_once(
            [word(0), word(1), word(2), word(3)],
            P,
        )));
    }
}

/// Ten limbs to four words; the bits of a sum do not overlap below `2^256`.
#[inline(always)]
fn words<L: Lanes>(isa: L, limbs: &[L::Wide; 10]) -> [[u64; 8]; 4] {
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
    let words = [
        sum!(limbs[0], left!(1, 26), left!(2, 52)),
        sum!(right!(2, 12), left!(3, 14), left!(4, 40)),
        sum!(right!(4, 24), left!(5, 2), left!(6, 28), left!(7, 54)),
        sum!(right!(7, 10), left!(8, 16), left!(9, 42)),
    ];
    let mut rows = [[0; 8]; 4];
    for k in 0..4 {
        rows[k] = isa.wide_to_array(words[k]);
    }
    rows
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
        let powers = (0..39).flat_map(|bits| [1u64 << bits, (1 << bits) + 1, (2 << bits) - 1]);
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
    fn two_banks_of_full_lanes() {
        // 64 rows of largest values: p - 1 has the largest top limb and an empty lowest one,
        // 2^253 - 1 fills all limbs but the top one.
        let largest = [P[0] - 1, P[1], P[2], P[3]];
        let full = [u64::MAX, u64::MAX, u64::MAX, (1 << 61) - 1];
        for weight in [largest, full].map(|words| Fr::new_unchecked(BigInt(words))) {
            let lanes = weight
                .split()
                .map(|limb| [64 * u64::from(limb) * u64::from(u32::MAX); 8]);
            for count in 1..=2u64 {
                let banks = vec![lanes; count as usize];
                let mut out = [Fr::ZERO; 8];
                reduce(Scalar, &banks, &mut out);
                let rows = Fr::from(64 * count) * Fr::from(u32::MAX);
                assert_eq!(out, [weight * rows; 8]);
            }
        }
    }
}
