//! Every kernel over prepared operands: what wall time and instruction counts are taken of.
//!
//! In: a field, a tier and a size. Out: named cases that run a kernel once and say over how many
//! cells, rows or points. It knows nothing of clocks.
#![allow(dead_code, reason = "instruction counts need no sizes of caches")]

use std::hint::black_box;

use ark_std::rand::{Rng, SeedableRng, rngs::StdRng};
use tracelane_kernels::{
    AxpySums, Combine, EqFactors, GROUP_ROWS, GridColumn, Kernels, Signs, SubWord, Tier,
    ValueRange, WeightField, WeightPlanes, WindowGrid, eq_planes, eq_table,
};

/// What the operands of a case are cut to.
#[derive(Clone, Copy)]
pub struct Size {
    pub name: &'static str,
    pub rows_log2: usize,
    pub column_count: usize,
    /// Entries of a dense table.
    pub table_log2: usize,
}

/// A chunk as the engine has it: 32 columns of 2048 rows, 256 KiB, beside 80 KiB of weights.
pub const CHUNK: Size = Size {
    name: "L2",
    rows_log2: 11,
    column_count: 32,
    table_log2: 12,
};

/// One tile of a few columns: everything in 32 KiB.
pub const MICRO: Size = Size {
    name: "L1",
    rows_log2: 8,
    column_count: 8,
    table_log2: 7,
};

/// One kernel with its operands.
pub struct Case {
    pub name: String,
    /// Cells, rows or grid points of one run.
    pub count: u64,
    pub run: Box<dyn FnMut()>,
}

fn case(name: impl Into<String>, count: usize, run: impl FnMut() + 'static) -> Case {
    Case {
        name: name.into(),
        count: count as u64,
        run: Box::new(run),
    }
}

