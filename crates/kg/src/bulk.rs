//! Many facts at once.
//!
//! Parsers fill a [`Piece`] each, on whatever thread they run, and hand it to one [`Bulk`]. Nothing is in the store
//! before [`Bulk::finish`] returns; a bulk that is dropped has not happened. Pieces are put together in a chunk
//! (`chunk.rs`) until it takes half of the memory allowed; then it is sorted and goes to a file beside the store
//! (`spill.rs`). At the end the dictionaries are merged (`terms.rs`), then the facts, order by order (`rows.rs`).
//! A merge of the store is the same without pieces.

mod chunk;
mod piece;
mod rewrite;
mod rows;
mod sort;
mod spill;
mod terms;

use std::cell::Cell;
use std::sync::Arc;

pub use crate::dictionary::spelling::Parts;
use crate::error::Error;
use crate::state::State;
use crate::store::{Seq, Store, Writing};
use crate::transaction::Transaction;
use chunk::Chunk;
pub use piece::{LocalId, PIECE_BYTES_MAX, Piece, TERM_BYTES_MAX};

/// How much a bulk may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BulkOptions {
    /// The most memory for what is not yet written, in bytes; above it, sorted parts go to files beside the store,
    /// which end with the bulk. A store in memory has no place for files and takes what it needs.
    pub memory_max: usize,
}

impl Default for BulkOptions {
    fn default() -> Self {
        Self { memory_max: 256 << 20 }
    }
}

/// What a bulk did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BulkReport {
    /// The commit that holds it all.
    pub seq: Seq,
    /// Facts that are new to the store.
    pub added: u64,
    /// Facts that the store had, or that were given before.
    pub already: u64,
    /// Terms that are new to the dictionary, which does not hold numbers, dates and short strings.
    pub terms: u64,
    /// Parts that went to files because memory was not enough.
    pub spilled: u64,
}

/// What a merge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MergeReport {
    /// The commit that holds the same facts as the one before.
    pub seq: Seq,
    /// The facts of the store.
    pub quads: u64,
    /// Changes that were beside the blocks and are in them now.
    pub changes: u64,
    /// Terms that came late and are in their place now.
    pub terms: u64,
    /// Blocks that could not be read and were made from other orders.
    pub repaired: u64,
}

/// Facts on their way into a store, which takes no other writer meanwhile.
#[derive(Debug)]
pub struct Bulk<'s> {
    writing: Writing<'s>,
    before: Arc<State>,
    options: BulkOptions,
    growing: Piece,
    full: Vec<Chunk>,
    n_given: u64,
}

/// So few facts go beside the blocks of a store that has this many times as many.
const SMALL: u64 = 20;
const SMALL_MAX: u64 = 100_000;
/// With as many changes beside the blocks, they are merged.
const CHANGES_MAX: u64 = 1_000_000;

impl Store {
    /// The bulk that writes next.
    ///
    /// # Errors
    /// [`Error::Busy`] while a transaction or another bulk is open.
    pub fn bulk(&self, options: BulkOptions) -> Result<Bulk<'_>, Error> {
        let writing = self.begin_writing()?;
        Ok(Bulk { writing, before: self.state(), options, growing: Piece::new(), full: Vec::new(), n_given: 0 })
    }

    /// Changes since the last merge go into the blocks, new terms to their places in the dictionary.
    ///
    /// Ids of terms change; snapshots read on as before.
    ///
    /// # Errors
    /// What the storage refuses, and blocks that cannot be read: [`Store::repair`] may know their facts.
    pub fn merge(&self) -> Result<MergeReport, Error> {
        let writing = self.begin_writing()?;
        let before = self.state();
        let report = merge_report(&before);
        if report.changes == 0 && report.terms == 0 {
            return Ok(report);
        }
        let seq = rewrite::rewrite(&writing, &before, Vec::new(), None)?.seq;
        Ok(MergeReport { seq, quads: self.state().n_quads(), ..report })
    }

    /// Merges, and makes blocks that cannot be read anew from the other orders, each of which holds all facts.
    ///
    /// # Errors
    /// What the storage refuses, and the first block of which a fact is in no block that can be read, or of terms,
    /// which are kept once; then nothing is changed.
    pub fn repair(&self) -> Result<MergeReport, Error> {
        let writing = self.begin_writing()?;
        let before = self.state();
        let repaired = Cell::new(0);
        let seq = rewrite::rewrite(&writing, &before, Vec::new(), Some(&repaired))?.seq;
        Ok(MergeReport { seq, quads: self.state().n_quads(), repaired: repaired.get(), ..merge_report(&before) })
    }

    /// Whether so much changed since the last merge that another one pays.
    pub fn wants_merge(&self) -> bool {
        let state = self.state();
        let changes = state.runs.iter().map(|run| run.len() as u64).sum::<u64>();
        changes > CHANGES_MAX.max(state.n_quads() / 10)
    }
}

