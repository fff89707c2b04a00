//! Dense rounds over Goldilocks^2 by vectors: binding, and sums at 0 and at infinity.
//!
//! In: tables and weights as `fold` and `round` take them, any length. Out: what those give. Pairs that
//! fill no vector are theirs.
//!
//! Two vectors of a table are a step: as many pairs as a vector has elements. Sums are taken of vectors
//! whose blocks hold two values at 0 and the two slopes that belong to them, so that both points
//! are one product.

use super::WeightField;
use super::goldilocks::{Goldilocks2, P, WideSum};
use super::goldilocks_lanes::{Factor, SUM_STEPS, Sums, mul};
use crate::fold::{EqFactors, interpolate};
use crate::word_lanes::WordLanes;

type Words<D> = <D as WordLanes>::Words;

/// Entries of a vector, and pairs of a step.
const fn step<D: WordLanes>() -> usize {
    D::COUNT / 2
}

#[inline(always)]
fn load<D: WordLanes>(isa: D, entries: &[Goldilocks2]) -> Words<D> {
    isa.words(
        #[inline(always)]
        |at| {
            let entry = &entries[at / 2];
            [entry.c0, entry.c1][at % 2].0.0[0]
        },
    )
}

/// The weights of a step's pairs, at values and slopes alike.
#[inline(always)]
fn load_weights<D: WordLanes>(isa: D, weights: &[Goldilocks2]) -> [Words<D>; 2] {
    let (first, second) = weights.split_at(D::COUNT / 4);
    isa.unzip(load_twice(isa, first), load_twice(isa, second))
}

#[inline(always)]
fn load_twice<D: WordLanes>(isa: D, entries: &[Goldilocks2]) -> Words<D> {
    isa.words(
        #[inline(always)]
        |at| {
            let entry = &entries[at / 4];
            [entry.c0, entry.c1][at % 2].0.0[0]
        },
    )
}

#[inline(always)]
fn store<D: WordLanes>(isa: D, words: Words<D>, entries: &mut [Goldilocks2]) {
    let words = isa.to_array(words);
    let entries = &mut entries[..D::COUNT / 2];
    // Not zipped: an adapter that is not inlined takes the vector through memory.
    for at in 0..D::COUNT / 2 {
        (entries[at].c0.0.0[0], entries[at].c1.0.0[0]) = (words[2 * at], words[2 * at + 1]);
    }
}

/// Entries of a step to values and slopes.
#[inline(always)]
fn points<D: WordLanes>(isa: D, first: Words<D>, second: Words<D>) -> [Words<D>; 2] {
    let [c0, c1] = isa.unzip(first, second);
    [
        isa.sub_mod(c0, isa.raise(c0), P),
        isa.sub_mod(c1, isa.raise(c1), P),
    ]
}

/// See `fold::bind`.
#[inline(always)]
pub(super) fn bind<D: WordLanes>(isa: D, table: &mut [Goldilocks2], r: Goldilocks2) {
    let pairs = pairs(table);
    let step = const { step::<D>() };
    let factor = Factor::new(isa, r);
    let whole = pairs - pairs % step;
    for at in (0..whole).step_by(step) {
        let bound = bound(isa, &factor, &table[2 * at..2 * (at + step)]);
        store(isa, bound, &mut table[at..at + step]);
    }
    for at in whole..pairs {
        table[at] = interpolate(table[2 * at], table[2 * at + 1], &r);
    }
}

/// The pairs of a table that has nothing else.
#[inline(always)]
fn pairs(table: &[Goldilocks2]) -> usize {
    let entries = table.len();
    assert!(
        entries.is_multiple_of(2),
        "a table of {entries} entries has no pairs"
    );
    entries / 2
}

#[inline(always)]
fn bound<D: WordLanes>(isa: D, factor: &Factor<D>, entries: &[Goldilocks2]) -> Words<D> {
    let (first, second) = entries.split_at(D::COUNT / 2);
    let [low, high] = isa.halves(load(isa, first), load(isa, second));
    factor.fold(isa, low, high)
}

