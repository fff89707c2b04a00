//! What a cheating prover may try: every attack is refused, by the rounds or by the oracle, with eq and
//! without, for one statement and for several, over both fields.

use std::num::NonZeroUsize;

use crate::case::{Case, batches, product, several};
use ark_bn254::Fr;
use tracelane::oracle::DenseOracle;
use tracelane::sumcheck::{
    Batch, EncodedBatch, LinearForm, Product, Proof, ProveError, PublicInstance, Statement,
    StatementError, SumCheckProver, VerifyError, verify, verify_at,
};
use tracelane::trace::columns::{Column, ColumnId, ColumnSet};
use tracelane_kernels::{Goldilocks2, Kernels, WeightField};

/// One alteration.
type Change<T> = fn(&mut T);

/// Runs `law` over both fields and every kind of batch.
macro_rules! everywhere {
    ($law:ident) => {{
        let case = Case::new();
        for batch in &batches() {
            $law::<Fr>(&case, batch);
            $law::<Goldilocks2>(&case, batch);
        }
    }};
}

/// Values of one round message.
fn message_values(batch: &Batch) -> usize {
    batch.eval_points() - 1
}

#[test]
fn every_changed_field_element_is_refused() {
    fn law<F: WeightField>(case: &Case, batch: &Batch) {
        let honest = case.proof::<F>(batch);
        let verified = case.verdict(&honest, batch).expect("an honest proof");
        assert_eq!(verified.batch(), batch);
        assert_eq!(verified.instance(), &case.instance());
        let refused = |change: &dyn Fn(&mut Proof<F>)| {
            let mut proof = honest.clone();
            change(&mut proof);
            if proof != honest {
                case.verdict(&proof, batch).expect_err("another proof");
            }
        };
        for place in 0..honest.messages.len() {
            refused(&|proof| proof.messages[place] += F::ONE);
            refused(&|proof| proof.messages[place] -= F::ONE);
            refused(&|proof| proof.messages[place] = F::ZERO);
        }
        for place in 0..honest.claimed_sums.len() {
            refused(&|proof| proof.claimed_sums[place] += F::ONE);
            for other in 0..place {
                refused(&|proof| proof.claimed_sums.swap(place, other));
                // Wrong against each other.
                refused(&|proof| {
                    proof.claimed_sums[place] += F::ONE;
                    proof.claimed_sums[other] -= F::ONE;
                });
            }
        }
        for place in 0..honest.openings.len() {
            refused(&|proof| proof.openings[place] += F::ONE);
            for other in 0..place {
                refused(&|proof| proof.openings.swap(place, other));
            }
        }
    }
    everywhere!(law);
}

#[test]
fn swapped_rounds_are_refused() {
    fn law<F: WeightField>(case: &Case, batch: &Batch) {
        let honest = case.proof::<F>(batch);
        let values = message_values(batch);
        for round in 0..case.num_vars() {
            for other in 0..round {
                let mut proof = honest.clone();
                for value in 0..values {
                    proof
                        .messages
                        .swap(round * values + value, other * values + value);
                }
                assert!(proof != honest, "rounds {other} and {round} differ");
                case.verdict(&proof, batch).expect_err("another order");
            }
        }
    }
    everywhere!(law);
}

#[test]
fn a_wrong_sum_is_not_proven_and_not_hidden_in_the_first_round() {
    fn law<F: WeightField>(case: &Case, batch: &Batch) {
        let oracle = case.oracle();
        let honest = case.proof::<F>(batch);
        let prover = case.prover::<F>(batch);
        let again = prover.prove_sums(&oracle, &honest.claimed_sums);
        assert_eq!(again.expect("the true sums"), honest);
        for place in 0..honest.claimed_sums.len() {
            let mut proof = honest.clone();
            proof.claimed_sums[place] += F::ONE;
            let refused = prover.prove_sums(&oracle, &proof.claimed_sums);
            assert!(matches!(refused, Err(ProveError::ClaimedSum)));
            // A first message that fits the wrong sum shifts the error to the openings.
            for shift in [F::ZERO, F::ONE, -F::ONE] {
                let mut proof = proof.clone();
                let first = &mut proof.messages[..message_values(batch)];
                first.iter_mut().for_each(|value| *value += shift);
                let verdict = case.verdict(&proof, batch);
                assert!(matches!(verdict, Err(VerifyError::FinalSum)));
            }
        }
        let one_more = [honest.claimed_sums.as_slice(), &[F::ZERO]].concat();
        let refused = prover.prove_sums(&oracle, &one_more);
        assert!(matches!(refused, Err(ProveError::ClaimedSum)));
    }
    everywhere!(law);
}

