//! Every kernel at the largest sums it allows: fullest limbs, largest values, most additions, and on
//! across whatever it does when it has reached them.

use crate::cases::{
    COMBINES, Integer, SIGNS, SUB_WORDS, Tables, elements, for_both_fields, full, largest,
    montgomery_unit, rng, tiers, words as random_words,
};
use ark_ff::PrimeField;
use tracelane_kernels::field::MAX_PRODUCTS;
use tracelane_kernels::{
    AxpySums, EqFactors, GridColumn, Kernel, Kernels, PlanesView, Tier, WeightField, WeightPlanes,
    WindowGrid, grid_points, reference, value_bits,
};

for_both_fields!(every_kernel_is_exact_at_its_bound, limbs_are_full);

/// What the laws below rely on: each limb is as large as one of p can be in one of the two weights.
fn limbs_are_full<F: WeightField>() {
    let ones = (1u32 << F::LIMB_BITS) - 1;
    let coordinate_limbs = F::LIMBS / F::COORDS;
    let (full, largest) = (full::<F>().split(), largest::<F>().split());
    for limb in 0..F::LIMBS {
        if limb % coordinate_limbs == coordinate_limbs - 1 {
            let below = F::LIMB_BITS * (coordinate_limbs as u32 - 1);
            let bits = F::BasePrimeField::MODULUS_BIT_SIZE - below;
            assert_eq!(largest[limb].ilog2() + 1, bits, "limb {limb}");
        } else {
            assert_eq!(full[limb], ones, "limb {limb}");
        }
    }
}

fn every_kernel_is_exact_at_its_bound<F: WeightField>() {
    let tables = Tables::<F>::new();
    for kernel in Kernel::ALL {
        // Bounds of values are no question of memory: Miri sees kernels at more than a tile and few of
        // the products that sums have room for.
        let weights = [full::<F>(), largest::<F>()];
        for weight in &weights[..if cfg!(miri) { 1 } else { 2 }] {
            bound(*kernel, &tables, *weight);
        }
    }
}

/// The largest sums of each kernel: a new one does not compile without.
fn bound<F: WeightField>(kernel: Kernel, tables: &Tables<F>, weight: F) {
    match kernel {
        Kernel::dot_u32 => one_column(tables, weight, u32::MAX, Kernels::dot_u32),
        Kernel::dot_u16 => one_column(tables, weight, u16::MAX, Kernels::dot_u16),
        Kernel::dot_u8 => one_column(tables, weight, u8::MAX, Kernels::dot_u8),
        Kernel::dot2_u32 => columns(tables, weight, u32::MAX, Kernels::dot2_u32),
        Kernel::dot4_u32 => columns(tables, weight, u32::MAX, Kernels::dot4_u32),
        Kernel::dot2_u16 => columns(tables, weight, u16::MAX, Kernels::dot2_u16),
        Kernel::dot2_u8 => columns(tables, weight, u8::MAX, Kernels::dot2_u8),
        Kernel::dot2_bits => bits(tables, weight, Kernels::dot2_bits),
        Kernel::dot_bits => bits(tables, weight, |k, planes, [bits], rows| {
            [k.dot_bits(planes, bits, rows)]
        }),
        Kernel::prefix_dot => prefixes(tables, weight),
        Kernel::axpy | Kernel::axpy_flush => axpy(tables, weight),
        Kernel::grid_accumulate => integer_grids(weight),
        // Without weights a sum has room for more blocks than memory has: `signed` has the largest values.
        Kernel::grid_add => {}
        Kernel::field_grid_accumulate => field_grid(tables, weight),
        Kernel::flush_reduce => flush(tables, weight),
        Kernel::round_accumulate => round(tables, weight),
        Kernel::evaluate_low => {
            evaluate(tables, weight, |k| k % 2 == 1, Kernels::evaluate_low);
        }
        Kernel::bind_evaluate_low => {
            let slopes = |k| k / 2 % 2 == 1;
            bind_evaluate(tables, weight, slopes, Kernels::bind_evaluate_low);
        }
        // Nothing adds up: the matrix has their largest values.
        Kernel::bind_low => {}
        Kernel::gather_u32 | Kernel::gather_u8 | Kernel::gather_split | Kernel::addresses => {}
        Kernel::combine => COMBINES.into_iter().for_each(|op| {
            words(
                tables,
                |k, a, b, out, _| k.combine(op, a, b, out),
                |a, b, out, _| reference::combine(op, a, b, out),
            );
        }),
        Kernel::product => SIGNS.into_iter().for_each(|signs| {
            words(
                tables,
                |k, a, b, low, high| k.product(signs, a, b, low, high),
                |a, b, low, high| reference::product(signs, a, b, low, high),
            );
        }),
        Kernel::sub_word => SUB_WORDS.into_iter().for_each(|part| {
            words(
                tables,
                |k, a, b, out, _| k.sub_word(part, a, b, out),
                |a, b, out, _| reference::sub_word(part, a, b, out),
            );
        }),
    }
}