/// The report of a merge that has nothing to write yet.
fn merge_report(before: &State) -> MergeReport {
    let changes = before.runs.iter().map(|run| run.len() as u64).sum();
    MergeReport { seq: before.seq, quads: before.n_quads(), changes, terms: before.late.committed.1, repaired: 0 }
}

impl Bulk<'_> {
    /// The facts of a piece go in, too; the piece can be cleared and filled again.
    pub fn push(&mut self, piece: &Piece) -> Result<(), Error> {
        self.n_given += piece.len();
        let bytes = self.growing.spelling_bytes() + piece.spelling_bytes();
        let is_full = self.growing.bytes() > self.options.memory_max / 2 && self.writing.0.path().is_some();
        if bytes > PIECE_BYTES_MAX || is_full {
            self.seal()?;
        }
        self.growing.absorb(piece);
        Ok(())
    }

    fn seal(&mut self) -> Result<(), Error> {
        if self.growing.is_empty() {
            return Ok(());
        }
        let chunk = Chunk::new(std::mem::take(&mut self.growing));
        let folder = self.writing.0.path().and_then(std::path::Path::parent);
        self.full.push(match folder {
            Some(folder) => chunk.spill(folder)?,
            None => chunk,
        });
        Ok(())
    }

    /// All pieces are committed; when this returns, they are kept.
    pub fn finish(mut self) -> Result<BulkReport, Error> {
        let n_before = self.before.n_quads();
        let spilled = self.full.iter().filter(|chunk| chunk.is_spilled()).count() as u64;
        let n_given = self.n_given;
        let store = self.writing.0;
        let report = |seq, terms| {
            let added = store.state().n_quads() - n_before;
            BulkReport { seq, added, already: n_given - added, terms, spilled }
        };
        if self.full.is_empty() && n_given <= SMALL_MAX && n_before > SMALL * n_given {
            let mut transaction = Transaction::new(self.writing, self.before);
            transaction.add_piece(&self.growing)?;
            let terms = transaction.n_new_terms();
            return Ok(report(transaction.commit()?, terms));
        }
        if !self.growing.is_empty() {
            self.full.push(Chunk::new(std::mem::take(&mut self.growing)));
        }
        let n_terms = self.before.base.terms.n_terms() + self.before.late.committed.1;
        let rewritten = rewrite::rewrite(&self.writing, &self.before, std::mem::take(&mut self.full), None)?;
        Ok(report(rewritten.seq, rewritten.n_terms - n_terms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quad::Pattern;

    fn piece() -> Result<Piece, Error> {
        let mut piece = Piece::new();
        let (s, p) = (piece.parts(Parts::Iri("http://a/s"))?, piece.parts(Parts::Iri("http://a/p"))?);
        let (one, b) = (piece.parts(Parts::Typed("01", "http://a/int"))?, piece.parts(Parts::Blank("b"))?);
        assert_eq!(piece.parts(Parts::Iri("http://a/s"))?, s);
        piece.quad(s, p, one, None)?;
        piece.quad(b, p, s, Some(s))?;
        piece.quad(s, p, one, None)?;
        assert!(matches!(piece.quad(one, p, s, None), Err(Error::Misplaced { place: "subject", term: 2 })));
        assert!(matches!(piece.quad(s, b, s, None), Err(Error::Misplaced { place: "predicate", .. })));
        assert!(matches!(
            piece.quad(s, p, piece::foreign(9), None),
            Err(Error::Misplaced { place: "object", term: 9 })
        ));
        assert!(matches!(piece.quad(s, p, s, Some(one)), Err(Error::Misplaced { place: "graph", .. })));
        Ok(piece)
    }

    #[test]
    fn pieces_are_in_the_store_once_they_are_finished_and_not_before() -> Result<(), Error> {
        let store = Store::in_memory();
        let mut bulk = store.bulk(BulkOptions::default())?;
        bulk.push(&piece()?)?;
        assert!(matches!(store.begin(), Err(Error::Busy)));
        drop(bulk);
        assert!(store.snapshot()?.is_empty());
        let mut bulk = store.bulk(BulkOptions::default())?;
        bulk.push(&piece()?)?;
        bulk.push(&piece()?)?;
        assert!(store.snapshot()?.is_empty());
        assert_eq!(bulk.finish()?, BulkReport { seq: Seq(1), added: 2, already: 4, terms: 4, spilled: 0 });
        let snapshot = store.snapshot()?;
        let mut found = Vec::new();
        for quad in snapshot.matching(Pattern::all()) {
            found.push(snapshot.quad(quad?)?.to_string());
        }
        found.sort();
        let facts = [r#"<http://a/s> <http://a/p> "01"^^<http://a/int>"#, "_:b <http://a/p> <http://a/s> <http://a/s>"];
        assert_eq!(found, facts);
        Ok(())
    }
}

#[cfg(test)]
mod repaired;
