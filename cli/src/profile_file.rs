//! Profiles as files: folded stacks for any flame-graph tool, or the Firefox Profiler's format.
//!
//! In: sampled stacks. Out: the bytes of a file. In the latter format a nanosecond stands for a cycle.

use std::fmt::Write;
use std::path::Path;
use std::time::SystemTime;

use fxprof_processed_profile::{
    CategoryHandle, CpuDelta, Frame, FrameFlags, FrameInfo, Profile, SamplingInterval, Timestamp,
};
use tracelane::profile::Samples;

use crate::failure::Failure;
use crate::files;

/// Writes `samples` of `program` to `path`, in the format that its extension names.
pub fn write(path: &Path, program: &str, samples: &Samples) -> Result<(), Failure> {
    let bytes = match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => firefox(program, samples),
        _ => folded(samples),
    };
    files::write(path, bytes.as_bytes())
}

/// One line a stack: functions from the outermost in, then the cycles they stand for.
fn folded(samples: &Samples) -> String {
    let mut text = String::new();
    for (stack, count) in &samples.stacks {
        let cycles = count * samples.interval_cycles;
        // Writing to a string can't fail.
        let _written = writeln!(text, "{} {cycles}", stack.join(";"));
    }
    text
}

fn firefox(program: &str, samples: &Samples) -> String {
    let interval = SamplingInterval::from_nanos(samples.interval_cycles);
    let mut profile = Profile::new(program, SystemTime::UNIX_EPOCH.into(), interval);
    let start = Timestamp::from_nanos_since_reference(0);
    let process = profile.add_process(program, 1, start);
    let thread = profile.add_thread(process, 1, start, true);
    profile.set_thread_name(thread, "guest, one nanosecond a cycle");
    let mut cycles = 0;
    for (stack, count) in &samples.stacks {
        let frames: Vec<FrameInfo> = stack
            .iter()
            .map(|function| FrameInfo {
                frame: Frame::Label(profile.intern_string(function)),
                category_pair: CategoryHandle::OTHER.into(),
                flags: FrameFlags::empty(),
            })
            .collect();
        let stack = profile.intern_stack_frames(thread, frames.into_iter());
        for _ in 0..*count {
            let at = Timestamp::from_nanos_since_reference(cycles);
            profile.add_sample(thread, at, stack, CpuDelta::ZERO, 1);
            cycles += samples.interval_cycles;
        }
    }
    serde_json::to_string(&profile).expect("a profile of strings and numbers")
}
