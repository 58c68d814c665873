//! The old corpus as its census counts it.

use serde_json::Value;
use vibee::{
    diagnostic::{Diagnostic, Severity},
    legacy::{self, Census},
    render::{Style, render},
    source::{FileId, Sources},
    tree::Document,
};

use crate::oracle::corpus;

fn census() -> Vec<Value> {
    testkit::read_json("vibee-legacy/census.json")["files"].as_array().unwrap().clone()
}

fn read(path: &str, text: &str) -> (Sources, FileId, Document, Vec<Diagnostic>) {
    let mut sources = Sources::default();
    let file = sources.add(path, text);
    let (document, diagnostics) = vibee::reader::read(&sources, file);
    (sources, file, document, diagnostics)
}

/// The census's word for what a warning tolerates.
fn class(diagnostic: &Diagnostic) -> &'static str {
    match (diagnostic.code, diagnostic.message.as_str()) {
        ("W0107", message) if message.starts_with("text after the closing") => "text-after-closing-quote",
        ("W0107", message) if message.starts_with("a colon and a space") => "colon-space-in-plain",
        ("W0107", message) if message.starts_with("a value that begins with `>`") => "value-starts-with-gt",
        ("W0102", message) if message.starts_with("lines nested below") => "value-then-nested",
        ("W0102", message) if message.starts_with("lines of text without `|`") => "steps-without-block-mark",
        ("W0105", _) => "equals-for-colon",
        ("W0110", _) => "duplicate-top-level-key",
        (code, message) => panic!("{code}: {message}"),
    }
}

#[test]
fn every_verdict_is_that_of_the_census() {
    let mut n_of = std::collections::BTreeMap::new();
    let mut n_places = 0;
    for ((path, text), entry) in corpus().iter().zip(census()) {
        assert_eq!(entry["path"], path.as_str());
        let verdict = entry["verdict"].as_str().unwrap().to_owned();
        let (sources, _, document, diagnostics) = read(path, text);
        let shown = render(&diagnostics, &sources, Style::Plain);
        assert!(!document.is_versioned, "{path}");
        if verdict == "not-a-spec" {
            assert_eq!(diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), ["E0100"], "{shown}");
            let is_markdown = text.starts_with('#');
            assert_eq!(diagnostics[0].message.contains("Markdown"), is_markdown, "{shown}");
            assert_eq!(diagnostics[0].message.contains("@word name"), !is_markdown, "{shown}");
        } else {
            assert!(diagnostics.iter().all(|d| d.severity() == Severity::Warning), "{shown}");
            let found: Vec<(u64, &str)> =
                diagnostics.iter().map(|d| (sources.place(d.primary.span).line as u64, class(d))).collect();
            let listed = entry["tolerated"].as_array().cloned().unwrap_or_default();
            let listed: Vec<(u64, &str)> =
                listed.iter().map(|t| (t["line"].as_u64().unwrap(), t["class"].as_str().unwrap())).collect();
            n_places += listed.len();
            assert_eq!(found, listed, "{path}\n{shown}");
        }
        *n_of.entry(verdict).or_insert(0) += 1;
    }
    assert_eq!(n_of, [("not-a-spec", 4), ("tolerated", 21), ("yaml", 232)].map(|(v, n)| (v.to_owned(), n)).into());
    assert_eq!(n_places, 42);
}

#[test]
fn every_count_is_that_of_the_census() {
    let mut total = Census::default();
    let mut n_scalars = 0;
    for ((path, text), entry) in corpus().iter().zip(census()) {
        if entry["verdict"] == "not-a-spec" {
            continue;
        }
        let (sources, _, document, _) = read(path, text);
        let found = legacy::census(&document);
        let listed = |name: &str| entry["counts"].get(name).map_or(0, |n| n.as_u64().unwrap() as usize);
        for (name, sum, n) in fields(&mut total, &found) {
            assert_eq!(n, listed(name), "{path}: {name}");
            *sum += n;
        }
        let mut keys: Vec<&str> = document.root.entries().iter().map(|e| e.key.text.as_str()).collect();
        let listed: Vec<&str> =
            entry["top_level_keys"].as_array().unwrap().iter().map(|k| k.as_str().unwrap()).collect();
        if keys.len() != listed.len() {
            // A key that stands twice is listed once.
            let mut seen = std::collections::BTreeSet::new();
            keys.retain(|key| seen.insert(*key));
        }
        assert_eq!(keys, listed, "{path}");
        // Nothing is lost: the letters of all scalars are those of the file outside its comments, in order.
        let mut bare = text.clone();
        for comment in document.comments.iter().rev() {
            bare.replace_range(comment.span.start as usize..comment.span.end as usize, "");
        }
        let mut kept = String::new();
        crate::oracle::each_scalar(&document.root, &mut |scalar| {
            n_scalars += 1;
            kept.push_str(sources.text(scalar.span));
        });
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        assert!(letters(&kept) == letters(&bare), "{path}: letters were lost");
    }
    let totals = &testkit::read_json("vibee-legacy/census.json")["totals"];
    let found = total;
    for (name, _, n) in fields(&mut total, &found) {
        assert_eq!(n as u64, totals[name].as_u64().unwrap(), "{name}");
    }
    assert_eq!((total.types, total.fields, total.enum_types, total.enum_cases), (1_777, 7_596, 375, 2_500));
    assert_eq!((total.behaviors, total.all_tests(), total.machine_readable()), (3_247, 1_351, 82));
    assert_eq!((total.vectors, total.structured_tests), (20, 62));
    assert!(n_scalars > 75_000, "{n_scalars} keys and scalars");
}

/// Names of all counts, with their sums and numbers.
fn fields<'a>(sum: &'a mut Census, of: &Census) -> Vec<(&'static str, &'a mut usize, usize)> {
    macro_rules! fields {
        ($($field:ident $name:literal),*) => { vec![$(($name, &mut sum.$field, of.$field)),*] };
    }
    fields![
        types "types", fields "fields", enum_types "enum_types", enum_cases "enum_cases", constraints "constraints",
        constants "constants", behaviors "behaviors", given_when_then "given_when_then", capital_when "capital_When",
        tests "tests", test_cases "test_cases", structured_tests "structured_tests", vectors "vectors",
        functions "functions", imports "imports", signals "signals", fsm "fsm"
    ]
}
