//! Laws of replay: whatever the interval, the chunk size, the order and the threads, the rows are
//! those of one eager recording; and a boundary that differs is an error.

#[path = "support/guests.rs"]
mod guests;
#[path = "support/recorded.rs"]
mod recorded;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use recorded::{Recorded, SMALL, all_columns};
use tracelane::checkpoint::{
    CheckpointSource, CheckpointState, MemoryStore, PageContent, PageRun, RunIdentity, RunSummary,
};
use tracelane::limits::PAGE_BYTES;
use tracelane::oracle::{OracleError, PolynomialOracle, StreamingOracle};
use tracelane::replay::divergence::{Comparison, Divergence, Scope, first_divergence};
use tracelane::replay::{ReplayError, ReplayOptions, Replayer, Run, replay_rows};
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane::trace::view::ChunkView;
use tracelane::vm::MemoryKind;

/// Appends a view's columns to `rows`.
fn collect(rows: &mut [Vec<u32>], view: &ChunkView<'_>) {
    for (column, values) in Column::ALL.iter().zip(rows) {
        values.extend(view.column(column.id()));
    }
}

fn replay(run: &Run<'_>, options: &ReplayOptions<'_>, rows: Range<u64>) -> Vec<Vec<u32>> {
    let mut collected = vec![Vec::new(); Column::ALL.len()];
    let visit = &mut |view: &ChunkView<'_>| collect(&mut collected, view);
    replay_rows(run, options, rows, all_columns(), visit).expect("sound checkpoints");
    collected
}

fn part(trace: &[Vec<u32>], rows: Range<u64>) -> Vec<Vec<u32>> {
    trace
        .iter()
        .map(|column| column[rows.start as usize..rows.end as usize].to_vec())
        .collect()
}

#[test]
fn chunks_concatenate_to_the_eager_recording() {
    for (name, input) in SMALL {
        let recorded = Recorded::new(name, input);
        let trace = recorded.trace();
        let rows = recorded.result.cycles;
        for interval in [1, 7, 64, 1 << 10, rows - 1, rows, rows + 1, 1 << 40] {
            let store = recorded.checkpoints(interval);
            let run = Run::new(&recorded.program, &store).expect("its own program");
            for chunk_rows in [1, 7, 64, 2048, rows as usize + 1] {
                for memory in [MemoryKind::Reserved, MemoryKind::Paged] {
                    let options = ReplayOptions {
                        chunk_rows,
                        memory,
                        ..Default::default()
                    };
                    let replayed = replay(&run, &options, 0..rows);
                    assert!(
                        replayed == trace,
                        "{name}, interval {interval}, chunks {chunk_rows}"
                    );
                }
            }
        }
    }
}

