//! Memory law: a proof's peak does not follow the trace's length.

#[path = "support/guests.rs"]
mod guests;
#[path = "support/stored.rs"]
mod stored;

use allocation_counter::{AllocationInfo, measure};
use ark_bn254::Fr;
use guests::Guest;
use tracelane::Program;
use tracelane::checkpoint::CheckpointFile;
use tracelane::oracle::{PolynomialOracle, StreamingOracle};
use tracelane::replay::{FastPass, ReplayOptions, Run};
use tracelane::sumcheck::{Statement, SumCheckProver};
use tracelane::trace::columns::Column;
use tracelane::vm::MemoryKind;

fn recorded(cycles_log2: u32) -> (Program, CheckpointFile) {
    let guest = Guest::named("bytecode");
    let input = guest.input(cycles_log2);
    let program = Program::from_elf(&guest.elf()).expect("a guest");
    let pass = FastPass {
        interval: 1 << 14,
        ..FastPass::default()
    };
    let file = stored::scratch(&program, &input, &pass);
    (program, file)
}

/// All work on the measuring thread, and guest memory where the counter sees it.
fn options() -> ReplayOptions<'static> {
    ReplayOptions {
        memory: MemoryKind::Paged,
        ..ReplayOptions::default()
    }
}

/// Peak of the proof alone, over a trace of about 2^k rows.
fn peak_of_proof(cycles_log2: u32) -> (usize, AllocationInfo) {
    let (program, file) = recorded(cycles_log2);
    let run = Run::new(&program, &file).expect("its own program");
    let mut num_vars = 0;
    let info = measure(|| {
        let oracle = StreamingOracle::new(run, options()).expect("a worker");
        num_vars = oracle.num_vars();
        let columns = [Column::Rs1Value.id(), Column::Rs2Value.id()];
        let prover =
            SumCheckProver::<Fr>::for_statement(num_vars, Statement::product(&columns, false));
        let proof = prover.prove_actual(&oracle).expect("an honest prover");
        assert_eq!(proof.messages.len(), 2 * num_vars);
    });
    (num_vars, info)
}

#[test]
fn the_peak_of_a_proof_follows_the_square_root_of_the_trace() {
    let (small_log2, small) = peak_of_proof(16);
    let (large_log2, large) = peak_of_proof(22);
    assert!(
        large_log2 >= small_log2 + 5,
        "2^{small_log2} and 2^{large_log2} rows"
    );
    // Two field elements of 32 bytes a row of the square root, twice while a variable is bound, and
    // as much again for weights: what the square root may add.
    let root_bytes = (8 * 32u64) << large_log2.div_ceil(2);
    let grown = large.bytes_max.saturating_sub(small.bytes_max);
    assert!(
        grown <= root_bytes,
        "{small:?} to {large:?}, allowed {root_bytes}"
    );
    let trace_bytes = 4u64 << large_log2;
    assert!(
        large.bytes_max < 2 * trace_bytes,
        "less than two columns: {large:?}"
    );
}
