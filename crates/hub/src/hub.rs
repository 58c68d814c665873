//! [`Hub`]: one home folder, its models, and the caches it may look into.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::{Entry, Error, Source, reference::Reference, store::Store};

/// Where models are kept and looked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hub {
    pub(crate) home: PathBuf,
    pub(crate) hugging_face_cache: Option<PathBuf>,
    pub(crate) hugging_face_endpoint: String,
    pub(crate) is_offline: bool,
    /// Runs pip.
    pub(crate) python: PathBuf,
}

/// A model on this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resolved {
    /// The one compiled into the program.
    Embedded,
    /// A file.
    File(PathBuf),
}

const PYTHON: &str = "python3";
const HUGGING_FACE: &str = "https://huggingface.co";

impl Hub {
    /// By the environment: `TRINITY_HOME`, else `XDG_DATA_HOME/trinity`, else `~/.local/share/trinity`; the shared Hugging Face cache by
    /// `HF_HUB_CACHE`, `HF_HOME/hub` or `~/.cache/huggingface/hub`; `HF_ENDPOINT` for a mirror; `TRINITY_PYTHON` for pip's interpreter.
    pub fn from_environment(is_offline: bool) -> Result<Self, Error> {
        let set = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let user = set("HOME");
        let home = set("TRINITY_HOME")
            .or_else(|| set("XDG_DATA_HOME").map(|p| p.join("trinity")))
            .or_else(|| user.as_ref().map(|p| p.join(".local/share/trinity")))
            .ok_or(Error::NoHome)?;
        let hugging_face_cache = set("HF_HUB_CACHE")
            .or_else(|| set("HF_HOME").map(|p| p.join("hub")))
            .or_else(|| user.map(|p| p.join(".cache/huggingface/hub")));
        let hugging_face_endpoint =
            env::var("HF_ENDPOINT").ok().filter(|v| !v.is_empty()).unwrap_or_else(|| HUGGING_FACE.to_owned());
        let python = set("TRINITY_PYTHON").unwrap_or_else(|| PYTHON.into());
        Ok(Self { home, hugging_face_cache, hugging_face_endpoint, is_offline, python })
    }

    /// A hub of its own, for tests and embedding programs.
    pub fn new(
        home: PathBuf,
        hugging_face_cache: Option<PathBuf>,
        hugging_face_endpoint: &str,
        is_offline: bool,
    ) -> Self {
        let hugging_face_endpoint = hugging_face_endpoint.to_owned();
        Self { home, hugging_face_cache, hugging_face_endpoint, is_offline, python: PYTHON.into() }
    }

    /// The same with another Python interpreter.
    #[must_use]
    pub fn with_python(self, python: PathBuf) -> Self {
        Self { python, ..self }
    }

    /// The folder of models, history and caches.
    pub fn home(&self) -> &Path {
        &self.home
    }

    pub(crate) fn store(&self) -> Store {
        Store::new(&self.home)
    }

    /// The file of a model that is on this machine; [`Error::NotInstalled`] says how to pull one that is not.
    pub fn resolve(&self, reference: &str) -> Result<Resolved, Error> {
        let (name, file, sources) = match Reference::parse(reference, &self.entries()?)? {
            Reference::Path(path) => return Ok(Resolved::File(path)),
            Reference::Named(entry) if entry.name == crate::EMBEDDED => return Ok(Resolved::Embedded),
            Reference::Named(entry) => (entry.name.clone(), entry.file.clone(), entry.sources.clone()),
            Reference::Remote { name, file, source } => (name, file, vec![source]),
        };
        let own = self.store().path(&name, &file);
        if own.is_file() {
            return Ok(Resolved::File(own));
        }
        let cached = sources.iter().find_map(|source| self.in_hugging_face_cache(source));
        cached.map(Resolved::File).ok_or_else(|| Error::NotInstalled { name: reference.to_owned() })
    }

    /// A file that another program has already downloaded into the shared cache.
    fn in_hugging_face_cache(&self, source: &Source) -> Option<PathBuf> {
        let Source::HuggingFace { repository, file } = source else { return None };
        let snapshots = self
            .hugging_face_cache
            .as_ref()?
            .join(format!("models--{}", repository.replace('/', "--")))
            .join("snapshots");
        let mut found: Vec<PathBuf> =
            std::fs::read_dir(snapshots).ok()?.flatten().map(|e| e.path().join(file)).filter(|p| p.is_file()).collect();
        found.sort();
        found.pop()
    }

    /// All models that have a name: those of `catalogue.toml` in the home folder, then the program's.
    pub fn entries(&self) -> Result<Vec<Entry>, Error> {
        crate::catalogue::with_users(&self.home)
    }

    /// What the catalogue says about a name.
    pub fn entry(&self, reference: &str) -> Result<Option<Entry>, Error> {
        Ok(crate::catalogue::find(&self.entries()?, reference).cloned())
    }
}
