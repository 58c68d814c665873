//! Which evaluator answers, in which order, and how many rows it makes.

use kg::Store;
use kg::query::{self, Engine, LimitKind, Limits, Options, QueryError};

/// A hundred hubs with a hundred spokes each by two predicates, and one rare fact.
fn store() -> Store {
    let store = Store::in_memory();
    let mut text = String::from("INSERT DATA { <a:hub7> <a:rare> 1 .");
    for hub in 0..20 {
        for spoke in 0..50 {
            text += &format!(
                "<a:hub{hub}> <a:p> <a:s{spoke}> ; <a:q> {spoke} . <a:s{spoke}> <a:next> <a:s{}> .",
                spoke + 1
            );
        }
    }
    query::update(&store, &(text + "}"), &Options::default()).unwrap();
    store
}

fn explain(text: &str) -> query::Explanation {
    query::explain(&store().snapshot().unwrap(), text, &Options::default()).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// The rows that came out of the operator or step whose line has the word.
fn came(explanation: &query::Explanation, word: &str) -> u64 {
    let line = explanation.operators.iter().find(|line| line.contains(word));
    let line = line.unwrap_or_else(|| panic!("no {word} in {:?}", explanation.operators));
    line.rsplit(", ").next().and_then(|end| end.strip_suffix(" came")?.parse().ok()).unwrap_or_else(|| panic!("{line}"))
}

#[test]
fn the_rare_pattern_comes_first() {
    for text in ["SELECT * { ?h <a:p> ?s . ?h <a:rare> ?r }", "SELECT * { ?h <a:rare> ?r . ?h <a:p> ?s }"] {
        let explanation = explain(text);
        assert_eq!((explanation.engine, explanation.rows), (Engine::Own, 50), "{text}");
        let at = |word| explanation.operators.iter().position(|line| line.contains(word)).unwrap();
        assert!(at("<a:rare>") < at("<a:p>"), "{:?}", explanation.operators);
    }
}

#[test]
fn a_count_over_a_star_enumerates_no_star() {
    let explanation = explain("SELECT (COUNT(*) AS ?n) { ?h <a:p> ?s ; <a:q> ?v }");
    assert_eq!(explanation.rows, 1);
    assert!(came(&explanation, "<a:p>") <= 20 && came(&explanation, "<a:q>") <= 20, "{:?}", explanation.operators);
    let store = store();
    let options = Options { engine: Engine::Own, ..Options::default() };
    let text = "SELECT (COUNT(*) AS ?n) { ?h <a:p> ?s ; <a:q> ?v }";
    let query::Answer::Rows(mut rows) = query::answer(&store.snapshot().unwrap(), text, &options).unwrap() else {
        panic!("no rows")
    };
    let n = rows.next().unwrap().unwrap()[0].clone().unwrap();
    assert_eq!(n.to_string(), "\"50000\"^^<http://www.w3.org/2001/XMLSchema#integer>");
}

#[test]
fn what_the_own_evaluator_does_not_know_goes_whole_to_the_complete_one_and_is_said() {
    for (text, why) in [
        ("SELECT * { ?h <a:p> ?s FILTER(MD5(STR(?s)) != \"\") }", "the function MD5"),
        ("DESCRIBE ?h { ?h <a:rare> ?s FILTER(MD5(STR(?s)) != \"\") }", "MD5"),
        ("SELECT * { ?h <a:rare> ?s FILTER EXISTS { { ?h <a:p> ?x } UNION { ?h <a:q> ?x } } }", "EXISTS"),
    ] {
        let explanation = explain(text);
        assert_eq!(explanation.engine, Engine::Complete, "{text}");
        assert!(explanation.why.as_deref().is_some_and(|found| found.contains(why)), "{:?}", explanation.why);
        let options = Options { engine: Engine::Own, ..Options::default() };
        let error = query::answer(&store().snapshot().unwrap(), text, &options).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_limit_stops_reading_once_it_is_reached() {
    let explanation = explain("SELECT * { ?h <a:p> ?s . ?s <a:next> ?t } LIMIT 3");
    assert_eq!(explanation.rows, 3);
    assert!(came(&explanation, "patterns") <= 1024, "{:?}", explanation.operators);
}

#[test]
fn paths_visit_no_more_nodes_than_they_may() {
    let limits = Limits { path_steps_max: 30, ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    for text in [
        "SELECT * { <a:s0> <a:next>+ ?t }",
        "ASK { <a:s0> (<a:next>|^<a:next>)* <a:s49> }",
        "SELECT * { ?a <a:next>* ?b }",
        "SELECT * { ?a (<a:next>/<a:next>/<a:next>)+ ?b }",
    ] {
        let error = query::answer(&store().snapshot().unwrap(), text, &options).expect_err(text);
        assert!(
            matches!(error, QueryError::Limit { limit: LimitKind::PathSteps(30), operator: "path", .. }),
            "{error}"
        );
    }
}
