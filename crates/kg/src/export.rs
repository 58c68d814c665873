//! Facts out: every format but RDF/XML, in an order that depends on the facts alone.
//!
//! What is written is read back to the same facts, up to the names of blank nodes; an IRI that was kept although it is
//! not valid is written with escapes and needs `iri keep` again (`tests::export_and_load_are_the_identity`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use oxjsonld::JsonLdSerializer;
use oxrdf::{GraphName, GraphNameRef, Literal, NamedNode, NamedOrBlankNode, Term, TermRef};
use oxttl::{TriGSerializer, TurtleSerializer};

use crate::error::Error;
use crate::load::Format;
use crate::prefixes::Prefixes;
use crate::quad::{Pattern, Quad};
use crate::snapshot::Snapshot;
use crate::term::TermId;

/// What is written, and how.
pub struct ExportOptions<'a> {
    /// The format to write.
    pub format: Format,
    /// The only graph that is written, as if it were the default one; none means all of them.
    pub graph: Option<GraphName>,
    /// The prefixes that Turtle and TriG may use; only those that shorten something are written.
    pub prefixes: Prefixes,
    /// Told how many facts are written, now and then.
    pub progress: Option<&'a mut dyn FnMut(u64)>,
    /// Set from anywhere, it ends the export with [`ExportError::Cancelled`].
    pub cancel: Option<&'a AtomicBool>,
}

impl ExportOptions<'_> {
    /// Everything, with the common prefixes.
    pub fn new(format: Format) -> Self {
        Self { format, graph: None, prefixes: Prefixes::common(), progress: None, cancel: None }
    }
}

/// Why facts were not written, or not all of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// What the writer says; what it took before is no whole document.
    #[error("after {quads} facts: {source}")]
    Write {
        /// Facts that were written.
        quads: u64,
        /// What the writer said.
        source: io::Error,
    },
    /// A format that cannot name graphs, for facts in one.
    #[error("{format} cannot name graphs, and <{graph}> is one; choose one graph, or N-Quads or TriG")]
    Graphs {
        /// The format that was asked for.
        format: Format,
        /// A graph that would be lost.
        graph: String,
    },
    /// A format that is only read.
    #[error("{0} is read but not written; N-Triples, Turtle, TriG, N-Quads, JSON-LD, CSV, TSV and JSON lines are")]
    Unwritten(Format),
    /// A graph that the store does not have.
    #[error("no fact is in the graph {0}")]
    NoGraph(GraphName),
    /// The caller's flag was set.
    #[error("cancelled after {quads} facts")]
    Cancelled {
        /// Facts that were written.
        quads: u64,
    },
    /// What the store says.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Writes the facts of a snapshot; how many there are. It holds their terms and ids in memory meanwhile.
///
/// # Errors
/// What the writer and the store say, and what the format cannot say.
pub fn export(snapshot: &Snapshot, writer: &mut dyn Write, mut options: ExportOptions<'_>) -> Result<u64, ExportError> {
    let format = options.format;
    let sorted = Sorted::collect(snapshot, &options)?;
    let mut to = Writing::begin(format, writer, &sorted, &options.prefixes)?;
    let mut quads = 0_u64;
    for quad in &sorted.quads {
        if quads.is_multiple_of(STEP_QUADS) {
            if options.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
                return Err(ExportError::Cancelled { quads });
            }
            if let Some(tell) = options.progress.as_deref_mut() {
                tell(quads);
            }
        }
        let quad = sorted.quad(quad)?;
        to.quad(&quad).map_err(|source| ExportError::Write { quads, source })?;
        quads += 1;
    }
    to.finish().map_err(|source| ExportError::Write { quads, source })?;
    if let Some(tell) = options.progress.as_deref_mut() {
        tell(quads);
    }
    Ok(quads)
}

/// Facts between two reports of progress.
const STEP_QUADS: u64 = 4096;

/// Facts by the places of their terms in the order of all terms: graph, subject, predicate, object.
struct Sorted {
    terms: Vec<Term>,
    quads: Vec<[u64; 4]>,
}

/// The default graph, which comes before every other.
const DEFAULT_GRAPH: u64 = u64::MAX;

