//! Tests that documents and comments name as `file::test` exist: what is said to be shown is shown.

use std::path::Path;

use super::{
    code::Code,
    tree::{File, Tree},
};

/// The document that says what can go wrong: each of its rows has a test, or says that it is not covered.
const FAULTS: &str = "docs/faults.md";
/// Words by which a comment claims a test: it names that test, or the folder of tests.
const CLAIMS: &[&str] = &[
    "tested in `",
    "tested in a ",
    "tested by",
    "tested with",
    "tested at",
    "tests it",
    "test holds",
    "tests hold",
    "test counts",
    "tests count",
    "test walks",
    "tests walk",
    "test compares",
    "tests compare",
];

/// Names without a file or without a test, faults without either word, and comments that claim a test and name none.
pub(crate) fn check(tree: &Tree, rust: &[(&File, Code)]) -> Vec<String> {
    let documents = tree.files.iter().filter(|f| Path::new(&f.path).extension().is_some_and(|e| e == "md"));
    let mut offences: Vec<String> = documents.flat_map(|document| names(tree, document, &document.text)).collect();
    offences.extend(rust.iter().flat_map(|(file, code)| comments(tree, file, code)));
    match tree.file(FAULTS) {
        Some(faults) => offences.extend(faults.text.lines().filter(|line| is_bare(line)).map(|line| {
            format!("{FAULTS}: neither a test nor why it is not covered: {}", line.chars().take(80).collect::<String>())
        })),
        None => offences.push(format!("{FAULTS}: missing")),
    }
    offences
}

/// Comments of `file`: the tests that they name, and those that they claim.
fn comments(tree: &Tree, file: &File, code: &Code) -> Vec<String> {
    let mut offences = Vec::new();
    for block in code.comments.chunk_by(|a, b| b.line == a.line + 1) {
        let lines = block.iter().map(|c| c.text.trim_start_matches(['/', '!']).trim());
        let text = lines.collect::<Vec<_>>().join(" ");
        offences.extend(names(tree, file, &text));
        let claim = CLAIMS.iter().find(|claim| text.contains(**claim));
        let is_named = |word: &str| {
            named(word).is_some() || has_test(&file.text, word) || word.contains("/tests/") && tree.has(word)
        };
        if let Some(claim) = claim.filter(|_| !text.split('`').skip(1).step_by(2).any(is_named)) {
            let line = block.first().map_or(0, |c| c.line);
            offences.push(format!("{}:{line}: {claim:?} names no test as `file::test`", file.path));
        }
    }
    offences
}

/// A word that names a test: its file and the test.
fn named(word: &str) -> Option<(&str, &str)> {
    let (path, test) = word.rsplit_once("::")?;
    Path::new(path).extension().filter(|e| *e == "rs" || *e == "py").map(|_| (path, test))
}

/// `file::test` in backticks in the `text` of `from`; the file from the root, below `crates/`, or beside `from`.
fn names(tree: &Tree, from: &File, text: &str) -> Vec<String> {
    let offence = |(path, test): (&str, &str)| {
        let folder = from.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let places = [path.to_owned(), format!("crates/{path}"), format!("{folder}/{path}")];
        match places.iter().find_map(|place| tree.file(place)) {
            None => Some(format!("{}: names `{path}::{test}`, but there is no such file", from.path)),
            Some(file) if !has_test(&file.text, test) => {
                Some(format!("{}: names `{path}::{test}`, but {} has no such test", from.path, file.path))
            }
            Some(_) => None,
        }
    };
    text.split('`').skip(1).step_by(2).filter_map(named).filter_map(offence).collect()
}

/// Whether `text` has a function of that name that its test runner calls: in Python by its name, in Rust by an
/// attribute before it.
fn has_test(text: &str, test: &str) -> bool {
    let is_python =
        test.starts_with("test_") && text.lines().any(|l| l.trim_start().starts_with(&format!("def {test}(")));
    let mut is_marked = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_marked = true;
        } else if is_marked && line.contains("fn ") {
            if line.contains(&format!("fn {test}(")) {
                return true;
            }
            is_marked = false;
        }
    }
    is_python
}

