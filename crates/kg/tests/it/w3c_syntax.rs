//! The W3C's cases for N-Triples, N-Quads, Turtle and TriG, all of them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use kg::load::{LoadOptions, Sink, read};
use kg::{Error, Seq};
use oxrdf::dataset::CanonicalizationAlgorithm;
use oxrdf::{Dataset, NamedNode, NamedNodeRef, NamedOrBlankNode, QuadRef, Term};

const BASE: &str = "https://w3c.github.io/rdf-tests/rdf/rdf11/";
const ACTION: &str = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#action";
const RESULT: &str = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#result";
const KIND: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";

struct Facts(Dataset);

impl Sink for Facts {
    fn add(&mut self, quad: QuadRef<'_>) -> Result<ControlFlow<()>, Error> {
        self.0.insert(quad);
        Ok(ControlFlow::Continue(()))
    }
}

fn facts(path: &Path, iri: &str) -> Result<Dataset, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut facts = Facts(Dataset::new());
    let options = LoadOptions { base: Some(iri.to_owned()), ..LoadOptions::default() };
    read(&path.to_string_lossy(), &mut bytes.as_slice(), options, Seq(0), &mut facts).map_err(|e| e.to_string())?;
    facts.0.canonicalize(CanonicalizationAlgorithm::Unstable);
    Ok(facts.0)
}

/// Runs the cases of a folder; how many there are of each kind.
fn run(folder: &str) -> BTreeMap<String, usize> {
    let root = testkit::data(&format!("rdf-tests/rdf/rdf11/{folder}"));
    let base = format!("{BASE}{folder}/");
    let manifest = facts(&root.join("manifest.ttl"), &format!("{base}manifest.ttl")).expect("the manifest");
    let local = |term: &Term| match term {
        Term::NamedNode(node) => node.as_str().strip_prefix(&base).map(str::to_owned),
        _ => None,
    };
    let object = |case: &NamedNode, predicate| {
        let node = NamedNodeRef::new_unchecked(predicate);
        manifest.quads_for_subject(case).find(|quad| quad.predicate == node).map(|quad| quad.object.into_owned())
    };
    let (mut counts, mut failed) = (BTreeMap::new(), Vec::new());
    for quad in manifest.quads_for_predicate(NamedNodeRef::new_unchecked(ACTION)) {
        let NamedOrBlankNode::NamedNode(case) = quad.subject.into_owned() else { continue };
        let kind = object(&case, KIND).expect("a kind").to_string();
        let kind = kind.rsplit('#').next().unwrap_or_default().trim_end_matches('>').to_owned();
        let action = local(&quad.object.into_owned()).expect("a file");
        let read = facts(&root.join(&action), &format!("{base}{action}"));
        let is_passed = if kind.contains("Negative") {
            read.is_err()
        } else if let Some(result) = object(&case, RESULT) {
            let result = local(&result).expect("a file");
            read == facts(&root.join(&result), &format!("{base}{result}"))
        } else {
            read.is_ok()
        };
        if !is_passed {
            failed.push(format!("{case}: {kind}: {:?}", read.err()));
        }
        let short = ["Negative", "Positive", "Eval"].into_iter().find(|word| kind.contains(word)).unwrap_or("?");
        *counts.entry(short.to_owned()).or_insert(0) += 1;
    }
    assert!(failed.is_empty(), "{folder}: {} failed:\n{}", failed.len(), failed.join("\n"));
    counts
}

fn check(folder: &str, positive: usize, negative: usize, eval: usize) {
    let counts = run(folder);
    let count = |kind| counts.get(kind).copied().unwrap_or(0);
    assert_eq!((count("Positive"), count("Negative"), count("Eval")), (positive, negative, eval), "{folder}");
}

#[test]
fn all_70_cases_of_n_triples_pass() {
    check("rdf-n-triples", 41, 29, 0);
}

#[test]
fn all_87_cases_of_n_quads_pass() {
    check("rdf-n-quads", 53, 34, 0);
}

#[test]
fn all_313_cases_of_turtle_pass() {
    check("rdf-turtle", 74, 94, 145);
}

#[test]
fn all_356_cases_of_trig_pass() {
    check("rdf-trig", 98, 115, 143);
}
