use oxrdf::dataset::CanonicalizationAlgorithm;
use oxrdf::{BlankNode, Dataset};
use proptest::prelude::*;

use super::*;
use crate::load::{IriRule, LoadOptions, load};
use crate::store::Store;

fn store(quads: &[oxrdf::Quad]) -> Store {
    let store = Store::in_memory();
    let mut writer = store.begin().expect("one writer");
    for quad in quads {
        writer.add(quad.as_ref()).expect("a fact");
    }
    writer.commit().expect("a commit");
    store
}

fn facts(store: &Store) -> Dataset {
    let snapshot = store.snapshot().expect("a snapshot");
    let quad = |quad| snapshot.quad(quad).expect("terms");
    let mut facts: Dataset = snapshot.matching(Pattern::all()).map(|q| quad(q.expect("a quad"))).collect();
    facts.canonicalize(CanonicalizationAlgorithm::Unstable);
    facts
}

fn written(store: &Store, options: ExportOptions<'_>) -> Result<String, ExportError> {
    let mut bytes = Vec::new();
    export(&store.snapshot()?, &mut bytes, options)?;
    Ok(String::from_utf8(bytes).expect("UTF-8"))
}

fn name(format: Format) -> String {
    format!("a.{}", format.extensions()[0])
}

/// Writes and reads the facts in every format that can say them.
fn check(quads: &[oxrdf::Quad]) {
    let before = store(quads);
    let expected = facts(&before);
    let has_graphs = quads.iter().any(|quad| !quad.graph_name.is_default_graph());
    for format in Format::all() {
        let text = match written(&before, ExportOptions::new(format)) {
            Err(ExportError::Unwritten(Format::RdfXml)) => continue,
            Err(ExportError::Graphs { .. }) if has_graphs && !format.has_graphs() => continue,
            text => text.unwrap_or_else(|e| panic!("{format}: {e}")),
        };
        let after = Store::in_memory();
        let options = LoadOptions { iri: IriRule::Keep, ..LoadOptions::default() };
        load(&after, &name(format), &mut text.as_bytes(), options).unwrap_or_else(|e| panic!("{format}: {e}\n{text}"));
        assert!(facts(&after) == expected, "{format}: {quads:?}\n{text}");
        let again = written(&before, ExportOptions::new(format)).expect("the same facts");
        assert_eq!(again, text, "{format} is written in the same order");
    }
}

fn iri() -> impl Strategy<Value = NamedNode> {
    let known = prop_oneof![
        Just("http://www.w3.org/1999/02/22-rdf-syntax-ns#type".to_owned()),
        Just("http://www.w3.org/1999/02/22-rdf-syntax-ns#first".to_owned()),
        Just("http://xmlns.com/foaf/0.1/".to_owned()),
        "http://xmlns\\.com/foaf/0\\.1/[a-z.é/%#'(:~-]{0,4}",
        "http://a/[a-z]{1,2}",
        "urn:[a-z]:[a-z]{0,3}",
        "http://a/[ {}|\\\\^`\"]{1,2}",
    ];
    known.prop_map(NamedNode::new_unchecked)
}

fn literal() -> impl Strategy<Value = Literal> {
    let text = prop_oneof![
        "[ -~]{0,6}",
        "[\u{0}-\u{20}\"\\\\'\u{7f}\u{85}é\u{1F600}\u{FEFF}]{0,4}",
        "[+-]?[0-9.eE]{1,5}",
        "(true|false|TRUE|INF|01|_:a|<a>|http://a/b|foaf:a)",
    ];
    let tag = prop_oneof![Just("en"), Just("EN"), Just("de-CH-1996"), Just("en-GB-x-Priv")];
    let datatype = prop_oneof![
        prop_oneof![Just("integer"), Just("decimal"), Just("double"), Just("boolean"), Just("string"), Just("date")]
            .prop_map(|name| NamedNode::new_unchecked(format!("http://www.w3.org/2001/XMLSchema#{name}"))),
        iri(),
    ];
    (text, tag, datatype, 0..3).prop_map(|(text, tag, datatype, kind)| match kind {
        0 => Literal::new_simple_literal(text),
        1 => Literal::new_language_tagged_literal_unchecked(text, tag),
        _ => Literal::new_typed_literal(text, datatype),
    })
}

fn blank() -> impl Strategy<Value = BlankNode> {
    "[a-c]".prop_map(BlankNode::new_unchecked)
}

