//! The store: what is committed, and who may write.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use oxrdf::{GraphName, GraphNameRef, NamedOrBlankNode, NamedOrBlankNodeRef, Term, TermRef};

use crate::error::Error;
use crate::quad::Quad;
use crate::snapshot::Snapshot;
use crate::term::{TermId, TermKind};
use crate::transaction::Transaction;

/// The number of a commit: 0 before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

/// Facts, from which any number of snapshots read while one transaction writes.
#[derive(Debug, Default)]
pub struct Store {
    committed: Mutex<Arc<State>>,
    writing: AtomicBool,
}

/// Everything of one commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) seq: Seq,
    terms: Vec<Term>,
    ids: HashMap<Term, TermId>,
    pub(crate) quads: BTreeSet<Quad>,
}

impl Store {
    /// A store in memory, which ends with this value.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// What is committed now; later commits do not change it.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        Ok(Snapshot::new(self.state()))
    }

    /// The transaction that writes next.
    ///
    /// # Errors
    /// [`Error::Busy`] while another one is open.
    pub fn begin(&self) -> Result<Transaction<'_>, Error> {
        Ok(Transaction::new(self, self.begin_writing()?))
    }

    pub(crate) fn begin_writing(&self) -> Result<State, Error> {
        if self.writing.swap(true, Ordering::Acquire) {
            return Err(Error::Busy);
        }
        Ok(State::clone(&self.state()))
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.committed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn publish(&self, mut state: State) -> Seq {
        let mut committed = self.committed.lock().unwrap_or_else(PoisonError::into_inner);
        state.seq = Seq(committed.seq.0 + 1);
        *committed = Arc::new(state);
        committed.seq
    }

    pub(crate) fn end_of_writing(&self) {
        self.writing.store(false, Ordering::Release);
    }
}

impl State {
    pub(crate) fn n_terms(&self) -> usize {
        self.terms.len()
    }

    pub(crate) fn id(&self, term: TermRef<'_>) -> Option<TermId> {
        self.ids.get(&term.into_owned()).copied()
    }

    pub(crate) fn id_or_new(&mut self, term: TermRef<'_>) -> TermId {
        if let Some(id) = self.id(term) {
            return id;
        }
        let kind = match term {
            TermRef::NamedNode(_) => TermKind::Iri,
            TermRef::BlankNode(_) => TermKind::Blank,
            TermRef::Literal(_) => TermKind::Literal,
        };
        let id = TermId::new(kind, self.terms.len() as u64);
        self.terms.push(term.into_owned());
        self.ids.insert(term.into_owned(), id);
        id
    }

    pub(crate) fn term(&self, id: TermId) -> Option<&Term> {
        match id.kind() {
            TermKind::DefaultGraph => None,
            _ => self.terms.get(usize::try_from(id.payload()).ok()?),
        }
    }

    pub(crate) fn graph_id(&self, graph: GraphNameRef<'_>) -> Option<TermId> {
        match graph {
            GraphNameRef::DefaultGraph => Some(TermId::DEFAULT_GRAPH),
            GraphNameRef::NamedNode(node) => self.id(node.into()),
            GraphNameRef::BlankNode(node) => self.id(node.into()),
        }
    }

    pub(crate) fn graph(&self, id: TermId) -> Option<GraphName> {
        if id == TermId::DEFAULT_GRAPH {
            return Some(GraphName::DefaultGraph);
        }
        match self.term(id)? {
            Term::NamedNode(node) => Some(node.clone().into()),
            Term::BlankNode(node) => Some(node.clone().into()),
            Term::Literal(_) => None,
        }
    }

    pub(crate) fn subject(&self, id: TermId) -> Option<NamedOrBlankNode> {
        match self.term(id)? {
            Term::NamedNode(node) => Some(node.clone().into()),
            Term::BlankNode(node) => Some(node.clone().into()),
            Term::Literal(_) => None,
        }
    }
}

/// The term of a subject, which is an IRI or a blank node.
pub(crate) fn subject_term(subject: NamedOrBlankNodeRef<'_>) -> TermRef<'_> {
    subject.into()
}
