//! Divergence: the first cycle in which two runs are not the same.
//!
//! In: two runs, of one program or two, with whatever intervals. Out: a [`Comparison`]. It does not
//! know what made them differ.
//!
//! Two rows *differ* where any column differs but `pc_index`, which says where an instruction lies in
//! its program's table and not what happened. The *first divergence* is the lowest cycle whose rows
//! differ; where all rows of the shorter run are equal and the other goes on, it is the end of the
//! shorter one. It depends on nothing but the two runs.
//!
//! Checkpoints alone can't find it. Equal rows lead to equal registers, and in one program to
//! equal written pages, so that a checkpoint that differs is behind a divergence; but
//! states that are equal may have differed in between (a byte of the input is looked at and
//! forgotten), and no other state of one run tells what it has read. So [`Scope::First`] compares all
//! rows up to the first checkpoint that differs, span by span on every worker.
//! [`Scope::Lasting`] asks for less: it compares checkpoints only, takes the last one before the first
//! that differs, and compares rows from there on. What it finds is the first difference behind that
//! checkpoint; one that was gone again at every earlier checkpoint is not seen, and so the
//! result depends on the intervals.

use std::collections::BTreeSet;
use std::ops::Range;

use rayon::prelude::*;

use super::image::{bytes_of, is_content};
use super::{RangeReplay, ReplayError, ReplayOptions, Run, worker};
use crate::checkpoint::CheckpointState;
use crate::trace::columns::{Column, ColumnSet};
use crate::trace::view::ChunkView;

/// Rows that a worker compares before results are looked at, first and at most.
const SPAN_ROWS: Range<u64> = 1 << 16..1 << 23;

/// Which difference is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scope {
    /// The first.
    #[default]
    First,
    /// The first behind the last common checkpoint at which both runs are still in one state.
    Lasting,
}

/// Where two runs part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Divergence {
    /// Nowhere: they have equal rows, and as many.
    None,
    /// Both have a row of this cycle, and they differ in these columns.
    Row {
        /// The cycle.
        cycle: u64,
        /// What differs.
        columns: ColumnSet,
    },
    /// One run ended before this cycle, the other has a row of it; all rows before it are equal.
    End {
        /// The shorter run's number of rows.
        cycle: u64,
    },
}

/// What a comparison of two runs came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Comparison {
    /// Where they part, within the scope.
    pub divergence: Divergence,
    /// Cycle of the first common checkpoint at which the states differ: registers, pc, length of
    /// text, and for one program the written pages.
    pub checkpoint_cycle: Option<u64>,
    /// Cycle before which no row was looked at; 0 unless the scope is [`Scope::Lasting`].
    pub first_row: u64,
}

/// Compares two runs.
///
/// # Errors
/// [`ReplayError`] of either run.
pub fn first_divergence(
    a: &Run<'_>,
    b: &Run<'_>,
    options: &ReplayOptions<'_>,
    scope: Scope,
) -> Result<Comparison, ReplayError> {
    let rows = a.rows().min(b.rows());
    let (equal_cycle, checkpoint_cycle) = if same(a, b) {
        (rows, None)
    } else {
        compare_checkpoints(a, b)
    };
    let first_row = match scope {
        Scope::First if same(a, b) => rows,
        Scope::First => 0,
        Scope::Lasting => equal_cycle,
    };
    let columns = compared(a, b);
    // Behind a checkpoint that differs no row is worth a worker's time, unless it lied.
    let bound = checkpoint_cycle.unwrap_or(rows);
    let mut found = first_difference(a, b, options, first_row..bound, columns)?;
    if found.is_none() {
        found = first_difference(a, b, options, bound..rows, columns)?;
    }
    let divergence = match found {
        Some(cycle) => Divergence::Row {
            cycle,
            columns: differing_columns(a, b, options, cycle)?,
        },
        None if a.rows() != b.rows() => Divergence::End { cycle: rows },
        None => Divergence::None,
    };
    for run in [a, b] {
        run.checkpoints().check_unchanged()?;
    }
    Ok(Comparison {
        divergence,
        checkpoint_cycle,
        first_row: if scope == Scope::First { 0 } else { first_row },
    })
}

/// Whether they are runs of one program on one input, and hence one run.
fn same(a: &Run<'_>, b: &Run<'_>) -> bool {
    let (left, right) = (a.checkpoints(), b.checkpoints());
    same_program(a, b)
        && left.identity().input_digest == right.identity().input_digest
        && left.summary() == right.summary()
}

