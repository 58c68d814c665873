//! What every parser hands its facts and faults to.

use std::io;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use oxrdf::{BlankNodeRef, GraphName, GraphNameRef, NamedNodeRef, NamedOrBlankNodeRef, QuadRef, TermRef};

use super::blanks::{Names, Scope};
use super::problem::{Problem, Reason, Rejected, excerpt};
use super::stream::Count;
use super::{Bad, IriRule, LoadError, Progress, Sink};
use crate::bulk::Piece;

/// Why a parser ends before its document does.
pub(super) enum Halt {
    /// The sink has what it wanted.
    Enough,
    Error(LoadError),
}

impl<E: Into<LoadError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

pub(super) type Step = Result<(), Halt>;

/// Takes what a parser finds.
pub(super) trait Take {
    /// A fact, whose blank nodes have the labels of the document.
    fn quad(&mut self, quad: QuadRef<'_>) -> Step;
    /// A fault of the lines `raw`, which are left out if the caller allows it.
    fn fault(&mut self, problem: Problem, raw: &[u8]) -> Step;
}

/// Where facts go: the graph of those that name none, and the names of blank nodes.
#[derive(Debug, Clone)]
pub(super) struct Place {
    names: [Names; 3],
    graph: GraphName,
}

impl Place {
    pub(super) fn new(scope: Scope, graph: GraphName) -> Self {
        Self { names: [Names::new(scope), Names::new(scope), Names::new(scope)], graph }
    }

    /// The fact in its place; whether it has a blank node.
    pub(super) fn put<'a>(&'a mut self, quad: QuadRef<'a>) -> (QuadRef<'a>, bool) {
        let [subjects, objects, graphs] = &mut self.names;
        let mut has_blank = false;
        let mut named = |names: &'a mut Names, node: BlankNodeRef<'a>| {
            has_blank = true;
            BlankNodeRef::new_unchecked(names.name(node.as_str()))
        };
        let subject = match quad.subject {
            NamedOrBlankNodeRef::BlankNode(node) => named(subjects, node).into(),
            iri @ NamedOrBlankNodeRef::NamedNode(_) => iri,
        };
        let object = match quad.object {
            TermRef::BlankNode(node) => named(objects, node).into(),
            term => term,
        };
        let graph = match quad.graph_name {
            GraphNameRef::BlankNode(node) => named(graphs, node).into(),
            GraphNameRef::DefaultGraph => self.graph.as_ref(),
            iri @ GraphNameRef::NamedNode(_) => iri,
        };
        (QuadRef::new(subject, quad.predicate, object, graph), has_blank)
    }
}

/// Whether an IRI that is not valid may be kept: it has a scheme, and nothing in it ends a line or an IRI.
pub(super) fn is_keepable(iri: &str) -> bool {
    let Some((scheme, _)) = iri.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        && !iri.chars().any(|c| c.is_control() || matches!(c, '<' | '>'))
}

/// What a parser that was lenient let through and the rule does not.
pub(super) fn fault_under(rule: IriRule, quad: QuadRef<'_>) -> Option<(Reason, String)> {
    let iri = |iri: &str| {
        let message = match rule {
            IriRule::Keep if is_keepable(iri) => return None,
            IriRule::Keep => "it has no scheme or a control character, which iri keep does not accept".to_owned(),
            IriRule::Strict => NamedNodeRef::new(iri).err()?.to_string(),
        };
        Some((Reason::Iri, format!("{:?} is no IRI: {message}", excerpt(iri))))
    };
    let subject = match quad.subject {
        NamedOrBlankNodeRef::NamedNode(node) => iri(node.as_str()),
        NamedOrBlankNodeRef::BlankNode(_) => None,
    };
    let object = match quad.object {
        TermRef::NamedNode(node) => iri(node.as_str()),
        TermRef::BlankNode(_) => None,
        TermRef::Literal(literal) => match literal.language() {
            Some(tag) if oxrdf::Literal::new_language_tagged_literal("", tag).is_err() => {
                Some((Reason::Language, format!("{tag:?} is no language tag")))
            }
            Some(_) => None,
            None if literal.datatype() == oxrdf::vocab::rdf::LANG_STRING => {
                Some((Reason::Language, "a literal of type rdf:langString has no language tag".to_owned()))
            }
            None => iri(literal.datatype().as_str()),
        },
    };
    let graph = match quad.graph_name {
        GraphNameRef::NamedNode(node) => iri(node.as_str()),
        _ => None,
    };
    subject.or_else(|| iri(quad.predicate.as_str())).or(object).or(graph)
}

