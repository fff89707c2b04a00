//! Checkpoints that another thread stores are those that the pass's own thread stores: the same bytes, the
//! same errors, in the same order, and nothing held that follows the run's length.

#[path = "support/encode.rs"]
mod encode;
#[path = "support/guests.rs"]
mod guests;
#[path = "support/stored.rs"]
mod stored;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use allocation_counter::measure;
use encode::{EBREAK, elf, immediate, text};
use guests::{ALL, Guest};
use tracelane::Program;
use tracelane::checkpoint::{
    CheckpointFile, CheckpointSink, CheckpointSource, CheckpointState, CheckpointWriter,
    MemoryStore, PageContent, RunSummary, StoreError, WrittenPage, partial_path,
};
use tracelane::replay::{FastPass, PassError, fast_pass, fast_pass_within, resume_pass};
use tracelane::vm::{DiscardText, Limits, MemoryKind};

fn pass(interval: u64, background: bool) -> FastPass<'static> {
    FastPass {
        interval,
        background,
        ..FastPass::default()
    }
}

fn subject(name: &str, cycles_log2: u32) -> (Program, Vec<u8>) {
    let guest = Guest::named(name);
    let program = Program::from_elf(&guest.elf()).expect("a guest");
    (program, guest.input(cycles_log2))
}

/// Most pages that one checkpoint of `file` stores.
fn most_pages(file: &CheckpointFile) -> usize {
    let counts = (0..file.count()).map(|index| file.changed_pages(index));
    counts.max().expect("two at the least")
}

#[test]
fn the_file_is_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = |name: &str| fs::read(folder.path().join(name)).expect("a file");
    let mut most = Vec::new();
    let small = ALL.iter().map(|guest| (guest.name, 18, 10));
    for (name, cycles_log2, interval_log2) in small.chain([("btree", 25, 16)]) {
        let (program, input) = subject(name, cycles_log2);
        for interval in [0, 3, 8].map(|more| 1 << (interval_log2 + more)) {
            for background in [false, true] {
                let path = folder.path().join(background.to_string());
                let file = stored::at(&path, &program, &input, &pass(interval, background));
                most.push(most_pages(&file));
            }
            assert!(bytes("false") == bytes("true"), "{name}, {interval}");
        }
    }
    // Checkpoints that are copied, several of a batch and more than one, and such as are not.
    let has = |pages: std::ops::Range<usize>| most.iter().any(|count| pages.contains(count));
    assert!(
        has(1..16) && has(64..257) && has(257..usize::MAX),
        "{most:?}"
    );
}

#[test]
fn a_budget_comes_to_the_same_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let (program, input) = subject("btree", 18);
    let [here, behind] = [false, true].map(|background| {
        let path = folder.path().join(background.to_string());
        let mut create = |identity: &_| CheckpointWriter::create(&path, identity, &input);
        let (pass, text) = (pass(1, background), &mut DiscardText);
        let ran = fast_pass_within(&program, &input, &pass, 2 << 20, &mut create, text);
        drop(ran.expect("room for a few checkpoints"));
        fs::read(&path).expect("a file")
    });
    assert!(here == behind);
}

/// A sink that writes down what it is asked, and fails or panics at one checkpoint.
#[derive(Default)]
struct Diary {
    entries: Vec<String>,
    fails_at: Option<usize>,
    panics: bool,
}

impl CheckpointSink for Diary {
    fn append(
        &mut self,
        state: &CheckpointState,
        written: &mut dyn ExactSizeIterator<Item = WrittenPage<'_>>,
    ) -> Result<(), StoreError> {
        if self.fails_at == Some(self.entries.len()) {
            assert!(!self.panics, "as asked");
            self.entries.push("failed".into());
            return Err(StoreError::Closed {
                path: "a diary".into(),
            });
        }
        let pages = written.map(|page| match page.content {
            PageContent::Bytes(bytes) => format!("{} {}", page.page_index, blake3::hash(bytes)),
            content => format!("{} {content:?}", page.page_index),
        });
        let pages = pages.collect::<Vec<_>>();
        self.entries.push(format!("{state:?} {pages:?}"));
        Ok(())
    }

    fn finish(&mut self, summary: &RunSummary) -> Result<(), StoreError> {
        self.entries.push(format!("{summary:?}"));
        Ok(())
    }

    fn discard(&mut self) {
        self.entries.push("discarded".into());
    }
}

/// What a run says, and what its sink was asked.
fn told(
    program: &Program,
    input: &[u8],
    pass: &FastPass<'_>,
    fails_at: Option<usize>,
) -> (String, Vec<String>) {
    let mut diary = Diary {
        fails_at,
        ..Diary::default()
    };
    let ran = fast_pass(program, input, pass, Some(&mut diary), &mut DiscardText);
    (format!("{ran:?}"), diary.entries)
}

