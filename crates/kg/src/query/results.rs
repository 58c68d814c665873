//! What a query answers, and how it is written: streaming, row by row.

use std::fmt;
use std::io::Write;
use std::sync::Arc;

use oxrdf::{Term, Triple, Variable};
use oxttl::{NTriplesSerializer, TurtleSerializer};
pub use sparesults::QueryResultsFormat;
use sparesults::QueryResultsSerializer;

use super::error::QueryError;

/// The answer to a query.
#[derive(Debug)]
pub enum Answer {
    /// To SELECT: rows of terms.
    Rows(Rows),
    /// To ASK: whether there is a row.
    Truth(bool),
    /// To CONSTRUCT and DESCRIBE: triples, of which some may come twice.
    Triples(Triples),
}

/// One row: for each variable its term, if it has one.
pub type Row = Vec<Option<Term>>;

/// Rows, computed as they are asked for. After an error there is none.
pub struct Rows {
    variables: Arc<[Variable]>,
    rows: Box<dyn Iterator<Item = Result<Row, QueryError>>>,
}

impl Rows {
    pub(crate) fn new(
        variables: impl Into<Arc<[Variable]>>,
        rows: impl Iterator<Item = Result<Row, QueryError>> + 'static,
    ) -> Self {
        Self { variables: variables.into(), rows: Box::new(rows) }
    }

    /// The variables, in the order of each row's terms.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }
}

impl Iterator for Rows {
    type Item = Result<Row, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next()
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("variables", &self.variables).finish_non_exhaustive()
    }
}

/// Triples, computed as they are asked for. After an error there is none.
pub struct Triples(Box<dyn Iterator<Item = Result<Triple, QueryError>>>);

impl Triples {
    pub(crate) fn new(triples: impl Iterator<Item = Result<Triple, QueryError>> + 'static) -> Self {
        Self(Box::new(triples))
    }
}

impl Iterator for Triples {
    type Item = Result<Triple, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

impl fmt::Debug for Triples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Triples(…)")
    }
}

/// How triples of an answer are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriplesFormat {
    /// One triple a line.
    NTriples,
    /// Turtle, without prefixes.
    Turtle,
}

impl Answer {
    /// The answer is written as it is computed: rows and truths as `rows`, triples as `triples`. Returns how many
    /// rows or triples there were.
    ///
    /// # Errors
    /// Those of the writer, and those of the query, at which what was written ends in the middle.
    pub fn write(
        self,
        writer: &mut dyn Write,
        rows: QueryResultsFormat,
        triples: TriplesFormat,
    ) -> Result<u64, QueryError> {
        match self {
            Self::Truth(truth) => {
                QueryResultsSerializer::from_format(rows).serialize_boolean_to_writer(writer, truth)?;
                Ok(1)
            }
            Self::Rows(found) => write_rows(found, writer, rows),
            Self::Triples(found) => write_triples(found, writer, triples),
        }
    }
}

fn write_rows(rows: Rows, writer: &mut dyn Write, format: QueryResultsFormat) -> Result<u64, QueryError> {
    let variables = rows.variables().to_vec();
    let serializer = QueryResultsSerializer::from_format(format);
    let mut out = serializer.serialize_solutions_to_writer(writer, variables.clone())?;
    let mut n = 0;
    for row in rows {
        let row = row?;
        out.serialize(variables.iter().zip(&row).filter_map(|(variable, term)| Some((variable, term.as_ref()?))))?;
        n += 1;
    }
    out.finish()?;
    Ok(n)
}

fn write_triples(triples: Triples, writer: &mut dyn Write, format: TriplesFormat) -> Result<u64, QueryError> {
    let mut n = 0;
    match format {
        TriplesFormat::NTriples => {
            let mut out = NTriplesSerializer::new().for_writer(writer);
            for triple in triples {
                out.serialize_triple(&triple?)?;
                n += 1;
            }
            out.finish();
        }
        TriplesFormat::Turtle => {
            let mut out = TurtleSerializer::new().for_writer(writer);
            for triple in triples {
                out.serialize_triple(&triple?)?;
                n += 1;
            }
            out.finish()?;
        }
    }
    Ok(n)
}
