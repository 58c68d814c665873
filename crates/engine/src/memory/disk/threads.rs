//! [`Writer`] and [`Reader`]: the threads that touch the disk. One that is full, slow or hangs holds up whoever waits
//! for it for a bounded time; after that nobody waits for it until it answers.

use std::{
    cell::Cell,
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{DiskCache, files::Storage, name_of, others};
use crate::{core::ChainKey, sync::lock};

/// Largest number of pages that wait to be written; more are not saved.
pub(super) const N_WAITING_MAX: usize = 32;
/// Most bytes that wait to be written; more are not saved.
const BYTES_WAITING_MAX: usize = 256 << 20;
/// Longest wait for a file to be read, and for each [`READ_BYTES`] of it: all streams stand still meanwhile.
const READ_MAX: Duration = Duration::from_millis(500);
const READ_BYTES: usize = 32 << 20;
/// Longest wait for the writer to do anything at all.
const WRITE_MAX: Duration = Duration::from_secs(2);
/// Time between two looks whether the writer has done something.
const LOOK: Duration = Duration::from_millis(1);

/// A job of the writer.
pub(super) enum Job {
    /// Write the file of a page.
    Page { chain: ChainKey, bytes: Vec<u8> },
    /// Remove the files with these names.
    Remove(Vec<String>),
}

/// The thread that writes pages and removes files.
pub(super) struct Writer {
    jobs: SyncSender<Job>,
    thread: JoinHandle<()>,
    /// Number of jobs that are done.
    n_done: Arc<AtomicU64>,
    /// Pages that are not written yet, with the numbers of their bytes.
    pending: Arc<Mutex<HashMap<ChainKey, usize>>>,
    is_stuck: bool,
}

impl Writer {
    /// Starts the writer, which first looks after what the folder holds of others.
    pub(super) fn start(cache: DiskCache, part: Arc<Path>, storage: Arc<dyn Storage>) -> io::Result<Self> {
        let (jobs, waiting) = sync_channel(N_WAITING_MAX);
        let (n_done, pending) = (Arc::new(AtomicU64::new(0)), Arc::<Mutex<HashMap<ChainKey, usize>>>::default());
        let (counted, written) = (Arc::clone(&n_done), Arc::clone(&pending));
        let thread = thread::Builder::new().name("kv cache writer".to_owned()).spawn(move || {
            others::shrink(&cache, &part);
            for job in waiting {
                match job {
                    Job::Page { chain, bytes } => {
                        // A full disk costs warmth, nothing else: what is not there cannot be read and is forgotten.
                        let _ = storage.write(&part, &name_of(chain), &bytes);
                        lock(&written).remove(&chain);
                    }
                    // One that somebody has removed is gone all the same.
                    Job::Remove(names) => names.iter().for_each(|name| storage.remove(&part.join(name))),
                }
                counted.fetch_add(1, Ordering::Relaxed);
            }
        })?;
        Ok(Self { jobs, thread, n_done, pending, is_stuck: false })
    }

    /// Whether a page is not written yet.
    pub(super) fn has_yet_to_write(&self, chain: ChainKey) -> bool {
        lock(&self.pending).contains_key(&chain)
    }

    /// Whether more pages are taken.
    pub(super) fn has_room(&self) -> bool {
        let pending = lock(&self.pending);
        pending.len() < N_WAITING_MAX && pending.values().sum::<usize>() <= BYTES_WAITING_MAX
    }

    /// Hands the writer a page; returns `false` if it is behind.
    pub(super) fn write(&mut self, chain: ChainKey, bytes: Vec<u8>, is_patient: bool) -> bool {
        let mut waited = Duration::ZERO;
        while is_patient && !self.is_stuck && !self.has_room() {
            thread::sleep(LOOK);
            waited += LOOK;
            self.is_stuck = waited >= WRITE_MAX;
        }
        lock(&self.pending).insert(chain, bytes.len());
        let is_sent = self.send(Job::Page { chain, bytes }, is_patient);
        if !is_sent {
            lock(&self.pending).remove(&chain);
        }
        is_sent
    }

    /// Hands the writer a job. The patient wait for it to take one, unless it took none for long.
    pub(super) fn send(&mut self, mut job: Job, is_patient: bool) -> bool {
        let mut waited = Duration::ZERO;
        loop {
            job = match self.jobs.try_send(job) {
                Ok(()) => {
                    self.is_stuck = false;
                    return true;
                }
                Err(TrySendError::Disconnected(_)) => return false,
                Err(TrySendError::Full(job)) => job,
            };
            if !is_patient || self.is_stuck {
                return false;
            }
            thread::sleep(LOOK);
            waited += LOOK;
            self.is_stuck = waited >= WRITE_MAX;
        }
    }

    /// Waits until all is done, as long as the writer does something.
    pub(super) fn finish(self) {
        drop(self.jobs);
        let n_done = || self.n_done.load(Ordering::Relaxed);
        let (mut before, mut waited) = (n_done(), Duration::ZERO);
        while !self.thread.is_finished() && !self.is_stuck && waited < WRITE_MAX {
            thread::sleep(LOOK);
            waited = if n_done() == before { waited + LOOK } else { Duration::ZERO };
            before = n_done();
        }
    }
}

/// The thread that reads pages.
pub(super) struct Reader {
    wanted: Sender<(PathBuf, usize)>,
    pages: Receiver<Option<Vec<u8>>>,
    /// Whether nobody waits any more for what it reads now.
    is_late: Cell<bool>,
}

impl Reader {
    pub(super) fn start(storage: Arc<dyn Storage>) -> io::Result<Self> {
        let (wanted, asked) = channel::<(PathBuf, usize)>();
        let (answer, pages) = channel();
        thread::Builder::new().name("kv cache reader".to_owned()).spawn(move || {
            for (path, n_bytes) in asked {
                if answer.send(storage.read(&path, n_bytes)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { wanted, pages, is_late: Cell::new(false) })
    }

    /// Whether it can be asked: nobody has waited for it in vain.
    pub(super) fn is_free(&self) -> bool {
        if self.is_late.get() && self.pages.try_recv().is_ok() {
            self.is_late.set(false);
        }
        !self.is_late.get()
    }

    /// Reads a file of exactly `n_bytes`; the error says that the disk does not answer.
    pub(super) fn read(&self, path: PathBuf, n_bytes: usize) -> Result<Option<Vec<u8>>, ()> {
        if !self.is_free() {
            return Err(());
        }
        let read_max = READ_MAX + READ_MAX.mul_f64(n_bytes as f64 / READ_BYTES as f64);
        // A thread that has panicked answers as little as a disk that hangs.
        let asked = self.wanted.send((path, n_bytes)).map_err(drop);
        let answer = asked.and_then(|()| self.pages.recv_timeout(read_max).map_err(drop));
        answer.inspect_err(|()| self.is_late.set(true))
    }
}