/// Three of the longest tiles of any field and cell, and a tail.
const LONG_ROWS: usize = if cfg!(miri) { 19 } else { 3 * 8192 + 9 };

/// Lengths around the ends of whole tiles, whose rows are 256, 512, 4088, 4096 or 8192.
fn ends_of_tiles() -> impl Iterator<Item = usize> {
    let tiles = [256, 512, 1024, 4088, 4096, 8192];
    let ends = tiles
        .into_iter()
        .flat_map(|tile| [tile, 2 * tile, 3 * tile]);
    ends.flat_map(|end| end - 9..=end + 9)
        .filter(|end| *end <= LONG_ROWS)
}

fn same_weights<F: WeightField>(weight: F, rows: usize) -> WeightPlanes<F> {
    WeightPlanes::from_weights(&vec![weight; rows])
}

fn one_column<F: WeightField, X: Integer + Into<u64>>(
    tables: &Tables<F>,
    weight: F,
    value: X,
    kernel: impl Fn(&Kernels<F>, PlanesView<'_, F>, &[X]) -> F,
) {
    columns(tables, weight, value, |kernels, planes, [column]| {
        [kernel(kernels, planes, column)]
    });
}

/// The largest values, then values that differ from row to row.
fn columns<F: WeightField, X: Integer + Into<u64>, const N: usize>(
    tables: &Tables<F>,
    weight: F,
    value: X,
    kernel: impl Fn(&Kernels<F>, PlanesView<'_, F>, [&[X]; N]) -> [F; N],
) {
    let planes = same_weights(weight, LONG_ROWS);
    let column = vec![value; LONG_ROWS];
    let expected = weight * F::from(value.into()) * F::from(LONG_ROWS as u64);
    tables.agree(&[expected; N], weight, |kernels| {
        kernel(kernels, planes.view(), [&column; N])
    });
    // All tiles end after the last row that Miri has time for.
    if cfg!(miri) {
        return;
    }

    let rng = &mut rng(31);
    let weights: Vec<F> = elements(LONG_ROWS, rng);
    let planes = WeightPlanes::from_weights(&weights);
    let columns: [Vec<X>; N] = std::array::from_fn(|_| {
        let words = random_words(LONG_ROWS, rng);
        words.into_iter().map(X::from_word).collect()
    });
    let mut sums = vec![[F::ZERO; N]];
    for (row, weight) in weights.iter().enumerate() {
        let before = sums[row];
        let product = |n: usize| *weight * F::from(columns[n][row].into());
        sums.push(std::array::from_fn(|n| before[n] + product(n)));
    }
    for rows in ends_of_tiles() {
        tables.agree(&sums[rows], rows, |kernels| {
            let columns = std::array::from_fn(|n| &columns[n][..rows]);
            kernel(kernels, planes.view(), columns)
        });
    }
}

/// As `columns`.
fn bits<F: WeightField, const N: usize>(
    tables: &Tables<F>,
    weight: F,
    kernel: impl Fn(&Kernels<F>, PlanesView<'_, F>, [&[u8]; N], usize) -> [F; N],
) {
    let planes = same_weights(weight, LONG_ROWS);
    let ones = vec![0xff; LONG_ROWS.div_ceil(8)];
    let expected = weight * F::from(LONG_ROWS as u64);
    tables.agree(&[expected; N], weight, |kernels| {
        kernel(kernels, planes.view(), [&ones; N], LONG_ROWS)
    });
    // As in `columns`.
    if cfg!(miri) {
        return;
    }

    let rng = &mut rng(32);
    let weights: Vec<F> = elements(LONG_ROWS, rng);
    let planes = WeightPlanes::from_weights(&weights);
    let columns: [Vec<u8>; N] = std::array::from_fn(|_| {
        let words = random_words(LONG_ROWS.div_ceil(8), rng);
        words.into_iter().map(|word| word as u8).collect()
    });
    let mut sums = vec![[F::ZERO; N]];
    for (row, weight) in weights.iter().enumerate() {
        let before = sums[row];
        let bit = |n: usize| u64::from(columns[n][row / 8] >> (row % 8) & 1);
        sums.push(std::array::from_fn(|n| {
            before[n] + *weight * F::from(bit(n))
        }));
    }
    for rows in ends_of_tiles() {
        tables.agree(&sums[rows], rows, |kernels| {
            let bits = std::array::from_fn(|n| &columns[n][..]);
            kernel(kernels, planes.view(), bits, rows)
        });
    }
}

/// The largest prefix fills two banks. And sums that are a multiple of p and little more, where a
/// quotient is most easily one too small.
fn prefixes<F: WeightField>(tables: &Tables<F>, weight: F) {
    prefix(tables, weight, u32::MAX, if cfg!(miri) { 32 } else { 128 });
    // The matrix has shorter ones for Miri.
    if cfg!(miri) {
        return;
    }
    let unit = F::from_base_prime_field(montgomery_unit::<F>());
    for value in [3, u32::MAX] {
        for offset in [1u64, 2] {
            let weight = F::from(offset) / F::from(value) * unit;
            for rows in [1, 2, 4, 8, 16] {
                prefix(tables, weight, value, rows);
            }
        }
    }
}

/// Blocks of a prefix; the matrix has more than one for Miri.
const BLOCKS: usize = if cfg!(miri) { 1 } else { 9 };

fn prefix<F: WeightField>(tables: &Tables<F>, weight: F, value: u32, rows: usize) {
    let planes = WeightPlanes::from_weights(&vec![weight; rows]);
    let column = vec![value; BLOCKS * rows];
    let expected = weight * F::from(value) * F::from(rows as u64);
    tables.agree(&vec![expected; BLOCKS], (weight, value, rows), |kernels| {
        let mut out = vec![F::ZERO; BLOCKS];
        kernels.prefix_dot(planes.view(), &column, &mut out);
        out
    });
}

/// As many columns as sums may hold, twice.
fn axpy<F: WeightField>(tables: &Tables<F>, weight: F) {
    let adds = AxpySums::<F>::MAX_ADDS;
    // The matrix has more than one row for Miri.
    const ROWS: usize = if cfg!(miri) { 1 } else { 9 };
    let column = [u32::MAX; ROWS];
    let expected = F::ONE + weight * F::from(u32::MAX) * F::from(2 * u64::from(adds));
    tables.agree(&[expected; ROWS], weight, |kernels| {
        let (mut sums, mut out) = (AxpySums::new(ROWS), [F::ONE; ROWS]);
        for _ in 0..2 {
            for _ in 0..adds {
                assert!(!sums.is_full());
                kernels.axpy(&mut sums, weight, &column);
            }
            assert!(sums.is_full());
            kernels.axpy_flush(&mut sums, &mut out);
        }
        out
    });
}

/// Blocks whose values are largest, of either sign, at infinity and at the last digit before it; and
/// blocks whose value there is 1 or -1, so that a product of -1 fills every piece but the top one.
#[derive(Clone, Copy, Debug)]
enum Block {
    Largest,
    LargestNegative,
    One,
    MinusOne,
}

impl Block {
    fn rows(self, window: usize) -> Vec<u32> {
        let len = 1usize << window;
        // A row's coefficient is negative if an odd number of variables is zero in it.
        let negative = |row: usize| (window - row.count_ones() as usize) % 2 == 1;
        let value = |row: usize| match self {
            Self::Largest => u32::MAX * u32::from(!negative(row)),
            Self::LargestNegative => u32::MAX * u32::from(negative(row)),
            Self::One => u32::from(row == len - 1),
            Self::MinusOne => u32::from(row == len - 2),
        };
        (0..len).map(value).collect()
    }
}

/// Products of most blocks between two flushes, and some more.
fn integer_grids<F: WeightField>(weight: F) {
    use Block::{Largest, LargestNegative, MinusOne, One};
    // All walks are too long for Miri; the matrix has their shapes.
    if cfg!(miri) {
        return;
    }
    for degree in 2..=4 {
        for window in 1..=6 {
            for column_count in 1..=3 {
                if column_count as u32 * value_bits(window, degree) > 126 {
                    continue;
                }
                let grid = WindowGrid::<F>::new(window, degree, column_count);
                let most = Tier::ALL
                    .map(|tier| grid.flush_blocks(tier))
                    .into_iter()
                    .max();
                let fits = most.unwrap_or(0);
                // A sum collects the same pieces in every shape: long walks add no other sums.
                let walk = grid_points(window, degree) * fits / 8;
                let affordable = if column_count == 2 { 400_000 } else { 132_000 };
                if walk > affordable {
                    continue;
                }
                for blocks in [
                    [Largest; 3],
                    [Largest, LargestNegative, Largest],
                    [MinusOne, One, One],
                ] {
                    integer_grid(weight, window, degree, &blocks[..column_count]);
                }
            }
        }
    }
}

fn integer_grid<F: WeightField>(weight: F, window: usize, degree: usize, blocks: &[Block]) {
    let tables = tiers::<F>();
    let grid = WindowGrid::<F>::new(window, degree, blocks.len());
    let limits = tables.iter().map(|one| grid.flush_blocks(one.tier()));
    let mut limits: Vec<usize> = limits.collect();
    limits.dedup();
    for fits in limits {
        integer_grid_of(weight, window, degree, blocks, fits);
    }
}

/// On the tiers whose sums take so many blocks.
fn integer_grid_of<F: WeightField>(
    weight: F,
    window: usize,
    degree: usize,
    blocks: &[Block],
    fits: usize,
) {
    // Twice what fits would not fit, whatever the bound rounds away.
    let block_count = 2 * fits + 72;
    let rows: Vec<Vec<u32>> = blocks.iter().map(|block| block.rows(window)).collect();
    let slices: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
    let mut expected = vec![F::ZERO; grid_points(window, degree)];
    let all = weight * F::from(block_count as u64);
    reference::grid_accumulate(&[all], &slices, window, degree, &mut expected);

    // Short calls before the limit: the sums become as full as they may before they are reduced.
    let longest = 1024;
    let planes = same_weights(weight, longest);
    let columns: Vec<Vec<u32>> = rows.iter().map(|block| block.repeat(longest)).collect();
    for kernels in tiers::<F>() {
        let mut grid = WindowGrid::<F>::new(window, degree, blocks.len());
        if grid.flush_blocks(kernels.tier()) != fits {
            continue;
        }
        let mut first = 0;
        while first < block_count {
            let rest = (fits - first % fits).min(block_count - first);
            let count = if rest > longest { longest } else { 8 };
            first += count;
            let columns = columns.iter().map(|c| &c[..count << window]);
            let columns: Vec<_> = columns.map(GridColumn::Words).collect();
            kernels.grid_accumulate(&mut grid, planes.rows(0, count), &columns);
        }
        let mut out = vec![F::ZERO; expected.len()];
        grid.drain_into(F::ONE, &mut out);
        let tier = kernels.tier();
        assert!(
            out == expected,
            "{tier} window {window} degree {degree} {blocks:?} {weight:?}"
        );
    }
}

/// `count` products of the element with itself, and the field element they add up to.
fn many_products<F: WeightField>(element: F, count: u64) -> (F::Accumulator, F) {
    let mut sum = F::Accumulator::default();
    let mut doubled = F::Accumulator::default();
    F::accumulate(&mut doubled, &element, &element);
    for bit in 0..64 {
        if count >> bit & 1 == 1 {
            F::merge(&mut sum, &doubled);
        }
        if count >> bit > 1 {
            let copy = doubled;
            F::merge(&mut doubled, &copy);
        }
    }
    (sum, element * element * F::from(count))
}

/// Products that are still added one by one: enough for carries out of every word.
const LAST_PRODUCTS: u64 = if cfg!(miri) { 9 } else { 128 };

/// Lines through the element and itself: their product at 0 and 1 is its square, at infinity zero.
fn field_grid<F: WeightField>(tables: &Tables<F>, element: F) {
    let (sum, total) = many_products(element, MAX_PRODUCTS - LAST_PRODUCTS);
    let last = element * element * F::from(LAST_PRODUCTS);
    let line = [element; 2];
    let expected = [total + last, total + last, total];
    tables.agree(&expected, element, |kernels| {
        let mut sums = [sum; 3];
        let mut scratch = [F::ZERO; 6];
        for _ in 0..LAST_PRODUCTS {
            kernels.field_grid_accumulate(F::ONE, &[&line, &line], 2, &mut scratch, &mut sums);
        }
        let mut out = [F::ZERO; 3];
        kernels.flush_reduce(&mut sums, &mut out);
        out
    });
}

fn flush<F: WeightField>(tables: &Tables<F>, element: F) {
    for count in (0..61)
        .step_by(if cfg!(miri) { 30 } else { 1 })
        .flat_map(|bits| [1u64 << bits, (1 << bits) - 1])
    {
        let (sum, total) = many_products(element, count);
        tables.agree(&[total; 2], count, |kernels| {
            let mut out = [F::ZERO; 2];
            kernels.flush_reduce(&mut [sum; 2], &mut out);
            out
        });
    }
}

fn round<F: WeightField>(tables: &Tables<F>, element: F) {
    let (sum, total) = many_products(element, MAX_PRODUCTS - LAST_PRODUCTS);
    let table = vec![element; 2 * LAST_PRODUCTS as usize];
    let last = element * element * F::from(LAST_PRODUCTS);
    tables.agree(&[total + last, total + last, total], element, |kernels| {
        let mut sums = [sum; 3];
        kernels.round_accumulate(&[&table, &table], &[], false, &mut sums);
        sums.map(|sum| F::reduce(&sum))
    });
}

/// Pairs of a dense table: no shorter bound than that of the accumulator is known to the kernel.
const PAIRS: usize = if cfg!(miri) { 4 } else { 1024 };

/// `slopes` says which entries are not zero in a table whose slopes are as large as its values.
fn evaluate<F: WeightField>(
    tables: &Tables<F>,
    element: F,
    slopes: impl Fn(usize) -> bool,
    kernel: impl Fn(&Kernels<F>, &[F], &[F], EqFactors<'_, F>) -> [F; 2],
) {
    let values = vec![element; 2 * PAIRS];
    let slopes = table_of(element, 2 * PAIRS, slopes);
    let square = element * element;
    let weights = (vec![element; PAIRS / 2], vec![element; 2]);
    for (inner, outer) in [(vec![], vec![]), weights] {
        let weight = if inner.is_empty() { F::ONE } else { square };
        let all = weight * square * F::from(PAIRS as u64);
        let eq = EqFactors {
            inner: &inner,
            outer: &outer,
        };
        for (table, expected) in [(&values, [all, F::ZERO]), (&slopes, [F::ZERO, all])] {
            tables.agree(&expected, element, |kernels| {
                kernel(kernels, table, table, eq)
            });
        }
    }
}

/// As `evaluate`, the tables being constant in the variable that is bound.
fn bind_evaluate<F: WeightField>(
    tables: &Tables<F>,
    element: F,
    slopes: impl Fn(usize) -> bool,
    kernel: impl Fn(&Kernels<F>, &mut [F], &mut [F], F, EqFactors<'_, F>) -> [F; 2],
) {
    let values = vec![element; 4 * PAIRS];
    let slopes = table_of(element, 4 * PAIRS, slopes);
    let all = element * element * F::from(PAIRS as u64);
    for (table, expected) in [(&values, [all, F::ZERO]), (&slopes, [F::ZERO, all])] {
        tables.agree(&expected, element, |kernels| {
            let (mut a, mut b) = (table.clone(), table.clone());
            kernel(kernels, &mut a, &mut b, element, EqFactors::ones())
        });
    }
}

fn table_of<F: WeightField>(element: F, len: usize, is_set: impl Fn(usize) -> bool) -> Vec<F> {
    let entry = |k| if is_set(k) { element } else { F::ZERO };
    (0..len).map(entry).collect()
}

/// The words where carries, signs and sub-words change, each with each.
fn words<F: WeightField>(
    tables: &Tables<F>,
    kernel: impl Fn(&Kernels<F>, &[u32], &[u32], &mut [u32], &mut [u32]),
    twin: impl Fn(&[u32], &[u32], &mut [u32], &mut [u32]),
) {
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
    let pairs = WORDS.iter().flat_map(|a| WORDS.map(|b| (*a, b)));
    let pairs = pairs.step_by(if cfg!(miri) { 8 } else { 1 });
    let (a, b): (Vec<u32>, Vec<u32>) = pairs.unzip();
    let mut expected = [vec![7; a.len()], vec![7; a.len()]];
    let [low, high] = &mut expected;
    twin(&a, &b, low, high);
    tables.agree(&expected, "words", |kernels| {
        let mut actual = [vec![7; a.len()], vec![7; a.len()]];
        let [low, high] = &mut actual;
        kernel(kernels, &a, &b, low, high);
        actual
    });
}
