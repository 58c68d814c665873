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
const ELSEWHERE: &[(&str, &str)] = &[];

/// Codes whose file is still missing.
const MISSING: &[&str] = &[
    "E0411", "E0501", "E0502", "E0503", "E0504", "E0505", "E0506", "E0507", "E0508", "E0509", "E0510", "E0511",
    "E0512", "E0601", "E0602", "E0603", "E0604", "E0605", "E0606", "E0607", "E0701",
];

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
        assert!(text.contains(&format!("fn {function}(")) && text.contains(code), "{code} is not produced by {test}");
        assert!(shown.insert((*code).to_owned()), "{code} has a file of its own");
    }
    let missing: Vec<&str> = CODES.iter().map(|row| row.code).filter(|code| !shown.contains(*code)).collect();
    assert_eq!(missing, MISSING, "codes without a file in testdata/ui");
}
