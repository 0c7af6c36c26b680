//! Layers: directories that overlayfs mounts as they are, with their manifests.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lapstrake_oci::Digest;
use lapstrake_rootfs::tar::Checkpoints;
use lapstrake_rootfs::{LayerId, LayerManifest};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use crate::temporary::{new_file, replace_file};
use crate::{Error, Store, Temporary};

/// The file beside a layer's manifest for [`Store::checkpoints`].
const CHECKPOINTS: &str = "checkpoints";

/// A layer of the store.
#[derive(Clone, Debug)]
pub struct Layer {
    /// How it is known.
    pub id: LayerId,
    /// Its directory in overlayfs form. Never changed after the commit.
    pub path: PathBuf,
    /// What it holds.
    pub manifest: Arc<LayerManifest>,
}

/// A layer that is being made. Dropped before its commit it leaves nothing.
#[derive(Debug)]
pub struct Staging {
    folder: Temporary,
}

impl Staging {
    /// The empty directory that becomes the layer.
    pub fn fs(&self) -> PathBuf {
        self.folder.path().join("fs")
    }

    /// An empty directory on the same file system, for overlayfs to work in.
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// [`Staging::fs`], opened.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open_fs(&self) -> Result<OwnedFd, Error> {
        let path = self.fs();
        Ok(File::open(&path).map_err(Error::io("open", path))?.into())
    }
}

impl Store {
    /// Begins a layer.
    ///
    /// # Errors
    /// When its folders cannot be made.
    pub fn stage_layer(&self) -> Result<Staging, Error> {
        let staging = Staging { folder: self.temporary()? };
        for path in [staging.fs(), staging.work()] {
            fs::create_dir(&path).map_err(Error::io("create", &path))?;
        }
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(staging.fs(), open)
            .map_err(Error::io("set the mode of", staging.fs()))?;
        Ok(staging)
    }

    /// Keeps a layer under `id`. Atomic; when one of that id is already there, that one stays and
    /// is returned. Flushed by the next [`Store::sync`].
    ///
    /// # Errors
    /// When something cannot be written; then nothing is kept.
    pub fn commit_layer(
        &self,
        staging: Staging,
        id: LayerId,
        manifest: impl Into<Arc<LayerManifest>>,
    ) -> Result<Layer, Error> {
        let manifest = manifest.into();
        let _gate = self.making(&id.to_string())?;
        if let Some(layer) = self.layer(&id)? {
            return Ok(layer);
        }
        let encoded = manifest
            .encode()
            .map_err(|source| Error::Encode { what: "a layer manifest", source })?;
        let staged = staging.folder.path().join("manifest");
        new_file(&staged)
            .and_then(|mut file| file.write_all(&encoded))
            .map_err(Error::io("write", staged))?;
        fs::remove_dir_all(staging.work()).map_err(Error::io("remove", staging.work()))?;
        let is_first = self.place(staging.folder, &id, manifest.size())?;
        let path = self.layer_folder(&id).join("fs");
        let layer = Layer { id, path, manifest };
        match is_first {
            true => Ok(layer),
            false => Ok(self.layer(&id)?.unwrap_or(layer)),
        }
    }

    /// The layer `id`; `None` when it is not here, or was not flushed before a power cut.
    ///
    /// # Errors
    /// When it is here and cannot be read.
    pub fn layer(&self, id: &LayerId) -> Result<Option<Layer>, Error> {
        let Some(here) = self.locate(id)? else {
            return Ok(None);
        };
        let folder = self.layer_folder(&here);
        let file = folder.join("manifest");
        let bytes = fs::read(&file).map_err(Error::io("read", file))?;
        let mut manifest = LayerManifest::decode(&bytes)
            .map_err(|source| Error::Manifest { layer: *id, source })?;
        if here != *id {
            // It is the layer of an image, and might have come as a tar.
            manifest = manifest.in_whole_seconds();
        }
        Ok(Some(Layer { id: *id, path: folder.join("fs"), manifest: Arc::new(manifest) }))
    }

