//! Where records come from and when they were used, and what became of those that are gone. No key
//! and no layer depends on it.

use std::time::{Duration, SystemTime};

use lapstrake_rootfs::{ContentHash, LayerId};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction};

use crate::account::find_again;
use crate::layer::layer_id;
use crate::prune::nanoseconds;
use crate::{ActionKey, Error, Record, StepId, StepIds, Store};

/// A use is noted when the last one is older, or when something else was used since.
const GRAIN: Duration = Duration::from_secs(3600);

/// A record, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// What finds it.
    pub key: ActionKey,
    /// The layer, and when it was made.
    pub record: Record,
    /// When it was found last, or made: nanoseconds since 1970. May be an hour too early when
    /// nothing else was used since.
    pub used: i64,
    /// The topmost layer of the root file system that it stands on.
    pub below: Option<LayerId>,
    /// The step as a user knows it.
    pub step: Option<StepId>,
    /// The step's name; none for internal work.
    pub name: Option<String>,
    /// The project that made it.
    pub project: Option<String>,
    /// How long its execution took, where it was executed here: milliseconds.
    pub took: Option<u64>,
}

impl Store {
    /// Notes how long the execution of `key` took.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_took(&self, key: &ActionKey, took: Duration) -> Result<(), Error> {
        let milliseconds = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
        self.database()
            .prepare_cached("INSERT OR REPLACE INTO took (key, milliseconds) VALUES (?1, ?2)")
            .and_then(|mut statement| {
                statement.execute((key.0.as_bytes().as_slice(), milliseconds))
            })
            .map_err(Error::database("note how long a step took"))?;
        Ok(())
    }

    /// Notes where the record of `key` comes from: the layer `below` it, and the step with its name
    /// and project. Does nothing where there is no record. Atomic.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_origin(
        &self,
        key: &ActionKey,
        below: Option<&LayerId>,
        step: Option<(&StepId, &str, &str)>,
    ) -> Result<(), Error> {
        let (id, name, project) = match step {
            Some((id, name, project)) => {
                (Some(id.0.as_bytes().as_slice()), Some(name), Some(project))
            }
            None => (None, None, None),
        };
        self.database()
            .prepare_cached(
                "UPDATE origin SET below = ?2, step = ?3, name = ?4, project = ?5 WHERE key = ?1",
            )
            .and_then(|mut statement| {
                let (key, below) = (key.0.as_bytes().as_slice(), below.map(ToString::to_string));
                statement.execute((key, below, id, name, project))
            })
            .map_err(Error::database("note where a record comes from"))?;
        Ok(())
    }

    /// All records, in no order; those that cannot be decoded are left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn origins(&self) -> Result<Vec<Origin>, Error> {
        let database = self.database();
        let mut statement = database
            .prepare_cached(
                "SELECT record.key, value, used, below, step, name, project, milliseconds
                 FROM record LEFT JOIN origin ON origin.key = record.key
                 LEFT JOIN took ON took.key = record.key",
            )
            .map_err(Error::database("list records"))?;
        let origins: Vec<Option<Origin>> = statement
            .query_map([], origin)
            .and_then(Iterator::collect)
            .map_err(Error::database("list records"))?;
        Ok(origins.into_iter().flatten().collect())
    }

    /// Notes that what [`Store::record`] found was used now, and that it is what `steps` came to: asked for only
    /// when something is to be noted. Writes nothing when it was the last that was used, and that not long
    /// ago. Atomic.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn note_uses(&self, steps: &dyn Fn() -> Vec<(ActionKey, StepIds)>) -> Result<(), Error> {
        let hits = std::mem::take(&mut *self.hits());
        let now = nanoseconds(SystemTime::now());
        let mut database = self.database();
        let note = |database: &mut Connection| {
            if !are_due(database, &hits, now)? {
                return Ok(());
            }
            let transaction = database.transaction()?;
            for key in &hits {
                transaction
                    .prepare_cached(
                        // An execution may have several keys.
                        "INSERT INTO origin (key, used) SELECT other.key, ?2 FROM record
                         JOIN record AS other ON other.value = record.value WHERE record.key = ?1
                         ON CONFLICT (key) DO UPDATE SET used = ?2",
                    )?
                    .execute((key.0.as_bytes().as_slice(), now))?;
            }
            for (key, ids) in steps() {
                find_again(&transaction, &key, &ids)?;
            }
            transaction.commit()
        };
        note(&mut database).map_err(Error::database("note what was used"))
    }

    /// The keys whose records were evicted, with the time, in nanoseconds since 1970, and the step.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn evictions(&self) -> Result<Vec<(ActionKey, i64, Option<StepId>)>, Error> {
        let database = self.database();
        let mut statement = database
            .prepare_cached("SELECT key, time, step FROM evicted")
            .map_err(Error::database("list what was evicted"))?;
        let eviction = |row: &Row<'_>| {
            let key = ActionKey(ContentHash::from_bytes(row.get(0)?));
            let step: Option<[u8; 32]> = row.get(2)?;
            Ok((key, row.get(1)?, step.map(|step| StepId(ContentHash::from_bytes(step)))))
        };
        statement
            .query_map([], eviction)
            .and_then(Iterator::collect)
            .map_err(Error::database("list what was evicted"))
    }

    /// The project that made the record of `key`, where that is known.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn project_of(&self, key: &ActionKey) -> Result<Option<String>, Error> {
        let project: rusqlite::Result<Option<Option<String>>> = self
            .database()
            .prepare_cached("SELECT project FROM origin WHERE key = ?1")
            .and_then(|mut statement| {
                statement.query_row([key.0.as_bytes().as_slice()], |row| row.get(0)).optional()
            });
        project.map(Option::flatten).map_err(Error::database("look up a project"))
    }

    /// When the record of `key` was evicted, if it was: nanoseconds since 1970.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn evicted(&self, key: &ActionKey) -> Result<Option<i64>, Error> {
        self.eviction("SELECT time FROM evicted WHERE key = ?1", &key.0)
    }

    /// When a record of `step` was evicted last, if one was: nanoseconds since 1970.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn evicted_step(&self, step: &StepId) -> Result<Option<i64>, Error> {
        self.eviction("SELECT MAX(time) FROM evicted WHERE step = ?1", &step.0)
    }

    fn eviction(&self, query: &str, of: &ContentHash) -> Result<Option<i64>, Error> {
        let failed = "look up what was evicted";
        let database = self.database();
        let mut statement = database.prepare_cached(query).map_err(Error::database(failed))?;
        let time = statement.query_row([of.as_bytes().as_slice()], |row| row.get(0)).optional();
        time.map(Option::flatten).map_err(Error::database(failed))
    }
}

