//! Crash safety of the checkpoint file: whatever operation fails and whatever a crash leaves behind,
//! nothing unfinished stands under the final name, and what is resumed comes to the same bytes.

#[path = "support/encode.rs"]
mod encode;
#[path = "support/faulty_storage.rs"]
mod faulty_storage;
#[path = "support/flipping.rs"]
mod flipping;
#[path = "support/guests.rs"]
mod guests;
#[path = "support/recorded.rs"]
mod recorded;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use faulty_storage::{FaultyStorage, Operation, Write};
use recorded::Recorded;
use tracelane::checkpoint::{CheckpointFile, CheckpointWriter, Prefix, StoreError, partial_path};
use tracelane::replay::{FastPass, PassError, fast_pass, resume_pass};
use tracelane::vm::DiscardText;

/// The first bytes of every checkpoint file.
const MAGIC: [u8; 12] = *b"\x89TLANE\r\n\x1a\n\0\0";

const PRECIOUS: &[u8] = b"an older file";

fn pass() -> FastPass<'static> {
    FastPass {
        interval: 40,
        ..FastPass::default()
    }
}

fn guest() -> Recorded {
    Recorded::new("btree", b"24 5")
}

/// Runs to the end into `writer`, from `prefix` where there is one, and then on two threads.
fn run(
    recorded: &Recorded,
    mut writer: CheckpointWriter,
    prefix: Option<Prefix>,
) -> Result<(), StoreError> {
    let (program, input, text) = (&recorded.program, &recorded.input, &mut DiscardText);
    let behind = FastPass {
        background: true,
        ..pass()
    };
    let result = match prefix {
        Some(prefix) => resume_pass(program, input, &behind, prefix, &mut writer, text),
        None => fast_pass(program, input, &pass(), Some(&mut writer), text),
    };
    match result {
        Ok(result) => assert_eq!(result, recorded.result, "a resumed run ends the same way"),
        Err(PassError::Store(error)) => return Err(error),
        Err(error) => panic!("{error}"),
    }
    Ok(())
}

fn write(recorded: &Recorded, storage: &FaultyStorage, path: &Path) -> Result<(), StoreError> {
    let identity = pass().identity(&recorded.program, &recorded.input);
    let storage = Box::new(storage.clone());
    let writer = CheckpointWriter::create_in(storage, path, &identity, &recorded.input)?;
    run(recorded, writer, None)
}

/// Resumes and returns the cycle at which that began.
fn resume(recorded: &Recorded, storage: FaultyStorage, path: &Path) -> Result<u64, StoreError> {
    let identity = pass().identity(&recorded.program, &recorded.input);
    let (writer, prefix) =
        CheckpointWriter::resume_in(Box::new(storage), path, &identity, &recorded.input)?;
    let cycle = prefix.as_ref().map_or(0, |prefix| prefix.state().cycle);
    run(recorded, writer, prefix)?;
    Ok(cycle)
}

/// A generator good enough to choose crashes with.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

