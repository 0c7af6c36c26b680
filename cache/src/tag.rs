//! Tags: names of images in the store. The database answers; `index.json` shows the same to other
//! tools, and brings the tags back when the database is lost.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use lapstrake_oci::{Digest, Document, MediaType};
use rusqlite::OptionalExtension as _;
use serde::{Deserialize, Serialize};

use crate::lock::lock_file;
use crate::temporary::replace_file;
use crate::{Error, Store};

/// The annotation that containerd and Docker put a full image name in.
const NAME: &str = "io.containerd.image.name";
/// The OCI annotation for the tag.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// A named image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The full name, e.g. `docker.io/library/busybox:latest`.
    pub name: String,
    /// Digest of its manifest, or of an index of images for several platforms.
    pub manifest: Digest,
    /// When it was last set: seconds since 1970-01-01T00:00:00Z.
    pub updated: i64,
}

/// What this module writes and reads of an OCI image index.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u32,
    manifests: Vec<Named>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    media_type: String,
    digest: Digest,
    size: u64,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Store {
    /// The image that `name` stands for.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn tag(&self, name: &str) -> Result<Option<Tag>, Error> {
        let database = self.database();
        let mut statement = database
            .prepare_cached("SELECT name, manifest, updated FROM tag WHERE name = ?1")
            .map_err(Error::database("look up a tag"))?;
        statement.query_row([name], read_row).optional().map_err(Error::database("look up a tag"))
    }

    /// All tags, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn tags(&self) -> Result<Vec<Tag>, Error> {
        let database = self.database();
        let mut statement = database
            .prepare_cached("SELECT name, manifest, updated FROM tag ORDER BY name")
            .map_err(Error::database("list tags"))?;
        statement
            .query_map([], read_row)
            .and_then(Iterator::collect)
            .map_err(Error::database("list tags"))
    }

    /// Makes `name` stand for the image whose manifest or index is the blob `manifest`. Atomic. Returns
    /// what it stood for before.
    ///
    /// # Errors
    /// When database or index cannot be written.
    pub fn set_tag(&self, name: &str, manifest: &Digest) -> Result<Option<Digest>, Error> {
        let before = self.tag(name)?.map(|tag| tag.manifest);
        if before == Some(*manifest) {
            return Ok(before);
        }
        self.insert_tag(name, manifest)?;
        self.write_index()?;
        Ok(before)
    }

    /// Forgets `name`. Returns whether it was known.
    ///
    /// # Errors
    /// When database or index cannot be written.
    pub fn remove_tag(&self, name: &str) -> Result<bool, Error> {
        let removed = self
            .database()
            .execute("DELETE FROM tag WHERE name = ?1", [name])
            .map_err(Error::database("remove a tag"))?;
        self.write_index()?;
        Ok(removed > 0)
    }

    fn insert_tag(&self, name: &str, manifest: &Digest) -> Result<(), Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.database()
            .execute(
                "INSERT OR REPLACE INTO tag (name, manifest, updated) VALUES (?1, ?2, ?3)",
                (name, manifest.as_bytes().as_slice(), now.cast_signed()),
            )
            .map_err(Error::database("set a tag"))?;
        Ok(())
    }

    /// Writes `index.json` again that somebody removed. It is for other programs, and for a lost database: where
    /// there is no room it can be missing.
    pub(crate) fn restore_index(&self) {
        let is_missing = !self.root().join("index.json").is_file();
        if is_missing && self.tags().is_ok_and(|tags| !tags.is_empty()) {
            drop(self.write_index());
        }
    }

    /// Writes `index.json` from the tags. Writers take turns, so the last one writes what is true.
    fn write_index(&self) -> Result<(), Error> {
        let path = self.root().join("locks/index");
        let lock = lock_file(&path)?;
        lock.lock().map_err(Error::io("lock", &path))?;
        let manifests = self.tags()?.iter().map(|tag| self.named(tag)).collect();
        let index = Index { schema_version: 2, manifests };
        let path = self.root().join("index.json");
        let bytes = serde_json::to_vec(&index)
            .map_err(|source| Error::Index { path: path.clone(), source })?;
        replace_file(self.root(), &path, &bytes)
    }

    fn named(&self, tag: &Tag) -> Named {
        let bytes = fs::read(self.blob_path(&tag.manifest)).unwrap_or_default();
        let document = Document::parse(&bytes, None);
        let media_type = document.map_or(MediaType::OciManifest, |found| found.media_type());
        let reference = tag.name.rsplit(':').next().unwrap_or_default().to_owned();
        Named {
            media_type: media_type.to_string(),
            digest: tag.manifest,
            size: bytes.len() as u64,
            annotations: [(NAME.into(), tag.name.clone()), (REF_NAME.into(), reference)].into(),
        }
    }

    /// Takes the tags over from `index.json` into a database that knows none.
    pub(crate) fn restore_tags(&self) -> Result<(), Error> {
        let path = self.root().join("index.json");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        let index: Index =
            serde_json::from_slice(&bytes).map_err(|source| Error::Index { path, source })?;
        for named in index.manifests {
            if let Some(name) = named.annotations.get(NAME)
                && self.tag(name)?.is_none()
            {
                self.insert_tag(name, &named.digest)?;
            }
        }
        Ok(())
    }
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Tag> {
    Ok(Tag { name: row.get(0)?, manifest: Digest::from_bytes(row.get(1)?), updated: row.get(2)? })
}
