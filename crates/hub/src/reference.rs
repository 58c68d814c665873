//! What a user may call a model: a name, a path, `hf:organisation/repository/file`, a URL.

use std::path::PathBuf;

use crate::{Entry, Error, Source, catalogue};

/// A parsed reference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reference {
    /// Of the catalogue.
    Named(Box<Entry>),
    /// A file on this machine.
    Path(PathBuf),
    /// A file that is elsewhere: the name it is kept under, its file name, where it comes from.
    Remote { name: String, file: String, source: Source },
}

impl Reference {
    /// A file that exists wins; then schemes, then names.
    pub(crate) fn parse(text: &str, entries: &[Entry]) -> Result<Self, Error> {
        if let Some(rest) = text.strip_prefix("hf:") {
            return hugging_face(text, rest);
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            let file = text.split(['?', '#']).next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
            let name = format!("url-{}", file.trim_end_matches(".gguf"));
            check(&name)?;
            return Ok(Self::Remote { name, file: checked_file(file)?, source: Source::Url { url: text.to_owned() } });
        }
        let path = PathBuf::from(text);
        if path.symlink_metadata().is_ok() {
            return Ok(Self::Path(path));
        }
        if let Some(entry) = catalogue::find(entries, text) {
            return Ok(Self::Named(Box::new(entry.clone())));
        }
        if text.contains(['/', '\\']) || text.ends_with(".gguf") {
            return Err(Error::NoFile(path));
        }
        check(text)?;
        Err(Error::Unknown { name: text.to_owned(), nearest: catalogue::nearest(entries, text) })
    }
}

fn hugging_face(text: &str, rest: &str) -> Result<Reference, Error> {
    let bad = || Error::BadName(text.to_owned());
    let mut pieces = rest.splitn(3, '/');
    let (Some(owner), Some(repository), Some(file)) = (pieces.next(), pieces.next(), pieces.next()) else {
        return Err(bad());
    };
    for piece in [owner, repository].into_iter().chain(file.split('/')) {
        check(piece).map_err(|_| bad())?;
    }
    let file_name = checked_file(file.rsplit('/').next().unwrap_or_default())?;
    Ok(Reference::Remote {
        name: format!("hf-{owner}-{repository}-{}", file_name.trim_end_matches(".gguf")),
        file: file_name,
        source: Source::HuggingFace { repository: format!("{owner}/{repository}"), file: file.to_owned() },
    })
}

fn checked_file(file: &str) -> Result<String, Error> {
    check(file)?;
    if file.ends_with(".gguf") { Ok(file.to_owned()) } else { Err(Error::BadName(file.to_owned())) }
}

/// Names become folders, so they must not be able to leave theirs.
pub(crate) fn check(name: &str) -> Result<(), Error> {
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "._:-".contains(c));
    if is_plain && !name.is_empty() && !name.starts_with('.') && name.len() <= 200 {
        Ok(())
    } else {
        Err(Error::BadName(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Reference, Error> {
        Reference::parse(text, catalogue())
    }

    #[test]
    fn references_of_each_kind() {
        assert!(matches!(parse("smollm2:135m"), Ok(Reference::Named(_))));
        assert!(matches!(parse("/nowhere/x.gguf"), Err(Error::NoFile(_))));
        assert!(matches!(parse("x.gguf"), Err(Error::NoFile(_))));
        assert!(matches!(parse("no-such-model"), Err(Error::Unknown { .. })));
        let Ok(Reference::Remote { name, file, .. }) = parse("hf:org/repo/sub/m.gguf") else { panic!("not remote") };
        assert_eq!((name.as_str(), file.as_str()), ("hf-org-repo-m", "m.gguf"));
        assert!(matches!(parse("https://host/a/m.gguf?x=1"), Ok(Reference::Remote { .. })));
    }

    #[test]
    fn nothing_leaves_its_folder() {
        for bad in [
            "hf:org/../m.gguf",
            "hf:org/repo/../../m.gguf",
            "hf:org/repo",
            "https://host/..",
            "https://host/.gguf",
            "a\nb",
            "hf:o/r/m.bin",
        ] {
            assert!(matches!(parse(bad), Err(Error::BadName(_))), "{bad:?}");
        }
    }
}
