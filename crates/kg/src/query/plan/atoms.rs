//! The steps that rows go through: patterns, paths, filters.

use std::cell::{Cell, RefCell};

use rustc_hash::FxHashMap;

use crate::query::expression::Expr;
use crate::query::facts::Active;
use crate::query::run::sorted::Sorted;
use crate::query::words::Word;

/// A place of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Const(Word),
    Slot(usize),
}

impl Place {
    pub(crate) fn slots(self) -> u128 {
        match self {
            Self::Const(_) => 0,
            Self::Slot(slot) => 1 << slot,
        }
    }
}

/// One step, with what explanations tell of it.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) kind: StepKind,
    /// How many rows are expected after it.
    pub(crate) estimate: f64,
    /// How many rows are expected before it.
    pub(crate) expected: f64,
    /// How many rows came.
    pub(crate) made: Cell<u64>,
    /// The slots that anyone reads after it; where rows are only counted, others need not be told apart.
    pub(crate) needed: Cell<u128>,
    /// What a filter of one term says of some.
    pub(crate) known: RefCell<FxHashMap<Word, bool>>,
}

impl Step {
    pub(crate) fn new(kind: StepKind, estimate: f64) -> Self {
        Self {
            kind,
            estimate,
            expected: 0.0,
            made: Cell::new(0),
            needed: Cell::new(u128::MAX),
            known: RefCell::default(),
        }
    }
}

#[derive(Debug)]
pub(crate) enum StepKind {
    Triple(Triple),
    Path(PathAtom),
    Filter(Expr),
}

impl StepKind {
    /// The slots that have a term after the step.
    pub(crate) fn binds(&self) -> u128 {
        match self {
            Self::Triple(triple) => triple.slots(),
            Self::Path(path) => path.subject.slots() | path.object.slots(),
            Self::Filter(_) => 0,
        }
    }

    /// The slots that the step reads.
    pub(crate) fn reads(&self) -> u128 {
        match self {
            Self::Filter(expr) => expr.slots(),
            _ => self.binds(),
        }
    }
}

/// A triple pattern; the fourth place is the graph, where a variable names it.
#[derive(Debug)]
pub(crate) struct Triple {
    pub(crate) places: [Place; 3],
    pub(crate) graph: Option<usize>,
    /// How many facts have its constants.
    pub(crate) count: u64,
    pub(crate) columns: RefCell<Columns>,
}

impl Triple {
    pub(crate) fn new(places: [Place; 3], graph: Option<usize>, count: u64) -> Self {
        Self { places, graph, count, columns: RefCell::default() }
    }

    pub(crate) fn slots(&self) -> u128 {
        let graph = self.graph.map_or(0, |slot| 1 << slot);
        self.places.iter().fold(graph, |slots, place| slots | place.slots())
    }
}

/// The facts of a pattern's constants, sorted by the places that are looked up.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    /// For which graph and which places they were read; none before that.
    pub(crate) of: Option<(Active, u128)>,
    /// Rows of the places looked up, then the others; unused ones are 0.
    pub(crate) pairs: Sorted<2>,
    pub(crate) rows: Sorted<4>,
    /// How many rows were looked up one by one before.
    pub(crate) lookups: u64,
}

/// A property path between two places.
#[derive(Debug)]
pub(crate) struct PathAtom {
    pub(crate) subject: Place,
    pub(crate) path: Path,
    pub(crate) object: Place,
}

/// A property path.
#[derive(Debug)]
pub(crate) enum Path {
    Predicate(Word),
    Reverse(Box<Path>),
    Sequence(Box<Path>, Box<Path>),
    Alternative(Box<Path>, Box<Path>),
    ZeroOrMore(Box<Path>),
    OneOrMore(Box<Path>),
    ZeroOrOne(Box<Path>),
    NoneOf(Vec<Word>),
}
