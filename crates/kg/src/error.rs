//! What can go wrong with a store.

use std::path::PathBuf;

use crate::order::Order;
use crate::term::TermId;

/// A failure of the store: never of the facts in it, which are as they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An id that no term of this store has.
    #[error("no term has the id {0:?}")]
    UnknownTerm(TermId),
    /// A second transaction while one is open.
    #[error("another transaction is writing to this store; it must be committed or dropped first")]
    Busy,
    /// A file that another process, or another store of this one, has open.
    #[error("{} is open elsewhere{}; only one store at a time can have it", path.display(), holder(*.by))]
    Locked {
        /// The file of the store.
        path: PathBuf,
        /// The process that holds the file, where the system tells.
        by: Option<u32>,
    },
    /// A file that is not a store of this library.
    #[error("{} is no knowledge graph: {why}", path.display())]
    NotAStore {
        /// The file that was to be opened.
        path: PathBuf,
        /// What it has instead of what was expected.
        why: String,
    },
    /// A file of a format that this version does not read.
    #[error("{} has format {found}; this version reads format {known}", path.display())]
    Version {
        /// The file of the store.
        path: PathBuf,
        /// The format that the file names.
        found: u32,
        /// The format that this version reads and writes.
        known: u32,
    },
    /// The storage under the store failed.
    #[error("{doing}: {source}")]
    Storage {
        /// What was being done.
        doing: &'static str,
        /// What the storage said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The storage under the store gave up in a way that its own errors do not name; reopen the store.
    #[error("{doing}: the storage engine gave up: {message}")]
    GaveUp {
        /// What was being done.
        doing: &'static str,
        /// What the storage engine said.
        message: String,
    },
    /// Bytes in the file that the store did not write.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// An order that this store does not keep.
    #[error("this store keeps no copy of its facts in the order {}", .0.name())]
    NoOrder(Order),
    /// A transaction of more changes than it may hold in memory.
    #[error("the transaction has {changes} changes, the most is {max}; load large amounts in bulk, or commit in parts")]
    TransactionFull {
        /// The changes that it holds.
        changes: u64,
        /// The most that it may hold.
        max: u64,
    },
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

fn holder(by: Option<u32>) -> String {
    by.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

/// Bytes that are not what the store wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{table} {block}: {why}")]
pub struct Damage {
    /// The table: an order, or what else is kept.
    pub table: &'static str,
    /// The number of the block in its table.
    pub block: u64,
    /// What is wrong with it.
    pub why: String,
}
