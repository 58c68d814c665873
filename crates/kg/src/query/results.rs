//! What a query answers, and how it is written: streaming, row by row.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use oxrdf::{GraphName, Quad, Term, Triple, Variable};
use oxrdfio::{JsonLdProfileSet, RdfFormat, RdfSerializer, WriterQuadSerializer};
pub use sparesults::QueryResultsFormat;
use sparesults::{QueryResultsSerializer, WriterSolutionsSerializer};

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

/// In which forms an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forms {
    /// Rows and truths.
    pub rows: QueryResultsFormat,
    /// Triples, in a format of RDF.
    pub triples: Format,
}

impl Answer {
    /// The answer is written as it is computed. Returns how many rows or triples there were.
    ///
    /// # Errors
    /// Those of the writer, and those of the query, at which what was written ends in the middle.
    pub fn write(self, writer: &mut dyn Write, forms: Forms) -> Result<u64, QueryError> {
        match self {
            Self::Truth(truth) => {
                QueryResultsSerializer::from_format(forms.rows).serialize_boolean_to_writer(writer, truth)?;
                Ok(1)
            }
            Self::Rows(mut rows) => {
                let mut out = RowWriter::new(writer, rows.variables.to_vec(), forms.rows);
                rows.try_for_each(|row| out.put(&row?))?;
                out.finish()
            }
            Self::Triples(triples) => {
                let quads = triples.map(|triple| Ok(triple?.in_graph(GraphName::DefaultGraph)));
                write_quads(quads, writer, forms.triples)
            }
        }
    }
}

/// Rows on their way out; nothing is written before the first, or the end.
pub(crate) struct RowWriter<'w> {
    variables: Vec<Variable>,
    waiting: Option<(&'w mut dyn Write, QueryResultsSerializer)>,
    begun: Option<WriterSolutionsSerializer<&'w mut dyn Write>>,
    n: u64,
}

impl<'w> RowWriter<'w> {
    pub(crate) fn new(writer: &'w mut dyn Write, variables: Vec<Variable>, format: QueryResultsFormat) -> Self {
        let waiting = Some((writer, QueryResultsSerializer::from_format(format)));
        Self { variables, waiting, begun: None, n: 0 }
    }

    fn begin(&mut self) -> io::Result<()> {
        if let Some((writer, serializer)) = self.waiting.take() {
            self.begun = Some(serializer.serialize_solutions_to_writer(writer, self.variables.clone())?);
        }
        Ok(())
    }

    pub(crate) fn put(&mut self, row: &[Option<Term>]) -> Result<(), QueryError> {
        self.begin()?;
        if let Some(out) = &mut self.begun {
            let terms = self.variables.iter().zip(row);
            out.serialize(terms.filter_map(|(variable, term)| Some((variable, term.as_ref()?))))?;
        }
        self.n += 1;
        Ok(())
    }

    /// What stands behind the last row; how many there were.
    pub(crate) fn finish(mut self) -> Result<u64, QueryError> {
        self.begin()?;
        if let Some(out) = self.begun {
            out.finish()?;
        }
        Ok(self.n)
    }
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
    let mut out = QuadWriter::new(writer, format)?;
    for quad in quads {
        out.put(quad?)?;
    }
    out.finish()
}

/// Quads on their way out.
pub(crate) struct QuadWriter<'w> {
    format: Format,
    out: WriterQuadSerializer<&'w mut dyn Write>,
    n: u64,
}

impl<'w> QuadWriter<'w> {
    /// # Errors
    /// A format that is none of RDF.
    pub(crate) fn new(writer: &'w mut dyn Write, format: Format) -> Result<Self, QueryError> {
        let of_rdf = match format {
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
        Ok(Self { format, out: RdfSerializer::from_format(of_rdf).for_writer(writer), n: 0 })
    }

    pub(crate) fn put(&mut self, quad: Quad) -> Result<(), QueryError> {
        if self.format == Format::RdfXml && !has_xml_name(quad.predicate.as_str()) {
            let message = format!("RDF/XML has no name for the predicate {}", quad.predicate);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message).into());
        }
        self.out.serialize_quad(&if self.format == Format::JsonLd { quad } else { writable_quad(quad) })?;
        self.n += 1;
        Ok(())
    }

    /// What stands behind the last quad; how many there were.
    pub(crate) fn finish(self) -> Result<u64, QueryError> {
        self.out.finish()?;
        Ok(self.n)
    }
}

/// Whether the end of an IRI is a name in XML, which RDF/XML needs of predicates: `http://a/1/` has none. (oxrdfxml
/// 0.2.5 writes an element without a local name for it, which is no XML.)
fn has_xml_name(iri: &str) -> bool {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') || !c.is_ascii();
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    iri.rsplit(|c| !is_of_name(c)).next().is_some_and(|end| end.contains(is_start))
}
