//! How a store comes from a file.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;

use redb::backends::InMemoryBackend;
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, StorageBackend, StorageError, TableHandle,
};

use super::commit::{COMMIT, put_commit};
use super::tables::{
    BY_SOURCE, DELTA, FENCES, Handle, LATE, META, ORDERS, SETTINGS, SOURCES, TERMS, Tables, delta_value, guarded,
    key_row, of_other_bytes, sealed_with, unsealed_with,
};
use super::{Options, Seq};
use crate::cache::Cache;
use crate::delta::Run;
use crate::dictionary::fences::{RowFences, TermFences};
use crate::dictionary::late::Late;
use crate::error::{Damage, Error};
use crate::order::Order;
use crate::state::{self, Base, LateTerms, State};
use crate::statistics::Statistics;

/// The format that this version reads and writes.
pub(super) const FORMAT: u32 = 1;

const OPENING: &str = "opening the store";

pub(super) fn in_memory(options: Options) -> Result<Handle, Error> {
    backend(InMemoryBackend::new(), Options { cache_bytes: 1 << 20, ..options })
}

pub(super) fn backend(backend: impl StorageBackend, options: Options) -> Result<Handle, Error> {
    let path = Path::new("the storage");
    database(path, || Builder::new().set_cache_size(options.cache_bytes).create_with_backend(backend))
}

pub(super) fn file(path: &Path, options: Options) -> Result<Handle, Error> {
    database(path, || {
        let mut builder = Builder::new();
        builder.set_cache_size(options.cache_bytes);
        if options.create { builder.create(path) } else { builder.open(path) }
    })
}

fn database(path: &Path, open: impl FnOnce() -> Result<Database, DatabaseError>) -> Result<Handle, Error> {
    let not_a_store = |why: String| Error::NotAStore { path: path.to_owned(), why };
    // The errors of opening are told apart before they are all one.
    let opened = guarded(OPENING, || Ok::<_, redb::Error>(open()))?;
    let database = match opened {
        Ok(database) => database,
        Err(DatabaseError::DatabaseAlreadyOpen) => {
            return Err(Error::Locked { path: path.to_owned(), by: holder::of(path) });
        }
        Err(DatabaseError::UpgradeRequired(version)) => {
            return Err(not_a_store(format!("its storage is of version {version}, which this one does not read")));
        }
        Err(DatabaseError::Storage(StorageError::Io(error))) if error.kind() == std::io::ErrorKind::InvalidData => {
            return Err(not_a_store("it does not begin as one does".to_owned()));
        }
        Err(error) => return Err(Error::Storage { doing: OPENING, source: Box::new(redb::Error::from(error)) }),
    };
    let handle = Handle::new(database);
    let tables = handle.with(OPENING, |database| -> Result<_, redb::Error> {
        let read = database.begin_read()?;
        let names = read.list_tables()?.map(|table| table.name().to_owned());
        Ok(names.collect::<Vec<_>>())
    })?;
    if tables.is_empty() {
        create(&handle)?;
    } else if !tables.iter().any(|table| table == META.name()) {
        return Err(not_a_store(format!("it is a database of something else, with the table {}", tables[0])));
    }
    let format = handle.with(OPENING, |database| -> Result<_, redb::Error> {
        let found = database.begin_read()?.open_table(META)?.get("format")?;
        Ok(found.and_then(|bytes| bytes.value().try_into().ok()).map(u32::from_le_bytes))
    })?;
    match format {
        Some(FORMAT) => Ok(handle),
        Some(found) => Err(Error::Version { path: path.to_owned(), found, known: FORMAT }),
        None => Err(not_a_store("it names no format".to_owned())),
    }
}

fn create(handle: &Handle) -> Result<(), Error> {
    handle.with("creating the store", |database| -> Result<(), redb::Error> {
        let write = database.begin_write()?;
        for table in ORDERS.into_iter().chain([TERMS, LATE]) {
            write.open_table(table)?;
        }
        write.open_table(DELTA)?;
        for table in [SOURCES, BY_SOURCE] {
            write.open_table(table)?;
        }
        write.open_table(SETTINGS)?;
        {
            let mut fences = write.open_table(FENCES)?;
            for order in Order::ALL.into_iter().filter(|order| *order != Order::Gspo) {
                fences.insert(order as u64, RowFences::default().write().as_slice())?;
            }
            fences.insert(u64::from(state::TERMS), TermFences::default().write().as_slice())?;
            let mut meta = write.open_table(META)?;
            // The keys of a hash map are as random as an identity needs to be.
            let id = [0, 1].map(|half: u8| RandomState::new().hash_one(half).to_le_bytes()).concat();
            meta.insert("format", FORMAT.to_le_bytes().as_slice())?;
            meta.insert("id", sealed_with(b"id", &id).as_slice())?;
            meta.insert("statistics", Statistics::default().write().as_slice())?;
        }
        put_commit(&write, Seq(0), 0, 0)?;
        write.commit()?;
        Ok(())
    })
}