impl Sorted {
    fn collect(snapshot: &Snapshot, options: &ExportOptions<'_>) -> Result<Self, ExportError> {
        let graph = match &options.graph {
            None => None,
            Some(GraphName::DefaultGraph) => Some(TermId::DEFAULT_GRAPH),
            Some(graph) => Some(snapshot.graph_id(graph.as_ref())?.ok_or_else(|| ExportError::NoGraph(graph.clone()))?),
        };
        let mut places: HashMap<TermId, u64> = HashMap::new();
        let mut terms: Vec<(Term, u64)> = Vec::new();
        let mut quads = Vec::new();
        for quad in snapshot.matching(Pattern { graph, ..Pattern::all() }) {
            let Quad { subject, predicate, object, graph: in_graph } = quad?;
            let mut place = |id: TermId| -> Result<u64, ExportError> {
                let next = terms.len() as u64;
                let place = *places.entry(id).or_insert(next);
                if place == next {
                    terms.push((snapshot.term(id)?, next));
                }
                Ok(place)
            };
            let in_graph = match graph {
                None if in_graph != TermId::DEFAULT_GRAPH => place(in_graph)?,
                _ => DEFAULT_GRAPH,
            };
            quads.push([in_graph, place(subject)?, place(predicate)?, place(object)?]);
        }
        terms.sort_by(|a, b| in_order(a.0.as_ref(), b.0.as_ref()));
        let mut ranks = vec![0; terms.len()];
        for (rank, (_, place)) in terms.iter().enumerate() {
            ranks[*place as usize] = rank as u64;
        }
        for quad in &mut quads {
            *quad = quad.map(|place| ranks.get(place as usize).copied().unwrap_or(DEFAULT_GRAPH));
        }
        quads.sort_unstable_by_key(|quad| (quad[0].wrapping_add(1), quad[1], quad[2], quad[3]));
        let is_json = options.format == Format::JsonLd;
        let terms = terms.into_iter().map(|(term, _)| if is_json { term } else { writable(term) }).collect();
        let sorted = Self { terms, quads };
        let named = sorted.quads.iter().find(|quad| quad[0] != DEFAULT_GRAPH);
        let can_name =
            matches!(options.format, Format::Csv | Format::Tsv | Format::JsonLines) || options.format.has_graphs();
        if let Some(quad) = named.filter(|_| !can_name) {
            let graph = sorted.quad(quad)?.graph_name.to_string();
            let graph = graph.trim_matches(['<', '>']).to_owned();
            return Err(ExportError::Graphs { format: options.format, graph });
        }
        Ok(sorted)
    }

    fn has_graphs(&self) -> bool {
        self.quads.last().is_some_and(|quad| quad[0] != DEFAULT_GRAPH)
    }

    fn quad(&self, quad: &[u64; 4]) -> Result<oxrdf::Quad, Error> {
        let term = |place: u64| self.terms.get(place as usize).cloned();
        let misplaced = |place, term| Error::Misplaced { place, term: term as u32 };
        let node = |place: u64| match term(place) {
            Some(Term::NamedNode(node)) => Some(NamedOrBlankNode::from(node)),
            Some(Term::BlankNode(node)) => Some(node.into()),
            _ => None,
        };
        let &[graph, subject, predicate, object] = quad;
        let graph = match graph {
            DEFAULT_GRAPH => GraphName::DefaultGraph,
            named => node(named).ok_or(misplaced("graph", named))?.into(),
        };
        let Some(Term::NamedNode(predicate)) = term(predicate) else { return Err(misplaced("predicate", predicate)) };
        let subject = node(subject).ok_or(misplaced("subject", subject))?;
        Ok(oxrdf::Quad::new(subject, predicate, term(object).ok_or(misplaced("object", object))?, graph))
    }
}

