//! Sinks that write into a store.

use std::ops::ControlFlow;

use oxrdf::{GraphName, GraphNameRef, QuadRef};

use super::{LoadError, Sink};
use crate::bulk::{Bulk, BulkOptions, BulkReport, Piece};
use crate::error::Error;
use crate::quad::Pattern;
use crate::source::Source;
use crate::store::{Seq, SourceId, Store};
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

/// Facts between two looks at the memory of a piece, or at whether to go on.
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

/// Adds facts through transactions: in place of a graph's, or with their source.
pub(super) struct Changing<'s> {
    store: &'s Store,
    transaction: Option<Transaction<'s>>,
    source: Option<SourceId>,
    seq: Seq,
    pub(super) removed: u64,
    pub(super) added: u64,
    pub(super) already: u64,
}

impl<'s> Changing<'s> {
    /// Begins; the facts of the graph `replaced` are removed, as long as `go_on` does not say otherwise.
    pub(super) fn begin(
        store: &'s Store,
        replaced: Option<&GraphName>,
        source: Option<Source>,
        go_on: &dyn Fn() -> Result<(), LoadError>,
    ) -> Result<Self, LoadError> {
        let mut transaction = store.begin()?;
        let removed = replaced.map_or(Ok(0), |graph| Self::remove(&mut transaction, graph, go_on))?;
        let source = match source {
            Some(source) => Some(source.keep(&mut transaction)?),
            None => None,
        };
        let (seq, transaction) = (Seq(0), Some(transaction));
        Ok(Self { store, transaction, source, seq, removed, added: 0, already: 0 })
    }

    fn remove(
        transaction: &mut Transaction<'_>,
        graph: &GraphName,
        go_on: &dyn Fn() -> Result<(), LoadError>,
    ) -> Result<u64, LoadError> {
        let snapshot = transaction.snapshot()?;
        let graph = match graph {
            GraphName::DefaultGraph => Some(TermId::DEFAULT_GRAPH),
            named => snapshot.graph_id(named.as_ref())?,
        };
        let mut removed: u64 = 0;
        if let Some(graph) = graph {
            for quad in snapshot.matching(Pattern { graph: Some(graph), ..Pattern::all() }) {
                if removed.is_multiple_of(LOOK_QUADS) {
                    go_on()?;
                }
                removed += u64::from(transaction.remove_ids(&quad?)?);
            }
        }
        Ok(removed)
    }

    pub(super) fn finish(mut self) -> Result<Seq, Error> {
        self.commit()?;
        Ok(self.seq)
    }
}

impl Sink for Changing<'_> {
    fn add(&mut self, quad: QuadRef<'_>) -> Result<ControlFlow<()>, Error> {
        let transaction = match &mut self.transaction {
            Some(transaction) => transaction,
            none => none.insert(self.store.begin()?),
        };
        let is_new = match self.source {
            None => transaction.add(quad)?,
            Some(id) => transaction.add_from(quad, id)?,
        };
        self.added += u64::from(is_new);
        self.already += u64::from(!is_new);
        Ok(ControlFlow::Continue(()))
    }

    fn commit(&mut self) -> Result<(), Error> {
        if let Some(transaction) = self.transaction.take() {
            self.seq = transaction.commit()?;
        }
        Ok(())
    }
}
