//! `cargo xtask tidy`: the repository's rules that a text search can check. Each rule is a function from the tree to
//! its offences; all offences are printed.

mod arrows;
mod code;
mod confined;
mod elementary;
mod levels;
mod named_tests;
mod source;
mod testdata;
mod tree;
mod words;

use crate::{Outcome, command::root};
use tree::Tree;

/// Packages in Cargo.lock, ours included. Raise it only with the reason in the commit.
const LOCK_PACKAGES_MAX: usize = 330;

/// What the root may hold.
const ROOT: &[&str] = &[
    ".cargo",
    ".ci",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "STYLE.md",
    "benches",
    "clippy.toml",
    "crates",
    "deploy",
    "docs",
    "findings",
    "fuzz",
    "models",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "testdata",
    "xtask",
];

/// What the root may hold once it is there, and nothing else besides.
const ROOT_LATER: &[&str] = &["specs", "web"];

/// What a newcomer reads first.
const DOCUMENTS: &[&str] = &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "STYLE.md"];

/// Checks everything; the error counts the offences.
pub(crate) fn run() -> Outcome {
    let tree = Tree::read(&root())?;
    let mut offences = arrows::check(&tree)?;
    let rust = tree.rust();
    offences.extend(source::check(&rust));
    offences.extend(confined::check(&rust));
    offences.extend(elementary::check(&rust));
    offences.extend(levels::check(&rust));
    offences.extend(words::check(&rust));
    offences.extend(testdata::check(&tree));
    offences.extend(root_entries(&tree));
    offences.extend(documents(&tree));
    offences.extend(named_tests::check(&tree, &rust));
    offences.extend(lock(&tree));
    offences.extend(optimisation(&tree));
    for offence in &offences {
        println!("{offence}");
    }
    if offences.is_empty() { Ok(()) } else { Err(format!("tidy: {} offences", offences.len())) }
}

fn root_entries(tree: &Tree) -> Vec<String> {
    let mut entries: Vec<&str> = tree.files.iter().filter_map(|f| f.path.split('/').next()).collect();
    entries.dedup();
    let may_stand = |entry: &&str| ROOT.iter().chain(ROOT_LATER).any(|allowed| allowed == entry);
    let strange = entries.iter().filter(|entry| !may_stand(entry));
    let strange = strange.map(|entry| format!("{entry}: not on the list of root entries (xtask/src/tidy.rs)"));
    let gone = ROOT.iter().filter(|entry| !entries.contains(entry));
    strange.chain(gone.map(|entry| format!("{entry}: on the list of root entries and not there"))).collect()
}

/// Paths in backticks in the main documents and links in all of them lead somewhere; the changelog has its unreleased
/// section.
fn documents(tree: &Tree) -> Vec<String> {
    let mut offences = Vec::new();
    for name in DOCUMENTS {
        if tree.file(name).is_none() {
            offences.push(format!("{name}: missing"));
        }
    }
    // Of the lab notes, what they tell of may be gone.
    let is_read = |path: &str| {
        let is_doc = path.starts_with("docs/") && path.ends_with(".md") && path != "docs/lab-notes.md";
        DOCUMENTS.contains(&path) || is_doc
    };
    for document in tree.files.iter().filter(|f| is_read(&f.path)) {
        for word in document.text.split('`').skip(1).step_by(2) {
            let is_path = word.split_once('/').is_some_and(|(first, _)| ROOT.contains(&first));
            // Tests, `file::test`, are looked for in named_tests.rs.
            let is_plain = !word.contains(['{', '*', '<', ' ', '…', '\n']) && !word.contains("::");
            if is_path && is_plain && !tree.has(word.trim_end_matches('/')) {
                offences.push(format!("{}: names `{word}`, which does not exist", document.path));
            }
        }
    }
    offences.extend(links(tree));
    if tree.file("CHANGELOG.md").is_none_or(|f| !f.text.contains("## Unreleased")) {
        offences.push("CHANGELOG.md: no '## Unreleased' section".to_owned());
    }
    offences
}

/// Links and pictures of README and `docs/` that lead to no file.
fn links(tree: &Tree) -> Vec<String> {
    let mut offences = Vec::new();
    let is_document = |path: &str| path == "README.md" || path.starts_with("docs/") && path.ends_with(".md");
    for document in tree.files.iter().filter(|f| is_document(&f.path)) {
        let ends = [("](", ')'), ("src=\"", '"'), ("srcset=\"", '"')];
        let targets =
            ends.iter().flat_map(|(begin, end)| document.text.split(begin).skip(1).map(|t| t.split(*end).next()));
        for target in targets.flatten() {
            let (file, _) = target.split_once('#').unwrap_or((target, ""));
            let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let path = match file.strip_prefix("../") {
                Some(rest) => rest.to_owned(),
                None if folder.is_empty() => file.to_owned(),
                None => format!("{folder}/{file}"),
            };
            let is_ours = !file.is_empty() && !file.contains([':', ' ', '\n']);
            if is_ours && !tree.has(path.trim_end_matches('/')) {
                offences.push(format!("{}: a link to {target}, which does not exist", document.path));
            }
        }
    }
    offences
}

