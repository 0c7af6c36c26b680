//! Accounts: what the key of a step was made of when it was executed, so that a later build can say what
//! differs. No key and no layer depends on them; a lost one is only not told.
//!
//! An account stays as long as its record. Lists of files are the most of it, so of each step only those that
//! were used last are kept, up to some size together.

use lapstrake_rootfs::ContentHash;
use rusqlite::{OptionalExtension as _, Transaction};

use crate::{ActionKey, Error, StepId, Store};

/// How many accounts without a record are kept of one step, the newest ones.
const WITHOUT_RECORD: i64 = 4;

/// How many bytes of lists of files are kept of one step. That of the last use is kept in any case.
const FILES: i64 = 8 << 20;

/// What the key of a step was made of. Both parts are opaque here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The key.
    pub key: ActionKey,
    /// What went into it.
    pub parts: Vec<u8>,
}

/// What an execution is found by when another one is to be compared with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepIds {
    /// The step of its project.
    pub step: StepId,
    /// Its place in the builds of its project.
    pub place: StepId,
    /// The step, whatever the project.
    pub anywhere: StepId,
}

impl Store {
    /// The accounts of executions of `step`, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn accounts(&self, step: &StepId) -> Result<Vec<Account>, Error> {
        let query = "SELECT key, parts FROM account WHERE step = ?1 ORDER BY number DESC LIMIT ?2";
        self.accounts_by(query, step, u32::MAX)
    }

    /// At most so many accounts of what `step`, of a project or of any, came to or was found to be: the ones
    /// that were used last, in that order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn accounts_in_use(&self, step: &StepId, most: u32) -> Result<Vec<Account>, Error> {
        let query = "SELECT account.key, account.parts FROM
             (SELECT key FROM account WHERE step = ?1 UNION SELECT key FROM alike WHERE step = ?1)
             AS found JOIN account ON account.key = found.key
             LEFT JOIN origin ON origin.key = found.key
             GROUP BY account.key ORDER BY COALESCE(used, 0) DESC, MAX(number) DESC LIMIT ?2";
        self.accounts_by(query, step, most)
    }

    fn accounts_by(&self, query: &str, step: &StepId, most: u32) -> Result<Vec<Account>, Error> {
        let failed = "look up an earlier key";
        let database = self.database();
        let mut statement = database.prepare_cached(query).map_err(Error::database(failed))?;
        let account = |row: &rusqlite::Row<'_>| {
            let key = ContentHash::from_bytes(row.get(0)?);
            Ok(Account { key: ActionKey(key), parts: row.get(1)? })
        };
        statement
            .query_map((step.0.as_bytes().as_slice(), most), account)
            .and_then(Iterator::collect)
            .map_err(Error::database(failed))
    }

    /// The files of the account of `key`, as they were given to [`Store::put_account`]; nothing where they
    /// were too many to be kept.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn account_files(&self, key: &ActionKey) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.account_of(key)?.map(|(_, files)| files))
    }

    /// The account of the execution that the record of `key` is of, with its files, if it is kept.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn account_of(&self, key: &ActionKey) -> Result<Option<(Account, Vec<u8>)>, Error> {
        let failed = "look up what a key was made of";
        let database = self.database();
        let mut statement = database
            .prepare_cached(
                "SELECT parts, files FROM account WHERE key = ?1
                 ORDER BY length(files) DESC LIMIT 1",
            )
            .map_err(Error::database(failed))?;
        statement
            .query_row([key.0.as_bytes().as_slice()], |row| {
                Ok((Account { key: *key, parts: row.get(0)? }, row.get(1)?))
            })
            .optional()
            .map_err(Error::database(failed))
    }

    /// Keeps an account of an execution, as the newest one of its step and of its place, and with its record, if it
    /// has one, what was `told` of why it was to be. The record has to be there. Atomic.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_account(
        &self,
        ids: &StepIds,
        account: &Account,
        files: &[u8],
        told: Option<&str>,
    ) -> Result<(), Error> {
        let failed = Error::database("note what a key was made of");
        let mut database = self.database();
        let StepIds { step, place, anywhere } = ids;
        let [step, place, anywhere] = [step, place, anywhere].map(|id| id.0.as_bytes().as_slice());
        let key = account.key.0.as_bytes().as_slice();
        let write = |transaction: &Transaction<'_>| {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO account (step, key, number, parts, files) VALUES (?1,
                     ?2, (SELECT COALESCE(MAX(number), 0) + 1 FROM account WHERE step = ?1), ?3, ?4)",
                )?
                .execute((step, key, &account.parts, files))?;
            transaction
                .prepare_cached("INSERT OR IGNORE INTO alike VALUES (?1, ?2)")?
                .execute((anywhere, key))?;
            transaction
                .prepare_cached("INSERT OR REPLACE INTO place_step VALUES (?1, ?2)")?
                .execute((place, step))?;
            if let Some(told) = told {
                transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO told SELECT key, ?2 FROM record WHERE key = ?1",
                    )?
                    .execute((key, told))?;
            }
            shorten(transaction, step)
        };
        let written = database.transaction().and_then(|transaction| {
            write(&transaction)?;
            transaction.commit()
        });
        written.map_err(failed)
    }

    /// What was said of why the execution was to be that the record of `key` is of, if that is known.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn told(&self, key: &ActionKey) -> Result<Option<String>, Error> {
        self.database()
            .prepare_cached("SELECT reason FROM told WHERE key = ?1")
            .and_then(|mut statement| {
                statement.query_row([key.0.as_bytes().as_slice()], |row| row.get(0)).optional()
            })
            .map_err(Error::database("look up why a step was executed"))
    }

    /// The step that was last at `place`, executed or found.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn step_at(&self, place: &StepId) -> Result<Option<StepId>, Error> {
        let database = self.database();
        let mut statement = database
            .prepare_cached("SELECT step FROM place_step WHERE place = ?1")
            .map_err(Error::database("look up an earlier step"))?;
        let step: Option<[u8; 32]> = statement
            .query_row([place.0.as_bytes().as_slice()], |row| row.get(0))
            .optional()
            .map_err(Error::database("look up an earlier step"))?;
        Ok(step.map(|bytes| StepId(ContentHash::from_bytes(bytes))))
    }
}