/// IRIs, then blank nodes, then literals; each by its text, literals by datatype and language then.
fn in_order(a: TermRef<'_>, b: TermRef<'_>) -> std::cmp::Ordering {
    fn key(term: TermRef<'_>) -> (u8, &str, &str, &str) {
        match term {
            TermRef::NamedNode(node) => (0, node.as_str(), "", ""),
            TermRef::BlankNode(node) => (1, node.as_str(), "", ""),
            TermRef::Literal(literal) => {
                (2, literal.value(), literal.datatype().as_str(), literal.language().unwrap_or(""))
            }
        }
    }
    key(a).cmp(&key(b))
}

/// The quad with escapes in its IRIs for what no IRI may hold.
pub(crate) fn writable_quad(quad: oxrdf::Quad) -> oxrdf::Quad {
    let iri = |node: NamedNode| match escaped(node.as_str()) {
        Cow::Owned(iri) => NamedNode::new_unchecked(iri),
        Cow::Borrowed(_) => node,
    };
    let subject = match quad.subject {
        NamedOrBlankNode::NamedNode(node) => iri(node).into(),
        blank @ NamedOrBlankNode::BlankNode(_) => blank,
    };
    let graph = match quad.graph_name {
        GraphName::NamedNode(node) => iri(node).into(),
        name => name,
    };
    oxrdf::Quad::new(subject, iri(quad.predicate), writable(quad.object), graph)
}

/// The term with escapes in its IRI for what no IRI may hold; the serializers write IRIs as they are.
fn writable(term: Term) -> Term {
    match &term {
        Term::NamedNode(node) => match escaped(node.as_str()) {
            Cow::Owned(iri) => NamedNode::new_unchecked(iri).into(),
            Cow::Borrowed(_) => term,
        },
        Term::Literal(literal) if literal.language().is_none() => match escaped(literal.datatype().as_str()) {
            Cow::Owned(iri) => Literal::new_typed_literal(literal.value(), NamedNode::new_unchecked(iri)).into(),
            Cow::Borrowed(_) => term,
        },
        _ => term,
    }
}

fn escaped(iri: &str) -> Cow<'_, str> {
    let is_bad = |c: char| c <= ' ' || matches!(c, '<' | '>' | '"' | '{' | '}' | '|' | '^' | '`' | '\\');
    if !iri.contains(is_bad) {
        return Cow::Borrowed(iri);
    }
    let escape = |c: char| if is_bad(c) { format!("\\u{:04X}", c as u32) } else { c.to_string() };
    Cow::Owned(iri.chars().map(escape).collect())
}

