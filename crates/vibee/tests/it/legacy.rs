//! The old corpus as its census counts it.

use serde_json::Value;
use vibee::{
    diagnostic::{Diagnostic, Severity},
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
