//! Goldilocks and its quadratic extension: Plonky3's field, multilinear and sum-check crates beside
//! the kernels. Their columns are field elements, so a dot is timed with and without making them so.

use std::rc::Rc;

use ark_ff::{AdditiveGroup, Field, PrimeField};
use p3_field::extension::BinomialExtensionField;
use p3_field::{
    BasedVectorSpace, ExtensionField, PackedFieldExtension, PackedValue, PrimeCharacteristicRing,
    PrimeField64,
};
use p3_goldilocks::Goldilocks as Theirs;
use p3_multilinear_util::point::Point;
use p3_multilinear_util::poly::Poly;
use p3_multilinear_util::split_eq::SplitEq;
use p3_sumcheck::strategy::{
    RoundMessage, fold_and_round_coefficients_prefix, fold_and_round_coefficients_suffix,
};
use tracelane_kernels::{EqFactors, Goldilocks, Goldilocks2, Kernels, eq_planes, eq_table};

use crate::ark::{columns, tiers, words};
use crate::table::Table;

type Theirs2 = BinomialExtensionField<Theirs, 2>;
type Packed = <Theirs as p3_field::Field>::Packing;
type Packed2 = <Theirs2 as ExtensionField<Theirs>>::ExtensionPacking;

const ROWS_LOG2: usize = 11;
const ROWS: usize = 1 << ROWS_LOG2;
const COLUMNS: usize = 32;
const TABLE_LOG2: usize = 12;

pub fn lanes() -> usize {
    Packed::WIDTH
}

fn elements(len: usize, seed: u32) -> Vec<Goldilocks2> {
    let mut value = Goldilocks2::from(u64::from(words(seed).nth(7).unwrap_or(1)));
    let root = Goldilocks2::new(Goldilocks::from(3u64), Goldilocks::from(5u64));
    let step = (value + root).pow([(1 << 40) + 1]);
    let next = |_| {
        value = value * step + step;
        value
    };
    (0..len).map(next).collect()
}

fn theirs(value: &Goldilocks2) -> Theirs2 {
    let coordinate = |x: &Goldilocks| Theirs::from_u64(x.into_bigint().0[0]);
    Theirs2::from_basis_coefficients_fn(|k| coordinate([&value.c0, &value.c1][k]))
}

fn all_theirs(values: &[Goldilocks2]) -> Vec<Theirs2> {
    values.iter().map(theirs).collect()
}

fn as_ours(value: &Theirs2) -> Goldilocks2 {
    let parts: &[Theirs] = value.as_basis_coefficients_slice();
    let [c0, c1] = [0, 1].map(|k| Goldilocks::from(parts[k].as_canonical_u64()));
    Goldilocks2::new(c0, c1)
}

fn lift(column: &[u32]) -> Vec<Theirs> {
    column.iter().map(|x| Theirs::from_u32(*x)).collect()
}

/// `sum of weight * value`, a vector of rows at a time; the weights lie as two planes.
fn packed_dot(planes: &[Vec<Theirs>; 2], column: &[Theirs]) -> [Theirs; 2] {
    let values = Packed::pack_slice(column);
    [0, 1].map(|c| {
        let weights = Packed::pack_slice(&planes[c]);
        let (weights, rest) = weights.as_chunks::<4>();
        let (values, value_rest) = values.as_chunks::<4>();
        assert!(rest.is_empty() && value_rest.is_empty());
        let mut sum = Packed::ZERO;
        for (weight, value) in weights.iter().zip(values) {
            sum += Packed::dot_product::<4>(weight, value);
        }
        sum.as_slice().iter().copied().sum()
    })
}

