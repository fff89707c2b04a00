//! Laws of the streaming oracle: neither threads, chunks nor memory change a column; a single value
//! is regenerated once; who asks too much at a time, or no longer wants an answer, is told so and
//! never left waiting.

#[path = "support/guests.rs"]
mod guests;
#[path = "support/recorded.rs"]
mod recorded;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::{ThreadPool, ThreadPoolBuilder};
use recorded::{Recorded, all_columns};
use tracelane::checkpoint::MemoryStore;
use tracelane::limits::CHUNK_ROWS;
use tracelane::oracle::{OracleError, PolynomialOracle, StreamingOracle};
use tracelane::replay::{ReplayError, ReplayOptions, Run};
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane::vm::MemoryKind;

/// A run of more than 2^16 cycles, and its checkpoints.
fn run() -> (Recorded, MemoryStore) {
    let recorded = Recorded::new("bytecode", b"16");
    assert!(
        recorded.result.cycles > 1 << 16,
        "more than a chunk of 2^16"
    );
    let store = recorded.checkpoints(1 << 12);
    (recorded, store)
}

fn pool(threads: usize) -> ThreadPool {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    pool.expect("threads")
}

/// The sum of one column over all rows.
fn sum(oracle: &StreamingOracle<'_>) -> Result<u64, OracleError> {
    let id = Column::RdAfter.id();
    oracle.sweep(
        ColumnSet::EMPTY.with(id),
        0,
        || 0,
        |sum: &mut u64, view| *sum += view.column(id).iter().copied().map(u64::from).sum::<u64>(),
        |low, high| low + high,
    )
}

/// A digest of every column, over all its values in order.
fn digests(oracle: &StreamingOracle<'_>) -> Vec<blake3::Hash> {
    let swept = oracle.sweep(
        all_columns(),
        0,
        || vec![Vec::new(); Column::ALL.len()],
        |columns: &mut Vec<Vec<u32>>, view| {
            for (id, values) in all_columns().iter().zip(columns) {
                values.extend_from_slice(view.column(id));
            }
        },
        |mut low, high| {
            for (low, high) in low.iter_mut().zip(high) {
                low.extend(high);
            }
            low
        },
    );
    let columns = swept.expect("sound checkpoints");
    columns.iter().map(|column| digest(column)).collect()
}

fn digest(values: &[u32]) -> blake3::Hash {
    blake3::hash(bytemuck::cast_slice(values))
}

#[test]
fn threads_chunks_and_memory_change_no_column() {
    let (recorded, store) = run();
    let expected: Vec<_> = recorded
        .padded_trace()
        .iter()
        .map(|column| digest(column))
        .collect();
    let run = Run::new(&recorded.program, &store).expect("its own program");
    for threads in [1, 2, 3, 8] {
        let pool = pool(threads);
        for chunk_rows in [1, 2, 64, 1 << 11, 1 << 16, 1 << 20] {
            for memory in [MemoryKind::Reserved, MemoryKind::Paged] {
                let handed_out = AtomicU64::new(0);
                let progress = |rows| {
                    handed_out.fetch_add(rows, Ordering::Relaxed);
                };
                let options = ReplayOptions {
                    chunk_rows,
                    memory,
                    pool: Some(&pool),
                    progress: Some(&progress),
                    ..ReplayOptions::default()
                };
                let oracle = StreamingOracle::new(run, options).expect("workers");
                let at = format!("{threads} threads, chunks of {chunk_rows}, {memory}");
                assert!(digests(&oracle) == expected, "{at}");
                let rows = handed_out.load(Ordering::Relaxed);
                assert_eq!(rows, recorded.result.cycles, "rows in the progress, {at}");
            }
        }
    }
}