fn same_program(a: &Run<'_>, b: &Run<'_>) -> bool {
    a.program().digest() == b.program().digest()
}

/// The columns that tell whether rows differ. In one program `pc_index` stands for all static ones.
fn compared(a: &Run<'_>, b: &Run<'_>) -> ColumnSet {
    if same_program(a, b) {
        return Column::raw_set();
    }
    all_but_pc_index()
}

fn all_but_pc_index() -> ColumnSet {
    let columns = Column::ALL.iter();
    columns
        .filter(|&&column| column != Column::PcIndex)
        .map(|column| column.id())
        .collect()
}

/// The last common checkpoint up to which all of them agree, and the first that does not.
fn compare_checkpoints(a: &Run<'_>, b: &Run<'_>) -> (u64, Option<u64>) {
    let rows = a.rows().min(b.rows());
    let intervals = [a, b].map(|run| run.checkpoints().identity().interval);
    let step = common_multiple(intervals).unwrap_or(u64::MAX);
    let inner = std::iter::successors(Some(step), |cycle| cycle.checked_add(step));
    let inner = inner.take_while(|&cycle| cycle < rows);
    let last = (a.rows() == b.rows()).then_some(rows);
    let mut states = States::new(a, b);
    let mut equal_cycle = 0;
    for cycle in inner.chain(last) {
        if states.differ(cycle) {
            return (equal_cycle, Some(cycle));
        }
        equal_cycle = cycle;
    }
    (equal_cycle, None)
}

fn common_multiple([a, b]: [u64; 2]) -> Option<u64> {
    let (mut divisor, mut rest) = (a, b);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    (a / divisor).checked_mul(b)
}

/// The states of two runs at common checkpoints, visited in ascending order.
struct States<'a> {
    sides: [Side<'a>; 2],
    /// Whether pages can be compared.
    same_program: bool,
}

/// One run's written pages, up to the checkpoint visited last.
struct Side<'a> {
    run: Run<'a>,
    /// The checkpoint whose pages come next.
    next: usize,
}

impl<'a> States<'a> {
    fn new(a: &Run<'a>, b: &Run<'a>) -> Self {
        let side = |run: &Run<'a>| Side { run: *run, next: 0 };
        Self {
            sides: [side(a), side(b)],
            same_program: same_program(a, b),
        }
    }

    /// Whether the states before `cycle`, a common checkpoint behind all that were asked for, differ.
    fn differ(&mut self, cycle: u64) -> bool {
        let [a, b] = [&self.sides[0], &self.sides[1]].map(|side| side.state(cycle));
        let facts = |state: &CheckpointState| (state.pc, state.registers, state.text_bytes);
        if facts(&a) != facts(&b) {
            return true;
        }
        if !self.same_program {
            return false;
        }
        let mut changed = BTreeSet::new();
        for side in &mut self.sides {
            side.advance(cycle, &mut changed);
        }
        let [a, b] = &self.sides;
        !changed
            .iter()
            .all(|&page_index| a.is_page_of(b, cycle, page_index))
    }
}

impl Side<'_> {
    fn checkpoint(&self, cycle: u64) -> usize {
        let interval = self.run.checkpoints().identity().interval;
        cycle.div_ceil(interval) as usize
    }

    fn state(&self, cycle: u64) -> CheckpointState {
        self.run.checkpoints().state(self.checkpoint(cycle))
    }

    /// Takes in the pages that changed up to `cycle`, and adds their indices to `changed`.
    fn advance(&mut self, cycle: u64, changed: &mut BTreeSet<u32>) {
        let end = self.checkpoint(cycle) + 1;
        for index in self.next..end {
            let source = self.run.checkpoints();
            source.for_each_changed_page(index, &mut |page_index, _| {
                changed.insert(page_index);
            });
        }
        self.next = end;
    }

    /// Whether page `page_index` is before `cycle` as it is in the `other` run.
    fn is_page_of(&self, other: &Side<'_>, cycle: u64, page_index: u32) -> bool {
        let [ours, theirs] = [self, other].map(|side| {
            side.run
                .checkpoints()
                .page(side.checkpoint(cycle), page_index)
        });
        let program = self.run.program();
        let bytes = bytes_of(program, page_index, ours);
        is_content(program, page_index, &bytes, theirs)
    }
}

