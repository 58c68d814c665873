//! How a transaction becomes durable.

use std::sync::Arc;

use super::tables::{BY_SOURCE, DELTA, LATE, META, SETTINGS, SOURCES, Tables, row_key};
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
                    table.insert(number, &**spelling)?;
                }
                let mut table = write.open_table(DELTA)?;
                let (mut facts, mut by_source) = (write.open_table(SOURCES)?, write.open_table(BY_SOURCE)?);
                for (side, is_added) in [(Side::Added, 1), (Side::Removed, 0)] {
                    for row in changes.run.rows(Order::Spog, side) {
                        let key = row_key(row);
                        // A change that is there already is the opposite one: both are gone.
                        if table.remove(key.as_slice())?.is_none() {
                            table.insert(key.as_slice(), is_added)?;
                        }
                    }
                }
                for (row, source, is_added) in &changes.sources {
                    let mut key = row_key(row);
                    key.extend_from_slice(&source.0.to_be_bytes());
                    if *is_added {
                        facts.insert(key.as_slice(), ())?;
                        by_source.insert(turned(&key).as_slice(), ())?;
                    } else {
                        facts.remove(key.as_slice())?;
                        by_source.remove(turned(&key).as_slice())?;
                    }
                }
                let mut table = write.open_table(SETTINGS)?;
                for (name, value) in &changes.settings {
                    match value {
                        Some(value) => table.insert(name.as_str(), value.as_slice())?,
                        None => table.remove(name.as_str())?,
                    };
                }
                write.open_table(META)?.insert("seq", seq.0.to_le_bytes().as_slice())?;
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

/// A key of facts and sources as one of sources and facts.
pub(super) fn turned(key: &[u8]) -> Vec<u8> {
    let (row, source) = key.split_at(key.len().saturating_sub(8));
    [source, row].concat()
}
