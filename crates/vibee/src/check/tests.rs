//! Specifications as text, checked: which messages come, and what the evaluator makes of what came out.

use crate::{
    diagnostic::{Diagnostic, Severity},
    eval::{Evaluator, Limits},
    reader, schema,
    source::Sources,
    spec::Spec,
    typed::{Expected, Program},
    value::Value,
};

/// Reads and checks texts together, the last one asked for.
pub(super) fn checked(texts: &[&str]) -> (Sources, Program, Vec<Diagnostic>) {
    let mut sources = Sources::default();
    let mut specs: Vec<Spec> = Vec::new();
    let mut all = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let file = sources.add(format!("{number}.vibee"), *text);
        let (document, mut diagnostics) = reader::read(&sources, file);
        specs.extend(schema::spec(&document, &mut diagnostics));
        all.extend(diagnostics);
    }
    let (program, diagnostics) = super::check(&sources, &specs, 1);
    all.extend(diagnostics);
    (sources, program, all)
}

/// Checks a text without a message.
pub(super) fn good(texts: &[&str]) -> Program {
    let (sources, program, diagnostics) = checked(texts);
    let shown = crate::render::render(&diagnostics, &sources, crate::render::Style::Plain);
    assert!(diagnostics.is_empty(), "{shown}");
    program
}

/// Checks a text whose examples all are as its bodies say.
pub(super) fn examples_hold(texts: &[&str]) {
    let program = good(texts);
    assert!(!program.examples.is_empty());
    for example in &program.examples {
        let mut evaluator = Evaluator::new(&program, Limits::default());
        let args: Result<Vec<Value>, _> = example.args.iter().map(|id| evaluator.call(*id, &[])).collect();
        let found = args.and_then(|args| evaluator.call(example.function, &args));
        let name = &program.function(example.function).name;
        match &example.expected {
            Expected::Value(id, _) => {
                let expected = evaluator.call(*id, &[]).expect("the expected value has no fault");
                let found = found.unwrap_or_else(|fault| panic!("{name} row {}: {fault:?}", example.row));
                assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{name} row {}", example.row);
            }
            Expected::Fault(fault) => assert_eq!(found.err(), Some(*fault), "{name} row {}", example.row),
            Expected::NoFault => assert!(found.is_ok(), "{name} row {}: {found:?}", example.row),
        }
    }
}

/// Asserts which codes a body of a function `f` gives.
pub(super) fn codes(text: &str) -> Vec<&'static str> {
    let (_, _, diagnostics) = checked(&[text]);
    diagnostics.iter().map(|d| d.code).collect()
}

/// As much of std as a test needs, so that it does not depend on std.
const STRINGS: &str = r#"
vibee: 3
name: std.string
version: 1.0.0
functions:
  - { name: is_empty, params: { s: String }, returns: Bool, body: s.len() == 0 }
  - { name: is_empty, generics: [T], params: { s: List<T> }, returns: Bool, body: s.len() == 0 }
  - { name: is_digit, params: { s: String }, returns: Bool, body: s >= "0" and s <= "9" and s.len() == 1 }
  - { name: drop, params: { s: String, n: Int }, returns: String, body: "s.slice(if n < s.len() { n } else { s.len() }, s.len())" }
"#;

mod mistakes;
mod modules;
mod well_typed;

const HEAD: &str = "vibee: 3\nname: t\nversion: 1.0.0\n";

#[test]
fn the_design_s_spec_of_keep_alive_checks_and_its_rows_hold() {
    examples_hold(&[STRINGS, include_str!("../../testdata/check/keep_alive.vibee")]);
}

#[test]
fn the_design_s_spec_of_lifecycle_checks() {
    let text = include_str!("../../testdata/check/lifecycle.vibee");
    let program = good(&[text]);
    assert!(program.find("lifecycle", "is_open").is_some());
}

#[test]
fn a_mistake_has_one_message() {
    let text =
        format!("{HEAD}functions:\n  - name: f\n    params: {{ a: Int }}\n    returns: Int\n    body: a / 32 + 1\n");
    assert_eq!(codes(&text), ["E0312"]);
    assert!(checked(&[&text]).2.iter().all(|d| d.severity() == Severity::Error));
}

#[test]
fn the_rows_of_all_that_the_language_has_hold() {
    examples_hold(&[include_str!("../../testdata/check/language.vibee")]);
}
