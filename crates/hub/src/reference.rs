//! What a user may call a model: a name, a path, `hf:organisation/repository/file`, a URL.
//!
//! Names become folders and files below the hub's home, so what they may hold is decided here, once.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    Entry, Error, Source, catalogue::Catalogue, pull::Expected, repository::Repository, source::address, store::hex_of,
};

/// Largest length of a name, path segment or version.
const WORD_BYTES_MAX: usize = 128;
const URL_BYTES_MAX: usize = 4096;
/// Largest number of files of one split model.
const PARTS_MAX: u32 = 1000;
/// Ending of the name of a model file.
pub(crate) const EXTENSION: &str = ".gguf";
/// Branch that is meant where a reference names none.
pub(crate) const MAIN: &str = "main";
/// Spellings of Hugging Face before the name of a repository, here and where people copy it from.
const HUGGING_FACE: [&str; 5] = ["hf:", "hf.co/", "huggingface.co/", "https://hf.co/", "https://huggingface.co/"];

/// Endings of the files that can lie in the store.
const STORED: [&str; 2] = [EXTENSION, ".tri"];
/// Endings that make a word the name of a file here and not that of a model.
const LOCAL_EXTENSIONS: [&str; 3] = [EXTENSION, ".tri", ".safetensors"];
/// Words that cannot be names of families, since they would be mistaken for a scheme.
const TAKEN: &[&str] = &["hf", "hf.co", "url", "path", "file", "http", "https"];

/// A parsed reference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reference {
    /// Path of a file on this machine.
    Path(PathBuf),
    /// Model that has a place in the store.
    Wanted(Wanted),
    /// Repository of which a file is still to be picked.
    Repository(Repository),
}

/// A model that can be pulled, with the place it will have in the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Wanted {
    /// Name of the model as the user calls it, in full.
    pub(crate) name: String,
    /// Name of the model's folder in the store.
    pub(crate) folder: String,
    /// Files of the model, the one to open first; more than one if it is split.
    pub(crate) files: Vec<WantedFile>,
    /// Terms to be shown before a download.
    pub(crate) terms: Option<String>,
    pub(crate) licence: Option<String>,
    /// Rough size of the model, where nobody knows it exactly.
    pub(crate) about_bytes: Option<u64>,
}

/// One file of a model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct WantedFile {
    pub(crate) file: String,
    pub(crate) expected: Expected,
    pub(crate) sources: Vec<Source>,
}

impl Reference {
    /// Parses what a user calls a model: schemes come first, then names, then paths. A file that is called as a model
    /// is written `./NAME`.
    pub(crate) fn parse(text: &str, catalogue: &Catalogue) -> Result<Self, Error> {
        let bad = |why: String| Error::BadName { text: text.to_owned(), why };
        if let Some(rest) = of_hugging_face(text) {
            return hugging_face(text, rest).map_err(bad);
        }
        if text.contains("://") {
            return url(text).map(Self::Wanted).map_err(bad);
        }
        if let Some(entry) = catalogue.find(text) {
            return Ok(Self::Wanted(entry.wanted()));
        }
        let path = PathBuf::from(text);
        if !text.is_empty() && path.symlink_metadata().is_ok() {
            return regular(&path).map(|()| Self::Path(path));
        }
        if text.contains(['/', '\\']) || LOCAL_EXTENSIONS.iter().any(|end| text.ends_with(end)) {
            return Err(Error::NoFile(path));
        }
        check_name(text).map_err(bad)?;
        Err(Error::Unknown { name: text.to_owned(), nearest: catalogue.nearest(text) })
    }
}

impl Entry {
    pub(crate) fn wanted(&self) -> Wanted {
        let bytes = self.sha256.is_some().then_some(self.bytes);
        let expected = Expected { bytes, sha256: self.sha256.clone(), is_announced: self.sha256.is_none() };
        let file = WantedFile { file: self.file.clone(), expected, sources: self.sources.clone() };
        Wanted {
            name: self.name.clone(),
            folder: folder_of(&self.name),
            files: vec![file],
            terms: self.terms.clone(),
            licence: Some(self.licence.clone()),
            about_bytes: Some(self.bytes),
        }
    }
}