#[test]
fn rounds_values_and_openings_must_be_as_many_as_they_should() {
    fn law<F: WeightField>(case: &Case, batch: &Batch) {
        let values = message_values(batch);
        let honest = case.proof::<F>(batch);
        let refused = |change: &dyn Fn(&mut Proof<F>)| {
            let mut proof = honest.clone();
            change(&mut proof);
            let error = verify(&proof, &case.instance(), batch, Column::NAMES);
            let error = error.expect_err("a count");
            assert!(matches!(error, VerifyError::Length { .. }), "{error}");
        };
        let last = honest.messages.len() - values;
        refused(&|proof| proof.messages.truncate(last));
        refused(&|proof| drop(proof.messages.drain(..values)));
        refused(&|proof| proof.messages.extend_from_within(..values));
        refused(&|proof| proof.messages.truncate(proof.messages.len() - 1));
        refused(&|proof| proof.messages.push(F::ZERO));
        refused(&|proof| proof.messages.insert(values, F::ZERO));
        refused(&|proof| proof.messages.clear());
        refused(&|proof| proof.openings.truncate(proof.openings.len() - 1));
        refused(&|proof| proof.openings.push(F::ZERO));
        refused(&|proof| proof.claimed_sums.truncate(proof.claimed_sums.len() - 1));
        refused(&|proof| proof.claimed_sums.push(F::ZERO));
    }
    everywhere!(law);
}

#[test]
fn a_raised_degree_is_refused_though_the_proof_is_consistent() {
    fn law<F: WeightField>(case: &Case, batch: &Batch) {
        let (values, rounds) = (message_values(batch), case.num_vars());
        let mut raised = batch.clone();
        for statement in &mut raised.statements {
            statement.eval_points = batch.eval_points() + 1;
        }
        let honest = case.proof::<F>(&raised);
        case.verdict(&honest, &raised).expect("consistent");
        let refused = case.verdict(&honest, batch);
        assert!(matches!(refused, Err(VerifyError::Batch)));
        // Passed off as the batch that is wanted.
        let mut proof = honest.clone();
        proof.batch = EncodedBatch::new(batch);
        let refused = case.verdict(&proof, batch);
        assert!(matches!(refused, Err(VerifyError::Length { .. })));
        // Cut to what is wanted: the messages are right, their challenges are another transcript's.
        let messages = honest.messages.chunks_exact(values + 1);
        proof.messages = messages
            .flat_map(|message| &message[..values])
            .copied()
            .collect();
        assert_eq!(proof.messages.len(), rounds * values);
        let refused = case.verdict(&proof, batch);
        assert!(matches!(refused, Err(VerifyError::FinalSum)));
    }
    everywhere!(law);
}

/// Statements that are near `batch`, each of which an honest prover can prove.
fn neighbours(batch: &Batch) -> Vec<Batch> {
    let changes: [Change<Batch>; 9] = [
        |batch| batch.statements[0].products[0].coefficient = 2,
        |batch| batch.statements[0].products[0].factors[0].constant = 1,
        |batch| {
            batch.statements[0].products[0].factors[1] = LinearForm::column(Column::Pc.id());
        },
        |batch| batch.statements[0].products[0].factors[0].terms[0].1 = -1,
        |batch| batch.statements[0] = product(false),
        |batch| batch.statements[0] = product(true),
        |batch| batch.statements.push(Statement::next(Column::RdAfter.id())),
        |batch| batch.extra = batch.extra.with(Column::Rd.id()),
        |batch| batch.statements.reverse(),
    ];
    let changed = changes.into_iter().map(|change| {
        let mut other = batch.clone();
        change(&mut other);
        other
    });
    let mut others: Vec<Batch> = changed.filter(|other| other != batch).collect();
    if batch.statements.len() > 1 {
        for index in 0..batch.statements.len() {
            let mut less = batch.clone();
            less.statements.remove(index);
            others.push(less);
        }
        let mut closed = batch.clone();
        closed.extra = ColumnSet::EMPTY;
        others.push(closed);
    }
    others
}

