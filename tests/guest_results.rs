//! The guests compute what the host computes, at several sizes, and refuse bad inputs politely.

#[path = "support/guests.rs"]
mod guests;

use tracelane::Program;
use tracelane::replay::{FastPass, fast_pass};
use tracelane::vm::{DiscardText, RunResult};

use guests::{ALL, Guest, folder};

fn run(guest: &Guest, input: &[u8]) -> RunResult {
    let program = Program::from_elf(&guest.elf()).expect(guest.name);
    let pass = FastPass::default();
    let result = fast_pass(&program, input, &pass, None, &mut DiscardText);
    result.unwrap_or_else(|error| panic!("{}: {error}", guest.name))
}

#[test]
fn every_guest_publishes_what_the_host_computes() {
    for guest in ALL {
        for cycles_log2 in [14, 17, 20, 23] {
            let input = guest.input(cycles_log2);
            let result = run(guest, &input);
            let at = format!(
                "{} at 2^{cycles_log2}: {} cycles",
                guest.name, result.cycles
            );
            assert_eq!(result.exit_code, 0, "{at}");
            assert_eq!(result.output, guest.expected_output(&input), "{at}");
            let ratio = result.cycles as f64 / 2f64.powi(cycles_log2 as i32);
            assert!((0.25..4.0).contains(&ratio), "{at}");
        }
    }
}

#[test]
fn known_answers() {
    let sha = run(Guest::named("sha256"), b"abc").output;
    let hex: String = sha.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        hex,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(
        run(Guest::named("crc32"), b"123456789").output,
        0xcbf4_3926u32.to_le_bytes()
    );
    let sieve = run(Guest::named("sieve"), b"1000000").output;
    assert_eq!(sieve, [78_498u32, 999_983].map(u32::to_le_bytes).concat());
}

#[test]
fn lengths_around_the_blocks_of_the_hashes() {
    for name in ["sha256", "keccak256"] {
        let guest = Guest::named(name);
        for length in [
            0, 1, 3, 55, 56, 63, 64, 65, 119, 120, 135, 136, 137, 271, 272,
        ] {
            let input = vec![0xa7; length];
            assert_eq!(
                run(guest, &input).output,
                guest.expected_output(&input),
                "{name} {length}"
            );
        }
    }
}

#[test]
fn bad_inputs_end_with_code_1() {
    for guest in ALL.iter().filter(|guest| !guest.takes_any_bytes) {
        let mut cut = guest.input(14);
        cut.truncate(cut.len() / 3);
        cut.extend(b" \x1f");
        for input in [
            b"".as_slice(),
            b"0",
            b"\0\0\0\0",
            b"{\"",
            b"99999999999999999999",
            &cut,
        ] {
            let result = run(guest, input);
            // Some garbage is a number to those who read numbers; nothing may fault.
            assert!(result.exit_code <= 1, "{}: {input:?}", guest.name);
        }
        assert_eq!(run(guest, b"").exit_code, 1, "{}", guest.name);
    }
}

#[test]
fn elf_files_are_the_listed_ones() {
    use sha2::Digest;
    let list = std::fs::read_to_string(folder().join("DIGESTS")).expect("DIGESTS");
    let mut listed: Vec<&str> = Vec::new();
    for line in list.lines() {
        let (digest, file) = line.split_once("  ").expect("digest and name");
        let bytes = std::fs::read(folder().join(file)).expect(file);
        let actual: String = sha2::Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(actual, digest, "{file}");
        listed.push(file.strip_suffix(".elf").expect("an ELF"));
    }
    assert_eq!(
        listed,
        ALL.iter().map(|guest| guest.name).collect::<Vec<_>>()
    );
    let files = std::fs::read_dir(folder()).expect("guests/bin").count();
    assert_eq!(files, ALL.len() + 1, "nothing else lies in guests/bin");
}
