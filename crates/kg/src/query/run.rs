//! Operators at work: each pushes its rows in batches into what reads them, which says whether it wants more.
//!
//! - [`steps`]: patterns and filters, looked up in [`sorted`] rows. [`path`]: paths.
//! - [`table`]: what hash joins look up.
//! - [`group`], [`sort`]: what has to see all rows before it has one.

pub(crate) mod group;
pub(crate) mod path;
pub(crate) mod sort;
pub(crate) mod sorted;
pub(crate) mod steps;
pub(crate) mod table;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::error::QueryError;
use super::facts::{Active, Facts};
use super::limits::Meter;
use super::plan::atoms::{Place, Step};
use super::plan::{Node, Op};
use super::words::{UNBOUND, Word, Words};
use sorted::Sorted;
use table::Table;

/// The most rows of a batch.
pub(crate) const BATCH: usize = 1024;
/// The fewest rows of a batch, where only the first rows of all are wanted.
pub(crate) const BATCH_MIN: usize = 16;
/// The slot of a row that says how many rows it stands for.
pub(crate) const WEIGHT: usize = 0;

/// Rows of equal width, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    pub(crate) width: usize,
    pub(crate) words: Vec<Word>,
}

impl Rows {
    pub(crate) fn new(width: usize) -> Self {
        Self { width, words: Vec::new() }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[Word]> {
        self.words.chunks_exact(self.width)
    }

    pub(crate) fn row(&self, n: usize) -> &[Word] {
        &self.words[n * self.width..(n + 1) * self.width]
    }

    pub(crate) fn len(&self) -> usize {
        self.words.len() / self.width
    }
}

/// What reads rows; it says whether it wants more.
pub(crate) type Sink<'s> = dyn FnMut(&Rows) -> Result<bool, QueryError> + 's;

/// A batch that is being filled.
pub(crate) struct Out<'s> {
    pub(crate) rows: Rows,
    batch: usize,
    sink: &'s mut Sink<'s>,
}

impl Out<'_> {
    /// Room for one more row, which `fill` fills and keeps by saying so.
    pub(crate) fn push(&mut self, row: &[Word]) -> Result<bool, QueryError> {
        self.rows.words.extend_from_slice(row);
        self.full()
    }

    /// Hands the batch on if it is full.
    pub(crate) fn full(&mut self) -> Result<bool, QueryError> {
        if self.rows.words.len() < self.batch * self.rows.width { Ok(true) } else { self.flush() }
    }

    /// Hands the batch on.
    pub(crate) fn flush(&mut self) -> Result<bool, QueryError> {
        if self.rows.words.is_empty() {
            return Ok(true);
        }
        let goes_on = (self.sink)(&self.rows)?;
        self.rows.words.clear();
        Ok(goes_on)
    }
}

/// The neighbours of all nodes by one predicate, sorted.
type Neighbours = Rc<Sorted<2>>;

/// How often a predicate was followed, in a direction and a graph, and its facts once that was often.
type Followed = FxHashMap<(Word, bool, Option<Word>), (u64, Option<Neighbours>)>;

/// One query at work.
pub(crate) struct Runner {
    pub(crate) words: Words,
    pub(crate) facts: Facts,
    pub(crate) meter: Rc<Meter>,
    /// The number of slots of a row.
    pub(crate) width: usize,
    /// The graph that patterns are read in now.
    pub(crate) active: Cell<Active>,
    /// The rows of a batch; fewer where only the first rows of all are wanted.
    pub(crate) batch: Cell<usize>,
    /// For paths: by predicate and direction, how often it was followed, and its facts once that was often.
    pub(crate) neighbours: RefCell<Followed>,
}

impl Runner {
    pub(crate) fn new(words: Words, facts: Facts, meter: Rc<Meter>, width: usize) -> Self {
        let active = Cell::new(Active::Default);
        Self { words, facts, meter, width, active, batch: Cell::new(BATCH), neighbours: RefCell::default() }
    }

    /// An empty batch for what reads rows.
    pub(crate) fn out<'s>(&self, sink: &'s mut Sink<'s>) -> Out<'s> {
        Out { rows: Rows::new(self.width), batch: self.batch.get(), sink }
    }

    /// One row without terms.
    pub(crate) fn unit(&self) -> Rows {
        let mut words = vec![UNBOUND; self.width];
        words[WEIGHT] = 1;
        Rows { width: self.width, words }
    }

