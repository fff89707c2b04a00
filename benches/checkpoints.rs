//! What checkpoints cost: the pass that leaves them against the plain fast pass, and restoring an
//! image against copying as many bytes.
//!
//! `cargo bench --bench checkpoints`. PERF.md, section C.

#[path = "../tests/support/guests.rs"]
mod guests;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use guests::{ALL, Guest};
use tracelane::Program;
use tracelane::checkpoint::{
    CheckpointFile, CheckpointSink, CheckpointSource, CheckpointWriter, MemoryStore, PageContent,
    WrittenDigest, WrittenPage,
};
use tracelane::limits::PAGE_BYTES;
use tracelane::replay::{FastPass, ReplayOptions, Run, fast_pass, replay_rows};
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane::trace::view::ChunkView;
use tracelane::vm::DiscardText;

/// log2 of the cycles of each guest: enough for a few hundred checkpoints.
const CYCLES_LOG2: u32 = 24;

fn passes(criterion: &mut Criterion) {
    for guest in ALL {
        let program = Program::from_elf(&guest.elf()).expect(guest.name);
        let (input, pass) = (guest.input(CYCLES_LOG2), FastPass::default());
        let run = |sink: Option<&mut dyn CheckpointSink>| {
            let result = fast_pass(&program, &input, &pass, sink, &mut DiscardText);
            result.expect(guest.name).cycles
        };
        let mut group = criterion.benchmark_group(format!("pass of {}", guest.name));
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        group.throughput(Throughput::Elements(run(None)));
        group.bench_function("plain", |bencher| bencher.iter(|| run(None)));
        let identity = pass.identity(&program, &input);
        // What was written is returned, so that giving it back to the system is not timed.
        group.bench_function("checkpoints in a file", |bencher| {
            bencher.iter_batched(
                || CheckpointWriter::scratch(&identity, &input).expect("a scratch file"),
                |mut writer| {
                    run(Some(&mut writer));
                    writer
                },
                BatchSize::PerIteration,
            );
        });
        group.bench_function("checkpoints in memory", |bencher| {
            bencher.iter_batched(
                || MemoryStore::new(identity, &input),
                |mut store| {
                    run(Some(&mut store));
                    store
                },
                BatchSize::PerIteration,
            );
        });
        group.finish();
    }
}

/// Pages of the image that is restored: 64 MiB.
const IMAGE_PAGES: usize = (64 << 20) / PAGE_BYTES;

/// Where they lie: below the input, above everything the guest has.
const FIRST_PAGE: u32 = 0x1000_0000 / PAGE_BYTES as u32;

/// Checkpoints of a run of which the second stores `IMAGE_PAGES` pages more than it wrote.
fn image(program: &Program, input: &[u8], pass: &FastPass<'_>) -> CheckpointFile {
    let identity = pass.identity(program, input);
    let mut store = MemoryStore::new(identity, input);
    fast_pass(program, input, pass, Some(&mut store), &mut DiscardText).expect("a run");
    let mut writer = CheckpointWriter::scratch(&identity, input).expect("a scratch file");
    let pages = vec![[0xA5u8; PAGE_BYTES]; IMAGE_PAGES];
    for index in 0..store.count() {
        let mut written = Vec::new();
        if index == 1 {
            written.extend((0..).zip(&pages).map(|(page, bytes)| WrittenPage {
                page_index: FIRST_PAGE + page,
                digest: *blake3::hash(bytes).as_bytes(),
                content: Some(PageContent::Bytes(bytes)),
            }));
        }
        let mut state = store.state(index);
        let mut digest = WrittenDigest::default();
        written
            .iter()
            .for_each(|page| digest.add(page.page_index, &page.digest));
        state.dirty_digest = digest.finish();
        let appended = writer.append(&state, &mut written.into_iter());
        appended.expect("room on the disk");
    }
    writer.finish(store.summary()).expect("room on the disk");
    writer.into_file().expect("a finished file")
}

fn restores(criterion: &mut Criterion) {
    let guest = Guest::named("sha256");
    let program = Program::from_elf(&guest.elf()).expect("a guest");
    let (input, pass) = (guest.input(18), FastPass::default());
    let file = image(&program, &input, &pass);
    let run = Run::new(&program, &file).expect("its own program");
    let set: ColumnSet = [Column::PcIndex.id()].into_iter().collect();
    let mut group = criterion.benchmark_group("restore 64 MiB");
    group.sampling_mode(SamplingMode::Flat).sample_size(15);
    group.throughput(Throughput::Bytes((IMAGE_PAGES * PAGE_BYTES) as u64));
    // A machine of its own each time, and one row behind the checkpoint.
    group.bench_function("into a new machine", |bencher| {
        let rows = pass.interval..pass.interval + 1;
        bencher.iter(|| {
            let mut visit = |view: &ChunkView<'_>| {
                black_box(view.rows());
            };
            replay_rows(
                &run,
                &ReplayOptions::default(),
                rows.clone(),
                set,
                &mut visit,
            )
        });
    });
    let image = vec![0xA5u8; IMAGE_PAGES * PAGE_BYTES];
    group.bench_function("copy into new memory", |bencher| {
        bencher.iter(|| black_box(image.clone()));
    });
    let mut to = image.clone();
    group.bench_function("copy into memory in use", |bencher| {
        bencher.iter(|| black_box(&mut to).copy_from_slice(black_box(&image)));
    });
    group.finish();
}

criterion_group!(benches, passes, restores);
criterion_main!(benches);
