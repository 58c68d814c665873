//! Sinks that write into a store.

use std::ops::ControlFlow;

use oxrdf::{GraphName, GraphNameRef, QuadRef};

use super::Sink;
use crate::bulk::{Bulk, BulkOptions, BulkReport, Piece};
use crate::error::Error;
use crate::quad::Pattern;
use crate::store::{Seq, Store};
use crate::term::TermId;
use crate::transaction::Transaction;

/// Memory of a piece at which it is handed over.
const PIECE_BYTES: usize = 16 << 20;

/// Fills pieces and hands them to a bulk.
pub(super) struct Filling<'s> {
    store: &'s Store,
    options: BulkOptions,
    bulk: Option<Bulk<'s>>,
    piece: Piece,
    piece_bytes: usize,
    n_in_piece: u64,
    report: BulkReport,
}

/// Facts between two looks at the memory of a piece.
const LOOK_QUADS: u64 = 1024;

impl<'s> Filling<'s> {
    pub(super) fn begin(store: &'s Store, memory_max: usize) -> Result<Self, Error> {
        let piece_bytes = PIECE_BYTES.min(memory_max / 4);
        // The other half is for what parsers hold.
        let options = BulkOptions { memory_max: memory_max / 2 };
        let bulk = Some(store.bulk(options)?);
        let (piece, report) = (Piece::new(), BulkReport::default());
        Ok(Self { store, options, bulk, piece, piece_bytes, n_in_piece: 0, report })
    }

    fn push(&mut self, piece: &Piece) -> Result<(), Error> {
        if self.bulk.is_none() {
            self.bulk = Some(self.store.bulk(self.options)?);
        }
        self.bulk.as_mut().map_or(Ok(()), |bulk| bulk.push(piece))
    }

    fn push_filled(&mut self) -> Result<(), Error> {
        self.n_in_piece = 0;
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::take(&mut self.piece);
        self.push(&piece)
    }

    /// Commits; the sum of all commits.
    pub(super) fn finish(mut self) -> Result<BulkReport, Error> {
        self.commit()?;
        Ok(self.report)
    }
}

/// The fact in the piece.
pub(super) fn fill(piece: &mut Piece, quad: QuadRef<'_>) -> Result<(), Error> {
    let subject = piece.term(quad.subject.into())?;
    let predicate = piece.term(quad.predicate.into())?;
    let object = piece.term(quad.object)?;
    let graph = match quad.graph_name {
        GraphNameRef::DefaultGraph => None,
        GraphNameRef::NamedNode(node) => Some(piece.term(node.into())?),
        GraphNameRef::BlankNode(node) => Some(piece.term(node.into())?),
    };
    piece.quad(subject, predicate, object, graph)
}

impl Sink for Filling<'_> {
    fn add(&mut self, quad: QuadRef<'_>) -> Result<ControlFlow<()>, Error> {
        fill(&mut self.piece, quad)?;
        self.n_in_piece += 1;
        if self.n_in_piece.is_multiple_of(LOOK_QUADS) && self.piece.bytes() > self.piece_bytes {
            self.push_filled()?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn takes_pieces(&self) -> bool {
        true
    }

    fn add_piece(&mut self, piece: &Piece) -> Result<(), Error> {
        self.push(piece)
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.push_filled()?;
        if let Some(bulk) = self.bulk.take() {
            let BulkReport { seq, added, already, terms, spilled } = bulk.finish()?;
            let sum = &mut self.report;
            *sum = BulkReport {
                seq,
                added: sum.added + added,
                already: sum.already + already,
                terms: sum.terms + terms,
                spilled: sum.spilled + spilled,
            };
        }
        Ok(())
    }
}

/// Removes the facts of a graph and adds others, in one transaction.
pub(super) struct Replacing<'s> {
    transaction: Transaction<'s>,
    pub(super) removed: u64,
    pub(super) added: u64,
    pub(super) already: u64,
}

impl<'s> Replacing<'s> {
    pub(super) fn begin(store: &'s Store, graph: &GraphName) -> Result<Self, Error> {
        let mut transaction = store.begin()?;
        let snapshot = transaction.snapshot()?;
        let graph = match graph {
            GraphName::DefaultGraph => Some(TermId::DEFAULT_GRAPH),
            named => snapshot.graph_id(named.as_ref())?,
        };
        let mut removed = 0;
        if let Some(graph) = graph {
            for quad in snapshot.matching(Pattern { graph: Some(graph), ..Pattern::all() }) {
                removed += u64::from(transaction.remove(snapshot.quad(quad?)?.as_ref())?);
            }
        }
        Ok(Self { transaction, removed, added: 0, already: 0 })
    }

    pub(super) fn finish(self) -> Result<Seq, Error> {
        self.transaction.commit()
    }
}

impl Sink for Replacing<'_> {
    fn add(&mut self, quad: QuadRef<'_>) -> Result<ControlFlow<()>, Error> {
        let is_new = self.transaction.add(quad)?;
        self.added += u64::from(is_new);
        self.already += u64::from(!is_new);
        Ok(ControlFlow::Continue(()))
    }
}
