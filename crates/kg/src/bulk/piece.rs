//! What a parser fills: facts of terms that are numbered within the piece.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use oxrdf::TermRef;

use crate::dictionary::spelling::{Class, Parts};
use crate::error::Error;

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
    pub(crate) quads: Vec<[u32; 4]>,
}

/// The number of a term in the piece that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalId(u32);

/// The default graph in a piece's quads.
pub(super) const DEFAULT_GRAPH: u32 = u32::MAX;

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
        Ok(LocalId(self.number_last(start)))
    }

    /// The number of the spelling that begins at `start` and ends where all do; a known one is taken off.
    fn number_last(&mut self, start: usize) -> u32 {
        let Self { spellings, ends, numbers, hasher, .. } = self;
        let new = &spellings[start..];
        let hash = hasher.hash_one(new);
        if let Some(&number) = numbers.find(hash, |&number| spelling(spellings, ends, number) == new) {
            self.spellings.truncate(start);
            return number;
        }
        let number = ends.len() as u32;
        ends.push(spellings.len() as u32);
        numbers.insert_unique(hash, number, |&number| hasher.hash_one(spelling(spellings, ends, number)));
        number
    }

    /// The facts of another piece are in this one, too.
    pub(super) fn absorb(&mut self, other: &Self) {
        let mut numbers = Vec::with_capacity(other.ends.len());
        for number in 0..other.ends.len() {
            let start = self.spellings.len();
            self.spellings.extend_from_slice(other.spelling(number as u32));
            numbers.push(self.number_last(start));
        }
        let number = |local: u32| numbers.get(local as usize).copied().unwrap_or(DEFAULT_GRAPH);
        self.quads.extend(other.quads.iter().map(|quad| quad.map(number)));
    }

    pub(crate) fn n_terms(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn spelling_bytes(&self) -> usize {
        self.spellings.len()
    }

    /// The piece without what is needed to number more terms.
    pub(super) fn without_numbers(self) -> Self {
        Self { numbers: HashTable::new(), ..self }
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

    pub(crate) fn spelling(&self, number: u32) -> &[u8] {
        spelling(&self.spellings, &self.ends, number)
    }
}

fn spelling<'a>(spellings: &'a [u8], ends: &[u32], number: u32) -> &'a [u8] {
    let number = number as usize;
    let start = number.checked_sub(1).map_or(0, |before| ends[before] as usize);
    &spellings[start..ends[number] as usize]
}

/// A number that the piece may not have given.
#[cfg(test)]
pub(super) fn foreign(number: u32) -> LocalId {
    LocalId(number)
}
