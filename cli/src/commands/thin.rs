//! `thin`: keeps some of a file's checkpoints, without executing anything.

use std::io;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::atomic::Ordering;

use serde_json::json;
use tracelane::checkpoint::{
    CheckpointSink, CheckpointSource, CheckpointState, CheckpointWriter, RunSummary, StoreError,
    WrittenPage, thin as keep, thinned_identity,
};

use crate::args::ThinOptions;
use crate::commands::inspect;
use crate::failure::Failure;
use crate::{format, interrupt};

/// `tracelane thin`. The new file appears under its name when it is complete, in one step.
pub fn thin(options: &ThinOptions) -> Result<(), Failure> {
    let usage = || Failure::Arguments("write --keep every N with N at least 1".to_owned());
    let [0, every] = options.keep[..] else {
        return Err(usage());
    };
    let every = NonZeroU64::new(every).ok_or_else(usage)?;
    interrupt::at_once();
    let source = inspect::open(&options.file, None)?;
    interrupt::in_order();
    let identity = thinned_identity(&source, every)
        .ok_or_else(|| Failure::Arguments(format!("{every} intervals are too many cycles")))?;
    let out = options.out.as_ref().unwrap_or(&options.file);
    let mut writer = CheckpointWriter::create_new(out, &identity, source.input())?;
    let mut sink = Interruptible {
        writer: &mut writer,
        path: out,
        interrupted: false,
    };
    keep(&source, every, &mut sink).map_err(|error| match sink.interrupted {
        true => Failure::Interrupted(None),
        false => error.into(),
    })?;
    let file = writer.into_file()?;
    if options.json {
        let mut report = inspect::report(&file);
        report["schema"] = "tracelane.thin".into();
        report["file"] = json!(out);
        report["checkpoints_before"] = json!(source.count());
        report["file_bytes_before"] = json!(source.file_bytes());
        format::print_json(&report)
    } else {
        let mut fields = inspect::fields(&file);
        let (count, bytes) = (source.count() as u64, source.file_bytes());
        let before = format!("{} in {}", format::count(count), format::bytes(bytes));
        fields.push(("before", before));
        format::print_fields(&fields)
    }
}

/// A writer that stops at Ctrl-C, and takes its partial file with it.
struct Interruptible<'a> {
    writer: &'a mut CheckpointWriter,
    path: &'a Path,
    interrupted: bool,
}

impl CheckpointSink for Interruptible<'_> {
    fn append(
        &mut self,
        state: &CheckpointState,
        written: &mut dyn ExactSizeIterator<Item = WrittenPage<'_>>,
    ) -> Result<(), StoreError> {
        self.interrupted = interrupt::flag().load(Ordering::Relaxed);
        match self.interrupted {
            false => self.writer.append(state, written),
            true => Err(StoreError::Io {
                path: self.path.to_owned(),
                doing: "write",
                source: io::ErrorKind::Interrupted.into(),
            }),
        }
    }

    fn finish(&mut self, summary: &RunSummary) -> Result<(), StoreError> {
        self.writer.finish(summary)
    }

    fn discard(&mut self) {
        self.writer.discard();
    }
}