/// A document that is being written.
enum Writing<'w> {
    Lines(&'w mut dyn Write),
    Turtle(oxttl::turtle::WriterTurtleSerializer<&'w mut dyn Write>),
    TriG(oxttl::trig::WriterTriGSerializer<&'w mut dyn Write>),
    JsonLd(oxjsonld::WriterJsonLdSerializer<&'w mut dyn Write>),
    Table { writer: &'w mut dyn Write, delimiter: char, with_graphs: bool },
    JsonLines(&'w mut dyn Write),
}

impl<'w> Writing<'w> {
    fn begin(
        format: Format,
        writer: &'w mut dyn Write,
        sorted: &Sorted,
        prefixes: &Prefixes,
    ) -> Result<Self, ExportError> {
        let bad = |e: oxrdf::IriParseError| ExportError::Write { quads: 0, source: io::Error::other(e) };
        let used = used(prefixes, &sorted.terms);
        Ok(match format {
            Format::NTriples | Format::NQuads => Self::Lines(writer),
            Format::Turtle => {
                let begin = TurtleSerializer::new();
                let with = |to: TurtleSerializer, (name, iri): &(&str, &str)| to.with_prefix(*name, *iri);
                Self::Turtle(used.iter().try_fold(begin, with).map_err(bad)?.for_writer(writer))
            }
            Format::TriG => {
                let with = |to: TriGSerializer, (name, iri): &(&str, &str)| to.with_prefix(*name, *iri);
                Self::TriG(used.iter().try_fold(TriGSerializer::new(), with).map_err(bad)?.for_writer(writer))
            }
            // Without prefixes: the serializer writes whole IRIs, which a prefix that looks like a scheme would change.
            Format::JsonLd => Self::JsonLd(JsonLdSerializer::new().for_writer(writer)),
            Format::Csv | Format::Tsv => {
                let delimiter = if format == Format::Csv { ',' } else { '\t' };
                let with_graphs = sorted.has_graphs();
                let names: &[&str] = if with_graphs { &crate::load::FACT } else { &crate::load::FACT[..3] };
                writeln!(writer, "{}", names.join(&delimiter.to_string()))
                    .map_err(|source| ExportError::Write { quads: 0, source })?;
                Self::Table { writer, delimiter, with_graphs }
            }
            Format::JsonLines => Self::JsonLines(writer),
            Format::RdfXml => return Err(ExportError::Unwritten(format)),
        })
    }

    fn quad(&mut self, quad: &oxrdf::Quad) -> io::Result<()> {
        match self {
            Self::Lines(writer) => writeln!(writer, "{quad} ."),
            Self::Turtle(to) => {
                to.serialize_triple(oxrdf::TripleRef::new(&quad.subject, &quad.predicate, &quad.object))
            }
            Self::TriG(to) => to.serialize_quad(quad),
            Self::JsonLd(to) => to.serialize_quad(quad),
            Self::Table { writer, delimiter, with_graphs } => {
                let cell = |text: String| match delimiter {
                    ',' if text.contains(['"', ',', '\n', '\r']) => format!("\"{}\"", text.replace('"', "\"\"")),
                    _ => text,
                };
                let [subject, predicate, object] = cells(quad).map(cell);
                write!(writer, "{subject}{delimiter}{predicate}{delimiter}{object}")?;
                if *with_graphs {
                    write!(writer, "{delimiter}{}", cell(graph(quad)))?;
                }
                writeln!(writer)
            }
            Self::JsonLines(writer) => {
                let mut row = serde_json::Map::new();
                let cells = cells(quad).into_iter().chain([graph(quad)]);
                for (name, cell) in crate::load::FACT.into_iter().zip(cells).filter(|(_, cell)| !cell.is_empty()) {
                    row.insert(name.to_owned(), cell.into());
                }
                serde_json::to_writer(&mut **writer, &row)?;
                writeln!(writer)
            }
        }
    }

    fn finish(self) -> io::Result<()> {
        let writer = match self {
            Self::Lines(writer) | Self::JsonLines(writer) | Self::Table { writer, .. } => writer,
            Self::Turtle(to) => to.finish()?,
            Self::TriG(to) => to.finish()?,
            Self::JsonLd(to) => to.finish()?,
        };
        writer.flush()
    }
}

/// The terms of a fact as in N-Triples.
fn cells(quad: &oxrdf::Quad) -> [String; 3] {
    [quad.subject.to_string(), quad.predicate.to_string(), quad.object.to_string()]
}

fn graph(quad: &oxrdf::Quad) -> String {
    match quad.graph_name.as_ref() {
        GraphNameRef::DefaultGraph => String::new(),
        named => named.to_string(),
    }
}

/// The prefixes that shorten a term, the longest IRI first.
fn used<'p>(prefixes: &'p Prefixes, terms: &[Term]) -> Vec<(&'p str, &'p str)> {
    let mut used: Vec<(&str, &str)> = Vec::new();
    let is_name = |name: &str| {
        name.chars().all(|c| c.is_alphanumeric() || c == '-') && !name.starts_with(|c: char| !c.is_alphabetic())
    };
    let can_be_written = |&(name, iri): &(&str, &str)| is_name(name) && NamedNode::new(iri).is_ok();
    let mut unused: Vec<(&str, &str)> = prefixes.iter().filter(can_be_written).collect();
    for term in terms {
        let iri = match term {
            Term::NamedNode(node) => node.as_ref(),
            Term::Literal(literal) if literal.language().is_none() => literal.datatype(),
            Term::Literal(_) | Term::BlankNode(_) => continue,
        };
        unused.retain(|prefix| {
            let is_used = iri != oxrdf::vocab::xsd::STRING && iri.as_str().starts_with(prefix.1);
            if is_used {
                used.push(*prefix);
            }
            !is_used
        });
    }
    used.sort_by_key(|&(name, iri)| (usize::MAX - iri.len(), name));
    used
}

#[cfg(test)]
mod tests;
