//! What a reader sees: one commit, whatever is written meanwhile.

use std::sync::Arc;

use oxrdf::{GraphName, GraphNameRef, NamedOrBlankNode, Term, TermRef};

use crate::error::Error;
use crate::quad::{Pattern, Quad};
use crate::store::{Seq, State};
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
        self.state.quads.len() as u64
    }

    /// Whether there is no quad.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The quads that the pattern admits, each once, in an order that is the same for every call.
    pub fn matching(&self, pattern: Pattern) -> impl Iterator<Item = Result<Quad, Error>> + use<> {
        let found: Vec<Quad> = self.state.quads.iter().filter(|quad| pattern.admits(quad)).copied().collect();
        found.into_iter().map(Ok)
    }

    /// The id of a term with exactly this spelling, if the store knows it.
    pub fn id(&self, term: TermRef<'_>) -> Result<Option<TermId>, Error> {
        Ok(self.state.id(term))
    }

    /// The id of a graph, if the store knows its name.
    pub fn graph_id(&self, graph: GraphNameRef<'_>) -> Result<Option<TermId>, Error> {
        Ok(self.state.graph_id(graph))
    }

    /// The term of an id, as it was spelled.
    ///
    /// # Errors
    /// [`Error::UnknownTerm`] for an id that is not this store's, and for the default graph.
    pub fn term(&self, id: TermId) -> Result<Term, Error> {
        self.state.term(id).cloned().ok_or(Error::UnknownTerm(id))
    }

    /// The graph of an id in the fourth place of a quad.
    pub fn graph(&self, id: TermId) -> Result<GraphName, Error> {
        self.state.graph(id).ok_or(Error::UnknownTerm(id))
    }

    /// The quad with its terms.
    pub fn quad(&self, quad: Quad) -> Result<oxrdf::Quad, Error> {
        let subject: NamedOrBlankNode = self.state.subject(quad.subject).ok_or(Error::UnknownTerm(quad.subject))?;
        let Term::NamedNode(predicate) = self.term(quad.predicate)? else {
            return Err(Error::UnknownTerm(quad.predicate));
        };
        Ok(oxrdf::Quad::new(subject, predicate, self.term(quad.object)?, self.graph(quad.graph)?))
    }
}
