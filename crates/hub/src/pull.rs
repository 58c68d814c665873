//! [`Hub::pull`]: sources in order, hash while writing, rename when it is right.
//!
//! A lock per model keeps two processes apart: the second waits and then finds the model.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::{
    EMBEDDED, Error, Hub, Resolved, Source,
    part::Part,
    reference::{Reference, Wanted, WantedFile},
    repository::{Repository, listing::Listing},
    source,
    store::{self, Origin, OriginFile},
};

/// Time between two looks at something that another process does.
pub(crate) const POLL: Duration = Duration::from_millis(50);

/// A step of a pull. The callback that gets it may break off; what came so far is kept for the next pull where that is
/// possible.
#[allow(missing_docs, reason = "the comment of a variant says what its fields are")]
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Nothing has been fetched yet. `name` is the model, or the file that was picked of a repository; `bytes` is the
    /// size of all files if known, and `is_rough` if that is an estimate; `licence` is known for models of the
    /// catalogue.
    About { name: &'a str, bytes: Option<u64>, is_rough: bool, licence: Option<&'a str> },
    /// The repository `organisation/name` is being asked which files it has.
    Listing { repository: &'a str },
    /// Nothing has been fetched yet, and the model `name` has terms of its own: some lines of text for people.
    Terms { name: &'a str, text: &'a str },
    /// Another process is pulling the model `name`; repeated while it does.
    Waiting { name: &'a str },
    /// `file` is about to be fetched from `source`.
    Trying { file: &'a str, source: &'a str },
    /// An earlier pull left so many bytes of the file, and the download goes on behind them.
    Resumed { bytes: u64 },
    /// All of `file` is here, and it is the right one by the hash that `by` names.
    Verified { file: &'a str, by: HeldTo },
    /// A source failed; the next one follows if there is one.
    Failed { error: &'a Error },
    /// So many bytes of the file are here, of `total` if that is known.
    Progress { bytes: u64, total: Option<u64> },
}

/// Origin of the hash that a file was compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeldTo {
    /// Hash in the catalogue, the reference or the list of the repository.
    Known,
    /// Hash that the server announced.
    Announced,
    /// No hash: nobody states one.
    Nothing,
}

pub(crate) type Watch<'a> = dyn FnMut(Event<'_>) -> ControlFlow<()> + 'a;

/// Size and SHA-256 that a downloaded file must have, as far as they are known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) bytes: Option<u64>,
    /// SHA-256 in lower-case hex.
    pub(crate) sha256: Option<String>,
    /// Whether the server must announce a hash if `sha256` is `None`.
    pub(crate) is_announced: bool,
}

impl Hub {
    pub(crate) fn wanted(&self, reference: &str) -> Result<Reference, Error> {
        Reference::parse(reference, &self.catalogue)
    }

