//! Blocks and dictionary written anew, in one transaction of the storage.

use std::path::Path;

use redb::{Durability, ReadableTable, WriteTransaction};

use super::commit::{put_commit, turned};
use super::tables::{
    BY_SOURCE, Blocks, DELTA, FENCES, LATE, META, ORDERS, SOURCES, TERMS, guarded, key_row, key_sum, of_other_bytes,
    row_key,
};
use super::{Seq, Store, open};
use crate::dictionary::fences::{RowFences, TermFences};
use crate::error::Error;
use crate::order::{Order, Row};
use crate::state;
use crate::statistics::Statistics;

const WRITING: &str = "writing the blocks";

/// New blocks that are in place of the old ones once they are committed.
pub(crate) struct Rebuild<'s> {
    store: &'s Store,
    write: Option<WriteTransaction>,
}

impl<'s> Rebuild<'s> {
    pub(crate) fn new(store: &'s Store) -> Result<Self, Error> {
        let write = store.handle.with(WRITING, |database| -> Result<_, redb::Error> {
            let mut write = database.begin_write()?;
            write.set_durability(Durability::Immediate)?;
            for table in ORDERS.into_iter().chain([TERMS, FENCES, LATE]) {
                write.delete_table(table)?;
                write.open_table(table)?;
            }
            write.delete_table(DELTA)?;
            write.open_table(DELTA)?;
            Ok(write)
        })?;
        Ok(Self { store, write: Some(write) })
    }

    /// Where files of sorted parts can be, beside the store.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.store.path().and_then(Path::parent)
    }

    fn put(&self, table: Blocks, number: u64, bytes: &[u8]) -> Result<(), Error> {
        let Some(write) = &self.write else { return Ok(()) };
        guarded(WRITING, || -> Result<(), redb::Error> {
            write.open_table(table)?.insert(number, bytes)?;
            Ok(())
        })
    }

    pub(crate) fn put_block(&self, order: Order, number: u64, bytes: &[u8]) -> Result<(), Error> {
        self.put(ORDERS[order as usize], number, bytes)
    }

    pub(crate) fn put_page(&self, number: u64, bytes: &[u8]) -> Result<(), Error> {
        self.put(TERMS, number, bytes)
    }

    pub(crate) fn put_fences(&self, order: Order, fences: &RowFences) -> Result<(), Error> {
        self.put(FENCES, order as u64, &fences.write())
    }

    /// The sources of facts keep to their facts, whose terms have other ids now.
    pub(crate) fn renumber_sources(&mut self, new: impl Fn(Row) -> Result<Row, Error>) -> Result<(), Error> {
        let Some(write) = &self.write else { return Ok(()) };
        let tables = &self.store.state().tables;
        let mut failed = None;
        guarded(WRITING, || -> Result<(), redb::Error> {
            if tables.sources.iter()?.next().is_none() {
                return Ok(());
            }
            write.delete_table(SOURCES)?;
            write.delete_table(BY_SOURCE)?;
            let (mut facts, mut by_source) = (write.open_table(SOURCES)?, write.open_table(BY_SOURCE)?);
            for entry in tables.sources.iter()? {
                let (old, sum) = entry?;
                if sum.value() != key_sum(old.value()) {
                    return Err(of_other_bytes("a source"));
                }
                let Some((row, source)) = old.value().split_at_checked(32) else { continue };
                match key_row(row).map(&new).transpose() {
                    Ok(None) => {}
                    Ok(Some(row)) => {
                        let key = [&row_key(&row), source].concat();
                        facts.insert(key.as_slice(), key_sum(&key))?;
                        let key = turned(&key);
                        by_source.insert(key.as_slice(), key_sum(&key))?;
                    }
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
            Ok(())
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// All of it is committed and synced.
    pub(crate) fn commit(mut self, before: Seq, terms: &TermFences, statistics: &Statistics) -> Result<Seq, Error> {
        let seq = Seq(before.0 + 1);
        self.put(FENCES, u64::from(state::TERMS), &terms.write())?;
        let write = self.write.take();
        guarded("committing", || -> Result<(), redb::Error> {
            let Some(write) = write else { return Ok(()) };
            write.open_table(META)?.insert("statistics", statistics.write().as_slice())?;
            put_commit(&write, seq, 0, 0)?;
            write.commit()?;
            Ok(())
        })?;
        self.store.publish(open::state(&self.store.handle, &self.store.options)?);
        Ok(seq)
    }
}

impl Drop for Rebuild<'_> {
    fn drop(&mut self) {
        let write = self.write.take();
        // What is not committed has not happened, whether or not taking it back is finished.
        let _aborted = guarded(WRITING, || -> Result<(), redb::Error> {
            drop(write);
            Ok(())
        });
    }
}
