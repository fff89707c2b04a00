//! What becomes of a partial file: work is kept as long as a run can go on with it, and nothing that
//! somebody else left is touched.

#[path = "support/encode.rs"]
mod encode;
#[path = "support/faulty_storage.rs"]
mod faulty_storage;
#[path = "support/guests.rs"]
mod guests;
#[path = "support/recorded.rs"]
mod recorded;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use encode::{EBREAK, elf, immediate, text};
use faulty_storage::{FaultyStorage, Operation};
use recorded::Recorded;
use tracelane::Program;
use tracelane::checkpoint::{
    CheckpointFile, CheckpointSink, CheckpointSource, CheckpointWriter, MemoryStore, StoreError,
    partial_path,
};
use tracelane::replay::{FastPass, PassError, fast_pass, resume_pass};
use tracelane::vm::{DiscardText, Limits};

fn pass() -> FastPass<'static> {
    FastPass {
        interval: 40,
        ..FastPass::default()
    }
}

/// A run, where its file is to stand, and the bytes that it then has.
struct Desk {
    folder: tempfile::TempDir,
    recorded: Recorded,
    path: PathBuf,
    expected: Vec<u8>,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let recorded = Recorded::new("btree", b"24 5");
        let path = folder.path().join("checkpoints");
        let mut desk = Self {
            folder,
            recorded,
            path,
            expected: Vec::new(),
        };
        desk.create(&pass()).expect("nothing fails");
        desk.expected = fs::read(&desk.path).expect("the file");
        fs::remove_file(&desk.path).expect("the file");
        desk
    }

    fn writer(&self) -> Result<CheckpointWriter, StoreError> {
        let identity = pass().identity(&self.recorded.program, &self.recorded.input);
        CheckpointWriter::create(&self.path, &identity, &self.recorded.input)
    }

    fn create(&self, pass: &FastPass<'_>) -> Result<(), PassError> {
        let (program, input) = (&self.recorded.program, &self.recorded.input);
        let mut writer = self.writer()?;
        fast_pass(program, input, pass, Some(&mut writer), &mut DiscardText).map(drop)
    }

    /// Resumes, and says at which cycle.
    fn resume(&self, pass: &FastPass<'_>) -> Result<u64, PassError> {
        let (program, input) = (&self.recorded.program, &self.recorded.input);
        let identity = pass.identity(program, input);
        let (mut writer, prefix) = CheckpointWriter::resume(&self.path, &identity, input)?;
        let cycle = prefix.as_ref().map_or(0, |prefix| prefix.state().cycle);
        let text = &mut DiscardText;
        match prefix {
            Some(prefix) => resume_pass(program, input, pass, prefix, &mut writer, text)?,
            None => fast_pass(program, input, pass, Some(&mut writer), text)?,
        };
        Ok(cycle)
    }

    fn partial(&self) -> PathBuf {
        partial_path(&self.path)
    }

    /// What was left leads to the same file as a run in one piece.
    fn completes(&self, at_least: u64) {
        let cycle = self.resume(&pass()).expect("nothing fails");
        assert!(cycle >= at_least, "went on at {cycle}, not {at_least}");
        assert!(fs::read(&self.path).expect("the file") == self.expected);
        assert_eq!(
            fs::read_dir(self.folder.path()).expect("a folder").count(),
            1
        );
    }
}

#[test]
fn a_cancelled_run_is_gone_on_with() {
    let desk = Desk::new();
    let (cancel, cycles) = (AtomicBool::new(false), AtomicU64::new(0));
    let progress = |more| {
        let now = cycles.fetch_add(more, Ordering::Relaxed) + more;
        cancel.fetch_or(now > 200, Ordering::Relaxed);
    };
    for background in [false, true] {
        cancel.store(false, Ordering::Relaxed);
        cycles.store(0, Ordering::Relaxed);
        let cancelled = FastPass {
            cancel: Some(&cancel),
            progress: Some(&progress),
            background,
            ..pass()
        };
        let error = desk.create(&cancelled).expect_err("cancelled");
        let PassError::Cancelled { cycle } = error else {
            panic!("{error}")
        };
        assert!(!desk.path.exists());
        // All but the last checkpoint, however little of it had reached the disk by then.
        desk.completes(cycle - 2 * pass().interval);
        fs::remove_file(&desk.path).expect("the file");
    }
}

