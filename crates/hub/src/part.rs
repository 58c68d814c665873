//! A file being filled: `FILE.part`, hashed as it is written, and `FILE.part.json`, which says what it is a part of.
//!
//! A later pull goes on where it ends. It is removed when its bytes turn out wrong and when the disk is full.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Error, Event,
    pull::{Expected, HeldTo, POLL, Watch},
    store::{self, BUFFER_BYTES},
};

/// First bytes of a GGUF file.
const MAGIC: &[u8] = b"GGUF";
/// Largest download where nobody states the file's size.
const BYTES_MAX: u64 = 1 << 40;
const MARK_BYTES_MAX: u64 = 1 << 16;

/// Whether a file of this name was left by an unfinished pull.
pub(crate) fn is_leftover(name: &str) -> bool {
    [".part", ".part.json", ".part.json.new", ".part.packages", ".json.new"].iter().any(|end| name.ends_with(end))
}

/// The origin of the bytes of an unfinished file.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// Hash of the source's address, which may hold secrets.
    pub(crate) source: String,
    /// Server's name for this version of the file: a strong `ETag`, else `Last-Modified`.
    pub(crate) validator: Option<String>,
    /// Number of packages whose members are complete, and bytes of these members; what follows them is not kept.
    pub(crate) packages: Option<(usize, u64)>,
}

pub(crate) struct Part<'a> {
    path: PathBuf,
    mark_path: PathBuf,
    name: String,
    expected: Expected,
    /// SHA-256 that the server announced, where the catalogue knows none.
    pub(crate) announced: Option<String>,
    /// Size of the whole file, for progress and as a limit.
    pub(crate) total: Option<u64>,
    open: Option<Open>,
    is_resumed: bool,
    shown: u64,
    watch: &'a mut Watch<'a>,
}

struct Open {
    file: File,
    hash: Sha256,
    bytes: u64,
    start: Vec<u8>,
}

