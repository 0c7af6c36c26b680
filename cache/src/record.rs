//! Action records: what an action came to when it was last executed.

use std::collections::HashSet;
use std::fmt;
use std::time::SystemTime;

use lapstrake_rootfs::{ContentHash, LayerId};
use rusqlite::OptionalExtension as _;
use serde::{Deserialize, Serialize};

use crate::prune::nanoseconds;
use crate::{Error, Store};

/// What an action is looked up by: the hash of the op and of the content of its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ActionKey(pub ContentHash);

/// As a file name.
impl fmt::Display for ActionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a user takes for the same step from build to build, whatever its inputs hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepId(pub ContentHash);

/// What an action came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Record {
    /// The layer that it made.
    pub layer: LayerId,
    /// When it was executed: nanoseconds since 1970-01-01T00:00:00Z.
    pub created: i64,
}

impl Store {
    /// The record of `key`, if its layer is here and whole.
    ///
    /// # Errors
    /// When the database cannot be read. A record that cannot be decoded is a miss.
    pub fn record(&self, key: &ActionKey) -> Result<Option<Record>, Error> {
        let database = self.database();
        let mut statement = database
            .prepare_cached("SELECT value FROM record WHERE key = ?1")
            .map_err(Error::database("look up an action record"))?;
        let value: Option<Vec<u8>> = statement
            .query_row([key.0.as_bytes().as_slice()], |row| row.get(0))
            .optional()
            .map_err(Error::database("look up an action record"))?;
        drop(statement);
        drop(database);
        let Some(record) = value.and_then(|bytes| postcard::from_bytes::<Record>(&bytes).ok())
        else {
            return Ok(None);
        };
        let is_here = self.has_layer(&record.layer)?;
        if is_here {
            self.hits().push(*key);
        }
        Ok(is_here.then_some(record))
    }

    /// Notes what `key` came to; replaces an earlier record. Atomic. The layer must be committed.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_record(&self, key: &ActionKey, record: &Record) -> Result<(), Error> {
        let value = postcard::to_allocvec(record)
            .map_err(|source| Error::Encode { what: "an action record", source })?;
        let key = key.0.as_bytes().as_slice();
        let write = |transaction: &rusqlite::Transaction<'_>| {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO record (key, value) VALUES (?1, ?2)")?
                .execute((key, value))?;
            transaction
                .prepare_cached(
                    "INSERT INTO origin (key, used) VALUES (?1, ?2)
                     ON CONFLICT (key) DO UPDATE SET used = MAX(used, ?2)",
                )?
                .execute((key, nanoseconds(SystemTime::now())))?;
            transaction.prepare_cached("DELETE FROM evicted WHERE key = ?1")?.execute([key])
        };
        let mut database = self.database();
        let written = database.transaction().and_then(|transaction| {
            write(&transaction)?;
            transaction.commit()
        });
        written.map_err(Error::database("write an action record"))
    }

    /// All keys that came to one of these very executions, with it. Reads the whole table.
    ///
    /// # Errors
    /// When the database cannot be read. A record that cannot be decoded is left out.
    pub fn aliases(&self, records: &HashSet<Record>) -> Result<Vec<(ActionKey, Record)>, Error> {
        let database = self.database();
        let mut statement = database
            .prepare_cached("SELECT key, value FROM record")
            .map_err(Error::database("list action records"))?;
        let rows: Vec<([u8; 32], Vec<u8>)> = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .and_then(Iterator::collect)
            .map_err(Error::database("list action records"))?;
        let known = rows.into_iter().filter_map(|(key, value)| {
            let record: Record = postcard::from_bytes(&value).ok()?;
            let key = ActionKey(ContentHash::from_bytes(key));
            records.contains(&record).then_some((key, record))
        });
        Ok(known.collect())
    }

    /// The layer that `step` made last, whatever its key was; see [`Store::put_previous`]. It may
    /// be gone.
    ///
    /// # Errors
    /// When the database cannot be read. A row that cannot be decoded is a miss.
    pub fn previous(&self, step: &StepId) -> Result<Option<LayerId>, Error> {
        let database = self.database();
        let mut statement = database
            .prepare_cached("SELECT layer FROM previous WHERE step = ?1")
            .map_err(Error::database("look up an earlier layer"))?;
        let value: Option<Vec<u8>> = statement
            .query_row([step.0.as_bytes().as_slice()], |row| row.get(0))
            .optional()
            .map_err(Error::database("look up an earlier layer"))?;
        Ok(value.and_then(|bytes| postcard::from_bytes(&bytes).ok()))
    }

    /// Notes that `step` made `layer`; replaces what was noted before. Atomic.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_previous(&self, step: &StepId, layer: &LayerId) -> Result<(), Error> {
        let value = postcard::to_allocvec(layer)
            .map_err(|source| Error::Encode { what: "an earlier layer", source })?;
        self.database()
            .prepare_cached("INSERT OR REPLACE INTO previous (step, layer) VALUES (?1, ?2)")
            .and_then(|mut statement| statement.execute((step.0.as_bytes().as_slice(), value)))
            .map_err(Error::database("note an earlier layer"))?;
        Ok(())
    }
}