pub fn dots() -> Table {
    let point = elements(ROWS_LOG2, 1);
    let planes = Rc::new(eq_planes(&point));
    let weights = eq_table(&point);
    let columns = Rc::new(columns(COLUMNS, ROWS));
    let mut table = Table::new(
        "dot, Goldilocks^2 x u32, 32 columns of 2048, a cell",
        ROWS * COLUMNS,
    );
    let mut expected = Vec::new();
    for kernels in tiers::<Goldilocks2>() {
        let (planes, columns) = (planes.clone(), columns.clone());
        let run = move || -> Vec<Goldilocks2> {
            let two = |pair: &[Vec<u32>]| kernels.dot2_u32(planes.view(), [&pair[0], &pair[1]]);
            columns.chunks_exact(2).flat_map(two).collect()
        };
        expected = run();
        table.entry(format!("ours, dot2_u32, {}", kernels.tier()), run);
    }
    let lifted: Rc<Vec<Vec<Theirs>>> = Rc::new(columns.iter().map(|c| lift(c)).collect());
    let split = [0, 1].map(|k| -> Vec<Theirs> {
        let coordinate = |w: &Goldilocks2| theirs(w).as_basis_coefficients_slice()[k];
        weights.iter().map(coordinate).collect()
    });
    let run = {
        let lifted = lifted.clone();
        move || -> Vec<[Theirs; 2]> { lifted.iter().map(|c| packed_dot(&split, c)).collect() }
    };
    for (sum, expected) in run().into_iter().zip(&expected) {
        assert_eq!(
            as_ours(&Theirs2::from_basis_coefficients_fn(|k| sum[k])),
            *expected
        );
    }
    table.entry("p3-goldilocks 0.8: packed dot, columns lifted before", run);
    // Their first coordinate is the high bit of the index.
    let reversed: Vec<Theirs2> = point.iter().rev().map(theirs).collect();
    let eq = Rc::new(SplitEq::<Theirs, Theirs2>::new_packed(
        &Point::new(reversed),
        Theirs2::ONE,
    ));
    let lifted: Vec<Poly<Theirs>> = lifted.iter().map(|c| Poly::new(c.clone())).collect();
    let run = {
        let eq = eq.clone();
        move || -> Vec<Theirs2> { lifted.iter().map(|c| eq.eval_base(c.as_view())).collect() }
    };
    assert!(run().iter().map(as_ours).eq(expected.iter().copied()));
    table.entry("p3-multilinear-util 0.8: eval_base, lifted before", run);
    table.entry("p3-multilinear-util 0.8: eval_base, lifting", move || {
        let one = |column: &Vec<u32>| eq.eval_base(Poly::new(lift(column)).as_view());
        columns.iter().map(one).collect::<Vec<Theirs2>>()
    });
    table
}

pub fn prefixes() -> Table {
    let column = Rc::new(columns(1, ROWS * COLUMNS).remove(0));
    let lifted = Rc::new(Poly::new(lift(&column)));
    let mut table = Table::new(
        "prefix_dot, Goldilocks^2 x u32, i = 3, 5, 7, a cell",
        ROWS * COLUMNS,
    );
    for log2 in [3, 5, 7] {
        let point = elements(log2, 2);
        let planes = eq_planes(&point);
        let kernels = Kernels::<Goldilocks2>::detect();
        let mut out = vec![Goldilocks2::ZERO; column.len() >> log2];
        let mut run = {
            let column = column.clone();
            move || {
                kernels.prefix_dot(planes.view(), &column, &mut out);
                out[..3].to_vec()
            }
        };
        let expected = run();
        table.entry(format!("ours, i = {log2}, {}", kernels.tier()), run);
        let reversed = point.iter().rev().map(theirs).collect();
        let eq = SplitEq::<Theirs, Theirs2>::new_packed(&Point::new(reversed), Theirs2::ONE);
        let lifted = lifted.clone();
        let run = move || eq.compress_suffix(lifted.as_view());
        assert!(run().iter().map(as_ours).take(3).eq(expected));
        table.entry(
            format!("p3-multilinear-util 0.8: compress_suffix, i = {log2}"),
            run,
        );
    }
    table
}

pub fn binds() -> Table {
    let len = 1 << TABLE_LOG2;
    let (values, r) = (elements(len, 3), elements(1, 4)[0]);
    let mut table = Table::new(
        "bind one variable, Goldilocks^2, 2^12 entries, with a copy in, an entry",
        len,
    );
    let mut expected = Goldilocks2::ZERO;
    for kernels in tiers::<Goldilocks2>() {
        let (values, mut work) = (values.clone(), values.clone());
        let mut run = move || {
            work.copy_from_slice(&values);
            kernels.bind_low(&mut work, r);
            work[len / 2 - 1]
        };
        expected = run();
        table.entry(format!("ours, bind_low, {}", kernels.tier()), run);
    }
    let (theirs_values, r) = (Poly::new(all_theirs(&values)), theirs(&r));
    let run = move || {
        let mut work = theirs_values.clone();
        work.fix_suffix_var_mut(r);
        work.as_slice()[len / 2 - 1]
    };
    assert_eq!(as_ours(&run()), expected);
    table.entry("p3-multilinear-util 0.8: fix_suffix_var_mut", run);
    table
}

