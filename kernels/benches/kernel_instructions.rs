//! Instruction counts of every kernel at the AVX2 tier, under Valgrind.
//!
//! `cargo bench -p tracelane-kernels --bench kernel_instructions`, with `iai-callgrind-runner` and
//! Valgrind installed. Each count is one run of the case over a chunk of 32 columns.

#![allow(missing_docs, reason = "the macros make items of their own")]

use ark_bn254::Fr;
use iai_callgrind::{library_benchmark, library_benchmark_group, main};
use support::{CHUNK, Case, column_cases, field_cases};
use tracelane_kernels::{Goldilocks2, Tier};

mod support;

fn named(cases: Vec<Case>, name: &str) -> Case {
    let found = cases.into_iter().find(|case| case.name == name);
    found.unwrap_or_else(|| panic!("no case is called {name}"))
}

fn bn254(name: &str) -> Case {
    named(field_cases::<Fr>(Tier::Avx2, CHUNK), name)
}

fn goldilocks2(name: &str) -> Case {
    named(field_cases::<Goldilocks2>(Tier::Avx2, CHUNK), name)
}

fn columns(name: &str) -> Case {
    named(column_cases(Tier::Avx2, CHUNK), name)
}

/// The case comes back, so that giving its memory back is not counted.
macro_rules! benches {
    ($function:ident, $make:ident: $($id:ident = $name:literal),* $(,)?) => {
        #[library_benchmark]
        $(#[bench::$id($make($name))])*
        fn $function(mut case: Case) -> Case {
            (case.run)();
            case
        }
    };
}
benches!(over_bn254, bn254:
    dot_u32 = "dot_u32",
    dot2_u32 = "dot2_u32",
    dot4_u32 = "dot4_u32",
    dot_u16 = "dot_u16",
    dot_u8 = "dot_u8",
    dot_bits = "dot_bits",
    dot2_u16 = "dot2_u16",
    dot2_u8 = "dot2_u8",
    dot2_bits = "dot2_bits",
    eq_planes = "eq_planes, rows",
    from_weights = "from_weights, rows",
    axpy = "axpy and one flush",
    axpy_flush = "axpy_flush, rows",
    prefix_dot_i0 = "prefix_dot, i = 0",
    prefix_dot_i1 = "prefix_dot, i = 1",
    prefix_dot_i2 = "prefix_dot, i = 2",
    prefix_dot_i3 = "prefix_dot, i = 3",
    prefix_dot_i4 = "prefix_dot, i = 4",
    prefix_dot_i5 = "prefix_dot, i = 5",
    prefix_dot_i6 = "prefix_dot, i = 6",
    prefix_dot_i7 = "prefix_dot, i = 7",
    top_bits_folded_i3 = "top bits folded, i = 3",
    top_bits_folded_i5 = "top bits folded, i = 5",
    top_bits_folded_i7 = "top bits folded, i = 7",
    grid_accumulate_w4 = "grid_accumulate, w = 4, rows",
    grid_accumulate_w5 = "grid_accumulate, w = 5, rows",
    grid_accumulate_w6 = "grid_accumulate, w = 6, rows",
    grid_add_w4 = "grid_add, w = 4, rows",
    grid_add_w5 = "grid_add, w = 5, rows",
    grid_accumulate_3_columns = "grid_accumulate, 3 columns, w = 4, rows",
    drain_into = "drain_into, points",
    field_grid_accumulate_w4 = "field_grid_accumulate, w = 4, points",
    flush_reduce = "flush_reduce, points",
    bind_low = "bind_low, rows",
    evaluate_low = "evaluate_low, rows",
    evaluate_low_without_eq = "evaluate_low without eq, rows",
    bind_evaluate_low = "bind_evaluate_low, rows",
    bind_evaluate_low_without_eq = "bind_evaluate_low without eq, rows",
    round_accumulate_2_factors = "round_accumulate, 2 factors, rows",
);
benches!(over_goldilocks2, goldilocks2:
    dot_u32 = "dot_u32",
    dot2_u32 = "dot2_u32",
    dot4_u32 = "dot4_u32",
    dot_u16 = "dot_u16",
    dot_u8 = "dot_u8",
    dot_bits = "dot_bits",
    dot2_u16 = "dot2_u16",
    dot2_u8 = "dot2_u8",
    dot2_bits = "dot2_bits",
    eq_planes = "eq_planes, rows",
    from_weights = "from_weights, rows",
    axpy = "axpy and one flush",
    axpy_flush = "axpy_flush, rows",
    prefix_dot_i0 = "prefix_dot, i = 0",
    prefix_dot_i1 = "prefix_dot, i = 1",
    prefix_dot_i2 = "prefix_dot, i = 2",
    prefix_dot_i3 = "prefix_dot, i = 3",
    prefix_dot_i4 = "prefix_dot, i = 4",
    prefix_dot_i5 = "prefix_dot, i = 5",
    prefix_dot_i6 = "prefix_dot, i = 6",
    prefix_dot_i7 = "prefix_dot, i = 7",
    top_bits_folded_i3 = "top bits folded, i = 3",
    top_bits_folded_i5 = "top bits folded, i = 5",
    top_bits_folded_i7 = "top bits folded, i = 7",
    grid_accumulate_w4 = "grid_accumulate, w = 4, rows",
    grid_accumulate_w5 = "grid_accumulate, w = 5, rows",
    grid_accumulate_w6 = "grid_accumulate, w = 6, rows",
    grid_add_w4 = "grid_add, w = 4, rows",
    grid_add_w5 = "grid_add, w = 5, rows",
    grid_accumulate_3_columns = "grid_accumulate, 3 columns, w = 4, rows",
    drain_into = "drain_into, points",
    field_grid_accumulate_w4 = "field_grid_accumulate, w = 4, points",
    flush_reduce = "flush_reduce, points",
    bind_low = "bind_low, rows",
    evaluate_low = "evaluate_low, rows",
    evaluate_low_without_eq = "evaluate_low without eq, rows",
    bind_evaluate_low = "bind_evaluate_low, rows",
    bind_evaluate_low_without_eq = "bind_evaluate_low without eq, rows",
    round_accumulate_2_factors = "round_accumulate, 2 factors, rows",
);
benches!(over_columns, columns:
    combine_add = "combine, Add",
    combine_lesssigned = "combine, LessSigned",
    product_unsigned = "product, Unsigned",
    product_signed = "product, Signed",
    sub_word_bytesigned = "sub_word, ByteSigned",
    gather_u32 = "gather_u32",
    gather_u8 = "gather_u8",
    gather_split = "gather_split",
    addresses = "addresses",
);

library_benchmark_group!(name = kernels; benchmarks = over_bn254, over_goldilocks2, over_columns);
main!(library_benchmark_groups = kernels);
