//! What can go wrong with a store.

use crate::term::TermId;

/// A failure of the store: never of the facts in it, which are as they were.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An id that no term of this store has.
    #[error("no term has the id {0:?}")]
    UnknownTerm(TermId),
    /// A second transaction while one is open.
    #[error("another transaction is writing to this store; it must be committed or dropped first")]
    Busy,
    /// A term of more bytes than a store takes.
    #[error("a term has {n_bytes} bytes; the longest that is stored has {}", crate::bulk::TERM_BYTES_MAX)]
    TermTooLong {
        /// The bytes of the term with its language or datatype.
        n_bytes: usize,
    },
    /// A datatype or a language with the byte that ends it in the dictionary.
    #[error("the datatype or language {0:?} holds a NUL, which none can")]
    NulInTag(String),
    /// A piece with as many bytes as its ids can reach; push it and begin another.
    #[error("the piece holds {n_bytes} bytes of terms; the most is {}", crate::bulk::PIECE_BYTES_MAX)]
    PieceFull {
        /// The bytes that it holds.
        n_bytes: usize,
    },
    /// A quad of a piece with a term that cannot stand in that place.
    #[error("{place} {term} is a literal or no term of the piece")]
    Misplaced {
        /// The place in the quad.
        place: &'static str,
        /// The number of the term in its piece.
        term: u32,
    },
}
