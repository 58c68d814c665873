//! What can go wrong with a query or an update.

use super::limits::LimitKind;

/// A failure of a query or an update. The store is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// Text that is no SPARQL 1.1.
    #[error("no SPARQL: {0}")]
    Syntax(#[from] Box<spargebra::SparqlSyntaxError>),
    /// Text that is longer or nested deeper than a query may be.
    #[error("the text of the query has {found} {what}, at most {max} are read")]
    TooLarge {
        /// What was counted.
        what: &'static str,
        /// How many there are, as far as they were counted.
        found: usize,
        /// How many there may be.
        max: usize,
    },
    /// Something that would reach out of the store.
    #[error("{what} <{target}> is refused: a store reads and asks nothing outside itself")]
    Refused {
        /// The keyword that would reach out.
        what: &'static str,
        /// What it would have reached.
        target: String,
    },
    /// An update whose operation fails by SPARQL's own rules.
    #[error("{0}")]
    Update(String),
    /// A limit that the query has reached.
    #[error("{limit} in {operator}, after {rows} rows")]
    Limit {
        /// The limit, with its value.
        limit: LimitKind,
        /// The operator that was at work.
        operator: &'static str,
        /// How many rows had been read and made.
        rows: u64,
    },
    /// A query that cannot be evaluated.
    #[error("{0}")]
    Evaluation(String),
    /// A question in the simple language that is none, or names what it may not mean.
    #[error(transparent)]
    Name(#[from] crate::simple::NameError),
    /// A failure of the store.
    #[error(transparent)]
    Store(#[from] crate::error::Error),
    /// A failure of the writer that results went to.
    #[error("the results could not be written: {0}")]
    Write(#[from] std::io::Error),
}