fn lock(tree: &Tree) -> Vec<String> {
    let packages = tree.file("Cargo.lock").map_or(0, |f| f.text.matches("[[package]]").count());
    println!("Cargo.lock: {packages} packages of at most {LOCK_PACKAGES_MAX}");
    if packages > LOCK_PACKAGES_MAX {
        return vec![format!("Cargo.lock: {packages} packages, the ceiling is {LOCK_PACKAGES_MAX}")];
    }
    Vec::new()
}

/// Link-time optimisation runs at the level of the crate that is linked: a smaller one leaves every kernel without
/// vectors.
fn optimisation(tree: &Tree) -> Vec<String> {
    let is_smaller = |manifest: &str| manifest.contains("[profile.release.package.trinity]");
    let offence =
        "Cargo.toml: a profile of `trinity` decides how every crate is optimised at link time; leave it at the default";
    if tree.file("Cargo.toml").is_some_and(|f| is_smaller(&f.text)) { vec![offence.to_owned()] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::File;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let file =
            |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned(), n_bytes: 0 };
        Tree { files: files.iter().map(file).collect() }
    }

    #[test]
    fn the_root_holds_what_is_on_its_list() {
        let all: Vec<(&str, &str)> = ROOT.iter().map(|name| (*name, "")).collect();
        assert_eq!(root_entries(&tree(&all)), [""; 0]);
        assert_eq!(root_entries(&tree(&[&all[..], &[("web/a", ""), ("specs/a", "")]].concat())), [""; 0]);
        assert_eq!(root_entries(&tree(&[&all[..], &[("notes.md", "")]].concat())).len(), 1);
        assert_eq!(root_entries(&tree(&all[1..])).len(), 1, "on the list and not there");
    }

    #[test]
    fn documents_name_what_there_is() {
        let check = |style: &str, changelog: &str| {
            let others = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| (name, "`crates/a`"));
            let own = [("STYLE.md", style), ("CHANGELOG.md", changelog), ("crates/a/src/b.rs", "")];
            documents(&tree(&[&others[..], &own].concat())).len()
        };
        let changelog = "## Unreleased";
        assert_eq!(check("`crates/a/src/b.rs` `crates/a/` `crates/*/b.rs` `a/b` `crates/a/c.rs::d`", changelog), 0);
        assert_eq!(check("`crates/a/src/c.rs`", changelog), 1);
        assert_eq!(check("`testdata/a` `deploy/b`", changelog), 2);
        assert_eq!(check("", "## 0.1.0"), 1);
        let docs = |path: &str| documents(&tree(&[(path, "`crates/a`"), ("CHANGELOG.md", changelog)])).len();
        assert_eq!((docs("docs/a.md"), docs("docs/lab-notes.md"), docs("docs/a.json")), (5, 4, 4));
        assert_eq!(documents(&tree(&[("CHANGELOG.md", changelog)])).len(), 4, "missing");
    }

    #[test]
    fn the_lock_stays_below_its_ceiling() {
        let check = |n: usize| lock(&tree(&[("Cargo.lock", "[[package]]\n".repeat(n).as_str())])).len();
        assert_eq!((check(LOCK_PACKAGES_MAX), check(LOCK_PACKAGES_MAX + 1)), (0, 1));
    }

    #[test]
    fn the_program_has_the_default_optimisation() {
        let check = |text: &str| optimisation(&tree(&[("Cargo.toml", text)])).len();
        assert_eq!(check("[profile.release.package.chat]\nopt-level = \"s\""), 0);
        assert_eq!(check("[profile.release.package.trinity]\nopt-level = \"s\""), 1);
    }

    #[test]
    fn links_lead_to_files() {
        let check =
            |path: &str, text: &str| links(&tree(&[(path, text), ("docs/a.md", ""), ("benches/b.md", "")])).len();
        assert_eq!(check("README.md", "[a](docs/a.md) [x](https://x.example) [y](#here) <img src=\"docs/a.md\">"), 0);
        assert_eq!(check("docs/c.md", "[a](a.md#there) [b](../benches/b.md)"), 0);
        assert_eq!(check("README.md", "[a](a.md)"), 1);
        assert_eq!(check("docs/c.md", "[a](docs/a.md) ![p](p.png)"), 2);
        assert_eq!(check("README.md", "<source srcset=\"docs/p.png\">"), 1);
    }
}
