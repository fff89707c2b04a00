//! Law: the state that `seek` shows before any cycle is the specification's; and what can't be shown
//! is refused.

#[path = "support/guests.rs"]
mod guests;
#[path = "support/random.rs"]
mod random;
#[path = "support/recorded.rs"]
mod recorded;
#[path = "support/spec.rs"]
mod spec;

use random::Random;
use recorded::{Recorded, SMALL};
use spec::{Spec, Step};
use tracelane::checkpoint::{
    CheckpointSink, CheckpointSource, CheckpointState, MemoryStore, PageContent, RunSummary,
    WrittenPage,
};
use tracelane::limits::{INPUT_BASE, OUTPUT_BASE, REGION_HEADER_BYTES};
use tracelane::replay::{ReplayError, ReplayOptions, Run, seek};
use tracelane::vm::MemoryKind;

/// The specification before its first step, with program and input in memory.
fn specification(recorded: &Recorded) -> Spec {
    let program = &recorded.program;
    let mut spec = Spec::new(program.entry(), &[]);
    spec.tohost = program.tohost();
    let mut fill = |address: u32, bytes: &[u8]| {
        for (offset, byte) in bytes.iter().enumerate() {
            spec.put(address + offset as u32, 1, u32::from(*byte));
        }
    };
    for segment in program.segments() {
        fill(segment.address, &segment.file);
    }
    fill(INPUT_BASE, &(recorded.input.len() as u32).to_le_bytes());
    fill(INPUT_BASE + REGION_HEADER_BYTES, &recorded.input);
    for segment in program.segments() {
        let range = u64::from(segment.address)..segment.end();
        match (segment.executable, segment.writable) {
            (true, _) => spec.text = range,
            (false, false) => spec.read_only.push(range),
            (false, true) => {}
        }
    }
    spec
}

/// Everything the specification knows before its next step must be what `seek` shows there.
fn check(run: &Run<'_>, options: &ReplayOptions<'_>, cycle: u64, spec: &Spec) {
    let mut shown = 0;
    seek(run, options, cycle, &mut |state| {
        shown += 1;
        assert_eq!(state.cycle, cycle);
        assert_eq!(state.pc, spec.pc, "pc at {cycle}");
        assert_eq!(*state.registers, spec.registers, "registers at {cycle}");
        assert_eq!(
            state.text_bytes,
            spec.text_output.len() as u64,
            "at {cycle}"
        );
        for &address in spec.memory.keys().filter(|&&address| address % 4 == 0) {
            let expected = spec.get(address, 4);
            assert_eq!(state.word(address), expected, "{address:#x} at {cycle}");
        }
        assert_eq!(
            state.word(INPUT_BASE + 3),
            spec.get(INPUT_BASE, 4),
            "aligned"
        );
        assert_eq!(state.word(OUTPUT_BASE - 4), 0, "never stored");
        assert_eq!(state.word(u32::MAX), 0, "the last word");
    })
    .expect("a cycle of the run");
    assert_eq!(shown, 1);
}

#[test]
fn the_state_before_random_cycles_is_the_specifications() {
    let mut random = Random::new(4);
    for (name, input) in SMALL {
        let recorded = Recorded::new(name, input);
        let rows = recorded.result.cycles;
        let stores = [1 << 16, 1000, 64, 7].map(|interval| recorded.checkpoints(interval));
        let mut cycles: Vec<u64> = (0..48).map(|_| random.below(rows)).collect();
        cycles.extend([0, 1, 63, 64, 1000, rows - 1, rows]);
        cycles.retain(|&cycle| cycle <= rows);
        cycles.sort_unstable();
        let mut spec = specification(&recorded);
        let mut now = 0;
        for (count, cycle) in cycles.into_iter().enumerate() {
            while now < cycle {
                match spec.step() {
                    Step::Next(_) => {}
                    Step::Exit(..) => assert_eq!(now, rows - 1),
                    step => panic!("{step:?}"),
                }
                now += 1;
            }
            let store = &stores[count % stores.len()];
            let run = Run::new(&recorded.program, store).expect("its own program");
            let memory = [MemoryKind::Paged, MemoryKind::Reserved][count / 4 % 2];
            let options = ReplayOptions {
                memory,
                ..ReplayOptions::default()
            };
            check(&run, &options, cycle, &spec);
        }
    }
}

