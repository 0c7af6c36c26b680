//! What the store holds, by kind, and how much room it takes on disk.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use lapstrake_oci::Digest;
use lapstrake_rootfs::LayerId;

use crate::walk::walk;
use crate::{Error, Store};

/// A kind of thing that the store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UsageKind {
    /// Layers that came with an image.
    ImageLayer,
    /// Layers that were built or fetched here.
    BuildStep,
    /// What `RUN --mount=type=cache` keeps.
    CacheMount,
    /// Bytes under their digest.
    Blob,
}

impl UsageKind {
    const ALL: [Self; 4] = [Self::ImageLayer, Self::BuildStep, Self::CacheMount, Self::Blob];
}

/// What the store holds of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The kind.
    pub kind: UsageKind,
    /// How many there are.
    pub count: u64,
    /// Bytes on disk. A file with several links counts once, for the first kind in the order of
    /// [`UsageKind`] that has it.
    pub size: u64,
    /// Bytes of these that would be free if everything that is not needed went, of all kinds.
    pub reclaimable: u64,
}

/// What images lead to, and so has to stay.
#[derive(Clone, Debug, Default)]
pub struct Needed {
    /// Layers, by the id that an image calls them by.
    pub layers: BTreeSet<LayerId>,
    /// Manifests, configs, indexes and compressed layers.
    pub blobs: BTreeSet<Digest>,
}

/// A file or folder on disk, and the first kind that has it.
struct Held {
    kind: UsageKind,
    size: u64,
    is_needed: bool,
}

/// One thing of the store.
pub(crate) struct Item {
    pub(crate) kind: UsageKind,
    pub(crate) path: PathBuf,
    pub(crate) is_needed: bool,
}

impl Store {
    /// What the store holds, one value for each kind, in the order of [`UsageKind`]. Cache mounts
    /// are needed while they are used. What goes away meanwhile is left out; hold a
    /// [`Store::lease`] against removals.
    ///
    /// # Errors
    /// When folders or the database cannot be read.
    pub fn usage(&self, needed: &Needed) -> Result<Vec<Usage>, Error> {
        let items = self.items(needed)?;
        let mut files: HashMap<(u64, u64), Held> = HashMap::new();
        for item in &items {
            walk(&item.path, &mut |seen| {
                let held = Held { kind: item.kind, size: seen.size, is_needed: false };
                let held = files.entry(seen.inode).or_insert(held);
                held.is_needed |= item.is_needed;
            })?;
        }
        Ok(UsageKind::ALL.map(|kind| total(kind, &items, &files)).to_vec())
    }

    /// All things, in the order of their kinds.
    pub(crate) fn items(&self, needed: &Needed) -> Result<Vec<Item>, Error> {
        let mut items = self.layer_items(needed)?;
        items.extend(self.cache_items()?);
        items.extend(self.blob_items(needed)?);
        items.sort_by_key(|item| item.kind);
        Ok(items)
    }

    /// The folders of layers; those that the index does not know are needed by nobody.
    fn layer_items(&self, needed: &Needed) -> Result<Vec<Item>, Error> {
        let mut stored = BTreeSet::new();
        for id in &needed.layers {
            stored.extend(self.locate(id)?.map(|here| here.to_string()));
        }
        let item = |name: &str, path| {
            let kind = match name.starts_with("sha256-") {
                true => UsageKind::ImageLayer,
                false => UsageKind::BuildStep,
            };
            Ok(Item { kind, path, is_needed: stored.contains(name) })
        };
        list(&self.root().join("layers"), item)
    }

    fn cache_items(&self) -> Result<Vec<Item>, Error> {
        list(&self.root().join("cache"), |_, path| {
            // Without a lock file nobody has used it yet.
            let is_needed =
                File::open(path.join("lock")).is_ok_and(|lock| lock.try_lock().is_err());
            Ok(Item { kind: UsageKind::CacheMount, path, is_needed })
        })
    }

    fn blob_items(&self, needed: &Needed) -> Result<Vec<Item>, Error> {
        let names: BTreeSet<String> = needed.blobs.iter().map(Digest::hex).collect();
        list(&self.root().join("blobs/sha256"), |name, path| {
            Ok(Item { kind: UsageKind::Blob, path, is_needed: names.contains(name) })
        })
    }
}

/// What `item` makes of each entry of `folder`, by name and path.
fn list(
    folder: &Path,
    item: impl Fn(&str, PathBuf) -> Result<Item, Error>,
) -> Result<Vec<Item>, Error> {
    let mut items = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let entry = entry.map_err(Error::io("list", folder))?;
        items.push(item(&entry.file_name().to_string_lossy(), entry.path())?);
    }
    Ok(items)
}

/// What there is of one kind.
fn total(kind: UsageKind, items: &[Item], files: &HashMap<(u64, u64), Held>) -> Usage {
    let count = items.iter().filter(|item| item.kind == kind).count() as u64;
    let mut usage = Usage { kind, count, size: 0, reclaimable: 0 };
    for held in files.values().filter(|held| held.kind == kind) {
        usage.size = usage.size.saturating_add(held.size);
        if !held.is_needed {
            usage.reclaimable = usage.reclaimable.saturating_add(held.size);
        }
    }
    usage
}
