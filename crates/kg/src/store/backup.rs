//! A copy of a store while it is in use.

use std::path::Path;

use redb::{ReadableTable, TableHandle};

use super::tables::{BY_SOURCE, DELTA, FENCES, Handle, LATE, META, ORDERS, SETTINGS, SOURCES, TERMS, guarded};
use super::{Options, Store, open};
use crate::error::Error;

const COPYING: &str = "copying the store";

impl Store {
    /// A copy of what is committed now in a new file, whatever is written meanwhile; readers and writers go on.
    ///
    /// # Errors
    /// [`Error::NotAStore`] if there is a file of that name already.
    pub fn backup(&self, to: &Path) -> Result<(), Error> {
        if to.exists() {
            return Err(Error::NotAStore {
                path: to.to_owned(),
                why: "a file of that name is there already".to_owned(),
            });
        }
        let copy = open::file(to, Options { create: true, ..self.options })?;
        let copied = self.copy_into(&copy);
        drop(copy);
        if copied.is_err() {
            // Half a copy is none.
            let _removed = std::fs::remove_file(to);
        }
        copied
    }

    fn copy_into(&self, copy: &Handle) -> Result<(), Error> {
        let read = self.handle.with(COPYING, redb::ReadableDatabase::begin_read)?;
        let write = copy.with(COPYING, redb::Database::begin_write)?;
        guarded(COPYING, || -> Result<(), redb::Error> {
            macro_rules! copy {
                ($table:expr) => {{
                    let (from, mut to) = (read.open_table($table)?, write.open_table($table)?);
                    for entry in from.iter()? {
                        let (key, value) = entry?;
                        to.insert(key.value(), value.value())?;
                    }
                }};
            }
            debug_assert_eq!(read.list_tables()?.filter(|table| !table.name().is_empty()).count(), 13);
            for table in ORDERS.into_iter().chain([TERMS, FENCES, LATE]) {
                copy!(table);
            }
            copy!(DELTA);
            copy!(SOURCES);
            copy!(BY_SOURCE);
            copy!(SETTINGS);
            copy!(META);
            write.commit()?;
            Ok(())
        })
    }
}
