use std::cell::Cell;
use std::collections::BTreeSet;

use oxrdf::NamedNode;

use super::*;
use crate::quad::Pattern;
use crate::store::Options;

/// The facts of a store, as text.
fn facts(store: &Store) -> BTreeSet<String> {
    let snapshot = store.snapshot().expect("a snapshot");
    let text = |quad| snapshot.quad(quad).expect("a quad").to_string();
    snapshot.matching(Pattern::all()).map(|quad| text(quad.expect("a quad"))).collect()
}

fn load_text(store: &Store, name: &str, text: &str, options: LoadOptions<'_>) -> Result<LoadReport, LoadError> {
    load(store, name, &mut text.as_bytes(), options)
}

fn refused(name: &str, text: &str, options: LoadOptions<'_>) -> String {
    let store = Store::in_memory();
    let error = load_text(&store, name, text, options).expect_err("a refused document").to_string();
    assert!(facts(&store).is_empty(), "{error}");
    error
}

fn problem(name: &str, text: &str) -> Problem {
    let store = Store::in_memory();
    match load_text(&store, name, text, LoadOptions::default()) {
        Err(LoadError::Invalid(problem)) => *problem,
        other => panic!("{name}: {other:?}"),
    }
}

const LINES: &str = "<http://a/s> <http://a/p> \"x\"@en-GB .
<http://a/s> <http://a/p> \"01\"^^<http://www.w3.org/2001/XMLSchema#integer> .
<http://a/s> <bad iri> \"x\" .
<http://a/s> <http://a/p> \"no dot\"
<http://a/s> <http://a/p> \"\\uD800\" .
<http://a/s> <http://a/p> _:b .
";

#[test]
fn spelling_is_kept_in_every_format() -> Result<(), LoadError> {
    const INTEGER: &str = "http://www.w3.org/2001/XMLSchema#integer";
    let expected = [
        format!("<http://a/s> <http://a/p> \"01\"^^<{INTEGER}>"),
        "<http://a/s> <http://a/p> \"x\"@en-GB-oxendict".to_owned(),
        "<http://a/s> <http://a/p> \"x\\n\\\"\"@EN".to_owned(),
    ];
    let lines = expected.join(" .\n") + " .\n";
    let turtle = "@prefix : <http://a/> . :s :p 01 , 'x'@en-GB-oxendict ; :p \"\"\"x\n\"\"\"\"@EN ."
        .replace("\n\"\"\"\"", "\n\\\"\"\"\"");
    for (name, text) in [("a.nt", &lines), ("a.nq", &lines), ("a.ttl", &turtle), ("a.trig", &turtle)] {
        let store = Store::in_memory();
        load_text(&store, name, text, LoadOptions::default())?;
        assert_eq!(facts(&store), expected.clone().into(), "{name}");
    }
    Ok(())
}

#[test]
fn rdf_xml_is_read_with_its_language_tags_in_lower_case() -> Result<(), LoadError> {
    // oxrdfxml 0.2.5 lowers xml:lang (its parser.rs); the other formats keep the case.
    let text = r#"<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:a="http://a/">
        <rdf:Description rdf:about="http://a/s"><a:p xml:lang="en-GB">x</a:p></rdf:Description></rdf:RDF>"#;
    let store = Store::in_memory();
    load_text(&store, "a.rdf", text, LoadOptions::default())?;
    assert_eq!(facts(&store), ["<http://a/s> <http://a/p> \"x\"@en-gb".to_owned()].into());
    Ok(())
}

