//! Tests that documents name as `file::test` exist: what a document says is shown is shown.

use std::path::Path;

use super::tree::{File, Tree};

/// The document that says what can go wrong: each of its rows has a test, or says that it is not covered.
const FAULTS: &str = "docs/faults.md";

/// Names without a file or without a test, and faults without either word.
pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let documents = tree.files.iter().filter(|f| Path::new(&f.path).extension().is_some_and(|e| e == "md"));
    let mut offences: Vec<String> = documents.flat_map(|document| names(tree, document)).collect();
    match tree.file(FAULTS) {
        Some(faults) => offences.extend(faults.text.lines().filter(|line| is_bare(line)).map(|line| {
            format!("{FAULTS}: neither a test nor why it is not covered: {}", line.chars().take(80).collect::<String>())
        })),
        None => offences.push(format!("{FAULTS}: missing")),
    }
    offences
}

/// `file::test` in backticks, the file from the root or below `crates/`.
fn names(tree: &Tree, document: &File) -> Vec<String> {
    let words = document.text.split('`').skip(1).step_by(2);
    let named = words.filter_map(|word| {
        let (path, test) = word.rsplit_once("::")?;
        Path::new(path).extension().filter(|e| *e == "rs" || *e == "py").map(|_| (path, test))
    });
    let offence = |(path, test): (&str, &str)| {
        let file = tree.file(path).or_else(|| tree.file(&format!("crates/{path}")));
        match file {
            None => Some(format!("{}: names `{path}::{test}`, but there is no such file", document.path)),
            Some(file) if !has_test(&file.text, test) => {
                Some(format!("{}: names `{path}::{test}`, but {} has no such test", document.path, file.path))
            }
            Some(_) => None,
        }
    };
    named.filter_map(offence).collect()
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
        super::check(&Tree { files }).len()
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
