//! How large a checkpoint file is, is the user's choice: thinned files are those of wider intervals,
//! and a byte budget is kept by the shortest interval that keeps it.

#[path = "support/encode.rs"]
mod encode;
#[path = "support/flipping.rs"]
mod flipping;
#[path = "support/guests.rs"]
mod guests;
#[path = "support/recorded.rs"]
mod recorded;

use std::collections::HashMap;
use std::fs;
use std::num::NonZeroU64;
use std::path::Path;

use recorded::{Recorded, SMALL, all_columns};
use tracelane::checkpoint::{
    CheckpointFile, CheckpointSource, CheckpointWriter, PageContent, StoreError, partial_path,
    thin, thinned_identity,
};
use tracelane::limits::INTERVAL_CYCLES_MIN;
use tracelane::replay::{
    FastPass, PassError, ReplayOptions, Run, fast_pass, fast_pass_within, replay_rows,
};
use tracelane::vm::{DiscardText, TextSink};

fn write(recorded: &Recorded, path: &Path, interval: u64) -> CheckpointFile {
    let (program, input) = (&recorded.program, &recorded.input);
    let pass = FastPass {
        interval,
        ..FastPass::default()
    };
    let identity = pass.identity(program, input);
    let mut writer = CheckpointWriter::create(path, &identity, input).expect("a writer");
    fast_pass(program, input, &pass, Some(&mut writer), &mut DiscardText).expect("it ran before");
    writer.into_file().expect("a file")
}

fn thinned(source: &CheckpointFile, every: u64, path: &Path) -> CheckpointFile {
    let every = NonZeroU64::new(every).expect("at least 1");
    let identity = thinned_identity(source, every).expect("a small interval");
    let mut writer = CheckpointWriter::create(path, &identity, source.input()).expect("a writer");
    thin(source, every, &mut writer).expect("a thinned file");
    drop(writer);
    CheckpointFile::open(path).expect("a file that passes every check")
}

#[test]
fn a_thinned_file_is_that_of_the_wider_interval() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let flipping = Recorded::of("flipping", &flipping::flipping(120), b"");
    let small = SMALL.map(|(name, input)| (name, Recorded::new(name, input)));
    for (name, recorded) in small.into_iter().chain([("flipping", flipping)]) {
        let source = write(&recorded, &at("source"), 16);
        for every in [1, 2, 3, 7, 64, 1 << 20] {
            let thin = thinned(&source, every, &at("thin"));
            write(&recorded, &at("fresh"), 16 * every);
            let [thin_bytes, fresh] =
                ["thin", "fresh"].map(|name| fs::read(at(name)).expect("a file"));
            assert!(thin_bytes == fresh, "{name}, every {every}");
            let again = thinned(&thin, 2, &at("again"));
            assert_eq!(again.identity().interval, 32 * every);
            let run = Run::new(&recorded.program, &again).expect("its own program");
            let rows = 0..recorded.result.cycles;
            let options = ReplayOptions::default();
            let replayed = replay_rows(&run, &options, rows, all_columns(), &mut |_| {});
            replayed.expect("every boundary fits");
        }
    }
}

#[test]
fn no_page_is_stored_that_the_program_or_the_file_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let recorded = Recorded::of("flipping", &flipping::flipping(400), b"");
    for interval in [5, 10, 35] {
        let path = folder.path().join("file");
        let file = write(&recorded, &path, interval);
        let mut stored: HashMap<u32, Vec<[u8; 32]>> = HashMap::new();
        let mut kinds = [0; 4];
        for index in 0..file.count() {
            file.for_each_changed_page(index, &mut |page_index, content| match content {
                PageContent::Image => kinds[0] += 1,
                PageContent::Zero => kinds[1] += 1,
                PageContent::Bytes(bytes) => {
                    assert!(bytes.iter().any(|&byte| byte != 0), "zeros");
                    let digest = *blake3::hash(bytes).as_bytes();
                    let before = stored.entry(page_index).or_default();
                    kinds[2 + usize::from(before.last() != Some(&digest))] += 1;
                    if before.last() != Some(&digest) {
                        before.push(digest);
                    }
                }
            });
        }
        assert!(
            kinds.iter().all(|&count| count > 3),
            "all kinds occur: {kinds:?}"
        );
        // A header, 12 KiB more at the most, and what is stored: one page a digest that is new.
        let heads = (file.count() * 4096) as u64;
        let pages = file.file_bytes() - heads - 3 * 4096;
        let new: usize = stored.values().map(Vec::len).sum();
        assert!(
            pages <= (new * 4096) as u64,
            "{pages} bytes for {new} pages"
        );
    }
}

#[test]
fn a_file_may_be_thinned_in_its_own_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, other) = (folder.path().join("file"), folder.path().join("other"));
    let recorded = Recorded::new("btree", b"24 5");
    let source = write(&recorded, &path, 64);
    drop(thinned(&source, 4, &path));
    drop(thinned(&source, 4, &other));
    assert!(fs::read(&path).expect("a file") == fs::read(&other).expect("a file"));
}

/// Text as it came.
#[derive(Default)]
struct Text(Vec<u8>);

impl TextSink for Text {
    fn write_text(&mut self, _descriptor: u32, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

#[test]
fn a_budget_is_kept_by_the_shortest_interval_that_keeps_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, other) = (folder.path().join("file"), folder.path().join("other"));
    let recorded = Recorded::new("bytecode", b"300");
    let (program, input) = (&recorded.program, &recorded.input);
    let (mut expected, pass) = (Text::default(), FastPass::default());
    fast_pass(program, input, &pass, None, &mut expected).expect("it ran before");
    let smallest = write(&recorded, &other, 1 << 40).file_bytes();
    let mut intervals = Vec::new();
    for budget in [smallest, smallest + 100_000, 400_000, 4 << 20] {
        let mut text = Text::default();
        let mut create = |identity: &_| CheckpointWriter::create(&path, identity, input);
        let (result, writer) =
            fast_pass_within(program, input, &pass, budget, &mut create, &mut text)
                .expect("a budget that can be kept");
        assert_eq!(result, recorded.result);
        assert!(text.0 == expected.0, "text is shown once");
        let file = writer.into_file().expect("a file");
        let interval = file.identity().interval;
        assert!(file.file_bytes() <= budget, "{interval}");
        if interval > INTERVAL_CYCLES_MIN {
            let shorter = write(&recorded, &other, interval / 2).file_bytes();
            assert!(shorter > budget, "{interval} for {budget}");
        }
        write(&recorded, &other, interval);
        assert!(fs::read(&path).expect("a file") == fs::read(&other).expect("a file"));
        intervals.push(interval);
    }
    assert!(intervals.is_sorted_by(|a, b| a >= b), "{intervals:?}");
    assert!(intervals[0] > intervals[3], "{intervals:?}");
}

#[test]
fn a_budget_that_nothing_keeps_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    let recorded = Recorded::new("bytecode", b"300");
    let (program, input) = (&recorded.program, &recorded.input);
    for budget in [0, 4096, 12_288, 16_384] {
        let mut create = |identity: &_| CheckpointWriter::create(&path, identity, input);
        let pass = FastPass::default();
        let outcome =
            fast_pass_within(program, input, &pass, budget, &mut create, &mut DiscardText);
        let Err(PassError::Store(StoreError::Budget { expected, .. })) = outcome else {
            panic!("{budget} bytes can't be enough")
        };
        assert_eq!(expected, budget);
        assert!(!path.exists() && !partial_path(&path).exists());
    }
}
