//! What a writer does: all of it is committed, or nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use oxrdf::{GraphNameRef, NamedOrBlankNodeRef, QuadRef, TermRef};

use crate::bulk::Piece;
use crate::delta::{self, Run};
use crate::dictionary::late::Late;
use crate::dictionary::spelling::{Class, Parts};
use crate::error::Error;
use crate::order::{Order, Row};
use crate::quad::Quad;
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::store::commit::Changes;
use crate::store::{Seq, SourceId, Writing};
use crate::term::{TermId, inline};

/// The most changes that are not in a run, which a snapshot of the transaction copies.
const RECENT_MAX: usize = 2048;

/// A change of the store that nobody sees before it is committed; dropped, it has not happened.
#[derive(Debug)]
pub struct Transaction<'s> {
    writing: Writing<'s>,
    /// What is committed.
    before: Arc<State>,
    /// What is committed, with `own` and the new terms.
    state: State,
    /// The changes so far, but for `recent`.
    own: Vec<Arc<Run>>,
    /// Rows in the first order, and whether each is added or removed.
    recent: BTreeMap<Row, bool>,
    late: Arc<Late>,
    sources: BTreeMap<(Row, SourceId), bool>,
    settings: Vec<(String, Option<Vec<u8>>)>,
    n_changes: u64,
}

impl<'s> Transaction<'s> {
    pub(crate) fn new(writing: Writing<'s>, before: Arc<State>) -> Self {
        let late = Arc::new(Late::new(before.late.committed.1));
        Self {
            writing,
            state: State::clone(&before),
            before,
            own: Vec::new(),
            recent: BTreeMap::new(),
            late,
            sources: BTreeMap::new(),
            settings: Vec::new(),
            n_changes: 0,
        }
    }

    /// The id of a term, new or known. A new one is kept only if the transaction is committed.
    fn id_or_new(&mut self, parts: Parts<'_>) -> Result<TermId, Error> {
        if let Some(id) = inline::encode(parts) {
            return Ok(id);
        }
        let mut spelling = Vec::new();
        parts.write(&mut spelling)?;
        if spelling.len() > crate::bulk::TERM_BYTES_MAX {
            return Err(Error::TermTooLong { n_bytes: spelling.len() });
        }
        if let Some(id) = self.state.id_of(&spelling)? {
            return Ok(id);
        }
        let class = spelling.first().and_then(|&class| Class::of(class)).unwrap_or(Class::Iri);
        let number = self.late.push(spelling.into());
        self.state.late.own = Some((Arc::clone(&self.late), number + 1));
        Ok(TermId::late(class, number))
    }

    /// The facts of a piece are facts from now on.
    pub(crate) fn add_piece(&mut self, piece: &Piece) -> Result<(), Error> {
        let mut ids = Vec::with_capacity(piece.n_terms());
        for number in 0..piece.n_terms() as u32 {
            let parts = Parts::read(piece.spelling(number));
            ids.push(parts.map(|parts| self.id_or_new(parts)).transpose()?.unwrap_or(TermId::DEFAULT_GRAPH));
        }
        for quad in &piece.quads {
            let row = quad.map(|number| ids.get(number as usize).copied().unwrap_or(TermId::DEFAULT_GRAPH));
            self.change(row, true)?;
        }
        Ok(())
    }

    /// The number of terms that the store did not know.
    pub(crate) fn n_new_terms(&self) -> u64 {
        self.late.end() - self.before.late.committed.1
    }

    /// The quad is a fact from now on; whether it was none before.
    ///
    /// # Errors
    /// [`Error::TransactionFull`], [`Error::TermTooLong`], [`Error::NulInTag`]; what was done before stays done.
    pub fn add(&mut self, quad: QuadRef<'_>) -> Result<bool, Error> {
        let row = self.row_or_new(quad)?;
        self.change(row, true)
    }

    /// The quad is a fact from now on and has this source beside those it had; whether it was no fact before.
    pub fn add_from(&mut self, quad: QuadRef<'_>, source: SourceId) -> Result<bool, Error> {
        let row = self.row_or_new(quad)?;
        let is_new = self.change(row, true)?;
        self.sources.insert((row, source), true);
        Ok(is_new)
    }

    fn row_or_new(&mut self, quad: QuadRef<'_>) -> Result<Row, Error> {
        let graph = match quad.graph_name {
            GraphNameRef::DefaultGraph => TermId::DEFAULT_GRAPH,
            GraphNameRef::NamedNode(node) => self.id_or_new(TermRef::from(node).into())?,
            GraphNameRef::BlankNode(node) => self.id_or_new(TermRef::from(node).into())?,
        };
        let quad = Quad {
            subject: self.id_or_new(subject_term(quad.subject).into())?,
            predicate: self.id_or_new(TermRef::from(quad.predicate).into())?,
            object: self.id_or_new(quad.object.into())?,
            graph,
        };
        Ok(Order::Spog.row(&quad))
    }