/// Checks that `path` is a regular file: opening anything else could block for ever.
fn regular(path: &Path) -> Result<(), Error> {
    let kind = fs::metadata(path).map_err(Error::io(path))?.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let kind = if kind.is_dir() { "a folder" } else { "a device, pipe or socket" };
    Err(Error::NotAFile { path: path.to_owned(), kind })
}

/// Makes the source of `file` in `repository`, and checks that each piece of the names is a plain word.
pub(crate) fn of_repository(repository: &str, file: &str, revision: &str) -> Result<Source, String> {
    let (owner, name) = repository.split_once('/').ok_or("a repository is ORGANISATION/NAME")?;
    [owner, name, revision].into_iter().try_for_each(check_word)?;
    file.split('/').try_for_each(check_segment)?;
    if !has_extension(file) {
        return Err(format!("{file:?} does not end in {EXTENSION}"));
    }
    Ok(Source::HuggingFace { repository: repository.to_owned(), file: file.to_owned(), revision: revision.to_owned() })
}

/// Returns what follows the words that mean Hugging Face; `None` for the address of a file, which is one like others.
fn of_hugging_face(text: &str) -> Option<&str> {
    let after = |start: &&str| text.get(..start.len()).filter(|s| s.eq_ignore_ascii_case(start)).map(str::len);
    let rest = text.get(HUGGING_FACE.iter().find_map(after)?..)?;
    let is_download = text.contains("://") && rest.split('/').nth(2) == Some("resolve");
    (!is_download).then_some(rest)
}

/// Parses a repository, or `organisation/repository[@revision]/path/of/file.gguf`, also as the site's pages spell it.
fn hugging_face(text: &str, rest: &str) -> Result<Reference, String> {
    let pieces: Vec<&str> = rest.trim_end_matches('/').splitn(5, '/').collect();
    match pieces.as_slice() {
        [] | [_] => Err("it needs a repository: hf:ORGANISATION/REPOSITORY".to_owned()),
        [owner, name] => Repository::parse(&format!("{owner}/{name}")).map(Reference::Repository),
        [owner, name, "blob" | "resolve", revision, path] => {
            let revision = if *revision == MAIN { String::new() } else { format!("@{revision}") };
            hugging_face_file(&format!("hf:{owner}/{name}{revision}/{path}")).map(Reference::Wanted)
        }
        _ if text.starts_with("hf:") => hugging_face_file(text).map(Reference::Wanted),
        _ => hugging_face_file(&format!("hf:{rest}")).map(Reference::Wanted),
    }
}

/// Parses `hf:organisation/repository[@revision]/path/of/file.gguf`; `%20` in the path is a space, as in an address.
pub(crate) fn hugging_face_file(text: &str) -> Result<Wanted, String> {
    let rest = text.strip_prefix("hf:").unwrap_or(text);
    let mut pieces = rest.splitn(3, '/');
    let (Some(owner), Some(repository), Some(path)) = (pieces.next(), pieces.next(), pieces.next()) else {
        return Err("it needs a file: hf:ORGANISATION/REPOSITORY/FILE.gguf".to_owned());
    };
    let place = format!("hf:{owner}/{repository}");
    let (repository, revision) = repository.split_once('@').unwrap_or((repository, MAIN));
    let repository = format!("{owner}/{repository}");
    let path = address::decode_path(path)?;
    let parts = split_names(&path)?;
    let files = parts.iter().map(|path| {
        let source = of_repository(&repository, path, revision)?;
        Ok(WantedFile { file: last(path).to_owned(), expected: Expected::default(), sources: vec![source] })
    });
    let files = files.collect::<Result<_, String>>()?;
    // A plus stands for a slash in names of folders.
    let path = path.replace('%', "%25").replace('+', "%2B");
    let folder = folder_of(&format!("{place}/{path}"));
    Ok(Wanted { name: text.to_owned(), folder, files, terms: None, licence: None, about_bytes: None })
}