/// The end of every parser's pipe, on the thread of the caller.
pub(super) struct Out<'o, 'a> {
    pub(super) document: &'o str,
    pub(super) sink: &'o mut dyn Sink,
    pub(super) bad: &'o mut Bad<'a>,
    pub(super) iri: IriRule,
    pub(super) one_graph: bool,
    pub(super) place: Place,
    pub(super) commit_every: Option<u64>,
    pub(super) progress: &'o mut Option<&'a mut dyn FnMut(Progress)>,
    pub(super) cancel: Option<&'a AtomicBool>,
    pub(super) bytes: Count,
    pub(super) n_quads: u64,
    pub(super) n_with_blanks: u64,
    pub(super) rejected: Rejected,
    pub(super) n_committed: u64,
    /// The last line that is committed, where lines are known.
    pub(super) line_committed: u64,
}

/// Facts between two reports of progress and two looks at the flag that cancels.
const STEP_QUADS: u64 = 4096;

impl Out<'_, '_> {
    /// All facts up to here may be committed; `line` is the last one that was read, or 0.
    pub(super) fn boundary(&mut self, line: u64) -> Step {
        if self.commit_every.is_some_and(|every| self.n_quads - self.n_committed >= every.max(1)) {
            self.sink.commit().map_err(LoadError::Store)?;
            self.n_committed = self.n_quads;
            self.line_committed = line;
        }
        Ok(())
    }

    pub(super) fn is_strict(&self) -> bool {
        matches!(self.bad, Bad::Stop)
    }

    /// The facts of a piece, whose blank nodes have their names.
    pub(super) fn piece(&mut self, piece: &Piece, n_with_blanks: u64) -> Step {
        self.sink.add_piece(piece).map_err(LoadError::Store)?;
        self.n_quads += piece.len();
        self.n_with_blanks += n_with_blanks;
        Ok(())
    }

    pub(super) fn tell(&mut self) {
        let progress = Progress { bytes: self.bytes.n_bytes(), quads: self.n_quads };
        if let Some(tell) = self.progress {
            tell(progress);
        }
    }

    pub(super) fn check_cancelled(&self) -> Step {
        if self.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            return Err(Halt::Error(LoadError::Cancelled { document: self.document.to_owned() }));
        }
        Ok(())
    }
}

impl Take for Out<'_, '_> {
    fn quad(&mut self, quad: QuadRef<'_>) -> Step {
        if self.one_graph && quad.graph_name != GraphNameRef::DefaultGraph {
            let message = format!("the graph {} is named, and the document is for one graph", quad.graph_name);
            let problem = Problem { column: 0, ..Problem::in_line(self.document, 0, b"", Reason::Grammar, message) };
            return Err(Halt::Error(LoadError::Invalid(Box::new(problem))));
        }
        let (quad, has_blank) = self.place.put(quad);
        match self.sink.add(quad) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => return Err(Halt::Enough),
            Err(e) => return Err(Halt::Error(LoadError::Store(e))),
        }
        self.n_quads += 1;
        self.n_with_blanks += u64::from(has_blank);
        if self.n_quads.is_multiple_of(STEP_QUADS) {
            self.tell();
            self.check_cancelled()?;
        }
        Ok(())
    }

    fn fault(&mut self, problem: Problem, raw: &[u8]) -> Step {
        match self.bad {
            Bad::Stop => return Err(Halt::Error(LoadError::Invalid(Box::new(problem)))),
            Bad::Skip => {}
            Bad::Quarantine(writer) => write_rejected(writer, &problem, raw).map_err(LoadError::Quarantine)?,
        }
        self.rejected.count(problem);
        Ok(())
    }
}

/// The lines as they were, behind a comment that says what is wrong with them.
fn write_rejected(writer: &mut dyn Write, problem: &Problem, raw: &[u8]) -> io::Result<()> {
    let Problem { line, column, reason, message, .. } = problem;
    writeln!(writer, "# line {line}, column {column}: {reason}: {}", excerpt(message))?;
    writer.write_all(raw)?;
    writer.write_all(if raw.ends_with(b"\n") { b"" } else { b"\n" })
}