/// What sums are taken over: pairs of two tables, by steps and one by one.
trait Pairs<D: WordLanes> {
    /// The points of both tables for the step that begins at a pair.
    fn step(&mut self, isa: D, pair: usize) -> [[Words<D>; 2]; 2];
    /// The values of both tables.
    fn pair(&mut self, pair: usize) -> [[Goldilocks2; 2]; 2];
}

struct Tables<'a>([&'a [Goldilocks2]; 2]);

impl<D: WordLanes> Pairs<D> for Tables<'_> {
    #[inline(always)]
    fn step(&mut self, isa: D, pair: usize) -> [[Words<D>; 2]; 2] {
        let [a, b] = self.0;
        [step_points(isa, a, pair), step_points(isa, b, pair)]
    }
    #[inline(always)]
    fn pair(&mut self, pair: usize) -> [[Goldilocks2; 2]; 2] {
        let [a, b] = self.0;
        [
            [a[2 * pair], a[2 * pair + 1]],
            [b[2 * pair], b[2 * pair + 1]],
        ]
    }
}

#[inline(always)]
fn step_points<D: WordLanes>(isa: D, table: &[Goldilocks2], pair: usize) -> [Words<D>; 2] {
    let step = const { step::<D>() };
    let (first, second) = table[2 * pair..2 * (pair + step)].split_at(step);
    points(isa, load(isa, first), load(isa, second))
}

/// Tables that are bound on the way, once each pair, from the first on.
struct Binding<'a, D: WordLanes> {
    tables: [&'a mut [Goldilocks2]; 2],
    factor: Factor<D>,
    r: Goldilocks2,
}

impl<D: WordLanes> Pairs<D> for Binding<'_, D> {
    #[inline(always)]
    fn step(&mut self, isa: D, pair: usize) -> [[Words<D>; 2]; 2] {
        let [a, b] = &mut self.tables;
        [
            step_bound(isa, &self.factor, a, pair),
            step_bound(isa, &self.factor, b, pair),
        ]
    }
    #[inline(always)]
    fn pair(&mut self, pair: usize) -> [[Goldilocks2; 2]; 2] {
        let [a, b] = &mut self.tables;
        [pair_bound(a, &self.r, pair), pair_bound(b, &self.r, pair)]
    }
}

#[inline(always)]
fn step_bound<D: WordLanes>(
    isa: D,
    factor: &Factor<D>,
    table: &mut [Goldilocks2],
    pair: usize,
) -> [Words<D>; 2] {
    let step = const { step::<D>() };
    let (first, second) = table[4 * pair..4 * (pair + step)].split_at(2 * step);
    let (first, second) = (bound(isa, factor, first), bound(isa, factor, second));
    store(isa, first, &mut table[2 * pair..2 * pair + step]);
    store(isa, second, &mut table[2 * pair + step..2 * (pair + step)]);
    points(isa, first, second)
}

#[inline(always)]
fn pair_bound(table: &mut [Goldilocks2], r: &Goldilocks2, pair: usize) -> [Goldilocks2; 2] {
    for at in [2 * pair, 2 * pair + 1] {
        table[at] = interpolate(table[2 * at], table[2 * at + 1], r);
    }
    [table[2 * pair], table[2 * pair + 1]]
}

