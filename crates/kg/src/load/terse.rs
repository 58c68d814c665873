//! Turtle and TriG, through `oxttl`: a document is read whole or not at all.

use std::cell::RefCell;
use std::io::Read;
use std::rc::Rc;

use oxrdf::{GraphName, GraphNameRef, NamedOrBlankNodeRef, Quad, QuadRef, TermRef};
use oxttl::{TriGParser, TurtleParseError, TurtleParser, TurtleSyntaxError};

use super::blanks::Ordinals;
use super::out::{Halt, Out, Step, Take, fault_under};
use super::problem::{Problem, Reason};
use super::stream::{Beside, Followed};
use super::{IriRule, LoadError};
use crate::prefixes::Prefixes;

/// How a document of Turtle or TriG is read.
pub(super) struct Terse<'p> {
    pub(super) with_graphs: bool,
    pub(super) base: Option<&'p str>,
    /// The prefixes that are known elsewhere, for hints.
    pub(super) known: &'p Prefixes,
}

/// The quad with its blank nodes numbered in the order of the document.
pub(super) fn give(quad: QuadRef<'_>, ordinals: &mut [Ordinals; 1], take: &mut impl Take) -> Step {
    let [ordinals] = ordinals;
    let mut number = |node: oxrdf::BlankNodeRef<'_>| {
        let label = ordinals.of(node.as_str()).to_owned();
        oxrdf::BlankNode::new_unchecked(label)
    };
    let (subject, object, graph);
    let subject: NamedOrBlankNodeRef<'_> = match quad.subject {
        NamedOrBlankNodeRef::BlankNode(node) => {
            subject = number(node);
            subject.as_ref().into()
        }
        iri @ NamedOrBlankNodeRef::NamedNode(_) => iri,
    };
    let object: TermRef<'_> = match quad.object {
        TermRef::BlankNode(node) => {
            object = number(node);
            object.as_ref().into()
        }
        term => term,
    };
    let graph: GraphNameRef<'_> = match quad.graph_name {
        GraphNameRef::BlankNode(node) => {
            graph = number(node);
            graph.as_ref().into()
        }
        name => name,
    };
    take.quad(QuadRef::new(subject, quad.predicate, object, graph))
}

impl Terse<'_> {
    /// Reads the document; the prefixes that it declares go to `learnt`.
    pub(super) fn read(
        &self,
        reader: impl Read,
        out: &mut Out<'_, '_>,
        learnt: &mut Vec<(String, String)>,
        broken: impl Fn(std::io::Error) -> LoadError,
    ) -> Step {
        let beside = Rc::new(RefCell::new(Beside::default()));
        let reader = Followed { reader, beside: Rc::clone(&beside) };
        let bad_base = |e| LoadError::Base { base: self.base.unwrap_or_default().to_owned(), why: format!("{e}") };
        // The two parsers have the same methods and no trait in common.
        macro_rules! run {
            ($parser:expr, $quad:expr) => {{
                let mut parser = $parser;
                if let Some(base) = self.base {
                    parser = parser.with_base_iri(base).map_err(bad_base)?;
                }
                if out.iri == IriRule::Keep {
                    parser = parser.lenient();
                }
                let mut parser = parser.for_reader(reader);
                let mut ordinals = [Ordinals::default()];
                let ended = loop {
                    match parser.next() {
                        None => break Ok(()),
                        Some(Ok(item)) => Self::quad($quad(item), &beside, &mut ordinals, out)?,
                        Some(Err(e)) => break Err(e),
                    }
                };
                learnt.extend(parser.prefixes().map(|(name, iri)| (name.to_owned(), iri.to_owned())));
                ended
            }};
        }
        let ended = if self.with_graphs {
            run!(TriGParser::new(), |quad| quad)
        } else {
            run!(TurtleParser::new(), |triple: oxrdf::Triple| triple.in_graph(GraphName::DefaultGraph))
        };
        match ended {
            Ok(()) => Ok(()),
            Err(TurtleParseError::Io(e)) => Err(Halt::Error(broken(e))),
            Err(TurtleParseError::Syntax(e)) => {
                let problem = self.problem(out.document, &e, &beside.borrow(), learnt);
                Err(Halt::Error(LoadError::Invalid(Box::new(problem))))
            }
        }
    }

    fn quad(mut quad: Quad, beside: &RefCell<Beside>, ordinals: &mut [Ordinals; 1], out: &mut Out<'_, '_>) -> Step {
        let fault = |reason, message| {
            let problem = Problem {
                document: out.document.to_owned(),
                line: 0,
                column: 0,
                excerpt: String::new(),
                reason,
                message,
                hint: None,
            };
            Err(Halt::Error(LoadError::Invalid(Box::new(problem))))
        };
        quad.object = match beside.borrow_mut().tags.spell(quad.object) {
            Ok(object) => object,
            Err((parsed, spelled)) => {
                let message = format!("the parser reads the language tag {parsed:?}, the text says {spelled:?}");
                return fault(Reason::Language, message);
            }
        };
        if out.iri == IriRule::Keep
            && let Some((reason, message)) = fault_under(IriRule::Keep, quad.as_ref())
        {
            return fault(reason, message);
        }
        give(quad.as_ref(), ordinals, out)?;
        out.boundary(0)
    }

    fn problem(
        &self,
        document: &str,
        error: &TurtleSyntaxError,
        beside: &Beside,
        declared: &[(String, String)],
    ) -> Problem {
        let (place, message) = (error.location(), error.message());
        let reason = Reason::of_message(message);
        let hint = match reason {
            Reason::Prefix => self.nearest(message, declared),
            Reason::Iri => Some("a relative IRI needs a base; iri keep accepts IRIs that are not valid".to_owned()),
            Reason::TooLong => Some(format!("a term has at most {} bytes (TERM_BYTES_MAX)", super::TERM_BYTES_MAX)),
            _ => None,
        };
        Problem {
            document: document.to_owned(),
            line: place.start.line + 1,
            column: place.start.column + 1,
            excerpt: beside.excerpt(place.start.offset, place.end.offset),
            reason,
            message: message.to_owned(),
            hint,
        }
    }

    /// The known prefixes that are spelled most like the one that the message names.
    fn nearest(&self, message: &str, declared: &[(String, String)]) -> Option<String> {
        let wanted = message.strip_prefix("The prefix ")?.split_once(": has not been declared")?.0;
        let here = declared.iter().map(|(name, iri)| (name.as_str(), iri.as_str()));
        let near = crate::prefixes::nearest(wanted, here.chain(self.known.iter()));
        let shown: Vec<String> = near.into_iter().map(|(name, iri)| format!("{name}: <{iri}>")).collect();
        (!shown.is_empty()).then(|| format!("known prefixes: {}", shown.join(", ")))
    }
}
