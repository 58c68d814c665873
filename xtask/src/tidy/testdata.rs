//! The repository stands alone: it carries its test data, within a limit, with the origin of each; no file reads
//! anything beside the checkout.

use std::collections::BTreeSet;

use super::tree::Tree;

/// All of `testdata/`.
const TESTDATA_BYTES_MAX: u64 = 50_000_000;
/// Everything that a clone checks out.
const REPOSITORY_BYTES_MAX: u64 = 64_000_000;
/// What named data beside the checkout, in halves, so that this file does not offend.
const BANNED: &[(&str, &str)] = &[("../", "shared"), ("TRINITY_", "SHARED")];

/// Sizes, READMEs and banned words.
pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let mut offences = Vec::new();
    for (folder, bytes_max) in [("testdata/", TESTDATA_BYTES_MAX), ("", REPOSITORY_BYTES_MAX)] {
        let bytes: u64 = tree.files.iter().filter(|f| f.path.starts_with(folder)).map(|f| f.n_bytes).sum();
        let name = if folder.is_empty() { "the repository" } else { folder };
        println!("{name}: {bytes} bytes of at most {bytes_max}");
        if bytes > bytes_max {
            offences.push(format!("{name}: {bytes} bytes, the limit is {bytes_max}"));
        }
    }
    let folders: BTreeSet<&str> = tree
        .files
        .iter()
        .filter_map(|f| f.path.strip_prefix("testdata/")?.split_once('/'))
        .map(|(folder, _)| folder)
        .collect();
    for folder in folders {
        if tree.file(&format!("testdata/{folder}/README.md")).is_none() {
            offences.push(format!("testdata/{folder}: no README.md with origin, version and licence"));
        }
    }
    for file in &tree.files {
        for (first, second) in BANNED {
            let word = format!("{first}{second}");
            if file.text.contains(&word) {
                offences.push(format!("{}: {word}: nothing is read beside the checkout", file.path));
            }
        }
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::File;

    fn check(path: &str, text: &str, n_bytes: u64) -> usize {
        let file = File { path: path.to_owned(), text: text.to_owned(), n_bytes };
        super::check(&Tree { files: vec![file] }).len()
    }

    #[test]
    fn each_rule_finds_its_offence() {
        assert_eq!(check("testdata/new/README.md", "what, whence", 12), 0);
        assert_eq!(check("testdata/new/a.gguf", "", 12), 1, "no README");
        assert_eq!(check("testdata/README.md", "", TESTDATA_BYTES_MAX + 1), 1);
        assert_eq!(check("docs/a.md", "", REPOSITORY_BYTES_MAX + 1), 1);
        assert_eq!(check("docs/a.md", concat!("../", "shared/data"), 12), 1);
        assert_eq!(check("docs/a.md", concat!("TRINITY_", "SHARED=/x"), 12), 1);
    }
}
