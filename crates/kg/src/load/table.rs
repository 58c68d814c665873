//! CSV, TSV and JSON lines.
//!
//! Columns `subject,predicate,object` (and perhaps `graph`) hold a fact a row. Any others hold a subject a row: the
//! first column is its id, each other one a predicate, its header `name` or `name:type`. An empty cell is no fact.

use std::collections::HashMap;
use std::fmt;
use std::io::Read;

use oxrdf::{GraphName, NamedOrBlankNode, Quad, Term};
use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::LoadError;
use super::cells::{Column, Fault, Naming};
use super::lines::Pieces;
use super::out::{Halt, Out, Step, Take};
use super::problem::{Problem, Reason};
use super::records::{Broken, Record, Records};

/// The header of a table with one fact a row.
pub(crate) const FACT: [&str; 4] = ["subject", "predicate", "object", "graph"];

enum Header {
    /// One fact a row, with or without its graph.
    Facts,
    /// One subject a row.
    Wide(Vec<Column>),
}

impl Header {
    fn of(fields: &[String], naming: Naming<'_>) -> Result<Self, Fault> {
        if let Some((second, name)) = fields.iter().enumerate().find(|&(i, name)| fields[..i].contains(name)) {
            let first = fields.iter().position(|other| other == name).unwrap_or_default();
            let message = format!("columns {} and {} have the same header {name:?}", first + 1, second + 1);
            return Err((Reason::Row, message));
        }
        let is_fact = fields.len() >= 3 && fields.len() <= 4;
        if is_fact && fields.iter().zip(FACT).all(|(field, name)| field.eq_ignore_ascii_case(name)) {
            return Ok(Self::Facts);
        }
        if fields.len() < 2 {
            return Err((Reason::Row, "the header has one column; a table has an id and at least one more".to_owned()));
        }
        Ok(Self::Wide(fields.iter().skip(1).map(|field| naming.column(field)).collect::<Result<_, _>>()?))
    }

    fn quads(&self, fields: &[String], naming: Naming<'_>) -> Result<Vec<Quad>, Fault> {
        match self {
            Self::Facts => fact(fields.iter().map(String::as_str), naming).map(|quad| vec![quad]),
            Self::Wide(columns) => {
                let (id, cells) = fields.split_first().ok_or_else(|| (Reason::Row, "no id".to_owned()))?;
                let subject = naming.node(id)?;
                let mut quads = Vec::new();
                for (column, cell) in columns.iter().zip(cells) {
                    for term in naming.terms(column, cell)? {
                        quads.push(Quad::new(subject.clone(), column.predicate.clone(), term, GraphName::DefaultGraph));
                    }
                }
                Ok(quads)
            }
        }
    }
}

/// The fact of a row with a column each for subject, predicate, object and perhaps the graph.
fn fact<'f>(mut fields: impl Iterator<Item = &'f str>, naming: Naming<'_>) -> Result<Quad, Fault> {
    let mut next = || fields.next().unwrap_or_default();
    let subject = naming.node(next())?;
    let predicate = naming.iri(next())?;
    let object = naming.object(next())?;
    let graph = match next() {
        "" => GraphName::DefaultGraph,
        name => naming.node(name)?.into(),
    };
    Ok(Quad::new(subject, predicate, object, graph))
}

fn give(quads: &[Quad], out: &mut Out<'_, '_>) -> Step {
    quads.iter().try_for_each(|quad| out.quad(quad.as_ref()))
}

/// Reads a table; rows before `from_line` are passed over, but for the header.
pub(super) fn read(
    reader: impl Read,
    delimiter: u8,
    from_line: u64,
    naming: Naming<'_>,
    out: &mut Out<'_, '_>,
    broken: impl Fn(std::io::Error) -> LoadError,
) -> Step {
    let mut records = Records::new(reader, delimiter);
    let mut record = Record::default();
    let mut header: Option<(Header, usize)> = None;
    while let Some(fields) = records.next(&mut record).map_err(|e| Halt::Error(broken(e)))? {
        let fields = fields.map_err(|e| row_problem(out.document, &record, &e));
        let Some((header, n_columns)) = &header else {
            let fields = fields.map_err(|problem| Halt::Error(LoadError::Invalid(Box::new(problem))))?;
            let made = Header::of(&fields, naming).map_err(|fault| {
                let problem = Problem::in_line(out.document, record.line, &record.raw, fault.0, fault.1);
                Halt::Error(LoadError::Invalid(Box::new(problem)))
            })?;
            // Terms of facts have quotes of their own, which TSV does not double.
            records.with_quotes = delimiter == b',' || !matches!(made, Header::Facts);
            header = Some((made, fields.len()));
            continue;
        };
        if record.line < from_line {
            continue;
        }
        let quads = fields.and_then(|fields| {
            let wrong =
                |(reason, message): Fault| Problem::in_line(out.document, record.line, &record.raw, reason, message);
            if fields.len() != *n_columns {
                return Err(wrong((
                    Reason::Row,
                    format!("the row has {} columns, the header {n_columns}", fields.len()),
                )));
            }
            header.quads(&fields, naming).map_err(wrong)
        });
        match quads {
            Ok(quads) => give(&quads, out)?,
            Err(problem) => out.fault(problem, &record.raw)?,
        }
        out.boundary(records.next_line() - 1)?;
    }
    Ok(())
}

