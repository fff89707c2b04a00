//! Law: once its workers are built, an oracle's sweeps allocate nothing, from the first one on, whichever
//! memory the guest has and whoever's threads do the work.
//!
//! Allocations of the whole process are counted, so this file has one test.

#[path = "support/guests.rs"]
mod guests;
#[path = "support/stored.rs"]
mod stored;

use std::alloc::System;

use guests::Guest;
use rayon::{ThreadPool, ThreadPoolBuilder};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tracelane::Program;
use tracelane::oracle::{PolynomialOracle, StreamingOracle};
use tracelane::replay::{FastPass, ReplayOptions, Run};
use tracelane::trace::columns::{Column, ColumnSet};
use tracelane::vm::MemoryKind;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A pool whose threads have all looked for work once, which is when each of them sets up its part of
/// the pool's queues.
fn pool(threads: usize) -> ThreadPool {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.expect("threads");
    pool.broadcast(|_| rayon::yield_now());
    pool.install(|| {});
    pool
}

/// Runs `work` and says how often anything was allocated or grown meanwhile.
fn allocations(work: impl FnOnce()) -> usize {
    let region = Region::new(ALLOCATOR);
    work();
    let change = region.change();
    change.allocations + change.reallocations
}

#[test]
fn a_sweep_allocates_nothing_after_its_workers_are_built() {
    assert!(
        allocations(|| drop(std::hint::black_box(vec![1u8; 100]))) > 0,
        "it counts"
    );
    let pools = [pool(1), pool(2)];
    // Heap, stack, host calls, output; a tree whose pages are written in no order.
    for (name, interval) in [
        ("bytecode", 1 << 14),
        ("btree", 1 << 12),
        ("btree", 1 << 30),
    ] {
        let guest = Guest::named(name);
        let program = Program::from_elf(&guest.elf()).expect("a guest");
        let pass = FastPass {
            interval,
            ..FastPass::default()
        };
        let file = stored::scratch(&program, &guest.input(18), &pass);
        for memory in [MemoryKind::Paged, MemoryKind::Reserved] {
            for pool in [None, Some(&pools[0]), Some(&pools[1])] {
                let options = ReplayOptions {
                    memory,
                    pool,
                    ..ReplayOptions::default()
                };
                let run = Run::new(&program, &file).expect("its own program");
                let oracle = StreamingOracle::new(run, options).expect("workers");
                let threads = options.workers();
                for sweep in ["first", "second"] {
                    let mut swept = None;
                    let count = allocations(|| {
                        swept = Some(oracle.sweep(
                            ColumnSet::first(Column::ALL.len()),
                            0,
                            || 0,
                            |rows: &mut u64, view| *rows += view.rows() as u64,
                            |low, high| low + high,
                        ));
                    });
                    let rows = swept.expect("an answer").expect("sound checkpoints");
                    assert_eq!(rows, 1 << oracle.num_vars());
                    assert_eq!(
                        count, 0,
                        "{name}, {memory}, {threads} threads, {sweep} sweep"
                    );
                }
            }
        }
    }
}
