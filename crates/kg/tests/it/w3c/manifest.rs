//! What the manifests say.

use std::fs;
use std::path::Path;

use oxrdf::vocab::{rdf, rdfs};
use oxrdf::{Graph, NamedNode, NamedNodeRef, NamedOrBlankNodeRef, TermRef};
use oxttl::TurtleParser;

const MANIFEST: &str = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#";
const QUERY: &str = "http://www.w3.org/2001/sw/DataAccess/tests/test-query#";
const UPDATE: &str = "http://www.w3.org/2009/sparql/tests/test-update#";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    QuerySyntax { is_valid: bool },
    UpdateSyntax { is_valid: bool },
    Query,
    Csv,
    Update,
}

/// A case: its files' IRIs.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) request: String,
    pub(crate) result: String,
    pub(crate) is_lax: bool,
    pub(crate) data: Vec<String>,
    pub(crate) named: Vec<(String, NamedNode)>,
    pub(crate) data_after: Vec<String>,
    pub(crate) named_after: Vec<(String, NamedNode)>,
}

/// The cases of all manifests below the folder, by name.
pub(crate) fn cases(folder: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    for suite in ["sparql10", "sparql11"] {
        for group in fs::read_dir(folder.join(suite)).unwrap() {
            let path = group.unwrap().path().join("manifest.ttl");
            if path.exists() {
                let text = fs::read(&path).unwrap();
                let graph: Graph = TurtleParser::new().for_slice(&text).map(Result::unwrap).collect();
                let tests = graph.triples_for_predicate(NamedNodeRef::new_unchecked(&format!("{MANIFEST}action")));
                cases.extend(tests.map(|triple| case(&graph, triple.subject)));
            }
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

fn objects<'g>(graph: &'g Graph, subject: NamedOrBlankNodeRef<'g>, home: &str, name: &str) -> Vec<TermRef<'g>> {
    let predicate = NamedNode::new_unchecked(format!("{home}{name}"));
    graph.objects_for_subject_predicate(subject, &predicate).collect()
}

fn iri(term: TermRef<'_>) -> String {
    let TermRef::NamedNode(node) = term else { panic!("{term} is no IRI") };
    node.as_str().to_owned()
}

fn node(term: TermRef<'_>) -> Option<NamedOrBlankNodeRef<'_>> {
    match term {
        TermRef::NamedNode(node) => Some(node.into()),
        TermRef::BlankNode(node) => Some(node.into()),
        TermRef::Literal(_) => None,
    }
}

fn case(graph: &Graph, subject: NamedOrBlankNodeRef<'_>) -> Case {
    let kind = iri(graph.object_for_subject_predicate(subject, rdf::TYPE).unwrap());
    let kind = match kind.strip_prefix(MANIFEST).unwrap() {
        "PositiveSyntaxTest" | "PositiveSyntaxTest11" => Kind::QuerySyntax { is_valid: true },
        "NegativeSyntaxTest" | "NegativeSyntaxTest11" => Kind::QuerySyntax { is_valid: false },
        "PositiveUpdateSyntaxTest11" => Kind::UpdateSyntax { is_valid: true },
        "NegativeUpdateSyntaxTest11" => Kind::UpdateSyntax { is_valid: false },
        "QueryEvaluationTest" => Kind::Query,
        "CSVResultFormatTest" => Kind::Csv,
        "UpdateEvaluationTest" => Kind::Update,
        other => panic!("{subject}: unknown kind {other}"),
    };
    let action = objects(graph, subject, MANIFEST, "action")[0];
    let result = objects(graph, subject, MANIFEST, "result").first().copied();
    let home = if kind == Kind::Update { UPDATE } else { QUERY };
    let word = if kind == Kind::Update { "request" } else { "query" };
    let request = node(action).and_then(|action| objects(graph, action, home, word).first().copied());
    let (data, named) = files(graph, action, home);
    let (data_after, named_after) = result.map(|result| files(graph, result, home)).unwrap_or_default();
    let mut request = iri(request.unwrap_or(action));
    let kind = match kind {
        Kind::QuerySyntax { is_valid } if request.ends_with(".ru") => Kind::UpdateSyntax { is_valid },
        kind => kind,
    };
    if request.starts_with("file:") {
        request = format!("{}{request}", super::HOME);
    }
    Case {
        name: subject.to_string().trim_matches(['<', '>']).to_owned(),
        kind,
        request,
        result: result.filter(TermRef::is_named_node).map(iri).unwrap_or_default(),
        is_lax: !objects(graph, subject, MANIFEST, "resultCardinality").is_empty(),
        data,
        named,
        data_after,
        named_after,
    }
}

/// The files of the default graph, and of the named ones with their names.
fn files(graph: &Graph, of: TermRef<'_>, home: &str) -> (Vec<String>, Vec<(String, NamedNode)>) {
    let Some(of) = node(of) else { return Default::default() };
    let data = objects(graph, of, home, "data").into_iter().map(iri).collect();
    let named = objects(graph, of, home, "graphData").into_iter().map(|named| match named {
        TermRef::NamedNode(file) => (file.as_str().to_owned(), file.into_owned()),
        named => {
            let named = node(named).unwrap();
            let TermRef::Literal(label) = graph.object_for_subject_predicate(named, rdfs::LABEL).unwrap() else {
                panic!("{named}: no label")
            };
            let file = objects(graph, named, home, "graph").first().copied().map(iri);
            let file = file.unwrap_or_else(|| iri(objects(graph, named, home, "data")[0]));
            (file, NamedNode::new(label.value()).unwrap())
        }
    });
    (data, named.collect())
}
