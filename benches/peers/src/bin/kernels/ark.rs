//! BN254: arkworks as one would write it, a scalar accumulator with delayed reduction, and ark's own
//! multilinear extension and sum-check beside the kernels.

use std::rc::Rc;

use ark_bn254::Fr;
use ark_bn254_04::Fr as Fr04;
use ark_ff::{AdditiveGroup, BigInt, BigInteger, Field, PrimeField};
use ark_ff_04::PrimeField as _;
use ark_linear_sumcheck::ml_sumcheck::data_structures::ListOfProductsOfPolynomials;
use ark_linear_sumcheck::ml_sumcheck::protocol::IPForMLSumcheck;
use ark_linear_sumcheck::ml_sumcheck::protocol::verifier::VerifierMsg;
use ark_poly::{DenseMultilinearExtension, MultilinearExtension};
use ark_poly_04::DenseMultilinearExtension as Dense04;
use tracelane_kernels::{EqFactors, Kernels, Tier, WeightField, eq_planes, eq_table, reference};

use crate::table::Table;

const ROWS_LOG2: usize = 11;
const ROWS: usize = 1 << ROWS_LOG2;
const COLUMNS: usize = 32;
const TABLE_LOG2: usize = 12;

/// Weights and values that look random, the same every time.
pub fn words(seed: u32) -> impl Iterator<Item = u32> {
    (0u32..).map(move |k| {
        let x = (k ^ seed.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0x9e37_79b9);
        (x ^ x >> 15).wrapping_mul(0x2c1b_3c6d)
    })
}

pub fn columns(count: usize, rows: usize) -> Vec<Vec<u32>> {
    (0..count as u32)
        .map(|k| words(k).take(rows).collect())
        .collect()
}

fn elements(len: usize, seed: u32) -> Vec<Fr> {
    let mut value = Fr::from(words(seed).nth(7).unwrap_or(1));
    let step = (value + Fr::from(5u64)).pow([1 << 40]);
    let next = |_| {
        value = value * step + step;
        value
    };
    (0..len).map(next).collect()
}

pub fn tiers<F: WeightField>() -> impl Iterator<Item = Kernels<F>> {
    let tiers = Tier::ALL.into_iter().rev();
    tiers.filter_map(Kernels::for_tier)
}

/// Four 64-bit limbs times one value into six words; one reduction at the end.
fn scalar_dot(weights: &[Fr], column: &[u32]) -> Fr {
    let mut acc = [0u64; 6];
    for (weight, value) in weights.iter().zip(column) {
        let (mut carry, value) = (0u128, u128::from(*value));
        for (word, limb) in acc.iter_mut().zip(weight.0.0) {
            carry += u128::from(*word) + u128::from(limb) * value;
            *word = carry as u64;
            carry >>= 64;
        }
        let (word, over) = acc[4].overflowing_add(carry as u64);
        acc[4] = word;
        acc[5] += u64::from(over);
    }
    let bytes: Vec<u8> = acc.iter().flat_map(|word| word.to_le_bytes()).collect();
    let plain = Fr::from_le_bytes_mod_order(&bytes);
    // The limbs were those of Montgomery forms, R times too large; R^-1 is the one whose form is 1.
    plain * Fr::new_unchecked(BigInt([1, 0, 0, 0]))
}

pub fn dots() -> Table {
    let point = elements(ROWS_LOG2, 1);
    let weights = Rc::new(eq_table(&point));
    let planes = Rc::new(eq_planes(&point));
    let columns = Rc::new(columns(COLUMNS, ROWS));
    let expected: Vec<Fr> = columns
        .iter()
        .map(|c| reference::dot(&weights, c))
        .collect();
    let mut table = Table::new(
        "dot, BN254 x u32, 32 columns of 2048, a cell",
        ROWS * COLUMNS,
    );
    for kernels in tiers::<Fr>() {
        let run = {
            let (planes, columns) = (planes.clone(), columns.clone());
            move || -> Vec<Fr> {
                let two = |pair: &[Vec<u32>]| kernels.dot2_u32(planes.view(), [&pair[0], &pair[1]]);
                columns.chunks_exact(2).flat_map(two).collect()
            }
        };
        assert_eq!(run(), expected);
        table.entry(format!("ours, dot2_u32, {}", kernels.tier()), run);
        let run = {
            let (planes, columns) = (planes.clone(), columns.clone());
            move || -> Vec<Fr> {
                let one = |column: &Vec<u32>| kernels.dot_u32(planes.view(), column);
                columns.iter().map(one).collect()
            }
        };
        assert_eq!(run(), expected);
        table.entry(format!("ours, dot_u32, {}", kernels.tier()), run);
    }
    let run = {
        let (weights, columns) = (weights.clone(), columns.clone());
        move || -> Vec<Fr> { columns.iter().map(|c| scalar_dot(&weights, c)).collect() }
    };
    assert_eq!(run(), expected);
    table.entry("scalar limbs, delayed reduction", run);
    table.entry("ark-ff 0.6: acc += w * Fr::from(x)", move || -> Vec<Fr> {
        columns
            .iter()
            .map(|c| reference::dot(&weights, c))
            .collect()
    });
    table
}