fn quad(with_graphs: bool) -> impl Strategy<Value = oxrdf::Quad> {
    let node =
        || prop_oneof![3 => iri().prop_map(NamedOrBlankNode::from), 1 => blank().prop_map(NamedOrBlankNode::from)];
    let object = prop_oneof![iri().prop_map(Term::from), blank().prop_map(Term::from), literal().prop_map(Term::from)];
    let graph = prop_oneof![Just(GraphName::DefaultGraph), node().prop_map(GraphName::from)];
    (node(), iri(), object, graph).prop_map(move |(subject, predicate, object, graph)| {
        let graph = if with_graphs { graph } else { GraphName::DefaultGraph };
        oxrdf::Quad::new(subject, predicate, object, graph)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn export_and_load_are_the_identity(
        triples in prop::collection::vec(quad(false), 0..6), quads in prop::collection::vec(quad(true), 0..6),
    ) {
        check(&triples);
        check(&quads);
    }
}

fn example() -> Store {
    let text = "@prefix foaf: <http://xmlns.com/foaf/0.1/> . @prefix : <http://a/> .
        :ann foaf:name 'Ann'@en ; foaf:age 041 ; foaf:knows :bob . :g { :bob foaf:name 'Bob' . }";
    let store = Store::in_memory();
    load(&store, "a.trig", &mut text.as_bytes(), LoadOptions::default()).expect("a document");
    store
}

#[test]
fn turtle_is_sorted_and_uses_the_prefixes_that_shorten_something() -> Result<(), ExportError> {
    let graph = Some(GraphName::DefaultGraph);
    let text = written(&example(), ExportOptions { graph, ..ExportOptions::new(Format::Turtle) })?;
    let expected = "@prefix foaf: <http://xmlns.com/foaf/0.1/> .
<http://a/ann> foaf:age 041 ;
\tfoaf:knows <http://a/bob> ;
\tfoaf:name \"Ann\"@en .
";
    // The datatype of 041 has a prefix, too, which the text does not need.
    let text = text.replace("@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .\n", "");
    assert_eq!(text, expected);
    Ok(())
}

#[test]
fn one_graph_is_written_as_the_default_one_and_none_is_lost_silently() -> Result<(), ExportError> {
    let graph = |iri: &str| Some(GraphName::from(NamedNode::new_unchecked(iri)));
    let one = |iri| ExportOptions { graph: graph(iri), ..ExportOptions::new(Format::NTriples) };
    let text = written(&example(), one("http://a/g"))?;
    assert_eq!(text, "<http://a/bob> <http://xmlns.com/foaf/0.1/name> \"Bob\" .\n");
    let lost = written(&example(), ExportOptions::new(Format::Turtle)).expect_err("a graph").to_string();
    assert!(lost.contains("<http://a/g> is one"), "{lost}");
    assert!(matches!(written(&example(), one("http://a/none")), Err(ExportError::NoGraph(_))));
    let csv = written(&example(), ExportOptions::new(Format::Csv))?;
    assert!(
        csv.starts_with("subject,predicate,object,graph\n") && csv.ends_with(",\"\"\"Bob\"\"\",<http://a/g>\n"),
        "{csv}"
    );
    Ok(())
}

#[test]
fn a_full_writer_and_a_flag_end_the_export() -> Result<(), ExportError> {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            if self.0 < 10 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }
    }
    let snapshot = example().snapshot()?;
    for format in Format::all().filter(|format| format.has_graphs()) {
        let n_bytes = written(&example(), ExportOptions::new(format))?.len();
        for room in [0, n_bytes / 2, n_bytes - 1, n_bytes] {
            let failed = export(&snapshot, &mut Full(room), ExportOptions::new(format));
            assert!(matches!(failed, Err(ExportError::Write { .. })), "{format} into {room} of {n_bytes}");
        }
        export(&snapshot, &mut Full(n_bytes + 10), ExportOptions::new(format))?;
    }
    let cancel = AtomicBool::new(true);
    let options = ExportOptions { cancel: Some(&cancel), ..ExportOptions::new(Format::NQuads) };
    assert!(matches!(export(&snapshot, &mut io::sink(), options), Err(ExportError::Cancelled { quads: 0 })));
    Ok(())
}

#[test]
fn an_iri_that_is_not_valid_is_written_with_escapes() {
    let node = |iri: &str| NamedNode::new_unchecked(iri);
    let quad = oxrdf::Quad::new(node("http://a/s"), node("http://a/p"), node("http://a/ b"), GraphName::DefaultGraph);
    let text = written(&store(&[quad]), ExportOptions::new(Format::NTriples)).expect("a line");
    assert_eq!(text, "<http://a/s> <http://a/p> <http://a/\\u0020b> .\n");
}