/// The first of `rows` that differs, by all workers of the options.
fn first_difference(
    a: &Run<'_>,
    b: &Run<'_>,
    options: &ReplayOptions<'_>,
    rows: Range<u64>,
    set: ColumnSet,
) -> Result<Option<u64>, ReplayError> {
    if rows.is_empty() {
        return Ok(None);
    }
    let mut pairs = (0..options.workers())
        .map(|_| Pair::new(a, b, options))
        .collect::<Result<Vec<_>, _>>()?;
    let (mut first, mut span_rows) = (rows.start, SPAN_ROWS.start);
    while first < rows.end {
        let starts = (first..rows.end).step_by(span_rows as usize);
        let spans: Vec<Range<u64>> = starts
            .take(pairs.len())
            .map(|start| start..start.saturating_add(span_rows).min(rows.end))
            .collect();
        first = spans.last().map_or(rows.end, |span| span.end);
        let compare = |(pair, span): (&mut Pair<'_>, &Range<u64>)| {
            pair.first_difference(options, span.clone(), set)
        };
        let found: Vec<Result<Option<u64>, ReplayError>> = match options.pool {
            Some(pool) => pool.install(|| pairs.par_iter_mut().zip(&spans).map(compare).collect()),
            None => pairs.iter_mut().zip(&spans).map(compare).collect(),
        };
        // In the order of the rows: what is behind a difference no longer matters.
        for found in found {
            if let Some(cycle) = found? {
                settle(&mut pairs, options)?;
                return Ok(Some(cycle));
            }
        }
        span_rows = (2 * span_rows).min(SPAN_ROWS.end);
    }
    settle(&mut pairs, options)?;
    Ok(None)
}

/// Rows that were compared hold once the boundaries behind them do.
fn settle(pairs: &mut [Pair<'_>], options: &ReplayOptions<'_>) -> Result<(), ReplayError> {
    for Pair { runs, workers } in pairs {
        for (run, worker) in runs.iter().zip(workers) {
            worker.settle(run, options)?;
        }
    }
    Ok(())
}

/// A worker on each run, in step.
struct Pair<'a> {
    runs: [Run<'a>; 2],
    workers: [Box<dyn RangeReplay>; 2],
}

impl<'a> Pair<'a> {
    fn new(a: &Run<'a>, b: &Run<'a>, options: &ReplayOptions<'_>) -> Result<Self, ReplayError> {
        Ok(Self {
            runs: [*a, *b],
            workers: [worker(a, options)?, worker(b, options)?],
        })
    }

    fn first_difference(
        &mut self,
        options: &ReplayOptions<'_>,
        rows: Range<u64>,
        set: ColumnSet,
    ) -> Result<Option<u64>, ReplayError> {
        let [a, b] = &self.runs;
        let [left, right] = &mut self.workers;
        let mut first = rows.start;
        while first < rows.end {
            let end = first.saturating_add(options.chunk_rows as u64);
            let chunk = first..end.min(rows.end);
            first = chunk.end;
            let (mut found, mut other) = (None, Ok(()));
            left.fill(a, options, chunk.clone(), set, &mut |ours| {
                other = right.fill(b, options, chunk.clone(), set, &mut |theirs| {
                    found = difference(ours, theirs, set);
                });
            })?;
            other?;
            if let Some(offset) = found {
                return Ok(Some(chunk.start + offset as u64));
            }
        }
        Ok(None)
    }
}

/// The first row in which two views of as many rows differ.
fn difference(a: &ChunkView<'_>, b: &ChunkView<'_>, set: ColumnSet) -> Option<usize> {
    let first = set.iter().filter_map(|id| {
        let (a, b) = (a.column(id), b.column(id));
        // Equal slices are the rule, and compared faster than found to have no difference.
        (a != b).then(|| a.iter().zip(b).position(|(a, b)| a != b))?
    });
    first.min()
}

/// The columns in which the rows of `cycle` differ.
fn differing_columns(
    a: &Run<'_>,
    b: &Run<'_>,
    options: &ReplayOptions<'_>,
    cycle: u64,
) -> Result<ColumnSet, ReplayError> {
    let set = all_but_pc_index();
    let row = |run: &Run<'_>| -> Result<Vec<u32>, ReplayError> {
        let mut values = Vec::new();
        super::replay_rows(run, options, cycle..cycle + 1, set, &mut |view| {
            values.extend(set.iter().map(|id| view.column(id)[0]));
        })?;
        Ok(values)
    };
    let (left, right) = (row(a)?, row(b)?);
    let pairs = set.iter().zip(left.iter().zip(&right));
    Ok(pairs
        .filter(|(_, (left, right))| left != right)
        .map(|(id, _)| id)
        .collect())
}
