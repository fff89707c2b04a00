//! Profiles as files: folded stacks for any flame-graph tool, or the Firefox Profiler's format.
//!
//! In: sampled stacks. Out: a file. In the latter format a nanosecond stands for a cycle, and samples
//! of one stack in a row are one sample of that weight.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::SystemTime;

use fxprof_processed_profile::{
    CategoryHandle, CpuDelta, Frame, FrameFlags, FrameInfo, Profile, SamplingInterval, StackHandle,
    Timestamp, WeightType,
};
use tracelane::profile::Samples;

use crate::failure::Failure;
use crate::{files, names};

/// Longest part of a function's name that is written: a line of folded stacks has hundreds.
const NAME_CHARS_MAX: usize = 256;

/// What kind of file a profile goes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// One line a stack.
    Folded,
    /// One JSON object.
    Firefox,
}

impl Format {
    /// The format that the extension of `path` names.
    pub fn of(path: &Path) -> Result<Self, Failure> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("folded") => Ok(Self::Folded),
            Some("json") => Ok(Self::Firefox),
            _ => Err(Failure::Arguments(format!(
                "--profile {}: the name must end in .folded (for flame graphs) or .json (for the \
                 Firefox Profiler)",
                path.display()
            ))),
        }
    }
}

/// Writes `samples` of `program` to `path`.
pub fn write(path: &Path, format: Format, program: &str, samples: &Samples) -> Result<(), Failure> {
    files::write_with(path, |file: &File| {
        let mut out = BufWriter::new(file);
        let written = match format {
            Format::Folded => write_folded(&mut out, samples),
            Format::Firefox => {
                serde_json::to_writer(&mut out, &firefox(program, samples)).map_err(io::Error::from)
            }
        };
        written
            .and_then(|()| out.flush())
            .map_err(Failure::file(path, "write"))
    })
}

/// The name of each function as a reader may see it.
fn function_names(samples: &Samples) -> Vec<String> {
    let names = samples.functions.iter().map(|symbol| {
        let name = names::readable(symbol);
        let cut = name.char_indices().nth(NAME_CHARS_MAX);
        let name = cut.map_or(name.as_str(), |(end, _)| &name[..end]);
        names::printable(name)
    });
    names.collect()
}

/// A stack by its names: what symbols differ only in their mangling is one.
#[derive(Default)]
struct Named<'a> {
    samples: u64,
    callees: BTreeMap<&'a str, usize>,
}

/// One line a stack: functions from the outermost in, then the cycles they stand for.
fn write_folded(out: &mut impl Write, samples: &Samples) -> io::Result<()> {
    // A semicolon ends a name.
    let names = function_names(samples).into_iter();
    let names: Vec<String> = names.map(|name| name.replace(';', ":")).collect();
    let mut tree = vec![Named::default()];
    let mut places: Vec<usize> = Vec::with_capacity(samples.stacks.len());
    for stack in &samples.stacks {
        let caller = stack.caller.map_or(0, |caller| places[caller as usize]);
        let next = tree.len();
        let name = names[stack.function as usize].as_str();
        let place = *tree[caller].callees.entry(name).or_insert(next);
        if place == next {
            tree.push(Named::default());
        }
        tree[place].samples += stack.samples;
        places.push(place);
    }
    // Depth first, by name; the path to where the walk is stands in one string.
    let mut path = String::new();
    let mut walk: Vec<(usize, &str, usize)> = callees(&tree[0], 0);
    while let Some((place, name, length)) = walk.pop() {
        path.truncate(length);
        if length > 0 {
            path.push(';');
        }
        path.push_str(name);
        if tree[place].samples > 0 {
            let cycles = tree[place].samples * samples.interval_cycles;
            writeln!(out, "{path} {cycles}")?;
        }
        walk.extend(callees(&tree[place], path.len()));
    }
    Ok(())
}

/// What a stack's path of `length` bytes goes on with, the first one last.
fn callees<'a>(stack: &Named<'a>, length: usize) -> Vec<(usize, &'a str, usize)> {
    let callees = stack.callees.iter().rev();
    callees
        .map(|(&name, &place)| (place, name, length))
        .collect()
}

fn firefox(program: &str, samples: &Samples) -> Profile {
    let interval = SamplingInterval::from_nanos(samples.interval_cycles);
    let mut profile = Profile::new(program, SystemTime::UNIX_EPOCH.into(), interval);
    let start = Timestamp::from_nanos_since_reference(0);
    let process = profile.add_process(program, 1, start);
    let thread = profile.add_thread(process, 1, start, true);
    profile.set_thread_name(thread, "guest, one nanosecond a cycle");
    profile.set_thread_samples_weight_type(thread, WeightType::Samples);
    let names = function_names(samples);
    let mut stacks: Vec<StackHandle> = Vec::with_capacity(samples.stacks.len());
    for stack in &samples.stacks {
        let info = FrameInfo {
            frame: Frame::Label(profile.intern_string(&names[stack.function as usize])),
            category_pair: CategoryHandle::OTHER.into(),
            flags: FrameFlags::empty(),
        };
        let frame = profile.intern_frame(thread, info);
        let caller = stack.caller.map(|caller| stacks[caller as usize]);
        stacks.push(profile.intern_stack(thread, caller, frame));
    }
    let mut cycle = samples.interval_cycles;
    for &(stack, mut count) in &samples.runs {
        while count > 0 {
            let weight = i32::try_from(count).unwrap_or(i32::MAX);
            let at = Timestamp::from_nanos_since_reference(cycle);
            let stack = Some(stacks[stack as usize]);
            profile.add_sample(thread, at, stack, CpuDelta::ZERO, weight);
            count -= weight as u64;
            cycle += weight as u64 * samples.interval_cycles;
        }
    }
    profile
}