#[test]
fn a_cancelled_sweep_stops_at_the_next_chunk_and_spoils_nothing() {
    let (recorded, store) = run();
    let run = Run::new(&recorded.program, &store).expect("its own program");
    for threads in [1, 3] {
        let (cancel, chunks, handed_out) =
            (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
        let progress = |rows| {
            handed_out.fetch_add(rows, Ordering::Relaxed);
        };
        let pool = pool(threads);
        let options = ReplayOptions {
            pool: Some(&pool),
            cancel: Some(&cancel),
            progress: Some(&progress),
            ..ReplayOptions::default()
        };
        let oracle = StreamingOracle::new(run, options).expect("workers");
        let expected = sum(&oracle).expect("not cancelled");
        handed_out.store(0, Ordering::Relaxed);
        let swept = oracle.sweep(
            ColumnSet::EMPTY.with(Column::Pc.id()),
            0,
            || (),
            |(), _| {
                if chunks.fetch_add(1, Ordering::Relaxed) == 4 {
                    cancel.store(true, Ordering::Relaxed);
                }
            },
            |(), ()| (),
        );
        let Err(OracleError::Replay(ReplayError::Cancelled)) = swept else {
            panic!("cancelled, not {swept:?}")
        };
        let chunks = chunks.into_inner();
        let all = (1u64 << oracle.num_vars()) / CHUNK_ROWS as u64;
        // Whoever raised it did not go on; others may have been some chunks ahead.
        assert!(chunks >= 5 && chunks < all, "{chunks} of {all}");
        assert!(threads > 1 || chunks == 5, "{chunks}");
        let rows = handed_out.load(Ordering::Relaxed);
        assert!(rows <= chunks * CHUNK_ROWS as u64 && rows < recorded.result.cycles);
        assert!(matches!(
            oracle.evaluate_index(Column::Pc.id(), 0),
            Err(OracleError::Replay(ReplayError::Cancelled))
        ));
        cancel.store(false, Ordering::Relaxed);
        assert_eq!(sum(&oracle).expect("no longer cancelled"), expected);
    }
}

#[test]
fn a_single_value_is_regenerated_once_and_eight_chunks_are_kept() {
    let (recorded, store) = run();
    let trace = recorded.padded_trace();
    let run = Run::new(&recorded.program, &store).expect("its own program");
    // Chunks that are larger than those kept, as large, and smaller.
    for (chunk_rows, kept_rows) in [(1 << 16, CHUNK_ROWS), (CHUNK_ROWS, CHUNK_ROWS), (64, 64)] {
        let regenerated = AtomicU64::new(0);
        let progress = |rows| {
            regenerated.fetch_add(rows, Ordering::Relaxed);
        };
        let options = ReplayOptions {
            chunk_rows,
            progress: Some(&progress),
            ..ReplayOptions::default()
        };
        let oracle = StreamingOracle::new(run, options).expect("a worker");
        let rows = kept_rows as u64;
        // Looks at a row of chunk `chunk`, and says how many rows were regenerated for that.
        let look = |chunk: u64, offset: u64, column: Column| {
            let before = regenerated.load(Ordering::Relaxed);
            let row = chunk * rows + offset;
            let value = oracle.evaluate_index(column.id(), row).expect("a row");
            assert_eq!(value, trace[column.id().index()][row as usize], "row {row}");
            regenerated.load(Ordering::Relaxed) - before
        };
        assert_eq!(look(0, 5, Column::Pc), rows, "the first time");
        assert_eq!(look(0, 5, Column::Pc), 0, "the second time");
        assert_eq!(look(0, 0, Column::RdAfter), 0, "its neighbours too");
        assert_eq!(look(0, rows - 1, Column::Opcode), 0);
        for chunk in 1..8 {
            assert_eq!(look(chunk, 1, Column::NextPc), rows, "chunk {chunk}");
        }
        assert_eq!(look(0, 1, Column::NextPc), 0, "eight are kept");
        assert_eq!(look(8, 1, Column::NextPc), rows, "instead of chunk 1");
        assert_eq!(
            look(0, 1, Column::NextPc),
            0,
            "which was not used for longer"
        );
        assert_eq!(look(2, 1, Column::NextPc), 0);
        assert_eq!(look(1, 1, Column::NextPc), rows, "instead of chunk 3");
        assert_eq!(look(3, 1, Column::NextPc), rows, "instead of chunk 4");
        // Padding costs no regenerated row.
        let last = (1u64 << oracle.num_vars()) / rows - 1;
        assert_eq!(look(last, rows - 1, Column::PcIndex), 0);
    }
}

#[test]
fn values_can_be_looked_up_inside_a_sweep() {
    let (recorded, store) = run();
    let trace = recorded.padded_trace();
    let run = Run::new(&recorded.program, &store).expect("its own program");
    for threads in [0, 1, 3] {
        let pool = (threads > 0).then(|| pool(threads));
        let options = ReplayOptions {
            pool: pool.as_ref(),
            ..ReplayOptions::default()
        };
        let oracle = StreamingOracle::new(run, options).expect("workers");
        let id = Column::Rs1Value.id();
        // Every chunk's first row against a row of the other half.
        let half = 1u64 << (oracle.num_vars() - 1);
        let wrong = oracle.sweep(
            ColumnSet::EMPTY.with(id),
            0,
            || 0,
            |wrong: &mut u32, view| {
                let row = view.first_row() ^ half;
                for (row, known) in [(view.first_row(), Some(view.column(id)[0])), (row, None)] {
                    let value = oracle.evaluate_index(id, row).expect("a row");
                    let expected = trace[id.index()][row as usize];
                    *wrong += u32::from(value != expected || known.is_some_and(|v| v != value));
                }
            },
            |low, high| low + high,
        );
        assert_eq!(wrong.expect("sound checkpoints"), 0, "{threads} threads");
    }
}

#[test]
fn a_sweep_inside_a_sweep_is_refused() {
    let (recorded, store) = run();
    let run = Run::new(&recorded.program, &store).expect("its own program");
    for threads in [0, 1, 3] {
        let pool = (threads > 0).then(|| pool(threads));
        let options = ReplayOptions {
            pool: pool.as_ref(),
            ..ReplayOptions::default()
        };
        let oracle = StreamingOracle::new(run, options).expect("workers");
        let expected = sum(&oracle).expect("nobody else asks");
        let answers = Mutex::new(Vec::new());
        let outer = oracle.sweep(
            ColumnSet::EMPTY.with(Column::Pc.id()),
            0,
            || 0,
            |chunks: &mut usize, _| {
                *chunks += 1;
                answers.lock().expect("nobody panicked").push(sum(&oracle));
            },
            |low, high| low + high,
        );
        let answers = answers.into_inner().expect("nobody panicked");
        assert_eq!(answers.len(), outer.expect("the outer one goes on"));
        assert!(
            answers
                .iter()
                .all(|answer| matches!(answer, Err(OracleError::Busy)))
        );
        assert_eq!(oracle.sweeps(), 2, "what was refused is no sweep");
        assert_eq!(sum(&oracle).expect("free again"), expected);
    }
}

#[test]
fn sweeps_of_one_oracle_in_one_pool_do_not_wait_for_each_other() {
    let (recorded, store) = run();
    let run = Run::new(&recorded.program, &store).expect("its own program");
    let pool = pool(2);
    let options = ReplayOptions {
        pool: Some(&pool),
        ..ReplayOptions::default()
    };
    let oracle = StreamingOracle::new(run, options).expect("workers");
    let expected = sum(&oracle).expect("nobody else asks");
    let half = 1u64 << (oracle.num_vars() - 1);
    let wait_for = |flag: &AtomicBool| {
        while !flag.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
    };
    for _ in 0..20 {
        let (begun, answered) = (AtomicBool::new(false), AtomicBool::new(false));
        let (mut first, mut second) = (None, None);
        // Two tasks of the pool that sweep with the pool. The first goes on beyond its half when the
        // second has its answer, so that whoever waits for that half has the second to do meanwhile.
        pool.scope(|scope| {
            scope.spawn(|_| {
                first = Some(oracle.sweep(
                    ColumnSet::EMPTY.with(Column::Pc.id()),
                    0,
                    || 0,
                    |rows: &mut u64, view| {
                        begun.store(true, Ordering::Release);
                        if view.first_row() == half {
                            wait_for(&answered);
                        }
                        *rows += view.rows() as u64;
                    },
                    |low, high| low + high,
                ));
            });
            scope.spawn(|_| {
                wait_for(&begun);
                second = Some(sum(&oracle));
                answered.store(true, Ordering::Release);
            });
        });
        let first = first.expect("an answer").expect("the one that came first");
        assert_eq!(first, 2 * half);
        let second = second.expect("an answer");
        assert!(matches!(second, Err(OracleError::Busy)), "{second:?}");
        assert_eq!(sum(&oracle).expect("free again"), expected);
    }
}

#[test]
fn a_closure_that_panics_leaves_the_oracle_usable() {
    let (recorded, store) = run();
    let run = Run::new(&recorded.program, &store).expect("its own program");
    let oracle = StreamingOracle::new(run, ReplayOptions::default()).expect("a worker");
    let expected = sum(&oracle).expect("nobody else asks");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        oracle.sweep(
            all_columns(),
            0,
            || (),
            |(), view| assert!(view.first_row() < 10_000, "as intended"),
            |(), ()| (),
        )
    }));
    assert!(panicked.is_err());
    assert_eq!(sum(&oracle).expect("free again"), expected);
}