/// Parses `https://…/file.gguf`, perhaps with `#sha256=…` behind it.
fn url(text: &str) -> Result<Wanted, String> {
    check_url(text)?;
    let (address, fragment) = text.split_once('#').unwrap_or((text, ""));
    let sha256 = match fragment.split_once('=') {
        Some(("sha256", hex)) if hex.len() == 64 && hex.chars().all(|c| c.is_ascii_hexdigit()) => {
            Some(hex.to_ascii_lowercase())
        }
        None if fragment.is_empty() => None,
        _ => return Err("after # only sha256= and 64 hex digits can stand".to_owned()),
    };
    let (path, query) = address.split_once('?').map_or((address, None), |(p, q)| (p, Some(q)));
    let written = last(path);
    let file = address::decode_path(written)?;
    check_file(&file)?;
    let parts = split_names(&file)?;
    if parts.len() > 1 && sha256.is_some() {
        return Err("a split model has no single SHA-256".to_owned());
    }
    let base = path.strip_suffix(written).unwrap_or(path);
    let files = parts.iter().map(|file| {
        let part = if parts.len() == 1 { written.to_owned() } else { address::encode_path(file) };
        let url = query.map_or_else(|| format!("{base}{part}"), |q| format!("{base}{part}?{q}"));
        let expected = Expected { sha256: sha256.clone(), ..Expected::default() };
        WantedFile { file: file.clone(), expected, sources: vec![Source::Url { url }] }
    });
    let hash: String = hex_of(address.as_bytes()).chars().take(16).collect();
    let folder = format!("url+{hash}+{file}");
    let files = files.collect();
    Ok(Wanted { name: text.to_owned(), folder, files, terms: None, licence: None, about_bytes: None })
}

/// Returns the names of all files of a split model, given the first (`…-00001-of-00003.gguf`); of any other, its own.
pub(crate) fn split_names(path: &str) -> Result<Vec<String>, String> {
    let numbers = || {
        let stem = path.strip_suffix(EXTENSION)?;
        let (rest, n) = stem.rsplit_once("-of-")?;
        let (stem, i) = rest.rsplit_once('-')?;
        let number = |t: &str| (t.len() == 5).then(|| t.parse::<u32>().ok()).flatten();
        Some((stem, number(i)?, number(n)?))
    };
    match numbers() {
        None => Ok(vec![path.to_owned()]),
        Some((stem, 1, n @ 1..=PARTS_MAX)) => {
            Ok((1..=n).map(|i| format!("{stem}-{i:05}-of-{n:05}{EXTENSION}")).collect())
        }
        Some((stem, i, n)) => Err(format!(
            "it is part {i} of {n}; a split model of at most {PARTS_MAX} parts is named by its first, {:?}",
            format!("{stem}-00001-of-{n:05}{EXTENSION}")
        )),
    }
}

/// Returns the folder of a name, one for each: `:` and `/` become `+`, and no name holds a `+` together with these.
pub(crate) fn folder_of(name: &str) -> String {
    name.replace([':', '/'], "+")
}

pub(crate) fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn has_extension(file: &str) -> bool {
    file.len() > EXTENSION.len() && file.ends_with(EXTENSION)
}

/// Checks that a word cannot leave its folder.
pub(crate) fn check_word(word: &str) -> Result<(), String> {
    if word.is_empty() || word.len() > WORD_BYTES_MAX {
        return Err(format!("a name has 1 to {WORD_BYTES_MAX} characters, not {}", word.len()));
    }
    if word.starts_with(['.', '-']) {
        return Err("a name begins with neither . nor -".to_owned());
    }
    if !word.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
        return Err("names hold letters, digits and . _ - only".to_owned());
    }
    Ok(())
}

/// Checks that a piece of the path of a file cannot leave its folder, on any system.
fn check_segment(segment: &str) -> Result<(), String> {
    if segment.is_empty() || segment.len() > WORD_BYTES_MAX {
        return Err(format!("the name of a file has 1 to {WORD_BYTES_MAX} bytes, not {}", segment.len()));
    }
    if segment.starts_with(['.', '-', ' ']) || segment.ends_with(['.', ' ']) {
        return Err("the name of a file begins with neither . nor - and has no space at its ends".to_owned());
    }
    match segment.chars().find(|c| c.is_control() || "/\\:*?\"<>|".contains(*c)) {
        Some(bad) => Err(format!("the name of a file holds no {bad:?}")),
        None => Ok(()),
    }
}

