//! Leases: what running processes use, so that a removal beside them leaves it alone.
//!
//! ```text
//! leases/NAME     locked while its process lives; each line is the name of a layer or the digest
//!                 of a blob that the process looked up or made
//! locks/gate      shared: somebody looks things up and notes them; exclusive: somebody removes
//! ```
//! Whoever looks up does so, and notes it, while the gate is shared. So a removal, which has the
//! gate alone, either finds the note or is over before the look-up.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::lock::{self, lock_file};
use crate::passing::Passing;
use crate::{Error, Store};

/// The notes of this process. The file goes with the value.
#[derive(Debug)]
pub(crate) struct Lease {
    name: Passing,
    file: File,
    noted: Mutex<HashSet<String>>,
}

impl Lease {
    fn new(root: &Path) -> Result<Self, Error> {
        let _gate = Gate::shared(root)?;
        let folder = root.join("leases");
        let named = tempfile::Builder::new().prefix("").rand_bytes(12).tempfile_in(&folder);
        let named = named.map_err(Error::io("create a file in", &folder))?;
        let (file, path) =
            named.keep().map_err(|error| Error::io("create a file in", &folder)(error.error))?;
        file.lock().map_err(Error::io("lock", &path))?;
        Ok(Self { name: Passing::new(path), file, noted: Mutex::default() })
    }

    fn has(&self, name: &str) -> bool {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    fn note(&self, name: &str) -> Result<(), Error> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.insert(name.to_owned()) {
            let line = format!("{name}\n");
            (&self.file)
                .write_all(line.as_bytes())
                .map_err(Error::io("write", self.name.path()))?;
        }
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // One that stays is removed by the next removal, which finds it without a lock.
        drop(fs::remove_file(self.name.path()));
    }
}

/// The right to look things up, or to remove them.
#[derive(Debug)]
pub(crate) struct Gate {
    _file: File,
}

impl Gate {
    /// Waits for a removal to be over.
    pub(crate) fn shared(root: &Path) -> Result<Self, Error> {
        let path = root.join("locks/gate");
        let file = lock_file(&path)?;
        file.lock_shared().map_err(Error::io("lock", path))?;
        Ok(Self { _file: file })
    }

    /// Waits for look-ups and other removals to be over.
    pub(crate) fn alone(root: &Path) -> Result<Self, Error> {
        let path = root.join("locks/gate");
        let file = lock_file(&path)?;
        file.lock().map_err(Error::io("lock", path))?;
        Ok(Self { _file: file })
    }

    /// What running processes have noted. Needs the gate alone to stay true; removes what ended
    /// processes left.
    pub(crate) fn leased(root: &Path) -> Result<BTreeSet<String>, Error> {
        let folder = root.join("leases");
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            entries => entries.map_err(Error::io("list", &folder))?,
        };
        let mut names = BTreeSet::new();
        for entry in entries {
            let path = entry.map_err(Error::io("list", &folder))?.path();
            let file = match lock::look(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                file => file.map_err(Error::io("open", &path))?,
            };
            if file.try_lock().is_ok() {
                drop(fs::remove_file(&path));
                continue;
            }
            let text = io::read_to_string(file).map_err(Error::io("read", &path))?;
            names.extend(text.lines().map(str::to_owned));
        }
        Ok(names)
    }
}

/// Removes what killed processes left. Does nothing while anybody looks things up or removes. Errors are left for
/// the next try: sweeping never stops a command.
pub(crate) fn sweep(root: &Path) {
    let Ok(mut entries) = fs::read_dir(root.join("leases")) else { return };
    let Some(first) = entries.next() else { return };
    let Ok(gate) = lock_file(&root.join("locks/gate")) else { return };
    if gate.try_lock().is_err() {
        return;
    }
    for entry in std::iter::once(first).chain(entries).flatten() {
        let path = entry.path();
        if lock::look(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            drop(fs::remove_file(&path));
        }
    }
}

impl Store {
    /// The notes of this process, begun when there are none.
    pub(crate) fn begin_lease(&self) -> Result<Arc<Lease>, Error> {
        let mut current = self.lease_slot();
        if let Some(lease) = current.upgrade() {
            return Ok(lease);
        }
        let lease = Arc::new(Lease::new(self.root())?);
        *current = Arc::downgrade(&lease);
        Ok(lease)
    }

    /// What running processes use: names of layers, and digests of blobs. Waits until nobody looks
    /// something up.
    ///
    /// # Errors
    /// When the leases cannot be read.
    pub fn leased(&self) -> Result<BTreeSet<String>, Error> {
        let _gate = Gate::alone(self.root())?;
        Gate::leased(self.root())
    }

    /// Looks for `wanted` and notes under what name it was found, so that it stays for as long as
    /// this process has a lease.
    pub(crate) fn held<T>(
        &self,
        wanted: &str,
        look: impl FnOnce() -> Result<Option<T>, Error>,
        name: impl FnOnce(&T) -> String,
    ) -> Result<Option<T>, Error> {
        let Some(lease) = self.lease_slot().upgrade() else { return look() };
        if lease.has(wanted) {
            return look();
        }
        let _gate = Gate::shared(self.root())?;
        let found = look()?;
        if let Some(found) = &found {
            lease.note(&name(found))?;
        }
        Ok(found)
    }

    /// Notes that this process makes something; it stays for as long as the process has a lease.
    /// What it makes it has to make while it holds the result.
    pub(crate) fn making(&self, name: &str) -> Result<Option<Gate>, Error> {
        let Some(lease) = self.lease_slot().upgrade() else { return Ok(None) };
        let gate = Gate::shared(self.root())?;
        lease.note(name)?;
        Ok(Some(gate))
    }
}
