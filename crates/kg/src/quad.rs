//! Facts of ids, and patterns over them.

use crate::term::TermId;

/// A fact: subject, predicate, object, and the graph it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quad {
    /// The subject: an IRI or a blank node.
    pub subject: TermId,
    /// The predicate: an IRI.
    pub predicate: TermId,
    /// The object: any term.
    pub object: TermId,
    /// The graph: [`TermId::DEFAULT_GRAPH`], an IRI or a blank node.
    pub graph: TermId,
}

/// Which quads are meant: those that have every given term in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pattern {
    /// The subject, if it is given.
    pub subject: Option<TermId>,
    /// The predicate, if it is given.
    pub predicate: Option<TermId>,
    /// The object, if it is given.
    pub object: Option<TermId>,
    /// The graph, if it is given; the default graph is [`TermId::DEFAULT_GRAPH`].
    pub graph: Option<TermId>,
}

impl Pattern {
    /// Every quad of every graph.
    pub fn all() -> Self {
        Self::default()
    }

    /// Whether the quad has every given term in its place.
    pub fn admits(&self, quad: &Quad) -> bool {
        let fits = |wanted: Option<TermId>, found| wanted.is_none_or(|wanted| wanted == found);
        fits(self.subject, quad.subject)
            && fits(self.predicate, quad.predicate)
            && fits(self.object, quad.object)
            && fits(self.graph, quad.graph)
    }
}
