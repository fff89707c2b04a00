//! Random programs, short and long, on the machine and on the specification.

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tracelane::Program;
use tracelane::isa::Opcode;
use tracelane::vm::ReservedMemory;

use crate::differential::{self, Bout, Case, Expected, TEXT, compare};
use crate::encode;
use crate::programs::{self, instruction};
use crate::spec::Step;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_programs(
        words in programs::program(200),
        data in prop::collection::vec(any::<u8>(), 0..128),
    ) {
        compare(&Case { words: &words, data: &data, budget: 700 });
    }

    /// Whatever the words are: legal ones run the same, the others trap the same.
    #[test]
    fn random_words(words in prop::collection::vec(any::<u32>(), 1..16)) {
        compare(&Case { words: &words, data: &[], budget: 64 });
    }

    /// Words that are legal but for a few bits.
    #[test]
    fn nearly_legal_words(word in instruction(), flipped in 0..32u32, again in 0..32u32) {
        for word in [word ^ 1 << flipped, word ^ 1 << flipped ^ 1 << again] {
            compare(&Case { words: &[word, encode::EBREAK], data: &[], budget: 4 });
        }
    }
}

/// What a set of random programs was worth: for each its cycles, places in text, pages stored to.
#[derive(Default)]
struct Worth {
    programs: Vec<[usize; 3]>,
    opcodes: BTreeSet<&'static str>,
}

/// Long programs with loops, calls, returns and traffic over several pages run to their end, the same on
/// both, row by row; registers and memory also every 2^10 cycles of a fast pass.
#[test]
fn long_random_programs() {
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 16,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let worth = RefCell::new(Worth::default());
    let result = runner.run(&programs::terminating(1000..2000, 24..32), |program| {
        let words = program.words();
        let elf = encode::elf(TEXT, &programs::segments(&words), &[]);
        let loaded = Program::from_elf(&elf).expect("a sound ELF");
        let mut spec = differential::specification(&words, &[]);
        programs::for_each_data_byte(|address, byte| spec.put(address, 1, byte.into()));
        let expected = Expected::of(&mut spec, 1 << 22);
        prop_assert!(
            matches!(expected.last, Some(Step::Exit(..))),
            "{:?}",
            expected.last
        );
        let bout = Bout {
            program: &loaded,
            spec: &spec,
            expected: &expected,
        };
        differential::every_way::<ReservedMemory>(&bout);
        worth.borrow_mut().add(&expected, &loaded);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let mut worth = worth.into_inner();
    // Of chance no more is asked than of three in four.
    let least = [0, 1, 2].map(|at| {
        worth.programs.sort_by_key(|figures| figures[at]);
        worth.programs[worth.programs.len() / 4][at]
    });
    let enough = least[0] >= 10_000 && least[1] >= 400 && least[2] >= 6;
    assert!(enough, "cycles, places, pages {least:?}");
    assert_eq!(worth.opcodes.len(), Opcode::ALL.len() - 1, "all but ebreak");
}

impl Worth {
    fn add(&mut self, expected: &Expected, program: &Program) {
        let rows = &expected.rows;
        let places: BTreeSet<u32> = rows.iter().map(|row| row.pc).collect();
        let stored = rows
            .iter()
            .filter(|row| row.memory_after != row.memory_before);
        let pages: BTreeSet<u32> = stored.map(|row| row.memory_address >> 12).collect();
        self.programs.push([rows.len(), places.len(), pages.len()]);
        let words = places.iter().map(|&pc| program.word_at(pc).expect("text"));
        self.opcodes.extend(words.map(|word| {
            let instruction = tracelane::isa::decode(word).expect("legal");
            instruction.opcode.name()
        }));
    }
}
