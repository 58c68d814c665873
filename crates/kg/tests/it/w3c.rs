//! The W3C's cases for SPARQL 1.0 and 1.1, of `testdata/rdf-tests`.

mod manifest;
mod rows;

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use kg::load::Format;
use kg::query::{self, Answer, Engine, Options, Row};
use kg::{Pattern, Store};
use oxrdf::{BlankNode, GraphName, GraphNameRef, NamedOrBlankNode, Quad, Term};
use oxrdfio::{RdfFormat, RdfParser};
use spargebra::SparqlParser;

use manifest::{Case, Kind};
use rows::Expected;

/// Where the cases' IRIs begin, which map one to one to paths.
const HOME: &str = "https://w3c.github.io/rdf-tests/";

/// Cases that neither evaluator passes, each with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("syntax-sparql3/manifest#syn-bad-26", "SPARQL 1.1 made it legal: `||` may stand where 1.0 read an IRI"),
    ("service/manifest#service1", "SERVICE is refused by name"),
    ("service/manifest#service3", "SERVICE is refused by name"),
    ("service/manifest#service4a", "SERVICE is refused by name"),
];

/// How many cases the own evaluator leaves to the complete one.
const UNKNOWN_MAX: usize = 100;

/// What `spareval` 0.2.9, the complete evaluator, answers otherwise, each with what it does.
const OF_THE_COMPLETE: &[(&str, &str)] = &[
    ("expr-builtin/manifest#dawg-str-1", "STR loses the spelling of numbers"),
    ("expr-builtin/manifest#dawg-str-2", "STR loses the spelling of numbers"),
    ("graph/manifest#graph-variable-scope", "a GRAPH variable is bound inside an OPTIONAL in it"),
    ("open-world/manifest#date-2", "dates with and without a time zone are unequal, not an error"),
    ("aggregates/manifest#agg-empty-group-count-graph", "an aggregate inside GRAPH ignores the graph"),
    ("aggregates/manifest#agg-groupconcat-04", "GROUP_CONCAT of plain and tagged strings"),
    ("aggregates/manifest#agg-groupconcat-06", "GROUP_CONCAT of plain and tagged strings"),
    ("bindings/manifest#graph", "VALUES inside GRAPH is not joined with the graph"),
    ("property-path/manifest#zero_or_more_set_start", "a path of no length from a bound end outside the graph"),
    ("property-path/manifest#zero_or_one_set_end", "a path of no length from a bound end outside the graph"),
    ("property-path/manifest#zero_or_one_set_start", "a path of no length from a bound end outside the graph"),
];

fn path(iri: &str) -> PathBuf {
    testkit::data("rdf-tests").join(iri.strip_prefix(HOME).unwrap_or_else(|| panic!("{iri} is none of the cases")))
}

