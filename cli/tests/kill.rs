//! A hundred real kills: whatever moment `tracelane checkpoint` is killed at, there is the older file or
//! the whole new one, and `--resume` comes to the bytes of the run that nobody killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

fn checkpoint(input: &Path, out: &Path, resume: bool) -> Command {
    let elf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/bin/quicksort.elf");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracelane"));
    command.arg("checkpoint").arg(elf).arg("--input").arg(input);
    command.args(["--interval", "2^12", "--json"]);
    // One thread that does all, or one that stores behind the other.
    command.args(["--threads", if resume { "1" } else { "2" }]);
    command
        .arg("-o")
        .arg(out)
        .args(resume.then_some("--resume"));
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[test]
fn a_killed_run_is_resumed_to_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| -> PathBuf { folder.path().join(name) };
    let (input, out) = (at("input"), at("checkpoints"));
    fs::write(&input, b"40000 7").expect("an input");
    // The quickest of three: kills are to come before the end, also if one of these was disturbed.
    let mut whole = Duration::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        let ran = checkpoint(&input, &out, false).output().expect("a run");
        assert!(ran.status.success());
        whole = whole.min(start.elapsed());
    }
    let expected = fs::read(&out).expect("the file");
    // A complete file of another run.
    fs::write(&input, b"100 7").expect("an input");
    let ran = checkpoint(&input, &out, false).output().expect("a run");
    assert!(ran.status.success());
    let older = fs::read(&out).expect("the file");
    assert_ne!(older.len(), expected.len());
    fs::write(&input, b"40000 7").expect("an input");
    let (mut seed, mut interrupted, mut resumed, mut survived) = (7u64, 0, 0, 0);
    for kill in 0..100 {
        fs::write(&out, &older).expect("an older file");
        let mut child = checkpoint(&input, &out, kill % 2 == 1)
            .spawn()
            .expect("a run");
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        sleep(whole.mul_f64((seed >> 40) as f64 / (1u64 << 24) as f64));
        child.kill().expect("SIGKILL");
        interrupted += u32::from(!child.wait().expect("its end").success());
        let now = fs::read(&out).expect("a file, always");
        assert!(now == older || now == expected, "kill {kill}");
        survived += u32::from(now == older);
        // What an even one leaves, the next one goes on with, until it is killed in turn.
        if kill % 2 == 0 {
            continue;
        }
        let output = checkpoint(&input, &out, true).output().expect("a run");
        assert!(output.status.success(), "kill {kill}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        resumed += u32::from(report["resumed_cycle"].as_u64() > Some(0));
        assert!(fs::read(&out).expect("the file") == expected, "kill {kill}");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2);
    }
    assert!(interrupted > 30, "{interrupted} of 100 were killed in time");
    assert!(survived > 30, "{survived} of 100 left the older file");
    assert!(resumed > 10, "{resumed} of 50 went on from a checkpoint");
}
