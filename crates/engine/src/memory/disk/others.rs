//! What a cache folder holds of models that nobody serves: as much as one that is served may have, and nothing that can
//! never be read.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::{DiskCache, files::make_private_file, key_of};

/// Ending of the name of the file beside each model's part of the folder that the server of the model holds; alone, the
/// name of the file that whoever opens a part or removes what is old holds ([`alone`]).
const LOCK: &str = "lock";

/// Waits until nobody else opens a part of the folder or removes what is old: a part that is being opened is held by
/// nobody yet, and would be removed. `None` on file systems without locks.
pub(super) fn alone(folder: &Path) -> Option<File> {
    let lock = open(&folder.join(LOCK)).ok()?;
    lock.lock().ok().map(|()| lock)
}

/// Holds a part of the folder while its model is served, if it is to be had: without it, another server may take it for
/// one that nobody serves, which costs warmth.
pub(super) fn hold(part: &Path) -> Option<File> {
    let lock = open(&part.with_extension(LOCK)).ok()?;
    lock.try_lock_shared().ok().map(|()| lock)
}

fn open(lock: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    make_private_file(&mut options);
    options.open(lock)
}

/// Removes pages that nobody may read any more, and the oldest of the others, until they are no more than `bytes_max`.
/// `own` is not looked at, nor what others hold. What cannot be read or removed stays.
pub(super) fn shrink(cache: &DiskCache, own: &Path) {
    let _alone = alone(&cache.folder);
    let parts = parts_of(&cache.folder).into_iter().filter(|part| part != own);
    let mut held: Vec<(PathBuf, File)> = Vec::new();
    for part in parts {
        if let Ok(lock) = open(&part.with_extension(LOCK))
            && !matches!(lock.try_lock(), Err(TryLockError::WouldBlock))
        {
            held.push((part, lock));
        }
    }
    let mut pages = Vec::new();
    let mut n_bytes = 0;
    for path in held.iter().flat_map(|(part, _)| files_of(part)) {
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        if key_of(&path).is_some_and(|key| cache.may_be_read(key)) {
            n_bytes += metadata.len();
            pages.push((metadata.modified().ok(), metadata.len(), path));
        } else {
            let _ = fs::remove_file(path);
        }
    }
    pages.sort();
    for (_, page_bytes, path) in pages {
        if n_bytes <= cache.bytes_max {
            break;
        }
        n_bytes -= page_bytes;
        let _ = fs::remove_file(path);
    }
    for (part, _lock) in held {
        if files_of(&part).is_empty() {
            let _ = fs::remove_file(part.with_extension(LOCK));
            // Fails where there is something that is no file.
            let _ = fs::remove_dir(part);
        }
    }
}

/// Returns the folders that are named as those of models are.
fn parts_of(folder: &Path) -> Vec<PathBuf> {
    let is_part = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let is_named_so = name.len() == 64 && name.as_encoded_bytes().iter().all(u8::is_ascii_hexdigit);
        is_named_so && entry.file_type().is_ok_and(|kind| kind.is_dir())
    };
    entries(folder).filter(is_part).map(|entry| entry.path()).collect()
}

fn files_of(part: &Path) -> Vec<PathBuf> {
    let is_file = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_file());
    entries(part).filter(is_file).map(|entry| entry.path()).collect()
}

fn entries(folder: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}
