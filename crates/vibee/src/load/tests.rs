use std::collections::BTreeMap;

use super::{LoadError, Loaded, Loader, below_root, load};
use crate::{limits::MODULES_MAX, source::Sources, standard};

/// Files in memory, and how often each was asked for.
#[derive(Default)]
struct Memory {
    files: BTreeMap<String, String>,
    n_loads: usize,
}

impl Loader for Memory {
    fn load(&mut self, _: Option<&str>, path: &str) -> Result<Vec<u8>, LoadError> {
        self.n_loads += 1;
        match path {
            "link.vibee" => Err(LoadError::OutOfRoot),
            "locked.vibee" => Err(LoadError::Unreadable("permission denied".into())),
            _ => self.files.get(path).map(|text| text.clone().into_bytes()).ok_or(LoadError::Missing),
        }
    }
}

fn module(name: &str, imports: &str) -> String {
    format!("vibee: 3\nname: {name}\nversion: 1.0.0\nimports: [{imports}]\n")
}

fn loaded(files: &[(&str, String)], asked: &[&str]) -> (Loaded, Sources, usize) {
    let mut memory = Memory::default();
    memory.files.extend(files.iter().map(|(path, text)| ((*path).to_owned(), text.clone())));
    let mut sources = Sources::default();
    let loaded = load(&mut sources, asked, &mut memory);
    (loaded, sources, memory.n_loads)
}

/// Names in order without std's, and messages as `code "marked": message`.
fn shown(files: &[(&str, String)], asked: &[&str]) -> (Vec<String>, Vec<String>) {
    let (loaded, sources, _) = loaded(files, asked);
    let names = loaded.specs.iter().map(|spec| spec.name.name.clone()).filter(|name| !name.starts_with("std."));
    let message =
        |d: &crate::diagnostic::Diagnostic| format!("{} {:?}: {}", d.code, sources.text(d.primary.span), d.message);
    (names.collect(), loaded.diagnostics.iter().map(message).collect())
}

#[test]
fn takes_what_is_imported_first_and_once() {
    let files = [
        ("a.vibee", module("a", "{ name: b }, { name: c, path: sub/c.vibee }")),
        ("b.vibee", module("b", "{ name: c, path: ./sub/c.vibee }")),
        ("sub/c.vibee", module("c", "{ name: d, path: ../d.vibee }")),
        ("d.vibee", module("d", "")),
    ];
    assert_eq!(shown(&files, &["a.vibee"]), (["d", "c", "b", "a"].map(String::from).to_vec(), Vec::new()));
    let (loaded, _, n_loads) = loaded(&files, &["a.vibee", "d.vibee"]);
    assert_eq!((loaded.n_asked, n_loads), (2, 4));
    let last: Vec<&str> = loaded.specs.iter().rev().take(2).map(|spec| spec.name.name.as_str()).collect();
    assert_eq!(last, ["a", "d"], "asked for ones stand last, in their order of import");
}

#[test]
fn shows_the_whole_circle() {
    let files = [
        ("a.vibee", module("a", "{ name: b }")),
        ("b.vibee", module("b", "{ name: c }")),
        ("c.vibee", module("c", "{ name: b }")),
        ("self.vibee", module("self", "{ name: self }")),
    ];
    let (_, messages) = shown(&files, &["a.vibee"]);
    assert_eq!(messages, ["E0201 \"b\": imports go in a circle: b → c → b"]);
    let (loaded, sources, _) = loaded(&files, &["a.vibee"]);
    let also: Vec<_> =
        loaded.diagnostics[0].secondary.iter().map(|l| (sources.text(l.span), l.text.as_str())).collect();
    assert_eq!(also, [("c", "`b` needs `c`")]);
    assert_eq!(shown(&files, &["self.vibee"]).1, ["E0201 \"self\": imports go in a circle: self → self"]);
}

#[test]
fn refuses_what_cannot_be_had() {
    let files = [
        ("a.vibee", module("a", "{ name: gone }, { name: out, path: ../out.vibee }, { name: link }, { name: locked }")),
        ("b.vibee", module("b", "{ name: other, path: c.vibee }, { name: std.nonsense }")),
        ("c.vibee", module("c", "")),
        ("old.vibee", "name: old\ntypes: {}\n".to_owned()),
        ("d.vibee", module("d", "{ name: old }")),
        ("e/c.vibee", module("c", "")),
    ];
    assert_eq!(
        shown(&files, &["a.vibee"]).1,
        [
            "E0203 \"gone\": there is no file `gone.vibee`",
            "E0202 \"../out.vibee\": the path `../out.vibee` leads out of the root",
            "E0202 \"link\": `link.vibee` lies outside the root",
            "E0203 \"locked\": `locked.vibee` cannot be read: permission denied",
        ]
    );
    assert_eq!(
        shown(&files, &["b.vibee"]).1,
        [
            "E0203 \"other\": `c.vibee` is the module `c`, not `other`",
            "E0203 \"std.nonsense\": there is no module `std.nonsense`",
        ]
    );
    let codes = |asked: &[&str]| loaded(&files, asked).0.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>();
    assert_eq!(codes(&["d.vibee"]), ["E0130"], "an old file is no module");
    assert_eq!(codes(&["nowhere.vibee", "../up.vibee"]), ["E0203", "E0202"]);
    assert_eq!(codes(&["c.vibee", "e/c.vibee"]), ["E0303"]);
    assert_eq!(loaded(&files, &["old.vibee"]).0.old.len(), 1);
}

#[test]
fn ends_at_the_limit_of_modules() {
    let n = MODULES_MAX + 10;
    let names: Vec<String> = (0..n).map(|i| format!("m{i}")).collect();
    let chain: Vec<(String, String)> = (0..n)
        .map(|i| (format!("m{i}.vibee"), module(&names[i], &format!("{{ name: m{} }}", (i + 1).min(n - 2)))))
        .collect();
    let chain: Vec<(&str, String)> = chain.iter().map(|(path, text)| (path.as_str(), text.clone())).collect();
    let (names, messages) = shown(&chain, &["m0.vibee"]);
    assert_eq!(names.len(), MODULES_MAX);
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].starts_with("E0140"), "{messages:?}");
}

#[test]
fn std_has_no_mistakes() {
    let imports: Vec<String> = standard::MODULES.iter().map(|module| format!("{{ name: {} }}", module.name)).collect();
    let files = [("a.vibee", module("a", &imports.join(", ")))];
    let (loaded, sources, _) = loaded(&files, &["a.vibee"]);
    assert_eq!(crate::render::render(&loaded.diagnostics, &sources, crate::render::Style::Plain), "");
    assert_eq!(loaded.specs.len(), standard::MODULES.len() + 1);
}

#[test]
fn paths_stay_below_the_root() {
    assert_eq!(below_root("a/b", "../c.vibee").as_deref(), Some("a/c.vibee"));
    assert_eq!(below_root("a/b", "./c//d.vibee").as_deref(), Some("a/b/c/d.vibee"));
    for bad in ["../../../c.vibee", "/etc/passwd", "c:\\x.vibee", "..", "a/../../b/../../../c", "", "\\\\server\\x"] {
        assert_eq!(below_root("a/b", bad).filter(|path| path.contains('c')), None, "{bad}");
    }
    assert_eq!(below_root("", ".."), None);
}