#[test]
fn a_run_is_cancelled_in_an_interval_that_has_no_end() {
    let recorded = Recorded::new("sieve", b"3000000");
    let identity = pass().identity(&recorded.program, &recorded.input);
    let mut store = MemoryStore::new(identity, &recorded.input);
    let (cancel, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    let progress = |_| {
        calls.fetch_add(1, Ordering::Relaxed);
        cancel.store(true, Ordering::Relaxed);
    };
    let pass = FastPass {
        interval: 1 << 40,
        cancel: Some(&cancel),
        progress: Some(&progress),
        ..FastPass::default()
    };
    let (program, input) = (&recorded.program, &recorded.input);
    let ran = fast_pass(program, input, &pass, Some(&mut store), &mut DiscardText);
    let Err(PassError::Cancelled { cycle }) = ran else {
        panic!("{ran:?}")
    };
    assert!(cycle < recorded.result.cycles, "{cycle}");
    assert_eq!(calls.into_inner(), 1, "nothing runs on after that");
}

#[test]
fn a_limit_that_was_too_low_loses_nothing() {
    let desk = Desk::new();
    let limited = |cycles_max| FastPass {
        limits: Limits {
            cycles_max,
            ..Limits::default()
        },
        background: cycles_max != 10,
        ..pass()
    };
    desk.create(&limited(400)).expect_err("a limit");
    let left = fs::read(desk.partial()).expect("what was left");
    for cycles_max in [400, 10, 0] {
        desk.resume(&limited(cycles_max)).expect_err("a limit");
        let now = fs::read(desk.partial()).expect("what was left");
        assert!(now.len() + 3 * 8192 > left.len(), "limit {cycles_max}");
    }
    desk.completes(200);
}

#[test]
fn a_guest_that_failed_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("checkpoints");
    let mut words = vec![immediate(0, 5, 5, 1); 300];
    words.push(EBREAK);
    let program = Program::from_elf(&elf(0x1_0000, &[text(0x1_0000, &words)], &[]));
    let program = program.expect("a guest");
    let identity = pass().identity(&program, b"");
    let mut writer = CheckpointWriter::create(&path, &identity, b"").expect("a writer");
    let ran = fast_pass(&program, b"", &pass(), Some(&mut writer), &mut DiscardText);
    assert!(matches!(ran, Err(PassError::Trap(_))), "{ran:?}");
    drop(writer);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn what_somebody_else_left_is_refused_and_kept() {
    let desk = Desk::new();
    for foreign in [&b"notes"[..], b"x", &[b'n'; 9000], b"\x89PNG\r\n\x1a\n...."] {
        fs::write(desk.partial(), foreign).expect("a file");
        let errors = [
            desk.create(&pass()).expect_err("not ours"),
            desk.resume(&pass()).expect_err("not ours"),
        ];
        for error in errors {
            let PassError::Store(StoreError::Magic { path }) = error else {
                panic!("{error}")
            };
            assert_eq!(path, desk.partial());
            assert_eq!(fs::read(desk.partial()).expect("still there"), foreign);
        }
    }
    // An empty file, and what a crash leaves of one that was begun.
    for ours in [&b""[..], &desk.expected[..5], &[0; 8192]] {
        fs::write(desk.partial(), ours).expect("a file");
        desk.completes(0);
    }
}

#[test]
fn a_file_that_is_thinned_does_not_take_the_place_of_work() {
    let desk = Desk::new();
    let identity = pass().identity(&desk.recorded.program, &desk.recorded.input);
    let create = || CheckpointWriter::create_new(&desk.path, &identity, &desk.recorded.input);
    drop(create().expect("nothing is there"));
    assert!(!desk.partial().exists(), "and nothing is left");
    let half = &desk.expected[..desk.expected.len() / 2];
    fs::write(desk.partial(), half).expect("a partial file");
    let error = create().err().expect("work is there");
    assert!(matches!(error, StoreError::Left { .. }), "{error}");
    assert!(fs::read(desk.partial()).expect("still there") == half);
    desk.completes(1);
}

#[test]
fn what_another_run_left_is_not_gone_on_with_and_not_lost() {
    let desk = Desk::new();
    fs::write(desk.partial(), &desk.expected).expect("a partial file");
    let other = FastPass {
        interval: 41,
        ..FastPass::default()
    };
    let error = desk.resume(&other).expect_err("another run");
    let ours = matches!(
        error,
        PassError::Store(StoreError::OtherRun { interval: 40, .. })
    );
    assert!(ours, "{error}");
    assert!(fs::read(desk.partial()).expect("still there") == desk.expected);
}

#[test]
fn a_second_writer_is_refused_and_harms_nothing() {
    let desk = Desk::new();
    let first = desk.writer().expect("the first");
    let refusals = [desk.create(&pass()), desk.resume(&pass()).map(drop)];
    for refused in refusals {
        let locked = matches!(&refused, Err(PassError::Store(StoreError::Locked { .. })));
        assert!(locked, "{refused:?}");
    }
    drop(first);
    desk.completes(0);
}

#[test]
fn readers_are_let_in_when_the_file_is_there() {
    let desk = Desk::new();
    let (program, input) = (&desk.recorded.program, &desk.recorded.input);
    let mut writer = desk.writer().expect("a writer");
    let partial = CheckpointFile::open(&desk.partial()).expect_err("being written");
    assert!(matches!(partial, StoreError::Locked { .. }), "{partial}");
    fast_pass(program, input, &pass(), Some(&mut writer), &mut DiscardText).expect("a run");
    let reader = CheckpointFile::open(&desk.path).expect("a reader beside the writer");
    let own = writer.into_file().expect("a file");
    let another = CheckpointFile::open(&desk.path).expect("beside the file");
    assert_eq!(reader.count(), own.count());
    assert_eq!(another.count(), own.count());
    // Nobody holds it any longer than that, nor keeps the next writer from the name.
    desk.writer().expect("the next writer");
}

/// Hands the checkpoints of `source` from `first` on to `sink`, without pages.
fn append(
    source: &MemoryStore,
    first: usize,
    sink: &mut CheckpointWriter,
) -> Result<(), StoreError> {
    (first..source.count())
        .try_for_each(|index| sink.append(&source.state(index), &mut std::iter::empty()))
}

#[test]
fn nothing_is_taken_after_a_failure_or_the_end() {
    let desk = Desk::new();
    let store = desk.recorded.checkpoints(40);
    let identity = *store.identity();
    let whole = FaultyStorage::default();
    let create = |storage: &FaultyStorage| {
        let storage = Box::new(storage.clone());
        CheckpointWriter::create_in(storage, &desk.path, &identity, store.input())
    };
    let mut writer = create(&whole).expect("a writer");
    append(&store, 0, &mut writer).expect("room");
    writer.finish(store.summary()).expect("room");
    let bytes = fs::read(&desk.path).expect("the file");
    for refused in [
        append(&store, 0, &mut writer),
        writer.finish(store.summary()),
    ] {
        assert!(
            matches!(refused, Err(StoreError::Closed { .. })),
            "{refused:?}"
        );
    }
    writer.discard();
    drop(writer);
    assert!(fs::read(&desk.path).expect("the file") == bytes);
    fs::remove_file(&desk.path).expect("the file");

    let appends = whole.operations().into_iter().enumerate();
    let appends = appends.filter(|&(_, operation)| operation == Operation::Append);
    let mut failures = 0;
    for (index, _) in appends {
        // That one fails, and the ones behind it would not.
        let storage = FaultyStorage::failing_once(index, ErrorKind::StorageFull);
        let mut writer =
            create(&storage).expect("the first append comes with the first checkpoints");
        if append(&store, 0, &mut writer).is_ok() {
            writer.finish(store.summary()).expect_err("a failure");
        }
        failures += 1;
        let again = append(&store, store.count() - 1, &mut writer);
        assert!(matches!(again, Err(StoreError::Closed { .. })), "{again:?}");
        let finished = writer.finish(store.summary());
        assert!(
            matches!(finished, Err(StoreError::Closed { .. })),
            "{finished:?}"
        );
        drop(writer);
        assert!(!desk.path.exists(), "a file with a hole");
    }
    assert!(failures > 1, "{failures} failing appends");

    let mut memory = MemoryStore::new(identity, store.input());
    memory
        .append(&store.state(0), &mut std::iter::empty())
        .expect("memory");
    memory.finish(store.summary()).expect("memory");
    let again = memory.append(&store.state(0), &mut std::iter::empty());
    assert!(matches!(again, Err(StoreError::Closed { .. })), "{again:?}");
}

#[test]
fn a_short_file_of_something_else_is_called_that() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    let open = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("a file");
        CheckpointFile::open(&path).expect_err("no checkpoints")
    };
    for foreign in [
        &b"notes"[..],
        b"x",
        b"# Tracelane\n\nA data-oriented engine",
        &[0; 100],
    ] {
        let error = open(foreign);
        assert!(matches!(error, StoreError::Magic { .. }), "{error}");
    }
    for cut in [&b""[..], b"\x89", b"\x89TLANE\r\n\x1a\n\0\0\x03\0\0\0"] {
        let error = open(cut);
        assert!(matches!(error, StoreError::Truncated { .. }), "{error}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let desk = Desk::new();
    let identity = FastPass::default().identity(&desk.recorded.program, &desk.recorded.input);
    let path = Path::new("no/such/folder/checkpoints");
    let error = CheckpointWriter::create(path, &identity, &desk.recorded.input)
        .err()
        .expect("no folder");
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert!(error.to_string().contains("no/such/folder"), "{error}");
}