/// Adds the products of `count` pairs from `first` on, weighted if there are weights.
#[inline(always)]
fn accumulate<D: WordLanes, T: Pairs<D>>(
    isa: D,
    tables: &mut T,
    first: usize,
    count: usize,
    weights: &[Goldilocks2],
    sums: &mut [[WideSum; 3]; 2],
) {
    let step = const { step::<D>() };
    let steps = count / step;
    for begin in (0..steps).step_by(SUM_STEPS) {
        let end = steps.min(begin + SUM_STEPS);
        let mut lanes = Sums::new(isa);
        if weights.is_empty() {
            for at in begin..end {
                let [a, b] = tables.step(isa, first + step * at);
                lanes.add(isa, a, b);
            }
        } else {
            for at in begin..end {
                let [a, b] = tables.step(isa, first + step * at);
                let weight = load_weights(isa, &weights[step * at..step * (at + 1)]);
                lanes.add(isa, mul(isa, weight, a), b);
            }
        }
        lanes.flush(isa, sums);
    }
    for at in steps * step..count {
        let [[a0, a1], [b0, b1]] = tables.pair(first + at);
        let mut points = [a0, a1 - a0];
        if let Some(weight) = weights.get(at) {
            points = [weight.mul_inline(&points[0]), weight.mul_inline(&points[1])];
        }
        Goldilocks2::accumulate(&mut sums[0], &points[0], &b0);
        Goldilocks2::accumulate(&mut sums[1], &points[1], &(b1 - b0));
    }
}

/// `fold::weigh` by steps.
#[inline(always)]
fn weigh<D: WordLanes, T: Pairs<D>>(
    isa: D,
    tables: &mut T,
    pairs: usize,
    eq: EqFactors<'_, Goldilocks2>,
) -> [Goldilocks2; 2] {
    assert!(eq.fits(pairs), "one eq weight per pair, or none");
    let mut outer = [[WideSum::default(); 3]; 2];
    let run = eq.inner.len();
    if run == 0 {
        accumulate(isa, tables, 0, pairs, &[], &mut outer);
    }
    for (o, weight) in eq.outer.iter().enumerate() {
        let mut inner = [[WideSum::default(); 3]; 2];
        accumulate(isa, tables, o * run, run, eq.inner, &mut inner);
        for (outer, inner) in outer.iter_mut().zip(&inner) {
            Goldilocks2::accumulate(outer, weight, &Goldilocks2::reduce(inner));
        }
    }
    [
        Goldilocks2::reduce(&outer[0]),
        Goldilocks2::reduce(&outer[1]),
    ]
}

/// See `fold::evaluate`.
#[inline(always)]
pub(super) fn evaluate<D: WordLanes>(
    isa: D,
    a: &[Goldilocks2],
    b: &[Goldilocks2],
    eq: EqFactors<'_, Goldilocks2>,
) -> [Goldilocks2; 2] {
    assert_eq!(a.len(), b.len(), "tables of one length");
    weigh(isa, &mut Tables([a, b]), pairs(a), eq)
}

/// See `fold::bind_evaluate`.
#[inline(always)]
pub(super) fn bind_evaluate<D: WordLanes>(
    isa: D,
    a: &mut [Goldilocks2],
    b: &mut [Goldilocks2],
    r: Goldilocks2,
    eq: EqFactors<'_, Goldilocks2>,
) -> [Goldilocks2; 2] {
    assert_eq!(a.len(), b.len(), "tables of one length");
    assert!(a.len().is_multiple_of(4), "{} entries", a.len());
    let pairs = a.len() / 4;
    let mut tables = Binding {
        tables: [a, b],
        factor: Factor::new(isa, r),
        r,
    };
    weigh(isa, &mut tables, pairs, eq)
}

