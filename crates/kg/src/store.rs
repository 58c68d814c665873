//! The store: what is committed, and who may write.
//!
//! A store is one file of redb, whose transactions make a commit durable; only this module and its children know that.
//! Facts are blocks of sorted rows, terms are pages of sorted spellings, both as values by number (`tables.rs`). What
//! came since the last merge is kept as rows and terms of its own and held in memory, too.

mod backup;
pub(crate) mod commit;
mod open;
pub(crate) mod rebuild;
pub(crate) mod tables;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::transaction::Transaction;
use tables::Handle;

pub use verify::Verified;

/// The number of a commit: 0 before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

/// The number of a source, which whoever keeps the sources gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u64);

/// How a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether a file that is not there is made.
    pub create: bool,
    /// The memory for parts of the file as they lie there, in bytes.
    pub cache_bytes: usize,
    /// The memory for decoded blocks, in bytes.
    pub decoded_bytes: usize,
    /// The most changes of one transaction.
    pub changes_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { create: true, cache_bytes: 32 << 20, decoded_bytes: 64 << 20, changes_max: 4_000_000 }
    }
}

/// Facts, from which any number of snapshots read while one transaction writes.
#[derive(Debug)]
pub struct Store {
    pub(crate) handle: Arc<Handle>,
    pub(crate) options: Options,
    committed: Mutex<Arc<State>>,
    writing: AtomicBool,
    path: Option<PathBuf>,
}

/// The right to write, which ends with this value.
#[derive(Debug)]
pub(crate) struct Writing<'s>(pub(crate) &'s Store);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.writing.store(false, Ordering::Release);
    }
}

impl Store {
    /// A store in memory, which ends with this value.
    ///
    /// # Panics
    /// If memory for an empty store cannot be had.
    pub fn in_memory() -> Self {
        Self::in_memory_with(Options::default()).unwrap_or_else(|error| panic!("an empty store in memory: {error}"))
    }

    /// A store in memory with other options than the usual.
    pub fn in_memory_with(options: Options) -> Result<Self, Error> {
        Self::of(open::in_memory(options)?, options, None)
    }

    /// The store in a file, which holds nothing else.
    ///
    /// # Errors
    /// [`Error::Locked`] while another store has the file; [`Error::NotAStore`] and [`Error::Version`] for files that
    /// are something else or of another version; [`Error::Damaged`] and [`Error::Storage`] for files that cannot be
    /// read.
    pub fn open(path: &Path, options: Options) -> Result<Self, Error> {
        Self::of(open::file(path, options)?, options, Some(path.to_owned()))
    }

    /// The store behind a storage of redb's trait, for tests of what storage can do.
    #[doc(hidden)]
    pub fn on_backend(backend: impl redb::StorageBackend, options: Options) -> Result<Self, Error> {
        Self::of(open::backend(backend, options)?, options, None)
    }

    fn of(handle: Handle, options: Options, path: Option<PathBuf>) -> Result<Self, Error> {
        let handle = Arc::new(handle);
        let state = open::state(&handle, &options)?;
        Ok(Self { handle, options, committed: Mutex::new(Arc::new(state)), writing: AtomicBool::new(false), path })
    }

    /// The file of the store, unless it is in memory.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What is committed now; later commits do not change it.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        Ok(Snapshot::new(self.state()))
    }

    /// The transaction that writes next.
    ///
    /// # Errors
    /// [`Error::Busy`] while another one is open.
    pub fn begin(&self) -> Result<Transaction<'_>, Error> {
        Ok(Transaction::new(self.begin_writing()?, self.state()))
    }

    /// The store in as short a file as holds it: what loads and merges left free is given back. A store with a snapshot
    /// that someone still reads stays as it is.
    ///
    /// # Errors
    /// What the storage says; the store is then closed, and what was committed is in its file.
    pub fn compact(self) -> Result<Self, Error> {
        let Self { mut handle, options, committed, writing: _, path } = self;
        // What is committed reads the file, too.
        drop(committed);
        if let Some(handle) = Arc::get_mut(&mut handle) {
            handle.compact()?;
        }
        let state = open::state(&handle, &options)?;
        Ok(Self { handle, options, committed: Mutex::new(Arc::new(state)), writing: AtomicBool::new(false), path })
    }

    pub(crate) fn begin_writing(&self) -> Result<Writing<'_>, Error> {
        if self.writing.swap(true, Ordering::Acquire) {
            return Err(Error::Busy);
        }
        Ok(Writing(self))
    }

    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.committed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn publish(&self, state: State) {
        *self.committed.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
    }
}