#[test]
fn json_ld_keeps_language_tags_and_loses_no_fact_silently() -> Result<(), LoadError> {
    // oxjsonld 0.2.7 leaves out facts with an invalid IRI or language tag unless it is lenient (its to_rdf.rs).
    let text = |id: &str, tag: &str| format!(r#"{{"@id":"{id}","http://a/p":{{"@value":"x","@language":"{tag}"}}}}"#);
    let store = Store::in_memory();
    load_text(&store, "a.jsonld", &text("http://a/s", "en-GB"), LoadOptions::default())?;
    assert_eq!(facts(&store), ["<http://a/s> <http://a/p> \"x\"@en-GB".to_owned()].into());
    assert!(
        refused("a.jsonld", &text("http://a/ s", "en"), LoadOptions::default()).contains("\"http://a/ s\" is no IRI")
    );
    assert!(refused("a.jsonld", &text("relative", "en"), LoadOptions::default()).contains("\"relative\" is no IRI"));
    assert!(refused("a.jsonld", &text("http://a/s", "en_GB"), LoadOptions::default()).contains("is no language tag"));
    Ok(())
}

#[test]
fn a_fault_stops_the_load_with_line_column_and_term() {
    let problem = problem("a.nt", LINES);
    assert_eq!((problem.line, problem.column, problem.reason), (3, 14, Reason::Iri), "{problem}");
    assert_eq!(problem.excerpt, "<bad iri>");
    assert!(refused("a.nt", LINES, LoadOptions::default()).starts_with("a.nt, line 3, column 14: invalid IRI: "));
}

#[test]
fn faults_are_skipped_or_quarantined_with_their_reasons() -> Result<(), LoadError> {
    let store = Store::in_memory();
    let report = load_text(&store, "a.nt", LINES, LoadOptions { bad: Bad::Skip, ..LoadOptions::default() })?;
    let reasons: Vec<_> = report.read.rejected.counts().collect();
    assert_eq!(reasons, [(Reason::Iri, 1), (Reason::Escape, 1), (Reason::Grammar, 1)]);
    assert_eq!((report.added, report.read.quads, report.read.with_blanks), (3, 3, 1));
    assert!(report.doubles_blanks);
    let mut rejected = Vec::new();
    let options = LoadOptions { bad: Bad::Quarantine(&mut rejected), ..LoadOptions::default() };
    let again = load_text(&store, "a.nt", LINES, options)?;
    assert_eq!((again.added, again.already), (1, 2), "the blank node is another one");
    let rejected = String::from_utf8_lossy(&rejected).into_owned();
    let kept: Vec<&str> = rejected.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(kept, LINES.lines().skip(2).take(3).collect::<Vec<_>>());
    assert!(rejected.starts_with("# line 3, column 14: invalid IRI: "), "{rejected}");
    Ok(())
}

#[test]
fn iri_keep_accepts_what_has_a_scheme_and_nothing_that_breaks_a_line() -> Result<(), LoadError> {
    let kept = ["http://a/#b#c", "http://a/[1]", "http://a/34.7%", "http://a/ b", "urn:x|y"];
    for name in ["a.nt", "a.nq", "a.ttl", "a.trig"] {
        let keep = || LoadOptions { iri: IriRule::Keep, ..LoadOptions::default() };
        for iri in kept {
            let text = format!("<http://a/s> <http://a/p> <{iri}> .\n");
            let store = Store::in_memory();
            load_text(&store, name, &text, keep())?;
            assert_eq!(facts(&store), [format!("<http://a/s> <http://a/p> <{iri}>")].into(), "{name}");
            let message = refused(name, &text, LoadOptions::default());
            assert!(message.contains("line 1, column 27: invalid IRI") && message.contains("iri keep"), "{message}");
        }
        for bad in ["<no-scheme>", "<http://a/\\u000A>", "<http://a/\\u003E>", "\"\\uD800\"", "\"a\"@toolonglanguage"] {
            refused(name, &format!("<http://a/s> <http://a/p> {bad} .\n"), keep());
        }
    }
    Ok(())
}

#[test]
fn an_error_in_the_middle_of_turtle_loads_nothing_and_names_the_nearest_prefixes() {
    let text =
        "@prefix foaf: <http://xmlns.com/foaf/0.1/> .\n<http://a/s> foaf:name 'x' .\n<http://a/s> faof:name 'y' .\n";
    let message = refused("a.ttl", text, LoadOptions { bad: Bad::Skip, ..LoadOptions::default() });
    assert!(message.starts_with("a.ttl, line 3, column 14: undeclared prefix: "), "{message}");
    assert!(message.contains("known prefixes: foaf: <http://xmlns.com/foaf/0.1/>"), "{message}");
    let relative = refused("a.ttl", "<s> <http://a/p> 1 .", LoadOptions::default());
    assert!(relative.contains("a relative IRI needs a base"), "{relative}");
}

#[test]
fn prefixes_are_learnt_by_the_store_and_conflicts_told() -> Result<(), LoadError> {
    let store = Store::in_memory();
    let learnt = |text: &str| -> Result<Vec<(String, Learnt)>, LoadError> {
        let report = load_text(&store, "a.ttl", text, LoadOptions::default())?;
        Ok(report.read.prefixes.into_iter().map(|(name, _, learnt)| (name, learnt)).collect())
    };
    let named = |name: &str, learnt| (name.to_owned(), learnt);
    let first = learnt("@prefix ex: <http://ex/> . @prefix owl: <http://www.w3.org/2002/07/owl#> .")?;
    assert_eq!(first, [named("ex", Learnt::New), named("owl", Learnt::Known)]);
    let second = learnt("@prefix ex: <http://other/> . @prefix schema: <http://schema.org/> .")?;
    let conflict = Learnt::Conflict { kept: "http://ex/".to_owned() };
    assert_eq!(second, [named("ex", conflict), named("schema", Learnt::New)]);
    let kept = Prefixes::of(&store.snapshot()?)?;
    assert_eq!((kept.iri("ex"), kept.iri("schema")), (Some("http://ex/"), Some("http://schema.org/")));
    load_text(&store, "a.csv", "id,ex:p:ref\nex:s,foaf:o\n", LoadOptions::default())?;
    assert_eq!(facts(&store), ["<http://ex/s> <http://ex/p> <http://xmlns.com/foaf/0.1/o>".to_owned()].into());
    Ok(())
}

#[test]
fn facts_of_a_load_have_the_source_that_it_names() -> Result<(), LoadError> {
    let store = Store::in_memory();
    let source = Source::document("a.nt of today");
    let line = |o: &str| format!("<http://a/s> <http://a/p> <http://a/{o}> .\n");
    load_text(&store, "a.nt", &line("1"), LoadOptions::default())?;
    let options = LoadOptions { source: Some(source.clone()), commit_every: Some(1), ..LoadOptions::default() };
    let report = load_text(&store, "a.nt", &(line("1") + &line("2") + &line("3")), options)?;
    assert_eq!((report.added, report.already), (2, 1));
    let snapshot = store.snapshot()?;
    let ids = Source::all(&snapshot)?;
    assert_eq!(ids.len(), 1);
    for quad in snapshot.matching(Pattern::all()) {
        assert_eq!(Source::of_fact(&snapshot, &quad?)?, [(ids[0].0, source.clone())]);
    }
    Ok(())
}

#[test]
fn blank_nodes_are_doubled_by_a_second_load_unless_they_are_stable() -> Result<(), LoadError> {
    let lines = "_:a <http://a/p> _:b .\n_:b <http://a/p> _:a .\n";
    let turtle = "@prefix : <http://a/> . [] :p [ :p ( 1 2 ) ] . _:a :p _:a .";
    for (name, text) in [("a.nt", lines), ("a.ttl", turtle)] {
        let store = Store::in_memory();
        let first = load_text(&store, name, text, LoadOptions::default())?;
        let second = load_text(&store, name, text, LoadOptions::default())?;
        assert_eq!((second.added, second.already, second.doubles_blanks), (first.added, 0, true), "{name}");
        let store = Store::in_memory();
        let content = digest(&mut text.as_bytes(), 200).expect("a digest");
        let stable = || LoadOptions { blanks: Blanks::Stable(content), ..LoadOptions::default() };
        load_text(&store, name, text, stable())?;
        let again = load_text(&store, name, text, stable())?;
        assert_eq!((again.added, again.already), (0, first.added), "{name}");
        let changed = load_text(&store, name, &format!("{text} "), stable());
        assert!(matches!(changed, Err(LoadError::Changed { .. })), "{name}");
        assert_eq!(facts(&store).len() as u64, first.added);
    }
    Ok(())
}

#[test]
fn a_graph_is_replaced_in_one_commit() -> Result<(), LoadError> {
    let store = Store::in_memory();
    let graph = GraphName::from(NamedNode::new_unchecked("http://a/g"));
    let line = |o: &str| format!("<http://a/s> <http://a/p> <http://a/{o}> .\n");
    let into = |replace| LoadOptions { graph: graph.clone(), replace, ..LoadOptions::default() };
    load_text(&store, "a.nt", &line("other"), LoadOptions::default())?;
    load_text(&store, "a.nt", &(line("1") + &line("2")), into(true))?;
    let seq = store.snapshot()?.seq();
    let report = load_text(&store, "a.nt", &(line("2") + &line("3")), into(true))?;
    assert_eq!((report.removed, report.added, report.seq), (2, 2, Seq(seq.0 + 1)));
    let in_graph = |o| format!("<http://a/s> <http://a/p> <http://a/{o}> <http://a/g>");
    let expected: BTreeSet<String> =
        [line("other").trim_end_matches(" .\n").to_owned(), in_graph("2"), in_graph("3")].into();
    assert_eq!(facts(&store), expected);
    let broken = load_text(&store, "a.nt", &(line("4") + "x"), into(true));
    assert!(matches!(broken, Err(LoadError::Invalid(_))));
    assert_eq!(facts(&store), expected);
    let both = LoadOptions { commit_every: Some(1), ..into(true) };
    assert!(matches!(load_text(&store, "a.nt", "", both), Err(LoadError::Options(_))));
    Ok(())
}

#[test]
fn a_load_in_commits_says_where_it_ended_and_goes_on_there() -> Result<(), LoadError> {
    let store = Store::in_memory();
    let mut lines: Vec<String> = (0..10).map(|i| format!("_:a <http://a/p> \"{i}\" .")).collect();
    let whole = lines.join("\n");
    lines[7] = "broken".to_owned();
    let every = |from_line, blanks| LoadOptions { commit_every: Some(3), from_line, blanks, ..LoadOptions::default() };
    let error = load_text(&store, "a.nt", &lines.join("\n"), every(1, Blanks::Fresh)).expect_err("a broken line");
    assert!(error.to_string().contains("6 facts up to line 6 are committed"), "{error}");
    let LoadError::Partly { quads: 6, line: 6, scope, .. } = error else { panic!("{error}") };
    assert_eq!(facts(&store).len(), 6);
    let report = load_text(&store, "a.nt", &whole, every(7, Blanks::Within(scope)))?;
    assert_eq!((report.added, facts(&store).len()), (4, 10));
    let subjects: BTreeSet<String> =
        facts(&store).iter().filter_map(|f| f.split(' ').next().map(str::to_owned)).collect();
    assert_eq!(subjects.len(), 1, "{subjects:?}");
    Ok(())
}

#[test]
fn the_network_is_not_read_and_contexts_that_are_given_are() -> Result<(), LoadError> {
    let text = r#"{"@context":"https://schema.org/","@id":"http://a/s","name":"x"}"#;
    let message = refused("a.jsonld", text, LoadOptions::default());
    assert!(message.contains("<https://schema.org/> is not given") && message.contains("as a file"), "{message}");
    let json = br#"{"@context":{"name":"http://a/name"}}"#.to_vec();
    let context = Context { iri: "https://schema.org/".to_owned(), json };
    let store = Store::in_memory();
    load_text(&store, "a.jsonld", text, LoadOptions { contexts: vec![context], ..LoadOptions::default() })?;
    assert_eq!(facts(&store), ["<http://a/s> <http://a/name> \"x\"".to_owned()].into());
    Ok(())
}

#[test]
fn xml_entities_are_not_fetched_and_do_not_explode() {
    let bomb = r#"<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
        <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"> <!ENTITY x SYSTEM "file:///etc/passwd">]>
        <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:a="http://a/">
        <rdf:Description rdf:about="http://a/s"><a:p>&c;</a:p><a:p>&x;</a:p></rdf:Description></rdf:RDF>"#;
    refused("a.rdf", bomb, LoadOptions::default());
}

#[test]
fn wrong_encodings_and_unknown_formats_are_named() {
    let store = Store::in_memory();
    let load = |name: &str, bytes: &[u8]| {
        load(&store, name, &mut &*bytes, LoadOptions::default()).expect_err("a refused document").to_string()
    };
    let latin = load("a.nt", b"<http://a/s> <http://a/p> \"caf\xe9\" .\n");
    assert!(latin.contains("line 1, column 31: invalid UTF-8"), "{latin}");
    assert!(load("a.nt", b"<http://a/s> <http://a/p> <http://a/\0> .\n").contains("invalid IRI"));
    assert!(load("a.nt", b"\xff\xfe<\0h\0").contains("UTF-16"));
    assert!(load("a.bin", b"hello").contains("N-Triples (.nt), "));
    assert!(load("a.nt.gz", b"\x1f\x8b\x08\x00").contains("a.nt.gz"));
}

#[test]
fn a_flag_ends_the_load_and_progress_is_told() -> Result<(), LoadError> {
    let cancel = AtomicBool::new(true);
    let store = Store::in_memory();
    let options = LoadOptions { cancel: Some(&cancel), ..LoadOptions::default() };
    assert!(matches!(load_text(&store, "a.nt", LINES, options), Err(LoadError::Cancelled { .. })));
    let text: String = (0..5000).map(|i| format!("<http://a/s> <http://a/p> \"{i}\" .\n")).collect();
    let mut seen = Vec::new();
    let mut tell = |progress| seen.push(progress);
    load_text(&store, "a.nt", &text, LoadOptions { progress: Some(&mut tell), ..LoadOptions::default() })?;
    assert_eq!(seen.last(), Some(&Progress { bytes: text.len() as u64, quads: 5000 }));
    assert!(seen.len() >= 2);
    Ok(())
}

#[test]
fn a_flag_ends_the_removal_of_the_graph_that_is_replaced() -> Result<(), LoadError> {
    const N: usize = 3000;
    let store = Store::in_memory_with(Options { changes_max: N as u64 / 2, ..Options::default() })?;
    let text: String = (0..N).map(|i| format!("<http://a/s> <http://a/p> \"{i}\" .\n")).collect();
    load_text(&store, "a.nt", &text, LoadOptions::default())?;
    let replace = |cancel| LoadOptions { replace: true, cancel, ..LoadOptions::default() };
    let full = load_text(&store, "a.nt", LINES, replace(None));
    assert!(matches!(full, Err(LoadError::Store(Error::TransactionFull { .. }))), "{full:?}");
    let cancelled = load_text(&store, "a.nt", LINES, replace(Some(&AtomicBool::new(true))));
    assert!(matches!(cancelled, Err(LoadError::Cancelled { .. })), "{cancelled:?}");
    // It is looked at again and again.
    let looks = Cell::new(0);
    let second = || {
        looks.set(looks.get() + 1);
        if looks.get() < 2 { Ok(()) } else { Err(LoadError::Cancelled { document: "a.nt".to_owned() }) }
    };
    let begun = Changing::begin(&store, Some(&GraphName::DefaultGraph), None, &second).map(|_| ());
    assert!(matches!(begun, Err(LoadError::Cancelled { .. })), "{begun:?}");
    assert_eq!((looks.get(), store.snapshot()?.len()), (2, N as u64));
    Ok(())
}

#[test]
fn a_preview_stops_at_the_facts_it_wants() -> Result<(), LoadError> {
    let first = preview("a.nt", &mut LINES.as_bytes(), LoadOptions::default(), 2)?;
    assert_eq!(first.len(), 2);
    assert_eq!(first[1].object.to_string(), "\"01\"^^<http://www.w3.org/2001/XMLSchema#integer>");
    Ok(())
}

#[test]
fn a_wide_table_gives_a_fact_for_each_cell_that_is_not_empty() -> Result<(), LoadError> {
    let rows = [
        "id,name:lang=en-GB,age:int,tags:string[;],knows:ref[;],foaf:homepage:iri,note",
        "ann,Ann,041,a; b,bob;_:x,http://a/ann,\"two\nlines\"",
        "bob,,,,,,",
        "http://a/c,C,7,,ann,<mailto:c@d.e>,\"say \"\"hi\"\"\"",
    ];
    let expected: BTreeSet<String> = [
        "<urn:kg:ann> <urn:kg:name> \"Ann\"@en-GB",
        "<urn:kg:ann> <urn:kg:age> \"041\"^^<http://www.w3.org/2001/XMLSchema#integer>",
        "<urn:kg:ann> <urn:kg:tags> \"a\"",
        "<urn:kg:ann> <urn:kg:tags> \"b\"",
        "<urn:kg:ann> <urn:kg:knows> <urn:kg:bob>",
        "<urn:kg:ann> <http://xmlns.com/foaf/0.1/homepage> <http://a/ann>",
        "<urn:kg:ann> <urn:kg:note> \"two\\nlines\"",
        "<http://a/c> <urn:kg:name> \"C\"@en-GB",
        "<http://a/c> <urn:kg:age> \"7\"^^<http://www.w3.org/2001/XMLSchema#integer>",
        "<http://a/c> <urn:kg:knows> <urn:kg:ann>",
        "<http://a/c> <http://xmlns.com/foaf/0.1/homepage> <mailto:c@d.e>",
        "<http://a/c> <urn:kg:note> \"say \\\"hi\\\"\"",
    ]
    .map(str::to_owned)
    .into();
    let csv = format!("\u{feff}{}\r\n", rows.join("\r\n"));
    let tsv = rows.join("\n").replace(',', "\t");
    for (name, text) in [("a.csv", csv), ("a.tsv", tsv)] {
        let store = Store::in_memory();
        load_text(&store, name, &text, LoadOptions::default())?;
        let mut found = facts(&store);
        let blank: Vec<String> = found.iter().filter(|fact| fact.contains("_:")).cloned().collect();
        assert_eq!(blank.len(), 1, "{name}");
        found.remove(&blank[0]);
        assert_eq!(found, expected, "{name}");
    }
    Ok(())
}

#[test]
fn a_table_of_facts_holds_terms_as_in_n_triples() -> Result<(), LoadError> {
    let rows = [
        ["Subject", "predicate", "object", "graph"],
        ["<http://a/s>", "foaf:name", "\"x,\\ty\"@en-GB", ""],
        ["ann", "likes", "plain text", "g"],
        ["ann", "likes", "rdf:type", "_:g"],
    ];
    let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let csv: String = rows.iter().map(|row| row.map(quoted).join(",") + "\n").collect();
    let tsv: String = rows.iter().map(|row| row.join("\t") + "\n").collect();
    let json: String = rows[1..]
        .iter()
        .map(|row| {
            format!(
                "{{\"subject\":{:?},\"predicate\":{:?},\"object\":{:?},\"graph\":{:?}}}\n",
                row[0], row[1], row[2], row[3]
            )
        })
        .collect();
    for (name, text) in [("a.csv", csv), ("a.tsv", tsv), ("a.jsonl", json)] {
        let store = Store::in_memory();
        load_text(&store, name, &text, LoadOptions::default())?;
        let found = facts(&store);
        assert_eq!(found.len(), 3, "{name}");
        assert!(found.contains("<http://a/s> <http://xmlns.com/foaf/0.1/name> \"x,\\ty\"@en-GB"), "{name}: {found:?}");
        assert!(found.contains("<urn:kg:ann> <urn:kg:likes> \"plain text\" <urn:kg:g>"), "{name}: {found:?}");
    }
    Ok(())
}

#[test]
fn json_lines_keep_numbers_as_they_are_written() -> Result<(), LoadError> {
    let text = r#"{"id":"ann","age":12345678901234567890123,"height":1.70,"mass":6e1,"ok":true,"no":null,"tag":["a","b"],"knows":{"@id":"bob"},"born:date":"2001-02-03"}
        {"id":"bob"}
"#;
    let store = Store::in_memory();
    load_text(&store, "a.jsonl", text, LoadOptions::default())?;
    let xsd = |value: &str, name: &str| format!("\"{value}\"^^<http://www.w3.org/2001/XMLSchema#{name}>");
    let expected = [
        ("age", xsd("12345678901234567890123", "integer")),
        ("height", xsd("1.70", "decimal")),
        ("mass", xsd("6e1", "double")),
        ("ok", xsd("true", "boolean")),
        ("tag", "\"a\"".to_owned()),
        ("tag", "\"b\"".to_owned()),
        ("knows", "<urn:kg:bob>".to_owned()),
        ("born", xsd("2001-02-03", "date")),
    ];
    assert_eq!(facts(&store), expected.map(|(p, o)| format!("<urn:kg:ann> <urn:kg:{p}> {o}")).into());
    Ok(())
}

#[test]
fn faults_of_tables_name_the_row_the_column_and_the_value() -> Result<(), LoadError> {
    let check = |name: &str, text: &str, line: u64, words: &str| {
        let problem = problem(name, text);
        assert_eq!(problem.line, line, "{problem}");
        assert!(problem.to_string().contains(words), "{problem}");
    };
    check("a.csv", "id,a\nx,1\ny,1,2\n", 3, "the row has 3 columns, the header 2: y,1,2");
    check("a.csv", "id,a\nx,1\n\"y,1\nz,2\n", 3, "column 1: row does not fit the header: the quote that opens here");
    check("a.csv", "id,a,b,a\n", 1, "columns 2 and 4 have the same header \"a\"");
    check("a.csv", "id,age:int\nx,1\n\"y\",12a\n", 3, "column \"age:int\": \"12a\" is no int");
    check("a.csv", "id,age:number\n", 1, "unknown type \"number\"");
    check("a.csv", "id,\n", 1, "column \"\" has no name");
    check("a.csv", "id,a\n,1\n", 2, "an id or a name is empty");
    check("a.csv", "id\n", 1, "the header has one column");
    check("a.jsonl", "{\"id\":\"a\",\"b\":1,\"b\":2}\n", 1, "the key \"b\" stands twice");
    check("a.jsonl", "{\"id\":\"a\"}\n{\"b\":1}\n", 2, "neither \"id\" nor \"@id\"");
    check("a.jsonl", "{\"id\":\"a\",\"b\":\"\\ud800\"}\n", 1, "\"b\" is no string");
    let mut rejected = Vec::new();
    let options = LoadOptions { bad: Bad::Quarantine(&mut rejected), ..LoadOptions::default() };
    let store = Store::in_memory();
    let report = load_text(&store, "a.csv", "id,n:int\na,1\nb,x\nc\nd,4\n", options)?;
    assert_eq!((report.added, report.read.rejected.total()), (2, 2));
    let rejected = String::from_utf8_lossy(&rejected).into_owned();
    assert!(rejected.starts_with("# line 3, column 1: value is not of its column's type: "), "{rejected}");
    assert!(rejected.ends_with("\nc\n"), "{rejected}");
    Ok(())
}

#[test]
fn several_threads_load_what_one_does_and_end_at_the_same_fault() -> Result<(), LoadError> {
    let line = |i: u32| format!("_:b{} <http://a/p{}> \"{i}\"@EN <http://a/g> .\n", i % 50, i % 7);
    let mut lines: Vec<String> = (0..12_000).map(line).collect();
    // Small pieces: the least memory gives the least piece.
    let with = |threads, bad| LoadOptions { threads, memory_max: 1 << 19, bad, ..LoadOptions::default() };
    let run = |lines: &[String], threads| -> Result<(Store, LoadReport), LoadError> {
        let store = Store::in_memory();
        let report = load_text(&store, "a.nq", &lines.concat(), with(threads, Bad::Skip))?;
        Ok((store, report))
    };
    let (one, one_report) = run(&lines, 1)?;
    for threads in [2, 3, 5] {
        let (many, report) = run(&lines, threads)?;
        assert_eq!((report, facts(&many)), (one_report.clone(), facts(&one)), "{threads} threads");
    }
    for bad in [11_000, 3_000, 2_999] {
        lines[bad] = "no fact\n".to_owned();
        let message = |threads| {
            let error = load_text(&Store::in_memory(), "a.nq", &lines.concat(), with(threads, Bad::Stop));
            error.expect_err("a bad line").to_string()
        };
        assert!(message(1).starts_with(&format!("a.nq, line {}, ", bad + 1)), "{}", message(1));
        assert_eq!(message(3), message(1));
    }
    let (_, one_report) = run(&lines, 1)?;
    let (_, report) = run(&lines, 2)?;
    assert_eq!((report.read.rejected.total(), &report), (3, &one_report));
    Ok(())
}
