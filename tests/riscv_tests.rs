//! The riscv-tests programs as built for the registry crate `embive`: what is RV32IM passes, what is
//! not is refused with its place.

use std::path::PathBuf;
use std::process::Command;

use tracelane::Program;
use tracelane::program::ElfError;
use tracelane::replay::{FastPass, PassError, fast_pass};
use tracelane::vm::{DiscardText, MemoryKind, RunResult, Trap, TrapKind};

/// Name and bytes of every ELF in one folder of the suite.
fn suite(folder: &str) -> Vec<(String, Vec<u8>)> {
    // Packages of other platforms were never downloaded.
    let host = Command::new("rustc")
        .args(["--print", "host-tuple"])
        .output()
        .expect("rustc");
    let host = String::from_utf8(host.stdout).expect("a name");
    let platform = ["--filter-platform".to_owned(), host.trim().to_owned()];
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .other_options(
            ["--offline".to_owned()]
                .into_iter()
                .chain(platform)
                .collect::<Vec<_>>(),
        )
        .exec()
        .expect("cargo metadata");
    let package = metadata
        .packages
        .iter()
        .find(|package| package.name.as_str() == "embive");
    let manifest = &package.expect("a development dependency").manifest_path;
    let root = PathBuf::from(manifest.parent().expect("a folder"));
    let folder = root.join("tests/riscv").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the suite")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "elf"))
        .map(|path| {
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, std::fs::read(&path).expect("a file"))
        })
        .collect();
    files.sort();
    files
}

fn run(elf: &[u8], memory: MemoryKind) -> Result<RunResult, PassError> {
    let program = Program::from_elf(elf).expect("RV32IM");
    let pass = FastPass {
        memory,
        ..FastPass::default()
    };
    fast_pass(&program, &[], &pass, None, &mut DiscardText)
}

#[test]
fn base_and_multiply_tests_pass() {
    let (base, multiply) = (suite("rv32ui"), suite("rv32um"));
    assert_eq!((base.len(), multiply.len()), (39, 8), "the whole suite");
    for (name, elf) in base.iter().chain(&multiply) {
        for memory in [MemoryKind::Reserved, MemoryKind::Paged] {
            match run(elf, memory) {
                Ok(result) => {
                    assert_eq!(
                        result.exit_code, 0,
                        "{name} fails at test {}",
                        result.exit_code
                    );
                    assert_ne!(name, "ma_data", "misaligned accesses are errors here");
                }
                Err(PassError::Trap(trap)) => {
                    assert_eq!(name, "ma_data", "{name}: {trap}");
                    assert!(
                        matches!(trap.kind, TrapKind::MisalignedLoad { .. }),
                        "{trap}"
                    );
                }
                Err(error) => panic!("{name}: {error}"),
            }
        }
    }
}

#[test]
fn atomics_are_refused_with_their_pc() {
    let atomics = suite("rv32ua");
    assert_eq!(atomics.len(), 10, "the whole suite");
    for (name, elf) in atomics {
        let error = run(&elf, MemoryKind::Automatic).expect_err(&name);
        let PassError::Trap(Trap {
            kind: TrapKind::IllegalInstruction { word },
            pc,
            ..
        }) = error
        else {
            panic!("{name}: {error}")
        };
        assert_eq!(word & 0x7f, 0x2f, "{name}: an AMO");
        assert!(
            error.to_string().contains(&format!("{pc:#010x}")),
            "{error}"
        );
        assert!(error.to_string().contains("extension A"), "{error}");
    }
}

#[test]
fn compressed_code_is_refused_with_its_pc() {
    let compressed = suite("rv32uc");
    assert_eq!(compressed.len(), 1, "the whole suite");
    let error = Program::from_elf(&compressed[0].1).expect_err("compressed");
    let ElfError::Unsupported { pc, .. } = error else {
        panic!("{error}")
    };
    assert!(
        error.to_string().contains(&format!("{pc:#010x}")),
        "{error}"
    );
    assert!(error.to_string().contains("compressed"), "{error}");
}
