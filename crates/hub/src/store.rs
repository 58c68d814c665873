//! The folder of pulled models: `HOME/models/FOLDER/FILE`, beside each an `origin.json` that says where it came from.

use std::{
    fmt::Write,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Error, Hub, part,
    reference::{self, Reference},
};

const ORIGIN: &str = "origin.json";
/// Longest `origin.json` that is read; a longer one counts as none.
const ORIGIN_BYTES_MAX: u64 = 1 << 20;
pub(crate) const BUFFER_BYTES: usize = 1 << 16;

/// A model that was pulled. `name` is what it was pulled as, and can be called; `path` is its file, of a split model
/// the first, and `sha256` the hash of that file when it came; `bytes` is the size of all its files, `source` says
/// where they came from, and `modified` when.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Installed {
    pub name: String,
    pub path: PathBuf,
    pub bytes: u64,
    pub sha256: String,
    pub source: String,
    pub modified: Option<SystemTime>,
}

/// Content of a model's `origin.json`: where its files came from.
#[derive(Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) name: String,
    pub(crate) files: Vec<OriginFile>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct OriginFile {
    pub(crate) file: String,
    pub(crate) sha256: String,
    pub(crate) source: String,
}

impl Origin {
    /// Writes `origin.json` into `folder`, whole or not at all.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Error> {
        write_json(&folder.join(ORIGIN), self)
    }

    fn read(folder: &Path) -> Option<Self> {
        let mut text = Vec::new();
        let file = File::open(folder.join(ORIGIN)).ok()?;
        file.take(ORIGIN_BYTES_MAX).read_to_end(&mut text).ok()?;
        let origin: Self = serde_json::from_slice(&text).ok()?;
        // The file may have been edited: its names must still not leave the folder.
        let is_sound =
            !origin.files.is_empty() && origin.files.iter().all(|f| reference::check_stored(&f.file).is_ok());
        is_sound.then_some(origin)
    }
}

impl Hub {
    /// Returns all pulled models, by name.
    pub fn installed(&self) -> Result<Vec<Installed>, Error> {
        let models = self.settings.models();
        let entries = match fs::read_dir(&models) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(Error::Io { path: models, source }),
        };
        let mut installed: Vec<Installed> = entries.flatten().filter_map(|e| read(&e.path())).collect();
        installed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(installed)
    }

    /// Removes a pulled model, and what an unfinished pull left of it; refuses what this program did not put there.
    /// Returns the number of bytes freed.
    pub fn remove(&self, reference: &str) -> Result<u64, Error> {
        let not_ours = |why: String| Error::NotOurs { name: reference.to_owned(), why };
        let installed = self.installed()?.into_iter().find(|m| m.name == reference);
        let installed = installed.or_else(|| self.by_own_name(reference));
        let folder = match (installed.and_then(|m| m.path.parent().map(Path::to_owned)), self.wanted(reference)) {
            (_, Ok(Reference::Wanted(wanted))) if wanted.name == crate::EMBEDDED => {
                return Err(not_ours("it is part of the program".to_owned()));
            }
            (_, Ok(Reference::Wanted(wanted))) => self.settings.models().join(wanted.folder),
            (None, Ok(Reference::Repository(repository))) => {
                let pulled = self.pulled_of(&repository).and_then(|m| m.path.parent().map(Path::to_owned));
                pulled.ok_or_else(|| Error::NotInstalled { name: reference.to_owned() })?
            }
            // A name that has left the catalogue since.
            (Some(folder), _) => folder,
            (None, Ok(Reference::Path(_))) => {
                return Err(not_ours("it is a file that was not pulled; delete it as any other".to_owned()));
            }
            (None, Err(error)) => return Err(error),
        };
        let Some(_lock) = self.try_lock(&folder)? else { return Err(Error::Busy(reference.to_owned())) };
        match folder.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(not_ours(format!("{} is no folder that a pull made", folder.display()))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(match self.resolve(reference) {
                    Ok(crate::Resolved::File(path)) => {
                        not_ours(format!("{} is in the shared Hugging Face cache", path.display()))
                    }
                    _ => Error::NotInstalled { name: reference.to_owned() },
                });
            }
            Err(source) => return Err(Error::Io { path: folder, source }),
        }
        let mut freed = 0;
        for entry in fs::read_dir(&folder).map_err(Error::io(&folder))?.flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                if part::is_leftover(&name) {
                    fs::remove_dir_all(&path).map_err(Error::io(&path))?;
                }
            } else if name == ORIGIN || part::is_leftover(&name) || reference::check_stored(&name).is_ok() {
                freed += entry.metadata().ok().filter(|_| name != ORIGIN).map_or(0, |m| m.len());
                fs::remove_file(&path).map_err(Error::io(&path))?;
            }
        }
        // Something else in the folder stays, and so does the folder.
        let _ = fs::remove_dir(&folder);
        Ok(freed)
    }
}

fn read(folder: &Path) -> Option<Installed> {
    if !folder.symlink_metadata().ok()?.is_dir() {
        return None;
    }
    let origin = Origin::read(folder)?;
    let mut bytes = 0;
    for file in &origin.files {
        bytes += folder.join(&file.file).symlink_metadata().ok().filter(fs::Metadata::is_file)?.len();
    }
    let first = origin.files.into_iter().next()?;
    let path = folder.join(first.file);
    let modified = path.metadata().ok()?.modified().ok();
    Some(Installed { name: origin.name, path, bytes, sha256: first.sha256, source: first.source, modified })
}

/// Writes `value` into a file beside `path` and renames it, so that `path` is never half written.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let new = path.with_extension("json.new");
    let wrong = |source| Error::write(path, None, source);
    let text = serde_json::to_vec_pretty(value).map_err(|e| wrong(e.into()))?;
    let written = fs::write(&new, text).and_then(|()| fs::rename(&new, path));
    written.map_err(|source| {
        let _ = fs::remove_file(&new);
        wrong(source)
    })
}

/// Returns the SHA-256 of `bytes` in lower-case hex.
pub(crate) fn hex_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hash_file(path: &Path) -> Result<String, Error> {
    let mut hash = Sha256::new();
    let mut file = File::open(path).map_err(Error::io(path))?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(n) => hash.update(buffer.get(..n).unwrap_or_default()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(Error::Io { path: path.to_owned(), source }),
        }
    }
}

/// Spells bytes in lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
