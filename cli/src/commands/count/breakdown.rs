//! Where the cycles of a run went, by what `--by` names.
//!
//! In: a profile. Out: tables for people, fields of a JSON object for scripts. Functions have the names
//! their authors wrote.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tracelane::profile::{Profile, Regions};

use crate::args::By;
use crate::failure::Failure;
use crate::guest::Guest;
use crate::{format, names};

/// Lines of a table that a person gets to see.
const LINES_MAX: usize = 40;

/// Deepest region that is indented as deep as it is.
const INDENT_MAX: u64 = 16;

/// Adds the fields to a report.
pub fn add(report: &mut Value, by: &[By], guest: &Guest<'_>, profile: &Profile) {
    for by in by {
        match by {
            By::Opcode => {
                report["opcode_cycles"] = json!(profile.counts.by_opcode(&guest.program));
            }
            By::Function => report["function_cycles"] = json!(by_function(guest, profile)),
            By::Region => {
                let regions = profile.regions.list.iter();
                let cycles = regions.map(|region| (&region.name, region.cycles));
                report["region_cycles"] = json!(cycles.collect::<BTreeMap<_, _>>());
                let regions = profile.regions.list.iter().map(|region| {
                    json!({
                        "name": region.name,
                        "cycles": region.cycles,
                        "count": region.count,
                        "depth": region.depth,
                    })
                });
                report["regions"] = regions.collect();
                report["unmatched_region_marks"] = profile.regions.unmatched.into();
            }
        }
    }
}

/// Prints the tables.
pub fn print(by: &[By], guest: &Guest<'_>, profile: &Profile) -> Result<(), Failure> {
    let total = profile.cycles;
    for by in by {
        match by {
            By::Opcode => {
                let counts = profile.counts.by_opcode(&guest.program).into_iter();
                let lines = counts.map(|(name, cycles)| (name.to_owned(), cycles));
                format::print_breakdown("opcode", lines.collect(), total, LINES_MAX)?;
            }
            By::Function => {
                let lines = by_function(guest, profile).into_iter().collect();
                format::print_breakdown("function", lines, total, LINES_MAX)?;
            }
            By::Region => print_regions(&profile.regions, total)?,
        }
    }
    Ok(())
}

/// Cycles by function, those of one name together.
fn by_function(guest: &Guest<'_>, profile: &Profile) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (symbol, cycles) in profile.counts.by_function(&guest.program) {
        *sums.entry(names::readable(&symbol)).or_default() += cycles;
    }
    sums
}

/// In the order of their first start, each under those that were open then.
fn print_regions(regions: &Regions, total: u64) -> Result<(), Failure> {
    format::print_line(&format!(
        "{:>16} {:>7} {:>9}  region",
        "cycles", "share", "starts"
    ))?;
    for region in regions.list.iter().take(LINES_MAX) {
        let indent = "  ".repeat(region.depth.min(INDENT_MAX) as usize);
        format::print_line(&format!(
            "{:>16} {:>7} {:>9}  {indent}{}",
            format::count(region.cycles),
            format::share(region.cycles, total),
            format::count(region.count),
            // Names come from the guest: no control character of theirs reaches a terminal.
            names::printable(&region.name),
        ))?;
    }
    let hidden = regions.list.len().saturating_sub(LINES_MAX);
    if hidden > 0 {
        format::print_line(&format!("{:>34}  ({hidden} more)", ""))?;
    }
    if regions.unmatched > 0 {
        let marks = format::count(regions.unmatched);
        format::print_line(&format!("{marks} marks without their other half"))?;
    }
    Ok(())
}
