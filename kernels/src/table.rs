//! The table of kernels: one function pointer per kernel, chosen once for a tier.
//!
//! In: a [`Tier`]. Out: [`Kernels`], whose methods work on whole chunks, so the indirect call costs
//! nothing that can be measured. It is the only place where algorithm and tier meet.

use crate::axpy::{self, AxpySums};
use crate::columns::{self, Combine, Signs, SubWord};
use crate::dot::{self, bit_tile_groups, tile_groups};
use crate::dot_double;
use crate::field::WeightField;
use crate::fold::EqFactors;
use crate::grid;
use crate::grid_int::{self, GridColumn, WindowGrid};
use crate::planes::PlanesView;
use crate::prefix;
use crate::tier::{Obtain, Tier, portable::Portable, scalar::Scalar};

/// An expression with the lanes of a tier, which is available.
macro_rules! on_tier {
    ($tier:expr, $lanes:ident => $call:expr) => {{
        macro_rules! on {
            ($type:ty) => {{
                type $lanes = $type;
                $call
            }};
        }
        match $tier {
            Tier::Scalar => on!(Scalar),
            Tier::Portable => on!(Portable),
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            Tier::Avx2 => on!(crate::tier::avx2::Avx2),
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            Tier::Avx512 => on!(crate::tier::avx512::Avx512<false>),
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            Tier::Ifma => on!(crate::tier::avx512::Avx512<true>),
            #[cfg(not(all(target_arch = "x86_64", not(miri))))]
            Tier::Avx2 | Tier::Avx512 | Tier::Ifma => unreachable!("is_available said no"),
        }
    }};
}

/// No limit on the groups of a tile but that of the sums.
const WHOLE_TILES: usize = usize::MAX;

