//! Both evaluators give the same rows.

use kg::query::{self, Answer, Engine, Options};
use kg::{Error, Store};

use crate::generate;

/// Found by 100,000 random queries: SPARQL 1.1 calls these type errors, and lets a store answer them.
#[test]
fn both_evaluators_order_what_has_no_order_by_the_standard() -> Result<(), Error> {
    let store = Store::in_memory();
    let snapshot = store.snapshot()?;
    let cases = [
        ("<http://a/b> <= <http://a/b>", "true"),
        ("<http://a/b> > <http://a/b>", "false"),
        ("<http://a/b> < <http://a/c>", "-"),
        ("\"s3\"@en > \"s0\"@en", "true"),
        ("\"s3\"@en > \"s0\"@de", "-"),
        ("\"x\"^^<http://a/t> >= \"x\"^^<http://a/t>", "true"),
        ("1 < \"1\"", "-"),
    ];
    for (condition, expected) in cases {
        let text = format!("SELECT ?x {{ BIND({condition} AS ?x) }}");
        for engine in [Engine::Own, Engine::Complete] {
            let options = Options { engine, ..Options::default() };
            let Answer::Rows(rows) = query::answer(&snapshot, &text, &options).unwrap() else { panic!("{text}") };
            let found = rows.map(|row| row.unwrap()[0].as_ref().map_or("-".to_owned(), ToString::to_string));
            let found: Vec<String> = found.map(|term| term.split('"').nth(1).unwrap_or("-").to_owned()).collect();
            assert_eq!(found, [expected], "{text} {engine:?}");
        }
    }
    Ok(())
}

#[test]
fn both_evaluators_agree_on_random_queries() {
    let report = generate::compare(20, 1500);
    let different: Vec<_> = report.different.iter().take(8).cloned().collect();
    assert!(report.different.is_empty(), "{} differ:\n{}", report.different.len(), different.join("\n\n"));
    assert!(report.equal > 1000 && report.with_rows > 350, "{report:?}");
}

/// Sixty nodes that know twelve each, with names of which some are no strings, and one fact that nobody asks for.
fn crowd() -> Store {
    let mut text = String::from("PREFIX : <http://a/> INSERT DATA { :n0 :other :n1 .");
    let mut state = 1_u64;
    for node in 0..60 {
        for _ in 0..12 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            text += &format!(":n{node} :knows :n{} .", (state >> 33) % 60);
        }
        let name = if node % 7 == 0 { format!("{node}") } else { format!("\"node {node}\"") };
        text += &format!(":n{node} :name {name} ; :age {} .", node % 9);
    }
    let store = Store::in_memory();
    query::update(&store, &(text + "}"), &Options::default()).unwrap();
    store
}

/// Where there are more rows than a batch holds, patterns that only ask are asked before their rows are handed on, and
/// facts that nobody reads are counted.
#[test]
fn both_evaluators_agree_on_many_rows() {
    let store = crowd();
    let queries = [
        "SELECT (COUNT(*) AS ?n) { ?a :knows ?b }",
        "SELECT (COUNT(*) AS ?n) { ?a :knows ?b . ?b :knows ?c . ?c :knows ?a }",
        "SELECT (COUNT(?c) AS ?n) ?a { ?a :knows ?b . ?b :knows ?c . ?c :knows ?a } GROUP BY ?a",
        "SELECT * { ?a :knows ?b . ?b :knows ?c . ?c :knows ?a . ?a :age 3 }",
        "SELECT * { ?a :age 3 . ?a :knows ?b . ?b :knows ?c . ?a :knows ?c . ?c :knows ?d . ?d :knows ?b FILTER(?a != ?d) }",
        "SELECT * { ?a :knows ?b . ?b :knows ?a . ?b :knows ?b }",
        "SELECT * { ?a :knows ?b OPTIONAL { ?b :knows ?c . ?c :knows ?a } }",
        "SELECT * { ?a :age 0 OPTIONAL { ?a :other ?c } ?a :knows ?b . ?b :knows ?c }",
        "SELECT (COUNT(*) AS ?n) { { ?a :knows :n5 } UNION { ?a :knows ?b . ?b :knows :n5 } }",
        "SELECT ?a { ?a :name ?name FILTER REGEX(?name, \"^node [1-4].*[0-6]$\") }",
        "SELECT * { ?a :knows ?b . ?a :age ?age . ?b :name ?name } ORDER BY DESC(?age) ?name ?a ?b LIMIT 40",
        "SELECT * { ?a :knows ?b . ?b :knows ?c . ?b :age ?age } ORDER BY ?age DESC(?c) ?a ?b LIMIT 30 OFFSET 5",
    ];
    for merged in [false, true] {
        if merged {
            store.merge().unwrap();
        }
        let snapshot = store.snapshot().unwrap();
        for query in queries {
            let text = format!("PREFIX : <http://a/> {query}");
            let rows = |engine| {
                generate::rows_within(&snapshot, &text, &Options { engine, ..Options::default() }).unwrap().unwrap()
            };
            let own = rows(Engine::Own);
            assert!(!own.is_empty(), "{query}");
            assert_eq!(own, rows(Engine::Complete), "{query}");
        }
    }
}

/// A `LIMIT` without an order reads no more than it needs.
#[test]
fn the_first_rows_cost_no_more_than_they_need() {
    let store = crowd();
    let text = "PREFIX : <http://a/> SELECT * { ?a :knows ?b . ?b :knows ?c . ?c :knows ?d } LIMIT 20";
    let explanation = query::explain(&store.snapshot().unwrap(), text, &Options::default()).unwrap();
    assert_eq!(explanation.rows, 20);
    let patterns = explanation.operators.iter().find(|line| line.contains("patterns")).expect("patterns");
    assert!(patterns.ends_with(" 20 came"), "{patterns}");
}