/// Whether one of `hits` was last used long ago, or something else since.
fn are_due(database: &Connection, hits: &[ActionKey], now: i64) -> rusqlite::Result<bool> {
    if hits.is_empty() {
        return Ok(false);
    }
    let last: Option<i64> =
        database.prepare_cached("SELECT MAX(used) FROM origin")?.query_row([], |row| row.get(0))?;
    let grain = i64::try_from(GRAIN.as_nanos()).unwrap_or(i64::MAX);
    let due = last.unwrap_or(i64::MAX).max(now.saturating_sub(grain));
    let mut used = database.prepare_cached("SELECT used FROM origin WHERE key = ?1")?;
    for key in hits {
        let found = used.query_row([key.0.as_bytes().as_slice()], |row| row.get::<_, i64>(0));
        if found.optional()?.is_none_or(|used| used < due) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Forgets the record of `key`, and notes that it went at `now`.
pub(crate) fn evict(
    transaction: &Transaction<'_>,
    key: &ActionKey,
    step: Option<&StepId>,
    now: i64,
) -> rusqlite::Result<()> {
    let key = key.0.as_bytes().as_slice();
    let step = step.map(|step| step.0.as_bytes().as_slice());
    for table in ["record", "origin", "took", "told"] {
        transaction
            .prepare_cached(&format!("DELETE FROM {table} WHERE key = ?1"))?
            .execute([key])?;
    }
    transaction
        .prepare_cached("INSERT OR REPLACE INTO evicted (key, time, step) VALUES (?1, ?2, ?3)")?
        .execute((key, now, step))?;
    Ok(())
}

fn origin(row: &Row<'_>) -> rusqlite::Result<Option<Origin>> {
    let value: Vec<u8> = row.get(1)?;
    let Ok(record) = postcard::from_bytes::<Record>(&value) else { return Ok(None) };
    let below: Option<String> = row.get(3)?;
    let step: Option<[u8; 32]> = row.get(4)?;
    Ok(Some(Origin {
        key: ActionKey(ContentHash::from_bytes(row.get(0)?)),
        record,
        used: row.get::<_, Option<i64>>(2)?.unwrap_or(record.created),
        below: below.and_then(|id| layer_id(&id)),
        step: step.map(|bytes| StepId(ContentHash::from_bytes(bytes))),
        name: row.get(5)?,
        project: row.get(6)?,
        took: row.get::<_, Option<i64>>(7)?.map(i64::unsigned_abs),
    }))
}
