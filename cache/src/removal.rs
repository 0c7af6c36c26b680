//! Removing blobs and layers of images beside running processes.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::io;

use lapstrake_oci::Digest;
use lapstrake_rootfs::LayerId;

use crate::lease::Gate;
use crate::lock::Use;
use crate::{Error, Store, Temporary};

/// The right to remove. While it is there nobody looks anything up in the store; what running processes have
/// looked up or made stays, see `lease`.
#[derive(Debug)]
pub struct Removal<'a> {
    store: &'a Store,
    _use: Use,
    /// Given back before `aside` is removed, which may take a while.
    _gate: Gate,
    used: BTreeSet<String>,
    aside: Temporary,
    moved: Cell<usize>,
}

impl Store {
    /// Waits until nobody looks anything up, and keeps it so while the result lives. `None` when this value has a
    /// lease: it would wait for itself.
    ///
    /// # Errors
    /// When the locks or leases cannot be read.
    pub fn removal(&self) -> Result<Option<Removal<'_>>, Error> {
        if self.lease_slot().upgrade().is_some() {
            return Ok(None);
        }
        let joined = Use::join(self.root())?;
        let aside = self.temporary()?;
        let gate = Gate::alone(self.root())?;
        let used = Gate::leased(self.root())?;
        Ok(Some(Removal {
            store: self,
            _use: joined,
            _gate: gate,
            used,
            aside,
            moved: Cell::default(),
        }))
    }
}

impl Removal<'_> {
    /// Whether a running process uses the blob.
    pub fn is_used(&self, blob: &Digest) -> bool {
        self.used.contains(&blob.to_string())
    }

    /// Removes a blob that nobody uses, and whether it did; nothing there is no error. Atomic.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn blob(&self, digest: &Digest) -> Result<bool, Error> {
        if self.is_used(digest) {
            return Ok(false);
        }
        let path = self.store.blob_path(digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", path)(error))
            }
            _ => Ok(true),
        }
    }

    /// Removes a layer that nobody uses and that is stored under `id` itself, and whether it did; nothing there
    /// is no error. Interrupted, it leaves at most a folder that the index does not know.
    ///
    /// # Errors
    /// When row or folder cannot be removed.
    pub fn layer(&self, id: &LayerId) -> Result<bool, Error> {
        let name = id.to_string();
        if self.used.contains(&name) {
            return Ok(false);
        }
        self.store
            .database()
            .execute("DELETE FROM layer WHERE id = ?1", [name])
            .map_err(Error::database("remove a layer"))?;
        let folder = self.store.layer_folder(id);
        let number = self.moved.replace(self.moved.get() + 1);
        match fs::rename(&folder, self.aside.path().join(number.to_string())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", folder)(error))
            }
            _ => Ok(true),
        }
    }
}
