//! [`Disk`]: pages and states in files, so that a server that starts again begins warm.
//!
//! A page, or a state, is a file named by its chain key. It is written under another name and renamed, and carries a
//! checksum over all it says: a process killed at any moment leaves whole files and leftovers, which the next start
//! removes; a file that is not what it says is removed and computed again. Threads of its own write and read
//! (`threads`), so that no step waits for the disk longer than a moment. The first thing written is what the folder
//! holds of models that nobody serves (`others`).

use std::{
    collections::HashMap,
    fmt::Write as _,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::core::{ChainKey, PageKey};
use files::{Files, Storage, make_private_folder};
use threads::{Job, Reader, Writer};

mod files;
mod others;
mod threads;

const MAGIC: &[u8; 8] = b"trikv\0\x02\0";
const SUFFIX: &str = "page";

/// The settings of a cache folder on disk.
#[derive(Clone, Debug)]
pub struct DiskCache {
    /// Path of the folder, which is made if it is not there. Its files are this program's: the oldest are removed.
    pub folder: PathBuf,
    /// Largest number of bytes of its files of this model; as many may stay of all models that nobody serves.
    pub bytes_max: u64,
    /// Name of the model: whatever changes the bytes of its keys and values changes this.
    pub model: [u8; 32],
    /// Owners whose pages may be read again ([`CacheScope::owner`](crate::CacheScope::owner)): those of others are
    /// removed when the folder is opened. `None` stands for all.
    pub owners: Option<Vec<u64>>,
}

impl DiskCache {
    fn may_be_read(&self, key: ChainKey) -> bool {
        self.owners.as_ref().is_none_or(|owners| owners.contains(&key.owner()))
    }
}

/// A reason why a cache folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cache folder {}: {source}", folder.display())]
pub struct DiskError {
    folder: PathBuf,
    source: io::Error,
}

struct Entry {
    n_bytes: u64,
    tick: u64,
}

/// An open cache folder.
pub(crate) struct Disk {
    folder: PathBuf,
    bytes_max: u64,
    n_bytes: u64,
    model: [u8; 32],
    entries: HashMap<ChainKey, Entry>,
    tick: u64,
    /// Lock on the folder: as long as it is held, other servers leave the files alone.
    _held: Option<File>,
    writer: Option<Writer>,
    reader: Reader,
    /// Files to be removed, by the writer too: it may not have written them yet.
    removals: Vec<String>,
}

impl Disk {
    /// Opens the model's part of the folder, and removes what a killed process left half-written and what nobody can
    /// read any more.
    pub(crate) fn open(cache: &DiskCache) -> Result<Self, DiskError> {
        Self::open_on(cache, Arc::new(Files))
    }

    fn open_on(cache: &DiskCache, storage: Arc<dyn Storage>) -> Result<Self, DiskError> {
        let folder = cache.folder.join(hex(&cache.model));
        let named = |source| DiskError { folder: folder.clone(), source };
        make_private_folder(&cache.folder).map_err(named)?;
        let alone = others::alone(&cache.folder);
        make_private_folder(&folder).map_err(named)?;
        let held = others::hold(&folder);
        let mut files = Vec::new();
        for entry in fs::read_dir(&folder).map_err(named)? {
            let entry = entry.map_err(named)?;
            let metadata = entry.metadata().map_err(named)?;
            match key_of(&entry.path()) {
                Some(key) if metadata.is_file() && cache.may_be_read(key) => {
                    files.push((metadata.modified().ok(), key, metadata.len()));
                }
                _ if metadata.is_file() => fs::remove_file(entry.path()).map_err(named)?,
                _ => {}
            }
        }
        drop(alone);
        // Older files are the first to go.
        files.sort();
        let part: Arc<Path> = folder.as_path().into();
        let mut disk = Self {
            writer: Some(Writer::start(cache.clone(), part, Arc::clone(&storage)).map_err(named)?),
            reader: Reader::start(storage).map_err(named)?,
            _held: held,
            folder: folder.clone(),
            bytes_max: cache.bytes_max,
            n_bytes: 0,
            model: cache.model,
            entries: HashMap::new(),
            tick: 0,
            removals: Vec::new(),
        };
        for (_, key, n_bytes) in files {
            disk.note(key, n_bytes);
        }
        disk.shrink();
        Ok(disk)
    }

    /// Whether a page is saved, if perhaps not written yet.
    pub(crate) fn is_saved(&self, chain: ChainKey) -> bool {
        self.entries.contains_key(&chain)
    }

    /// Whether a page is written, so that it can be read, by a disk that answers.
    pub(crate) fn has(&self, chain: ChainKey) -> bool {
        self.is_written(chain) && self.reader.is_free()
    }

    fn is_written(&self, chain: ChainKey) -> bool {
        let is_pending = || self.writer.as_ref().is_some_and(|writer| writer.has_yet_to_write(chain));
        self.is_saved(chain) && !is_pending()
    }

    /// Whether more pages are taken without a wait.
    pub(crate) fn has_room(&self) -> bool {
        self.writer.as_ref().is_some_and(Writer::has_room)
    }

    /// Hands a page to the writer; if that is behind, waits for it or lets the page go.
    pub(crate) fn save(&mut self, key: PageKey<'_>, bytes: &[u8], is_patient: bool) {
        let bytes = self.encode(key, bytes, bytes.len());
        let n_bytes = bytes.len() as u64;
        if n_bytes > self.bytes_max {
            return;
        }
        if self.writer.as_mut().is_some_and(|writer| writer.write(key.chain, bytes, is_patient)) {
            self.note(key.chain, n_bytes);
            self.shrink();
        }
    }

    /// Reads the `n_bytes` of a page back. One that cannot be read, or is not what it says, is forgotten; not if the
    /// disk does not answer.
    pub(crate) fn load(&mut self, key: PageKey<'_>, n_bytes: usize) -> Option<Box<[u8]>> {
        if !self.is_written(key.chain) {
            return None;
        }
        let path = self.folder.join(name_of(key.chain));
        let expected = self.encode(key, &[], n_bytes);
        let bytes = self.reader.read(path, expected.len() + n_bytes).ok()?;
        let page = bytes.and_then(|bytes| {
            let (content, checksum) = bytes.split_last_chunk::<32>()?;
            let is_sound = *blake3::hash(content).as_bytes() == *checksum;
            let head = expected.get(..expected.len() - 32)?;
            content.strip_prefix(head).filter(|_| is_sound).map(Box::<[u8]>::from)
        });
        match &page {
            Some(_) => {
                self.tick += 1;
                let tick = self.tick;
                self.entries.entry(key.chain).and_modify(|entry| entry.tick = tick);
            }
            None => self.remove(key.chain),
        }
        page
    }

    /// Waits until all is written, unless the disk does not answer.
    pub(crate) fn finish(&mut self) {
        if let Some(mut writer) = self.writer.take() {
            writer.send(Job::Remove(std::mem::take(&mut self.removals)), true);
            writer.finish();
        }
    }

    /// Encodes a page of `n_bytes`: magic, model, name, tokens, number of bytes, page, checksum of all that.
    fn encode(&self, key: PageKey<'_>, page: &[u8], n_bytes: usize) -> Vec<u8> {
        let tokens = key.tokens.iter().flat_map(|t| t.0.to_le_bytes());
        let mut bytes = Vec::with_capacity(256 + page.len());
        bytes.extend(MAGIC.iter().chain(&self.model).chain(&key.chain.0).copied().chain(tokens));
        bytes.extend((n_bytes as u64).to_le_bytes());
        bytes.extend_from_slice(page);
        let checksum = blake3::hash(&bytes);
        bytes.extend_from_slice(checksum.as_bytes());
        bytes
    }

    fn note(&mut self, chain: ChainKey, n_bytes: u64) {
        self.tick += 1;
        self.n_bytes += n_bytes;
        if let Some(old) = self.entries.insert(chain, Entry { n_bytes, tick: self.tick }) {
            self.n_bytes -= old.n_bytes;
        }
    }

    fn remove(&mut self, chain: ChainKey) {
        if let Some(entry) = self.entries.remove(&chain) {
            self.n_bytes -= entry.n_bytes;
            self.removals.push(name_of(chain));
        }
    }

    /// Removes files unused longest, a tenth more than must go, so that it is not done for every page.
    fn shrink(&mut self) {
        if self.n_bytes <= self.bytes_max {
            return;
        }
        let mut by_age: Vec<(u64, ChainKey)> = self.entries.iter().map(|(key, entry)| (entry.tick, *key)).collect();
        by_age.sort_unstable();
        let target = self.bytes_max / 10 * 9;
        for (_, chain) in by_age {
            if self.n_bytes <= target {
                break;
            }
            self.remove(chain);
        }
        // If the writer is behind, with the next ones.
        let Some(writer) = &mut self.writer else { return };
        if writer.send(Job::Remove(self.removals.clone()), false) {
            self.removals.clear();
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.finish();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn name_of(chain: ChainKey) -> String {
    format!("{}.{SUFFIX}", hex(&chain.0))
}

/// Returns the key that a file is named by; `None` for any other file.
fn key_of(path: &Path) -> Option<ChainKey> {
    let name = path.file_name()?.to_str()?.strip_suffix(SUFFIX)?.strip_suffix('.')?;
    let digits: Vec<u8> = name.bytes().map(|b| char::from(b).to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect();
    (digits.len() == 64).then_some(())?;
    Some(ChainKey(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests;
