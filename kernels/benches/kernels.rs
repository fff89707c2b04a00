//! Wall time of every kernel on every tier, in nanoseconds a cell (or row, or grid point).
//!
//! `cargo bench -p tracelane-kernels --bench kernels`; one thread. `L2` is a chunk of 32 columns,
//! `L1` fits the first cache. A name given behind `--` selects, `--verbose` prints medians too.

use std::time::Duration;

use ark_bn254::Fr;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use support::{CHUNK, Case, MICRO, column_cases, field_cases};
use tracelane_kernels::{Goldilocks2, Tier};

mod support;

/// Wall time that is shown as nanoseconds an element instead of elements a second.
struct PerCell;

impl Measurement for PerCell {
    type Intermediate = <WallTime as Measurement>::Intermediate;
    type Value = Duration;

    fn start(&self) -> Self::Intermediate {
        WallTime.start()
    }
    fn end(&self, start: Self::Intermediate) -> Duration {
        WallTime.end(start)
    }
    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }
    fn zero(&self) -> Duration {
        Duration::ZERO
    }
    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }
    fn formatter(&self) -> &dyn ValueFormatter {
        &Self
    }
}

impl ValueFormatter for PerCell {
    fn scale_values(&self, typical: f64, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_values(typical, values)
    }
    fn scale_throughputs(&self, _: f64, count: &Throughput, values: &mut [f64]) -> &'static str {
        let Throughput::Elements(count) = count else {
            panic!("every case counts elements");
        };
        values.iter_mut().for_each(|value| *value /= *count as f64);
        "ns each"
    }
    fn scale_for_machines(&self, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_for_machines(values)
    }
}

fn measure(criterion: &mut Criterion<PerCell>, group: &str, cases: Vec<Case>) {
    let mut group = criterion.benchmark_group(group);
    for mut case in cases {
        group.throughput(Throughput::Elements(case.count));
        group.bench_function(&case.name, |bencher| bencher.iter(|| (case.run)()));
    }
    group.finish();
}

fn kernels(criterion: &mut Criterion<PerCell>) {
    for tier in Tier::ALL.into_iter().filter(|tier| tier.is_available()) {
        for size in [CHUNK, MICRO] {
            let group = |what: &str| format!("{what} {tier} {}", size.name);
            measure(criterion, &group("bn254"), field_cases::<Fr>(tier, size));
            measure(
                criterion,
                &group("goldilocks2"),
                field_cases::<Goldilocks2>(tier, size),
            );
            measure(criterion, &group("columns"), column_cases(tier, size));
        }
    }
}

fn short() -> Criterion<PerCell> {
    Criterion::default()
        .with_measurement(PerCell)
        .sample_size(20)
        .warm_up_time(Duration::from_millis(60))
        .measurement_time(Duration::from_millis(200))
        .nresamples(2_000)
        .without_plots()
}

criterion_group! {
    name = benches;
    config = short();
    targets = kernels
}
criterion_main!(benches);