    /// The quad is no fact from now on; whether it was one before. Its sources go with it.
    pub fn remove(&mut self, quad: QuadRef<'_>) -> Result<bool, Error> {
        let state = &self.state;
        let graph = match quad.graph_name {
            GraphNameRef::DefaultGraph => Some(TermId::DEFAULT_GRAPH),
            GraphNameRef::NamedNode(node) => state.id(TermRef::from(node).into())?,
            GraphNameRef::BlankNode(node) => state.id(TermRef::from(node).into())?,
        };
        let subject = state.id(subject_term(quad.subject).into())?;
        let predicate = state.id(TermRef::from(quad.predicate).into())?;
        let object = state.id(quad.object.into())?;
        let (Some(subject), Some(predicate), Some(object), Some(graph)) = (subject, predicate, object, graph) else {
            return Ok(false);
        };
        self.remove_ids(&Quad { subject, predicate, object, graph })
    }

    /// The quad of these ids is no fact from now on; whether it was one before.
    pub fn remove_ids(&mut self, quad: &Quad) -> Result<bool, Error> {
        let row = Order::Spog.row(quad);
        let was_fact = self.change(row, false)?;
        if was_fact {
            let last = (row, SourceId(u64::MAX));
            self.sources.range_mut((row, SourceId(0))..=last).for_each(|(_, is_added)| *is_added = false);
            let committed = self.before.tables.sources(&row)?;
            self.sources.extend(committed.into_iter().map(|source| ((row, source), false)));
        }
        Ok(was_fact)
    }

    /// Facts that have only this source are none from now on, others have it no more; how many were removed.
    pub fn remove_source(&mut self, source: SourceId) -> Result<u64, Error> {
        let committed = self.before.tables.rows_of(source)?;
        let own = self.sources.iter().filter(|((_, of), is_added)| *of == source && **is_added);
        let mut rows: Vec<Row> = own.map(|((row, _), _)| *row).chain(committed).collect();
        rows.sort_unstable();
        rows.dedup();
        let mut n_removed = 0;
        for row in rows {
            let mut sources = self.before.tables.sources(&row)?;
            for ((_, of), is_added) in self.sources.range((row, SourceId(0))..=(row, SourceId(u64::MAX))) {
                sources.retain(|known| known != of);
                sources.extend(is_added.then_some(*of));
            }
            if sources == [source] {
                n_removed += u64::from(self.remove_ids(&Order::Spog.quad(&row))?);
            }
            self.sources.insert((row, source), false);
        }
        Ok(n_removed)
    }

    /// Something that a program keeps beside the facts under a name, or nothing more under that name.
    pub fn set(&mut self, name: &str, value: Option<&[u8]>) {
        self.settings.push((name.to_owned(), value.map(<[u8]>::to_vec)));
    }

    fn change(&mut self, row: Row, is_added: bool) -> Result<bool, Error> {
        let is_fact = match self.recent.get(&row) {
            Some(is_fact) => *is_fact,
            None => self.state.contains(&row)?,
        };
        if is_fact == is_added {
            return Ok(false);
        }
        let max = self.writing.0.options.changes_max;
        if self.n_changes >= max {
            return Err(Error::TransactionFull { changes: self.n_changes, max });
        }
        self.n_changes += 1;
        // A change that is there already is the opposite one.
        if self.recent.remove(&row).is_none() {
            self.recent.insert(row, is_added);
        }
        if self.recent.len() > RECENT_MAX {
            self.settle();
        }
        Ok(true)
    }

    /// The recent changes as a run behind those of the transaction.
    fn runs(&self) -> Vec<Arc<Run>> {
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for (row, is_added) in &self.recent {
            let side = if *is_added { &mut added } else { &mut removed };
            side.push(*row);
        }
        delta::with_run(&self.own, Run::new(added, removed))
    }

    /// The recent changes are recent no more.
    fn settle(&mut self) {
        self.own = self.runs();
        self.recent.clear();
        self.state.runs = self.before.runs.iter().chain(&self.own).cloned().collect();
    }

    /// What a reader would see if this were committed now; sources and settings are as they were.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        let runs = self.before.runs.iter().cloned().chain(self.runs()).collect();
        Ok(Snapshot::new(Arc::new(State { runs, ..self.state.clone() })))
    }

    /// Everything done so far is committed; when this returns, it is kept.
    pub fn commit(mut self) -> Result<Seq, Error> {
        self.settle();
        let changes = Changes {
            run: delta::whole(&self.own),
            late: self.late.since(0),
            sources: std::mem::take(&mut self.sources).into_iter().map(|((row, of), is)| (row, of, is)).collect(),
            settings: std::mem::take(&mut self.settings),
        };
        self.writing.0.commit(&self.before, changes)
    }
}

/// The term of a subject, which is an IRI or a blank node.
fn subject_term(subject: NamedOrBlankNodeRef<'_>) -> TermRef<'_> {
    subject.into()
}

#[cfg(test)]
mod tests {
    use oxrdf::{GraphNameRef, Literal, NamedNodeRef};

    use super::*;
    use crate::quad::Pattern;
    use crate::store::Store;

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
