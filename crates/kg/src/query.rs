//! SPARQL 1.1 over a snapshot, and updates in a transaction.
//!
//! - [`parse()`], [`answer`], [`write()`], [`explain`] and [`update()`] are the way in; [`Options`] carry the limits,
//!   the base and the prefixes.
//! - `own`: the evaluator that is fast at what it knows: `plan` orders it by counts, `run` runs it over
//!   `words`.
//! - `complete`: the evaluator that knows everything, `spareval`; it gets what the own one does not know.
//! - [`limits`]: what a query may use. [`results`]: what it answers, and how that is written.
//!
//! Both give the same rows: on random queries (`differential::both_evaluators_agree_on_random_queries`) and on the
//! W3C's cases, where `w3c.rs` also lists what the complete one gets wrong.
//!
//! `SERVICE` and `LOAD` are refused: a query reaches nothing but its store.

pub(crate) mod complete;
pub mod error;
mod expression;
mod facts;
pub mod limits;
pub(crate) mod own;
mod plan;
pub mod results;
mod run;
mod template;
mod text;
pub mod update;
mod value;
mod words;

use std::io::Write;
use std::rc::Rc;

use oxrdf::NamedNode;
pub use spargebra::Query;
use spargebra::algebra::GraphPattern;

pub use error::QueryError;
use limits::Meter;
pub use limits::{LimitKind, Limits, Stop};
pub use results::{Answer, Forms, QueryResultsFormat, Row, Rows, Triples, write_quads};
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
    /// The dataset that is asked, in place of the one that the text names (`FROM`); an update that names one itself
    /// (`USING`, `WITH`) is refused beside it.
    pub dataset: Option<Dataset>,
}

/// The graphs that a query sees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dataset {
    /// The graphs whose union is the default graph.
    pub default: Vec<NamedNode>,
    /// The graphs that `GRAPH` finds.
    pub named: Vec<NamedNode>,
}

/// What a query answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Rows of terms: SELECT.
    Rows,
    /// Yes or no: ASK.
    Truth,
    /// Triples: CONSTRUCT and DESCRIBE.
    Triples,
}

impl Form {
    /// The form of a query's answer.
    pub fn of(query: &Query) -> Self {
        match query {
            Query::Select { .. } => Self::Rows,
            Query::Ask { .. } => Self::Truth,
            Query::Construct { .. } | Query::Describe { .. } => Self::Triples,
        }
    }
}

/// Which evaluator answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Engine {
    /// The fastest that knows all of the query.
    #[default]
    Any,
    /// The complete one, for comparison.
    Complete,
    /// The own one, or an error that says what it does not know.
    Own,
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

/// Reads a query, and puts the dataset of the options in place of its own.
///
/// # Errors
/// Text that is no SPARQL, or too long or nested too deep.
pub fn parse(text: &str, options: &Options) -> Result<Query, QueryError> {
    text::query(text, options)
}

/// The answer to a query that is parsed already, by the same rules as [`answer`].
pub fn answer_parsed(snapshot: &Snapshot, query: &Query, options: &Options) -> Result<Answer, QueryError> {
    refuse_services(pattern_of(query))?;
    let meter = Rc::new(Meter::new(options.limits.clone()));
    match chosen(snapshot, query, options, &meter)? {
        Ok(planned) => planned.answer(query),
        Err(_) => complete::answer(snapshot, query, &meter),
    }
}

/// Answers a parsed query by the rules of [`answer`] and writes the answer while it is computed: the own evaluator
/// holds none of its rows for that. Returns how many rows or triples there were.
///
/// # Errors
/// Those of [`answer`] and of the writer, at which what was written ends in the middle.
pub fn write(
    snapshot: &Snapshot,
    query: &Query,
    options: &Options,
    writer: &mut dyn Write,
    forms: Forms,
) -> Result<u64, QueryError> {
    refuse_services(pattern_of(query))?;
    let meter = Rc::new(Meter::new(options.limits.clone()));
    match chosen(snapshot, query, options, &meter)? {
        Ok(planned) => planned.write(query, writer, forms),
        Err(_) => complete::answer(snapshot, query, &meter)?.write(writer, forms),
    }
}

/// The own evaluator's plan, or why the complete one answers.
fn chosen(
    snapshot: &Snapshot,
    query: &Query,
    options: &Options,
    meter: &Rc<Meter>,
) -> Result<Result<own::Planned, String>, QueryError> {
    if options.engine == Engine::Complete {
        return Ok(Err("it was asked for".to_owned()));
    }
    match own::plan(snapshot, query, meter)? {
        Err(why) if options.engine == Engine::Own => {
            Err(QueryError::Evaluation(format!("the own evaluator does not know {why}")))
        }
        planned => Ok(planned),
    }
}

/// How a query was answered.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The evaluator that answered.
    pub engine: Engine,
    /// Why it was this one, where it was not the own one.
    pub why: Option<String>,
    /// The operators, one a line, each with the rows that were expected and those that came.
    pub operators: Vec<String>,
    /// How many rows the query has.
    pub rows: u64,
}

/// Runs a query and tells how it was answered.
///
/// # Errors
/// Those of [`answer`].
pub fn explain(snapshot: &Snapshot, text: &str, options: &Options) -> Result<Explanation, QueryError> {
    let query = text::query(text, options)?;
    refuse_services(pattern_of(&query))?;
    let meter = Rc::new(Meter::new(options.limits.clone()));
    match chosen(snapshot, &query, options, &meter)? {
        Ok(planned) => {
            let rows = planned.count()?;
            Ok(Explanation { engine: Engine::Own, why: None, operators: planned.lines(), rows })
        }
        Err(why) => {
            let rows = match complete::answer(snapshot, &query, &meter)? {
                Answer::Truth(_) => 1,
                Answer::Rows(rows) => rows.map(|row| row.map(|_| 1)).sum::<Result<u64, _>>()?,
                Answer::Triples(triples) => triples.map(|triple| triple.map(|_| 1)).sum::<Result<u64, _>>()?,
            };
            Ok(Explanation { engine: Engine::Complete, why: Some(why), operators: Vec::new(), rows })
        }
    }
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