/// Checks the spelling of a name: `family` or `family:size`.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let (family, size) = name.split_once(':').map_or((name, None), |(f, s)| (f, Some(s)));
    check_word(family)?;
    size.map_or(Ok(()), check_word)?;
    if size.is_some() && TAKEN.contains(&family.to_ascii_lowercase().as_str()) {
        return Err(format!("{family}: is taken by another kind of reference"));
    }
    Ok(())
}

/// Checks the name of a file to be pulled.
pub(crate) fn check_file(file: &str) -> Result<(), String> {
    check_segment(file)?;
    if has_extension(file) { Ok(()) } else { Err(format!("{file:?} does not end in {EXTENSION}")) }
}

/// Checks the name of a file in the store: a pulled one, or a copy of one that was made here.
pub(crate) fn check_stored(file: &str) -> Result<(), String> {
    check_segment(file)?;
    let has_stem = |end: &&&str| file.len() > end.len() && file.ends_with(**end);
    let is_known = STORED.iter().any(|end| has_stem(&end));
    if is_known { Ok(()) } else { Err(format!("{file:?} does not end in {}", STORED.join(" or "))) }
}

/// Checks that an address may be dialled.
pub(crate) fn check_url(url: &str) -> Result<(), String> {
    if url.len() > URL_BYTES_MAX {
        return Err(format!("a URL has at most {URL_BYTES_MAX} bytes, not {}", url.len()));
    }
    address::Address::parse(url.split('#').next().unwrap_or_default()).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    fn parse(text: &str) -> Result<Reference, Error> {
        let catalogue = Catalogue::load(&Settings::new("/nowhere/at/all")).unwrap();
        Reference::parse(text, &catalogue)
    }

    fn wanted(text: &str) -> Wanted {
        match parse(text) {
            Ok(Reference::Wanted(wanted)) => wanted,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn references_of_each_kind() {
        assert_eq!(wanted("smollm2:135m").folder, "smollm2+135m");
        assert_eq!(wanted("SmolLM2").name, "smollm2:135m");
        assert!(matches!(parse("/nowhere/x.gguf"), Err(Error::NoFile(_))));
        for name in ["x.gguf", "x.tri", "x.safetensors"] {
            assert!(matches!(parse(name), Err(Error::NoFile(_))), "{name}");
        }
        assert!(matches!(parse("no-such-model"), Err(Error::Unknown { .. })));
        assert!(matches!(parse(env!("CARGO_MANIFEST_DIR")), Err(Error::NotAFile { kind: "a folder", .. })));
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert_eq!(parse(manifest).unwrap(), Reference::Path(manifest.into()));
        let hf = wanted("hf:org/repo@v1/sub/m.gguf");
        assert_eq!((hf.folder.as_str(), hf.files[0].file.as_str()), ("hf+org+repo@v1+sub+m.gguf", "m.gguf"));
        assert_eq!(
            hf.files[0].sources,
            [Source::HuggingFace {
                repository: "org/repo".to_owned(),
                file: "sub/m.gguf".to_owned(),
                revision: "v1".to_owned()
            }]
        );
        let url = wanted(&format!("https://host/a/m.gguf?x=1#sha256={}", "AB".repeat(32)));
        assert_eq!(url.files[0].expected.sha256, Some("ab".repeat(32)));
        assert_eq!(url.files[0].sources, [Source::Url { url: "https://host/a/m.gguf?x=1".to_owned() }]);
    }

    #[test]
    fn repositories_are_named_in_many_ways() {
        let repository = |text: &str| match parse(text) {
            Ok(Reference::Repository(r)) => (r.id(), r.revision, r.quant),
            other => panic!("{text}: {other:?}"),
        };
        let expected = |revision: &str, quant: Option<&str>| {
            ("Org/Repo".to_owned(), revision.to_owned(), quant.map(str::to_owned))
        };
        for text in [
            "hf:Org/Repo",
            "HF:Org/Repo/",
            "hf.co/Org/Repo",
            "https://huggingface.co/Org/Repo",
            "hf.co/Org/Repo:latest",
        ] {
            assert_eq!(repository(text), expected("main", None), "{text}");
        }
        assert_eq!(repository("hf:Org/Repo:q4_k_m"), expected("main", Some("q4_k_m")));
        assert_eq!(repository("hf.co/Org/Repo@v1:M.gguf"), expected("v1", Some("M.gguf")));
        for text in [
            "hf.co/org/repo/m.gguf",
            "hf.co/org/repo/blob/main/m.gguf",
            "https://huggingface.co/org/repo/blob/main/m.gguf",
        ] {
            assert_eq!(wanted(text).name, "hf:org/repo/m.gguf", "{text}");
        }
        let url = "https://huggingface.co/org/repo/resolve/main/m.gguf";
        assert_eq!(wanted(url).name, url);
    }

    #[test]
    fn equal_file_names_of_different_places_do_not_meet() {
        let folders = [
            "https://a.example/m.gguf",
            "https://b.example/m.gguf",
            "https://a.example/m.gguf?v=2",
            "hf:a-b/c/m.gguf",
            "hf:a/b-c/m.gguf",
            "hf:a/b/c/m.gguf",
            "hf:a/b@c/m.gguf",
            "hf:a/b/c+m.gguf",
            "hf:a/b/c%2525m.gguf",
            "hf:a/b/c%m.gguf",
            "hf:a/b/c m.gguf",
        ];
        let unique: std::collections::HashSet<String> = folders.iter().map(|f| wanted(f).folder).collect();
        assert_eq!(unique.len(), folders.len());
    }

    #[test]
    fn a_split_model_is_all_its_files() {
        let files = |text: &str| wanted(text).files.into_iter().map(|f| f.file).collect::<Vec<_>>();
        let parts = ["m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf"];
        assert_eq!(files("hf:org/repo/m-00001-of-00003.gguf"), parts);
        assert_eq!(files("https://host/m-00001-of-00003.gguf"), parts);
        assert_eq!(files("https://host/m-1-of-3.gguf"), ["m-1-of-3.gguf"]);
        for bad in ["m-00002-of-00003.gguf", "m-00001-of-99999.gguf", "m-00000-of-00000.gguf"] {
            assert!(matches!(parse(&format!("hf:o/r/{bad}")), Err(Error::BadName { .. })), "{bad}");
        }
    }

    #[test]
    fn nothing_leaves_its_folder() {
        let long = format!("hf:o/r/{}.gguf", "x".repeat(200));
        for bad in [
            "hf:org/../m.gguf",
            "hf:org/repo/../../m.gguf",
            "hf:org/repo@../m.gguf",
            "hf:org/repo//m.gguf",
            "hf:org/repo/.m.gguf",
            "hf:org",
            "hf:org/repo:../x",
            "hf:o/r/m.bin",
            "hf:o/r/%2e%2e/m.gguf",
            "hf:o/r/%ff.gguf",
            "hf:o/r/ a.gguf",
            "hf:o/r/a\\b.gguf",
            "hf:o/r/a%00b.gguf",
            "https://host/a%2Fb.gguf",
            "https://host/%2E%2E%2Fm.gguf",
            &long,
            "https://host/..",
            "https://host/.gguf",
            "https://host/m.gguf#md5=1",
            "https://host/m.gguf#sha256=12",
            "https:///m.gguf",
            "ftp://host/m.gguf",
            "file:///etc/m.gguf",
            "https://user:password@host/m.gguf",
            "a\nb",
            "..",
            "",
            "a:b:c",
            "http:x",
        ] {
            assert!(
                matches!(parse(bad), Err(Error::BadName { .. } | Error::NotAFile { .. })),
                "{bad:?}: {:?}",
                parse(bad)
            );
        }
    }
}
