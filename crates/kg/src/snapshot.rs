//! What a reader sees: one commit, whatever is written meanwhile.

use std::sync::Arc;

use oxrdf::{GraphName, GraphNameRef, NamedOrBlankNode, Term, TermRef};

use crate::dictionary::spelling::Parts;
use crate::error::Error;
use crate::order::{Order, Row};
use crate::quad::{Pattern, Quad};
use crate::scan::Scan;
use crate::state::{State, bounds};
use crate::statistics::Statistics;
use crate::store::{Seq, SourceId};
use crate::term::TermId;

/// The facts of one commit. Clones are cheap and read the same.
#[derive(Debug, Clone)]
pub struct Snapshot {
    state: Arc<State>,
}

impl Snapshot {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    /// The number of the commit.
    pub fn seq(&self) -> Seq {
        self.state.seq
    }

    /// The number of quads, in all graphs.
    pub fn len(&self) -> u64 {
        self.state.n_quads()
    }

    /// Whether there is no quad.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The quads that the pattern admits, each once, in the order of [`Snapshot::order_of`].
    pub fn matching(&self, pattern: Pattern) -> impl Iterator<Item = Result<Quad, Error>> + use<> {
        let (order, n) = self.order_of(&pattern);
        let (scan, error) = match self.scan(order, &given(&pattern, order, n)) {
            Ok(scan) => (Some(scan), None),
            Err(error) => (None, Some(Err(error))),
        };
        let rows = scan.into_iter().flatten().map(move |row| row.map(|row| order.quad(&row)));
        rows.filter(move |quad| quad.as_ref().map_or(true, |quad| pattern.admits(quad))).chain(error)
    }

    /// The order that this store would read a pattern in, and how many of its terms the pattern gives.
    pub fn order_of(&self, pattern: &Pattern) -> (Order, usize) {
        match Order::of(pattern) {
            (order, _) if self.state.base.orders[order as usize].is_none() => (Order::Spog, 0),
            found => found,
        }
    }

    /// The orders that this store keeps: all but [`Order::Gspo`], and that one if many facts are in named graphs.
    pub fn orders(&self) -> impl Iterator<Item = Order> + use<'_> {
        Order::ALL.into_iter().filter(|order| self.state.base.orders[*order as usize].is_some())
    }

    /// The rows of an order that begin with some terms (at most four), sorted.
    ///
    /// # Errors
    /// [`Error::NoOrder`] for one that this store does not keep.
    pub fn scan(&self, order: Order, prefix: &[TermId]) -> Result<Scan, Error> {
        Scan::new(Arc::clone(&self.state), order, prefix)
    }

    /// The exact number of rows of an order that begin with some terms (at most four), without reading them.
    pub fn count(&self, order: Order, prefix: &[TermId]) -> Result<u64, Error> {
        let range = bounds(prefix);
        self.state.count(order, &range.start, &range.end)
    }

    /// How many quads the pattern admits: exact, except that a graph beside other terms is not looked at unless all are
    /// given.
    pub fn estimate(&self, pattern: Pattern) -> Result<u64, Error> {
        let (order, n) = self.order_of(&pattern);
        self.count(order, &given(&pattern, order, n))
    }

    /// Whether any fact may be in a named graph.
    pub(crate) fn may_have_named(&self) -> bool {
        self.state.may_have_named()
    }

    /// Whether the quad is a fact.
    pub fn contains(&self, quad: &Quad) -> Result<bool, Error> {
        self.state.contains(&Order::Spog.row(quad))
    }

    /// What was counted at the last merge.
    pub fn statistics(&self) -> &Statistics {
        &self.state.base.statistics
    }

    /// The id of a term with exactly this spelling, if the store knows it.
    pub fn id(&self, term: TermRef<'_>) -> Result<Option<TermId>, Error> {
        self.state.id(term.into())
    }

    /// The id of a graph, if the store knows its name.
    pub fn graph_id(&self, graph: GraphNameRef<'_>) -> Result<Option<TermId>, Error> {
        match graph {
            GraphNameRef::DefaultGraph => Ok(Some(TermId::DEFAULT_GRAPH)),
            GraphNameRef::NamedNode(node) => self.id(node.into()),
            GraphNameRef::BlankNode(node) => self.id(node.into()),
        }
    }

    /// The term of an id, as it was spelled.
    ///
    /// # Errors
    /// [`Error::UnknownTerm`] for an id that is not this store's, and for the default graph.
    pub fn term(&self, id: TermId) -> Result<Term, Error> {
        #[expect(clippy::redundant_closure_for_method_calls, reason = "the method is not general over lifetimes")]
        self.state.with_term(id, |parts| parts.to_term())
    }

    /// What `read` makes of the parts of a term, which are not copied.
    pub fn with_term<T>(&self, id: TermId, read: impl FnOnce(Parts<'_>) -> T) -> Result<T, Error> {
        self.state.with_term(id, read)
    }

    /// The graph of an id in the fourth place of a quad.
    pub fn graph(&self, id: TermId) -> Result<GraphName, Error> {
        if id == TermId::DEFAULT_GRAPH {
            return Ok(GraphName::DefaultGraph);
        }
        match self.term(id)? {
            Term::NamedNode(node) => Ok(node.into()),
            Term::BlankNode(node) => Ok(node.into()),
            Term::Literal(_) => Err(Error::UnknownTerm(id)),
        }
    }

    /// The quad with its terms.
    pub fn quad(&self, quad: Quad) -> Result<oxrdf::Quad, Error> {
        let subject: NamedOrBlankNode = match self.term(quad.subject)? {
            Term::NamedNode(node) => node.into(),
            Term::BlankNode(node) => node.into(),
            Term::Literal(_) => return Err(Error::UnknownTerm(quad.subject)),
        };
        let Term::NamedNode(predicate) = self.term(quad.predicate)? else {
            return Err(Error::UnknownTerm(quad.predicate));
        };
        Ok(oxrdf::Quad::new(subject, predicate, self.term(quad.object)?, self.graph(quad.graph)?))
    }

    /// The sources of a fact, as they were committed.
    pub fn sources(&self, quad: &Quad) -> Result<Vec<SourceId>, Error> {
        self.state.tables.sources(&Order::Spog.row(quad))
    }

    /// The facts of a source, as they were committed.
    pub fn of_source(&self, source: SourceId) -> Result<Vec<Quad>, Error> {
        let rows = self.state.tables.rows_of(source)?;
        Ok(rows.iter().map(|row| Order::Spog.quad(row)).collect())
    }

    /// What a program committed under a name beside the facts.
    pub fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.state.tables.setting(name)
    }

    /// Everything that a program committed under names that begin so.
    pub fn settings(&self, start: &str) -> Result<Vec<(String, Vec<u8>)>, Error> {
        self.state.tables.settings(start)
    }
}

/// The terms that a pattern gives, as they stand in front of an order.
fn given(pattern: &Pattern, order: Order, n: usize) -> Vec<TermId> {
    let places = order.places();
    let given = [pattern.subject, pattern.predicate, pattern.object, pattern.graph];
    let mut row: Row = [TermId::DEFAULT_GRAPH; 4];
    for (place, term) in places.into_iter().zip(given) {
        row[place] = term.unwrap_or(TermId::DEFAULT_GRAPH);
    }
    row[..n].to_vec()
}
