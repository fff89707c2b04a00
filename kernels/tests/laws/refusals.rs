//! What no kernel guesses: slices that do not fit together, indices outside, sums that are full.

use crate::cases::{for_both_fields, full, tiers};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tracelane_kernels::GridColumn::Words;
use tracelane_kernels::{
    AxpySums, Combine, EqFactors, Kernel, Kernels, Signs, SubWord, ValueRange, WeightField,
    WeightPlanes, WindowGrid,
};

for_both_fields!(every_kernel_refuses_what_does_not_fit);

fn every_kernel_refuses_what_does_not_fit<F: WeightField>() {
    let e = full::<F>();
    for kernels in tiers::<F>() {
        for kernel in Kernel::ALL {
            let calls = refused(*kernel, &kernels, e);
            assert!(!calls.is_empty());
            for (what, call) in calls {
                let result = catch_unwind(AssertUnwindSafe(call));
                assert!(result.is_err(), "{} {kernel:?}: {what}", kernels.tier());
            }
        }
    }
}

#[test]
fn planes_are_cut_at_groups_inside() {
    let planes = WeightPlanes::from_weights(&[full::<ark_bn254::Fr>(); 20]);
    assert_eq!(planes.rows(16, 4).weight_rows(), 4);
    assert_eq!(planes.rows(16, 0).weight_rows(), 0);
    for (first, count) in [(4, 8), (16, 5), (24, 0), (8, usize::MAX)] {
        assert!(
            catch_unwind(|| planes.rows(first, count).weight_rows()).is_err(),
            "{first} {count}"
        );
    }
}

type Calls<'a> = Vec<(&'static str, Box<dyn FnOnce() + 'a>)>;

macro_rules! calls {
    ($($what:literal: $call:expr;)*) => {
        vec![$(($what, Box::new(move || { let _ = $call; }) as Box<dyn FnOnce()>)),*]
    };
}

const NO_BYTES: [Option<&mut [u32]>; 4] = [const { None }; 4];

