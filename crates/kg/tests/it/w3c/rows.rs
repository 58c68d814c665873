//! Results: how they are read, and when two are equal.

use std::collections::{BTreeMap, HashMap, HashSet};

use kg::query::Row;
use oxrdf::vocab::xsd;
use oxrdf::{BlankNode, Graph, Literal, NamedNodeRef, NamedOrBlankNode, NamedOrBlankNodeRef, Term, TermRef};
use sparesults::{QueryResultsFormat, QueryResultsParser, SliceQueryResultsParserOutput};

const RESULT_SET: &str = "http://www.w3.org/2001/sw/DataAccess/tests/result-set#";

pub(crate) enum Expected {
    Truth(bool),
    Rows { variables: Vec<String>, rows: Vec<Row>, in_order: bool },
    Graph(Vec<Row>),
}

/// What a file of results says: XML, JSON, or a graph that describes rows or is the result.
pub(crate) fn expected(iri: &str, text: &str) -> Expected {
    let format = match iri.rsplit_once('.').unwrap().1 {
        "srx" => QueryResultsFormat::Xml,
        "srj" => QueryResultsFormat::Json,
        _ => return expected_graph(iri),
    };
    match QueryResultsParser::from_format(format).for_slice(text).unwrap_or_else(|e| panic!("{iri}: {e}")) {
        SliceQueryResultsParserOutput::Boolean(truth) => Expected::Truth(truth),
        SliceQueryResultsParserOutput::Solutions(solutions) => Expected::Rows {
            variables: solutions.variables().iter().map(|v| v.as_str().to_owned()).collect(),
            rows: solutions.map(|row| row.unwrap().values().to_vec()).collect(),
            in_order: false,
        },
    }
}

fn expected_graph(iri: &str) -> Expected {
    let graph: Graph =
        super::quads(iri, &oxrdf::GraphName::DefaultGraph).into_iter().map(oxrdf::Triple::from).collect();
    let word = |name: &str| format!("{RESULT_SET}{name}");
    let objects = |subject: NamedOrBlankNodeRef<'_>, name: &str| -> Vec<Term> {
        let predicate = word(name);
        let found = graph.objects_for_subject_predicate(subject, NamedNodeRef::new_unchecked(&predicate));
        found.map(TermRef::into_owned).collect()
    };
    let node = |term: &Term| -> NamedOrBlankNode {
        match term {
            Term::NamedNode(node) => node.clone().into(),
            Term::BlankNode(node) => node.clone().into(),
            Term::Literal(literal) => panic!("{iri}: {literal} is no node"),
        }
    };
    let value = |term: &Term| match term {
        Term::Literal(literal) => literal.value().to_owned(),
        term => panic!("{iri}: {term} is no literal"),
    };
    let set = word("ResultSet");
    let set = NamedNodeRef::new_unchecked(&set);
    let Some(set) = graph.subject_for_predicate_object(oxrdf::vocab::rdf::TYPE, set) else {
        let rows = graph.iter().map(|triple| {
            let triple = triple.into_owned();
            vec![Some(triple.subject.into()), Some(triple.predicate.into()), Some(triple.object)]
        });
        return Expected::Graph(rows.collect());
    };
    if let Some(truth) = objects(set, "boolean").first() {
        return Expected::Truth(value(truth) == "true");
    }
    let variables: Vec<String> = objects(set, "resultVariable").iter().map(value).collect();
    let (mut in_order, mut rows) = (true, BTreeMap::new());
    for (n, solution) in objects(set, "solution").iter().enumerate() {
        let solution = node(solution);
        let index = objects(solution.as_ref(), "index").first().map(|index| value(index).parse::<usize>().unwrap());
        in_order &= index.is_some();
        let mut row: Row = vec![None; variables.len()];
        for binding in objects(solution.as_ref(), "binding") {
            let binding = node(&binding);
            let name = value(&objects(binding.as_ref(), "variable")[0]);
            let place = variables.iter().position(|known| *known == name).unwrap();
            row[place] = Some(objects(binding.as_ref(), "value")[0].clone());
        }
        rows.insert((index, n), row);
    }
    in_order &= !rows.is_empty();
    Expected::Rows { variables, rows: rows.into_values().collect(), in_order }
}

