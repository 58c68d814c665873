//! What a query does, as a tree of operators over rows of words.
//!
//! - [`algebra`]: SPARQL's algebra to operators; what it does not know goes to the complete evaluator.
//! - [`joins`]: the order of patterns, paths and filters, by counts of facts.
//! - [`atoms`]: the steps of such an order. [`scope`]: which variable is which slot of a row.
//!
//! A row has a slot for each variable and, in slot 0, its weight: how many equal rows it stands for. Where nobody reads
//! a variable, rows that differ in it alone are one row: a count over a star enumerates no star.

pub(crate) mod algebra;
pub(crate) mod atoms;
pub(crate) mod joins;
pub(crate) mod scope;

use std::cell::Cell;

use atoms::{Place, Step, StepKind};

use super::expression::Expr;
use super::words::Word;

/// An operator with what is known of its rows.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) op: Op,
    /// How many rows are expected.
    pub(crate) estimate: f64,
    /// How many rows came.
    pub(crate) made: Cell<u64>,
    /// The slots that have a term in every row.
    pub(crate) certain: u128,
    /// The slots that may have a term.
    pub(crate) possible: u128,
}

#[derive(Debug)]
pub(crate) enum Op {
    /// Rows of the input, or one without terms, through the steps.
    Steps {
        input: Option<Box<Node>>,
        steps: Vec<Step>,
    },
    /// A hash join; the right side is the table.
    Join {
        left: Box<Node>,
        right: Box<Node>,
        keys: Vec<usize>,
    },
    /// A hash join that keeps rows of the left side.
    LeftJoin {
        left: Box<Node>,
        right: Box<Node>,
        keys: Vec<usize>,
        filter: Option<Expr>,
    },
    /// Rows of the left side through steps, kept where these find nothing; `tag` numbers them meanwhile.
    LeftSteps {
        left: Box<Node>,
        steps: Vec<Step>,
        tag: usize,
    },
    Union(Vec<Node>),
    Minus {
        left: Box<Node>,
        right: Box<Node>,
        keys: Vec<usize>,
        shared: u128,
    },
    Filter {
        inner: Box<Node>,
        expr: Expr,
    },
    Extend {
        inner: Box<Node>,
        slot: usize,
        expr: Expr,
    },
    Values(Vec<Vec<(usize, Word)>>),
    /// The inner operator in a named graph, or in each.
    Graph {
        name: Place,
        inner: Box<Node>,
    },
    /// The inner steps in any named graph; each pattern names it.
    AnyGraph {
        inner: Box<Node>,
    },
    Distinct {
        inner: Box<Node>,
        slots: Vec<usize>,
    },
    Order {
        inner: Box<Node>,
        keys: Vec<(Expr, bool)>,
        keep: Option<usize>,
    },
    Slice {
        inner: Box<Node>,
        start: usize,
        length: Option<usize>,
    },
    Group {
        inner: Box<Node>,
        keys: Vec<usize>,
        aggregates: Vec<(usize, Aggregate)>,
    },
}

/// An aggregate of the rows of a group.
#[derive(Debug)]
pub(crate) struct Aggregate {
    pub(crate) kind: AggregateKind,
    pub(crate) of: Of,
    pub(crate) is_distinct: bool,
}

/// What is aggregated.
#[derive(Debug)]
pub(crate) enum Of {
    /// Nothing but the number of rows.
    Nothing,
    /// Rows, by what they have in these slots.
    Row(Vec<usize>),
    /// What an expression gives.
    Value(Expr),
}

impl Of {
    /// The slots that are read.
    fn slots(&self) -> u128 {
        match self {
            Self::Nothing => 0,
            Self::Row(slots) => slots.iter().fold(0, |mask, slot| mask | 1 << slot),
            Self::Value(expr) => expr.slots(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AggregateKind {
    Count,
    Sum,
    Average,
    Min,
    Max,
    Sample,
    Concat(String),
}

impl Node {
    pub(crate) fn new(op: Op, estimate: f64, certain: u128, possible: u128) -> Self {
        Self { op, estimate, made: Cell::new(0), certain, possible }
    }

    /// Tells all below which slots are read above. What is not read need not be told apart, as weights say how many
    /// rows there were.
    pub(crate) fn need(&self, needed: u128) {
        match &self.op {
            Op::Steps { input, steps } => {
                let before = need_of_steps(steps, needed);
                if let Some(input) = input {
                    input.need(before);
                }
            }
            Op::LeftSteps { left, steps, tag } => left.need(need_of_steps(steps, needed | 1 << tag)),
            Op::Join { left, right, .. } => {
                let both = left.possible & right.possible;
                left.need(needed | both);
                right.need(needed | both);
            }
            Op::LeftJoin { left, right, filter, .. } => {
                let read = filter.as_ref().map_or(0, Expr::slots) | left.possible & right.possible | needed;
                left.need(read);
                right.need(read);
            }
            Op::Minus { left, right, shared, .. } => {
                left.need(needed | shared);
                right.need(*shared);
            }
            Op::Union(parts) => parts.iter().for_each(|part| part.need(needed)),
            Op::Filter { inner, expr } | Op::Extend { inner, expr, .. } => inner.need(needed | expr.slots()),
            Op::Values(_) => {}
            Op::Graph { name, inner } => inner.need(needed | name.slots()),
            Op::AnyGraph { inner } | Op::Slice { inner, .. } => inner.need(needed),
            Op::Distinct { inner, slots } => inner.need(slots.iter().fold(0, |mask, slot| mask | 1 << slot)),
            Op::Order { inner, keys, .. } => {
                inner.need(keys.iter().fold(needed, |needed, (key, _)| needed | key.slots()));
            }
            Op::Group { inner, keys, aggregates } => {
                let keys = keys.iter().fold(0, |mask, slot| mask | 1 << slot);
                let by_weight = aggregates.iter().all(|(_, aggregate)| aggregate.counts_weights());
                let read = aggregates.iter().fold(keys, |read, (_, aggregate)| read | aggregate.of.slots());
                inner.need(if by_weight { read } else { u128::MAX });
            }
        }
    }
}

impl Aggregate {
    /// Whether a row of weight n counts as n rows without being repeated.
    fn counts_weights(&self) -> bool {
        self.is_distinct
            || matches!(
                self.kind,
                AggregateKind::Count | AggregateKind::Min | AggregateKind::Max | AggregateKind::Sample
            )
    }
}

/// Tells each step what is read after it; returns what is read before them.
fn need_of_steps(steps: &[Step], mut needed: u128) -> u128 {
    for step in steps.iter().rev() {
        step.needed.set(needed);
        needed |= step.kind.reads();
        if let StepKind::Filter(expr) = &step.kind {
            need_of_exists(expr);
        }
    }
    needed
}

/// Of what an `EXISTS` finds, nothing is read.
fn need_of_exists(expr: &Expr) {
    if let Expr::Exists(steps) = expr {
        need_of_steps(steps, 0);
    }
}
