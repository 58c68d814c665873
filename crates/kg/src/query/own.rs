//! The own evaluator: a query that it knows wholly, planned by counts and run over batches of words.

use std::collections::VecDeque;
use std::io::Write;
use std::rc::Rc;

use oxrdf::{GraphName, Term, Triple, Variable};
use rustc_hash::FxHashSet;
use spargebra::Query;
use spargebra::term::{NamedNodePattern, TermPattern, TriplePattern};

use super::error::QueryError;
use super::facts::{Active, Facts};
use super::limits::Meter;
use super::plan::atoms::{Path, Place, Step, StepKind};
use super::plan::scope::{Scope, Unsupported};
use super::plan::{Node, Op, algebra};
use super::results::{Answer, Forms, QuadWriter, Row, RowWriter, Rows, Triples};
use super::run::{BATCH, BATCH_MIN, Runner, WEIGHT};
use super::template::Filled;
use super::words::{Kind, UNBOUND, Word, Words};
use crate::snapshot::Snapshot;

/// What is called with each row.
type EachRow<'a> = dyn FnMut(&[Option<Term>]) -> Result<(), QueryError> + 'a;

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
        Query::Select { .. } | Query::Describe { .. } => match super::columns(pattern) {
            Some(variables) => variables.to_vec(),
            None => return Err(Unsupported::new("a query without columns")),
        },
        Query::Ask { .. } => Vec::new(),
        Query::Construct { template, .. } => variables_of(template),
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
    /// Runs the query: what it finds is held as words, and read as terms when it is asked for.
    pub(crate) fn answer(self, query: &Query) -> Result<Answer, QueryError> {
        match query {
            Query::Ask { .. } => Ok(Answer::Truth(self.truth()?)),
            Query::Describe { .. } => {
                let mut held = Vec::new();
                self.describe(&mut |triple| {
                    self.runner.meter.hold(size_of_val(&triple), "the result")?;
                    held.push(triple);
                    Ok(())
                })?;
                Ok(Answer::Triples(Triples::new(held.into_iter().filter_map(move |t| self.triple(t).transpose()))))
            }
            Query::Select { .. } | Query::Construct { .. } => {
                let rows = self.held()?;
                Ok(match query {
                    Query::Construct { template, .. } => self.construct(template.clone(), rows),
                    _ => Answer::Rows(Rows::new(self.variables(), self.terms(rows))),
                })
            }
        }
    }

    /// Runs the query and writes what it finds, of which nothing is held.
    pub(crate) fn write(self, query: &Query, writer: &mut dyn Write, forms: Forms) -> Result<u64, QueryError> {
        match query {
            Query::Ask { .. } => Answer::Truth(self.truth()?).write(writer, forms),
            Query::Select { .. } => {
                let mut out = RowWriter::new(writer, self.variables(), forms.rows);
                self.each(&mut |row| out.put(row))?;
                out.finish()
            }
            Query::Construct { template, .. } => {
                let mut out = QuadWriter::new(writer, forms.triples)?;
                let mut filled = Filled::new(template.clone(), self.variables(), &self.runner.words.snapshot);
                self.each(&mut |row| {
                    filled.each(row, &mut |triple| out.put(triple.in_graph(GraphName::DefaultGraph)))
                })?;
                out.finish()
            }
            Query::Describe { .. } => {
                let mut out = QuadWriter::new(writer, forms.triples)?;
                self.describe(&mut |triple| match self.triple(triple)? {
                    Some(triple) => out.put(triple.in_graph(GraphName::DefaultGraph)),
                    None => Ok(()),
                })?;
                out.finish()
            }
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

    fn variables(&self) -> Vec<Variable> {
        self.columns.iter().map(|(variable, _)| variable.clone()).collect()
    }

    fn truth(&self) -> Result<bool, QueryError> {
        let mut found = false;
        self.runner.batch.set(BATCH_MIN);
        self.runner.run(&self.root, &mut |_| {
            found = true;
            Ok(false)
        })?;
        Ok(found)
    }

    fn term(&self, word: Word) -> Result<Option<Term>, QueryError> {
        if word == UNBOUND { Ok(None) } else { self.runner.words.term(word).map(Some) }
    }

    /// Runs the query and calls `each` with every row as it comes.
    fn each(&self, each: &mut EachRow<'_>) -> Result<(), QueryError> {
        self.runner.run(&self.root, &mut |rows| {
            for row in rows.iter() {
                let terms = self.columns.iter().map(|(_, slot)| self.term(row[*slot])).collect::<Result<Row, _>>()?;
                for n in 0..row[WEIGHT] {
                    // A row that stands for many was counted once.
                    self.runner.meter.rows(usize::from(n > 0), "the result")?;
                    self.runner.meter.tick("the result")?;
                    each(&terms)?;
                }
            }
            Ok(true)
        })?;
        Ok(())
    }

    fn terms(self, held: Vec<Word>) -> impl Iterator<Item = Result<Row, QueryError>> + 'static {
        let width = self.columns.len() + 1;
        let (mut at, mut repeats) = (0, 0_u64);
        std::iter::from_fn(move || {
            let row = held.get(at..at + width)?;
            let more = usize::from(repeats > 0);
            repeats += 1;
            if repeats >= row[0] {
                (at, repeats) = (at + width, 0);
            }
            let paid = self.runner.meter.rows(more, "the result").and_then(|()| self.runner.meter.tick("the result"));
            Some(paid.and_then(|()| row[1..].iter().map(|&word| self.term(word)).collect()))
        })
    }

    fn construct(self, template: Vec<TriplePattern>, held: Vec<Word>) -> Answer {
        let mut filled = Filled::new(template, self.variables(), &self.runner.words.snapshot);
        let mut waiting = VecDeque::new();
        let mut rows = self.terms(held);
        let triples = std::iter::from_fn(move || {
            loop {
                if let Some(triple) = waiting.pop_front() {
                    return Some(Ok(triple));
                }
                let filled = rows.next()?.and_then(|row| {
                    filled.each(&row, &mut |triple| {
                        waiting.push_back(triple);
                        Ok(())
                    })
                });
                if let Err(error) = filled {
                    return Some(Err(error));
                }
            }
        });
        Answer::Triples(Triples::new(triples))
    }

    /// Runs a DESCRIBE and calls `each` with the facts of the default graph whose subject a row has, and of the blank
    /// nodes that are objects of these.
    fn describe(&self, each: &mut dyn FnMut([Word; 3]) -> Result<(), QueryError>) -> Result<(), QueryError> {
        let Runner { facts, words, meter, .. } = &self.runner;
        let mut described: FxHashSet<Word> = FxHashSet::default();
        let mut todo = Vec::new();
        self.runner.run(&self.root, &mut |rows| {
            for row in rows.iter() {
                todo.extend(self.columns.iter().map(|(_, slot)| row[*slot]).filter(|&word| described.insert(word)));
                while let Some(node) = todo.pop() {
                    meter.hold(2 * size_of::<Word>(), "DESCRIBE")?;
                    if node == UNBOUND {
                        continue;
                    }
                    facts.read([node, UNBOUND, UNBOUND, UNBOUND], Active::Default, BATCH, meter, &mut |facts| {
                        for &[subject, predicate, object, _] in facts {
                            each([subject, predicate, object])?;
                            if words.kind(object) == Kind::Blank && described.insert(object) {
                                todo.push(object);
                            }
                        }
                        Ok(true)
                    })?;
                }
            }
            Ok(true)
        })?;
        Ok(())
    }

    /// The terms of a fact.
    fn triple(&self, [subject, predicate, object]: [Word; 3]) -> Result<Option<Triple>, QueryError> {
        let words = &self.runner.words;
        Ok(match (words.term(subject)?, words.term(predicate)?, words.term(object)?) {
            (Term::NamedNode(node), Term::NamedNode(predicate), object) => Some(Triple::new(node, predicate, object)),
            (Term::BlankNode(node), Term::NamedNode(predicate), object) => Some(Triple::new(node, predicate, object)),
            _ => None,
        })
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
