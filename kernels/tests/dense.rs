//! Laws of the dense rounds and of the integer columns, against the reference row by row.

mod support;

use ark_ff::{AdditiveGroup, Field, PrimeField};
use ark_std::rand::Rng;
use support::{columns, elements, largest_limbs, rng, tiers};
use tracelane_kernels::field::{MAX_LIMBS, MAX_SUMS};
use tracelane_kernels::{
    Combine, EqFactors, Kernels, Signs, SubWord, Tier, WeightField, eq_table, reference,
};

for_both_fields!(
    fold_and_evaluate,
    rounds_of_any_degree,
    multiplication,
    reductions_of_sums,
    split_recomposes
);

fn fold_and_evaluate<F: WeightField>() {
    let rng = &mut rng(21);
    for log2 in 2..=7 {
        for inner_log2 in 0..=log2 - 2 {
            let a: Vec<F> = elements(1 << log2, rng);
            let mut b: Vec<F> = elements(1 << log2, rng);
            b[0] = largest_limbs();
            let r = elements::<F>(1, rng)[0];
            let inner = eq_table(&elements::<F>(inner_log2, rng));
            let outer = eq_table(&elements::<F>(log2 - 2 - inner_log2, rng));
            let eq: Vec<F> = outer
                .iter()
                .flat_map(|o| inner.iter().map(move |i| *o * *i))
                .collect();
            let factors = EqFactors {
                inner: &inner,
                outer: &outer,
            };
            let half = a.len() / 2;
            for kernels in tiers::<F>() {
                let fold = |bind: fn(&mut [F], F), table: &[F]| {
                    let mut table = table.to_vec();
                    bind(&mut table, r);
                    table.truncate(half);
                    table
                };
                let (low_a, low_b) = (fold(reference::bind_low, &a), fold(reference::bind_low, &b));
                let (high_a, high_b) = (
                    fold(reference::bind_high, &a),
                    fold(reference::bind_high, &b),
                );

                let (mut x, mut y) = (a.clone(), a.clone());
                kernels.bind_low(&mut x, r);
                kernels.bind_high(&mut y, r);
                assert_eq!((&x[..half], &y[..half]), (&low_a[..], &high_a[..]));

                let low = reference::evaluate_low(&low_a, &low_b, &eq);
                let high = reference::evaluate_high(&high_a, &high_b, &eq);
                assert_eq!(kernels.evaluate_low(&low_a, &low_b, factors), low);
                assert_eq!(kernels.evaluate_high(&high_a, &high_b, factors), high);

                let ones = vec![F::ONE; eq.len()];
                let plain_low = reference::evaluate_low(&low_a, &low_b, &ones);
                let plain_high = reference::evaluate_high(&high_a, &high_b, &ones);
                let plain = EqFactors::ones();
                assert_eq!(kernels.evaluate_low(&low_a, &low_b, plain), plain_low);
                assert_eq!(kernels.evaluate_high(&high_a, &high_b, plain), plain_high);
                let (mut x, mut y) = (a.clone(), b.clone());
                let fused = kernels.bind_evaluate_low(&mut x, &mut y, r, plain);
                assert_eq!((fused, &x[..half]), (plain_low, &low_a[..]));
                let (mut x, mut y) = (a.clone(), b.clone());
                let fused = kernels.bind_evaluate_high(&mut x, &mut y, r, plain);
                assert_eq!((fused, &y[..half]), (plain_high, &high_b[..]));

                let (mut x, mut y) = (a.clone(), b.clone());
                assert_eq!(kernels.bind_evaluate_low(&mut x, &mut y, r, factors), low);
                assert_eq!((&x[..half], &y[..half]), (&low_a[..], &low_b[..]));
                let (mut x, mut y) = (a.clone(), b.clone());
                assert_eq!(kernels.bind_evaluate_high(&mut x, &mut y, r, factors), high);
                assert_eq!((&x[..half], &y[..half]), (&high_a[..], &high_b[..]));
            }
        }
    }
}

fn rounds_of_any_degree<F: WeightField>() {
    let rng = &mut rng(22);
    for pairs in [1, 2, 3, 64, 255] {
        let mut tables: Vec<Vec<F>> = (0..4).map(|_| elements(2 * pairs, rng)).collect();
        tables[1][0] = largest_limbs();
        tables[2].fill(-F::ONE);
        let weights: Vec<F> = elements(pairs, rng);
        let ones = vec![F::ONE; pairs];
        for count in 1..=4 {
            let factors: Vec<&[F]> = tables[..count].iter().map(Vec::as_slice).collect();
            for degree in count..=4 {
                for kernels in tiers::<F>() {
                    for (weights, all) in [(&weights, &weights), (&Vec::new(), &ones)] {
                        let expected = reference::round_accumulate(&factors, all, degree);
                        for skip_one in [false, true] {
                            let mut sums = vec![F::Accumulator::default(); degree + 1];
                            kernels.round_accumulate(&factors, weights, skip_one, &mut sums);
                            let mut actual: Vec<F> = sums.iter().map(F::reduce).collect();
                            if skip_one && degree > 1 {
                                assert_eq!(actual[1], F::ZERO, "left out");
                                actual[1] = expected[1];
                            }
                            assert_eq!(actual, expected, "{count} factors, degree {degree}");
                        }
                    }
                }
            }
        }
    }
}