    /// Returns the file of a model, fetched if it is not on this machine.
    pub fn pull(
        &self,
        reference: &str,
        watch: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Resolved, Error> {
        match self.resolve(reference) {
            Err(Error::NotInstalled { .. }) => {}
            other => return other,
        }
        match self.wanted(reference)? {
            Reference::Path(path) => Ok(Resolved::File(path)),
            Reference::Wanted(wanted) if wanted.name == EMBEDDED => Ok(Resolved::Embedded),
            Reference::Repository(repository) => {
                let listing = self.list(reference, &repository, watch)?;
                self.fetch(&listing.pick()?, watch)
            }
            Reference::Wanted(wanted) => match self.fetch(&wanted, watch) {
                Err(Error::Status { url, status: 404 }) => {
                    let named = self.named_otherwise(&wanted, watch)?;
                    let missing = || Error::Status { url, status: 404 };
                    self.fetch(&named.filter(|n| n.name != wanted.name).ok_or_else(missing)?, watch)
                }
                other => other,
            },
        }
    }

    fn list(&self, reference: &str, repository: &Repository, watch: &mut Watch<'_>) -> Result<Listing, Error> {
        if self.settings.is_offline {
            return Err(Error::Offline(reference.to_owned()));
        }
        tell(watch, Event::Listing { repository: &repository.id() })?;
        Listing::ask(&self.settings, repository)
    }

    /// Returns the file of a repository as its owner spells it, if it does not exist as it was written.
    fn named_otherwise(&self, wanted: &Wanted, watch: &mut Watch<'_>) -> Result<Option<Wanted>, Error> {
        let source = wanted.files.first().and_then(|file| file.sources.first());
        let Some(Source::HuggingFace { repository, file, revision }) = source else { return Ok(None) };
        if self.catalogue.find(&wanted.name).is_some() {
            return Ok(None);
        }
        let Ok(mut repository) = Repository::parse(repository) else { return Ok(None) };
        repository.revision.clone_from(revision);
        self.list(&wanted.name, &repository, watch)?.find(file).map(Some)
    }

    /// Fetches the model that was picked, under its lock.
    fn fetch(&self, wanted: &Wanted, watch: &mut Watch<'_>) -> Result<Resolved, Error> {
        if self.settings.is_offline && !wanted.files.iter().all(|f| f.sources.iter().any(is_local)) {
            return Err(Error::Offline(wanted.name.clone()));
        }
        let folder = self.settings.models().join(&wanted.folder);
        let _lock = self.lock(&folder, &wanted.name, watch)?;
        // Another process may have pulled it meanwhile.
        if let Some(path) = self.present(wanted) {
            return Ok(Resolved::File(path));
        }
        let bytes = wanted.files.iter().map(|file| file.expected.bytes).sum::<Option<u64>>();
        tell(
            watch,
            Event::About {
                name: &wanted.name,
                bytes: bytes.or(wanted.about_bytes),
                is_rough: bytes.is_none(),
                licence: wanted.licence.as_deref(),
            },
        )?;
        if let Some(text) = &wanted.terms {
            tell(watch, Event::Terms { name: &wanted.name, text })?;
        }
        fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        let result = self.fetch_all(wanted, &folder, watch);
        // A folder that stayed empty says nothing to anybody.
        let _ = fs::remove_dir(&folder);
        result.map(Resolved::File)
    }

    /// Fetches the files that are missing, then publishes all of them.
    fn fetch_all(&self, wanted: &Wanted, folder: &Path, watch: &mut Watch<'_>) -> Result<PathBuf, Error> {
        let mut origin = Origin { name: wanted.name.clone(), files: Vec::new() };
        let mut parts = Vec::new();
        for file in &wanted.files {
            let path = folder.join(&file.file);
            if self.has(wanted, file) && wanted.files.len() > 1 {
                let sha256 = store::hash_file(&path)?;
                origin.files.push(OriginFile { file: file.file.clone(), sha256, source: "an earlier pull".to_owned() });
                continue;
            }
            let (part, of) = self.fetch_file(wanted, file, folder, watch)?;
            parts.push(part);
            origin.files.push(of);
        }
        origin.write(folder)?;
        for part in &parts {
            Part::publish(part)?;
        }
        Ok(folder.join(wanted.files.first().map_or("", |f| &f.file)))
    }

    /// Fetches and verifies one file, which does not get its final name yet.
    fn fetch_file(
        &self,
        wanted: &Wanted,
        file: &WantedFile,
        folder: &Path,
        watch: &mut Watch<'_>,
    ) -> Result<(PathBuf, OriginFile), Error> {
        let mut failures = Vec::new();
        for source in file.sources.iter().filter(|s| !self.settings.is_offline || is_local(s)) {
            let name = source::describe(source);
            tell(watch, Event::Trying { file: &file.file, source: &name })?;
            match self.fetch_from(source, file, folder, watch) {
                Ok((path, sha256, by)) => {
                    tell(watch, Event::Verified { file: &file.file, by })?;
                    return Ok((path, OriginFile { file: file.file.clone(), sha256, source: name }));
                }
                Err(error) if error.ends_pull() => return Err(error),
                Err(error) => {
                    tell(watch, Event::Failed { error: &error })?;
                    failures.push(error);
                }
            }
        }
        match failures.pop() {
            None => Err(Error::Offline(wanted.name.clone())),
            Some(only) if failures.is_empty() => Err(only),
            Some(last) => {
                failures.push(last);
                Err(Error::AllSources { name: wanted.name.clone(), failures })
            }
        }
    }

    fn fetch_from(
        &self,
        source: &Source,
        file: &WantedFile,
        folder: &Path,
        watch: &mut Watch<'_>,
    ) -> Result<(PathBuf, String, HeldTo), Error> {
        // What an earlier pull left may have been spoilt, say by a power cut; then the second attempt begins anew.
        let mut again = true;
        loop {
            let mut forward = |event: Event<'_>| watch(event);
            let mut part = Part::new(folder, &file.file, file.expected.clone(), &mut forward);
            let result = source::fetch(&self.settings, source, &mut part).and_then(|()| {
                let sha256 = part.finish()?;
                Ok((part.path().to_owned(), sha256, part.held_to()))
            });
            match result {
                Err(Error::WrongHash { .. } | Error::WrongSize { .. }) if again && part.is_resumed() => again = false,
                other => {
                    if other.is_err() {
                        part.discard_empty();
                    }
                    return other;
                }
            }
        }
    }

    /// Number of bytes that an unfinished pull of `reference` left, and with which the next one goes on.
    pub fn kept(&self, reference: &str) -> u64 {
        let Ok(Reference::Wanted(wanted)) = self.wanted(reference) else { return 0 };
        let folder = self.settings.models().join(&wanted.folder);
        let kept = |file: &WantedFile| {
            let mut watch = |_: Event<'_>| ControlFlow::Continue(());
            Part::new(&folder, &file.file, file.expected.clone(), &mut watch).kept()
        };
        wanted.files.iter().map(kept).sum()
    }

    /// Waits for the lock of a model's folder.
    fn lock(&self, folder: &Path, name: &str, watch: &mut Watch<'_>) -> Result<Lock, Error> {
        loop {
            if let Some(lock) = self.try_lock(folder)? {
                return Ok(lock);
            }
            tell(watch, Event::Waiting { name })?;
            thread::sleep(POLL);
        }
    }

    /// Takes the lock of a model's folder, unless another process has it. Lock files stay: removing one would let two
    /// processes hold "the" lock.
    pub(crate) fn try_lock(&self, folder: &Path) -> Result<Option<Lock>, Error> {
        let locks = self.settings.locks();
        fs::create_dir_all(&locks).map_err(Error::io(&locks))?;
        let path = locks.join(folder.file_name().unwrap_or_default());
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(Error::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            // Some network file systems have no locks.
            Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => Ok(Some(Lock(file))),
            Err(TryLockError::Error(source)) => Err(Error::Io { path, source }),
        }
    }
}

/// Lock of a model's folder, held until it is dropped.
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a process that was being started at that moment may hold a copy of the descriptor.
        let _ = self.0.unlock();
    }
}

fn is_local(source: &Source) -> bool {
    matches!(source, Source::Path { .. })
}

fn tell(watch: &mut Watch<'_>, event: Event<'_>) -> Result<(), Error> {
    if watch(event).is_break() { Err(Error::Cancelled) } else { Ok(()) }
}
