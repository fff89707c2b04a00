//! Damage: no flipped bit, cut, torn sector or rearranged record of a checkpoint file is accepted.

#[path = "support/guests.rs"]
mod guests;
#[path = "support/recorded.rs"]
mod recorded;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use recorded::Recorded;
use tracelane::checkpoint::{CheckpointFile, CheckpointWriter};
use tracelane::replay::{FastPass, fast_pass};
use tracelane::vm::DiscardText;

/// A small complete file, and its bytes.
struct Sample {
    _folder: tempfile::TempDir,
    path: PathBuf,
    file: File,
    bytes: Vec<u8>,
}

fn sample(seed: &[u8]) -> Sample {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("checkpoints");
    let recorded = Recorded::new("sieve", seed);
    let pass = FastPass {
        interval: 400,
        ..FastPass::default()
    };
    let (program, input) = (&recorded.program, recorded.input.as_slice());
    let mut writer =
        CheckpointWriter::create(&path, &pass.identity(program, input), input).expect("a writer");
    fast_pass(program, input, &pass, Some(&mut writer), &mut DiscardText).expect("it ran before");
    drop(writer);
    let file = OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("the file");
    let bytes = fs::read(&path).expect("the file");
    Sample {
        _folder: folder,
        path,
        file,
        bytes,
    }
}

impl Sample {
    fn refused(&self, what: &str) {
        let error = CheckpointFile::open(&self.path).expect_err(what);
        assert!(error.is_rejection(), "{what}: {error}");
    }

    /// Is refused with `bytes` at `at`, and accepted again behind that.
    fn refused_with(&self, at: usize, bytes: &[u8]) {
        self.file.write_all_at(bytes, at as u64).expect("a write");
        self.refused(&format!("{} bytes at {at}", bytes.len()));
        let old = &self.bytes[at..at + bytes.len()];
        self.file.write_all_at(old, at as u64).expect("a write");
    }

    /// Is refused when it consists of `bytes`.
    fn refused_as(&self, bytes: &[u8], what: &str) {
        fs::write(&self.path, bytes).expect("a write");
        self.refused(what);
    }

    /// Byte ranges of its checkpoints' records with their pages.
    fn blocks(&self) -> Vec<std::ops::Range<usize>> {
        let starts = |magic: &[u8]| -> Vec<usize> {
            let at = (0..self.bytes.len()).step_by(4096);
            at.filter(|&at| self.bytes[at..].starts_with(magic))
                .collect()
        };
        let mut edges = starts(b"TLCHECKP");
        edges.extend(starts(b"TLFINISH"));
        edges.windows(2).map(|pair| pair[0]..pair[1]).collect()
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % bound
    }
}

#[test]
fn every_bit_of_the_header() {
    let sample = sample(b"30");
    for bit in 0..256 * 8 {
        sample.refused_with(bit / 8, &[sample.bytes[bit / 8] ^ 1 << (bit % 8)]);
    }
    CheckpointFile::open(&sample.path).expect("whole again");
}

#[test]
fn every_length_up_to_8192_and_every_edge() {
    let sample = sample(b"30");
    let whole = sample.bytes.len();
    let blocks = sample.blocks();
    assert!(blocks.len() >= 3, "{} checkpoints", blocks.len());
    let edges = blocks.iter().flat_map(|block| [block.start, block.end]);
    let near = edges.flat_map(|edge| [edge - 1, edge, edge + 1]);
    let lengths = (0..=8192).chain(near).chain([whole - 1, whole + 1]);
    let mut lengths: Vec<usize> = lengths.filter(|&length| length != whole).collect();
    // From long to short, so that what is cut off is really gone.
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    for length in lengths {
        sample.file.set_len(length as u64).expect("a cut");
        sample.refused(&format!("{length} bytes"));
    }
}

#[test]
fn ten_thousand_flips_and_torn_sectors() {
    let sample = sample(b"30");
    let mut random = Random(1);
    let mut tried = 0;
    for case in 0.. {
        if tried == 10_000 {
            break;
        }
        tried += 1;
        if case % 4 > 0 {
            let at = random.below(sample.bytes.len());
            sample.refused_with(at, &[sample.bytes[at] ^ 1 << random.below(8)]);
            continue;
        }
        // A sector that was never written, or has what another one should have.
        let sectors = sample.bytes.len() / 512;
        let at = 512 * random.below(sectors);
        let from = 512 * random.below(sectors);
        let other = match case % 8 {
            0 => vec![0; 512],
            _ => sample.bytes[from..from + 512].to_vec(),
        };
        let (here, torn) = (&sample.bytes[at..at + 512], 1 + random.below(512));
        let mixed = [&other[..torn], &here[torn..]].concat();
        if mixed == here {
            tried -= 1;
            continue;
        }
        sample.refused_with(at, &mixed);
    }
    CheckpointFile::open(&sample.path).expect("whole again");
}

#[test]
fn a_thousand_splices_repeats_drops_and_reorderings() {
    let (sample, other) = (sample(b"30"), sample(b"31"));
    let (blocks, foreign) = (sample.blocks(), other.blocks());
    let mut random = Random(2);
    let (head, tail) = (blocks[0].start, blocks[blocks.len() - 1].end);
    let mut tried = 0;
    for case in 0.. {
        if tried == 1000 {
            break;
        }
        let mut parts: Vec<&[u8]> = blocks.iter().map(|b| &sample.bytes[b.clone()]).collect();
        let original = parts.concat();
        let at = random.below(parts.len());
        match case % 4 {
            0 => parts[at] = &other.bytes[foreign[random.below(foreign.len())].clone()],
            1 => parts.insert(random.below(parts.len() + 1), parts[at]),
            2 => drop(parts.remove(at)),
            _ => {
                let other = (at + 1 + random.below(parts.len() - 1)) % parts.len();
                parts.swap(at, other);
            }
        }
        if random.below(3) == 0 {
            parts.remove(random.below(parts.len()));
        }
        let body = parts.concat();
        if body == original {
            continue;
        }
        let bytes = [&sample.bytes[..head], &body, &sample.bytes[tail..]].concat();
        sample.refused_as(&bytes, &format!("case {case}"));
        tried += 1;
    }
}
