//! Laws of the checkpoint file: it says what the store in memory says, no byte of it is free, and
//! nothing unfinished ever stands under its name.

#[path = "support/encode.rs"]
mod encode;
#[path = "support/flipping.rs"]
mod flipping;
#[path = "support/guests.rs"]
mod guests;
#[path = "support/recorded.rs"]
mod recorded;
#[path = "support/stored.rs"]
mod stored;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use guests::Guest;
use recorded::{Recorded, all_columns};
use tracelane::Program;
use tracelane::checkpoint::{
    CheckpointFile, CheckpointSource, CheckpointWriter, PageContent, StoreError, partial_path,
};
use tracelane::limits::PAGE_BYTES;
use tracelane::replay::{FastPass, PassError, ReplayOptions, Run, fast_pass, replay_rows};
use tracelane::trace::columns::Column;
use tracelane::vm::{DiscardText, Limits};

const INTERVAL: u64 = 500;

/// Writes the checkpoints of `recorded` to `path`.
fn write(recorded: &Recorded, path: &Path) -> CheckpointFile {
    let pass = FastPass {
        interval: INTERVAL,
        ..FastPass::default()
    };
    let (program, input) = (&recorded.program, recorded.input.as_slice());
    let mut writer =
        CheckpointWriter::create(path, &pass.identity(program, input), input).expect("a writer");
    fast_pass(program, input, &pass, Some(&mut writer), &mut DiscardText).expect("it ran before");
    writer.into_file().expect("a finished file")
}

/// Everything a source says.
fn contents(source: &dyn CheckpointSource) -> Vec<String> {
    let mut lines = vec![format!("{:?} {:?}", source.identity(), source.summary())];
    lines.push(format!("{:?}", source.input()));
    for index in 0..source.count() {
        lines.push(format!(
            "{:?} {}",
            source.state(index),
            source.changed_pages(index)
        ));
        let mut pages = Vec::new();
        source.for_each_page(index, &mut |page, content| {
            lines.push(format!("{page} {content:?}"));
            pages.push(match content {
                PageContent::Bytes(bytes) => (page, false, *bytes),
                content => (page, content == PageContent::Image, [0; PAGE_BYTES]),
            });
        });
        let runs = runs(source, None, index).concat();
        assert!(runs == pages, "checkpoint {index}");
        source.for_each_changed_page(index, &mut |page, content| {
            assert!(content == source.page(index, page), "page {page}");
            lines.push(format!("changed {page} {content:?}"));
        });
        source.for_each_written_page(index, &mut |page, content| {
            assert!(content == source.page(index, page), "page {page}");
            lines.push(format!("written {page} {content:?}"));
        });
    }
    lines
}

/// Page number, whether it is as the program leaves it, and bytes of the pages of each run.
fn runs(
    source: &dyn CheckpointSource,
    base: Option<usize>,
    index: usize,
) -> Vec<Vec<(u32, bool, [u8; PAGE_BYTES])>> {
    let mut runs = Vec::new();
    source.for_each_run(base, index, &mut |first, run| {
        let pages = (0..run.count()).map(|n| {
            let mut bytes = [0xFF; PAGE_BYTES];
            // In two pieces.
            let (left, right) = bytes.split_at_mut(1000);
            run.copy(n * PAGE_BYTES, left);
            run.copy(n * PAGE_BYTES + 1000, right);
            (first + n as u32, run.is_image(), bytes)
        });
        runs.push(pages.collect());
    });
    runs
}

/// The pages at a checkpoint that are not as the program leaves them.
fn image(source: &dyn CheckpointSource, index: usize) -> BTreeMap<u32, [u8; PAGE_BYTES]> {
    let pages = runs(source, None, index).concat().into_iter();
    let pages = pages.filter(|(_, is_image, _)| !is_image);
    pages.map(|(page, _, bytes)| (page, bytes)).collect()
}

#[test]
fn what_differs_between_two_checkpoints_makes_one_the_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let recorded = Recorded::of("flipping", &flipping::flipping(60), b"");
    let (program, input) = (&recorded.program, &recorded.input);
    let pass = FastPass {
        interval: 20,
        ..FastPass::default()
    };
    let file = stored::at(&folder.path().join("flipping"), program, input, &pass);
    let store = recorded.checkpoints(pass.interval);
    let sources: [&dyn CheckpointSource; 2] = [&file, &store];
    let mut kinds = [0; 3];
    for source in sources {
        let images: Vec<_> = (0..source.count()).map(|i| image(source, i)).collect();
        for (base, index) in
            (0..source.count()).flat_map(|a| (0..source.count()).map(move |b| (a, b)))
        {
            let mut pages = images[base].clone();
            let others = runs(source, Some(base), index).concat();
            assert!(base != index || others.is_empty());
            for (page, is_image, bytes) in others {
                kinds[if is_image {
                    0
                } else {
                    1 + usize::from(bytes != [0; PAGE_BYTES])
                }] += 1;
                match is_image {
                    true => pages.remove(&page),
                    false => pages.insert(page, bytes),
                };
            }
            assert!(pages == images[index], "{base} to {index}");
        }
    }
    assert!(kinds.iter().all(|&count| count > 3), "all kinds: {kinds:?}");
}