/// Calls of each kernel that must panic: a new one does not compile without.
fn refused<F: WeightField>(kernel: Kernel, k: &Kernels<F>, e: F) -> Calls<'_> {
    let planes = move || WeightPlanes::from_weights(&[e; 9]);
    let ones = EqFactors::<F>::ones;
    match kernel {
        Kernel::dot_u32 => calls! {
            "fewer weights": k.dot_u32(planes().view(), &[0; 10]);
        },
        Kernel::dot_u16 => calls! {
            "fewer weights": k.dot_u16(planes().view(), &[0; 10]);
        },
        Kernel::dot_u8 => calls! {
            "fewer weights": k.dot_u8(planes().view(), &[0; 10]);
        },
        Kernel::dot2_u32 => calls! {
            "fewer weights": k.dot2_u32(planes().view(), [&[0; 10]; 2]);
            "columns of two lengths": k.dot2_u32(planes().view(), [&[0; 9], &[0; 8]]);
            "columns of two lengths": k.dot2_u32(planes().view(), [&[0; 8], &[0; 9]]);
        },
        Kernel::dot4_u32 => calls! {
            "fewer weights": k.dot4_u32(planes().view(), [&[0; 10]; 4]);
            "columns of two lengths": k.dot4_u32(planes().view(), [&[0; 9], &[0; 8], &[0; 9], &[0; 9]]);
            "columns of two lengths": k.dot4_u32(planes().view(), [&[0; 8], &[0; 8], &[0; 8], &[0; 9]]);
        },
        Kernel::dot2_u16 => calls! {
            "fewer weights": k.dot2_u16(planes().view(), [&[0; 10]; 2]);
            "columns of two lengths": k.dot2_u16(planes().view(), [&[0; 9], &[0; 8]]);
            "columns of two lengths": k.dot2_u16(planes().view(), [&[0; 8], &[0; 9]]);
        },
        Kernel::dot2_u8 => calls! {
            "fewer weights": k.dot2_u8(planes().view(), [&[0; 10]; 2]);
            "columns of two lengths": k.dot2_u8(planes().view(), [&[0; 9], &[0; 8]]);
            "columns of two lengths": k.dot2_u8(planes().view(), [&[0; 8], &[0; 9]]);
        },
        Kernel::dot2_bits => calls! {
            "fewer weights": k.dot2_bits(planes().view(), [&[0; 2]; 2], 10);
            "fewer bytes": k.dot2_bits(planes().view(), [&[0; 1], &[0; 2]], 9);
            "fewer bytes": k.dot2_bits(planes().view(), [&[0; 2], &[0; 1]], 9);
        },
        Kernel::dot_bits => calls! {
            "fewer weights": k.dot_bits(planes().view(), &[0; 2], 10);
            "fewer bytes": k.dot_bits(planes().view(), &[0; 1], 9);
        },
        Kernel::prefix_dot => calls! {
            "no power of two": k.prefix_dot(planes().view(), &[0; 9], &mut [e; 1]);
            "half a block": k.prefix_dot(planes().rows(0, 8), &[0; 12], &mut [e; 1]);
            "more outputs": k.prefix_dot(planes().rows(0, 8), &[0; 8], &mut [e; 2]);
            "a larger prefix": k.prefix_dot(
                WeightPlanes::from_weights(&[e; 256]).view(), &[0; 256], &mut [e; 1]
            );
        },
        Kernel::axpy => calls! {
            "a shorter column": k.axpy(&mut AxpySums::new(9), e, &[0; 8]);
            "a longer column": k.axpy(&mut AxpySums::new(8), e, &[0; 9]);
            "full sums": {
                let mut sums = AxpySums::new(1);
                (0..=AxpySums::<F>::MAX_ADDS).for_each(|_| k.axpy(&mut sums, e, &[0]));
            };
        },
        Kernel::axpy_flush => calls! {
            "fewer outputs": k.axpy_flush(&mut AxpySums::new(9), &mut [e; 8]);
            "more outputs": k.axpy_flush(&mut AxpySums::new(8), &mut [e; 9]);
        },
        Kernel::grid_accumulate => calls! {
            "another product": k.grid_accumulate(
                &mut WindowGrid::new(1, 2, 2), planes().view(), &[Words(&[0; 18])]
            );
            "half a block": k.grid_accumulate(
                &mut WindowGrid::new(1, 2, 1), planes().view(), &[Words(&[0; 17])]
            );
            "a block too many": k.grid_accumulate(
                &mut WindowGrid::new(1, 2, 1), planes().view(), &[Words(&[0; 20])]
            );
            "a product past 2^126": WindowGrid::<F>::new(6, 4, 3);
            "outputs of another grid": WindowGrid::new(1, 2, 1).drain_into(e, &mut [e; 4]);
            "a grid without weights": k.grid_accumulate(
                &mut WindowGrid::for_ranges(1, 2, &[ValueRange::WORD], false),
                planes().view(),
                &[Words(&[0; 18])]
            );
        },
        Kernel::grid_add => calls! {
            "a grid with weights": k.grid_add(&mut WindowGrid::new(1, 2, 1), &[Words(&[0; 16])]);
            "half a group": k.grid_add(
                &mut WindowGrid::for_ranges(1, 2, &[ValueRange::WORD], false), &[Words(&[0; 18])]
            );
            "half a block": k.grid_add(
                &mut WindowGrid::for_ranges(1, 2, &[ValueRange::WORD], false), &[Words(&[0; 17])]
            );
            "another product": k.grid_add(
                &mut WindowGrid::for_ranges(1, 2, &[ValueRange::WORD; 2], false),
                &[Words(&[0; 16])]
            );
        },
        Kernel::field_grid_accumulate => calls! {
            "no power of two": k.field_grid_accumulate(
                e, &[&[e; 3]], 1, &mut [e; 3], &mut [F::Accumulator::default(); 3]
            );
            "tables of two lengths": k.field_grid_accumulate(
                e, &[&[e; 2], &[e; 4]], 1, &mut [e; 4], &mut [F::Accumulator::default(); 2]
            );
            "fewer sums": k.field_grid_accumulate(
                e, &[&[e; 2]], 2, &mut [e; 3], &mut [F::Accumulator::default(); 2]
            );
            "less scratch": k.field_grid_accumulate(
                e, &[&[e; 2]], 2, &mut [e; 2], &mut [F::Accumulator::default(); 3]
            );
        },
        Kernel::flush_reduce => calls! {
            "fewer outputs": k.flush_reduce(&mut [F::Accumulator::default(); 2], &mut [e; 1]);
            "more outputs": k.flush_reduce(&mut [F::Accumulator::default(); 1], &mut [e; 2]);
        },
        Kernel::bind_low => calls! { "half a pair": k.bind_low(&mut [e; 3], e); },
        Kernel::evaluate_low => calls! {
            "half a pair": k.evaluate_low(&[e; 3], &[e; 3], ones());
            "tables of two lengths": k.evaluate_low(&[e; 4], &[e; 2], ones());
            "fewer weights": k.evaluate_low(&[e; 8], &[e; 8], EqFactors {
                inner: &[e; 2],
                outer: &[e; 1],
            });
            "more weights": k.evaluate_low(&[e; 4], &[e; 4], EqFactors {
                inner: &[e; 2],
                outer: &[e; 2],
            });
        },
        Kernel::bind_evaluate_low => calls! {
            "half a pair": k.bind_evaluate_low(&mut [e; 6], &mut [e; 6], e, ones());
            "tables of two lengths": k.bind_evaluate_low(&mut [e; 8], &mut [e; 4], e, ones());
        },
        Kernel::round_accumulate => calls! {
            "half a pair": k.round_accumulate(
                &[&[e; 3]], &[], false, &mut [F::Accumulator::default(); 2]
            );
            "tables of two lengths": k.round_accumulate(
                &[&[e; 4], &[e; 2]], &[], false, &mut [F::Accumulator::default(); 3]
            );
            "fewer weights": k.round_accumulate(
                &[&[e; 4]], &[e], false, &mut [F::Accumulator::default(); 2]
            );
            "more factors than the degree": k.round_accumulate(
                &[&[e; 2], &[e; 2]], &[], false, &mut [F::Accumulator::default(); 2]
            );
            "five factors": k.round_accumulate(
                &[&[e; 2][..]; 5], &[], false, &mut [F::Accumulator::default(); 5]
            );
            "degree five": k.round_accumulate(
                &[&[e; 2]], &[], false, &mut [F::Accumulator::default(); 6]
            );
            "no digits": k.round_accumulate(&[&[e; 2]], &[], false, &mut []);
        },
        Kernel::combine => calls! {
            "shorter left": k.combine(Combine::Add, &[0; 8], &[0; 9], &mut [0; 9]);
            "shorter right": k.combine(Combine::Add, &[0; 9], &[0; 8], &mut [0; 9]);
            "fewer outputs": k.combine(Combine::Add, &[0; 9], &[0; 9], &mut [0; 8]);
        },
        Kernel::product => calls! {
            "shorter left": k.product(Signs::Signed, &[0; 8], &[0; 9], &mut [0; 9], &mut [0; 9]);
            "fewer lows": k.product(Signs::Signed, &[0; 9], &[0; 9], &mut [0; 8], &mut [0; 9]);
            "fewer highs": k.product(Signs::Signed, &[0; 9], &[0; 9], &mut [0; 9], &mut [0; 8]);
        },
        Kernel::sub_word => calls! {
            "fewer words": k.sub_word(SubWord::Byte, &[0; 8], &[0; 9], &mut [0; 9]);
            "fewer outputs": k.sub_word(SubWord::Byte, &[0; 9], &[0; 9], &mut [0; 8]);
        },
        Kernel::gather_u32 => calls! {
            "an index outside": k.gather_u32(&[0; 9], &[8, 9], &mut [0; 2]);
            "the largest index": k.gather_u32(&[0; 9], &[u32::MAX], &mut [0; 1]);
            "no table": k.gather_u32(&[], &[0], &mut [0; 1]);
            "fewer outputs": k.gather_u32(&[0; 9], &[0; 3], &mut [0; 2]);
        },
        Kernel::gather_u8 => calls! {
            "an index outside": k.gather_u8(&[0; 9], &[8, 9], &mut [0; 2]);
            "the largest index": k.gather_u8(&[0; 9], &[u32::MAX], &mut [0; 1]);
            "no table": k.gather_u8(&[], &[0], &mut [0; 1]);
            "more outputs": k.gather_u8(&[0; 9], &[0; 2], &mut [0; 3]);
        },
        Kernel::gather_split => calls! {
            "an index outside": k.gather_split(&[0; 9], &[8, 9], Some(&mut [0; 2]), NO_BYTES);
            "the largest index": k.gather_split(
                &[0; 9], &[u32::MAX], None, [None, Some(&mut [0; 1]), None, None]
            );
            "no table": k.gather_split(&[], &[0], Some(&mut [0; 1]), NO_BYTES);
            "fewer highs": k.gather_split(&[0; 9], &[0; 3], Some(&mut [0; 2]), NO_BYTES);
            "more bytes": k.gather_split(
                &[0; 9], &[0; 3], Some(&mut [0; 3]), [None, None, None, Some(&mut [0; 4])]
            );
        },
        Kernel::addresses => calls! {
            "fewer outputs": k.addresses(0, &[0; 3], &mut [0; 2]);
            "more outputs": k.addresses(0, &[0; 3], &mut [0; 4]);
        },
    }
}