#[test]
fn an_honest_proof_of_another_statement_is_no_proof_of_this_one() {
    fn law<F: WeightField>(case: &Case, batch: &Batch) {
        let others = neighbours(batch);
        assert!(others.len() >= 7);
        for other in others {
            let proof = case.proof::<F>(&other);
            case.verdict(&proof, &other).expect("an honest proof");
            let refused = case.verdict(&proof, batch);
            assert!(matches!(refused, Err(VerifyError::Batch)), "{other:?}");
            // Passed off as the batch that is wanted, it does not fit its own transcript.
            let mut relabelled = proof.clone();
            relabelled.batch = EncodedBatch::new(batch);
            case.verdict(&relabelled, batch).expect_err("relabelled");
            // Nor is a proof of this statement one of the other.
            let mut relabelled = case.proof::<F>(batch);
            relabelled.batch = EncodedBatch::new(&other);
            case.verdict(&relabelled, &other).expect_err("relabelled");
        }
    }
    everywhere!(law);
}

#[test]
fn an_honest_proof_for_columns_of_other_names_is_refused() {
    let case = Case::new();
    let batch = Batch::of(product(false));
    let honest = case.proof::<Fr>(&batch);
    let mut names = Column::NAMES.to_vec();
    names.swap(Column::Rs1Value.id().index(), Column::Rs2Value.id().index());
    verify(&honest, &case.instance(), &batch, &names).expect_err("other names");
}

#[test]
fn openings_that_fit_the_rounds_but_not_the_columns_are_refused_by_the_oracle() {
    fn law<F: WeightField>(case: &Case, batch: &Batch) {
        // Scaled against each other, the product stays what the last round says.
        let mut proof = case.proof::<F>(batch);
        proof.openings[0] *= F::from(2u64);
        proof.openings[1] *= F::from(2u64).inverse().expect("not zero");
        let pending = verify(&proof, &case.instance(), batch, Column::NAMES);
        assert!(pending.is_ok(), "consistent");
        let error = case.verdict(&proof, batch).expect_err("false claims");
        assert!(
            matches!(&error, VerifyError::Claim { column } if column == "rs1_value"),
            "{error}"
        );
    }
    everywhere!(law);
}

#[test]
fn a_proof_over_other_columns_is_refused_by_the_oracle() {
    fn law<F: WeightField>(case: &Case, batch: &Batch) {
        let mut trace = case.trace.clone();
        trace[Column::Rs2Value.id().index()][17] ^= 1;
        let columns: Vec<(&str, &[u32])> = Column::NAMES
            .iter()
            .zip(&trace)
            .map(|(name, values)| (*name, values.as_slice()))
            .collect();
        let dense = DenseOracle::new(&columns, NonZeroUsize::MIN).expect("one table");
        let proof = case.prover::<F>(batch).prove_actual(&dense);
        let proof = proof.expect("consistent");
        let error = case.verdict(&proof, batch).expect_err("other columns");
        assert!(
            matches!(&error, VerifyError::Claim { column } if column == "rs2_value"),
            "{error}"
        );
    }
    everywhere!(law);
}

#[test]
fn a_proof_about_something_else_is_refused() {
    fn law<F: WeightField>(case: &Case, batch: &Batch) {
        let honest = case.proof::<F>(batch);
        let changes: [(&str, Change<PublicInstance>); 6] = [
            ("program", |instance| instance.program_digest[0] ^= 1),
            ("input", |instance| instance.input_digest[31] ^= 1),
            ("output", |instance| instance.output_digest[7] ^= 1),
            ("exit code", |instance| instance.exit_code += 1),
            ("number of cycles", |instance| instance.cycles -= 1),
            ("padded length", |instance| instance.num_vars += 1),
        ];
        for (expected, change) in changes {
            let mut other = case.instance();
            change(&mut other);
            let error = verify(&honest, &other, batch, Column::NAMES).expect_err(expected);
            assert!(
                matches!(error, VerifyError::Instance { what } if what == expected),
                "{error}"
            );
            // Relabelled, it does not fit its own transcript.
            let mut proof = honest.clone();
            change(&mut proof.instance);
            verify(&proof, &other, batch, Column::NAMES).expect_err(expected);
        }
    }
    everywhere!(law);
}