#[test]
fn any_failing_operation_is_an_error_and_publishes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (recorded, path) = (guest(), folder.path().join("checkpoints"));
    let whole = FaultyStorage::default();
    write(&recorded, &whole, &path).expect("nothing fails");
    let expected = fs::read(&path).expect("the file");
    assert!(whole.writes().len() >= 4, "several writes");
    let kinds = [
        ErrorKind::StorageFull,
        ErrorKind::QuotaExceeded,
        ErrorKind::ReadOnlyFilesystem,
        ErrorKind::PermissionDenied,
        ErrorKind::Other,
    ];
    let operations = whole.operations();
    let publish = operations.iter().position(|&op| op == Operation::Publish);
    let publish = publish.expect("a file that was published");
    let mut resumed = 0;
    for index in 0..operations.len() {
        let once = [FaultyStorage::failing_once(index, ErrorKind::Other)];
        let all = kinds.map(|kind| FaultyStorage::failing(index, kind));
        for (storage, kind) in all
            .into_iter()
            .chain(once)
            .zip(kinds.iter().chain([&kinds[4]]))
        {
            fs::write(&path, PRECIOUS).expect("an older file");
            let error = write(&recorded, &storage, &path).expect_err("an operation that fails");
            let StoreError::Io { source, .. } = &error else {
                panic!("operation {index}: {error}")
            };
            assert_eq!(source.kind(), *kind, "operation {index}: {error}");
            // The ones behind it make the new name durable: the file is complete by then.
            let published = index > publish;
            let now = fs::read(&path).expect("a file");
            assert!(
                now == if published { &expected } else { PRECIOUS },
                "{index}"
            );
            assert!(
                !published || !partial_path(&path).exists(),
                "operation {index}"
            );
            // What was left is gone on with once there is room again.
            let cycle = resume(&recorded, FaultyStorage::default(), &path);
            resumed += u32::from(cycle.expect("a partial file") > 0);
            assert!(fs::read(&path).expect("the file") == expected, "{index}");
        }
    }
    assert!(
        resumed >= 6,
        "{resumed} went on where an operation had failed"
    );
    // The same while resuming; no work is lost by it.
    let cut = &expected[..expected.len() / 2];
    let mut operations = 0;
    for index in 0.. {
        fs::write(&path, PRECIOUS).expect("an older file");
        fs::write(partial_path(&path), cut).expect("a partial file");
        let storage = FaultyStorage::failing(index, ErrorKind::StorageFull);
        match resume(&recorded, storage, &path) {
            Err(StoreError::Io { .. }) => operations += 1,
            Err(error) => panic!("operation {index}: {error}"),
            Ok(_) => break,
        }
        let now = fs::read(&path).expect("a file");
        assert!(now == PRECIOUS || now == expected, "operation {index}");
        if now == PRECIOUS {
            let cycle = resume(&recorded, FaultyStorage::default(), &path).expect("what was left");
            assert!(cycle > 0, "operation {index} lost what was left");
        }
    }
    assert!(operations >= 5, "{operations} operations of a resumed run");
    assert!(fs::read(&path).expect("the file") == expected);
}

#[test]
fn a_page_that_can_not_be_read_back_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("checkpoints");
    let recorded = Recorded::of("flipping", &flipping::flipping(400), b"");
    let whole = FaultyStorage::default();
    write(&recorded, &whole, &path).expect("nothing fails");
    let expected = fs::read(&path).expect("the file");
    let operations = whole.operations().into_iter().enumerate();
    let reads = operations.filter(|(_, operation)| *operation == Operation::Read);
    let reads: Vec<usize> = reads.map(|(index, _)| index).collect();
    assert!(reads.len() > 3, "{} pages are as before", reads.len());
    for index in reads {
        fs::write(&path, PRECIOUS).expect("an older file");
        let storage = FaultyStorage::failing_once(index, ErrorKind::Other);
        let error = write(&recorded, &storage, &path).expect_err("a page that can't be read");
        assert!(error.to_string().contains("read"), "{error}");
        assert!(fs::read(&path).expect("a file") == PRECIOUS);
        let cycle = resume(&recorded, FaultyStorage::default(), &path);
        assert!(cycle.expect("a partial file") > 0);
        assert!(fs::read(&path).expect("the file") == expected, "{index}");
    }
}

#[test]
fn a_file_gets_its_name_when_all_of_it_is_durable() {
    let folder = tempfile::tempdir().expect("a folder");
    let (recorded, path) = (guest(), folder.path().join("checkpoints"));
    let whole = FaultyStorage::default();
    write(&recorded, &whole, &path).expect("nothing fails");
    let operations = whole.operations();
    let synced = operations.iter().position(|&op| op == Operation::Sync);
    let (before, after) = operations.split_at(synced.expect("a sync"));
    assert_eq!(before.last(), Some(&Operation::Append));
    let expected = [
        Operation::Sync,
        Operation::Publish,
        Operation::SyncFolder,
        Operation::Share,
    ];
    assert_eq!(after, expected);
    // The machine crashes right behind the publishing: what was not synced is lost.
    let bytes = fs::read(&path).expect("the file");
    write(&recorded, &FaultyStorage::losing_unsynced(), &path).expect("nothing fails");
    assert!(fs::read(&path).expect("the file") == bytes);
    // The same for a file that was gone on with.
    fs::write(partial_path(&path), &bytes[..bytes.len() / 2]).expect("a partial file");
    resume(&recorded, FaultyStorage::losing_unsynced(), &path).expect("nothing fails");
    assert!(fs::read(&path).expect("the file") == bytes);
}

