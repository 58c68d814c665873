//! The tables of the file, and how they are read.

use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{CompactionError, Database, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition};

use crate::block;
use crate::dictionary::page::Page;
use crate::error::{Damage, Error};
use crate::order::{Order, Row};
use crate::store::SourceId;
use crate::term::TermId;

/// Blocks or pages by number.
pub(super) type Blocks = TableDefinition<'static, u64, &'static [u8]>;
/// Keys that say all there is to say, with their CRC-32.
pub(super) type Keys = TableDefinition<'static, &'static [u8], u32>;

pub(super) const ORDERS: [Blocks; Order::ALL.len()] = [
    TableDefinition::new("spog"),
    TableDefinition::new("psog"),
    TableDefinition::new("posg"),
    TableDefinition::new("ospg"),
    TableDefinition::new("gspo"),
];
pub(super) const TERMS: Blocks = TableDefinition::new("terms");
/// What is kept in memory to find blocks and pages, by the number of their table.
pub(super) const FENCES: Blocks = TableDefinition::new("fences");
/// Spellings of terms since the last merge, by number, sealed.
pub(super) const LATE: Blocks = TableDefinition::new("late");
/// Rows in the first order that are facts though the blocks have them not, or are none though they have them
/// ([`delta_value`]).
pub(super) const DELTA: TableDefinition<'static, &'static [u8], u64> = TableDefinition::new("delta");
/// A row in the first order, then the number of a source.
pub(super) const SOURCES: Keys = TableDefinition::new("sources");
/// The number of a source, then a row in the first order.
pub(super) const BY_SOURCE: Keys = TableDefinition::new("by_source");
/// What a program keeps beside the facts, by name, sealed.
pub(super) const SETTINGS: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("settings");
/// Format, and sealed: identity, number of the commit, numbers of late terms and changes, statistics.
pub(super) const META: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("meta");

/// An open database, which is closed with the last snapshot that reads it.
#[derive(Debug)]
pub(crate) struct Handle(Option<Database>);

impl Handle {
    pub(super) fn new(database: Database) -> Self {
        Self(Some(database))
    }

    /// Pages move to the front of the file, whose free end goes.
    pub(super) fn compact(&mut self) -> Result<(), Error> {
        let Some(database) = &mut self.0 else { return Ok(()) };
        guarded("compacting the store", || match database.compact() {
            // Someone reads who is not ours: nothing was done.
            Ok(_) | Err(CompactionError::TransactionInProgress) => Ok(()),
            Err(error) => Err(redb::Error::from(error)),
        })
    }

    /// What `act` makes of the database.
    pub(super) fn with<T, E: Into<redb::Error>>(
        &self,
        doing: &'static str,
        act: impl FnOnce(&Database) -> Result<T, E>,
    ) -> Result<T, Error> {
        let Some(database) = &self.0 else {
            return Err(Error::GaveUp { doing, message: "the database is closed".to_owned() });
        };
        guarded(doing, || act(database))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let database = self.0.take();
        // What closing does not finish, the next opening does.
        let _closed = guarded("closing", || -> Result<(), redb::Error> {
            drop(database);
            Ok(())
        });
    }
}

/// What `act` returns; a panic of the storage engine, which some damage and some failures lead to, is an error as well.
pub(crate) fn guarded<T, E: Into<redb::Error>>(
    doing: &'static str,
    act: impl FnOnce() -> Result<T, E>,
) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(act)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Error::Storage { doing, source: Box::new(error.into()) }),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let message = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it did not say why");
            Err(Error::GaveUp { doing, message: message.to_owned() })
        }
    }
}

/// The tables of one commit.
pub(crate) struct Tables {
    pub(super) orders: [ReadOnlyTable<u64, &'static [u8]>; Order::ALL.len()],
    pub(super) terms: ReadOnlyTable<u64, &'static [u8]>,
    pub(super) sources: ReadOnlyTable<&'static [u8], u32>,
    pub(super) by_source: ReadOnlyTable<&'static [u8], u32>,
    pub(super) settings: ReadOnlyTable<&'static str, &'static [u8]>,
    /// Closed after the tables: the fields before are dropped first.
    _handle: std::sync::Arc<Handle>,
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tables").finish_non_exhaustive()
    }
}

const READING: &str = "reading the store";

impl Tables {
    pub(super) fn open(handle: &std::sync::Arc<Handle>) -> Result<Self, Error> {
        handle.with(READING, |database| -> Result<Self, redb::Error> {
            let read = database.begin_read()?;
            let [a, b, c, d, e] = ORDERS;
            let open = |table| read.open_table(table);
            Ok(Self {
                orders: [open(a)?, open(b)?, open(c)?, open(d)?, open(e)?],
                terms: open(TERMS)?,
                sources: read.open_table(SOURCES)?,
                by_source: read.open_table(BY_SOURCE)?,
                settings: read.open_table(SETTINGS)?,
                _handle: std::sync::Arc::clone(handle),
            })
        })
    }