/// What is committed.
pub(super) fn state(handle: &Arc<Handle>, options: &Options) -> Result<State, Error> {
    let tables = Arc::new(Tables::open(handle)?);
    let read = handle.with(OPENING, Database::begin_read)?;
    let fence = |number: u64| {
        guarded(OPENING, || -> Result<_, redb::Error> {
            let found = read.open_table(FENCES)?.get(number)?;
            Ok(found.map(|bytes| bytes.value().to_vec()))
        })
    };
    let damaged = |table, why: &str| Error::Damaged(Damage { table, block: 0, why: why.to_owned() });
    let mut orders: [Option<RowFences>; Order::ALL.len()] = Default::default();
    for order in Order::ALL {
        let fences = fence(order as u64)?.map(|bytes| RowFences::read(&bytes)).transpose();
        orders[order as usize] = fences.map_err(|why| damaged("fences", why))?;
        if order != Order::Gspo && orders[order as usize].is_none() {
            return Err(damaged("fences", "those of an order are not there"));
        }
    }
    let terms = fence(u64::from(state::TERMS))?.ok_or_else(|| damaged("fences", "those of terms are not there"))?;
    let terms = TermFences::read(&terms).map_err(|why| damaged("fences", why))?;
    let meta = |name: &'static str| {
        let found = guarded(OPENING, || -> Result<_, redb::Error> {
            let found = read.open_table(META)?.get(name)?;
            Ok(found.map(|bytes| bytes.value().to_vec()))
        });
        found?.ok_or_else(|| damaged("meta", "a name is not there"))
    };
    let commit = meta(COMMIT)?;
    let commit = guarded(OPENING, || unsealed_with(COMMIT.as_bytes(), &commit))?;
    let mut numbers = commit.chunks_exact(8).flat_map(|bytes| bytes.try_into().map(u64::from_le_bytes));
    let mut number = || numbers.next().ok_or_else(|| damaged("meta", "a number of the commit is not there"));
    let (seq, n_late, n_changes) = (number()?, number()?, number()?);
    let statistics = Statistics::read(&meta("statistics")?).map_err(|why| damaged("meta", why))?;
    let (late, run) = guarded(OPENING, || -> Result<_, redb::Error> {
        let late = Late::new(0);
        for entry in read.open_table(LATE)?.iter()? {
            let (number, sealed) = entry?;
            late.push(unsealed_with(&number.value().to_le_bytes(), sealed.value())?.into());
        }
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for entry in read.open_table(DELTA)?.iter()? {
            let (key, is_added) = entry?;
            let is_added = match is_added.value() {
                value if value == delta_value(key.value(), true) => true,
                value if value == delta_value(key.value(), false) => false,
                _ => return Err(of_other_bytes("a change")),
            };
            let side = if is_added { &mut added } else { &mut removed };
            side.extend(key_row(key.value()));
        }
        Ok((late, Run::new(added, removed)))
    })?;
    if (late.end(), run.len() as u64) != (n_late, n_changes) {
        let found = format!("{} late terms and {} changes", late.end(), run.len());
        return Err(damaged("delta", &format!("{found}, but {n_late} and {n_changes} were written")));
    }
    let runs = if run.len() == 0 { Vec::new() } else { vec![Arc::new(run)] };
    let late = LateTerms { committed: (Arc::new(late), 0), own: None };
    let late = LateTerms { committed: (Arc::clone(&late.committed.0), late.committed.0.end()), own: None };
    let cache = Cache::new(options.decoded_bytes);
    let base = Arc::new(Base { orders, terms, statistics, cache });
    Ok(State { seq: Seq(seq), base, tables, runs, late })
}

/// Which process holds a file.
mod holder {
    use std::path::Path;

    /// The process that Linux says has a lock on the file.
    #[cfg(target_os = "linux")]
    pub(super) fn of(path: &Path) -> Option<u32> {
        use std::os::unix::fs::MetadataExt as _;
        let inode = std::fs::metadata(path).ok()?.ino().to_string();
        let locks = std::fs::read_to_string("/proc/locks").ok()?;
        // "1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF"
        let mut holders = locks.lines().filter_map(|line| {
            let mut words = line.split_whitespace().skip(4);
            let (pid, file) = (words.next()?, words.next()?);
            (file.rsplit(':').next() == Some(&inode)).then(|| pid.parse().ok())?
        });
        holders.next()
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn of(_path: &Path) -> Option<u32> {
        None
    }
}
