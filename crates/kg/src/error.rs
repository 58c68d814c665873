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
}