#[test]
fn pages_that_lie_together_come_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = Program::from_elf(&Guest::named("sieve").elf()).expect("a guest");
    let pass = FastPass {
        interval: 1 << 16,
        ..FastPass::default()
    };
    let file = stored::at(&folder.path().join("sieve"), &program, b"300000", &pass);
    let last = runs(&file, None, file.count() - 1);
    assert!(last.iter().any(|run| run.len() > 1) && last.len() > 1);
    // As much of several as is asked for.
    file.for_each_run(None, file.count() - 1, &mut |_, run| {
        let mut bytes = vec![0; run.count() * PAGE_BYTES];
        run.copy(0, &mut bytes);
        let mut pieces = bytes.clone();
        for (n, piece) in pieces.chunks_mut(3000).enumerate() {
            run.copy(3000 * n, piece);
        }
        assert!(bytes == pieces);
    });
}

fn files_in(folder: &Path) -> usize {
    fs::read_dir(folder).expect("a folder").count()
}

#[test]
fn it_says_what_the_store_in_memory_says() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, input) in recorded::SMALL {
        let recorded = Recorded::new(name, input);
        let path = folder.path().join(name);
        let expected = contents(&recorded.checkpoints(INTERVAL));
        assert_eq!(contents(&write(&recorded, &path)), expected, "{name}");
        assert_eq!(
            contents(&CheckpointFile::open(&path).expect(name)),
            expected,
            "{name}"
        );
    }
    assert_eq!(
        files_in(folder.path()),
        recorded::SMALL.len(),
        "no temporary file is left"
    );
}

#[test]
fn two_runs_give_the_same_bytes_and_replay_the_same_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let recorded = Recorded::new("btree", b"12 5");
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let file = write(&recorded, &a);
    write(&recorded, &b);
    assert!(fs::read(a).expect("a") == fs::read(b).expect("b"));
    let run = Run::new(&recorded.program, &file).expect("its own program");
    let mut cycles: Vec<u32> = Vec::new();
    replay_rows(
        &run,
        &ReplayOptions::default(),
        0..run.rows(),
        all_columns(),
        &mut |view| {
            cycles.extend(view.column(Column::NextPc.id()));
        },
    )
    .expect("sound checkpoints");
    assert_eq!(cycles, recorded.trace()[Column::NextPc.id().index()]);
}

#[test]
fn lengthened_and_foreign_files_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let recorded = Recorded::new("sieve", b"200");
    let path = folder.path().join("whole");
    drop(write(&recorded, &path));
    let bytes = fs::read(&path).expect("the file");
    let other = folder.path().join("other");
    let refused = |bytes: &[u8]| {
        fs::write(&other, bytes).expect("a copy");
        let error = CheckpointFile::open(&other).expect_err("not the file");
        assert!(error.is_rejection(), "{error}");
        error
    };
    refused(&[bytes.as_slice(), &[0]].concat());
    refused(&[bytes.as_slice(), &[0; 4096]].concat());
    refused(&[bytes.as_slice(), bytes.as_slice()].concat());
    let foreign = refused(&Guest::named("sieve").elf());
    assert!(matches!(foreign, StoreError::Magic { .. }), "{foreign}");
    let mut newer = bytes.clone();
    newer[12] = 99;
    assert!(matches!(
        refused(&newer),
        StoreError::Version { actual: 99, .. }
    ));
    let missing = CheckpointFile::open(&folder.path().join("missing")).expect_err("nothing");
    assert!(!missing.is_rejection(), "{missing}");
}

#[test]
fn parts_of_two_files_do_not_make_a_third() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = [folder.path().join("a"), folder.path().join("b")];
    drop(write(&Recorded::new("quicksort", b"40 7"), &paths[0]));
    drop(write(&Recorded::new("quicksort", b"40 8"), &paths[1]));
    let files = paths.map(|path| fs::read(path).expect("a file"));
    let mixed = folder.path().join("mixed");
    let length = files[0].len().min(files[1].len());
    for at in (4096..length).step_by(4096) {
        if files[0][at..at + 4096] == files[1][at..at + 4096] {
            continue;
        }
        let mut bytes = files[0].clone();
        bytes[at..at + 4096].copy_from_slice(&files[1][at..at + 4096]);
        fs::write(&mixed, &bytes).expect("a copy");
        CheckpointFile::open(&mixed).expect_err("a part of another run");
    }
}

#[test]
fn an_unfinished_run_leaves_no_file_and_spoils_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("checkpoints");
    fs::write(&path, b"precious").expect("an older file");
    let program = Program::from_elf(&Guest::named("sieve").elf()).expect("a guest");
    let limits = Limits {
        cycles_max: 10 * INTERVAL,
        ..Limits::default()
    };
    let pass = FastPass {
        interval: INTERVAL,
        limits,
        ..FastPass::default()
    };
    let input = b"100000";
    let mut writer =
        CheckpointWriter::create(&path, &pass.identity(&program, input), input).expect("a writer");
    let error = fast_pass(&program, input, &pass, Some(&mut writer), &mut DiscardText);
    assert!(matches!(error, Err(PassError::Trap(_))));
    drop(writer);
    assert_eq!(fs::read(&path).expect("the older file"), b"precious");
    assert!(
        partial_path(&path).exists(),
        "a higher limit goes on with it"
    );
    assert_eq!(files_in(folder.path()), 2, "nothing else is left");
}
