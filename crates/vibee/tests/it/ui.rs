//! Each code has a file that produces it, and the text that a user sees for it.
//!
//! `testdata/ui/CODE.vibee` (or `CODE_word.vibee`) goes through reader, schema and checker, and is tested if it may
//! run; `CODE.txt` beside it is what is printed. Modules that a file imports lie in `testdata/ui/modules`. With
//! `VIBEE_BLESS=1` the texts are written anew: look at what changed.

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use vibee::{
    check,
    codes::CODES,
    diagnostic::Severity,
    eval::Evaluator,
    limits::Limits,
    load::{LoadError, Loader, load},
    render::{Style, render, sort},
    run::{self, Options},
    source::Sources,
};

/// Codes of what is no specification, each with the test that produces it.
const ELSEWHERE: &[(&str, &str)] = &[
    ("E0501", DAMAGED),
    ("E0502", DAMAGED),
    ("E0503", DAMAGED),
    ("E0504", DAMAGED),
    ("E0505", DAMAGED),
    ("E0506", REFUSED),
    ("E0507", REFUSED),
    ("E0508", REFUSED),
    ("E0509", REFUSED),
    ("E0510", REFUSED),
    ("E0511", REFUSED),
    ("E0512", REFUSED),
    ("E0601", RUDE),
    ("E0602", RUDE),
    ("E0603", RUDE),
    ("E0604", "../vibee_cli/tests/it/implementations.rs::silence_ends_and_nothing_is_left"),
    ("E0605", RUDE),
    ("E0606", RUDE),
    ("E0607", "../vibee_cli/tests/it/implementations.rs::what_does_not_start_or_greet_is_said"),
    ("E0701", "../vibee_cli/tests/it/generated.rs::names_that_a_language_keeps_are_listed"),
];
const DAMAGED: &str = "tests/it/bytecode.rs::damaged_files_are_refused_by_name";
const REFUSED: &str = "tests/it/bytecode.rs::programs_that_break_a_rule_are_refused_by_name";
const RUDE: &str = "../vibee_cli/tests/it/implementations.rs::what_breaks_the_protocol_is_named_and_the_others_go_on";

/// Codes whose file is still missing: nothing runs machines yet, so none has a state that is not reached.
const MISSING: &[&str] = &["E0411"];

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/ui"))
}

struct Folder;

impl Loader for Folder {
    fn load(&mut self, _: Option<&str>, path: &str) -> Result<Vec<u8>, LoadError> {
        fs::read(folder().join(path)).map_err(|_| LoadError::Missing)
    }
}

/// What a user sees of a file.
fn messages(name: &str) -> String {
    let mut sources = Sources::default();
    let loaded = load(&mut sources, &[name], &mut Folder);
    let mut diagnostics = loaded.diagnostics;
    let (program, more) = check::check(&sources, &loaded.specs, loaded.n_asked);
    diagnostics.extend(more);
    if diagnostics.iter().all(|diagnostic| diagnostic.severity() != Severity::Error) {
        let mut definition = Evaluator::new(&program, Limits::default());
        diagnostics.extend(run::test(&program, &mut definition, &Options::default()).diagnostics);
    }
    sort(&mut diagnostics);
    render(&diagnostics, &sources, Style::Plain)
}

#[test]
fn files_give_the_texts_beside_them() {
    let is_blessed = env::var_os("VIBEE_BLESS").is_some();
    let mut wrong = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "vibee") {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let code = name.get(..5).unwrap();
        let found = messages(&name);
        assert!(found.contains(&format!("[{code}]")), "{name} does not give {code}:\n{found}");
        let text = path.with_extension("txt");
        if is_blessed {
            fs::write(&text, &found).unwrap();
        } else if fs::read_to_string(&text).unwrap_or_default() != found {
            wrong.push(format!("{name} gives\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_has_a_file() {
    let names = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut shown: BTreeSet<String> = names.filter_map(|name| name.get(..5).map(str::to_owned)).collect();
    for (code, test) in ELSEWHERE {
        let (file, function) = test.split_once("::").unwrap();
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let body = text.split_once(&format!("fn {function}(")).and_then(|(_, rest)| rest.split("\n}\n").next());
        assert!(body.is_some_and(|body| body.contains(code)), "{code} is not produced by {test}");
        assert!(shown.insert((*code).to_owned()), "{code} has a file of its own");
    }
    let missing: Vec<&str> = CODES.iter().map(|row| row.code).filter(|code| !shown.contains(*code)).collect();
    assert_eq!(missing, MISSING, "codes without a file in testdata/ui");
}
