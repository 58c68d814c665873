//! [`Hub`]: one home folder, its models, and the caches it may look into.

use std::path::{Path, PathBuf};

use crate::{
    EMBEDDED, Entry, Error, RepositoryFile, Settings,
    catalogue::{Catalogue, LATEST},
    hugging_face,
    reference::{self, Reference, Wanted, WantedFile},
    repository::{self, Repository, listing::Listing},
    store::Installed,
};

/// A home folder of models, and the places where models are looked for and fetched from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hub {
    pub(crate) settings: Settings,
    pub(crate) catalogue: Catalogue,
}

/// A model that is on this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resolved {
    /// The model that is compiled into the program.
    Embedded,
    /// Path of the model's file; of a split model that of the first.
    File(PathBuf),
}

impl Hub {
    /// Opens the hub that the environment describes, as [`Settings`] says.
    pub fn from_environment(is_offline: bool) -> Result<Self, Error> {
        Self::new(Settings::from_variables(&|name| std::env::var_os(name), is_offline).ok_or(Error::NoHome)?)
    }

    /// Opens the hub of `settings`. Reads the user's catalogue; makes no folder before the first pull.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let catalogue = Catalogue::load(&settings)?;
        Ok(Self { settings, catalogue })
    }

    /// Returns the folder of models, history and caches.
    pub fn home(&self) -> &Path {
        &self.settings.home
    }

    /// Returns the entries of the catalogue, the user's own included.
    pub fn catalogue(&self) -> &[Entry] {
        self.catalogue.entries()
    }

    /// Returns the catalogue's entry for a name.
    pub fn entry(&self, reference: &str) -> Option<&Entry> {
        self.catalogue.find(reference)
    }

    /// Returns the file of a model that is on this machine; [`Error::NotInstalled`] says how to pull one that is not.
    ///
    /// Never touches the network. A pulled file is trusted by its size, since it was verified when it came; a file of
    /// the shared Hugging Face cache must have the catalogue's SHA-256 if the model has a name.
    pub fn resolve(&self, reference: &str) -> Result<Resolved, Error> {
        if let Some(model) = self.by_own_name(reference) {
            return Ok(Resolved::File(model.path));
        }
        let found = match Reference::parse(reference, &self.catalogue)? {
            Reference::Path(path) => return Ok(Resolved::File(path)),
            Reference::Wanted(wanted) if wanted.name == EMBEDDED => return Ok(Resolved::Embedded),
            Reference::Wanted(wanted) => self.present(&wanted).or_else(|| self.cached(&wanted)),
            Reference::Repository(repository) => {
                let cache = self.settings.hugging_face_cache.as_ref();
                let pulled = self.pulled_of(&repository).map(|model| model.path);
                pulled.or_else(|| hugging_face::picked(cache?, &repository))
            }
        };
        found.map(Resolved::File).ok_or_else(|| Error::NotInstalled { name: reference.to_owned() })
    }

    /// Checks that `reference` means a model, on this machine or elsewhere. [`Error::Unknown`] if nothing is called so.
    pub fn check(&self, reference: &str) -> Result<(), Error> {
        match self.resolve(reference) {
            Ok(_) | Err(Error::NotInstalled { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks Hugging Face which models a repository has; `None` if `reference` names no repository.
    pub fn files_of(&self, reference: &str) -> Result<Option<Vec<RepositoryFile>>, Error> {
        let Ok(Reference::Repository(repository)) = Reference::parse(reference, &self.catalogue) else {
            return Ok(None);
        };
        if self.settings.is_offline {
            return Err(Error::Offline(repository.id()));
        }
        Ok(Some(Listing::ask(&self.settings, &repository)?.models()))
    }

    /// Returns the model in the store whose name the catalogue does not know: a copy, or one that has left the
    /// catalogue.
    pub(crate) fn by_own_name(&self, reference: &str) -> Option<Installed> {
        let name = reference.to_ascii_lowercase();
        let name = name.strip_suffix(LATEST).unwrap_or(&name);
        if reference::check_name(name).is_err() || self.catalogue.find(name).is_some() {
            return None;
        }
        self.installed().ok()?.into_iter().find(|model| model.name.eq_ignore_ascii_case(name))
    }

    /// Returns the model that was pulled of a repository, if there is one only, or the reference says which.
    pub(crate) fn pulled_of(&self, repository: &Repository) -> Option<Installed> {
        let of_it = |model: Installed| match Reference::parse(&model.name, &self.catalogue) {
            Ok(Reference::Wanted(wanted)) => Some((repository.has(&wanted)?, model)),
            _ => None,
        };
        let mut found: Vec<(String, Installed)> = self.installed().ok()?.into_iter().filter_map(of_it).collect();
        let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        let picked = repository::pick(&paths, repository.quant.as_deref()).ok()?;
        Some(found.swap_remove(picked).1)
    }

    /// Returns the first file of a model in the store, if all of its files are there.
    pub(crate) fn present(&self, wanted: &Wanted) -> Option<PathBuf> {
        wanted.files.iter().all(|file| self.has(wanted, file)).then(|| self.path(wanted, wanted.files.first()))?
    }

    /// Whether this file is in the store. A link does not count: the store holds what was pulled into it.
    pub(crate) fn has(&self, wanted: &Wanted, file: &WantedFile) -> bool {
        let metadata = self.path(wanted, Some(file)).and_then(|p| p.symlink_metadata().ok());
        metadata.is_some_and(|m| m.is_file() && file.expected.bytes.is_none_or(|n| n == m.len()))
    }

    fn path(&self, wanted: &Wanted, file: Option<&WantedFile>) -> Option<PathBuf> {
        file.map(|file| self.settings.models().join(&wanted.folder).join(&file.file))
    }

    /// Returns the first file of a model in the shared Hugging Face cache, if all of its files are there.
    fn cached(&self, wanted: &Wanted) -> Option<PathBuf> {
        hugging_face::cached(self.settings.hugging_face_cache.as_ref()?, wanted)
    }
}