/// Each row gets its number as a last term.
pub(crate) fn number(rows: &mut [Row]) {
    for (n, row) in rows.iter_mut().enumerate() {
        row.push(Some(Literal::from(n as u64).into()));
    }
}

/// Numbers that are not in the data are written by their value: a computed one has many spellings.
pub(crate) fn by_value(rows: Vec<Row>, spelled: &HashSet<&Term>) -> Vec<Row> {
    let canonical = |term: Term| match &term {
        Term::Literal(literal) if !spelled.contains(&term) => {
            let kind = literal.datatype();
            let is_number = [xsd::INTEGER, xsd::DECIMAL, xsd::DOUBLE, xsd::FLOAT].contains(&kind);
            match literal.value().parse::<f64>() {
                Ok(value) if is_number => {
                    let value = if kind == xsd::FLOAT { f64::from(value as f32) } else { value };
                    Term::from(Literal::new_typed_literal(format!("{value:.9e}"), kind))
                }
                _ => term,
            }
        }
        _ => term,
    };
    rows.into_iter().map(|row| row.into_iter().map(|term| term.map(canonical)).collect()).collect()
}

/// Whether the rows are equal as multisets, up to the names of blank nodes.
pub(crate) fn compare(expected: &[Row], found: &[Row]) -> Result<(), String> {
    let has_blank = |row: &&Row| row.iter().flatten().any(Term::is_blank_node);
    let count = |rows: &[Row]| {
        let mut counts: HashMap<Row, usize> = HashMap::new();
        rows.iter().filter(|row| !has_blank(row)).for_each(|row| *counts.entry(row.clone()).or_default() += 1);
        counts
    };
    let with_blanks = |rows: &'_ [Row]| rows.iter().filter(has_blank).cloned().collect::<Vec<_>>();
    let (left, right) = (with_blanks(expected), with_blanks(found));
    let mut used = vec![false; right.len()];
    let is_equal = expected.len() == found.len()
        && count(expected) == count(found)
        && left.len() == right.len()
        && matches(&left, &right, &mut used, &mut HashMap::new());
    if is_equal { Ok(()) } else { Err(format!("\n  found    {}\n  expected {}", show(found), show(expected))) }
}

fn show(rows: &[Row]) -> String {
    let term = |term: &Option<Term>| term.as_ref().map_or("-".to_owned(), ToString::to_string);
    let mut rows: Vec<String> = rows.iter().map(|row| row.iter().map(term).collect::<Vec<_>>().join(" ")).collect();
    rows.sort();
    rows.truncate(30);
    rows.join(" | ")
}

fn matches(left: &[Row], right: &[Row], used: &mut [bool], names: &mut HashMap<BlankNode, BlankNode>) -> bool {
    let Some((row, rest)) = left.split_first() else { return true };
    for (place, other) in right.iter().enumerate() {
        if used[place] {
            continue;
        }
        let mut fresh = Vec::new();
        let fits = row.iter().zip(other).all(|pair| match pair {
            (Some(Term::BlankNode(a)), Some(Term::BlankNode(b))) => match names.get(a) {
                Some(known) => known == b,
                None if names.values().any(|taken| taken == b) => false,
                None => {
                    names.insert(a.clone(), b.clone());
                    fresh.push(a.clone());
                    true
                }
            },
            (a, b) => a == b,
        });
        if fits {
            used[place] = true;
            if matches(rest, right, used, names) {
                return true;
            }
            used[place] = false;
        }
        fresh.iter().for_each(|name| _ = names.remove(name));
    }
    false
}