/// Forgets what is too much of a step.
fn shorten(transaction: &Transaction<'_>, step: &[u8]) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "DELETE FROM account WHERE step = ?1 AND number IN
             (SELECT number FROM account WHERE step = ?1
              AND NOT EXISTS (SELECT 1 FROM record WHERE record.key = account.key)
              ORDER BY number DESC LIMIT -1 OFFSET ?2)",
        )?
        .execute((step, WITHOUT_RECORD))?;
    transaction
        .prepare_cached(
            "UPDATE account SET files = x'' WHERE step = ?1 AND key IN
         (SELECT key FROM
          (SELECT account.key, length(files) AS own, SUM(length(files)) OVER later AS bytes,
           ROW_NUMBER() OVER later AS place
           FROM account LEFT JOIN origin ON origin.key = account.key WHERE account.step = ?1
           WINDOW later AS (ORDER BY COALESCE(used, 0) DESC, number DESC))
          WHERE place > 1 AND own > 0 AND bytes > ?2)",
        )?
        .execute((step, FILES))?;
    Ok(())
}

/// Makes the step of `ids` the last one at its place, and has its next miss find the account of the execution
/// that the record of `key` is of, whichever of its keys that is, and whoever executed it.
pub(crate) fn find_again(
    transaction: &Transaction<'_>,
    key: &ActionKey,
    ids: &StepIds,
) -> rusqlite::Result<()> {
    let StepIds { step, place, .. } = ids;
    let [step, place] = [step, place].map(|id| id.0.as_bytes().as_slice());
    transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO alike SELECT ?1, account.key FROM record
             JOIN record AS other ON other.value = record.value
             JOIN account ON account.key = other.key
             WHERE record.key = ?2 AND NOT EXISTS
             (SELECT 1 FROM account AS own WHERE own.step = ?1 AND own.key = account.key)",
        )?
        .execute((step, key.0.as_bytes().as_slice()))?;
    transaction
        .prepare_cached(
            "INSERT INTO place_step SELECT ?1, ?2 WHERE EXISTS
             (SELECT 1 FROM account WHERE step = ?2 UNION ALL SELECT 1 FROM alike WHERE step = ?2)
             ON CONFLICT (place) DO UPDATE SET step = ?2 WHERE step != ?2",
        )?
        .execute((place, step))?;
    Ok(())
}
