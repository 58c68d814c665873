//! The folder of downloaded models: `HOME/models/NAME/FILE`, beside each an `origin.json` that says where it came from.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::{Deserialize, Serialize};

use crate::{Error, Hub};

/// A model that was pulled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Installed {
    /// Name it was pulled under.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// Size.
    pub bytes: u64,
    /// SHA-256 when it came.
    pub sha256: String,
    /// The source that gave it.
    pub source: String,
    /// When it came.
    pub modified: Option<SystemTime>,
}

/// `origin.json`
#[derive(Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) sha256: String,
    pub(crate) source: String,
}

const ORIGIN: &str = "origin.json";

pub(crate) struct Store {
    models: PathBuf,
}

impl Store {
    pub(crate) fn new(home: &Path) -> Self {
        Self { models: home.join("models") }
    }

    /// The folder of `name`, whose colons some file systems do not take.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.models.join(name.replace(':', "-"))
    }

    pub(crate) fn path(&self, name: &str, file: &str) -> PathBuf {
        self.folder(name).join(file)
    }

    pub(crate) fn write_origin(&self, origin: &Origin) -> Result<(), Error> {
        let path = self.folder(&origin.name).join(ORIGIN);
        let text = serde_json::to_vec_pretty(origin).unwrap_or_default();
        fs::write(&path, text).map_err(|source| Error::Io { path, source })
    }
}

impl Hub {
    /// All pulled models, by name.
    pub fn installed(&self) -> Result<Vec<Installed>, Error> {
        let models = self.store().models;
        let entries = match fs::read_dir(&models) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(Error::Io { path: models, source }),
        };
        let mut installed: Vec<Installed> = entries.flatten().filter_map(|e| read(&e.path())).collect();
        installed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(installed)
    }

    /// Removes a pulled model; refuses what this program did not put there. Gives the bytes freed.
    pub fn remove(&self, name: &str) -> Result<u64, Error> {
        let canonical = self.entry(name)?.map_or_else(|| name.to_owned(), |e| e.name);
        let found = self.installed()?.into_iter().find(|m| m.name == canonical);
        let Some(model) = found else { return Err(Error::NotInstalled { name: name.to_owned() }) };
        let folder = self.store().folder(&model.name);
        for file in [model.path.clone(), folder.join(ORIGIN)] {
            fs::remove_file(&file).map_err(|source| Error::Io { path: file, source })?;
        }
        // Something else in the folder stays, and so does the folder.
        let _ = fs::remove_file(folder.join(crate::pull::LOCK));
        let _ = fs::remove_dir(&folder);
        Ok(model.bytes)
    }
}

fn read(folder: &Path) -> Option<Installed> {
    let origin: Origin = serde_json::from_slice(&fs::read(folder.join(ORIGIN)).ok()?).ok()?;
    crate::reference::check(&origin.file).ok()?;
    let path = folder.join(&origin.file);
    let metadata = path.metadata().ok()?;
    Some(Installed {
        name: origin.name,
        bytes: metadata.len(),
        modified: metadata.modified().ok(),
        path,
        sha256: origin.sha256,
        source: origin.source,
    })
}
