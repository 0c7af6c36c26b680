//! What could be removed, with all that the choice depends on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, Metadata};
use std::path::{Path, PathBuf};

use lapstrake_oci::Digest;
use lapstrake_rootfs::LayerId;

use super::nanoseconds;
use crate::cache_mount::title;
use crate::layer::layer_id;
use crate::lease::Gate;
use crate::usage::Needed;
use crate::walk::walk;
use crate::{Error, Log, LogState, Origin, Store};

/// A kind of what the store keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldingKind {
    /// A layer that was built or fetched here, or came with an image that is gone.
    Layer,
    /// The records that lead to a layer which an image has too: the layer itself stays.
    Record,
    /// What `RUN --mount=type=cache` keeps.
    CacheMount,
    /// Bytes under their digest.
    Blob,
    /// What is known of the files of a context.
    ContextIndex,
    /// What is known of a remote source.
    Note,
    /// What the steps of a build wrote.
    Log,
}

/// Something that the store keeps.
#[derive(Clone, Debug)]
pub struct Holding {
    /// The name of a layer, a cache folder or a file; the digest of a blob.
    pub id: String,
    /// Its kind.
    pub kind: HoldingKind,
    /// Bytes on disk. What it shares with others is in this.
    pub size: u64,
    /// Bytes that go with it, after what was removed before it.
    pub reclaimable: u64,
    /// When it was made: nanoseconds since 1970.
    pub created: i64,
    /// When it was used last: nanoseconds since 1970.
    pub used: i64,
    /// The step that made it, or what it is for; may be empty.
    pub description: String,
    /// Whether a running process uses it.
    pub is_used: bool,
    pub(super) path: Option<PathBuf>,
    pub(super) layer: Option<LayerId>,
    pub(super) origins: Vec<Origin>,
    pub(super) files: HashMap<(u64, u64), Links>,
}

/// A file on disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    /// Names that it has in the holding.
    pub(super) here: u64,
    /// Names that it has at all.
    pub(super) all: u64,
    /// Bytes on disk.
    pub(super) size: u64,
}

impl Store {
    /// All that could go, were nothing of it used. Blobs and layers of images are left out.
    pub(super) fn holdings(&self, needed: &Needed) -> Result<Vec<Holding>, Error> {
        let leased = {
            let _gate = Gate::alone(self.root())?;
            Gate::leased(self.root())?
        };
        let mut holdings = self.layers_held(&self.stored(needed)?)?;
        holdings.extend(self.blobs_held(needed)?);
        for holding in &mut holdings {
            holding.is_used = leased.contains(&holding.id);
        }
        holdings.extend(self.caches_held()?);
        for (folder, kind) in [("stat", HoldingKind::ContextIndex), ("notes", HoldingKind::Note)] {
            for (name, path, metadata) in list(&self.root().join(folder))? {
                holdings.push(Holding::new(name, kind, path, &metadata));
            }
        }
        holdings.extend(self.logs_held()?);
        for holding in &mut holdings {
            holding.measure()?;
        }
        Ok(holdings)
    }

    /// The names of the layers that are needed.
    pub(super) fn stored(&self, needed: &Needed) -> Result<BTreeSet<String>, Error> {
        let mut stored = BTreeSet::new();
        for id in &needed.layers {
            stored.extend(self.locate(id)?.map(|here| here.to_string()));
        }
        Ok(stored)
    }

    fn layers_held(&self, needed: &BTreeSet<String>) -> Result<Vec<Holding>, Error> {
        let mut origins: BTreeMap<String, Vec<Origin>> = BTreeMap::new();
        for origin in self.origins()? {
            origins.entry(origin.record.layer.to_string()).or_default().push(origin);
        }
        let mut holdings = Vec::new();
        for (name, path, metadata) in list(&self.root().join("layers"))? {
            let mut holding = Holding::new(name, HoldingKind::Layer, path, &metadata);
            holding.layer = layer_id(&holding.id);
            holding.come_from(origins.remove(&holding.id).unwrap_or_default());
            if needed.contains(&holding.id) {
                (holding.kind, holding.path) = (HoldingKind::Record, None);
                if holding.origins.is_empty() {
                    continue;
                }
            }
            holdings.push(holding);
        }
        Ok(holdings)
    }