#[test]
fn fewer_columns_have_the_same_values() {
    let recorded = Recorded::new("btree", b"12 5");
    let (trace, store) = (recorded.trace(), recorded.checkpoints(100));
    let run = Run::new(&recorded.program, &store).expect("its own program");
    let mut replayer = Replayer::new(&run, &ReplayOptions::default()).expect("a worker");
    let (raw_count, count) = (Column::RAW_COUNT, Column::ALL.len());
    // Every set of raw columns, with no static one, all of them, and each of them alone.
    let statics = 1u32 << count >> raw_count;
    let with = |raw: u32| {
        let alone = (0..count - raw_count).map(|index| 1 << index);
        let statics = [0, statics - 1].into_iter().chain(alone);
        statics.map(move |statics| raw | statics << raw_count)
    };
    for mask in (0..1u32 << raw_count).flat_map(with) {
        let wanted = |column: &&Column| mask >> column.id().index() & 1 == 1;
        let columns: Vec<Column> = Column::ALL.iter().filter(wanted).copied().collect();
        let set: ColumnSet = columns.iter().map(|column| column.id()).collect();
        let visit = &mut |view: &ChunkView<'_>| {
            let rows = view.first_row() as usize..view.first_row() as usize + view.rows();
            for column in &columns {
                let expected = &trace[column.id().index()][rows.clone()];
                assert_eq!(
                    view.column(column.id()),
                    expected,
                    "{} of {mask:#b}",
                    column.name()
                );
            }
        };
        replayer
            .rows(0..1000, set, visit)
            .expect("sound checkpoints");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_padded_rows() {
    for (name, input) in SMALL {
        let recorded = Recorded::new(name, input);
        let padded = recorded.padded_trace();
        for interval in [1, 64, 1 << 30] {
            let store = recorded.checkpoints(interval);
            for threads in [1, 2, 3] {
                let pool = ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .build()
                    .expect("threads");
                for chunk_rows in [1, 64, 1 << 20] {
                    let run = Run::new(&recorded.program, &store).expect("its own program");
                    let options = ReplayOptions {
                        chunk_rows,
                        pool: Some(&pool),
                        ..Default::default()
                    };
                    let oracle = StreamingOracle::new(run, options).expect("workers");
                    let at = format!("{name}, {interval}, {threads} threads, {chunk_rows}");
                    for _ in 0..2 {
                        let swept = oracle.sweep(
                            all_columns(),
                            0,
                            || vec![Vec::new(); Column::ALL.len()],
                            |rows: &mut Vec<Vec<u32>>, view| collect(rows, view),
                            |mut low, high| {
                                low.iter_mut()
                                    .zip(high)
                                    .for_each(|(low, high)| low.extend(high));
                                low
                            },
                        );
                        assert!(swept.expect("sound checkpoints") == padded, "{at}");
                    }
                    assert_eq!(oracle.sweeps(), 2);
                    for row in [0, 1, recorded.result.cycles - 1, padded[0].len() as u64 - 1] {
                        for column in [Column::RdAfter, Column::PcIndex] {
                            let value = oracle.evaluate_index(column.id(), row).expect("a row");
                            assert_eq!(value, padded[column.id().index()][row as usize], "{at}");
                        }
                    }
                }
            }
        }
    }
}

/// One digest a column, over all its values.
fn digests(columns: &[Vec<u32>]) -> Vec<blake3::Hash> {
    let hash = |column: &Vec<u32>| blake3::hash(bytemuck::cast_slice(column));
    columns.iter().map(hash).collect()
}

/// Parts of `count` rows of a run, in an order.
fn parts(rows: u64, count: u64, order: &str) -> Vec<Range<u64>> {
    let starts = (0..rows).step_by(count as usize);
    let mut parts: Vec<_> = starts.map(|at| at..(at + count).min(rows)).collect();
    match order {
        "reverse" => parts.reverse(),
        "random" => parts.sort_by_key(|part| *blake3::hash(&part.start.to_le_bytes()).as_bytes()),
        _ => {}
    }
    parts
}

/// Regenerates parts of a run, each with some rows before it again, by workers that each take every
/// `workers`-th of them.
fn replay_parts(
    run: &Run<'_>,
    options: &ReplayOptions<'_>,
    parts: &[Range<u64>],
    workers: usize,
) -> Vec<(u64, Vec<Vec<u32>>)> {
    const AGAIN_ROWS: u64 = 300;
    let one = |first: usize| {
        let mut replayer = Replayer::new(run, options).expect("a worker");
        let mine = parts.iter().skip(first).step_by(workers);
        mine.map(|part| {
            let start = part.start.saturating_sub(AGAIN_ROWS);
            let mut columns = vec![Vec::new(); Column::ALL.len()];
            let visit = &mut |view: &ChunkView<'_>| collect(&mut columns, view);
            let replayed = replayer.rows(start..part.end, all_columns(), visit);
            replayed.expect("sound checkpoints");
            for column in &mut columns {
                column.drain(..(part.start - start) as usize);
            }
            (part.start, columns)
        })
        .collect::<Vec<_>>()
    };
    (0..workers).into_par_iter().flat_map_iter(one).collect()
}

#[test]
fn every_chunk_size_thread_count_and_order_gives_the_same_digests() {
    let recorded = Recorded::new("bytecode", b"16");
    let rows = recorded.result.cycles;
    assert!(
        rows > 1 << 16,
        "{rows} rows: a chunk of 2^16 is not the whole run"
    );
    let expected = digests(&recorded.trace());
    let store = recorded.checkpoints(1 << 12);
    let run = Run::new(&recorded.program, &store).expect("its own program");
    for threads in [1, 2, 3, 8] {
        let pool = ThreadPoolBuilder::new().num_threads(threads);
        let pool = pool.build().expect("threads");
        for chunk_rows in [1, 2, 63, 64, 100, 1 << 11, 1 << 16, rows as usize + 1] {
            for memory in [MemoryKind::Reserved, MemoryKind::Paged] {
                let options = ReplayOptions {
                    chunk_rows,
                    memory,
                    ..Default::default()
                };
                for order in ["forward", "reverse", "random"] {
                    // Parts that begin inside chunks and intervals.
                    let parts = parts(rows, 9_001, order);
                    let mut replayed =
                        pool.install(|| replay_parts(&run, &options, &parts, threads));
                    replayed.sort_by_key(|(start, _)| *start);
                    let mut columns = vec![Vec::new(); Column::ALL.len()];
                    for (_, part) in replayed {
                        for (column, part) in columns.iter_mut().zip(part) {
                            column.extend(part);
                        }
                    }
                    let at =
                        format!("{threads} threads, chunks of {chunk_rows}, {memory}, {order}");
                    assert!(digests(&columns) == expected, "{at}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// One worker asked for parts in any order, overlapping or not, forwards or backwards, and for
    /// states in between.
    #[test]
    fn any_order_of_parts(
        interval in 1u64..500,
        chunk_rows in 1usize..300,
        paged in any::<bool>(),
        parts in prop::collection::vec((0.0..1.0f64, 0.0..1.0f64, any::<bool>()), 1..12),
    ) {
        let recorded = Recorded::new("quicksort", b"40 7");
        let (trace, store) = (recorded.trace(), recorded.checkpoints(interval));
        let run = Run::new(&recorded.program, &store).expect("its own program");
        let memory = if paged { MemoryKind::Paged } else { MemoryKind::Reserved };
        let options = ReplayOptions { chunk_rows, memory, ..Default::default() };
        let mut replayer = Replayer::new(&run, &options).expect("a worker");
        for (a, b, look) in parts {
            let at = |share: f64| (share * recorded.result.cycles as f64) as u64;
            let rows = at(a.min(b))..at(a.max(b));
            if look {
                let mut pc = 0;
                replayer.seek(at(a), &mut |state| pc = state.pc).expect("sound checkpoints");
                prop_assert_eq!(pc, trace[Column::Pc.id().index()][at(a) as usize]);
            }
            let mut columns = vec![Vec::new(); Column::ALL.len()];
            let visit = &mut |view: &ChunkView<'_>| collect(&mut columns, view);
            replayer.rows(rows.clone(), all_columns(), visit).expect("sound checkpoints");
            prop_assert!(columns == part(&trace, rows));
        }
    }
}

type Tamper = fn(&mut CheckpointState);
type Lie = fn(&mut RunSummary);

/// What is not so of the pages that were written.
#[derive(Clone, Copy, Debug)]
enum Pages {
    Fewer,
    More,
    Others,
    Image,
    Zero,
    Byte,
}

/// Checkpoints of which one says something else.
struct Tampered<'a> {
    store: &'a MemoryStore,
    index: usize,
    tamper: Tamper,
    /// What it says of the first page that was written.
    pages: Option<Pages>,
    summary: RunSummary,
}

impl<'a> Tampered<'a> {
    fn new(store: &'a MemoryStore, index: usize, tamper: Tamper) -> Self {
        Self {
            store,
            index,
            tamper,
            pages: None,
            summary: *store.summary(),
        }
    }
}

impl CheckpointSource for Tampered<'_> {
    fn identity(&self) -> &RunIdentity {
        self.store.identity()
    }
    fn summary(&self) -> &RunSummary {
        &self.summary
    }
    fn input(&self) -> &[u8] {
        self.store.input()
    }
    fn count(&self) -> usize {
        self.store.count()
    }
    fn state(&self, index: usize) -> CheckpointState {
        let mut state = self.store.state(index);
        if index == self.index {
            (self.tamper)(&mut state);
        }
        state
    }
    fn for_each_page(&self, index: usize, visit: &mut dyn FnMut(u32, PageContent<'_>)) {
        self.store.for_each_page(index, visit);
    }
    fn changed_pages(&self, index: usize) -> usize {
        self.store.changed_pages(index)
    }
    fn for_each_changed_page(&self, index: usize, visit: &mut dyn FnMut(u32, PageContent<'_>)) {
        self.store.for_each_changed_page(index, visit);
    }
    fn page(&self, index: usize, page_index: u32) -> PageContent<'_> {
        self.store.page(index, page_index)
    }
    fn for_each_run(
        &self,
        base: Option<usize>,
        index: usize,
        visit: &mut dyn FnMut(u32, PageRun<'_>),
    ) {
        self.store.for_each_run(base, index, visit);
    }
    fn for_each_written_page(&self, index: usize, visit: &mut dyn FnMut(u32, PageContent<'_>)) {
        let mut what = self.pages.filter(|_| index == self.index);
        self.store
            .for_each_written_page(index, &mut |page_index, content| match what.take() {
                None => visit(page_index, content),
                Some(Pages::Fewer) => {}
                Some(Pages::More) => {
                    visit(page_index - 1, PageContent::Zero);
                    visit(page_index, content);
                }
                Some(Pages::Others) => visit(page_index + 1, content),
                Some(Pages::Image) => visit(page_index, PageContent::Image),
                Some(Pages::Zero) => visit(page_index, PageContent::Zero),
                Some(Pages::Byte) => {
                    let PageContent::Bytes(bytes) = content else {
                        panic!("a page of this guest has bytes")
                    };
                    let mut bytes = *bytes;
                    bytes[PAGE_BYTES - 1] ^= 0x80;
                    visit(page_index, PageContent::Bytes(&bytes));
                }
            });
    }
}

#[test]
fn a_replay_ends_exactly_on_the_next_checkpoint() {
    let recorded = Recorded::new("btree", b"12 5");
    let store = recorded.checkpoints(256);
    let last = store.count() - 1;
    let tampers: [(&str, Tamper); 4] = [
        ("pc", |state| state.pc ^= 4),
        ("registers", |state| state.registers[2] ^= 1),
        ("text length", |state| state.text_bytes += 1),
        ("cycle", |state| state.cycle += 1),
    ];
    for (expected, tamper) in &tampers[..3] {
        let tampered = Tampered::new(&store, 0, *tamper);
        let error = Run::new(&recorded.program, &tampered).err();
        let Some(ReplayError::Boundary { what, .. }) = error else {
            panic!("a first checkpoint with another {expected}")
        };
        assert_eq!(what, *expected);
    }
    for index in 1..=last {
        let rows = 256 * (index as u64 - 1)..(256 * index as u64).min(recorded.result.cycles);
        for (expected, tamper) in tampers {
            let tampered = Tampered::new(&store, index, tamper);
            let run = Run::new(&recorded.program, &tampered).expect("its own program");
            let error = replay_rows(
                &run,
                &ReplayOptions::default(),
                rows.clone(),
                all_columns(),
                &mut |_| {},
            )
            .expect_err("a checkpoint that lies");
            let ReplayError::Boundary {
                checkpoint, what, ..
            } = error
            else {
                panic!("{error}")
            };
            assert_eq!((checkpoint, what), (index, expected));
        }
    }
}

#[test]
fn a_replay_has_written_what_the_next_checkpoint_says() {
    let recorded = Recorded::new("btree", b"12 5");
    let store = recorded.checkpoints(256);
    let mut tried = 0;
    for index in 1..store.count() {
        let mut first = None;
        store.for_each_written_page(index, &mut |_, content| {
            first.get_or_insert(matches!(content, PageContent::Bytes(_)));
        });
        if first != Some(true) {
            continue;
        }
        tried += 1;
        use Pages::{Byte, Fewer, Image, More, Others, Zero};
        for pages in [Fewer, More, Others, Image, Zero, Byte] {
            let mut tampered = Tampered::new(&store, index, |_| {});
            tampered.pages = Some(pages);
            let run = Run::new(&recorded.program, &tampered).expect("its own program");
            let start = 256 * (index as u64 - 1);
            let options = ReplayOptions::default();
            let rows = replay_rows(&run, &options, start..start + 1, all_columns(), &mut |_| {});
            let error = rows.expect_err("a checkpoint that lies");
            assert_eq!(boundary(&error), (index, "memory"), "{pages:?}");
        }
    }
    assert!(tried > 5, "{tried} checkpoints");
}

/// Checkpoint and difference of an error at a boundary.
fn boundary(error: &ReplayError) -> (usize, &'static str) {
    match error {
        ReplayError::Boundary { checkpoint, what } => (*checkpoint, what),
        error => panic!("{error}"),
    }
}

#[test]
fn rows_hold_only_if_the_checkpoint_behind_them_does() {
    let recorded = Recorded::new("btree", b"12 5");
    let store = recorded.checkpoints(256);
    let tampered = Tampered::new(&store, 3, |state| state.registers[2] ^= 1);
    let run = Run::new(&recorded.program, &tampered).expect("its own program");
    let sound = Run::new(&recorded.program, &store).expect("its own program");
    for memory in [MemoryKind::Reserved, MemoryKind::Paged] {
        let options = ReplayOptions {
            chunk_rows: 32,
            memory,
            ..Default::default()
        };
        // Ranges that end before the boundary, behind some others that did not.
        let mut replayer = Replayer::new(&run, &options).expect("a worker");
        for rows in [512..513, 600..700, 0..767, 766..767] {
            let replayed = replayer.rows(rows.clone(), all_columns(), &mut |_| {});
            let error = replayed.expect_err("a checkpoint that lies");
            assert_eq!(boundary(&error), (3, "registers"), "{rows:?}");
            replayer
                .rows(0..500, all_columns(), &mut |_| {})
                .expect("before the lie");
        }
        let oracle = StreamingOracle::new(run, options).expect("a worker");
        let value = oracle.evaluate_index(Column::Pc.id(), 600);
        let Err(OracleError::Replay(error)) = value else {
            panic!("a value of rows that may be wrong")
        };
        assert_eq!(boundary(&error), (3, "registers"));
        // Another input: they part long before the boundary that is compared.
        let other = Recorded::new("btree", b"13 5");
        let other_store = other.checkpoints(1 << 20);
        let other_run = Run::new(&other.program, &other_store).expect("its own program");
        let before = first_divergence(&sound, &other_run, &options, Scope::First);
        let Ok(Comparison {
            divergence: Divergence::Row { cycle, .. },
            ..
        }) = before
        else {
            panic!("{before:?}")
        };
        let index = (cycle / 256 + 1) as usize;
        let lies = Tampered::new(&store, index, |state| state.registers[2] ^= 1);
        let lying = Run::new(&recorded.program, &lies).expect("its own program");
        let error = first_divergence(&lying, &other_run, &options, Scope::First);
        let error = error.expect_err("a divergence in front of a lie");
        assert_eq!(boundary(&error), (index, "registers"));
    }
}

#[test]
fn the_end_is_what_the_summary_says() {
    let recorded = Recorded::new("quicksort", b"40 7");
    let store = recorded.checkpoints(256);
    let lies: [(&str, Lie); 4] = [
        ("exit code", |summary| summary.exit_code ^= 1),
        ("text length", |summary| summary.text_bytes += 1),
        ("output", |summary| summary.output_bytes += 1),
        ("output", |summary| summary.output_digest[7] ^= 1),
    ];
    let rows = recorded.result.cycles;
    for (expected, lie) in lies {
        let mut tampered = Tampered::new(&store, 0, |_| {});
        lie(&mut tampered.summary);
        let run = Run::new(&recorded.program, &tampered).expect("its own program");
        let options = ReplayOptions::default();
        let replay = |rows| replay_rows(&run, &options, rows, all_columns(), &mut |_| {});
        let error = replay(rows - 2..rows - 1).expect_err("a lie");
        assert_eq!(boundary(&error), (store.count() - 1, expected));
        replay(0..100).expect("a range before the last interval");
    }
}

#[test]
fn a_replay_is_cancelled_wherever_it_is() {
    let recorded = Recorded::new("btree", b"12 5");
    let store = recorded.checkpoints(1 << 40);
    let run = Run::new(&recorded.program, &store).expect("its own program");
    let cancel = AtomicBool::new(false);
    let options = ReplayOptions {
        chunk_rows: 64,
        cancel: Some(&cancel),
        ..Default::default()
    };
    let mut replayer = Replayer::new(&run, &options).expect("a worker");
    let mut visits = 0;
    let replayed = replayer.rows(0..500, all_columns(), &mut |_| {
        visits += 1;
        cancel.store(true, Ordering::Relaxed);
    });
    assert!(matches!(replayed, Err(ReplayError::Cancelled)));
    assert_eq!(visits, 1, "at the next chunk");
    let looked = replayer.seek(500, &mut |_| panic!("it was cancelled"));
    assert!(matches!(looked, Err(ReplayError::Cancelled)));
    cancel.store(false, Ordering::Relaxed);
    replayer.seek(500, &mut |_| {}).expect("not any more");
    // In front of the boundary, when all rows have been shown.
    let replayed = replayer.rows(0..64, all_columns(), &mut |_| {
        cancel.store(true, Ordering::Relaxed)
    });
    assert!(matches!(replayed, Err(ReplayError::Cancelled)));
}

#[test]
fn rows_and_programs_that_do_not_fit_are_refused() {
    let recorded = Recorded::new("sieve", b"200");
    let store = recorded.checkpoints(256);
    let run = Run::new(&recorded.program, &store).expect("its own program");
    let rows = recorded.result.cycles;
    for range in [0..rows + 1, rows + 1..rows + 1, u64::MAX - 1..u64::MAX] {
        let result = replay_rows(
            &run,
            &ReplayOptions::default(),
            range,
            all_columns(),
            &mut |_| {},
        );
        assert!(matches!(result, Err(ReplayError::Rows { count, .. }) if count == rows));
    }
    let other = Recorded::new("btree", b"12 5");
    let error = Run::new(&other.program, &store)
        .err()
        .expect("another program");
    assert!(matches!(error, ReplayError::Program { .. }), "{error}");
}
