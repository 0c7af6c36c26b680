//! How much room a store takes, for whoever asks again and again.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::walk::walk;
use crate::{Error, Store};

/// Folders whose entries stay as they are once they are there.
const FINISHED: [&str; 2] = ["layers", "blobs/sha256"];

/// What was seen of a store. Layers and blobs, which do not change, are looked at once.
#[derive(Debug, Default)]
pub struct Gauge {
    seen: BTreeSet<PathBuf>,
    /// Bytes on disk of what is finished, by device and inode.
    files: HashMap<(u64, u64), u64>,
    total: u64,
}

impl Gauge {
    /// Bytes on disk of all that `store` has, work in progress included; a file with several names
    /// counts once. What comes or goes meanwhile may be counted or not.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn measure(&mut self, store: &Store) -> Result<u64, Error> {
        let mut changing = HashMap::new();
        for name in names(store.root())? {
            if !FINISHED.iter().any(|finished| Path::new(finished).starts_with(&name)) {
                walk(&store.root().join(name), &mut |seen| {
                    changing.insert(seen.inode, seen.size);
                })?;
            }
        }
        self.look(store.root())?;
        let changing = changing.iter().filter(|(inode, _)| !self.files.contains_key(*inode));
        Ok(changing.fold(self.total, |total, (_, size)| total.saturating_add(*size)))
    }

    /// Looks at what is finished and was not seen yet; at all of it when something has gone.
    fn look(&mut self, root: &Path) -> Result<(), Error> {
        let mut there = BTreeSet::new();
        for folder in FINISHED {
            let names = names(&root.join(folder))?;
            there.extend(names.into_iter().map(|name| Path::new(folder).join(name)));
        }
        if !self.seen.is_subset(&there) {
            *self = Self::default();
        }
        for path in &there {
            if self.seen.insert(path.clone()) {
                walk(&root.join(path), &mut |seen| {
                    if self.files.insert(seen.inode, seen.size).is_none() {
                        self.total = self.total.saturating_add(seen.size);
                    }
                })?;
            }
        }
        Ok(())
    }
}

fn names(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(Error::io("list", folder))?;
    let names = entries.map(|entry| entry.map(|entry| PathBuf::from(entry.file_name())));
    names.collect::<io::Result<_>>().map_err(Error::io("list", folder))
}