#[test]
fn claims_about_one_run_are_not_settled_by_an_oracle_of_another() {
    let case = Case::new();
    let batch = several();
    let honest = case.proof::<Fr>(&batch);
    let pending = || verify(&honest, &case.instance(), &batch, Column::NAMES).expect("consistent");
    let kernels = Kernels::<Fr>::detect();
    let refused = |error: Option<VerifyError>, expected: &str| {
        assert!(
            matches!(&error, Some(VerifyError::OtherRun { what }) if *what == expected),
            "{error:?}"
        );
    };
    let other = Case::of("sieve", b"201");
    assert_eq!(case.num_vars(), other.num_vars());
    let error = pending().check(&other.oracle(), kernels).err();
    refused(error, "program or input");
    let short = Case::of("sieve", b"20");
    let error = pending().check(&short.oracle(), kernels).err();
    refused(error, "number of variables");
    // The right values under other names.
    let mut columns: Vec<(&str, &[u32])> = Column::NAMES
        .iter()
        .zip(&case.trace)
        .map(|(name, values)| (*name, values.as_slice()))
        .collect();
    let dense = DenseOracle::new(&columns, NonZeroUsize::MIN).expect("one table");
    pending().check(&dense, kernels).expect("its own columns");
    columns[Column::Opcode.id().index()].0 = "code";
    let dense = DenseOracle::new(&columns, NonZeroUsize::MIN).expect("one table");
    refused(pending().check(&dense, kernels).err(), "column names");
    let dense = DenseOracle::new(&columns[..3], NonZeroUsize::MIN).expect("one table");
    refused(pending().check(&dense, kernels).err(), "column names");
    // A verifier that believes in another outcome, and a prover that agrees with it.
    let changes: [(&str, Change<PublicInstance>); 3] = [
        ("output or exit code", |one| one.output_digest[0] ^= 1),
        ("output or exit code", |one| one.exit_code = 1),
        ("number of cycles", |one| one.cycles -= 1),
    ];
    for (expected, change) in changes {
        let mut instance = case.instance();
        change(&mut instance);
        let prover = case.prover::<Fr>(&batch).with_instance(instance);
        let proof = prover.prove_actual(&case.oracle()).expect("a prover");
        let pending = verify(&proof, &instance, &batch, Column::NAMES).expect("consistent");
        refused(pending.check(&case.oracle(), kernels).err(), expected);
    }
}

#[test]
fn statements_that_are_none_are_refused_by_prover_and_verifier() {
    let case = Case::new();
    let oracle = case.oracle();
    let unknown = Statement::product(&[ColumnId::new(63)], false);
    let mut no_products = product(false);
    no_products.products.clear();
    let mut no_factors = product(false);
    no_factors.products.push(Product {
        coefficient: 1,
        factors: Vec::new(),
    });
    let mut few_points = product(true);
    few_points.eval_points = 3;
    let mut many_points = product(true);
    many_points.eval_points = 256 + 4;
    let mut many_products = product(false);
    many_products.products = vec![many_products.products[0].clone(); 257];
    let mut many_factors = product(false);
    many_factors.products[0].factors = vec![LinearForm::column(Column::Pc.id()); 257];
    let constant = LinearForm {
        constant: 5,
        terms: Vec::new(),
    };
    let mut no_columns = product(false);
    no_columns.products = vec![Product {
        coefficient: 1,
        factors: vec![constant],
    }];
    let mut twice = product(false);
    let id = Column::Rs1Value.id();
    twice.products[0].factors[0].terms = vec![(id, 1), (Column::Pc.id(), 1), (id, 2)];
    let mut wrapping = product(false);
    wrapping.products[0].factors[0].terms = vec![(id, 1); 257];
    let all = [
        unknown,
        no_products,
        no_factors,
        few_points,
        many_points,
        many_products,
        many_factors,
        no_columns,
        twice,
        wrapping,
    ];
    for bad in all {
        let bad = Batch::of(bad);
        let refused = case.prover::<Fr>(&bad).prove_actual(&oracle);
        assert!(matches!(refused, Err(ProveError::Statement(_))), "{bad:?}");
        let mut proof = case.proof::<Fr>(&Batch::of(product(false)));
        proof.batch = EncodedBatch::new(&bad);
        let error = verify(&proof, &case.instance(), &bad, Column::NAMES).expect_err("none");
        assert!(matches!(error, VerifyError::Statement(_)), "{error}");
    }
    let many = Batch {
        statements: vec![product(false); 257],
        extra: ColumnSet::EMPTY,
    };
    let error: StatementError = many.check(15).expect_err("too many");
    assert!(error.to_string().contains("expected 1 to 16"), "{error}");
}