fn column<X>(len: usize, rng: &mut StdRng, value: impl Fn(u32) -> X) -> Vec<X> {
    (0..len).map(|_| value(rng.r#gen())).collect()
}

fn elements<F: WeightField>(len: usize, rng: &mut StdRng) -> Vec<F> {
    (0..len).map(|_| F::rand(rng)).collect()
}

/// The kernels with weights in `F`; each count is cells unless the name says otherwise.
pub fn field_cases<F: WeightField>(tier: Tier, size: Size) -> Vec<Case> {
    let kernels = Kernels::<F>::for_tier(tier).expect("an available tier");
    let rng = &mut StdRng::seed_from_u64(1);
    let mut cases = dots(kernels, size, rng);
    cases.extend(prefixes(kernels, size, rng));
    cases.extend(top_bits_folded(kernels, size, rng));
    cases.extend(grids(kernels, size, rng));
    cases.extend(tables(kernels, size, rng));
    cases
}

fn dots<F: WeightField>(kernels: Kernels<F>, size: Size, rng: &mut StdRng) -> Vec<Case> {
    let rows = 1 << size.rows_log2;
    let cells = rows * size.column_count;
    let mut columns = || -> Vec<Vec<u32>> {
        (0..size.column_count)
            .map(|_| column(rows, rng, |x| x))
            .collect()
    };
    let [words, word_pairs, word_fours, added] = [(); 4].map(|()| columns());
    let halves: Vec<Vec<u16>> = (0..size.column_count)
        .map(|_| column(rows, rng, |x| x as u16))
        .collect();
    let bytes: Vec<Vec<u8>> = (0..size.column_count)
        .map(|_| column(rows, rng, |x| x as u8))
        .collect();
    let bits: Vec<Vec<u8>> = (0..size.column_count)
        .map(|_| column(rows / 8, rng, |x| x as u8))
        .collect();
    let (half_pairs, byte_pairs, bit_pairs) = (halves.clone(), bytes.clone(), bits.clone());
    let point: Vec<F> = elements(size.rows_log2, rng);
    let (plane_point, weights) = (point.clone(), eq_table(&point));
    let planes = move || -> WeightPlanes<F> { eq_planes(&point) };
    let mut sums = AxpySums::<F>::new(rows);
    let mut totals = vec![F::ZERO; rows];
    let weight: F = elements(1, rng)[0];
    let (mut flushed, mut flushed_out) = (AxpySums::<F>::new(rows), vec![F::ZERO; rows]);
    let [p1, p2, p3, p4, p5] = [(); 5].map(|()| planes());
    let [p6, p7, p8, p9] = [(); 4].map(|()| planes());
    vec![
        case("dot_u32", cells, move || {
            for column in &words {
                black_box(kernels.dot_u32(p1.view(), black_box(column)));
            }
        }),
        case("dot2_u32", cells, move || {
            for pair in word_pairs.chunks_exact(2) {
                black_box(kernels.dot2_u32(p2.view(), black_box([&pair[0], &pair[1]])));
            }
        }),
        case("dot4_u32", cells, move || {
            for four in word_fours.chunks_exact(4) {
                let four = [&four[0][..], &four[1], &four[2], &four[3]];
                black_box(kernels.dot4_u32(p9.view(), black_box(four)));
            }
        }),
        case("dot_u16", cells, move || {
            for column in &halves {
                black_box(kernels.dot_u16(p3.view(), black_box(column)));
            }
        }),
        case("dot_u8", cells, move || {
            for column in &bytes {
                black_box(kernels.dot_u8(p4.view(), black_box(column)));
            }
        }),
        case("dot_bits", cells, move || {
            for column in &bits {
                black_box(kernels.dot_bits(p5.view(), black_box(column), rows));
            }
        }),
        case("dot2_u16", cells, move || {
            for pair in half_pairs.chunks_exact(2) {
                black_box(kernels.dot2_u16(p6.view(), black_box([&pair[0], &pair[1]])));
            }
        }),
        case("dot2_u8", cells, move || {
            for pair in byte_pairs.chunks_exact(2) {
                black_box(kernels.dot2_u8(p7.view(), black_box([&pair[0], &pair[1]])));
            }
        }),
        case("dot2_bits", cells, move || {
            for pair in bit_pairs.chunks_exact(2) {
                let pair = black_box([&pair[0][..], &pair[1]]);
                black_box(kernels.dot2_bits(p8.view(), pair, rows));
            }
        }),
        case("eq_planes, rows", rows, move || {
            black_box(eq_planes(black_box(&plane_point)));
        }),
        case("from_weights, rows", rows, move || {
            black_box(WeightPlanes::from_weights(black_box(&weights)));
        }),
        case("axpy and one flush", cells, move || {
            for column in &added {
                kernels.axpy(&mut sums, black_box(weight), black_box(column));
            }
            kernels.axpy_flush(&mut sums, &mut totals);
        }),
        case("axpy_flush, rows", rows, move || {
            kernels.axpy_flush(&mut flushed, black_box(&mut flushed_out));
        }),
    ]
}

fn prefixes<F: WeightField>(kernels: Kernels<F>, size: Size, rng: &mut StdRng) -> Vec<Case> {
    let rows = 1 << size.rows_log2;
    (0..=7)
        .map(|log2| {
            let columns: Vec<Vec<u32>> = (0..size.column_count)
                .map(|_| column(rows, rng, |x| x))
                .collect();
            let planes: WeightPlanes<F> = eq_planes(&elements(log2, rng));
            let mut out = vec![F::ZERO; rows >> log2];
            case(
                format!("prefix_dot, i = {log2}"),
                rows * size.column_count,
                move || {
                    for column in &columns {
                        kernels.prefix_dot(planes.view(), black_box(column), &mut out);
                        black_box(&mut out);
                    }
                },
            )
        })
        .collect()
}

/// What `prefix_dot` does for the low bits, for the top ones inside a chunk: equal lengths of it,
/// weighted and added up. PERF.md row S-9 compares the two.
fn top_bits_folded<F: WeightField>(kernels: Kernels<F>, size: Size, rng: &mut StdRng) -> Vec<Case> {
    let rows = 1 << size.rows_log2;
    [3, 5, 7]
        .into_iter()
        .map(|log2| {
            let columns: Vec<Vec<u32>> = (0..size.column_count)
                .map(|_| column(rows, rng, |x| x))
                .collect();
            let weights = eq_table(&elements::<F>(log2, rng));
            let mut sums = AxpySums::<F>::new(rows >> log2);
            let mut out = vec![F::ZERO; rows >> log2];
            case(
                format!("top bits folded, i = {log2}"),
                rows * size.column_count,
                move || {
                    for column in &columns {
                        out.fill(F::ZERO);
                        for (weight, part) in weights.iter().zip(column.chunks_exact(out.len())) {
                            if sums.is_full() {
                                kernels.axpy_flush(&mut sums, &mut out);
                            }
                            kernels.axpy(&mut sums, *weight, black_box(part));
                        }
                        kernels.axpy_flush(&mut sums, &mut out);
                        black_box(&mut out);
                    }
                },
            )
        })
        .collect()
}

fn grids<F: WeightField>(kernels: Kernels<F>, size: Size, rng: &mut StdRng) -> Vec<Case> {
    let rows = 1 << size.rows_log2;
    let mut cases: Vec<Case> = (4..=6)
        .map(|window| {
            let columns = [(); 2].map(|()| column(rows, rng, |x| x));
            let planes: WeightPlanes<F> = eq_planes(&elements(size.rows_log2 - window, rng));
            let mut grid = WindowGrid::<F>::new(window, 2, 2);
            case(
                format!("grid_accumulate, w = {window}, rows"),
                rows,
                move || {
                    let columns = [0, 1].map(|one| GridColumn::Words(&columns[one]));
                    kernels.grid_accumulate(&mut grid, planes.view(), black_box(&columns));
                },
            )
        })
        .collect();
    let whole_groups = |window: &usize| (rows >> window).is_multiple_of(GROUP_ROWS);
    cases.extend((4..=6).filter(whole_groups).map(|window| {
        let columns = [(); 2].map(|()| column(rows, rng, |x| x));
        let ranges = [ValueRange::WORD; 2];
        let mut grid = WindowGrid::<F>::for_ranges(window, 2, &ranges, false);
        case(format!("grid_add, w = {window}, rows"), rows, move || {
            let columns = [0, 1].map(|one| GridColumn::Words(&columns[one]));
            kernels.grid_add(&mut grid, black_box(&columns));
        })
    }));
    let columns = [(); 3].map(|()| column(rows, rng, |x| x));
    let planes: WeightPlanes<F> = eq_planes(&elements(size.rows_log2 - 4, rng));
    let mut grid = WindowGrid::<F>::new(4, 3, 3);
    cases.push(case(
        "grid_accumulate, 3 columns, w = 4, rows",
        rows,
        move || {
            let columns = [0, 1, 2].map(|one| GridColumn::Words(&columns[one]));
            kernels.grid_accumulate(&mut grid, planes.view(), black_box(&columns));
        },
    ));
    let mut grid = WindowGrid::<F>::new(4, 2, 2);
    let mut drained = vec![F::ZERO; grid.point_count()];
    let scale: F = elements(1, rng)[0];
    cases.push(case("drain_into, points", drained.len(), move || {
        grid.drain_into(black_box(scale), &mut drained);
    }));
    let tables = [(); 2].map(|()| elements::<F>(16, rng));
    let weight: F = elements(1, rng)[0];
    let point_count = tracelane_kernels::grid_points(4, 2);
    let mut scratch = vec![F::ZERO; 2 * point_count];
    let mut sums = vec![F::Accumulator::default(); point_count];
    cases.push(case(
        "field_grid_accumulate, w = 4, points",
        point_count,
        move || {
            let tables = black_box([&tables[0][..], &tables[1]]);
            kernels.field_grid_accumulate(weight, &tables, 2, &mut scratch, &mut sums);
        },
    ));
    let (mut out, factor) = (vec![F::ZERO; point_count], elements::<F>(1, rng)[0]);
    let mut sums = vec![F::Accumulator::default(); point_count];
    sums.iter_mut()
        .for_each(|sum| F::accumulate(sum, &factor, &factor));
    let full = sums.clone();
    cases.push(case("flush_reduce, points", point_count, move || {
        sums.copy_from_slice(&full);
        kernels.flush_reduce(&mut sums, black_box(&mut out));
    }));
    cases
}

/// Counts are entries of one table before the fold: a pair of tables of n entries counts n.
fn tables<F: WeightField>(kernels: Kernels<F>, size: Size, rng: &mut StdRng) -> Vec<Case> {
    let table_log2 = size.table_log2;
    let len = 1 << table_log2;
    let r: F = elements(1, rng)[0];
    let table = |rng: &mut StdRng| elements::<F>(len, rng);
    let mut low = table(rng);
    let mut cases = vec![case("bind_low, rows", len, move || {
        kernels.bind_low(black_box(&mut low), r);
    })];
    let (a, b) = (table(rng), table(rng));
    let pairs_log2 = table_log2 - 1;
    let inner = eq_table(&elements::<F>(pairs_log2 / 2, rng));
    let outer = eq_table(&elements::<F>(pairs_log2.div_ceil(2), rng));
    cases.push(case("evaluate_low, rows", len, move || {
        let (inner, outer) = (&inner[..], &outer[..]);
        let eq = EqFactors { inner, outer };
        black_box(kernels.evaluate_low(black_box(&a), &b, eq));
    }));
    let (a, b) = (table(rng), table(rng));
    cases.push(case("evaluate_low without eq, rows", len, move || {
        let (a, b) = black_box((&a[..], &b[..]));
        black_box(kernels.evaluate_low(a, b, EqFactors::ones()));
    }));
    let (mut a, mut b) = (table(rng), table(rng));
    let pairs_log2 = table_log2 - 2;
    let inner = eq_table(&elements::<F>(pairs_log2 / 2, rng));
    let outer = eq_table(&elements::<F>(pairs_log2.div_ceil(2), rng));
    cases.push(case("bind_evaluate_low, rows", len, move || {
        let (inner, outer) = (&inner[..], &outer[..]);
        let eq = EqFactors { inner, outer };
        black_box(kernels.bind_evaluate_low(black_box(&mut a), &mut b, r, eq));
    }));
    let (mut a, mut b) = (table(rng), table(rng));
    cases.push(case("bind_evaluate_low without eq, rows", len, move || {
        let (a, b) = black_box((&mut a[..], &mut b[..]));
        black_box(kernels.bind_evaluate_low(a, b, r, EqFactors::ones()));
    }));
    let (a, b) = (table(rng), table(rng));
    let weights = table(rng);
    cases.push(case("round_accumulate, 2 factors, rows", len, move || {
        let mut sums = [F::Accumulator::default(); 3];
        let factors = black_box([&a[..], &b]);
        kernels.round_accumulate(&factors, &weights[..len / 2], true, &mut sums);
        black_box(sums);
    }));
    cases
}

/// The kernels between integer columns; no field takes part in them. Counts are rows.
pub fn column_cases(tier: Tier, size: Size) -> Vec<Case> {
    let kernels = Kernels::<ark_bn254::Fr>::for_tier(tier).expect("an available tier");
    let rng = &mut StdRng::seed_from_u64(2);
    let rows = 1 << size.rows_log2;
    let operands = |rng: &mut StdRng| (column(rows, rng, |x| x), column(rows, rng, |x| x));
    let mut cases = Vec::new();
    for op in [Combine::Add, Combine::LessSigned] {
        let ((a, b), mut out) = (operands(rng), vec![0; rows]);
        cases.push(case(format!("combine, {op:?}"), rows, move || {
            kernels.combine(op, black_box(&a), &b, &mut out);
            black_box(&mut out);
        }));
    }
    for signs in [Signs::Unsigned, Signs::Signed] {
        let ((a, b), mut low, mut high) = (operands(rng), vec![0; rows], vec![0; rows]);
        cases.push(case(format!("product, {signs:?}"), rows, move || {
            kernels.product(signs, black_box(&a), &b, &mut low, &mut high);
            black_box((&mut low, &mut high));
        }));
    }
    let ((words, addresses), mut out) = (operands(rng), vec![0; rows]);
    cases.push(case("sub_word, ByteSigned", rows, move || {
        kernels.sub_word(SubWord::ByteSigned, black_box(&words), &addresses, &mut out);
        black_box(&mut out);
    }));
    let table = column(1 << 12, rng, |x| x);
    let indices = column(rows, rng, |x| x % (1 << 12));
    let (byte_table, byte_indices) = (column(1 << 12, rng, |x| x as u8), indices.clone());
    let (mut out, mut bytes) = (vec![0; rows], vec![0; rows]);
    cases.push(case("gather_u32", rows, move || {
        kernels.gather_u32(&table, black_box(&indices), &mut out);
        black_box(&mut out);
    }));
    cases.push(case("gather_u8", rows, move || {
        kernels.gather_u8(&byte_table, black_box(&byte_indices), &mut bytes);
        black_box(&mut bytes);
    }));
    let split_table: Vec<u64> = column(1 << 12, rng, |x| u64::from(x) << 20 | u64::from(x) >> 3);
    let indices = column(rows, rng, |x| x % (1 << 12));
    let mut outs = [(); 5].map(|()| vec![0; rows]);
    let (split_indices, mut addresses) = (indices.clone(), vec![0; rows]);
    cases.push(case("gather_split", rows, move || {
        let [high, bytes @ ..] = outs.each_mut();
        let bytes = bytes.map(|byte| Some(byte.as_mut_slice()));
        kernels.gather_split(&split_table, black_box(&split_indices), Some(high), bytes);
        black_box(&mut outs);
    }));
    cases.push(case("addresses", rows, move || {
        kernels.addresses(0x1000, black_box(&indices), &mut addresses);
        black_box(&mut addresses);
    }));
    cases
}
