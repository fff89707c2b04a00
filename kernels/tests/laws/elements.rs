//! What the kernels ask of a field: limbs, products, sums and their reductions.

use crate::cases::{elements, for_both_fields, full, largest, minus_one, montgomery_unit, rng};
use ark_ff::AdditiveGroup;
use ark_std::rand::Rng;
use tracelane_kernels::WeightField;
use tracelane_kernels::field::{MAX_LIMBS, MAX_PRODUCTS, MAX_SUMS};

for_both_fields!(
    multiplication,
    products_up_to_the_bound,
    reductions_of_sums,
    split_recomposes,
);

/// Doubled up to just below the bound, then added one by one until it is reached: carries leave
/// every word on the way.
fn products_up_to_the_bound<F: WeightField>() {
    for element in [full::<F>(), largest(), minus_one(), F::ONE] {
        let product = element * element;
        let (mut sum, mut doubled) = (F::Accumulator::default(), F::Accumulator::default());
        F::accumulate(&mut doubled, &element, &element);
        let mut count = 1;
        while count < MAX_PRODUCTS {
            assert_eq!(F::reduce(&doubled), product * F::from(count));
            if count >= 256 {
                F::merge(&mut sum, &doubled);
            }
            let copy = doubled;
            F::merge(&mut doubled, &copy);
            count *= 2;
        }
        assert_eq!(F::reduce(&doubled), product * F::from(MAX_PRODUCTS));
        for left in (0..256).rev() {
            F::accumulate(&mut sum, &element, &element);
            assert_eq!(F::reduce(&sum), product * F::from(MAX_PRODUCTS - left));
        }
    }
}

fn multiplication<F: WeightField>() {
    let rng = &mut rng(22);
    let mut values = elements::<F>(20, rng);
    values.extend([F::ZERO, F::ONE, minus_one(), largest(), full()]);
    for a in &values {
        for b in &values {
            assert_eq!(a.mul_inline(b), *a * *b);
        }
    }
}

/// Sums of either sign, up to the documented magnitude, against exact field arithmetic.
fn reductions_of_sums<F: WeightField>() {
    let rng = &mut rng(23);
    let coord_limbs = F::LIMBS / F::COORDS;
    // The element whose Montgomery representation is 1 in coordinate c: sums count multiples of it.
    let unit = |c: usize| {
        let mut coordinates = vec![F::BasePrimeField::ZERO; F::COORDS];
        coordinates[c] = montgomery_unit::<F>();
        F::from_base_prime_field_elems(coordinates).unwrap()
    };
    let strides = coord_limbs..=MAX_SUMS / F::COORDS;
    // What sums are is no question of memory: Miri takes few strides, and the largest sums.
    for stride in strides.step_by(if cfg!(miri) { 6 } else { 1 }) {
        for case in 0..if cfg!(miri) { 1 } else { 40 } {
            let mut sums = [0i128; MAX_SUMS];
            let mut expected = F::ZERO;
            for c in 0..F::COORDS {
                for k in 0..stride {
                    let bits = rng.gen_range(1..=126);
                    let magnitude = match case {
                        0 => (1i128 << 126) - 1,
                        1 => 0,
                        _ => (rng.r#gen::<u128>() >> (128 - bits)) as i128,
                    };
                    let sign = if case == 0 || rng.r#gen() { -1 } else { 1 };
                    sums[c * stride + k] = sign * magnitude;
                    let scale = F::from(2u64).pow([u64::from(F::LIMB_BITS) * k as u64]);
                    let term = unit(c) * scale * F::from(magnitude as u128);
                    expected += if sign < 0 { -term } else { term };
                }
            }
            assert_eq!(
                F::reduce_sums(&sums, stride),
                expected,
                "stride {stride} case {case}"
            );
        }
    }
}

fn split_recomposes<F: WeightField>() {
    let rng = &mut rng(24);
    let mut values = elements::<F>(50, rng);
    values.extend([F::ZERO, F::ONE, minus_one(), largest(), full()]);
    for value in values {
        let limbs = value.split();
        assert!(
            limbs
                .iter()
                .all(|limb| u64::from(*limb) < 1 << F::LIMB_BITS)
        );
        assert!(limbs[F::LIMBS..].iter().all(|limb| *limb == 0));
        let mut sums = [0u128; MAX_LIMBS];
        for (sum, limb) in sums.iter_mut().zip(limbs) {
            *sum = limb.into();
        }
        assert_eq!(F::reduce_dot(&sums), value);
    }
}