impl<'a> Part<'a> {
    /// Describes the part of `file` without looking at the disk: a source that has the file begins with
    /// [`Part::resume`].
    pub(crate) fn new(folder: &Path, file: &str, expected: Expected, watch: &'a mut Watch<'a>) -> Self {
        Self {
            path: folder.join(format!("{file}.part")),
            mark_path: folder.join(format!("{file}.part.json")),
            name: file.to_owned(),
            total: expected.bytes,
            expected,
            announced: None,
            open: None,
            is_resumed: false,
            shown: 0,
            watch,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file_name(&self) -> String {
        self.name.clone()
    }

    pub(crate) fn expected(&self) -> &Expected {
        &self.expected
    }

    /// Whether the server must announce a hash and has announced none.
    pub(crate) fn lacks_hash(&self) -> bool {
        self.expected.is_announced && self.expected.sha256.is_none() && self.announced.is_none()
    }

    /// Returns what [`Part::finish`] compares the hash with.
    pub(crate) fn held_to(&self) -> HeldTo {
        match (&self.expected.sha256, &self.announced) {
            (Some(_), _) => HeldTo::Known,
            (None, Some(_)) => HeldTo::Announced,
            (None, None) => HeldTo::Nothing,
        }
    }

    /// Whether the part holds bytes of an earlier pull.
    pub(crate) fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Number of bytes that are there.
    pub(crate) fn len(&self) -> u64 {
        self.open.as_ref().map_or(0, |o| o.bytes)
    }

    /// Returns what an earlier pull from `source` left.
    pub(crate) fn mark(&self, source: &str) -> Option<Mark> {
        let mark = read_mark(&self.mark_path)?;
        let kept = mark.packages.map_or(0, |(_, bytes)| bytes);
        let is_there = self.path.symlink_metadata().is_ok_and(|m| m.is_file() && m.len() >= kept);
        (is_there && mark.source == store::hex_of(source.as_bytes())).then_some(mark)
    }

    /// Number of bytes that an unfinished pull from any source left, and with which the next one can go on.
    pub(crate) fn kept(&self) -> u64 {
        let len = self.path.symlink_metadata().map_or(0, |m| m.len());
        let mark = read_mark(&self.mark_path);
        mark.map_or(0, |mark| match (mark.packages, mark.validator) {
            (Some((_, bytes)), _) => bytes.min(len),
            (None, validator) if validator.is_some() || self.expected.sha256.is_some() => len,
            _ => 0,
        })
    }

    /// Goes on with what an earlier pull from `source` left, or begins anew.
    pub(crate) fn resume(&mut self, source: &str) -> Result<Option<Mark>, Error> {
        let Some(mark) = self.mark(source) else {
            self.restart(source, None)?;
            return Ok(None);
        };
        let io = Error::io(&self.path);
        let mut file = self.create()?;
        let kept = mark.packages.map_or(u64::MAX, |(_, bytes)| bytes);
        let limit = self.limit();
        let reread = || -> io::Result<Option<Open>> {
            let bytes = file.metadata()?.len();
            if bytes > limit || (mark.packages.is_some() && bytes < kept) {
                return Ok(None);
            }
            file.set_len(bytes.min(kept))?;
            let (mut hash, mut start, mut bytes, mut buffer) = (Sha256::new(), Vec::new(), 0, vec![0; BUFFER_BYTES]);
            loop {
                let n = match file.read(&mut buffer) {
                    Ok(0) => return Ok(Some(Open { file, hash, bytes, start })),
                    Ok(n) => n,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(e) => return Err(e),
                };
                let read = buffer.get(..n).unwrap_or_default();
                hash.update(read);
                note_start(&mut start, read);
                bytes += n as u64;
            }
        };
        let Some(open) = reread().map_err(io)? else {
            self.restart(source, None)?;
            return Ok(None);
        };
        self.is_resumed = open.bytes > 0;
        self.open = Some(open);
        let event = Event::Resumed { bytes: self.len() };
        if self.is_resumed && (self.watch)(event).is_break() {
            return Err(Error::Cancelled);
        }
        self.show(self.len())?;
        Ok(Some(mark))
    }

    /// Begins anew, as a part of `source` in the version `validator`.
    pub(crate) fn restart(&mut self, source: &str, validator: Option<String>) -> Result<(), Error> {
        let file = self.create()?;
        file.set_len(0).map_err(Error::io(&self.path))?;
        self.open = Some(Open { file, hash: Sha256::new(), bytes: 0, start: Vec::new() });
        self.is_resumed = false;
        self.shown = 0;
        let source = store::hex_of(source.as_bytes());
        store::write_json(&self.mark_path, &Mark { source, validator, packages: None })
    }

    /// Marks all bytes so far as worth keeping: the members of `n` packages are complete.
    pub(crate) fn keep_packages(&mut self, source: &str, n: usize) -> Result<(), Error> {
        if let Some(open) = &self.open {
            open.file.sync_data().map_err(|e| Error::write(&self.path, self.total, e))?;
        }
        let source = store::hex_of(source.as_bytes());
        store::write_json(&self.mark_path, &Mark { source, validator: None, packages: Some((n, self.len())) })
    }

    fn create(&self) -> Result<File, Error> {
        // Removing a link first: it would lead the write elsewhere.
        if self.path.symlink_metadata().is_ok_and(|m| !m.is_file()) {
            fs::remove_file(&self.path).map_err(Error::io(&self.path))?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.open(&self.path).map_err(|e| Error::write(&self.path, self.total, e))
    }

    fn limit(&self) -> u64 {
        self.expected.bytes.or(self.total).unwrap_or(BYTES_MAX)
    }

    /// Appends all of `reader`; `broken` turns its failure into an error.
    pub(crate) fn append(&mut self, reader: &mut dyn Read, broken: &dyn Fn(&io::Error) -> Error) -> Result<(), Error> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let n = match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(broken(&e)),
            };
            self.write(buffer.get(..n).unwrap_or_default())?;
        }
    }