/// What a crash may leave of `writes`: any of them missing, cut, torn by sectors, or followed by
/// zeros or old bytes.
fn crash_image(writes: &[Write], random: &mut Random) -> Vec<u8> {
    let mut image = Vec::new();
    let reached = random.below(writes.len() + 1);
    let lost_per_mille = [0, 0, 30, 300][random.below(4)];
    let mut order: Vec<&Write> = writes[..reached].iter().collect();
    if random.below(2) == 0 {
        // Writes reach the disk in any order; the length is that of the furthest.
        for index in (1..order.len()).rev() {
            order.swap(index, random.below(index + 1));
        }
        order.truncate(random.below(reached + 1));
    }
    for (at, bytes) in order {
        for (index, sector) in bytes.chunks(512).enumerate() {
            if random.below(1000) < lost_per_mille {
                continue;
            }
            let start = *at as usize + index * 512;
            if image.len() < start + sector.len() {
                image.resize(start + sector.len(), 0);
            }
            image[start..start + sector.len()].copy_from_slice(sector);
        }
    }
    match random.below(4) {
        0 => image.truncate(random.below(image.len() + 1)),
        1 => image.resize(image.len() + random.below(9000), random.below(256) as u8),
        _ => {}
    }
    image
}

#[test]
fn two_thousand_crash_images_resume_to_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (recorded, path) = (guest(), folder.path().join("checkpoints"));
    let storage = FaultyStorage::default();
    write(&recorded, &storage, &path).expect("nothing fails");
    let expected = fs::read(&path).expect("the file");
    // Writes as small as a disk may see them.
    let writes: Vec<Write> = storage
        .writes()
        .into_iter()
        .flat_map(|(at, bytes)| {
            let pieces = bytes.chunks(8192).map(<[u8]>::to_vec).collect::<Vec<_>>();
            let at = move |index: usize| at + 8192 * index as u64;
            pieces
                .into_iter()
                .enumerate()
                .map(move |(index, piece)| (at(index), piece))
        })
        .collect();
    let mut random = Random(4);
    let mut resumed = 0;
    for case in 0..2000 {
        let image = crash_image(&writes, &mut random);
        fs::write(&path, PRECIOUS).expect("an older file");
        fs::write(partial_path(&path), &image).expect("a partial file");
        let resume = resume(&recorded, FaultyStorage::default(), &path);
        let start = &image[..image.len().min(12)];
        if !(MAGIC.starts_with(start) || start.iter().all(|&byte| byte == 0)) {
            // Somebody else's bytes, for all that can be told.
            let error = resume.expect_err("a file of something else");
            assert!(
                matches!(error, StoreError::Magic { .. }),
                "case {case}: {error}"
            );
            assert!(fs::read(partial_path(&path)).expect("still there") == image);
            fs::remove_file(partial_path(&path)).expect("a file");
            continue;
        }
        let cycle = resume.expect("a crash image");
        resumed += u32::from(cycle > 0);
        assert!(
            fs::read(&path).expect("the file") == expected,
            "case {case}"
        );
        assert!(!partial_path(&path).exists(), "case {case}");
    }
    assert!(resumed > 600, "{resumed} went on, the others began again");
    // Such an image under the final name is refused, unless it is the whole file.
    for case in 0..500 {
        let image = crash_image(&writes, &mut random);
        fs::write(&path, &image).expect("an image");
        let opened = CheckpointFile::open(&path);
        assert!(opened.is_err() || image == expected, "case {case}");
    }
}

#[test]
fn a_prefix_of_any_length_resumes_to_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (recorded, path) = (Recorded::new("sieve", b"30"), folder.path().join("file"));
    write(&recorded, &FaultyStorage::default(), &path).expect("nothing fails");
    let expected = fs::read(&path).expect("the file");
    let edges = (0..=expected.len()).step_by(4096);
    let lengths = edges.flat_map(|edge| [edge.saturating_sub(1), edge, edge + 1]);
    for length in lengths.filter(|&length| length <= expected.len()) {
        fs::write(partial_path(&path), &expected[..length]).expect("a partial file");
        resume(&recorded, FaultyStorage::default(), &path).expect("a prefix");
        assert!(
            fs::read(&path).expect("the file") == expected,
            "{length} bytes"
        );
    }
}
