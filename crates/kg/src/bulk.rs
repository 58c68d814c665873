//! Many facts at once.
//!
//! Parsers fill a [`Piece`] each, on whatever thread they run, and hand it to one [`Bulk`]. Nothing is in the store
//! before [`Bulk::finish`] returns; a bulk that is dropped has not happened.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use oxrdf::TermRef;

use crate::dictionary::spelling::Class;
pub use crate::dictionary::spelling::Parts;
use crate::error::Error;
use crate::quad::Quad;
use crate::store::{Seq, State, Store};
use crate::term::TermId;

/// The longest spelling of a term, in bytes.
pub const TERM_BYTES_MAX: usize = 16 << 20;
/// The most bytes of terms in one piece; 16 MiB of input is a good size.
pub const PIECE_BYTES_MAX: usize = 1 << 30;

/// Facts of terms that are numbered within the piece: what one parser read.
#[derive(Debug, Default)]
pub struct Piece {
    spellings: Vec<u8>,
    /// Where each spelling ends.
    ends: Vec<u32>,
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
    quads: Vec<[u32; 4]>,
}

/// The number of a term in the piece that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalId(u32);

/// The default graph in a piece's quads.
const DEFAULT_GRAPH: u32 = u32::MAX;

impl Piece {
    /// A piece without facts.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of a term, new or seen before.
    ///
    /// # Errors
    /// [`Error::TermTooLong`], [`Error::NulInTag`], [`Error::PieceFull`]; the piece is as it was.
    pub fn term(&mut self, term: TermRef<'_>) -> Result<LocalId, Error> {
        self.parts(term.into())
    }

    /// The number of a term that is given by its parts.
    pub fn parts(&mut self, parts: Parts<'_>) -> Result<LocalId, Error> {
        let start = self.spellings.len();
        let written = parts.write(&mut self.spellings).and_then(|()| match self.spellings.len() - start {
            n_bytes if n_bytes > TERM_BYTES_MAX => Err(Error::TermTooLong { n_bytes }),
            _ if self.spellings.len() > PIECE_BYTES_MAX => Err(Error::PieceFull { n_bytes: start }),
            _ => Ok(()),
        });
        if let Err(error) = written {
            self.spellings.truncate(start);
            return Err(error);
        }
        let Self { spellings, ends, numbers, hasher, .. } = self;
        let new = &spellings[start..];
        let hash = hasher.hash_one(new);
        if let Some(&number) = numbers.find(hash, |&number| spelling(spellings, ends, number) == new) {
            self.spellings.truncate(start);
            return Ok(LocalId(number));
        }
        let number = ends.len() as u32;
        ends.push(spellings.len() as u32);
        numbers.insert_unique(hash, number, |&number| hasher.hash_one(spelling(spellings, ends, number)));
        Ok(LocalId(number))
    }

    /// A fact of terms of this piece; no graph is the default graph.
    ///
    /// # Errors
    /// [`Error::Misplaced`] for a literal where none can stand, and for a number that another piece gave.
    pub fn quad(
        &mut self,
        subject: LocalId,
        predicate: LocalId,
        object: LocalId,
        graph: Option<LocalId>,
    ) -> Result<(), Error> {
        let class = |id: LocalId| {
            let known = (id.0 as usize) < self.ends.len();
            known.then(|| Class::of(self.spelling(id.0)[0])).flatten()
        };
        let check = |place, id: LocalId, last: Class| match class(id) {
            Some(class) if class <= last => Ok(()),
            _ => Err(Error::Misplaced { place, term: id.0 }),
        };
        check("subject", subject, Class::Blank)?;
        check("predicate", predicate, Class::Iri)?;
        check("object", object, Class::Typed)?;
        if let Some(graph) = graph {
            check("graph", graph, Class::Blank)?;
        }
        self.quads.push([subject.0, predicate.0, object.0, graph.map_or(DEFAULT_GRAPH, |graph| graph.0)]);
        Ok(())
    }

    /// The number of facts, repeated ones counted as often as they were given.
    pub fn len(&self) -> u64 {
        self.quads.len() as u64
    }

    /// Whether there is no fact.
    pub fn is_empty(&self) -> bool {
        self.quads.is_empty()
    }

    /// What the piece takes of memory, in bytes.
    pub fn bytes(&self) -> usize {
        self.spellings.capacity() + 4 * self.ends.capacity() + 5 * self.numbers.capacity() + 16 * self.quads.capacity()
    }

    /// The piece is as new, and keeps its memory for what comes.
    pub fn clear(&mut self) {
        self.spellings.clear();
        self.ends.clear();
        self.numbers.clear();
        self.quads.clear();
    }

    fn spelling(&self, number: u32) -> &[u8] {
        spelling(&self.spellings, &self.ends, number)
    }
}

fn spelling<'a>(spellings: &'a [u8], ends: &[u32], number: u32) -> &'a [u8] {
    let number = number as usize;
    let start = number.checked_sub(1).map_or(0, |before| ends[before] as usize);
    &spellings[start..ends[number] as usize]
}

/// How much a bulk may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BulkOptions {
    /// The most memory for what is not yet written, in bytes; above it, sorted runs go to files beside the store.
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
    /// Terms that are new to the store.
    pub terms: u64,
}

/// Facts on their way into a store, which takes no other writer meanwhile.
#[derive(Debug)]
pub struct Bulk<'s> {
    store: &'s Store,
    state: State,
    report: BulkReport,
}

impl Store {
    /// The bulk that writes next.
    ///
    /// # Errors
    /// [`Error::Busy`] while a transaction or another bulk is open.
    pub fn bulk(&self, _options: BulkOptions) -> Result<Bulk<'_>, Error> {
        let state = self.begin_writing()?;
        Ok(Bulk { store: self, state, report: BulkReport::default() })
    }
}

impl Bulk<'_> {
    /// The facts of a piece go in, too.
    pub fn push(&mut self, piece: &Piece) -> Result<(), Error> {
        let n_before = self.state.n_terms();
        let mut ids = Vec::with_capacity(piece.ends.len());
        for number in 0..piece.ends.len() {
            let term = Parts::read(piece.spelling(number as u32)).map(Parts::to_term);
            ids.extend(term.map(|term| self.state.id_or_new(term.as_ref())));
        }
        for &[subject, predicate, object, graph] in &piece.quads {
            let id = |number: u32| ids.get(number as usize).copied().unwrap_or(TermId::DEFAULT_GRAPH);
            let quad = Quad { subject: id(subject), predicate: id(predicate), object: id(object), graph: id(graph) };
            let is_new = self.state.quads.insert(quad);
            self.report.added += u64::from(is_new);
            self.report.already += u64::from(!is_new);
        }
        self.report.terms += (self.state.n_terms() - n_before) as u64;
        Ok(())
    }

    /// All pieces are committed; when this returns, they are kept.
    pub fn finish(mut self) -> Result<BulkReport, Error> {
        self.report.seq = self.store.publish(std::mem::take(&mut self.state));
        Ok(self.report)
    }
}

impl Drop for Bulk<'_> {
    fn drop(&mut self) {
        self.store.end_of_writing();
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
        assert!(matches!(piece.quad(s, p, LocalId(9), None), Err(Error::Misplaced { place: "object", term: 9 })));
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
        assert_eq!(bulk.finish()?, BulkReport { seq: Seq(1), added: 2, already: 4, terms: 4 });
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
