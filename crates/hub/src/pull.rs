//! [`Hub::pull`]: sources in order, hash while writing, rename when it is right.
//!
//! The download grows in `FILE.part`, which a later pull resumes where the source can; it is removed when its bytes are wrong. A lock file
//! keeps two processes apart.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{Error, Hub, Resolved, Source, reference::Reference, source, store::Origin};

pub(crate) const LOCK: &str = ".lock";
const BUFFER_BYTES: usize = 1 << 16;

/// How far a download is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Bytes written.
    pub bytes: u64,
    /// All bytes, if known.
    pub total: Option<u64>,
}

/// What the bytes must be.
struct Expected {
    bytes: Option<u64>,
    sha256: Option<String>,
}

impl Hub {
    /// The file of a model, downloaded if it is not here. `progress` may break off.
    pub fn pull(
        &self,
        reference: &str,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Resolved, Error> {
        match self.resolve(reference) {
            Err(Error::NotInstalled { .. }) => {}
            other => return other,
        }
        let (name, file, sources, expected) = match Reference::parse(reference, &self.entries()?)? {
            Reference::Path(path) => return Ok(Resolved::File(path)),
            Reference::Named(e) => (
                e.name.clone(),
                e.file.clone(),
                e.sources.clone(),
                Expected { bytes: Some(e.bytes), sha256: Some(e.sha256.clone()) },
            ),
            Reference::Remote { name, file, source } => {
                (name, file, vec![source], Expected { bytes: None, sha256: None })
            }
        };
        let folder = self.store().folder(&name);
        fs::create_dir_all(&folder).map_err(|source| Error::Io { path: folder.clone(), source })?;
        let _lock = lock(&folder, &name)?;
        let mut failures = Vec::new();
        for source in &sources {
            if self.is_offline && !matches!(source, Source::Path { .. }) {
                continue;
            }
            let mut part = Part::open(&folder.join(format!("{file}.part")), &name, expected.bytes, progress)?;
            let got = source::fetch(self, source, &mut part).and_then(|()| part.finish(&expected));
            match got {
                Ok(sha256) => {
                    let path = folder.join(&file);
                    fs::rename(&part.path, &path).map_err(|source| Error::Io { path: path.clone(), source })?;
                    self.store().write_origin(&Origin { name, file, sha256, source: source::describe(source) })?;
                    return Ok(Resolved::File(path));
                }
                // The disk and the user are the same for every source.
                Err(error @ (Error::Cancelled | Error::Io { .. })) => return Err(error),
                Err(error) => failures.push(error.to_string()),
            }
        }
        if failures.is_empty() { Err(Error::Offline(name)) } else { Err(Error::AllSources { name, failures }) }
    }
}

fn lock(folder: &Path, name: &str) -> Result<File, Error> {
    let path = folder.join(LOCK);
    let io = |source| Error::Io { path: path.clone(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Busy(name.to_owned())),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

/// A growing download and the hash of what it holds.
pub(crate) struct Part<'a> {
    pub(crate) path: PathBuf,
    name: String,
    file: File,
    hash: Sha256,
    bytes: u64,
    pub(crate) total: Option<u64>,
    progress: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
}

impl<'a> Part<'a> {
    /// Opens what an earlier pull left, hashing it.
    fn open(
        path: &Path,
        name: &str,
        total: Option<u64>,
        progress: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Self, Error> {
        let io = |source| Error::Io { path: path.to_owned(), source };
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; BUFFER_BYTES]);
        loop {
            let n = file.read(&mut buffer).map_err(io)?;
            if n == 0 {
                break;
            }
            hash.update(&buffer[..n]);
            bytes += n as u64;
        }
        Ok(Self { path: path.to_owned(), name: name.to_owned(), file, hash, bytes, total, progress })
    }

    /// Bytes that are already there.
    pub(crate) fn len(&self) -> u64 {
        self.bytes
    }

    /// Starts over, for a source that cannot resume.
    pub(crate) fn clear(&mut self) -> Result<(), Error> {
        let cleared = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        cleared.map_err(|source| Error::Io { path: self.path.clone(), source })?;
        self.hash = Sha256::new();
        self.bytes = 0;
        Ok(())
    }

    /// Appends all of `reader`. A read error is the source's; a write error is the disk's, and nothing half-written stays.
    pub(crate) fn append(&mut self, reader: &mut dyn Read, source_name: &str) -> Result<(), Error> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let n = match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(Error::Source { source_name: source_name.to_owned(), what: e.to_string() }),
            };
            if let Err(source) = self.file.write_all(&buffer[..n]) {
                let _ = fs::remove_file(&self.path);
                return Err(Error::Io { path: self.path.clone(), source });
            }
            self.hash.update(&buffer[..n]);
            self.bytes += n as u64;
            if self.total.is_some_and(|total| self.bytes > total) {
                return Err(self.wrong("size over", self.total.unwrap_or(0).to_string(), self.bytes.to_string()));
            }
            if (self.progress)(Progress { bytes: self.bytes, total: self.total }).is_break() {
                return Err(Error::Cancelled);
            }
        }
    }

    /// All is there: are they the right bytes? Gives their hash; wrong ones are removed.
    fn finish(&mut self, expected: &Expected) -> Result<String, Error> {
        let got = hex(&self.hash.clone().finalize());
        if let Some(bytes) = expected.bytes.filter(|n| *n != self.bytes) {
            // Too short may be a cut connection, which can be resumed.
            let (name, got) = (self.name.clone(), self.bytes.to_string());
            return Err(Error::Mismatch { name, what: "size", expected: bytes.to_string(), got });
        }
        if let Some(sha256) = expected.sha256.as_ref().filter(|s| **s != got) {
            return Err(self.wrong("SHA-256", sha256.clone(), got));
        }
        self.file.sync_all().map_err(|source| Error::Io { path: self.path.clone(), source })?;
        Ok(got)
    }

    fn wrong(&mut self, what: &'static str, expected: String, got: String) -> Error {
        let _ = fs::remove_file(&self.path);
        Error::Mismatch { name: self.name.clone(), what, expected, got }
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
