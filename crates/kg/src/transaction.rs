//! What a writer does: all of it is committed, or nothing.

use std::sync::Arc;

use oxrdf::{GraphNameRef, QuadRef};

use crate::error::Error;
use crate::quad::Quad;
use crate::snapshot::Snapshot;
use crate::store::{Seq, State, Store, subject_term};
use crate::term::TermId;

/// A change of the store that nobody sees before it is committed; dropped, it has not happened.
#[derive(Debug)]
pub struct Transaction<'s> {
    store: &'s Store,
    state: State,
}

impl<'s> Transaction<'s> {
    pub(crate) fn new(store: &'s Store, state: State) -> Self {
        Self { store, state }
    }

    /// The quad is a fact from now on; whether it was none before.
    pub fn add(&mut self, quad: QuadRef<'_>) -> Result<bool, Error> {
        let graph = match quad.graph_name {
            GraphNameRef::DefaultGraph => TermId::DEFAULT_GRAPH,
            GraphNameRef::NamedNode(node) => self.state.id_or_new(node.into()),
            GraphNameRef::BlankNode(node) => self.state.id_or_new(node.into()),
        };
        let quad = Quad {
            subject: self.state.id_or_new(subject_term(quad.subject)),
            predicate: self.state.id_or_new(quad.predicate.into()),
            object: self.state.id_or_new(quad.object),
            graph,
        };
        Ok(self.state.quads.insert(quad))
    }

    /// The quad is no fact from now on; whether it was one before.
    pub fn remove(&mut self, quad: QuadRef<'_>) -> Result<bool, Error> {
        let state = &self.state;
        let ids = (
            state.id(subject_term(quad.subject)),
            state.id(quad.predicate.into()),
            state.id(quad.object),
            state.graph_id(quad.graph_name),
        );
        let (Some(subject), Some(predicate), Some(object), Some(graph)) = ids else { return Ok(false) };
        Ok(self.state.quads.remove(&Quad { subject, predicate, object, graph }))
    }

    /// What a reader would see if this were committed now.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        Ok(Snapshot::new(Arc::new(self.state.clone())))
    }

    /// Everything done so far is committed; when this returns, it is kept.
    pub fn commit(mut self) -> Result<Seq, Error> {
        Ok(self.store.publish(std::mem::take(&mut self.state)))
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        self.store.end_of_writing();
    }
}

#[cfg(test)]
mod tests {
    use oxrdf::{GraphNameRef, Literal, NamedNodeRef};

    use super::*;
    use crate::quad::Pattern;

    fn fact(object: &Literal) -> QuadRef<'_> {
        let node = NamedNodeRef::new_unchecked;
        QuadRef::new(node("http://a/s"), node("http://a/p"), object, GraphNameRef::DefaultGraph)
    }

    #[test]
    fn what_is_committed_is_read_and_what_is_dropped_is_not() -> Result<(), Error> {
        let store = Store::in_memory();
        let (one, two) = (Literal::new_simple_literal("1"), Literal::new_simple_literal("2"));
        let before = store.snapshot()?;
        let mut writer = store.begin()?;
        assert!(writer.add(fact(&one))?);
        assert!(!writer.add(fact(&one))?);
        assert!(matches!(store.begin(), Err(Error::Busy)));
        assert_eq!(writer.commit()?, Seq(1));
        let mut dropped = store.begin()?;
        dropped.add(fact(&two))?;
        drop(dropped);
        let after = store.snapshot()?;
        assert_eq!((before.len(), after.len()), (0, 1));
        let found = after.matching(Pattern::all()).next().expect("a quad")?;
        assert_eq!(after.quad(found)?.as_ref(), fact(&one));
        let mut remover = store.begin()?;
        assert!(!remover.remove(fact(&two))?);
        assert!(remover.remove(fact(&one))?);
        remover.commit()?;
        assert!(store.snapshot()?.is_empty());
        Ok(())
    }
}