#[test]
fn whatever_ends_a_run_ends_it_the_same_way() {
    let (program, input) = subject("quicksort", 16);
    let both = |limits, fails_at| {
        let [here, behind] = [false, true].map(|background| {
            let pass = FastPass {
                limits,
                ..pass(1 << 9, background)
            };
            told(&program, &input, &pass, fails_at)
        });
        assert!(here == behind, "{}, {}", here.0, behind.0);
        here
    };
    let limits = Limits::default();
    let (ran, entries) = both(limits, None);
    assert!(ran.starts_with("Ok") && entries.len() > 100, "{ran}");
    for fails_at in (0..20).chain([63, 64, 65, entries.len() - 2]) {
        let (ran, entries) = both(limits, Some(fails_at));
        assert!(ran.contains("Closed"), "{ran}");
        assert_eq!(entries.len(), fails_at + 1, "nothing comes behind an error");
    }
    // A checkpoint that can't be stored comes before the limit that would have come later.
    let limited = Limits {
        cycles_max: 5000,
        ..limits
    };
    assert!(both(limited, None).0.contains("CycleLimit"));
    assert!(both(limited, Some(3)).0.contains("Closed"));
    let crowded = Limits {
        memory_bytes_max: 5 << 12,
        ..limits
    };
    let (ran, entries) = both(crowded, None);
    assert!(ran.contains("MemoryLimit"), "{ran}");
    assert!(!entries.contains(&"discarded".into()), "more memory helps");
}

#[test]
fn a_guest_that_fails_has_its_checkpoints_discarded() {
    let mut words = vec![immediate(0, 5, 5, 1); 300];
    words.push(EBREAK);
    let file = elf(0x1_0000, &[text(0x1_0000, &words)], &[]);
    let program = Program::from_elf(&file).expect("a guest");
    let [here, behind] =
        [false, true].map(|background| told(&program, b"", &pass(16, background), None));
    assert!(here == behind);
    assert!(here.0.contains("Trap") && here.1.len() > 10, "{here:?}");
    assert_eq!(here.1.last().map(String::as_str), Some("discarded"));
}

#[test]
fn a_sink_that_panics_is_heard() {
    let (program, input) = subject("sha256", 16);
    let mut diary = Diary {
        fails_at: Some(5),
        panics: true,
        ..Diary::default()
    };
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let pass = pass(1 << 9, true);
        fast_pass(&program, &input, &pass, Some(&mut diary), &mut DiscardText)
    }));
    let panic = ran.expect_err("a panic");
    assert!(
        panic
            .downcast_ref::<&str>()
            .is_some_and(|text| text.contains("as asked"))
    );
}

#[test]
fn what_was_begun_on_one_thread_is_gone_on_with_on_two() {
    let folder = tempfile::tempdir().expect("a folder");
    let (program, input) = subject("btree", 18);
    let interval = 1 << 12;
    let whole = folder.path().join("whole");
    drop(stored::at(&whole, &program, &input, &pass(interval, false)));
    let whole = fs::read(&whole).expect("a file");
    for (first, second) in [(false, true), (true, false), (true, true)] {
        let path = folder.path().join(format!("{first} {second}"));
        let cut = FastPass {
            limits: Limits {
                cycles_max: 150_000,
                ..Limits::default()
            },
            ..pass(interval, first)
        };
        assert!(matches!(
            leave(&path, &program, &input, &cut),
            PassError::Trap(_)
        ));
        assert!(partial_path(&path).exists());
        let identity = cut.identity(&program, &input);
        let (mut writer, prefix) =
            CheckpointWriter::resume(&path, &identity, &input).expect("what was left");
        let prefix = prefix.expect("some checkpoints");
        assert!(prefix.state().cycle + 3 * interval > 150_000, "all of them");
        let (pass, text) = (pass(interval, second), &mut DiscardText);
        resume_pass(&program, &input, &pass, prefix, &mut writer, text).expect("the rest");
        assert!(
            fs::read(&path).expect("a file") == whole,
            "{first}, {second}"
        );
    }
}

/// Runs into a partial file until something ends it.
fn leave(path: &Path, program: &Program, input: &[u8], pass: &FastPass<'_>) -> PassError {
    let identity = pass.identity(program, input);
    let mut writer = CheckpointWriter::create(path, &identity, input).expect("a writer");
    let ran = fast_pass(program, input, pass, Some(&mut writer), &mut DiscardText);
    ran.expect_err("a limit")
}

#[test]
fn the_pass_holds_a_few_batches() {
    // Guest memory is reserved, so that the counter does not see it: what is left is the page table and
    // what is handed over.
    let run = |cycles_log2| {
        let (program, input) = subject("btree", cycles_log2);
        let pass = FastPass {
            memory: MemoryKind::Reserved,
            ..pass(1 << 12, true)
        };
        let mut store = MemoryStore::new(pass.identity(&program, &input), &input);
        let info = measure(|| {
            let ran = fast_pass(&program, &input, &pass, Some(&mut store), &mut DiscardText);
            ran.expect("a run");
        });
        (store.count(), info)
    };
    let ((few, short), (many, long)) = (run(18), run(22));
    assert!(many > 10 * few, "{few} and {many} checkpoints");
    let table = FastPass::default().limits.memory_bytes_max / 4096 * 8 + (1 << 20);
    for info in [short, long] {
        assert!(info.bytes_max < table + (3 << 20), "{info:?}");
    }
    assert!(
        long.count_total < short.count_total + 64,
        "{short:?}, {long:?}"
    );
}
