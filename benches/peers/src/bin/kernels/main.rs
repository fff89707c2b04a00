//! Field kernels of this engine and of others, in one process and one table.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml --bin kernels`, and once more with
//! `RUSTFLAGS="-C target-cpu=x86-64-v3"`: others choose their instructions when they are built. Every
//! result is compared with the others' before it is timed. One thread; entries of a table take turns.
//! PERF.md rows K-15 and K-16.

mod ark;
mod plonky;
mod table;

fn main() {
    println!("{}", build());
    for table in [
        ark::dots(),
        ark::prefixes(),
        ark::binds(),
        ark::rounds(),
        ark::eq_rounds(),
        plonky::dots(),
        plonky::prefixes(),
        plonky::binds(),
        plonky::rounds(),
    ] {
        table.print();
    }
}

/// What the compiler was allowed to use.
fn build() -> String {
    let features = [
        ("avx2", cfg!(target_feature = "avx2")),
        ("bmi2", cfg!(target_feature = "bmi2")),
        ("adx", cfg!(target_feature = "adx")),
        ("avx512f", cfg!(target_feature = "avx512f")),
    ];
    let named = features
        .iter()
        .filter(|(_, on)| *on)
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(" ");
    let beyond = if named.is_empty() {
        "x86-64 as it is"
    } else {
        &named
    };
    format!(
        "built for: {beyond}; p3-goldilocks packs {} lanes",
        plonky::lanes()
    )
}
