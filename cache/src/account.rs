//! Accounts: what the key of a step was made of when it was last executed, so that a later build
//! can say what differs. No key and no layer depends on them; a lost one is only not told.

use rusqlite::OptionalExtension as _;

use crate::{ActionKey, Error, StepId, Store};

/// How many accounts are kept of one step, the newest ones.
const KEPT: i64 = 4;

/// What the key of a step was made of. Both parts are opaque here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The key.
    pub key: ActionKey,
    /// What went into it.
    pub parts: Vec<u8>,
}

impl Store {
    /// The accounts that are kept of `step`, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn accounts(&self, step: &StepId) -> Result<Vec<Account>, Error> {
        let database = self.database();
        let mut statement = database
            .prepare_cached("SELECT key, parts FROM account WHERE step = ?1 ORDER BY number DESC")
            .map_err(Error::database("look up an earlier key"))?;
        let account = |row: &rusqlite::Row<'_>| {
            let key = lapstrake_rootfs::ContentHash::from_bytes(row.get(0)?);
            Ok(Account { key: ActionKey(key), parts: row.get(1)? })
        };
        statement
            .query_map([step.0.as_bytes().as_slice()], account)
            .and_then(Iterator::collect)
            .map_err(Error::database("look up an earlier key"))
    }

    /// The files of an account, as they were given to [`Store::put_account`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn account_files(&self, step: &StepId, key: &ActionKey) -> Result<Option<Vec<u8>>, Error> {
        let database = self.database();
        let mut statement = database
            .prepare_cached("SELECT files FROM account WHERE step = ?1 AND key = ?2")
            .map_err(Error::database("look up earlier files"))?;
        statement
            .query_row((step.0.as_bytes().as_slice(), key.0.as_bytes().as_slice()), |row| {
                row.get(0)
            })
            .optional()
            .map_err(Error::database("look up earlier files"))
    }

    /// The account of the execution that the record of `key` is of, with its files, if it is kept.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn account_of(&self, key: &ActionKey) -> Result<Option<(Account, Vec<u8>)>, Error> {
        let database = self.database();
        let mut statement = database
            .prepare_cached(
                "SELECT account.parts, account.files FROM origin
                 JOIN account ON account.step = origin.step AND account.key = origin.key
                 WHERE origin.key = ?1",
            )
            .map_err(Error::database("look up what a key was made of"))?;
        statement
            .query_row([key.0.as_bytes().as_slice()], |row| {
                Ok((Account { key: *key, parts: row.get(0)? }, row.get(1)?))
            })
            .optional()
            .map_err(Error::database("look up what a key was made of"))
    }

    /// Keeps an account of `step`, which is at `place` in its build, as the newest one; the oldest
    /// ones of the step are forgotten. Atomic.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_account(
        &self,
        step: &StepId,
        place: &StepId,
        account: &Account,
        files: &[u8],
    ) -> Result<(), Error> {
        let failed = Error::database("note what a key was made of");
        let mut database = self.database();
        let (step, place) = (step.0.as_bytes().as_slice(), place.0.as_bytes().as_slice());
        let key = account.key.0.as_bytes().as_slice();
        let write = |transaction: &rusqlite::Transaction<'_>| {
            transaction.execute(
                "INSERT OR REPLACE INTO account (step, key, number, parts, files) VALUES (?1, ?2,
                 (SELECT COALESCE(MAX(number), 0) + 1 FROM account WHERE step = ?1), ?3, ?4)",
                (step, key, &account.parts, files),
            )?;
            transaction.execute(
                "DELETE FROM account WHERE step = ?1 AND number <=
                 (SELECT MAX(number) FROM account WHERE step = ?1) - ?2",
                (step, KEPT),
            )?;
            transaction.execute("INSERT OR REPLACE INTO place_step VALUES (?1, ?2)", (place, step))
        };
        let written = database.transaction().and_then(|transaction| {
            write(&transaction)?;
            transaction.commit()
        });
        written.map_err(failed)
    }

    /// The step that was last at `place`; see [`Store::put_account`].
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
        Ok(step.map(|bytes| StepId(lapstrake_rootfs::ContentHash::from_bytes(bytes))))
    }
}