#[test]
fn a_point_without_weights_is_refused_by_prover_and_verifier() {
    let case = Case::new();
    let batch = Batch::of(product(false));
    let tau = vec![Fr::from(7u64); case.num_vars()];
    let prover = case.prover::<Fr>(&batch).at_point(tau.clone());
    let refused = prover.prove_actual(&case.oracle());
    assert!(matches!(refused, Err(ProveError::Point)));
    let proof = case.proof::<Fr>(&batch);
    let refused = verify_at(&proof, &case.instance(), &batch, Column::NAMES, &tau);
    assert!(matches!(refused, Err(VerifyError::Point)));
}

#[test]
fn numbers_of_variables_that_do_not_fit_are_refused() {
    let case = Case::new();
    let oracle = case.oracle();
    let proves = |prover: &SumCheckProver<Fr>| prover.prove_actual(&oracle).map(|_| ());
    for num_vars in [case.num_vars() - 1, case.num_vars() + 1] {
        let prover = SumCheckProver::for_statement(num_vars, product(false));
        let refused = proves(&prover);
        assert!(matches!(refused, Err(ProveError::NumVars { .. })));
    }
    for num_vars in [0, 41, 64, 1 << 32, usize::MAX] {
        let prover = SumCheckProver::for_statement(num_vars, product(true));
        let refused = proves(&prover);
        assert!(matches!(refused, Err(ProveError::VariableCount { .. })));
        assert!(prover.schedule_for(&oracle).is_err());
    }
    let mut other = case.instance();
    other.num_vars -= 1;
    let prover = case.prover(&Batch::of(product(true))).with_instance(other);
    let refused = proves(&prover);
    assert!(matches!(refused, Err(ProveError::NumVars { .. })));
    // One row: a sum without a round, which nothing would be checked against.
    let one = DenseOracle::new(&[("a", &[3]), ("b", &[5])], NonZeroUsize::MIN).expect("a table");
    let prover = SumCheckProver::new(0, 2, 3);
    for sum in [15u64, 16] {
        let refused = prover.prove(&one, Fr::from(sum));
        assert!(matches!(refused, Err(ProveError::VariableCount { .. })));
    }
    // A verifier that believes in such an instance refuses the proof that agrees.
    for num_vars in [0, 41, u32::MAX] {
        let mut proof = case.proof::<Fr>(&Batch::of(product(true)));
        proof.instance.num_vars = num_vars;
        let instance = proof.instance;
        let batch = Batch::of(product(true));
        let refused = verify(&proof, &instance, &batch, Column::NAMES);
        assert!(matches!(refused, Err(VerifyError::VariableCount { .. })));
    }
}

#[test]
fn products_of_too_many_columns_are_refused_by_the_simple_entry() {
    let case = Case::new();
    for num_polys in [5, 64, 65, 1 << 40, usize::MAX] {
        let prover = SumCheckProver::<Fr>::new(case.num_vars(), num_polys, 3);
        let error = prover.prove_actual(&case.oracle()).expect_err("too many");
        let number = format!("{num_polys} factors");
        assert!(error.to_string().contains(&number), "{error}");
    }
}
