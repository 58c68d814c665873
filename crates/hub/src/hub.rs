//! [`Hub`]: one home folder, its models, and the caches it may look into.

use std::path::{Path, PathBuf};

use crate::{
    EMBEDDED, Entry, Error, Settings,
    catalogue::Catalogue,
    hugging_face,
    reference::{Reference, Wanted, WantedFile},
};

/// Where models are kept and looked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hub {
    pub(crate) settings: Settings,
    pub(crate) catalogue: Catalogue,
}

/// A model on this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resolved {
    /// The one compiled into the program.
    Embedded,
    /// A file; of a split model the first.
    File(PathBuf),
}

impl Hub {
    /// By the environment, as [`Settings`] says.
    pub fn from_environment(is_offline: bool) -> Result<Self, Error> {
        Self::new(Settings::from_variables(&|name| std::env::var_os(name), is_offline).ok_or(Error::NoHome)?)
    }

    /// A hub of its own. Reads the user's catalogue; makes no folder before the first pull.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let catalogue = Catalogue::load(&settings)?;
        Ok(Self { settings, catalogue })
    }

    /// The folder of models, history and caches.
    pub fn home(&self) -> &Path {
        &self.settings.home
    }

    /// All models that have names.
    pub fn catalogue(&self) -> &[Entry] {
        self.catalogue.entries()
    }

    /// What the catalogue says about a name.
    pub fn entry(&self, reference: &str) -> Option<&Entry> {
        self.catalogue.find(reference)
    }

    /// The file of a model that is on this machine; [`Error::NotInstalled`] says how to pull one that is not.
    ///
    /// Never touches the network. A pulled file is trusted by its size, since it was verified when it came; a file of the shared
    /// Hugging Face cache must have the catalogue's SHA-256 if the model has a name.
    pub fn resolve(&self, reference: &str) -> Result<Resolved, Error> {
        match Reference::parse(reference, &self.catalogue)? {
            Reference::Path(path) => Ok(Resolved::File(path)),
            Reference::Wanted(wanted) if wanted.name == EMBEDDED => Ok(Resolved::Embedded),
            Reference::Wanted(wanted) => {
                let found = self.present(&wanted).or_else(|| self.cached(&wanted));
                found.map(Resolved::File).ok_or_else(|| Error::NotInstalled { name: reference.to_owned() })
            }
        }
    }

    /// The first file of a model in the store, if all of its files are there.
    pub(crate) fn present(&self, wanted: &Wanted) -> Option<PathBuf> {
        wanted.files.iter().all(|file| self.has(wanted, file)).then(|| self.path(wanted, wanted.files.first()))?
    }

    /// Is this file in the store? A link does not count: the store holds what was pulled into it.
    pub(crate) fn has(&self, wanted: &Wanted, file: &WantedFile) -> bool {
        let metadata = self.path(wanted, Some(file)).and_then(|p| p.symlink_metadata().ok());
        metadata.is_some_and(|m| m.is_file() && file.expected.bytes.is_none_or(|n| n == m.len()))
    }

    fn path(&self, wanted: &Wanted, file: Option<&WantedFile>) -> Option<PathBuf> {
        file.map(|file| self.settings.models().join(&wanted.folder).join(&file.file))
    }

    /// The first file of a model in the shared Hugging Face cache, if all of its files are there.
    fn cached(&self, wanted: &Wanted) -> Option<PathBuf> {
        hugging_face::cached(self.settings.hugging_face_cache.as_ref()?, wanted)
    }
}