fn text(iri: &str) -> String {
    let path = path(iri);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The quads of a file, with its blank nodes apart from those of other files.
fn quads(iri: &str, graph: &GraphName) -> Vec<Quad> {
    let format = path(iri).extension().and_then(|e| RdfFormat::from_extension(e.to_str()?)).unwrap();
    let parser = RdfParser::from_format(format).with_base_iri(iri).unwrap();
    let scope = iri.bytes().fold(0_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let apart = |node: BlankNode| BlankNode::new(format!("f{scope}{}", node.as_str())).unwrap();
    let source = text(iri);
    let parsed = parser.for_slice(&source).map(|quad| quad.unwrap_or_else(|e| panic!("{iri}: {e}")));
    parsed
        .map(|quad| Quad {
            subject: match quad.subject {
                NamedOrBlankNode::BlankNode(node) => apart(node).into(),
                node @ NamedOrBlankNode::NamedNode(_) => node,
            },
            predicate: quad.predicate,
            object: match quad.object {
                Term::BlankNode(node) => apart(node).into(),
                term => term,
            },
            graph_name: graph.clone(),
        })
        .collect()
}

fn store_of(quads: &[Quad]) -> Store {
    let store = Store::in_memory();
    let mut writer = store.begin().unwrap();
    for quad in quads {
        writer.add(quad.as_ref()).unwrap();
    }
    writer.commit().unwrap();
    store
}

fn data_of(case: &Case) -> Vec<Quad> {
    let default = case.data.iter().flat_map(|iri| quads(iri, &GraphName::DefaultGraph));
    let named = case.named.iter().flat_map(|(iri, name)| quads(iri, &name.clone().into()));
    default.chain(named).collect()
}

fn options(case: &Case, engine: Engine) -> Options {
    Options { base: Some(case.request.clone()), engine, ..Options::default() }
}

/// Runs a case; an error says what differs.
fn run(case: &Case, engine: Engine) -> Result<(), String> {
    let source = || text(&case.request);
    let parser = || SparqlParser::new().with_base_iri(&case.request).unwrap();
    match case.kind {
        Kind::QuerySyntax { is_valid } => syntax(parser().parse_query(&source()), is_valid),
        Kind::UpdateSyntax { is_valid } => syntax(parser().parse_update(&source()), is_valid),
        Kind::Query => run_query(case, engine),
        Kind::Csv => {
            let store = store_of(&data_of(case));
            let snapshot = store.snapshot().unwrap();
            let options = options(case, engine);
            let parsed = query::parse(&source(), &options).map_err(|e| e.to_string())?;
            let mut written = Vec::new();
            let forms = query::Forms { rows: query::QueryResultsFormat::Csv, triples: Format::NTriples };
            query::write(&snapshot, &parsed, &options, &mut written, forms).map_err(|e| e.to_string())?;
            let lines = |text: &str| {
                let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                lines.sort();
                lines
            };
            let (found, expected) = (lines(&String::from_utf8(written).unwrap()), lines(&text(&case.result)));
            if found == expected { Ok(()) } else { Err(format!("found {found:?}, expected {expected:?}")) }
        }
        Kind::Update => {
            let store = store_of(&data_of(case));
            query::update(&store, &source(), &options(case, engine)).map_err(|e| e.to_string())?;
            let snapshot = store.snapshot().unwrap();
            let found = snapshot.matching(Pattern::all()).map(|quad| snapshot.quad(quad.unwrap()).unwrap());
            let after = Case { data: case.data_after.clone(), named: case.named_after.clone(), ..case.clone() };
            let row = |quad: Quad| -> Row {
                let graph = match quad.graph_name {
                    GraphName::DefaultGraph => None,
                    GraphName::NamedNode(node) => Some(node.into()),
                    GraphName::BlankNode(node) => Some(node.into()),
                };
                vec![Some(quad.subject.into()), Some(quad.predicate.into()), Some(quad.object), graph]
            };
            let found: Vec<Row> = found.map(row).collect();
            rows::compare(
                &data_of(&after).into_iter().map(row).collect::<HashSet<_>>().into_iter().collect::<Vec<_>>(),
                &found,
            )
        }
    }
}

fn syntax<T>(parsed: Result<T, impl ToString>, is_valid: bool) -> Result<(), String> {
    match (parsed, is_valid) {
        (Ok(_), true) | (Err(_), false) => Ok(()),
        (Err(error), true) => Err(error.to_string()),
        (Ok(_), false) => Err("accepted".to_owned()),
    }
}

fn run_query(case: &Case, engine: Engine) -> Result<(), String> {
    let source = text(&case.request);
    let mut data = data_of(case);
    let parsed = SparqlParser::new().with_base_iri(&case.request).unwrap().parse_query(&source).unwrap();
    if let Some(dataset) = parsed.dataset() {
        for graph in dataset.default.iter().chain(dataset.named.iter().flatten()) {
            if !data.iter().any(|quad| quad.graph_name.as_ref() == GraphNameRef::from(graph)) {
                data.extend(quads(graph.as_str(), &graph.clone().into()));
            }
        }
    }
    let store = store_of(&data);
    // What is computed has its own spelling, even where the data has the same number by chance.
    let computes =
        ["AVG(", "SUM(", "MIN(", "MAX(", "xsd:double(", "xsd:float("].iter().any(|word| source.contains(word));
    let spelled: HashSet<&Term> = data.iter().map(|quad| &quad.object).filter(|_| !computes).collect();
    let snapshot = store.snapshot().unwrap();
    let answer = query::answer(&snapshot, &source, &options(case, engine)).map_err(|e| e.to_string())?;
    let expected = rows::expected(&case.result, &text(&case.result));
    match (answer, expected) {
        (Answer::Truth(found), Expected::Truth(truth)) if found == truth => Ok(()),
        (Answer::Rows(found), Expected::Rows { variables, rows, in_order }) => {
            let places: Vec<usize> = variables
                .iter()
                .map(|name| found.variables().iter().position(|known| known.as_str() == name))
                .collect::<Option<_>>()
                .ok_or_else(|| format!("variables {:?}, expected {variables:?}", found.variables()))?;
            let found: Vec<Row> = found.collect::<Result<_, _>>().map_err(|e| e.to_string())?;
            let found = found.iter().map(|row| places.iter().map(|&place| row[place].clone()).collect());
            let mut found = rows::by_value(found.collect(), &spelled);
            let mut rows = rows::by_value(rows, &spelled);
            if in_order {
                rows::number(&mut found);
                rows::number(&mut rows);
            }
            if case.is_lax {
                rows = rows.into_iter().collect::<HashSet<_>>().into_iter().collect();
                found = found.into_iter().collect::<HashSet<_>>().into_iter().collect();
            }
            rows::compare(&rows, &found)
        }
        (Answer::Triples(found), Expected::Graph(rows)) => {
            let found = found.map(|triple| {
                let triple = triple.unwrap();
                vec![Some(triple.subject.into()), Some(triple.predicate.into()), Some(triple.object)]
            });
            let found: Vec<Row> = found.collect::<HashSet<Row>>().into_iter().collect();
            rows::compare(&rows, &found)
        }
        (answer, _) => Err(format!("answered {answer:?}")),
    }
}

#[test]
fn the_cases_of_the_w3c_pass_less_a_written_list() {
    let cases = manifest::cases(&testkit::data("rdf-tests").join("sparql"));
    assert_eq!(cases.len(), 648);
    for engine in [Engine::Complete, Engine::Any, Engine::Own] {
        let (mut wrong, mut unknown) = (Vec::new(), 0);
        for case in &cases {
            let of_engine = if engine == Engine::Complete { OF_THE_COMPLETE } else { &[] };
            let excepted = EXCEPTIONS.iter().chain(of_engine).any(|(name, _)| case.name.ends_with(name));
            match (run(case, engine), excepted) {
                (Err(error), _) if error.contains("the own evaluator does not know") => unknown += 1,
                (Err(error), false) => wrong.push(format!("{}: {error}", case.name)),
                (Ok(()), true) => wrong.push(format!("{}: passes, and is an exception", case.name)),
                _ => {}
            }
        }
        let unknown_max = if engine == Engine::Own { UNKNOWN_MAX } else { 0 };
        assert!(unknown <= unknown_max, "{unknown} cases are unknown to the own evaluator");
        assert!(wrong.is_empty(), "{engine:?}: {} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    }
}