    fn blobs_held(&self, needed: &Needed) -> Result<Vec<Holding>, Error> {
        let names: BTreeSet<String> = needed.blobs.iter().map(Digest::hex).collect();
        let mut holdings = Vec::new();
        for (name, path, metadata) in list(&self.root().join("blobs/sha256"))? {
            if !names.contains(&name) {
                let id = format!("sha256:{name}");
                holdings.push(Holding::new(id, HoldingKind::Blob, path, &metadata));
            }
        }
        Ok(holdings)
    }

    fn logs_held(&self) -> Result<Vec<Holding>, Error> {
        let holding = |log: Log| {
            let path = self.root().join("logs").join(&log.id);
            let metadata = path.metadata().ok()?;
            let mut holding = Holding::new(log.id, HoldingKind::Log, path, &metadata);
            holding.created = log.time;
            holding.description = log.subject;
            holding.is_used = log.state == LogState::Running;
            Some(holding)
        };
        Ok(self.logs()?.into_iter().filter_map(holding).collect())
    }

    fn caches_held(&self) -> Result<Vec<Holding>, Error> {
        let mut holdings = Vec::new();
        for (name, path, metadata) in list(&self.root().join("cache"))? {
            let mut holding = Holding::new(name, HoldingKind::CacheMount, path.clone(), &metadata);
            if let Ok(lock) = File::open(path.join("lock")) {
                holding.is_used = lock.try_lock().is_err();
                if let Ok(used) = lock.metadata().and_then(|metadata| metadata.modified()) {
                    holding.used = nanoseconds(used);
                }
            }
            let about = fs::read_to_string(path.join("about")).unwrap_or_default();
            holding.description = title(about.lines().next().unwrap_or_default()).to_owned();
            holdings.push(holding);
        }
        Ok(holdings)
    }
}

impl Holding {
    fn new(id: String, kind: HoldingKind, path: PathBuf, metadata: &Metadata) -> Self {
        let time = metadata.modified().map_or(0, nanoseconds);
        Self {
            id,
            kind,
            size: 0,
            reclaimable: 0,
            created: time,
            used: time,
            description: String::new(),
            is_used: false,
            path: Some(path),
            layer: None,
            origins: Vec::new(),
            files: HashMap::new(),
        }
    }

    /// Whether an image has it too.
    pub fn is_shared(&self) -> bool {
        self.kind == HoldingKind::Record
    }

    fn come_from(&mut self, origins: Vec<Origin>) {
        if let Some(created) = origins.iter().map(|origin| origin.record.created).min() {
            self.created = created;
        }
        if let Some(used) = origins.iter().map(|origin| origin.used).max() {
            self.used = used;
        }
        let named = origins.iter().find_map(|origin| origin.name.clone());
        self.description = named.unwrap_or_default();
        self.origins = origins;
    }

    fn measure(&mut self) -> Result<(), Error> {
        let Some(path) = &self.path else { return Ok(()) };
        let files = &mut self.files;
        walk(path, &mut |seen| {
            let all = if seen.is_directory { 1 } else { seen.links };
            let links = Links { here: 0, all, size: seen.size };
            files.entry(seen.inode).or_insert(links).here += 1;
        })?;
        self.size = self.files.values().map(|links| links.size).sum();
        Ok(())
    }
}

/// The entries of a folder; what goes meanwhile is left out.
fn list(folder: &Path) -> Result<Vec<(String, PathBuf, Metadata)>, Error> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let entry = entry.map_err(Error::io("list", folder))?;
        if let Ok(metadata) = entry.metadata() {
            entries.push((
                entry.file_name().to_string_lossy().into_owned(),
                entry.path(),
                metadata,
            ));
        }
    }
    Ok(entries)
}
