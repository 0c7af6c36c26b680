//! What is known of blobs elsewhere: what a layer became when it was packed, and which repositories
//! had a blob when it was last heard of. Only hints: a registry is asked before one is relied on.

use lapstrake_oci::Digest;
use rusqlite::OptionalExtension as _;

use crate::{Error, Store};

/// Repositories that are remembered of a blob.
const PLACES: i64 = 16;

impl Store {
    /// Digest and size of what the layer `diff_id` became when it was packed as `packing` says.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn packed(&self, diff_id: &Digest, packing: &str) -> Result<Option<(Digest, u64)>, Error> {
        let database = self.database();
        let mut statement = database
            .prepare_cached("SELECT digest, size FROM packed WHERE diff_id = ?1 AND packing = ?2")
            .map_err(Error::database("look up a packed layer"))?;
        let found: Option<([u8; 32], i64)> = statement
            .query_row((diff_id.as_bytes().as_slice(), packing), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
            .map_err(Error::database("look up a packed layer"))?;
        Ok(found.map(|(digest, size)| (Digest::from_bytes(digest), size.unsigned_abs())))
    }

    /// Notes what a layer became when it was packed.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_packed(
        &self,
        diff_id: &Digest,
        packing: &str,
        digest: &Digest,
        size: u64,
    ) -> Result<(), Error> {
        self.database()
            .execute(
                "INSERT OR REPLACE INTO packed (diff_id, packing, digest, size)
                 VALUES (?1, ?2, ?3, ?4)",
                (
                    diff_id.as_bytes().as_slice(),
                    packing,
                    digest.as_bytes().as_slice(),
                    size.cast_signed(),
                ),
            )
            .map_err(Error::database("note a packed layer"))?;
        Ok(())
    }

    /// Repositories, with their registries, that had the blob.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn places(&self, digest: &Digest) -> Result<Vec<String>, Error> {
        let database = self.database();
        let mut statement = database
            .prepare_cached("SELECT repository FROM place WHERE digest = ?1 LIMIT ?2")
            .map_err(Error::database("look up the places of a blob"))?;
        statement
            .query_map((digest.as_bytes().as_slice(), PLACES), |row| row.get(0))
            .and_then(Iterator::collect)
            .map_err(Error::database("look up the places of a blob"))
    }

    /// Notes that a repository, named with its registry, has the blob.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_place(&self, digest: &Digest, repository: &str) -> Result<(), Error> {
        self.database()
            .execute(
                "INSERT OR IGNORE INTO place (digest, repository) VALUES (?1, ?2)",
                (digest.as_bytes().as_slice(), repository),
            )
            .map_err(Error::database("note the place of a blob"))?;
        Ok(())
    }
}