/// See `round::round_accumulate`; of two factors at 0 and at infinity.
#[inline(always)]
pub(super) fn accumulate_ends<D: WordLanes>(
    isa: D,
    factors: [&[Goldilocks2]; 2],
    weights: &[Goldilocks2],
    sums: [&mut [WideSum; 3]; 2],
) {
    let [a, b] = factors;
    assert_eq!(a.len(), b.len(), "tables of one length");
    let pairs = pairs(a);
    assert!(
        weights.is_empty() || weights.len() == pairs,
        "one weight a pair"
    );
    let [zero, infinity] = sums;
    let mut ends = [*zero, *infinity];
    accumulate(isa, &mut Tables(factors), 0, pairs, weights, &mut ends);
    [*zero, *infinity] = ends;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Goldilocks;
    use crate::fold;
    use crate::round::round_accumulate;
    use crate::tier::scalar::Scalar;
    use ark_ff::{BigInt, PrimeField};

    /// Words around every boundary of the modulus and of halves and pieces.
    const WORDS: [u64; 11] = [
        0,
        1,
        0x3f_ffff,
        0xffff_ffff,
        1 << 32,
        1 << 63,
        0xffff_fffe_ffff_ffff,
        P - (1 << 32),
        P - 2,
        P - 1,
        0x1234_5678_9abc_def0,
    ];

    /// Elements of every two words, beginning somewhere among them.
    fn elements(len: usize, stride: usize) -> Vec<Goldilocks2> {
        let word = |at: usize| Goldilocks::new_unchecked(BigInt([WORDS[at % WORDS.len()]]));
        let element = |at: usize| {
            let at = at * stride;
            Goldilocks2::new(word(at), word(at / WORDS.len()))
        };
        (0..len).map(element).collect()
    }

    fn is_canonical(values: &[Goldilocks2]) -> bool {
        let below = |x: &Goldilocks| x.0 < Goldilocks::MODULUS;
        values.iter().all(|x| below(&x.c0) && below(&x.c1))
    }

    /// Steps of which the sums below are. Miri's days are too short for as many as two flushes take, and
    /// how large a sum may be is no question of memory.
    const STEPS: usize = if cfg!(miri) { 3 } else { SUM_STEPS };

    #[test]
    fn every_kernel_on_single_words_equals_that_on_general_registers() {
        for stride in [1, 5, 7] {
            // Which words they are makes no difference to memory.
            if cfg!(miri) && stride != 1 {
                continue;
            }
            for pairs in [
                0,
                1,
                2,
                3,
                4,
                if cfg!(miri) { 6 } else { 61 },
                2 * STEPS + 3,
            ] {
                let (a, b) = (elements(2 * pairs, stride), elements(2 * pairs, stride + 2));
                let weights = elements(pairs, stride + 4);
                for r in elements(5, 29) {
                    let (mut mine, mut theirs) = (a.clone(), a.clone());
                    bind(Scalar, &mut mine, r);
                    fold::bind(&mut theirs, r);
                    assert!(
                        mine == theirs && is_canonical(&mine),
                        "{stride} {pairs} {r}"
                    );
                }
                let ones = EqFactors::ones();
                let outer = elements(2, 23);
                let weighted = EqFactors {
                    inner: &weights,
                    outer: &outer[1..],
                };
                for eq in [ones, weighted] {
                    assert_eq!(evaluate(Scalar, &a, &b, eq), fold::evaluate(&a, &b, eq));
                }
                for weights in [&weights[..], &[]] {
                    let mut mine = [[WideSum::default(); 3]; 3];
                    let mut theirs = mine;
                    let [zero, _, infinity] = &mut mine;
                    accumulate_ends(Scalar, [&a, &b], weights, [zero, infinity]);
                    round_accumulate(&[&a, &b], weights, true, &mut theirs);
                    let reduce = |sums: &[[WideSum; 3]; 3]| sums.map(|x| Goldilocks2::reduce(&x));
                    assert_eq!(reduce(&mine), reduce(&theirs), "{stride} {pairs}");
                }
                if pairs % 2 == 0 {
                    let (mut x, mut y) = (a.clone(), b.clone());
                    let (mut u, mut v) = (a.clone(), b.clone());
                    let r = elements(9, 31)[8];
                    assert_eq!(
                        bind_evaluate(Scalar, &mut x, &mut y, r, ones),
                        fold::bind_evaluate(&mut u, &mut v, r, ones)
                    );
                    assert!((x, y) == (u, v), "{stride} {pairs}");
                }
            }
        }
    }

    #[test]
    fn sums_of_largest_products_between_two_flushes() {
        let largest = Goldilocks::new_unchecked(BigInt([P - 1]));
        let table = vec![Goldilocks2::new(largest, largest); 4 * STEPS + 2];
        let ones = EqFactors::ones();
        assert_eq!(
            evaluate(Scalar, &table, &table, ones),
            fold::evaluate(&table, &table, ones)
        );
    }
}