#[test]
fn a_cycle_beyond_the_end_is_refused() {
    let recorded = Recorded::new("sieve", b"200");
    let store = recorded.checkpoints(256);
    let run = Run::new(&recorded.program, &store).expect("its own program");
    let rows = run.rows();
    for cycle in [rows + 1, u64::MAX] {
        let error = seek(&run, &ReplayOptions::default(), cycle, &mut |_| {
            panic!("nothing to show")
        });
        let error = error.expect_err("no such cycle");
        assert!(
            matches!(error, ReplayError::Cycle { count, .. } if count == rows),
            "{error}"
        );
    }
}

/// A copy of `store` in which the state of checkpoint `index` is another.
fn tampered(store: &MemoryStore, index: usize, tamper: fn(&mut CheckpointState)) -> MemoryStore {
    let mut copy = MemoryStore::new(*store.identity(), store.input());
    for checkpoint in 0..store.count() {
        let mut state = store.state(checkpoint);
        if checkpoint == index {
            tamper(&mut state);
        }
        let mut pages = Vec::new();
        store.for_each_changed_page(checkpoint, &mut |page_index, content| {
            let PageContent::Bytes(bytes) = content else {
                panic!("a page that the program has already")
            };
            pages.push((page_index, *bytes));
        });
        let mut written = pages.iter().map(|(page_index, bytes)| WrittenPage {
            page_index: *page_index,
            content: PageContent::Bytes(bytes),
        });
        copy.append(&state, &mut written).expect("memory");
    }
    let summary: RunSummary = *store.summary();
    copy.finish(&summary).expect("memory");
    copy
}

#[test]
fn the_boundary_behind_the_cycle_is_checked() {
    let recorded = Recorded::new("sieve", b"200");
    let store = recorded.checkpoints(256);
    let last = store.count() - 1;
    for (index, cycle) in [(3, 512), (3, 600), (3, 767), (last, run_end(&store))] {
        let lies = tampered(&store, index, |state| state.registers[5] ^= 1);
        let run = Run::new(&recorded.program, &lies).expect("its own program");
        let error = seek(&run, &ReplayOptions::default(), cycle, &mut |_| {});
        let error = error.expect_err("a checkpoint that lies");
        assert!(
            matches!(error, ReplayError::Boundary { checkpoint, .. } if checkpoint == index),
            "{error}"
        );
    }
    let whole = tampered(&store, 0, |_| {});
    let run = Run::new(&recorded.program, &whole).expect("its own program");
    seek(&run, &ReplayOptions::default(), 600, &mut |_| {}).expect("nothing lies");
}

#[test]
fn a_store_that_claims_the_longest_run_there_is_ends_in_an_error() {
    let recorded = Recorded::new("sieve", b"200");
    let store = recorded.checkpoints(u64::MAX);
    let mut claims = MemoryStore::new(*store.identity(), store.input());
    for index in 0..store.count() {
        claims
            .append(&store.state(index), &mut std::iter::empty())
            .expect("memory");
    }
    let summary = RunSummary {
        cycles: u64::MAX,
        ..*store.summary()
    };
    claims.finish(&summary).expect("memory");
    let run = Run::new(&recorded.program, &claims).expect("its own program");
    for cycle in [recorded.result.cycles + 1, u64::MAX - 1, u64::MAX] {
        let error = seek(&run, &ReplayOptions::default(), cycle, &mut |_| {});
        assert!(matches!(error, Err(ReplayError::End { .. })), "{error:?}");
    }
}

fn run_end(store: &MemoryStore) -> u64 {
    store.summary().cycles
}
