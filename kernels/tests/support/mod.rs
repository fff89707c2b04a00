//! What every law runs over: tiers, fields, weights and columns with their special values.
#![allow(dead_code, reason = "each test file uses its own part")]

use ark_ff::{Field, PrimeField};
use ark_std::rand::{Rng, SeedableRng, rngs::StdRng};
use tracelane_kernels::{Kernels, Tier, WeightField};

/// A generator whose seed every failure message can name.
pub fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

/// The kernels of every tier this processor has.
pub fn tiers<F: WeightField>() -> Vec<Kernels<F>> {
    Tier::ALL
        .into_iter()
        .filter_map(Kernels::for_tier)
        .collect()
}

/// p - 1 in every coordinate: the largest canonical value, and its Montgomery neighbours come from
/// the random weights.
pub fn largest<F: Field>() -> F {
    let coordinates = vec![F::BasePrimeField::NEG_ONE; F::extension_degree() as usize];
    F::from_base_prime_field_elems(coordinates).expect("one element per coordinate")
}

/// The element whose Montgomery representation is p - 1 in every coordinate: the largest limbs.
pub fn largest_limbs<F: Field>() -> F {
    // R^-1 * (p - 1) has Montgomery form p - 1; R = 2^(64 * words).
    let words = F::BasePrimeField::MODULUS_BIT_SIZE.div_ceil(64);
    let radix = F::from(2u64).pow([u64::from(words) * 64]);
    largest::<F>() * radix.inverse().expect("a power of two is invertible")
}

/// Weight vectors of `len`: zero, one, p - 1, largest limbs, one non-zero lane, random.
pub fn weights<F: WeightField>(len: usize, rng: &mut StdRng) -> Vec<(&'static str, Vec<F>)> {
    let mut single = vec![F::ZERO; len];
    if len > 0 {
        single[rng.gen_range(0..len)] = F::rand(rng);
    }
    vec![
        ("zero", vec![F::ZERO; len]),
        ("one", vec![F::ONE; len]),
        ("p-1", vec![largest(); len]),
        ("largest limbs", vec![largest_limbs(); len]),
        ("single lane", single),
        ("random", (0..len).map(|_| F::rand(rng)).collect()),
    ]
}

/// Columns of `len`: zero, all ones, one non-zero row, random.
pub fn columns(len: usize, rng: &mut StdRng) -> Vec<(&'static str, Vec<u32>)> {
    let mut single = vec![0; len];
    if len > 0 {
        single[rng.gen_range(0..len)] = u32::MAX;
    }
    vec![
        ("zero", vec![0; len]),
        ("all ones", vec![u32::MAX; len]),
        ("single row", single),
        ("random", (0..len).map(|_| rng.r#gen()).collect()),
    ]
}

/// `len` random elements.
pub fn elements<F: Field>(len: usize, rng: &mut StdRng) -> Vec<F> {
    (0..len).map(|_| F::rand(rng)).collect()
}

/// Instantiates each generic law for both fields.
#[macro_export]
macro_rules! for_both_fields {
    ($($law:ident),* $(,)?) => {
        mod bn254 {
            $(#[test] fn $law() { super::$law::<ark_bn254::Fr>(); })*
        }
        mod goldilocks2 {
            $(#[test] fn $law() { super::$law::<tracelane_kernels::Goldilocks2>(); })*
        }
    };
}
