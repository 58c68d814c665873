//! The own evaluator: a query that it knows wholly, planned by counts and run over batches of words.

use std::rc::Rc;

use oxrdf::{Triple, Variable};
use spargebra::Query;
use spargebra::term::{NamedNodePattern, TermPattern, TriplePattern};

use super::error::QueryError;
use super::facts::Facts;
use super::limits::Meter;
use super::plan::atoms::{Path, Place, Step, StepKind};
use super::plan::scope::{Scope, Unsupported};
use super::plan::{Node, Op, algebra};
use super::results::{Answer, Row, Rows, Triples};
use super::run::{BATCH_MIN, Runner, WEIGHT};
use super::template::{Bound, Fresh};
use super::words::{UNBOUND, Word, Words};
use crate::snapshot::Snapshot;

/// A query that the own evaluator knows.
pub(crate) struct Planned {
    pub(crate) runner: Runner,
    pub(crate) root: Node,
    /// The names of the slots.
    pub(crate) names: Vec<String>,
    /// The variables that are handed out, with their slots.
    columns: Vec<(Variable, usize)>,
}

/// Plans a query, or says why the complete evaluator has to answer it.
pub(crate) fn plan(
    snapshot: &Snapshot,
    query: &Query,
    meter: &Rc<Meter>,
) -> Result<Result<Planned, String>, QueryError> {
    let words = Words::new(snapshot.clone(), Rc::clone(meter));
    let facts = Facts::new(&words, query.dataset())?;
    let mut scope = Scope::new(&words, &facts);
    match planned(query, &mut scope) {
        Ok((root, columns)) => {
            let names = std::mem::take(&mut scope.names);
            root.need(columns.iter().fold(0, |mask, (_, slot)| mask | 1 << slot));
            let runner = Runner::new(words, facts, Rc::clone(meter), names.len());
            Ok(Ok(Planned { runner, root, names, columns }))
        }
        Err(Unsupported::Because(why)) => Ok(Err(why)),
        Err(Unsupported::Failed(error)) => Err(error),
    }
}

fn planned(query: &Query, scope: &mut Scope<'_>) -> Result<(Node, Vec<(Variable, usize)>), Unsupported> {
    let pattern = super::pattern_of(query);
    let variables = match query {
        Query::Select { .. } => match super::columns(pattern) {
            Some(variables) => variables.to_vec(),
            None => return Err(Unsupported::new("SELECT without columns")),
        },
        Query::Ask { .. } => Vec::new(),
        Query::Construct { template, .. } => variables_of(template),
        Query::Describe { .. } => return Err(Unsupported::new("DESCRIBE")),
    };
    let mut columns = Vec::new();
    for variable in variables {
        columns.push((variable.clone(), scope.slot(&variable)?));
    }
    Ok((algebra::node(pattern, scope)?, columns))
}

fn variables_of(template: &[TriplePattern]) -> Vec<Variable> {
    let mut variables = Vec::new();
    for triple in template {
        for term in [&triple.subject, &triple.object] {
            if let TermPattern::Variable(variable) = term {
                variables.push(variable.clone());
            }
        }
        if let NamedNodePattern::Variable(variable) = &triple.predicate {
            variables.push(variable.clone());
        }
    }
    variables.sort_unstable();
    variables.dedup();
    variables
}

impl Planned {
    /// Runs the query: rows are held as words, and read as terms when they are asked for.
    pub(crate) fn answer(self, query: &Query) -> Result<Answer, QueryError> {
        if let Query::Ask { .. } = query {
            let mut found = false;
            self.runner.batch.set(BATCH_MIN);
            self.runner.run(&self.root, &mut |_| {
                found = true;
                Ok(false)
            })?;
            return Ok(Answer::Truth(found));
        }
        let rows = self.held()?;
        let variables: Vec<Variable> = self.columns.iter().map(|(variable, _)| variable.clone()).collect();
        match query {
            Query::Construct { template, .. } => Ok(self.construct(template.clone(), variables, rows)),
            _ => Ok(Answer::Rows(Rows::new(variables, self.terms(rows)))),
        }
    }

    /// Runs the query for what explanations tell of it.
    pub(crate) fn count(&self) -> Result<u64, QueryError> {
        let mut n = 0_u64;
        self.runner.run(&self.root, &mut |rows| {
            n = rows.iter().fold(n, |n, row| n.saturating_add(row[WEIGHT]));
            Ok(true)
        })?;
        Ok(n)
    }

    /// The columns of all rows, each behind its weight.
    fn held(&self) -> Result<Vec<Word>, QueryError> {
        let mut held = Vec::new();
        self.runner.run(&self.root, &mut |rows| {
            self.runner.meter.hold(rows.len() * (self.columns.len() + 1) * size_of::<Word>(), "the result")?;
            for row in rows.iter() {
                held.push(row[WEIGHT]);
                held.extend(self.columns.iter().map(|(_, slot)| row[*slot]));
            }
            Ok(true)
        })?;
        Ok(held)
    }

