//! Files through reader, schema and checker together.

use std::collections::BTreeMap;

use vibee::{
    check,
    load::{self, LoadError, Loader},
    render,
    source::Sources,
    typed::Program,
};

/// Files in memory.
#[derive(Default)]
struct Memory(BTreeMap<String, String>);

impl Loader for Memory {
    fn load(&mut self, _: Option<&str>, path: &str) -> Result<Vec<u8>, LoadError> {
        self.0.get(path).map(|text| text.clone().into_bytes()).ok_or(LoadError::Missing)
    }
}

/// Checks the file `a.vibee` that consists of a head and `rest`; gives codes in the order of places.
fn checked(rest: &str) -> (Program, Vec<&'static str>) {
    let mut memory = Memory::default();
    memory.0.insert("a.vibee".to_owned(), format!("vibee: 3\nname: a\nversion: 1.0.0\n{rest}"));
    let mut sources = Sources::default();
    let loaded = load::load(&mut sources, &["a.vibee"], &mut memory);
    let (program, more) = check::check(&sources, &loaded.specs, loaded.n_asked);
    let mut diagnostics = loaded.diagnostics;
    diagnostics.extend(more);
    render::sort(&mut diagnostics);
    (program, diagnostics.iter().map(|d| d.code).collect())
}

/// Checks one function of `params` that returns `returns`.
fn function(params: &str, returns: &str, body: &str) -> Vec<&'static str> {
    let body = body.replace('\n', "\n      ");
    checked(&format!(
        "functions:\n  - name: f\n    params: {{ {params} }}\n    returns: {returns}\n    body: |\n      {body}\n"
    ))
    .1
}

#[test]
fn a_mistake_of_syntax_has_no_second_message_of_the_checker() {
    for (body, codes) in [
        ("a < b < a", vec!["E0313"]),
        ("a > b ? a : b", vec!["E0154"]),
        ("a > b other words", vec!["E0150"]),
        ("a == ", vec!["E0150"]),
        ("a == (b + 1", vec!["E0151"]),
        ("a == 1 && b == 1", vec!["E0154"]),
        ("if a == b { return true } else { false }", vec!["E0154"]),
        ("let c = a +; c == b", vec!["E0150"]),
        ("match a { 1 -> true, _ => b == 2 }", vec!["E0154"]),
        ("a = b", vec!["E0154"]),
        ("not (a != b", vec!["E0151"]),
        ("a == b }", vec!["E0151"]),
    ] {
        assert_eq!(function("a: Int, b: Int", "Bool", body), codes, "{body}");
    }
    let types = "types:\n  R: { fields: { m: Map<String, Int> } }\n  S: { fields: { t: (Int, Int) } }\n";
    assert_eq!(checked(types).1, ["E0151", "E0151"]);
}
