//! `cargo xtask tidy`: the repository's rules that a text search can check. Each rule is a function from the tree to
//! its offences; all offences are printed.

mod arrows;
mod source;
mod testdata;
mod tree;

use crate::{Outcome, command::root};
use tree::Tree;

/// Packages in Cargo.lock, ours included. Raise it only with the reason in the commit.
const LOCK_PACKAGES_MAX: usize = 270;

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
    "docs",
    "findings",
    "fuzz",
    "loom",
    "models",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "testdata",
    "xtask",
];

/// Checks everything; the error counts the offences.
pub(crate) fn run() -> Outcome {
    let tree = Tree::read(&root())?;
    let mut offences = arrows::check(&tree)?;
    offences.extend(source::check(&tree));
    offences.extend(testdata::check(&tree));
    offences.extend(root_entries(&tree));
    offences.extend(documents(&tree));
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
    entries.retain(|entry| !ROOT.contains(entry));
    entries.into_iter().map(|entry| format!("{entry}: not on the list of root entries (xtask/src/tidy.rs)")).collect()
}

/// Paths in backticks in the main documents exist; the changelog has its unreleased section.
fn documents(tree: &Tree) -> Vec<String> {
    let mut offences = Vec::new();
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let Some(document) = tree.file(name) else {
            offences.push(format!("{name}: missing"));
            continue;
        };
        for word in document.text.split('`').skip(1).step_by(2) {
            let is_path = word.contains('/')
                && ["crates/", "docs/", "xtask/", "fuzz/", "loom/", "models/"].iter().any(|p| word.starts_with(p));
            let is_plain = !word.contains(['{', '*', '<', ' ', '…']);
            if is_path && is_plain && !tree.has(word.trim_end_matches('/')) {
                offences.push(format!("{name}: names `{word}`, which does not exist"));
            }
        }
    }
    if tree.file("CHANGELOG.md").is_none_or(|f| !f.text.contains("## Unreleased")) {
        offences.push("CHANGELOG.md: no '## Unreleased' section".to_owned());
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

/// Link-time optimisation runs at the level of the crate that is linked: a smaller one leaves every kernel without vectors.
fn optimisation(tree: &Tree) -> Vec<String> {
    let is_smaller = |manifest: &str| manifest.contains("[profile.release.package.trinity]");
    let offence =
        "Cargo.toml: a profile of `trinity` decides how every crate is optimised at link time; leave it at the default";
    if tree.file("Cargo.toml").is_some_and(|f| is_smaller(&f.text)) { vec![offence.to_owned()] } else { Vec::new() }
}