pub fn prefixes() -> Table {
    let column = Rc::new(columns(1, ROWS * COLUMNS).remove(0));
    let mut table = Table::new(
        "prefix_dot, BN254 x u32, i = 3, 5, 7, a cell",
        ROWS * COLUMNS,
    );
    for log2 in [3, 5, 7] {
        let point = elements(log2, 2);
        let (planes, weights) = (eq_planes(&point), eq_table(&point));
        let mut expected = vec![Fr::ZERO; column.len() >> log2];
        reference::prefix_dot(&weights, &column, &mut expected);
        let kernels = Kernels::<Fr>::detect();
        let mut run = {
            let (column, mut out) = (column.clone(), expected.clone());
            move || {
                out.fill(Fr::ZERO);
                kernels.prefix_dot(planes.view(), &column, &mut out);
                out[1..3].to_vec()
            }
        };
        assert_eq!(run(), expected[1..3]);
        table.entry(format!("ours, i = {log2}, {}", kernels.tier()), run);
        let column = column.clone();
        table.entry(format!("ark-ff 0.6, i = {log2}"), move || {
            reference::prefix_dot(&weights, &column, &mut expected);
            expected[1]
        });
    }
    table
}

pub fn binds() -> Table {
    let len = 1 << TABLE_LOG2;
    let (values, r) = (elements(len, 3), elements(1, 4)[0]);
    let mut table = Table::new("bind one variable, BN254, 2^12 entries, an entry", len);
    let kernels = Kernels::<Fr>::detect();
    let extension = DenseMultilinearExtension::from_evaluations_vec(TABLE_LOG2, values.clone());
    let expected = extension.fix_variables(&[r]).evaluations;
    let mut run = {
        let mut work = values.clone();
        move || {
            work.copy_from_slice(&values);
            kernels.bind_low(&mut work, r);
            work[..len / 2].to_vec()
        }
    };
    assert_eq!(run(), expected);
    table.entry("ours, bind_low, with a copy in and out", run);
    table.entry("ark-poly 0.6, fix_variables", move || {
        extension.fix_variables(&[r])
    });
    table
}

/// Both tables folded at r, then the sums of the product at 0 and infinity.
fn ark_round(a: &mut [Fr], b: &mut [Fr], r: Fr, eq: Option<&[Fr]>) -> [Fr; 2] {
    reference::bind_low(a, r);
    reference::bind_low(b, r);
    let half = a.len() / 2;
    let (a, b) = (&a[..half], &b[..half]);
    if let Some(eq) = eq {
        return reference::evaluate_low(a, b, eq);
    }
    let mut sums = [Fr::ZERO; 2];
    for (a, b) in a.chunks_exact(2).zip(b.chunks_exact(2)) {
        sums[0] += a[0] * b[0];
        sums[1] += (a[1] - a[0]) * (b[1] - b[0]);
    }
    sums
}

fn fused(name: &str, eq: bool) -> Table {
    let len = 1 << TABLE_LOG2;
    let (a, b, r) = (elements(len, 5), elements(len, 6), elements(1, 7)[0]);
    let inner = eq_table(&elements(5, 8));
    let outer = eq_table(&elements(TABLE_LOG2 - 7, 9));
    let weights: Vec<Fr> = outer
        .iter()
        .flat_map(|o| inner.iter().map(move |i| *o * i))
        .collect();
    let mut table = Table::new(name, len);
    let expected = {
        let weights = eq.then_some(&weights[..]);
        ark_round(&mut a.clone(), &mut b.clone(), r, weights)
    };
    for kernels in tiers::<Fr>().filter(|kernels| kernels.tier() != Tier::Portable) {
        let mut run = {
            let (a, b, inner, outer) = (a.clone(), b.clone(), inner.clone(), outer.clone());
            let (mut x, mut y) = (a.clone(), b.clone());
            move || {
                x.copy_from_slice(&a);
                y.copy_from_slice(&b);
                let factors = if eq {
                    EqFactors {
                        inner: &inner,
                        outer: &outer,
                    }
                } else {
                    EqFactors::ones()
                };
                kernels.bind_evaluate_low(&mut x, &mut y, r, factors)
            }
        };
        assert_eq!(run(), expected);
        table.entry(format!("ours, bind_evaluate_low, {}", kernels.tier()), run);
    }
    let mut run = {
        let (a, b, mut x, mut y) = (a.clone(), b.clone(), a.clone(), b.clone());
        move || {
            x.copy_from_slice(&a);
            y.copy_from_slice(&b);
            ark_round(&mut x, &mut y, r, eq.then_some(&weights[..]))
        }
    };
    assert_eq!(run(), expected);
    table.entry("ark-ff 0.6: fold, then evaluate", run);
    if eq {
        return table;
    }
    let lift = |values: &[Fr]| -> Vec<Fr04> {
        let old = |value: &Fr| Fr04::from_le_bytes_mod_order(&value.into_bigint().to_bytes_le());
        values.iter().map(old).collect()
    };
    let mut product = ListOfProductsOfPolynomials::new(TABLE_LOG2);
    let extension =
        |values: &[Fr]| Rc::new(Dense04::from_evaluations_vec(TABLE_LOG2, lift(values)));
    product.add_product([extension(&a), extension(&b)], Fr04::from(1u64));
    let randomness = lift(&[r])[0];
    let mut ready = IPForMLSumcheck::prover_init(&product);
    IPForMLSumcheck::prove_round(&mut ready, &None);
    table.entry(
        "ark-linear-sumcheck 0.4: prove_round, three points",
        move || {
            // As it was before the round: the tables are replaced, not written.
            ready.flattened_ml_extensions = product
                .flattened_ml_extensions
                .iter()
                .map(|table| table.as_ref().clone())
                .collect();
            ready.round = 1;
            ready.randomness.clear();
            IPForMLSumcheck::prove_round(&mut ready, &Some(VerifierMsg { randomness }))
        },
    );
    table
}

pub fn rounds() -> Table {
    fused(
        "bind + evaluate, BN254, two tables of 2^12, an entry",
        false,
    )
}

pub fn eq_rounds() -> Table {
    fused(
        "bind + evaluate with eq, BN254, two tables of 2^12, an entry",
        true,
    )
}