    fn write(&mut self, read: &[u8]) -> Result<(), Error> {
        let (limit, total) = (self.limit(), self.total);
        let Some(open) = &mut self.open else { return Ok(()) };
        let bytes = open.bytes + read.len() as u64;
        if bytes > limit {
            self.discard();
            return Err(Error::WrongSize { name: self.name.clone(), expected: limit, got: bytes });
        }
        note_start(&mut open.start, read);
        if !MAGIC.starts_with(open.start.get(..open.start.len().min(MAGIC.len())).unwrap_or_default()) {
            let start = String::from_utf8_lossy(&open.start).into_owned();
            self.discard();
            return Err(Error::NotAModel { name: self.name.clone(), start });
        }
        let written = open.file.seek(SeekFrom::Start(open.bytes)).and_then(|_| open.file.write_all(read));
        if let Err(source) = written {
            self.discard();
            return Err(Error::write(&self.path, total, source));
        }
        open.hash.update(read);
        open.bytes = bytes;
        self.show(bytes)
    }

    /// Reports progress; never less than before, so that a bar does not jump back when a package is unpacked.
    pub(crate) fn show(&mut self, bytes: u64) -> Result<(), Error> {
        self.shown = self.shown.max(bytes);
        let event = Event::Progress { bytes: self.shown, total: self.total };
        if (self.watch)(event).is_break() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Waits for `length`, and reports meanwhile so that the caller may break off.
    pub(crate) fn pause(&mut self, length: Duration) -> Result<(), Error> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            thread::sleep(POLL.min(end.saturating_duration_since(Instant::now())));
            self.show(0)?;
        }
        Ok(())
    }

    /// Ends the download: returns the SHA-256 of the bytes if they are the right ones, and removes wrong ones.
    pub(crate) fn finish(&mut self) -> Result<String, Error> {
        let Some(open) = &self.open else {
            return Err(Error::WrongSize { name: self.name.clone(), expected: self.limit(), got: 0 });
        };
        let (bytes, got) = (open.bytes, store::hex(&open.hash.clone().finalize()));
        if let Some(expected) = self.expected.bytes.or(self.total).filter(|n| *n != bytes) {
            self.discard();
            return Err(Error::WrongSize { name: self.name.clone(), expected, got: bytes });
        }
        if bytes < MAGIC.len() as u64 {
            let start = String::from_utf8_lossy(&open.start).into_owned();
            self.discard();
            return Err(Error::NotAModel { name: self.name.clone(), start });
        }
        let expected = self.expected.sha256.as_ref().or(self.announced.as_ref()).filter(|s| **s != got).cloned();
        if let Some(expected) = expected {
            self.discard();
            return Err(Error::WrongHash { name: self.name.clone(), expected, got });
        }
        open.file.sync_all().map_err(|e| Error::write(&self.path, self.total, e))?;
        Ok(got)
    }

    /// Renames the verified part at `path` to its final name.
    pub(crate) fn publish(path: &Path) -> Result<PathBuf, Error> {
        let name = path.with_extension("");
        fs::rename(path, &name).map_err(|e| Error::write(&name, None, e))?;
        let _ = fs::remove_file(path.with_extension("part.json"));
        Ok(name)
    }

    /// Removes the part if no byte came: there is nothing to go on with.
    pub(crate) fn discard_empty(&mut self) {
        if self.path.symlink_metadata().is_ok_and(|m| m.len() == 0) {
            self.discard();
        }
    }

    /// Removes the part and its mark.
    pub(crate) fn discard(&mut self) {
        self.open = None;
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(&self.mark_path);
    }
}

fn read_mark(path: &Path) -> Option<Mark> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(MARK_BYTES_MAX).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

fn note_start(start: &mut Vec<u8>, read: &[u8]) {
    let missing = MAGIC.len().saturating_sub(start.len());
    start.extend(read.iter().take(missing));
}
