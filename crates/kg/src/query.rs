//! SPARQL 1.1 over a snapshot, and updates in a transaction.
//!
//! - [`answer`] and [`update`] are the way in; [`Options`] carry the limits, the base and the prefixes.
//! - [`complete`]: the evaluator that knows everything, `spareval`.
//! - [`limits`]: what a query may use. [`results`]: what it answers, and how that is written.
//!
//! `SERVICE` and `LOAD` are refused: a query reaches nothing but its store.

pub(crate) mod complete;
pub mod error;
pub mod limits;
pub mod results;
mod text;
pub mod update;

use std::rc::Rc;

use spargebra::Query;
use spargebra::algebra::GraphPattern;

pub use error::QueryError;
use limits::Meter;
pub use limits::{LimitKind, Limits, Stop};
pub use results::{Answer, QueryResultsFormat, Row, Rows, Triples, TriplesFormat};
pub use update::{UpdateReport, update, update_in};

use crate::snapshot::Snapshot;

/// How a query or an update is read and what it may use.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What it may use.
    pub limits: Limits,
    /// The IRI that relative ones are read against.
    pub base: Option<String>,
    /// Prefixes that need no declaration, each with its IRI.
    pub prefixes: Vec<(String, String)>,
    /// Which evaluator answers.
    pub engine: Engine,
}

/// Which evaluator answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Engine {
    /// The fastest that knows all of the query.
    #[default]
    Any,
    /// The complete one, for comparison.
    Complete,
}

/// The answer to a query in SPARQL over what the snapshot sees.
///
/// # Errors
/// Text that is no SPARQL, what a store refuses, limits, and failures of the store. Rows come as they are computed, so
/// that these errors may also stand in their midst.
pub fn answer(snapshot: &Snapshot, text: &str, options: &Options) -> Result<Answer, QueryError> {
    let query = text::query(text, options)?;
    answer_parsed(snapshot, &query, options)
}

/// The answer to a query that is parsed already, by the same rules as [`answer`].
pub fn answer_parsed(snapshot: &Snapshot, query: &Query, options: &Options) -> Result<Answer, QueryError> {
    refuse_services(pattern_of(query))?;
    let meter = Rc::new(Meter::new(options.limits.clone()));
    complete::answer(snapshot, query, &meter)
}

pub(crate) fn pattern_of(query: &Query) -> &GraphPattern {
    match query {
        Query::Select { pattern, .. }
        | Query::Construct { pattern, .. }
        | Query::Describe { pattern, .. }
        | Query::Ask { pattern, .. } => pattern,
    }
}

/// The variables that a pattern hands out in order, if it says so.
pub(crate) fn columns(pattern: &GraphPattern) -> Option<&[oxrdf::Variable]> {
    match pattern {
        GraphPattern::Project { variables, .. } => Some(variables),
        GraphPattern::Slice { inner, .. } | GraphPattern::Distinct { inner } | GraphPattern::Reduced { inner } => {
            columns(inner)
        }
        _ => None,
    }
}

/// Refuses a pattern that has a `SERVICE` anywhere, also inside its expressions.
fn refuse_services(pattern: &GraphPattern) -> Result<(), QueryError> {
    match text::service_in(pattern) {
        Some(target) => Err(QueryError::Refused { what: "SERVICE", target }),
        None => Ok(()),
    }
}