/// A row of a table with neither a test nor a reason.
fn is_bare(line: &str) -> bool {
    let is_row = line.starts_with("| ") && !line.starts_with("| ---");
    let is_head = ["| fault |", "| attack |", "| rule |"].iter().any(|head| line.starts_with(head));
    is_row && !is_head && !line.contains("::") && !line.contains("not covered")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(faults: &str) -> usize {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned(), n_bytes: 0 };
        let rust =
            "#[test]\nfn it_holds() {\n}\n\nfn helper() {}\n#[tokio::test]\n#[cfg(unix)]\nasync fn it_holds_too(\n";
        let python = "class A:\n    def test_it(self):\n        pass\n";
        let files = vec![
            file("crates/a/tests/it/b.rs", rust),
            file("crates/a/tests/c.py", python),
            file("docs/faults.md", faults),
        ];
        offences(&Tree { files })
    }

    fn offences(tree: &Tree) -> usize {
        super::check(tree, &tree.rust()).len()
    }

    #[test]
    fn a_comment_that_claims_a_test_names_it() {
        let check = |comment: &str| {
            let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned(), n_bytes: 0 };
            let files = vec![
                file("crates/a/src/b.rs", comment),
                file("crates/a/src/c.rs", "#[test]\nfn it_holds() {}"),
                file("crates/a/tests/it/d.rs", "#[test]\nfn it_holds() {}"),
                file(FAULTS, ""),
            ];
            offences(&Tree { files })
        };
        assert_eq!(check("// Each shape is tested in\n// `a/tests/it/d.rs::it_holds`."), 0);
        assert_eq!(check("// A test counts them: `c.rs::it_holds`."), 0);
        assert_eq!(check("//! How it looks is tested in a browser (`crates/a/tests/it`)."), 0);
        assert_eq!(check("/// A test counts them: `here`.\n#[test]\nfn here() {}"), 0);
        assert_eq!(check("// A test needs a model.\nlet a = \"a test counts\";"), 0);
        assert_eq!(check("// A test counts them."), 1);
        assert_eq!(check("// What happens beyond is tested with\n// shorter ones (d.rs)."), 1);
        assert_eq!(check("// Each shape is tested in `a/tests/it/d.rs::it_held`."), 1);
        assert_eq!(check("// See `e.rs::it_holds`."), 1);
        assert_eq!(check("// A test counts them: `crates/a/tests/e2e`."), 1);
    }

    #[test]
    fn a_test_that_is_named_exists() {
        assert_eq!(
            check("`a/tests/it/b.rs::it_holds`, `crates/a/tests/it/b.rs::it_holds_too`, `a/tests/c.py::test_it`"),
            0
        );
        assert_eq!(check("`core::str`, `a/tests/it/b.rs`, crates::b, `engine::Runner::step`"), 0);
        assert_eq!(check("`a/tests/it/b.rs::it_hold`"), 1);
        assert_eq!(check("`a/tests/it/b.rs::helper`"), 1, "no test");
        assert_eq!(check("`a/tests/it/c.rs::it_holds`"), 1, "no file");
        assert_eq!(check("`a/tests/c.py::it`, `a/tests/c.py::test_i`"), 2);
    }

    #[test]
    fn a_fault_has_a_test_or_a_reason() {
        let table = "| fault | what happens | tests |\n| --- | --- | --- |\n";
        assert_eq!(check(&format!("{table}| rain | it is wet | `a/tests/it/b.rs::it_holds` |")), 0);
        assert_eq!(check(&format!("{table}| rain | not covered: there is a roof | |")), 0);
        assert_eq!(check(&format!("{table}| rain | it is wet | |")), 1);
    }
}
