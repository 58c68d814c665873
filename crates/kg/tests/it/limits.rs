//! What stops a query, and what an update leaves behind.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kg::load::Format;
use kg::query::{self, Answer, Engine, Forms, LimitKind, Limits, Options, QueryError, QueryResultsFormat, Stop};
use kg::{Pattern, Store};

const ENGINES: [Engine; 2] = [Engine::Any, Engine::Complete];

/// `n` facts between few nodes, so that joins and paths find much, and texts that differ.
fn store(n: u32) -> Store {
    let store = Store::in_memory();
    let facts =
        (0..n).map(|i| format!("<http://a/n{}> <http://a/p> <http://a/n{}> , \"text {i}\" .", i % 60, i * 7 % 60));
    let text = format!("INSERT DATA {{ {} }}", facts.collect::<String>());
    query::update(&store, &text, &Options::default()).unwrap();
    store
}

fn run(store: &Store, text: &str, limits: Limits, engine: Engine) -> Result<u64, QueryError> {
    let options = Options { limits, engine, ..Options::default() };
    match query::answer(&store.snapshot()?, text, &options)? {
        Answer::Truth(_) => Ok(1),
        Answer::Rows(rows) => rows.map(|row| row.map(|_| 1)).sum(),
        Answer::Triples(triples) => triples.map(|triple| triple.map(|_| 1)).sum(),
    }
}

/// Queries that would run for minutes, each by another operator.
const ENDLESS: &[&str] = &[
    "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . \
     FILTER(?a != ?c || ?d != ?f || ?g != ?i || ?j != ?l || ?b != ?e || ?h != ?k) }",
    "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l } ORDER BY ?c ?f ?i LIMIT 3",
    "SELECT DISTINCT ?c ?f ?i ?l { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }",
    "SELECT (SUM(STRLEN(?c)) AS ?n) ?a { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . FILTER(?a != ?l) } GROUP BY ?a",
    "ASK { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . FILTER(CONCAT(STR(?c), STR(?f), STR(?l)) = \"no\") }",
    "SELECT * { { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } MINUS { ?x ?y ?z . ?u ?v ?w . ?g ?h ?i } }",
    "CONSTRUCT { ?c ?b ?l } { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . FILTER(?a != ?d) }",
];

#[test]
fn a_stop_ends_every_operator() {
    let store = store(600);
    for engine in ENGINES {
        for text in ENDLESS {
            let asked = Arc::new(AtomicU32::new(0));
            let seen = Arc::clone(&asked);
            let stop = Stop::when(move || seen.fetch_add(1, Ordering::Relaxed) >= 100);
            let error = run(&store, text, Limits { stop, ..Limits::default() }, engine).expect_err(text);
            assert!(matches!(error, QueryError::Limit { limit: LimitKind::Stopped, .. }), "{engine:?} {text}: {error}");
            assert_eq!(asked.load(Ordering::Relaxed), 101, "{engine:?} {text}: asked again after it said stop");
        }
    }
}

#[test]
fn rows_and_memory_are_limited_and_the_error_names_limit_operator_and_rows() {
    let store = store(600);
    for engine in ENGINES {
        for text in ENDLESS {
            let error = run(&store, text, Limits { rows_max: 5000, ..Limits::default() }, engine).expect_err(text);
            let QueryError::Limit { limit, operator, rows } = &error else { panic!("{engine:?} {text}: {error}") };
            assert_eq!(*limit, LimitKind::Rows(5000), "{engine:?} {text}");
            assert!(*rows > 5000 && !operator.is_empty(), "{engine:?} {text}: {error}");
            assert!(error.to_string().starts_with("rows_max of 5000 is reached in "), "{error}");
        }
        let sorts = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } ORDER BY ?c";
        let error = run(&store, sorts, Limits { memory_max: 1 << 20, ..Limits::default() }, engine).unwrap_err();
        assert!(matches!(error, QueryError::Limit { limit: LimitKind::Memory(_), .. }), "{engine:?}: {error}");
    }
}

#[test]
fn a_text_that_doubles_itself_is_stopped_by_its_memory() {
    let store = store(1);
    let doublings: String = (0..25).map(|n| format!("BIND(CONCAT(?t{n}, ?t{n}) AS ?t{}) ", n + 1)).collect();
    for text in [
        format!("SELECT ?t25 {{ VALUES ?t0 {{ \"0123456789\" }} {doublings} }}"),
        "SELECT (GROUP_CONCAT(?t) AS ?g) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . VALUES ?t { \"0123456789\" } }".to_owned(),
    ] {
        let store = if text.contains("GROUP_CONCAT") { self::store(200) } else { self::store(1) };
        for engine in ENGINES {
            let error =
                run(&store, &text, Limits { memory_max: 1 << 19, ..Limits::default() }, engine).expect_err(&text);
            let is_limit = matches!(error, QueryError::Limit { limit: LimitKind::Memory(_), .. });
            assert!(is_limit, "{engine:?} {text}: {error}");
        }
    }
    drop(store);
}

/// Takes so many bytes, then no more.
struct Short {
    bytes: Vec<u8>,
    max: usize,
}