    fn terms(self, held: Vec<Word>) -> impl Iterator<Item = Result<Row, QueryError>> + 'static {
        let width = self.columns.len() + 1;
        let (mut at, mut repeats) = (0, 0_u64);
        std::iter::from_fn(move || {
            let row = held.get(at..at + width)?;
            repeats += 1;
            if repeats >= row[0] {
                (at, repeats) = (at + width, 0);
            }
            let term = |&word: &Word| if word == UNBOUND { Ok(None) } else { self.runner.words.term(word).map(Some) };
            let paid = self.runner.meter.tick("the result");
            Some(paid.and_then(|()| row[1..].iter().map(term).collect()))
        })
    }

    fn construct(self, template: Vec<TriplePattern>, variables: Vec<Variable>, held: Vec<Word>) -> Answer {
        let snapshot = self.runner.words.snapshot.clone();
        let mut fresh = Fresh::new('c', &snapshot);
        let mut waiting: Vec<Triple> = Vec::new();
        let mut rows = self.terms(held);
        let triples = std::iter::from_fn(move || {
            loop {
                if let Some(triple) = waiting.pop() {
                    return Some(Ok(triple));
                }
                let row = match rows.next()? {
                    Ok(row) => Bound { variables: &variables, row },
                    Err(error) => return Some(Err(error)),
                };
                let mut blanks = std::collections::HashMap::new();
                for triple in template.iter().rev() {
                    match row.triple(triple, &mut |node| fresh.of(node, &mut blanks, &snapshot)) {
                        Ok(triple) => waiting.extend(triple),
                        Err(error) => return Some(Err(error)),
                    }
                }
            }
        });
        Answer::Triples(Triples::new(triples))
    }

    /// The operators, one a line, each with the rows that were expected and those that came.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.node_lines(&self.root, 0, &mut lines);
        lines
    }

    fn node_lines(&self, node: &Node, depth: usize, lines: &mut Vec<String>) {
        let line = |name: &str, estimate: f64, made: u64| {
            format!("{}{name}: {estimate:.0} rows expected, {made} came", "  ".repeat(depth))
        };
        let slots = |slots: &[usize]| slots.iter().map(|&slot| self.slot(slot)).collect::<Vec<_>>().join(" ");
        let name = match &node.op {
            Op::Join { keys, .. } | Op::LeftJoin { keys, .. } | Op::Minus { keys, .. } => {
                format!("{} on {}", node.op.name(), slots(keys))
            }
            Op::Group { keys, .. } => format!("GROUP BY {}", slots(keys)),
            Op::Distinct { slots: of, .. } => format!("DISTINCT {}", slots(of)),
            op => op.name().to_owned(),
        };
        lines.push(line(&name, node.estimate, node.made.get()));
        let mut step_lines = |steps: &[Step]| {
            for step in steps {
                lines.push(format!("  {}", line(&self.step(step), step.estimate, step.made.get())));
            }
        };
        match &node.op {
            Op::Steps { input, steps } => {
                step_lines(steps);
                if let Some(input) = input {
                    self.node_lines(input, depth + 1, lines);
                }
            }
            Op::LeftSteps { left, steps, .. } => {
                step_lines(steps);
                self.node_lines(left, depth + 1, lines);
            }
            Op::Join { left, right, .. } | Op::LeftJoin { left, right, .. } | Op::Minus { left, right, .. } => {
                self.node_lines(left, depth + 1, lines);
                self.node_lines(right, depth + 1, lines);
            }
            Op::Union(parts) => parts.iter().for_each(|part| self.node_lines(part, depth + 1, lines)),
            Op::Values(_) => {}
            Op::Filter { inner, .. }
            | Op::Extend { inner, .. }
            | Op::Graph { inner, .. }
            | Op::AnyGraph { inner }
            | Op::Distinct { inner, .. }
            | Op::Order { inner, .. }
            | Op::Slice { inner, .. }
            | Op::Group { inner, .. } => self.node_lines(inner, depth + 1, lines),
        }
    }

    fn slot(&self, slot: usize) -> String {
        self.names.get(slot).map_or_else(String::new, |name| {
            if name.starts_with(['_', '(']) { name.clone() } else { format!("?{name}") }
        })
    }

    fn place(&self, place: Place) -> String {
        match place {
            Place::Slot(slot) => self.slot(slot),
            Place::Const(word) => self.word(word),
        }
    }

    fn word(&self, word: Word) -> String {
        self.runner.words.term(word).map_or_else(|error| error.to_string(), |term| term.to_string())
    }

    fn step(&self, step: &Step) -> String {
        match &step.kind {
            StepKind::Triple(triple) => {
                let read = if triple.columns.borrow().of.is_some() { "read, then found" } else { "looked up" };
                format!("{} ({read})", triple.places.map(|place| self.place(place)).join(" "))
            }
            StepKind::Path(atom) => {
                format!("{} {} {}", self.place(atom.subject), self.path(&atom.path), self.place(atom.object))
            }
            StepKind::Filter(_) => "FILTER".to_owned(),
        }
    }

    fn path(&self, path: &Path) -> String {
        match path {
            Path::Predicate(word) => self.word(*word),
            Path::Reverse(path) => format!("^{}", self.path(path)),
            Path::Sequence(a, b) => format!("({} / {})", self.path(a), self.path(b)),
            Path::Alternative(a, b) => format!("({} | {})", self.path(a), self.path(b)),
            Path::ZeroOrMore(path) => format!("{}*", self.path(path)),
            Path::OneOrMore(path) => format!("{}+", self.path(path)),
            Path::ZeroOrOne(path) => format!("{}?", self.path(path)),
            Path::NoneOf(words) => {
                format!("!({})", words.iter().map(|word| self.word(*word)).collect::<Vec<_>>().join(" | "))
            }
        }
    }
}
