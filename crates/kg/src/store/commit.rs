//! How a transaction becomes durable.

use std::sync::Arc;

use redb::WriteTransaction;

use super::tables::{
    BY_SOURCE, DELTA, LATE, META, SETTINGS, SOURCES, Tables, delta_value, key_sum, row_key, sealed_with,
};
use super::{Seq, SourceId, Store};
use crate::delta::{self, Run, Side};
use crate::error::Error;
use crate::order::{Order, Row};
use crate::state::{LateTerms, State};

/// Everything that a transaction changes.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) run: Run,
    /// Spellings that follow the committed ones.
    pub(crate) late: Vec<Arc<[u8]>>,
    pub(crate) sources: Vec<(Row, SourceId, bool)>,
    pub(crate) settings: Vec<(String, Option<Vec<u8>>)>,
}

impl Store {
    /// The changes of a transaction that began with `before` are committed and synced.
    pub(crate) fn commit(&self, before: &State, changes: Changes) -> Result<Seq, Error> {
        let seq = Seq(before.seq.0 + 1);
        let (late, first) = (&before.late.committed.0, before.late.committed.1);
        self.handle.with("committing", |database| -> Result<(), redb::Error> {
            let write = database.begin_write()?;
            {
                let mut table = write.open_table(LATE)?;
                for (number, spelling) in (first..).zip(&changes.late) {
                    table.insert(number, sealed_with(&number.to_le_bytes(), spelling).as_slice())?;
                }
                let n_late = redb::ReadableTableMetadata::len(&table)?;
                let mut table = write.open_table(DELTA)?;
                let (mut facts, mut by_source) = (write.open_table(SOURCES)?, write.open_table(BY_SOURCE)?);
                for (side, is_added) in [(Side::Added, true), (Side::Removed, false)] {
                    for row in changes.run.rows(Order::Spog, side) {
                        let key = row_key(row);
                        // A change that is there already is the opposite one: both are gone.
                        if table.remove(key.as_slice())?.is_none() {
                            table.insert(key.as_slice(), delta_value(&key, is_added))?;
                        }
                    }
                }
                let n_changes = redb::ReadableTableMetadata::len(&table)?;
                for (row, source, is_added) in &changes.sources {
                    let mut key = row_key(row);
                    key.extend_from_slice(&source.0.to_be_bytes());
                    if *is_added {
                        facts.insert(key.as_slice(), key_sum(&key))?;
                        let key = turned(&key);
                        by_source.insert(key.as_slice(), key_sum(&key))?;
                    } else {
                        facts.remove(key.as_slice())?;
                        by_source.remove(turned(&key).as_slice())?;
                    }
                }
                let mut table = write.open_table(SETTINGS)?;
                for (name, value) in &changes.settings {
                    match value {
                        Some(value) => table.insert(name.as_str(), sealed_with(name.as_bytes(), value).as_slice())?,
                        None => table.remove(name.as_str())?,
                    };
                }
                put_commit(&write, seq, n_late, n_changes)?;
            }
            write.commit()?;
            Ok(())
        })?;
        // From here on it is committed, whatever fails.
        for spelling in changes.late {
            late.push(spelling);
        }
        let late = LateTerms { committed: (Arc::clone(late), late.end()), own: None };
        let runs = delta::with_run(&before.runs, changes.run);
        let tables = Arc::new(Tables::open(&self.handle)?);
        self.publish(State { seq, base: Arc::clone(&before.base), tables, runs, late });
        Ok(seq)
    }
}

/// What says which commit this is, and how much is beside its blocks.
pub(super) fn put_commit(write: &WriteTransaction, seq: Seq, n_late: u64, n_changes: u64) -> Result<(), redb::Error> {
    let value = [seq.0, n_late, n_changes].map(u64::to_le_bytes).concat();
    write.open_table(META)?.insert(COMMIT, sealed_with(COMMIT.as_bytes(), &value).as_slice())?;
    Ok(())
}

/// The name of the number of the commit.
pub(super) const COMMIT: &str = "commit";

/// A key of facts and sources as one of sources and facts.
pub(super) fn turned(key: &[u8]) -> Vec<u8> {
    let (row, source) = key.split_at(key.len().saturating_sub(8));
    [source, row].concat()
}