impl Write for Short {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > self.max { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write(store: &Store, text: &str, limits: Limits, max: usize) -> (Result<u64, QueryError>, String) {
    let options = Options { limits, ..Options::default() };
    let query = query::parse(text, &options).unwrap();
    let forms = Forms { rows: QueryResultsFormat::Tsv, triples: Format::NTriples };
    let mut out = Short { bytes: Vec::new(), max };
    let written = query::write(&store.snapshot().unwrap(), &query, &options, &mut out, forms);
    (written, String::from_utf8(out.bytes).unwrap())
}

#[test]
fn rows_are_written_while_the_query_runs_and_none_is_held() {
    let store = store(600);
    // Of more rows than would ever be held, the first come at once.
    for text in [
        "SELECT ?a ?f ?i { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }",
        "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l FILTER(?a != ?l) }",
        "CONSTRUCT { ?a ?b ?l } { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }",
    ] {
        let (written, found) = write(&store, text, Limits { memory_max: 1 << 16, ..Limits::default() }, 1 << 18);
        assert!(matches!(written, Err(QueryError::Write(_))), "{text}: {written:?}");
        assert!(found.len() > 1 << 18, "{text}");
        // A limit that is reached in their midst ends them.
        let (written, found) = write(&store, text, Limits { rows_max: 50_000, ..Limits::default() }, usize::MAX);
        let is_limit = matches!(written, Err(QueryError::Limit { limit: LimitKind::Rows(50_000), .. }));
        assert!(is_limit && found.lines().count() > 100, "{text}: {written:?}, {} lines", found.lines().count());
    }
    // What fails before its first row leaves nothing.
    let sorts = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } ORDER BY ?c";
    let (written, found) = write(&store, sorts, Limits { rows_max: 5000, ..Limits::default() }, 1 << 20);
    assert!(matches!(written, Err(QueryError::Limit { .. })) && found.is_empty(), "{written:?} {found}");
}

#[test]
fn what_is_written_is_what_is_answered() {
    let store = store(50);
    let bnode = "INSERT DATA { <http://a/n1> <http://a/q> [ <http://a/r> [ <http://a/r> 1 ] ] }";
    query::update(&store, bnode, &Options::default()).unwrap();
    for text in [
        "SELECT ?a ?c { ?a ?b ?c OPTIONAL { ?c <http://a/q> ?d } } ORDER BY ?a ?c LIMIT 20 OFFSET 3",
        "SELECT ?a { ?a <http://a/p> [] }",
        "SELECT (COUNT(DISTINCT *) AS ?n) { ?a <http://a/p> ?b }",
        "SELECT ?n { ?a <http://a/p> ?b BIND(MD5(STR(?b)) AS ?n) }",
        "CONSTRUCT { ?a <http://a/x> [ <http://a/y> ?c ] } { ?a <http://a/p> ?c FILTER(isIRI(?c)) }",
        "DESCRIBE <http://a/n1> ?c { <http://a/n1> <http://a/p> ?c }",
        "DESCRIBE <http://a/n99>",
    ] {
        let forms = Forms { rows: QueryResultsFormat::Tsv, triples: Format::NTriples };
        let mut answered = Vec::new();
        let answer = query::answer(&store.snapshot().unwrap(), text, &Options::default()).unwrap();
        let n = answer.write(&mut answered, forms).unwrap();
        let (written, found) = write(&store, text, Limits::default(), usize::MAX);
        assert_eq!((written.unwrap(), found), (n, String::from_utf8(answered).unwrap()), "{text}");
    }
    // A description has the blank nodes of blank nodes.
    let (written, found) = write(&store, "DESCRIBE <http://a/n1>", Limits::default(), usize::MAX);
    assert_eq!((written.unwrap(), found.matches("<http://a/r>").count()), (2 + 1 + 2, 2), "{found}");
}

#[test]
fn an_update_that_fails_in_its_middle_leaves_nothing() {
    let store = store(10);
    let before = store.snapshot().unwrap().len();
    for (text, says) in [
        (
            "INSERT DATA { <http://a/x> <http://a/p> 1 } ; LOAD <http://127.0.0.1/secret>",
            "LOAD <http://127.0.0.1/secret>",
        ),
        (
            "DELETE WHERE { ?s ?p ?o } ; CREATE GRAPH <http://g> ; \
              INSERT DATA { GRAPH <http://g> { <a:a> <a:b> 1 } } ; \
          CREATE GRAPH <http://g>",
            "CREATE GRAPH <http://g>",
        ),
        (
            "DELETE WHERE { ?s ?p ?o } ; INSERT { ?s ?p ?o } WHERE { SERVICE <http://a/> { ?s ?p ?o } }",
            "SERVICE <http://a/>",
        ),
    ] {
        let error = query::update(&store, text, &Options::default()).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(store.snapshot().unwrap().len(), before, "{text}");
    }
    let limits = Limits { rows_max: 15, ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    let text = "DELETE { ?s ?p ?o } INSERT { ?s <http://a/q> ?o } WHERE { ?s ?p ?o }";
    assert!(matches!(query::update(&store, text, &options), Err(QueryError::Limit { .. })));
    assert_eq!(store.snapshot().unwrap().len(), before);
}

#[test]
fn each_operation_reads_what_the_ones_before_it_left() {
    let store = Store::in_memory();
    let text = "PREFIX : <http://a/> INSERT DATA { :x :n 1 , 2 . _:b :n 3 } ; \
                DELETE { ?s :n ?o } INSERT { ?s :m ?o . [] :was ?o } WHERE { ?s :n ?o } ; \
                INSERT { GRAPH :g { ?s :k ?o } } WHERE { ?s :m ?o FILTER(?o > 1) } ; ADD :g TO DEFAULT ; DROP GRAPH :g";
    let report = query::update(&store, text, &Options::default()).unwrap();
    assert_eq!((report.added, report.removed), (3 + 6 + 2 + 2, 3 + 2));
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.matching(Pattern::all()).count(), 8);
    assert_eq!(report.seq, Some(snapshot.seq()));
}