    /// Whether the steps find a row from this one.
    pub(crate) fn finds(&self, steps: &[Step], row: &[Word]) -> Result<bool, QueryError> {
        self.meter.tick("EXISTS")?;
        let rows = Rows { width: self.width, words: row.to_vec() };
        let mut found = false;
        self.steps(steps, &rows, &mut |_| {
            found = true;
            Ok(false)
        })?;
        Ok(found)
    }

    /// All rows of an operator, held.
    fn held(&self, node: &Node) -> Result<Rows, QueryError> {
        let mut all = Rows::new(self.width);
        self.run(node, &mut |rows| {
            self.meter.hold(size_of_val(&rows.words[..]), node.op.name())?;
            all.words.extend_from_slice(&rows.words);
            Ok(true)
        })?;
        Ok(all)
    }

    /// Runs an operator; false if its reader wants no more.
    pub(crate) fn run(&self, node: &Node, sink: &mut Sink<'_>) -> Result<bool, QueryError> {
        let name = node.op.name();
        let mut sink = |rows: &Rows| {
            node.made.set(node.made.get() + rows.len() as u64);
            self.meter.rows(rows.len(), name)?;
            sink(rows)
        };
        match &node.op {
            Op::Steps { input: None, steps } => self.steps(steps, &self.unit(), &mut sink),
            Op::Steps { input: Some(input), steps } => self.run(input, &mut |rows| self.steps(steps, rows, &mut sink)),
            Op::LeftSteps { left, steps, tag } => {
                self.run(left, &mut |rows| self.left_steps(rows, steps, *tag, &mut sink))
            }
            Op::Join { left, right, keys } => {
                let table = Table::new(self.held(right)?, keys, &self.meter)?;
                if table.is_empty() {
                    return Ok(true);
                }
                self.run(left, &mut |rows| self.probe(rows, &table, None, false, &mut sink))
            }
            Op::LeftJoin { left, right, keys, filter } => {
                let table = Table::new(self.held(right)?, keys, &self.meter)?;
                self.run(left, &mut |rows| self.probe(rows, &table, filter.as_ref(), true, &mut sink))
            }
            Op::Minus { left, right, keys, shared } => {
                let table = Table::new(self.held(right)?, keys, &self.meter)?;
                self.run(left, &mut |rows| self.minus(rows, &table, *shared, &mut sink))
            }
            Op::Union(parts) => {
                for part in parts {
                    if !self.run(part, &mut sink)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Op::Filter { inner, expr } => self.run(inner, &mut |rows| {
                let mut out = self.out(&mut sink);
                for row in rows.iter() {
                    self.meter.tick(name)?;
                    if expr.holds(row, self)? == Some(true) && !out.push(row)? {
                        return Ok(false);
                    }
                }
                out.flush()
            }),
            Op::Extend { inner, slot, expr } => self.run(inner, &mut |rows| {
                let mut made = rows.clone();
                for row in made.words.chunks_exact_mut(self.width) {
                    self.meter.tick(name)?;
                    if let Some(given) = expr.give(row, self)? {
                        let word = given.word(&self.words)?;
                        row[*slot] = word;
                    }
                }
                sink(&made)
            }),
            Op::Values(values) => {
                let mut out = self.out(&mut sink);
                let unit = self.unit();
                for value in values {
                    let mut row = unit.words.clone();
                    value.iter().for_each(|(slot, word)| row[*slot] = *word);
                    if !out.push(&row)? {
                        return Ok(false);
                    }
                }
                out.flush()
            }
            Op::Graph { name, inner } => self.graph(*name, inner, &mut sink),
            Op::AnyGraph { inner } => self.in_graph(Active::AnyNamed, inner, &mut sink),
            Op::Distinct { inner, slots } => self.distinct(inner, slots, &mut sink),
            Op::Order { inner, keys, keep } => self.sort(inner, keys, *keep, &mut sink),
            Op::Slice { inner, start, length } => self.slice(inner, *start, *length, &mut sink),
            Op::Group { inner, keys, aggregates } => self.group(inner, keys, aggregates, &mut sink),
        }
    }

    /// Runs an operator in another graph; what reads its rows is in the graph of before.
    fn in_graph(&self, active: Active, inner: &Node, sink: &mut Sink<'_>) -> Result<bool, QueryError> {
        let outer = self.active.replace(active);
        let ran = self.run(inner, &mut |rows| {
            self.active.set(outer);
            let goes_on = sink(rows);
            self.active.set(active);
            goes_on
        });
        self.active.set(outer);
        ran
    }

    fn graph(&self, name: Place, inner: &Node, sink: &mut Sink<'_>) -> Result<bool, QueryError> {
        let slot = match name {
            Place::Const(graph) => {
                let is_there = self.facts.has_graph(graph)?;
                return if is_there { self.in_graph(Active::Named(graph), inner, sink) } else { Ok(true) };
            }
            Place::Slot(slot) => slot,
        };
        for graph in self.facts.named_graphs(&self.meter)? {
            let goes_on = self.in_graph(Active::Named(graph), inner, &mut |rows| {
                let mut out = self.out(&mut *sink);
                for row in rows.iter().filter(|row| row[slot] == UNBOUND || row[slot] == graph) {
                    out.rows.words.extend_from_slice(row);
                    let at = out.rows.words.len() - self.width + slot;
                    out.rows.words[at] = graph;
                }
                out.flush()
            })?;
            if !goes_on {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn distinct(&self, inner: &Node, slots: &[usize], sink: &mut Sink<'_>) -> Result<bool, QueryError> {
        let mut ones: FxHashSet<Word> = FxHashSet::default();
        let mut seen: FxHashSet<Box<[Word]>> = FxHashSet::default();
        self.run(inner, &mut |rows| {
            let mut out = self.out(&mut *sink);
            for row in rows.iter() {
                let is_new = match slots {
                    [one] => ones.insert(row[*one]),
                    _ => seen.insert(slots.iter().map(|&slot| row[slot]).collect()),
                };
                if is_new {
                    self.meter.hold(size_of::<Word>() * (4 + slots.len()), "DISTINCT")?;
                    let at = out.rows.words.len();
                    out.rows.words.extend_from_slice(row);
                    out.rows.words[at + WEIGHT] = 1;
                    if !out.full()? {
                        return Ok(false);
                    }
                }
            }
            out.flush()
        })
    }

    fn slice(
        &self,
        inner: &Node,
        start: usize,
        length: Option<usize>,
        sink: &mut Sink<'_>,
    ) -> Result<bool, QueryError> {
        let (mut skip, mut left) = (start as u64, length.map_or(u64::MAX, |length| length as u64));
        let mut goes_on = true;
        if left == 0 {
            return Ok(true);
        }
        // What is made beyond the last wanted row is made in vain, unless all rows have to be seen.
        let batch = self.batch.get();
        if !matches!(inner.op, Op::Order { .. } | Op::Group { .. }) {
            let wanted = length.and_then(|length| start.checked_add(length)).unwrap_or(batch);
            self.batch.set(wanted.clamp(BATCH_MIN, batch));
        }
        self.run(inner, &mut |rows| {
            let mut kept = Rows::new(self.width);
            for row in rows.iter() {
                let skipped = skip.min(row[WEIGHT]);
                skip -= skipped;
                let weight = (row[WEIGHT] - skipped).min(left);
                if weight > 0 {
                    left -= weight;
                    let at = kept.words.len();
                    kept.words.extend_from_slice(row);
                    kept.words[at + WEIGHT] = weight;
                }
                if left == 0 {
                    break;
                }
            }
            if !kept.words.is_empty() {
                goes_on = sink(&kept)?;
            }
            Ok(goes_on && left > 0)
        })?;
        self.batch.set(batch);
        Ok(goes_on)
    }
}

impl Op {
    /// The name of the operator, in errors and explanations.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Steps { .. } => "patterns",
            Self::Join { .. } => "hash join",
            Self::LeftJoin { .. } => "OPTIONAL (hash join)",
            Self::LeftSteps { .. } => "OPTIONAL",
            Self::Union(_) => "UNION",
            Self::Minus { .. } => "MINUS",
            Self::Filter { .. } => "FILTER",
            Self::Extend { .. } => "BIND",
            Self::Values(_) => "VALUES",
            Self::Graph { .. } | Self::AnyGraph { .. } => "GRAPH",
            Self::Distinct { .. } => "DISTINCT",
            Self::Order { .. } => "ORDER BY",
            Self::Slice { .. } => "LIMIT",
            Self::Group { .. } => "GROUP BY",
        }
    }
}