fn multiplication<F: WeightField>() {
    let rng = &mut rng(22);
    let mut values = elements::<F>(20, rng);
    values.extend([F::ZERO, F::ONE, support::largest(), largest_limbs()]);
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
        let words = F::BasePrimeField::MODULUS_BIT_SIZE.div_ceil(64);
        let radix = F::BasePrimeField::from(2u64).pow([64 * u64::from(words)]);
        let mut coordinates = vec![F::BasePrimeField::ZERO; F::COORDS];
        coordinates[c] = radix.inverse().unwrap();
        F::from_base_prime_field_elems(coordinates).unwrap()
    };
    for stride in coord_limbs..=MAX_SUMS / F::COORDS {
        for case in 0..40 {
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
    values.extend([F::ZERO, F::ONE, support::largest(), largest_limbs()]);
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

/// The words where carries, signs and sub-words change.
const WORDS: [u32; 9] = [
    0,
    1,
    0x7f,
    0x80,
    0x7fff_8000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_8080,
    u32::MAX,
];

#[test]
fn columns_equal_the_reference_row_by_row() {
    let rng = &mut rng(25);
    let mut a: Vec<u32> = WORDS.iter().flat_map(|x| [*x; WORDS.len()]).collect();
    let mut b: Vec<u32> = WORDS.iter().cycle().take(a.len()).copied().collect();
    a.extend(columns(300, rng).pop().unwrap().1);
    b.extend(columns(300, rng).pop().unwrap().1);
    for kernels in Tier::ALL
        .into_iter()
        .filter_map(Kernels::<ark_bn254::Fr>::for_tier)
    {
        for len in [0, 1, 7, 8, 9, a.len()] {
            let (a, b) = (&a[..len], &b[..len]);
            let mut out = vec![7; len];
            for op in [
                Combine::Add,
                Combine::Sub,
                Combine::Equal,
                Combine::LessUnsigned,
                Combine::LessSigned,
            ] {
                kernels.combine(op, a, b, &mut out);
                for row in 0..len {
                    assert_eq!(out[row], reference::combine(op, a[row], b[row]), "{op:?}");
                }
            }
            let mut high = vec![7; len];
            for signs in [Signs::Unsigned, Signs::Signed, Signs::SignedUnsigned] {
                kernels.product(signs, a, b, &mut out, &mut high);
                for row in 0..len {
                    let expected = reference::product(signs, a[row], b[row]);
                    assert_eq!((out[row], high[row]), expected, "{signs:?}");
                }
            }
            for part in [
                SubWord::Byte,
                SubWord::ByteSigned,
                SubWord::Half,
                SubWord::HalfSigned,
            ] {
                kernels.sub_word(part, a, b, &mut out);
                for row in 0..len {
                    assert_eq!(
                        out[row],
                        reference::sub_word(part, a[row], b[row]),
                        "{part:?}"
                    );
                }
            }
        }
    }
}

/// A weight for some pairs and not for others is a mistake, not a shorter sum.
#[test]
#[should_panic(expected = "one eq weight per pair, or none")]
fn too_few_weights_are_refused() {
    let table = [ark_bn254::Fr::ONE; 8];
    let eq = EqFactors {
        inner: &table[..2],
        outer: &table[..1],
    };
    Kernels::detect().evaluate_low(&table, &table, eq);
}

#[test]
fn gather_reads_the_indexed_entries() {
    let rng = &mut rng(26);
    let table: Vec<u32> = (0..100).map(|_| rng.r#gen()).collect();
    let bytes: Vec<u8> = table.iter().map(|x| *x as u8).collect();
    let indices: Vec<u32> = (0..77).map(|_| rng.gen_range(0..100)).collect();
    for kernels in Tier::ALL
        .into_iter()
        .filter_map(Kernels::<ark_bn254::Fr>::for_tier)
    {
        let (mut out, mut out_bytes) = (vec![0; 77], vec![0; 77]);
        kernels.gather_u32(&table, &indices, &mut out);
        kernels.gather_u8(&bytes, &indices, &mut out_bytes);
        for (k, index) in indices.iter().enumerate() {
            assert_eq!(out[k], table[*index as usize]);
            assert_eq!(out_bytes[k], bytes[*index as usize]);
        }
    }
}

#[test]
fn tiers_have_names_and_the_scalar_one_is_always_there() {
    for tier in Tier::ALL {
        assert_eq!(tier.name().parse(), Ok(tier));
        assert_eq!(
            Kernels::<ark_bn254::Fr>::for_tier(tier).is_some(),
            tier.is_available()
        );
    }
    assert!("avx512".parse::<Tier>().is_err());
    assert!(Tier::Scalar.is_available() && Tier::Portable.is_available());
    assert!(Tier::detect().is_available());
}
