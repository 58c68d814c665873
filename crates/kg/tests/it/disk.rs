//! A disk that remembers every call, and can fail one.

use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};

/// A change of the disk.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Write(usize, Vec<u8>),
    SetLen(usize),
    Sync,
}

/// Which calls fail, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The number of the first call that fails.
    pub(crate) at: usize,
    /// Whether all calls after it fail, too.
    pub(crate) lasts: bool,
    pub(crate) kind: ErrorKind,
}

#[derive(Debug, Default)]
pub(crate) struct Recorded {
    /// What a reader of the running system sees.
    pub(crate) image: Vec<u8>,
    pub(crate) log: Vec<Op>,
    pub(crate) n_calls: usize,
    pub(crate) failure: Option<Failure>,
    is_full: bool,
}

/// The disk of one program.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<Recorded>>);

impl Disk {
    pub(crate) fn of(image: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Recorded { image, ..Recorded::default() })))
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Recorded) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn call<T>(&self, takes_room: bool, act: impl FnOnce(&mut Recorded) -> Result<T, Error>) -> Result<T, Error> {
        self.with(|disk| {
            let number = disk.n_calls;
            disk.n_calls += 1;
            if let Some(Failure { at, lasts, kind }) = disk.failure {
                // A full disk still reads.
                let concerns = kind != ErrorKind::StorageFull || takes_room;
                disk.is_full |= number == at && concerns;
                if concerns && (number == at || lasts && number > at) {
                    return Err(kind.into());
                }
            }
            act(disk)
        })
    }
}

/// Makes a change in an image.
pub(crate) fn apply(image: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Write(offset, bytes) => {
            let end = offset + bytes.len();
            if image.len() < end {
                image.resize(end, 0);
            }
            image[*offset..end].copy_from_slice(bytes);
        }
        Op::SetLen(len) => image.resize(*len, 0),
        Op::Sync => {}
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        self.call(false, |disk| Ok(disk.image.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        self.call(false, |disk| {
            let range = offset as usize..offset as usize + out.len();
            out.copy_from_slice(disk.image.get(range).ok_or(ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        self.call(true, |disk| {
            disk.log.push(Op::SetLen(len as usize));
            disk.image.resize(len as usize, 0);
            Ok(())
        })
    }

    fn sync_data(&self) -> Result<(), Error> {
        self.call(true, |disk| {
            disk.log.push(Op::Sync);
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.call(true, |disk| {
            if disk.image.len() < offset as usize + data.len() {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let op = Op::Write(offset as usize, data.to_vec());
            apply(&mut disk.image, &op);
            disk.log.push(op);
            Ok(())
        })
    }
}
