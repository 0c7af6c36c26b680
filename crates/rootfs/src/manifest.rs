//! The layer manifest: what a layer holds, sorted, and the hash that the layer is known by.
//!
//! On disk it is [`MAGIC`], then the entries as postcard writes them.

use serde::{Deserialize, Serialize};

use crate::{ContentHash, ContentHasher, Entry, Kind, TreePath};

/// The first bytes of an encoded manifest: format name and version.
pub const MAGIC: &[u8; 8] = b"lapman1\n";

/// The sorted entries of one layer. Each path occurs once; every parent of an entry is an entry
/// of its own, and the first one is the root.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LayerManifest {
    entries: Vec<Entry>,
}

/// Why bytes are not a layer manifest.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Other format or version.
    #[error("not a layer manifest of a version this program knows")]
    Magic,
    /// Cut off or changed.
    #[error("damaged layer manifest")]
    Damaged(#[source] postcard::Error),
    /// Entries out of order or twice: a path could not be found reliably.
    #[error("damaged layer manifest: {path} is out of order")]
    Order {
        /// The first path that is not greater than the one before.
        path: TreePath,
    },
}

impl LayerManifest {
    /// Sorts `entries`; of two with one path the later one stays.
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.reverse();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        entries.dedup_by(|a, b| a.path == b.path);
        Self { entries }
    }

    /// All entries in path order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry at `path`, found by binary search.
    pub fn entry(&self, path: &TreePath) -> Option<&Entry> {
        let index = self.entries.binary_search_by(|entry| entry.path.cmp(path)).ok()?;
        self.entries.get(index)
    }

    /// The entries at and below `path`, in order.
    pub fn subtree(&self, path: &TreePath) -> &[Entry] {
        let start = self.entries.partition_point(|entry| entry.path < *path);
        let tail = self.entries.get(start..).unwrap_or_default();
        let length = tail.partition_point(|entry| entry.path.starts_with(path));
        tail.get(..length).unwrap_or_default()
    }

    /// What a layer is known by: every entry's path, kind, mode, owner, attributes and content, in
    /// order. Times do not count.
    pub fn content_hash(&self) -> ContentHash {
        let mut hasher = ContentHasher::new("lapstrake layer 1");
        for entry in &self.entries {
            hasher.field(entry.path.as_bytes());
            entry.hash_content(&mut hasher);
        }
        hasher.finish()
    }

    /// The sum of the sizes of all regular files, in bytes.
    pub fn size(&self) -> u64 {
        let sizes = self.entries.iter().map(|entry| match entry.kind {
            Kind::File { size, .. } => size,
            _ => 0,
        });
        sizes.fold(0, u64::saturating_add)
    }

    /// The bytes that [`LayerManifest::decode`] reads.
    ///
    /// # Errors
    /// None that a manifest can cause; postcard's signature has one.
    pub fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_extend(self, MAGIC.to_vec())
    }

    /// Reads an encoded manifest and checks its order.
    ///
    /// # Errors
    /// When the bytes were not written by [`LayerManifest::encode`] of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let body = bytes.strip_prefix(MAGIC).ok_or(DecodeError::Magic)?;
        let manifest: Self = postcard::from_bytes(body).map_err(DecodeError::Damaged)?;
        let unordered = manifest.entries.windows(2).find_map(|pair| match pair {
            [a, b] if a.path >= b.path => Some(b.path.clone()),
            _ => None,
        });
        match unordered {
            Some(path) => Err(DecodeError::Order { path }),
            None => Ok(manifest),
        }
    }
}
