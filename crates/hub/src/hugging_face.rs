//! The cache that Hugging Face's own programs share: `models--ORG--NAME/snapshots/COMMIT/FILE`, links to `blobs/HASH`;
//! `refs/BRANCH` holds the commit of a branch. Source: the documentation of `huggingface_hub`, "Understand caching".
//! Only read, never written.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    Source,
    pull::Expected,
    reference::{self, EXTENSION, MAIN, Wanted},
    repository::{self, Repository},
    store::hash_file,
};

/// Depth of folders down to which models are looked for in a snapshot.
const FOLDERS_MAX: usize = 3;

/// Returns the file that `repository` means, if a snapshot in `cache` holds it and all parts of it.
pub(crate) fn picked(cache: &Path, repository: &Repository) -> Option<PathBuf> {
    let folder = format!("models--{}--{}", repository.owner, repository.name);
    let is_it = |name: &str| name.eq_ignore_ascii_case(&folder);
    let names = fs::read_dir(cache).ok()?.flatten().filter_map(|e| e.file_name().into_string().ok());
    let name = names.into_iter().find(|name| is_it(name))?;
    let id = name.strip_prefix("models--")?.replacen("--", "/", 1);
    snapshots(cache, &id, &repository.revision, repository.revision == MAIN).into_iter().find_map(|snapshot| {
        let mut files = Vec::new();
        collect(&snapshot, "", FOLDERS_MAX, &mut files);
        files.sort();
        let paths: Vec<&str> = files.iter().map(String::as_str).collect();
        let path = *paths.get(repository::pick(&paths, repository.quant.as_deref()).ok()?)?;
        let parts = reference::split_names(path).ok()?;
        parts.iter().all(|part| snapshot.join(part).is_file()).then(|| snapshot.join(path))
    })
}

/// Collects the paths of models below `folder`.
fn collect(folder: &Path, prefix: &str, depth: usize, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().is_ok_and(|t| t.is_dir()) && depth > 0 {
            collect(&entry.path(), &format!("{path}/"), depth - 1, found);
        } else if path.ends_with(EXTENSION) {
            found.push(path);
        }
    }
}

/// Returns the first file of a model, if one snapshot in `cache` holds all of its files.
pub(crate) fn cached(cache: &Path, wanted: &Wanted) -> Option<PathBuf> {
    let first = wanted.files.first()?;
    first.sources.iter().find_map(|source| {
        let Source::HuggingFace { repository, revision, .. } = source else { return None };
        let is_any = revision == MAIN || first.expected.sha256.is_some();
        snapshots(cache, repository, revision, is_any).into_iter().find_map(|snapshot| {
            let paths = wanted.files.iter().map(|file| {
                let of_repository =
                    |s: &&Source| matches!(s, Source::HuggingFace { repository: r, .. } if r == repository);
                let Some(Source::HuggingFace { file: path, .. }) = file.sources.iter().find(of_repository) else {
                    return None;
                };
                let path = snapshot.join(path);
                is_right(&path, &file.expected).then_some(path)
            });
            paths.collect::<Option<Vec<_>>>()?.into_iter().next()
        })
    })
}

/// Returns the snapshots that may stand for `revision`, its own first. With `is_any` that is every snapshot: the branch
/// is the default one, whose state the owner of the cache chose, or the hash will tell.
fn snapshots(cache: &Path, repository: &str, revision: &str, is_any: bool) -> Vec<PathBuf> {
    let root = cache.join(format!("models--{}", repository.replace('/', "--")));
    let all = root.join("snapshots");
    let commit = fs::read_to_string(root.join("refs").join(revision)).unwrap_or_else(|_| revision.to_owned());
    let commit = commit.trim();
    let mut found = Vec::new();
    if reference::check_word(commit).is_ok() {
        found.push(all.join(commit));
    }
    if is_any {
        let mut others: Vec<PathBuf> = fs::read_dir(&all).into_iter().flatten().flatten().map(|e| e.path()).collect();
        others.sort();
        found.extend(others);
    }
    found
}

/// Whether the file at `path` is the expected one. Blobs of large files are named by their SHA-256; where that says
/// nothing, the bytes are hashed.
fn is_right(path: &Path, expected: &Expected) -> bool {
    let Ok(metadata) = fs::metadata(path) else { return false };
    if !metadata.is_file() || expected.bytes.is_some_and(|n| n != metadata.len()) {
        return false;
    }
    let Some(sha256) = &expected.sha256 else { return true };
    let blob = fs::canonicalize(path).ok();
    let blob = blob.as_ref().and_then(|p| p.file_name()).and_then(|n| n.to_str());
    blob == Some(sha256.as_str()) || hash_file(path).is_ok_and(|got| got == *sha256)
}