    /// Whether the layer `id` is here and whole.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn has_layer(&self, id: &LayerId) -> Result<bool, Error> {
        Ok(self.locate(id)?.is_some())
    }

    /// The id under which the layer `id` is stored: its own, or, for an image's layer, that of one
    /// that was built here and has the same diff id. `None` when there is none, or when it was not
    /// flushed before a power cut.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn locate(&self, id: &LayerId) -> Result<Option<LayerId>, Error> {
        self.held(&id.to_string(), || self.look_up(id), ToString::to_string)
    }

    fn look_up(&self, id: &LayerId) -> Result<Option<LayerId>, Error> {
        if self.has_row(id)? {
            return Ok(Some(*id));
        }
        match id {
            LayerId::Image(diff_id) => self.built_with(diff_id),
            LayerId::Built(_) => Ok(None),
        }
    }

    fn has_row(&self, id: &LayerId) -> Result<bool, Error> {
        self.is_whole(&self.database(), id)
    }

    fn is_whole(&self, database: &Connection, id: &LayerId) -> Result<bool, Error> {
        let mut statement = database
            .prepare_cached("SELECT boot IS NULL OR boot = ?2 FROM layer WHERE id = ?1")
            .map_err(Error::database("look up a layer"))?;
        let whole: Option<bool> = statement
            .query_row((id.to_string(), self.boot()), |row| row.get(0))
            .optional()
            .map_err(Error::database("look up a layer"))?;
        Ok(whole.unwrap_or(false))
    }

    /// The sum of the sizes of the layer's regular files in bytes; `None` when it is not here.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn layer_size(&self, id: &LayerId) -> Result<Option<u64>, Error> {
        let Some(here) = self.locate(id)? else {
            return Ok(None);
        };
        let database = self.database();
        let mut statement = database
            .prepare_cached("SELECT size FROM layer WHERE id = ?1")
            .map_err(Error::database("look up a layer's size"))?;
        let size: Option<i64> = statement
            .query_row([here.to_string()], |row| row.get(0))
            .optional()
            .map_err(Error::database("look up a layer's size"))?;
        Ok(size.map(i64::unsigned_abs))
    }

    /// The directory of a layer that is known to be here.
    pub fn layer_path(&self, id: &LayerId) -> PathBuf {
        self.layer_folder(id).join("fs")
    }

    /// Digest and size in bytes of the layer's canonical tar, if they were noted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn diff_id(&self, id: &LayerId) -> Result<Option<(Digest, u64)>, Error> {
        let database = self.database();
        let mut statement = database
            .prepare_cached(
                "SELECT diff_id, tar_size FROM layer WHERE id = ?1 AND diff_id IS NOT NULL",
            )
            .map_err(Error::database("look up a diff id"))?;
        statement
            .query_row([id.to_string()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))
            .optional()
            .map_err(Error::database("look up a diff id"))
            .map(|found| {
                found.map(|(digest, size)| (Digest::from_bytes(digest), size.unsigned_abs()))
            })
    }

    /// Notes digest and size of the layer's canonical tar.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_diff_id(&self, id: &LayerId, digest: &Digest, size: u64) -> Result<(), Error> {
        self.database()
            .prepare_cached("UPDATE layer SET diff_id = ?2, tar_size = ?3 WHERE id = ?1")
            .and_then(|mut statement| {
                let digest = digest.as_bytes().as_slice();
                statement.execute((id.to_string(), digest, size.cast_signed()))
            })
            .map_err(Error::database("note a diff id"))?;
        Ok(())
    }

    /// Where the hashing of the layer's tar stood, if that was kept; for a layer that begins like it.
    pub fn checkpoints(&self, id: &LayerId) -> Option<Checkpoints> {
        Checkpoints::decode(&fs::read(self.layer_folder(id).join(CHECKPOINTS)).ok()?)
    }

    /// Keeps where the hashing of the layer's tar stood. Atomic.
    ///
    /// # Errors
    /// When the file cannot be written, as when the layer was removed meanwhile.
    pub fn put_checkpoints(&self, id: &LayerId, checkpoints: &Checkpoints) -> Result<(), Error> {
        let encoded = checkpoints
            .encode()
            .map_err(|source| Error::Encode { what: "the checkpoints of a digest", source })?;
        replace_file(self.root(), &self.layer_folder(id).join(CHECKPOINTS), &encoded)
    }

    /// A layer that was built here and whose canonical tar has this digest.
    fn built_with(&self, diff_id: &Digest) -> Result<Option<LayerId>, Error> {
        let database = self.database();
        let mut statement = database
            .prepare_cached(
                "SELECT id FROM layer WHERE diff_id = ?1 AND (boot IS NULL OR boot = ?2)",
            )
            .map_err(Error::database("look up a layer by its diff id"))?;
        let ids: Vec<String> = statement
            .query_map((diff_id.as_bytes().as_slice(), self.boot()), |row| row.get(0))
            .and_then(Iterator::collect)
            .map_err(Error::database("look up a layer by its diff id"))?;
        let built = ids.iter().find_map(|id| id.strip_prefix("blake3-")?.parse().ok());
        Ok(built.map(LayerId::Built))
    }

    /// Moves the finished folder to its name and notes it; false when another writer was first,
    /// whose layer stays. The rest of one that the index does not know goes.
    ///
    /// The index is locked meanwhile: else a second writer could take the first one's folder for
    /// such a rest, and move it away under a reader who knows it from the index.
    fn place(&self, folder: Temporary, id: &LayerId, size: u64) -> Result<bool, Error> {
        let note = |source| Error::Database { operation: "note a layer", source };
        let mut aside = None;
        let mut database = self.database();
        let transaction =
            database.transaction_with_behavior(TransactionBehavior::Immediate).map_err(note)?;
        if self.is_whole(&transaction, id)? {
            return Ok(false);
        }
        let target = self.layer_folder(id);
        if target.exists() {
            let aside = aside.insert(self.temporary()?);
            fs::rename(&target, aside.path().join("old")).map_err(Error::io("remove", &target))?;
        }
        folder.move_to(&target).map_err(Error::io("name", target))?;
        transaction
            .prepare_cached(
                "INSERT INTO layer (id, size, boot) VALUES (?1, ?2, ?3)
                 ON CONFLICT (id) DO UPDATE SET size = ?2, boot = ?3, diff_id = NULL",
            )
            .and_then(|mut statement| {
                statement.execute((id.to_string(), size.cast_signed(), self.boot()))
            })
            .map_err(note)?;
        transaction.commit().map_err(note)?;
        Ok(true)
    }

    /// Notes a layer whose folder is there and whole.
    pub(crate) fn note_layer(&self, id: &LayerId, size: u64) -> Result<(), Error> {
        self.database()
            .execute(
                "INSERT OR IGNORE INTO layer (id, size, boot) VALUES (?1, ?2, ?3)",
                (id.to_string(), size.cast_signed(), self.boot()),
            )
            .map_err(Error::database("note a layer"))?;
        Ok(())
    }

    /// Layers of this boot that were not flushed yet.
    pub(crate) fn unflushed_layers(&self) -> Result<Vec<String>, Error> {
        let database = self.database();
        let mut statement = database
            .prepare_cached("SELECT id FROM layer WHERE boot = ?1")
            .map_err(Error::database("list layers"))?;
        statement
            .query_map([self.boot()], |row| row.get(0))
            .and_then(Iterator::collect)
            .map_err(Error::database("list layers"))
    }

    /// The names of all layers that have a row.
    pub(crate) fn layer_names(&self) -> Result<BTreeSet<String>, Error> {
        let database = self.database();
        let mut statement = database
            .prepare_cached("SELECT id FROM layer")
            .map_err(Error::database("list layers"))?;
        statement
            .query_map([], |row| row.get(0))
            .and_then(Iterator::collect)
            .map_err(Error::database("list layers"))
    }

    pub(crate) fn mark_flushed(&self, layers: &[String]) -> Result<(), Error> {
        let mut database = self.database();
        let transaction = database.transaction().map_err(Error::database("mark layers"))?;
        for id in layers {
            transaction
                .execute("UPDATE layer SET boot = NULL WHERE id = ?1", [id])
                .map_err(Error::database("mark layers"))?;
        }
        transaction.commit().map_err(Error::database("mark layers"))
    }

    pub(crate) fn layer_folder(&self, id: &LayerId) -> PathBuf {
        layer_folder(self.root(), &id.to_string())
    }
}

fn layer_folder(root: &Path, id: &str) -> PathBuf {
    root.join("layers").join(id)
}

/// The layer that a folder of `layers/`, or a row, is called after.
pub(crate) fn layer_id(name: &str) -> Option<LayerId> {
    match name.split_once('-')? {
        ("blake3", hash) => hash.parse().ok().map(LayerId::Built),
        ("sha256", hex) => format!("sha256:{hex}").parse().ok().map(LayerId::Image),
        _ => None,
    }
}
