//! Kernel x tier x tile x field x pattern x length x offset: equal to the reference.

use crate::cases::{
    COMBINES, Case, Integer, Pattern, SHORT_TILE_ROWS, SIGNS, SUB_WORDS, Tables, for_both_fields,
};
use tracelane_kernels::{
    AxpySums, ChunkKernels, EqFactors, GROUP_ROWS, GridColumn, Kernel, Kernels, PlanesView,
    ValueRange, WeightField, WeightPlanes, WindowGrid, eq_planes, grid_points, reference,
    value_bits,
};

for_both_fields!(
    every_kernel_equals_its_reference,
    planes_hold_eq,
    gathers_across_their_tiles
);

fn every_kernel_equals_its_reference<F: WeightField>() {
    let tables = Tables::<F>::new();
    for kernel in Kernel::ALL {
        for case in cases() {
            law(*kernel, &tables, case);
        }
    }
}

/// Three short tiles and every tail; all patterns at offset zero, and random values at all offsets.
fn cases() -> Vec<Case> {
    let count = Pattern::ALL.len();
    let random = [count - 1; 2];
    if cfg!(miri) {
        // What a value is makes no difference to memory, and special ones take long: nothing, less than a
        // vector, and a vector and a tail. Tiles are crossed by `bounds`.
        return [(0, 0), (1, 1), (9, 3)]
            .map(|(size, offset)| Case {
                patterns: random,
                size,
                offset,
            })
            .into();
    }
    let mut cases = Vec::new();
    for size in 0..=3 * SHORT_TILE_ROWS + 8 {
        let all = (0..count * count).map(|k| ([k / count, k % count], 0));
        let moved = (1..=8).map(|offset| (random, offset));
        cases.extend(all.chain(moved).map(|(patterns, offset)| Case {
            patterns,
            size,
            offset,
        }));
    }
    cases
}

/// Kernels without tiles, which only have vectors of eight, see no lengths above this.
const LONG: usize = 25;

/// Rows that planes have after a column, and before it: of each a group or more. Planes that end with the
/// column are those that a kernel could read past, so that Miri looks at these alone.
const SPARE: usize = if cfg!(miri) { 0 } else { 9 };
const EARLIER: usize = if cfg!(miri) { 8 } else { 16 };

/// The law of each kernel: a new one does not compile without.
fn law<F: WeightField>(kernel: Kernel, tables: &Tables<F>, case: Case) {
    let m = Matrix {
        kernel,
        tables,
        case,
    };
    match kernel {
        Kernel::dot_u32 => m.one_column(Kernels::dot_u32, reference::dot_u32),
        Kernel::dot_u16 => m.one_column(Kernels::dot_u16, reference::dot_u16),
        Kernel::dot_u8 => m.one_column(Kernels::dot_u8, reference::dot_u8),
        Kernel::dot2_u32 => m.columns(Kernels::dot2_u32, reference::dot2_u32),
        Kernel::dot4_u32 => m.columns(Kernels::dot4_u32, reference::dot4_u32),
        Kernel::dot2_u16 => m.columns(Kernels::dot2_u16, reference::dot2_u16),
        Kernel::dot2_u8 => m.columns(Kernels::dot2_u8, reference::dot2_u8),
        Kernel::dot2_bits => m.bits(Kernels::dot2_bits, reference::dot2_bits),
        Kernel::dot_bits => m.bits(
            |k, planes, [bits], rows| [k.dot_bits(planes, bits, rows)],
            |weights, [bits], rows| [reference::dot_bits(weights, bits, rows)],
        ),
        Kernel::prefix_dot => m.prefixes(),
        Kernel::axpy | Kernel::axpy_flush => m.axpy(),
        Kernel::grid_accumulate => m.integer_grids(Matrix::integer_grid),
        Kernel::grid_add => m.integer_grids(Matrix::added_grid),
        Kernel::field_grid_accumulate | Kernel::flush_reduce => m.field_grids(),
        Kernel::bind_low => m.bind(Kernels::bind_low, reference::bind_low),
        Kernel::evaluate_low => m.evaluate(Kernels::evaluate_low, reference::evaluate_low),
        Kernel::bind_evaluate_low => {
            m.bind_evaluate(Kernels::bind_evaluate_low, reference::bind_evaluate_low);
        }
        Kernel::round_accumulate => m.rounds(),
        Kernel::combine => m.combine(),
        Kernel::product => m.product(),
        Kernel::sub_word => m.sub_word(),
        Kernel::gather_u32 => m.gather(Kernels::gather_u32, reference::gather_u32),
        Kernel::gather_u8 => m.gather(Kernels::gather_u8, reference::gather_u8),
        Kernel::gather_split => m.gather_split(),
        Kernel::addresses => m.addresses(),
    }
}

