//! Packs: `testdata/<folder>/*.tar.xz`, unpacked once for each content of them.

use std::{
    collections::HashMap,
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::Cursor,
    path::{Path, PathBuf},
    process,
    sync::{Mutex, PoisonError},
};

use crate::derived;

/// Returns the path of the checkout's `testdata/`.
pub(crate) fn testdata() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata"))
}

/// Returns the folder into which the packs of `testdata/<folder>` are unpacked; `None` if it has none.
pub(crate) fn unpacked(folder: &str) -> Option<PathBuf> {
    // One thread of a process does the work, the others wait for it.
    static KNOWN: Mutex<Option<HashMap<String, Option<PathBuf>>>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if !known.contains_key(folder) {
        let path = unpack(&testdata().join(folder)).unwrap_or_else(|e| panic!("test data {folder}: {e}"));
        known.insert(folder.to_owned(), path);
    }
    known.get(folder).cloned().flatten()
}

/// Unpacks into a folder of this process and then renames it, so that nobody ever sees half of it.
fn unpack(folder: &Path) -> Result<Option<PathBuf>, String> {
    let packs = packs(folder)?;
    if packs.is_empty() {
        return Ok(None);
    }
    let mut hasher = DefaultHasher::new();
    packs.hash(&mut hasher);
    derived::recipe(folder)?.hash(&mut hasher);
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")), PathBuf::from);
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let complete = target.join("testdata").join(format!("{name}-{:016x}", hasher.finish()));
    if complete.exists() {
        return Ok(Some(complete));
    }
    let partial = complete.with_extension(format!("{}.part", process::id()));
    let at = |e: std::io::Error| format!("{}: {e}", partial.display());
    fs::create_dir_all(&partial).map_err(at)?;
    for (name, bytes) in packs {
        let xz = lzma_rust2::XzReader::new(Cursor::new(bytes), false);
        tar::Archive::new(xz).unpack(&partial).map_err(|e| format!("{name}: {e}"))?;
    }
    derived::derive(folder, &partial)?;
    // Another process may have been faster, with the same content.
    if let Err(e) = fs::rename(&partial, &complete) {
        fs::remove_dir_all(&partial).map_err(at)?;
        if !complete.exists() {
            return Err(format!("{}: {e}", complete.display()));
        }
    }
    Ok(Some(complete))
}

/// Returns the packs' names and bytes, in the order of their names.
fn packs(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, String> {
    let at = |e: std::io::Error| format!("{}: {e}", folder.display());
    let mut packs = Vec::new();
    for entry in fs::read_dir(folder).map_err(at)? {
        let path = entry.map_err(at)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".tar.xz") {
            packs.push((name, fs::read(&path).map_err(at)?));
        }
    }
    packs.sort();
    Ok(packs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_unpacks() {
        for entry in fs::read_dir(testdata()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                let name = path.file_name().unwrap().to_str().unwrap();
                assert_eq!(unpacked(name).is_some(), !packs(&path).unwrap().is_empty(), "{name}");
            }
        }
    }
}
