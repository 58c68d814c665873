//! What a query answers, and how it is written: streaming, row by row.

use std::fmt;
use std::io::Write;
use std::sync::Arc;

use oxrdf::{Quad, Term, Triple, Variable};
use oxrdfio::{JsonLdProfileSet, RdfFormat, RdfSerializer};
use oxttl::{NTriplesSerializer, TurtleSerializer};
pub use sparesults::QueryResultsFormat;
use sparesults::QueryResultsSerializer;

use super::error::QueryError;
use crate::export::writable_quad;
use crate::load::Format;

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

/// Quads are written as they come, in any format of RDF: formats that cannot name graphs take those of the default
/// graph only. Returns how many there were.
///
/// # Errors
/// Those of the writer, among them what the format cannot say ([`std::io::ErrorKind::InvalidInput`]), and those of
/// the quads, at which what was written ends in the middle.
pub fn write_quads(
    quads: impl Iterator<Item = Result<Quad, QueryError>>,
    writer: &mut dyn Write,
    format: Format,
) -> Result<u64, QueryError> {
    let format = match format {
        Format::NTriples => RdfFormat::NTriples,
        Format::NQuads => RdfFormat::NQuads,
        Format::Turtle => RdfFormat::Turtle,
        Format::TriG => RdfFormat::TriG,
        Format::RdfXml => RdfFormat::RdfXml,
        Format::JsonLd => RdfFormat::JsonLd { profile: JsonLdProfileSet::empty() },
        Format::Csv | Format::Tsv | Format::JsonLines => {
            return Err(QueryError::Evaluation(format!("{format} is no format of RDF")));
        }
    };
    let (is_json, is_xml) = (matches!(format, RdfFormat::JsonLd { .. }), format == RdfFormat::RdfXml);
    let mut out = RdfSerializer::from_format(format).for_writer(writer);
    let mut n = 0;
    for quad in quads {
        let quad = quad?;
        if is_xml && !has_xml_name(quad.predicate.as_str()) {
            let message = format!("RDF/XML has no name for the predicate {}", quad.predicate);
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, message).into());
        }
        out.serialize_quad(&if is_json { quad } else { writable_quad(quad) })?;
        n += 1;
    }
    out.finish()?;
    Ok(n)
}

/// Whether the end of an IRI is a name in XML, which RDF/XML needs of predicates: `http://a/1/` has none. (oxrdfxml
/// 0.2.5 writes an element without a local name for it, which is no XML.)
fn has_xml_name(iri: &str) -> bool {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') || !c.is_ascii();
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    iri.rsplit(|c| !is_of_name(c)).next().is_some_and(|end| end.contains(is_start))
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
