//! Templates of CONSTRUCT and of updates, filled with the terms of rows.

use std::collections::HashMap;

use oxrdf::{BlankNode, GraphName, NamedNode, NamedOrBlankNode, Quad, Term, Triple, Variable};
use spargebra::term::{
    GraphNamePattern, GroundQuadPattern, GroundTermPattern, NamedNodePattern, QuadPattern, TermPattern, TriplePattern,
};

use super::error::QueryError;
use crate::snapshot::Snapshot;

/// Names of blank nodes that the store has not: made of the commit's number and a count, so that they repeat.
pub(crate) struct Fresh {
    prefix: String,
    next: u64,
}

impl Fresh {
    /// Names of which the store has none, told apart by a letter from those of other uses.
    pub(crate) fn new(letter: char, snapshot: &Snapshot) -> Self {
        Self { prefix: format!("{letter}{}n", snapshot.seq().0 + 1), next: 0 }
    }

    pub(crate) fn of(
        &mut self,
        node: &BlankNode,
        known: &mut HashMap<BlankNode, BlankNode>,
        snapshot: &Snapshot,
    ) -> Result<BlankNode, QueryError> {
        if let Some(known) = known.get(node) {
            return Ok(known.clone());
        }
        loop {
            let fresh = BlankNode::new_unchecked(format!("{}{}", self.prefix, self.next));
            self.next += 1;
            if snapshot.id(fresh.as_ref().into())?.is_none() {
                known.insert(node.clone(), fresh.clone());
                return Ok(fresh);
            }
        }
    }
}

/// Gives a blank node of a template its name.
pub(crate) type Naming<'n> = dyn FnMut(&BlankNode) -> Result<BlankNode, QueryError> + 'n;

/// A row with its variables, put into templates. A quad that lacks a term, or has one where it cannot be, is none.
pub(crate) struct Bound<'a> {
    pub(crate) variables: &'a [Variable],
    pub(crate) row: &'a [Option<Term>],
}

/// The template of a CONSTRUCT, filled row by row.
pub(crate) struct Filled {
    template: Vec<TriplePattern>,
    variables: Vec<Variable>,
    snapshot: Snapshot,
    fresh: Fresh,
}

impl Filled {
    /// A template whose rows have the terms of these variables.
    pub(crate) fn new(template: Vec<TriplePattern>, variables: Vec<Variable>, snapshot: &Snapshot) -> Self {
        Self { template, variables, snapshot: snapshot.clone(), fresh: Fresh::new('c', snapshot) }
    }

    /// Calls `each` with the triples of a row.
    pub(crate) fn each(
        &mut self,
        row: &[Option<Term>],
        each: &mut dyn FnMut(Triple) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let Self { template, variables, snapshot, fresh } = self;
        let row = Bound { variables, row };
        let mut blanks = HashMap::new();
        for triple in template {
            if let Some(triple) = row.triple(triple, &mut |node| fresh.of(node, &mut blanks, snapshot))? {
                each(triple)?;
            }
        }
        Ok(())
    }
}

impl Bound<'_> {
    fn term(&self, variable: &Variable) -> Option<Term> {
        let place = self.variables.iter().position(|known| known == variable)?;
        self.row.get(place)?.clone()
    }

    fn node(&self, pattern: &NamedNodePattern) -> Option<NamedNode> {
        match pattern {
            NamedNodePattern::NamedNode(node) => Some(node.clone()),
            NamedNodePattern::Variable(variable) => match self.term(variable)? {
                Term::NamedNode(node) => Some(node),
                Term::BlankNode(_) | Term::Literal(_) => None,
            },
        }
    }

    fn graph(&self, pattern: &GraphNamePattern) -> Option<GraphName> {
        match pattern {
            GraphNamePattern::NamedNode(node) => Some(node.clone().into()),
            GraphNamePattern::DefaultGraph => Some(GraphName::DefaultGraph),
            GraphNamePattern::Variable(variable) => match self.term(variable)? {
                Term::NamedNode(node) => Some(node.into()),
                Term::BlankNode(node) => Some(node.into()),
                Term::Literal(_) => None,
            },
        }
    }

    pub(crate) fn ground_quad(&self, pattern: &GroundQuadPattern) -> Option<Quad> {
        let term = |pattern: &GroundTermPattern| match pattern {
            GroundTermPattern::NamedNode(node) => Some(node.clone().into()),
            GroundTermPattern::Literal(literal) => Some(literal.clone().into()),
            GroundTermPattern::Variable(variable) => self.term(variable),
        };
        let subject = subject(term(&pattern.subject)?)?;
        let (predicate, graph) = (self.node(&pattern.predicate)?, self.graph(&pattern.graph_name)?);
        Some(Quad::new(subject, predicate, term(&pattern.object)?, graph))
    }

    fn pattern_term(&self, pattern: &TermPattern, fresh: &mut Naming<'_>) -> Result<Option<Term>, QueryError> {
        Ok(match pattern {
            TermPattern::NamedNode(node) => Some(node.clone().into()),
            TermPattern::BlankNode(node) => Some(fresh(node)?.into()),
            TermPattern::Literal(literal) => Some(literal.clone().into()),
            TermPattern::Variable(variable) => self.term(variable),
        })
    }

    pub(crate) fn triple(&self, pattern: &TriplePattern, fresh: &mut Naming<'_>) -> Result<Option<Triple>, QueryError> {
        let subject = self.pattern_term(&pattern.subject, fresh)?.and_then(subject);
        let object = self.pattern_term(&pattern.object, fresh)?;
        let (Some(subject), Some(predicate), Some(object)) = (subject, self.node(&pattern.predicate), object) else {
            return Ok(None);
        };
        Ok(Some(Triple { subject, predicate, object }))
    }

    pub(crate) fn quad(&self, pattern: &QuadPattern, fresh: &mut Naming<'_>) -> Result<Option<Quad>, QueryError> {
        let QuadPattern { subject, predicate, object, graph_name } = pattern.clone();
        let triple = self.triple(&TriplePattern { subject, predicate, object }, fresh)?;
        Ok(triple.zip(self.graph(&graph_name)).map(|(triple, graph)| triple.in_graph(graph)))
    }
}

fn subject(term: Term) -> Option<NamedOrBlankNode> {
    match term {
        Term::NamedNode(node) => Some(node.into()),
        Term::BlankNode(node) => Some(node.into()),
        Term::Literal(_) => None,
    }
}
