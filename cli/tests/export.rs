//! `export --format arrow`: what the Arrow reader finds is what `rows` prints.
#![cfg(feature = "arrow")]

mod support;

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use arrow_ipc::reader::FileReader;
use arrow_schema::{DataType, Schema};
use serde_json::Value;
use support::{Desk, fails, guest, json, line, stderr, succeeds, tracelane};

fn checkpoints(desk: &Desk) -> PathBuf {
    let (input, file) = (desk.file("input", b"300"), desk.path("checkpoints"));
    let words = "checkpoint {} --input {} -o {} --interval 500";
    succeeds(&line(words, &[&guest("sieve"), &input, &file]));
    file
}

fn read(path: &Path) -> (Schema, Vec<RecordBatch>) {
    let file = File::open(path).expect("the file");
    let reader = FileReader::try_new(file, None).expect("an Arrow file");
    let schema = reader.schema().as_ref().clone();
    let batches = reader.collect::<Result<_, _>>().expect("record batches");
    (schema, batches)
}

#[test]
fn the_file_holds_the_rows_that_are_printed() {
    let desk = Desk::new();
    let (file, elf) = (checkpoints(&desk), guest("sieve"));
    let out = desk.path("rows.arrow");
    let described = json(&line("inspect {} --json", &[&file]));
    let total = described["total_num_cycles"].as_u64().expect("a count");
    for (range, first, end, more, batch_rows) in [
        ("..", 0, total, "", 1 << 16),
        ("490..1030", 490, 1030, "", 64),
        (
            "7..9",
            7,
            9,
            " --columns rd_after,opcode,rd_after,pc",
            1 << 16,
        ),
        ("5..5", 5, 5, "", 1 << 16),
    ] {
        let words = format!("rows {{}} --elf {{}} --range {range} --json{more}");
        let expected = json(&line(&words, &[&file, &elf]));
        let expected = expected.as_array().expect("rows");
        let words = format!(
            "export {{}} --elf {{}} --range {range} --format arrow --batch-rows {batch_rows} \
             -o {{}} --json{more}"
        );
        let report = json(&line(&words, &[&file, &elf, &out]));
        assert_eq!(report["rows"], end - first);
        let (schema, batches) = read(&out);
        assert_eq!(report["batches"], batches.len());
        for (name, value) in [
            (
                "tracelane.program_digest",
                described["program_digest"].as_str(),
            ),
            ("tracelane.input_digest", described["input_digest"].as_str()),
            ("tracelane.range", Some(&*format!("{first}..{end}"))),
        ] {
            assert_eq!(
                schema.metadata().get(name).map(String::as_str),
                value,
                "{name}"
            );
        }
        assert_eq!(*schema.field(0).data_type(), DataType::UInt64);
        assert_eq!(schema.field(0).name(), "cycle");
        let mut rows = expected.iter();
        for batch in &batches {
            assert!(batch.num_rows() <= batch_rows);
            for (index, row) in (0..batch.num_rows()).zip(&mut rows) {
                let fields = row.as_object().expect("a row");
                assert_eq!(fields.len(), batch.num_columns());
                for (name, value) in fields {
                    let column = batch.column_by_name(name).expect(name);
                    let found: Value = match name.as_str() {
                        "cycle" => column.as_primitive::<UInt64Type>().value(index).into(),
                        _ => column.as_primitive::<UInt32Type>().value(index).into(),
                    };
                    assert_eq!(found, *value, "{name} of row {index}");
                }
            }
        }
        assert_eq!(rows.next(), None, "all rows");
    }
    let text = succeeds(&line("export {} --elf {} -o {}", &[&file, &elf, &out]));
    assert!(text.contains("batches"), "{text}");
}

#[test]
fn a_failed_export_leaves_what_was_there() {
    let desk = Desk::new();
    let (file, elf) = (checkpoints(&desk), guest("sieve"));
    let kept = desk.file("kept", b"precious");
    let names = desk.names();
    let words = "export {} --elf {} --range 0..100000000 -o {}";
    fails(&line(words, &[&file, &elf, &kept]), 2);
    let words = "export {} --elf {} -o {}";
    let message = fails(&line(words, &[&file, &guest("btree"), &kept]), 4);
    assert!(message.contains("another program"), "{message}");
    let folder = desk.path("no").join("such");
    fails(&line(words, &[&file, &elf, &folder]), 2);
    assert_eq!(std::fs::read(&kept).expect("the file"), b"precious");
    assert_eq!(desk.names(), names, "nothing half-written");
    for words in [
        "export x --elf y",
        "export x --elf y -o z --format parquet",
        "export x --elf y -o z --columns colour",
        "export x --elf y -o z --batch-rows 3",
        "export x --elf y -o z --range 9..7",
    ] {
        let output = tracelane(&words.split(' ').collect::<Vec<_>>());
        assert_eq!(
            output.status.code(),
            Some(2),
            "{words}: {}",
            stderr(&output)
        );
    }
}