    pub(crate) fn rows(&self, order: Order, block: u64) -> Result<Vec<Row>, Error> {
        read_block(&self.orders[order as usize], order.name(), block, block::decode)
    }

    pub(crate) fn page(&self, number: u64) -> Result<Page, Error> {
        read_block(&self.terms, "terms", number, Page::read)
    }

    /// What a program keeps under a name.
    pub(crate) fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        guarded(READING, || -> Result<_, redb::Error> {
            self.settings.get(name)?.map(|value| unsealed_with(name.as_bytes(), value.value())).transpose()
        })
    }

    /// All names that begin so, with what is kept under them.
    pub(crate) fn settings(&self, start: &str) -> Result<Vec<(String, Vec<u8>)>, Error> {
        guarded(READING, || -> Result<_, redb::Error> {
            let mut found = Vec::new();
            for entry in self.settings.range(start..)? {
                let (name, value) = entry?;
                if !name.value().starts_with(start) {
                    break;
                }
                found.push((name.value().to_owned(), unsealed_with(name.value().as_bytes(), value.value())?));
            }
            Ok(found)
        })
    }

    /// The sources of a row in the first order.
    pub(crate) fn sources(&self, row: &Row) -> Result<Vec<SourceId>, Error> {
        let start = row_key(row);
        let mut found = Vec::new();
        for key in guarded(READING, || keys_from(&self.sources, &start))? {
            found.extend(key.last_chunk().map(|source| SourceId(u64::from_be_bytes(*source))));
        }
        Ok(found)
    }

    /// The rows of a source, in the first order.
    pub(crate) fn rows_of(&self, source: SourceId) -> Result<Vec<Row>, Error> {
        let keys = guarded(READING, || keys_from(&self.by_source, &source.0.to_be_bytes()))?;
        Ok(keys.iter().filter_map(|key| key_row(&key[8..])).collect())
    }
}

fn read_block<T>(
    table: &ReadOnlyTable<u64, &'static [u8]>,
    name: &'static str,
    block: u64,
    read: impl FnOnce(&[u8]) -> Result<T, &'static str>,
) -> Result<T, Error> {
    let damage = |why: &str| Error::Damaged(Damage { table: name, block, why: why.to_owned() });
    let found = guarded(READING, || table.get(block))?.ok_or_else(|| damage("it is not there"))?;
    read(found.value()).map_err(damage)
}

/// All keys that begin so.
pub(super) fn keys_from(
    table: &impl ReadableTable<&'static [u8], u32>,
    start: &[u8],
) -> Result<Vec<Vec<u8>>, redb::Error> {
    let mut found = Vec::new();
    for entry in table.range(start..)? {
        let (key, sum) = entry?;
        if !key.value().starts_with(start) {
            break;
        }
        if sum.value() != key_sum(key.value()) {
            return Err(of_other_bytes("a source"));
        }
        found.push(key.value().to_vec());
    }
    Ok(found)
}

/// The terms of a row as bytes that sort as the row does.
pub(super) fn row_key(row: &Row) -> Vec<u8> {
    row.iter().flat_map(|term| term.to_bits().to_be_bytes()).collect()
}

/// The row of such bytes.
pub(super) fn key_row(key: &[u8]) -> Option<Row> {
    let mut row = [TermId::DEFAULT_GRAPH; 4];
    for (term, bytes) in row.iter_mut().zip(key.chunks_exact(8)) {
        *term = TermId::from_bits(u64::from_be_bytes(bytes.try_into().ok()?))?;
    }
    (key.len() == 32).then_some(row)
}

/// The CRC-32 of a key.
pub(super) fn key_sum(key: &[u8]) -> u32 {
    crc32fast::hash(key)
}

/// What is kept of a changed row: whether it was added, and its CRC-32.
pub(super) fn delta_value(key: &[u8], is_added: bool) -> u64 {
    u64::from(key_sum(key)) << 1 | u64::from(is_added)
}

/// The bytes with the CRC-32 of their name and them behind them.
pub(super) fn sealed_with(name: &[u8], bytes: &[u8]) -> Vec<u8> {
    let sum = crc32fast::hash(&[name, bytes].concat());
    [bytes, &sum.to_le_bytes()].concat()
}

/// The bytes that were sealed under this name.
pub(super) fn unsealed_with(name: &[u8], sealed: &[u8]) -> Result<Vec<u8>, redb::Error> {
    let (bytes, sum) = sealed.split_last_chunk::<4>().ok_or_else(|| of_other_bytes("an entry"))?;
    let is_right = crc32fast::hash(&[name, bytes].concat()) == u32::from_le_bytes(*sum);
    is_right.then(|| bytes.to_vec()).ok_or_else(|| of_other_bytes("an entry"))
}

/// The error of something whose checksum is wrong.
pub(super) fn of_other_bytes(what: &str) -> redb::Error {
    redb::Error::Corrupted(format!("the checksum of {what} is of other bytes"))
}