/// What changes two slices.
type Both<'a, T, R> = dyn Fn(&mut [T], &mut [T]) -> R + 'a;

/// What splits entries into columns, of which some may be left out.
type Split<'a> = dyn Fn(Option<&mut [u32]>, [Option<&mut [u32]>; 4]) + 'a;

/// One kernel at one case.
struct Matrix<'a, F: WeightField> {
    kernel: Kernel,
    tables: &'a Tables<F>,
    case: Case,
}

impl<F: WeightField> Matrix<'_, F> {
    fn agree<T: PartialEq + std::fmt::Debug>(
        &self,
        shape: impl std::fmt::Debug,
        expected: &T,
        run: impl FnMut(&Kernels<F>) -> T,
    ) {
        self.tables
            .agree(expected, (self.kernel, shape, self.case), run);
    }

    fn one_column<X: Integer>(
        &self,
        kernel: impl Fn(&Kernels<F>, PlanesView<'_, F>, &[X]) -> F,
        twin: impl Fn(&[F], &[X]) -> F,
    ) {
        self.columns(
            |kernels, planes, [column]| [kernel(kernels, planes, column)],
            |weights, [column]| [twin(weights, column)],
        );
    }

    /// `N` columns of `size` rows, and of fewer rows than the planes have.
    fn columns<X: Integer, const N: usize>(
        &self,
        kernel: impl Fn(&Kernels<F>, PlanesView<'_, F>, [&[X]; N]) -> [F; N],
        twin: impl Fn(&[F], [&[X]; N]) -> [F; N],
    ) {
        let rows = self.case.size;
        let weights = self.case.elements::<F>(0, rows + SPARE);
        let columns = std::array::from_fn::<_, N, _>(|n| self.case.integers(1 + n, rows));
        let columns = std::array::from_fn(|n| &columns[n][..]);
        let expected = twin(&weights[..rows], columns);
        for spare in (0..=SPARE).step_by(SPARE.max(1)) {
            let planes = WeightPlanes::from_weights(&weights[..rows + spare]);
            self.agree(spare, &expected, |kernels| {
                kernel(kernels, planes.view(), columns)
            });
        }
        // As rows of planes that begin earlier.
        let mut longer = vec![F::ONE; EARLIER];
        longer.extend(&weights[..rows]);
        let planes = WeightPlanes::from_weights(&longer);
        self.agree("later rows", &expected, |kernels| {
            kernel(kernels, planes.rows(EARLIER, rows), columns)
        });
    }

    /// `N` columns of `size` bits; the bytes hold more.
    fn bits<const N: usize>(
        &self,
        kernel: impl Fn(&Kernels<F>, PlanesView<'_, F>, [&[u8]; N], usize) -> [F; N],
        twin: impl Fn(&[F], [&[u8]; N], usize) -> [F; N],
    ) {
        let rows = self.case.size;
        let weights = self.case.elements::<F>(0, rows);
        let planes = WeightPlanes::from_weights(&weights);
        let columns =
            std::array::from_fn::<_, N, _>(|n| self.case.integers::<u8>(1 + n, rows / 8 + 2));
        for bytes in [rows.div_ceil(8), rows / 8 + 2] {
            let columns = std::array::from_fn(|n| &columns[n][..bytes]);
            let expected = twin(&weights, columns, rows);
            self.agree(bytes, &expected, |kernels| {
                kernel(kernels, planes.view(), columns, rows)
            });
        }
    }

    /// `size` blocks of every prefix.
    fn prefixes(&self) {
        if self.case.size > LONG {
            return;
        }
        // Of a longer one, `bounds` has one block for Miri.
        let all: &[u32] = if cfg!(miri) {
            &[0, 3]
        } else {
            &[0, 1, 2, 3, 4, 5, 6, 7]
        };
        for log2 in all {
            let weights = self.case.elements::<F>(0, 1 << log2);
            let planes = WeightPlanes::from_weights(&weights);
            let column = self.case.integers(1, self.case.size << log2);
            let out = self.case.elements::<F>(2, self.case.size);
            let ((), expected) = out.changed(|out| reference::prefix_dot(&weights, &column, out));
            self.agree(log2, &expected, |kernels| {
                out.changed(|out| kernels.prefix_dot(planes.view(), &column, out))
                    .1
            });
        }
    }

    /// Two columns into `size` sums, flushed twice.
    fn axpy(&self) {
        let rows = self.case.size;
        let columns = [1, 2].map(|n| self.case.integers(n, rows));
        let weights = [0, 2].map(|n| self.case.element::<F>(n));
        let out = self.case.elements::<F>(1, rows);
        let mut sums = vec![F::ZERO; rows];
        for (weight, column) in weights.iter().zip(&columns) {
            reference::axpy(&mut sums, *weight, column);
        }
        let ((), expected) = out.changed(|out| reference::axpy_flush(&mut sums, out));
        self.agree((), &expected, |kernels| {
            let mut sums = AxpySums::new(rows);
            for (weight, column) in weights.iter().zip(&columns) {
                kernels.axpy(&mut sums, *weight, column);
            }
            let ((), out) = out.changed(|out| {
                kernels.axpy_flush(&mut sums, out);
                // Nothing is left.
                kernels.axpy_flush(&mut sums, out);
            });
            out
        });
    }

    /// `size` blocks: all tails for one product of each kind of pieces, all shapes for a few sizes.
    fn integer_grids(&self, grid: impl Fn(&Self, usize, usize, usize)) {
        let blocks = self.case.size;
        let [first, second] = self.case.patterns;
        let sizes: &[usize] = if cfg!(miri) { &[1] } else { &[0, 1, 9] };
        let any_shape = sizes.contains(&blocks) && first == second && self.case.offset < 2;
        for degree in 2..=4 {
            for window in 1..=6 {
                for column_count in 1..=3 {
                    let tails = [(1, 2, 2), (1, 3, 3)].contains(&(window, degree, column_count));
                    // The reference takes its time.
                    let affordable = match first {
                        _ if cfg!(miri) => 3,
                        4.. => 1024,
                        _ => 64,
                    };
                    let small = grid_points(window, degree) <= affordable;
                    let bounded = column_count as u32 * value_bits(window, degree) <= 126;
                    if tails || any_shape && small && bounded {
                        grid(self, window, degree, column_count);
                    }
                }
            }
        }
    }

    /// Of blocks without weights there are whole groups only.
    fn added_grid(&self, window: usize, degree: usize, column_count: usize) {
        let blocks = self.case.size / GROUP_ROWS * GROUP_ROWS;
        let columns: Vec<_> = (0..column_count)
            .map(|n| self.case.integers(1 + n, blocks << window))
            .collect();
        let columns: Vec<&[u32]> = columns.iter().map(|column| &column[..]).collect();
        let out = self.case.elements::<F>(1, grid_points(window, degree));
        let ((), expected) = out.changed(|out| {
            reference::grid_add(&columns, window, degree, out);
        });
        self.agree((window, degree, column_count), &expected, |kernels| {
            let ranges = vec![ValueRange::WORD; column_count];
            let mut grid = WindowGrid::for_ranges(window, degree, &ranges, false);
            kernels.grid_add(&mut grid, &words(&columns));
            let ((), out) = out.changed(|out| {
                grid.drain_into(F::ONE, out);
                // Nothing is left.
                grid.drain_into(F::ONE, out);
            });
            out
        });
    }

    fn integer_grid(&self, window: usize, degree: usize, column_count: usize) {
        let blocks = self.case.size;
        let weights = self.case.elements::<F>(0, blocks);
        let planes = WeightPlanes::from_weights(&weights);
        let columns: Vec<_> = (0..column_count)
            .map(|n| self.case.integers(1 + n, blocks << window))
            .collect();
        let columns: Vec<&[u32]> = columns.iter().map(|column| &column[..]).collect();
        let out = self.case.elements::<F>(1, grid_points(window, degree));
        let ((), expected) = out.changed(|out| {
            reference::grid_accumulate(&weights, &columns, window, degree, out);
        });
        self.agree((window, degree, column_count), &expected, |kernels| {
            let mut grid = WindowGrid::new(window, degree, column_count);
            kernels.grid_accumulate(&mut grid, planes.view(), &words(&columns));
            let ((), out) = out.changed(|out| {
                grid.drain_into(F::ONE, out);
                // Nothing is left.
                grid.drain_into(F::ONE, out);
            });
            out
        });
    }

    /// `size` weights into the sums of every shape.
    fn field_grids(&self) {
        if self.case.size > 2 {
            return;
        }
        let weights = self.case.elements::<F>(0, self.case.size);
        for shape in 0..64 {
            let (window, degree, table_count) = (shape % 4, 1 + shape / 4 % 4, 1 + shape / 16);
            let point_count = grid_points(window, degree);
            if cfg!(miri) && (point_count > 4 || table_count > 2) {
                continue;
            }
            let tables: Vec<_> = (0..table_count)
                .map(|n| self.case.elements::<F>(1 + n, 1 << window))
                .collect();
            let tables: Vec<&[F]> = tables.iter().map(|table| &table[..]).collect();
            let out = self.case.elements::<F>(1, point_count);
            let mut sums = vec![F::ZERO; point_count];
            for weight in weights.iter() {
                reference::field_grid_accumulate(*weight, &tables, degree, &mut sums);
            }
            let ((), expected) = out.changed(|out| reference::flush_reduce(&mut sums, out));
            self.agree((window, degree, table_count), &expected, |kernels| {
                let mut sums = vec![F::Accumulator::default(); point_count];
                let mut scratch = vec![F::ONE; table_count * point_count];
                for weight in weights.iter() {
                    kernels.field_grid_accumulate(
                        *weight,
                        &tables,
                        degree,
                        &mut scratch,
                        &mut sums,
                    );
                }
                let ((), out) = out.changed(|out| kernels.flush_reduce(&mut sums, out));
                kernels.flush_reduce(&mut sums, &mut scratch[..point_count]);
                assert_eq!(scratch[..point_count], vec![F::ZERO; point_count]);
                out
            });
        }
    }

    /// A table of `size` pairs.
    fn bind(&self, kernel: impl Fn(&Kernels<F>, &mut [F], F), twin: impl Fn(&mut [F], F)) {
        let table = self.case.elements::<F>(0, 2 * self.case.size);
        let r = self.case.element(1);
        let ((), expected) = table.changed(|table| twin(table, r));
        self.agree((), &expected[..self.case.size].to_vec(), |kernels| {
            let ((), mut bound) = table.changed(|table| kernel(kernels, table, r));
            bound.truncate(self.case.size);
            bound
        });
    }

    /// Weights of `size` pairs: all ways to split them in inner and outer ones, and ones.
    fn weights_of_pairs(&self) -> Vec<(Vec<F>, [Vec<F>; 2])> {
        let pairs = self.case.size;
        if pairs > LONG {
            return vec![];
        }
        let mut all = vec![(vec![F::ONE; pairs], [vec![], vec![]])];
        for inner_len in (1..=pairs).filter(|len| pairs.is_multiple_of(*len)) {
            let inner = self.case.elements::<F>(1, inner_len).to_vec();
            let outer = self.case.elements::<F>(2, pairs / inner_len).to_vec();
            let products = |outer: &F| inner.iter().map(|x| *x * outer).collect::<Vec<F>>();
            all.push((outer.iter().flat_map(products).collect(), [inner, outer]));
        }
        all
    }

    /// Two tables of `size` pairs.
    fn evaluate(
        &self,
        kernel: impl Fn(&Kernels<F>, &[F], &[F], EqFactors<'_, F>) -> [F; 2],
        twin: impl Fn(&[F], &[F], &[F]) -> [F; 2],
    ) {
        let [a, b] = [0, 1].map(|n| self.case.elements::<F>(n, 2 * self.case.size));
        for (weights, [inner, outer]) in &self.weights_of_pairs() {
            let expected = twin(&a, &b, weights);
            self.agree(inner.len(), &expected, |kernels| {
                kernel(kernels, &a, &b, EqFactors { inner, outer })
            });
        }
    }

    /// Two tables of `size` pairs of pairs.
    fn bind_evaluate(
        &self,
        kernel: impl Fn(&Kernels<F>, &mut [F], &mut [F], F, EqFactors<'_, F>) -> [F; 2],
        twin: impl Fn(&mut [F], &mut [F], F, &[F]) -> [F; 2],
    ) {
        let [a, b] = [0, 1].map(|n| self.case.elements::<F>(n, 4 * self.case.size));
        let half = 2 * self.case.size;
        let r = self.case.element(3);
        for (weights, [inner, outer]) in &self.weights_of_pairs() {
            let both = |run: &Both<'_, F, [F; 2]>| {
                let ((sums, mut b), mut a) = a.changed(|a| b.changed(|b| run(a, b)));
                a.truncate(half);
                b.truncate(half);
                (sums, a, b)
            };
            let expected = both(&|a, b| twin(a, b, r, weights));
            self.agree(inner.len(), &expected, |kernels| {
                both(&|a, b| kernel(kernels, a, b, r, EqFactors { inner, outer }))
            });
        }
    }

    /// Products of one to four tables of `size` pairs.
    fn rounds(&self) {
        if self.case.size > LONG {
            return;
        }
        let factors: Vec<_> = [0, 1, 2, 3]
            .map(|n| self.case.elements::<F>(n, 2 * self.case.size))
            .into();
        let factors: Vec<&[F]> = factors.iter().map(|table| &table[..]).collect();
        let weights = self.case.elements::<F>(5, self.case.size);
        for count in 1..=factors.len() {
            // A sum more reads nothing else.
            for degree in count..=if cfg!(miri) { count } else { 4 } {
                for (weights, skip_one) in
                    [(&weights[..], false), (&weights[..], true), (&[], true)]
                {
                    let mut expected = vec![F::ZERO; degree + 1];
                    reference::round_accumulate(
                        &factors[..count],
                        weights,
                        skip_one,
                        &mut expected,
                    );
                    self.agree((count, degree, skip_one), &expected, |kernels| {
                        let mut sums = vec![F::Accumulator::default(); degree + 1];
                        kernels.round_accumulate(&factors[..count], weights, skip_one, &mut sums);
                        sums.iter().map(F::reduce).collect()
                    });
                }
            }
        }
    }

    fn combine(&self) {
        let [a, b, out] = [0, 1, 2].map(|n| self.case.integers::<u32>(n, self.case.size));
        for op in COMBINES {
            let ((), expected) = out.changed(|out| reference::combine(op, &a, &b, out));
            self.agree(op, &expected, |kernels| {
                out.changed(|out| kernels.combine(op, &a, &b, out)).1
            });
        }
    }

    fn product(&self) {
        let [a, b, low, high] = [0, 1, 2, 3].map(|n| self.case.integers::<u32>(n, self.case.size));
        for signs in SIGNS {
            let both = |run: &Both<'_, u32, ()>| {
                let (((), high), low) = low.changed(|low| high.changed(|high| run(low, high)));
                (low, high)
            };
            let expected = both(&|low, high| reference::product(signs, &a, &b, low, high));
            self.agree(signs, &expected, |kernels| {
                both(&|low, high| kernels.product(signs, &a, &b, low, high))
            });
        }
    }

    fn sub_word(&self) {
        let [words, addresses, out] =
            [0, 1, 2].map(|n| self.case.integers::<u32>(n, self.case.size));
        for part in SUB_WORDS {
            let ((), expected) =
                out.changed(|out| reference::sub_word(part, &words, &addresses, out));
            self.agree(part, &expected, |kernels| {
                out.changed(|out| kernels.sub_word(part, &words, &addresses, out))
                    .1
            });
        }
    }

    fn addresses(&self) {
        let [indices, out] = [0, 1].map(|n| self.case.integers::<u32>(n, self.case.size));
        for base in [0, 0x1000, u32::MAX] {
            let ((), expected) = out.changed(|out| reference::addresses(base, &indices, out));
            self.agree(base, &expected, |kernels| {
                out.changed(|out| kernels.addresses(base, &indices, out)).1
            });
            self.agree(("chunk", base), &expected, |kernels| {
                let kernels = of_chunks(kernels);
                out.changed(|out| kernels.addresses(base, &indices, out)).1
            });
        }
    }

    /// `size` rows from a table of 41, of every set of columns.
    fn gather_split(&self) {
        let halves = [0, 1].map(|n| self.case.integers::<u32>(n, 41));
        let halves = halves[0].iter().zip(&*halves[1]);
        let table: Vec<u64> = halves
            .map(|(low, high)| u64::from(*high) << 32 | u64::from(*low))
            .collect();
        let words = self.case.integers::<u32>(2, self.case.size);
        let indices: Vec<u32> = words.iter().map(|word| word % 41).collect();
        let before = [3, 4, 5, 6, 7].map(|n| self.case.integers::<u32>(n, self.case.size));
        let offset = self.case.offset;
        for wanted in 0..32 {
            // Of long columns, few sets for Miri.
            if cfg!(miri) && self.case.size > LONG && ![9, 31].contains(&wanted) {
                continue;
            }
            let split = |run: &Split<'_>| {
                let mut columns = before.each_ref().map(|before| {
                    let mut column = vec![0; offset];
                    column.extend_from_slice(before);
                    column
                });
                let mut left = columns
                    .iter_mut()
                    .enumerate()
                    .map(|(n, column)| (wanted >> n & 1 == 1).then_some(&mut column[offset..]));
                let high = left.next().expect("five");
                run(high, std::array::from_fn(|_| left.next().expect("five")));
                columns
            };
            let expected = split(&|high, bytes| {
                reference::gather_split(&table, &indices, high, bytes);
            });
            self.agree(wanted, &expected, |kernels| {
                split(&|high, bytes| kernels.gather_split(&table, &indices, high, bytes))
            });
            self.agree(("chunk", wanted), &expected, |kernels| {
                let kernels = of_chunks(kernels);
                split(&|high, bytes| kernels.gather_split(&table, &indices, high, bytes))
            });
        }
    }

    /// `size` rows from a table of 41.
    fn gather<X: Integer + PartialEq + std::fmt::Debug>(
        &self,
        kernel: impl Fn(&Kernels<F>, &[X], &[u32], &mut [X]),
        twin: impl Fn(&[X], &[u32], &mut [X]),
    ) {
        let table = self.case.integers::<X>(0, 41);
        let words = self.case.integers::<u32>(1, self.case.size);
        let indices: Vec<u32> = words.iter().map(|word| word % 41).collect();
        let out = self.case.integers::<X>(2, self.case.size);
        let ((), expected) = out.changed(|out| twin(&table, &indices, out));
        self.agree((), &expected, |kernels| {
            out.changed(|out| kernel(kernels, &table, &indices, out)).1
        });
    }
}

/// `gather_split` works on 256 rows at a time.
fn gathers_across_their_tiles<F: WeightField>() {
    let tables = Tables::<F>::new();
    let all = [257, 255, 256, 511, 512, 513, 777];
    for size in &all[..if cfg!(miri) { 1 } else { all.len() }] {
        let case = Case {
            patterns: [Pattern::ALL.len() - 1; 2],
            size: *size,
            offset: 1,
        };
        law(Kernel::gather_split, &tables, case);
    }
}

/// The kernels of chunks as one has them without a field, which are those that a field's table hands out.
fn of_chunks<F: WeightField>(kernels: &Kernels<F>) -> ChunkKernels {
    let chunk = ChunkKernels::for_tier(kernels.tier()).expect("an available tier");
    assert_eq!(chunk.tier(), kernels.of_chunks().tier());
    chunk
}

/// The planes themselves, read through a kernel of the matrix: one row at a time.
fn planes_hold_eq<F: WeightField>() {
    let tables = Tables::<F>::new();
    for (k, first) in Pattern::ALL.iter().enumerate() {
        // What a value is makes no difference to memory.
        if cfg!(miri) && *first != Pattern::Random {
            continue;
        }
        for vars in 0..if cfg!(miri) { 4 } else { 8 } {
            let case = Case {
                patterns: [k, Pattern::ALL.len() - 1],
                size: vars,
                offset: 0,
            };
            let point = case.elements::<F>(0, vars);
            let expected = reference::eq_planes(&point);
            assert_eq!(expected.iter().sum::<F>(), F::ONE);
            let planes = eq_planes(&point);
            assert_eq!(planes.weight_rows(), expected.len());
            tables.agree(&expected, (first, vars), |kernels| {
                let one = |row| {
                    let mut column = vec![0u32; row + 1];
                    column[row] = 1;
                    kernels.dot_u32(planes.view(), &column)
                };
                (0..expected.len()).map(one).collect()
            });
        }
    }
}

fn words<'a>(columns: &[&'a [u32]]) -> Vec<GridColumn<'a>> {
    columns.iter().map(|rows| GridColumn::Words(rows)).collect()
}
