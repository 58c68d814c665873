//! The cache that Hugging Face's own programs share: `models--ORG--NAME/snapshots/COMMIT/FILE`, links to `blobs/HASH`; `refs/BRANCH` holds
//! the commit of a branch. Source: the documentation of `huggingface_hub`, "Understand caching". Only read, never written.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    Source,
    pull::Expected,
    reference::{self, Wanted},
    store::hash_file,
};

/// The first file of a model, if one snapshot in `cache` holds all of them.
pub(crate) fn cached(cache: &Path, wanted: &Wanted) -> Option<PathBuf> {
    let first = wanted.files.first()?;
    first.sources.iter().find_map(|source| {
        let Source::HuggingFace { repository, revision, .. } = source else { return None };
        let is_any = revision == "main" || first.expected.sha256.is_some();
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

/// Snapshots that may stand for `revision`, its own first; any (`is_any`) where the branch is the default one, of which the owner of the
/// cache chose the state, or where the hash will tell.
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

/// Is it the file that is wanted? Blobs of large files are named by their SHA-256; where that says nothing, the bytes are hashed.
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