/// Declares the table, its methods, the list of names, and the per-tier entries behind them.
macro_rules! kernels {
    // What is called chooses between bodies and runs each by itself.
    (@ chosen $isa:ident $call:expr) => { $call };
    (@ $run:ident $isa:ident $call:expr) => { $isa.$run(#[inline(always)] || $call) };
    ($(
        $(#[$doc:meta])*
        $name:ident($($arg:ident: $type:ty),*) $(-> $ret:ty)? = $run:ident |$isa:ident| $call:expr;
    )*) => {
        /// The kernels of one tier for weights in `F`. Copy it freely: it is a few pointers.
        ///
        /// Every method panics if the lengths of its slices do not fit together; none allocates.
        /// Results are exact and the same for every tier.
        #[derive(Clone, Copy, Debug)]
        pub struct Kernels<F: WeightField> {
            tier: Tier,
            $($name: fn($($type),*) $(-> $ret)?,)*
        }

        impl<F: WeightField> Kernels<F> {
            $(
                $(#[$doc])*
                #[inline]
                pub fn $name(&self, $($arg: $type),*) $(-> $ret)? {
                    (self.$name)($($arg),*)
                }
            )*

            fn build<T: Obtain, const CAP: usize>(tier: Tier) -> Self {
                $(
                    #[allow(
                        clippy::extra_unused_type_parameters,
                        reason = "one macro arm makes field kernels and integer kernels"
                    )]
                    fn $name<L: Obtain, F: WeightField, const CAP: usize>(
                        $($arg: $type),*
                    ) $(-> $ret)? {
                        let $isa = L::obtain();
                        kernels!(@ $run $isa $call)
                    }
                )*
                Self { tier, $($name: $name::<T, F, CAP>,)* }
            }
        }

        /// The names of the table's kernels: who matches over them leaves none out.
        #[doc(hidden)]
        #[allow(non_camel_case_types, reason = "a kernel has one name")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kernel {
            $($name,)*
        }

        impl Kernel {
            /// Every kernel, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

kernels! {
    /// `sum over rows of weight[row] * column[row]`; the column may be shorter than the planes.
    ///
    /// Exact for up to `2^31` rows. 8 rows: one load and one shuffle of the values, two loads,
    /// multiplies and additions a limb. PERF.md row K-1.
    dot_u32(planes: PlanesView<'_, F>, column: &[u32]) -> F =
        run |isa| { let [sum] = dot::dot(isa, planes, [column], tile_groups::<F, u32>(CAP)); sum };
    /// Two columns of one length at once, sharing the loads and shuffles of the weights.
    ///
    /// Values and sketch as `dot_u32`; the limbs are taken in two passes where the sums of both
    /// columns need more registers than there are. PERF.md row K-2.
    dot2_u32(planes: PlanesView<'_, F>, columns: [&[u32]; 2]) -> [F; 2] =
        run |isa| dot::dot(isa, planes, columns, tile_groups::<F, u32>(CAP));
    /// Four columns of one length at once: with IFMA half the limbs, elsewhere as twice `dot2_u32`.
    ///
    /// Values in `[0, 2^32)`, exact for up to `2^31` rows; sketch in `dot_double`. PERF.md row K-2.
    dot4_u32(planes: PlanesView<'_, F>, columns: [&[u32]; 4]) -> [F; 4] =
        run |isa| dot_double::dot4(isa, planes, columns, CAP);
    /// `sum of weight[row] * column[row]`, values in `[0, 2^16)`; exact for up to `2^31` rows.
    ///
    /// Sketch as `dot_u32`, with one zero-extending load; lane sums are split every `2^12` rows.
    /// PERF.md row K-3.
    dot_u16(planes: PlanesView<'_, F>, column: &[u16]) -> F =
        run |isa| { let [sum] = dot::dot(isa, planes, [column], tile_groups::<F, u16>(CAP)); sum };
    /// Two columns at once, as `dot2_u32`. PERF.md row K-3.
    dot2_u16(planes: PlanesView<'_, F>, columns: [&[u16]; 2]) -> [F; 2] =
        run |isa| dot::dot(isa, planes, columns, tile_groups::<F, u16>(CAP));
    /// As `dot_u16`, values in `[0, 2^8)`. PERF.md row K-3.
    dot_u8(planes: PlanesView<'_, F>, column: &[u8]) -> F =
        run |isa| { let [sum] = dot::dot(isa, planes, [column], tile_groups::<F, u8>(CAP)); sum };
    /// Two columns at once, as `dot2_u32`. PERF.md row K-3.
    dot2_u8(planes: PlanesView<'_, F>, columns: [&[u8]; 2]) -> [F; 2] =
        run |isa| dot::dot(isa, planes, columns, tile_groups::<F, u8>(CAP));
    /// The sum of the weights whose bit is set: row `8g + k` is bit `k` of `bits[g]`.
    ///
    /// 8 rows: one mask, then per limb one `and` from memory and one 32-bit addition; lanes are
    /// widened every `2^(32 - LIMB_BITS)` groups. PERF.md row K-4.
    dot_bits(planes: PlanesView<'_, F>, bits: &[u8], row_count: usize) -> F = run |isa| {
        let [sum] = dot::dot_bits(isa, planes, [bits], row_count, bit_tile_groups::<F>(CAP));
        sum
    };
    /// Two columns of bits at once, sharing the loads of the weights where there are registers for the
    /// sums of both. PERF.md row K-4.
    dot2_bits(planes: PlanesView<'_, F>, columns: [&[u8]; 2], row_count: usize) -> [F; 2] =
        run |isa| dot::dot_bits(isa, planes, columns, row_count, bit_tile_groups::<F>(CAP));
    /// `out[j] = sum over b < 2^i of weight[b] * column[b + 2^i j]`, `2^i <= 128` weights.
    ///
    /// Values in `[0, 2^32)`; banks of `2^(31 - LIMB_BITS)` rows keep lanes exact. Lanes are blocks: nothing is
    /// added across lanes. Per row of eight blocks 3 shuffles, then per limb one broadcast, two
    /// multiplies and two additions; eight outputs are reduced at once. Up to eight weights are
    /// multiplied, added and reduced a vector at a time instead (`prefix_short`). PERF.md row K-5.
    prefix_dot(planes: PlanesView<'_, F>, column: &[u32], out: &mut [F]) =
        chosen |isa| prefix::prefix_dot::<L, F>(isa, planes, column, out);
    /// `sums[row] += weight * column[row]`, unreduced.
    ///
    /// Values in `[0, 2^32)`, at most [`AxpySums::MAX_ADDS`] columns between two flushes. Per eight
    /// rows and limb: two loads, multiplies, additions and stores. PERF.md row K-6.
    axpy(sums: &mut AxpySums<F>, weight: F, column: &[u32]) =
        run |isa| axpy::axpy::<L, F>(isa, sums, weight, column);
    /// `out[row] += sums[row]`; the sums become zero.
    ///
    /// Eight rows are loaded and reduced at once; elements are canonical. PERF.md row K-6.
    axpy_flush(sums: &mut AxpySums<F>, out: &mut [F]) =
        run |isa| axpy::axpy_flush::<L, F>(isa, sums, out);
    /// Adds `planes[k] * product of the columns' grids of block k` to every grid point.
    ///
    /// See `grid_int` for intervals and sketch. PERF.md row K-7.
    grid_accumulate(
        grid: &mut WindowGrid<F>, planes: PlanesView<'_, F>, columns: &[GridColumn<'_>]
    ) = run |isa| grid_int::grid_accumulate::<L, F, CAP>(isa, grid, planes, columns);
    /// As `grid_accumulate` with every weight 1, for whole groups of eight blocks.
    ///
    /// Three pieces a product are added up instead of thirty products of pieces and limbs (BN254).
    /// PERF.md row K-7.
    grid_add(grid: &mut WindowGrid<F>, columns: &[GridColumn<'_>]) =
        run |isa| grid_int::grid_add::<L, F, CAP>(isa, grid, columns);
    /// `sums[g] += weight * product over k of grid(tables[k])[g]`, unreduced.
    ///
    /// Exact for `2^60` products a sum. Per point: `degree` field additions a table over all passes,
    /// `tables.len() - 2` reduced multiplications and one unreduced (BN254: 16 `mulx`).
    /// Each table has `2^w` values; `scratch` has `tables.len() * (degree + 1)^w` entries.
    /// PERF.md row K-8.
    field_grid_accumulate(
        weight: F, tables: &[&[F]], degree: usize, scratch: &mut [F], sums: &mut [F::Accumulator]
    ) = run_scalar |isa| grid::field_grid_accumulate(weight, tables, degree, scratch, sums);
    /// The field elements of unreduced sums of up to `2^60` products; the sums become zero.
    ///
    /// BN254: one Montgomery fold of 512 bits (20 `mulx`) and one Barrett step (5). PERF.md row K-8.
    flush_reduce(sums: &mut [F::Accumulator], out: &mut [F]) =
        run_scalar |isa| grid::flush_reduce::<F>(sums, out);
    /// `table[j] = table[2j] + r (table[2j+1] - table[2j])`: the first half is the result.
    ///
    /// Canonical in and out; one multiplication, one subtraction, one addition a pair. Goldilocks^2 with
    /// AVX2 or AVX-512: two shuffles to values and slopes, 12 multiplies and 40 operations a vector of
    /// two or four pairs. PERF.md row K-9.
    bind_low(table: &mut [F], r: F) = chosen |isa| F::bind_low(isa, table, r);
    /// `[sum eq a(0) b(0), sum eq a(inf) b(inf)]` in the low variable; exact for `2^60` pairs.
    ///
    /// A pair: two reduced multiplications and two unreduced ones; only the latter where every pair
    /// weighs one ([`EqFactors::ones`]). Goldilocks^2 with AVX2 or AVX-512: both points of two or four
    /// pairs a vector, 24 multiplies and 36 operations unreduced, 16 and 100 reduced. PERF.md row K-10.
    evaluate_low(a: &[F], b: &[F], eq: EqFactors<'_, F>) -> [F; 2] =
        chosen |isa| F::evaluate_low(isa, a, b, eq);
    /// `bind_low` of both tables, then `evaluate_low` of the results, in one pass; `eq` weighs the
    /// pairs after the fold.
    ///
    /// A pair: four multiplications to fold and those of `evaluate_low`, by vectors where `bind_low` and
    /// that are. PERF.md row K-11.
    bind_evaluate_low(a: &mut [F], b: &mut [F], r: F, eq: EqFactors<'_, F>) -> [F; 2] =
        chosen |isa| F::bind_evaluate_low(isa, a, b, r, eq);
    /// `sums[digit] += weights[j] * product of the factors of pair j at the digit`, unreduced; digits
    /// are 0, 1, .. and infinity, `sums.len() - 1` being the degree. No weights count as ones;
    /// `skip_one` leaves out the digit 1. Exact for `2^60` pairs; sketch in `round`, and of two factors
    /// without the digit 1 that of `evaluate_low`. PERF.md row K-14.
    round_accumulate(
        factors: &[&[F]], weights: &[F], skip_one: bool, sums: &mut [F::Accumulator]
    ) = chosen |isa| F::round_accumulate(isa, factors, weights, skip_one, sums);
    /// `out[k] = op(a[k], b[k])` modulo `2^32`, flags 0 or 1. Eight rows: two loads, one or two
    /// operations, one store. PERF.md row K-12.
    combine(op: Combine, a: &[u32], b: &[u32], out: &mut [u32]) =
        run |isa| columns::combine(op, a, b, out);
    /// The 64-bit products as two columns, each word in `[0, 2^32)`. Eight rows: one low multiply,
    /// two widening ones and two shuffles; signed operands cost four operations more. PERF.md row K-12.
    product(signs: Signs, a: &[u32], b: &[u32], low: &mut [u32], high: &mut [u32]) =
        run |isa| columns::product(signs, a, b, low, high);
    /// The addressed byte or half of every word, extended to 32 bits. Eight rows: an `and`, a shift
    /// of the address, a variable shift, then a mask or two shifts. PERF.md row K-12.
    sub_word(part: SubWord, words: &[u32], addresses: &[u32], out: &mut [u32]) =
        run |isa| columns::sub_word(part, words, addresses, out);
    /// `out[k] = table[indices[k]]`; panics if an index leaves the table. A row: two loads, a
    /// comparison, a store. PERF.md row K-13.
    gather_u32(table: &[u32], indices: &[u32], out: &mut [u32]) =
        run |isa| columns::gather(table, indices, out);
    /// As `gather_u32` for bytes. PERF.md row K-13.
    gather_u8(table: &[u8], indices: &[u32], out: &mut [u8]) =
        run |isa| columns::gather(table, indices, out);
    /// `out[k] = base + 4 indices[k]` modulo `2^32`. Eight rows: a load, a shift, an addition, a store.
    /// PERF.md row K-13.
    addresses(base: u32, indices: &[u32], out: &mut [u32]) =
        run |isa| columns::addresses(base, indices, out);
    /// `high[k]` is the upper half of `table[indices[k]]`, `bytes[n][k]` byte n of it; a column that is left out
    /// costs nothing. Panics if an index leaves the table. A row: two loads and a comparison; eight
    /// rows: the shuffles and stores of their halves, and a load, a shift, an `and` and a store a byte.
    /// PERF.md row K-13.
    gather_split(
        table: &[u64], indices: &[u32], high: Option<&mut [u32]>, bytes: [Option<&mut [u32]>; 4]
    ) = run |isa| columns::gather_split(table, indices, high, bytes);
}

/// The kernels of one tier that a chunk of columns needs to be whole; no field takes part in them. As
/// [`Kernels`] otherwise.
#[derive(Clone, Copy, Debug)]
pub struct ChunkKernels {
    tier: Tier,
    addresses: fn(u32, &[u32], &mut [u32]),
    gather_split: GatherSplit,
}

type GatherSplit = fn(&[u64], &[u32], Option<&mut [u32]>, [Option<&mut [u32]>; 4]);

impl ChunkKernels {
    /// The kernels of the fastest tier of this processor.
    #[must_use]
    pub fn detect() -> Self {
        Self::for_tier(Tier::detect()).expect("a detected tier is available")
    }

    /// The kernels of `tier`, where this processor has it.
    #[must_use]
    pub fn for_tier(tier: Tier) -> Option<Self> {
        fn build<L: Obtain>(tier: Tier) -> ChunkKernels {
            ChunkKernels {
                tier,
                addresses: |base, indices, out| {
                    L::obtain().run(
                        #[inline(always)]
                        || columns::addresses(base, indices, out),
                    );
                },
                gather_split: |table, indices, high, bytes| {
                    L::obtain().run(
                        #[inline(always)]
                        || columns::gather_split(table, indices, high, bytes),
                    );
                },
            }
        }
        tier.is_available()
            .then(|| on_tier!(tier, L => build::<L>(tier)))
    }

    /// The tier the kernels are compiled for.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// See [`Kernels::addresses`].
    #[inline]
    pub fn addresses(&self, base: u32, indices: &[u32], out: &mut [u32]) {
        (self.addresses)(base, indices, out);
    }

    /// See [`Kernels::gather_split`].
    #[inline]
    pub fn gather_split(
        &self,
        table: &[u64],
        indices: &[u32],
        high: Option<&mut [u32]>,
        bytes: [Option<&mut [u32]>; 4],
    ) {
        (self.gather_split)(table, indices, high, bytes);
    }
}

impl<F: WeightField> Kernels<F> {
    /// The kernels of the fastest tier of this processor.
    pub fn detect() -> Self {
        Self::for_tier(Tier::detect()).expect("a detected tier is available")
    }

    /// The kernels of `tier`, where this processor has it.
    pub fn for_tier(tier: Tier) -> Option<Self> {
        Self::for_tier_and_tile::<WHOLE_TILES>(tier)
    }

    /// As `for_tier`, with tiles of at most `CAP` groups of eight rows: tests cross the end of a tile
    /// at short lengths. Results do not depend on it.
    #[doc(hidden)]
    pub fn for_tier_and_tile<const CAP: usize>(tier: Tier) -> Option<Self> {
        const { assert!(CAP > 0, "a tile has a group") };
        tier.is_available()
            .then(|| on_tier!(tier, L => Self::build::<L, CAP>(tier)))
    }

    /// The tier the kernels are compiled for.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Those of the same tier that chunks need.
    pub fn of_chunks(&self) -> ChunkKernels {
        let (tier, addresses, gather_split) = (self.tier, self.addresses, self.gather_split);
        ChunkKernels {
            tier,
            addresses,
            gather_split,
        }
    }
}