fn row_problem(document: &str, record: &Record, broken: &Broken) -> Problem {
    let reason = match broken {
        Broken::Unclosed { .. } | Broken::BehindQuote { .. } => Reason::Row,
        Broken::Encoding => Reason::Encoding,
        Broken::TooLong => Reason::TooLong,
    };
    let raw = match broken {
        Broken::TooLong => record.raw.get(..1024).unwrap_or_default(),
        _ => &record.raw,
    };
    let place = broken.place();
    let line = place.map_or(record.line, |(line, _)| line);
    let mut problem = Problem::in_line(document, line, raw, reason, broken.to_string());
    if let Some((_, column)) = place {
        problem.column = column;
    }
    problem
}

/// The keys of a JSON object in their order, each with its value as it is written.
struct Keys(Vec<(String, Box<RawValue>)>);

impl<'de> serde::Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Keys;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys: Vec<(String, Box<RawValue>)> = Vec::new();
                while let Some((key, value)) = map.next_entry()? {
                    if keys.iter().any(|(other, _)| *other == key) {
                        return Err(serde::de::Error::custom(format!("the key {key:?} stands twice")));
                    }
                    keys.push((key, value));
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

impl Keys {
    fn get(&self, key: &str) -> Option<&RawValue> {
        self.0.iter().find(|(other, _)| other == key).map(|(_, value)| &**value)
    }
}

fn string(value: &RawValue, what: &str) -> Result<String, Fault> {
    serde_json::from_str(value.get()).map_err(|_| (Reason::Value, format!("{what:?} is no string")))
}

/// Reads a document of one JSON object a line.
pub(super) fn read_json(
    reader: impl Read,
    from_line: u64,
    naming: Naming<'_>,
    out: &mut Out<'_, '_>,
    broken: impl Fn(std::io::Error) -> LoadError,
) -> Step {
    let mut pieces = Pieces::new(reader, super::lines::PIECE_BYTES);
    let mut columns = HashMap::new();
    while let Some(mut piece) = pieces.next().map_err(|e| Halt::Error(broken(e)))? {
        super::lines::pass_over(&mut piece, from_line);
        if piece.is_cut {
            out.fault(super::lines::too_long(out.document, &piece), &[])?;
            continue;
        }
        for (number, line) in (piece.first_line..).zip(piece.bytes.split(|&byte| byte == b'\n')) {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match object(line, &mut columns, naming) {
                Ok(quads) => give(&quads, out)?,
                Err((reason, message)) => {
                    out.fault(Problem::in_line(out.document, number, line, reason, message), line)?;
                }
            }
            out.boundary(number)?;
        }
    }
    Ok(())
}

/// Columns that are kept for the next line.
const COLUMNS_MAX: usize = 4096;

fn object(line: &[u8], columns: &mut HashMap<String, Column>, naming: Naming<'_>) -> Result<Vec<Quad>, Fault> {
    let keys: Keys = serde_json::from_slice(line).map_err(|e| (Reason::Grammar, format!("no JSON object: {e}")))?;
    if FACT.iter().take(3).all(|name| keys.get(name).is_some()) && keys.0.iter().all(|(key, _)| FACT.contains(&&**key))
    {
        let text = |name: &&str| keys.get(name).map_or(Ok(String::new()), |value| string(value, name));
        let fields = FACT.iter().map(text).collect::<Result<Vec<_>, _>>()?;
        return Ok(vec![fact(fields.iter().map(String::as_str), naming)?]);
    }
    let id = ["id", "@id"].into_iter().find_map(|key| Some((key, keys.get(key)?)));
    let (id_key, id) = id.ok_or_else(|| (Reason::Row, "the object has neither \"id\" nor \"@id\"".to_owned()))?;
    let subject = naming.node(&string(id, id_key)?)?;
    let mut quads = Vec::new();
    for (key, value) in keys.0.iter().filter(|(key, _)| key != id_key) {
        if columns.len() >= COLUMNS_MAX {
            columns.clear();
        }
        if !columns.contains_key(key) {
            columns.insert(key.clone(), naming.column(key)?);
        }
        let Some(column) = columns.get(key) else { continue };
        let items: Vec<Box<RawValue>> = if value.get().starts_with('[') {
            serde_json::from_str(value.get()).map_err(|e| (Reason::Grammar, e.to_string()))?
        } else {
            vec![value.clone()]
        };
        for item in &items {
            quads.extend(json_quads(&subject, column, key, item, naming)?);
        }
    }
    Ok(quads)
}

fn json_quads(
    subject: &NamedOrBlankNode,
    column: &Column,
    key: &str,
    value: &RawValue,
    naming: Naming<'_>,
) -> Result<Vec<Quad>, Fault> {
    let text = value.get();
    let terms: Vec<Term> = match text.bytes().next() {
        Some(b'n') => Vec::new(),
        Some(b'"') => naming.terms(column, &string(value, key)?)?,
        Some(b'{') => {
            let keys: Keys = serde_json::from_str(text).map_err(|e| (Reason::Grammar, e.to_string()))?;
            match (keys.0.as_slice(), keys.get("@id")) {
                ([_], Some(id)) => vec![naming.node(&string(id, key)?)?.into()],
                _ => return Err((Reason::Value, format!("{key:?} is an object; only {{\"@id\": …}} is understood"))),
            }
        }
        Some(b'[') => return Err((Reason::Value, format!("{key:?} is a list of lists"))),
        _ => vec![naming.json_term(column, text)?],
    };
    let quad = |term| Quad::new(subject.clone(), column.predicate.clone(), term, GraphName::DefaultGraph);
    Ok(terms.into_iter().map(quad).collect())
}