/// Variable `log2 WIDTH - 1` and below of the index become the lanes.
fn pack(values: &[Theirs2]) -> Poly<Packed2> {
    let vector = |lanes: &[Theirs2]| Packed2::from_ext_slice(lanes);
    Poly::new(values.chunks_exact(Packed::WIDTH).map(vector).collect())
}

fn message(message: &RoundMessage<Theirs2>) -> [Goldilocks2; 2] {
    [as_ours(&message.c_a), as_ours(&message.c_inf)]
}

/// What a round comes to that binds the high variable, by definition.
fn prefix_round(a: &[Goldilocks2], b: &[Goldilocks2], r: Goldilocks2) -> [Goldilocks2; 2] {
    let bound = |table: &[Goldilocks2]| -> Vec<Goldilocks2> {
        let (low, high) = table.split_at(table.len() / 2);
        let pairs = low.iter().zip(high);
        pairs.map(|(low, high)| *low + r * (*high - low)).collect()
    };
    let (a, b) = (bound(a), bound(b));
    let half = a.len() / 2;
    let at_zero = (0..half).map(|k| a[k] * b[k]).sum();
    let slopes = |k: usize| (a[k + half] - a[k]) * (b[k + half] - b[k]);
    [at_zero, (0..half).map(slopes).sum()]
}

pub fn rounds() -> Table {
    let len = 1 << TABLE_LOG2;
    let (a, b, r) = (elements(len, 5), elements(len, 6), elements(1, 7)[0]);
    let mut table = Table::new(
        "bind + evaluate, Goldilocks^2, two tables of 2^12, with a copy in, an entry",
        len,
    );
    let mut suffix = [Goldilocks2::ZERO; 2];
    for kernels in tiers::<Goldilocks2>() {
        let (a, b, mut x, mut y) = (a.clone(), b.clone(), a.clone(), b.clone());
        let mut run = move || {
            x.copy_from_slice(&a);
            y.copy_from_slice(&b);
            kernels.bind_evaluate_low(&mut x, &mut y, r, EqFactors::ones())
        };
        suffix = run();
        table.entry(format!("ours, bind_evaluate_low, {}", kernels.tier()), run);
    }
    let prefix = prefix_round(&a, &b, r);
    let (a, b, r) = (all_theirs(&a), all_theirs(&b), theirs(&r));
    let run = {
        let (a, b) = (Poly::new(a.clone()), Poly::new(b.clone()));
        move || fold_and_round_coefficients_suffix(&mut a.clone(), &mut b.clone(), r)
    };
    assert_eq!(message(&run()), suffix);
    table.entry("p3-sumcheck 0.8: fold_and_round suffix", run);
    let run = {
        let (a, b) = (Poly::new(a.clone()), Poly::new(b.clone()));
        move || fold_and_round_coefficients_prefix(&mut a.clone(), &mut b.clone(), r)
    };
    assert_eq!(message(&run()), prefix);
    table.entry("p3-sumcheck 0.8: fold_and_round prefix", run);
    let (a, b) = (pack(&a), pack(&b));
    let run = move || fold_and_round_coefficients_prefix(&mut a.clone(), &mut b.clone(), r);
    let sums = run();
    let total = |x: Packed2| -> Theirs2 {
        <Packed2 as PackedFieldExtension<Theirs, Theirs2>>::to_ext_iter([x]).sum()
    };
    let sums = RoundMessage {
        c_a: total(sums.c_a),
        c_inf: total(sums.c_inf),
    };
    assert_eq!(message(&sums), prefix);
    table.entry("p3-sumcheck 0.8: fold_and_round prefix, packed", run);
    table
}
