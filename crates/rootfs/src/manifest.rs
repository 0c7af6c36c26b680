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
    /// Something follows it.
    #[error("{bytes} bytes follow the manifest")]
    Rest {
        /// How many.
        bytes: usize,
    },
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

    /// The number of the entry at `path`: looked for a few entries behind that of number `near`, which
    /// is where it mostly is for whoever asks in path order, before it is searched for.
    pub fn find_near(&self, path: &TreePath, near: usize) -> Option<usize> {
        const STEPS: usize = 4;
        let next = self.entries.iter().enumerate().skip(near).take(STEPS);
        let mut next = next.filter(|(_, entry)| entry.path == *path);
        let number = next.next().map(|(number, _)| number);
        number.or_else(|| self.entries.binary_search_by(|entry| entry.path.cmp(path)).ok())
    }

    /// The entries at and below `path`, in order.
    pub fn subtree(&self, path: &TreePath) -> &[Entry] {
        let start = self.entries.partition_point(|entry| entry.path < *path);
        let tail = self.entries.get(start..).unwrap_or_default();
        let length = tail.partition_point(|entry| entry.path.starts_with(path));
        tail.get(..length).unwrap_or_default()
    }

    /// The entries directly in `path`, in order, found without looking at what is below them.
    pub fn children<'a>(&'a self, path: &TreePath) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let mut rest = match self.subtree(path) {
            [own, below @ ..] if own.path == *path => below,
            below => below,
        };
        std::iter::from_fn(move || {
            let (child, below) = rest.split_first()?;
            let skip = below.partition_point(|entry| entry.path.starts_with(&child.path));
            rest = below.get(skip..).unwrap_or_default();
            Some(child)
        })
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

    /// As [`LayerManifest::content_hash`], but times count: for layers whose times came with them.
    pub fn timed_hash(&self) -> ContentHash {
        let mut hasher = ContentHasher::new("lapstrake timed layer 1");
        hasher.field(self.content_hash().as_bytes());
        for entry in &self.entries {
            hasher.number(entry.mtime.seconds.cast_unsigned());
            hasher.number(u64::from(entry.mtime.nanoseconds));
        }
        hasher.finish()
    }

    /// The same with times in whole seconds, as the layer's tar has them.
    #[must_use]
    pub fn in_whole_seconds(mut self) -> Self {
        for entry in &mut self.entries {
            entry.mtime.nanoseconds = 0;
        }
        self
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
        let (manifest, rest): (Self, &[u8]) =
            postcard::take_from_bytes(body).map_err(DecodeError::Damaged)?;
        if !rest.is_empty() {
            return Err(DecodeError::Rest { bytes: rest.len() });
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn directory(path: &str) -> Entry {
        Entry::directory(TreePath::from(path), Timestamp::default())
    }

    #[test]
    fn sorts_and_the_later_entry_stays() {
        let first = directory("a/b");
        let later = Entry { mode: 0o700, ..directory("a/b") };
        let manifest = LayerManifest::new(vec![first, directory("a-b"), later, directory("")]);
        let shown: Vec<(String, u32)> =
            manifest.entries().iter().map(|entry| (entry.path.to_string(), entry.mode)).collect();
        let expected = [("/", 0o755), ("/a/b", 0o700), ("/a-b", 0o755)];
        assert_eq!(shown, expected.map(|(path, mode)| (path.to_owned(), mode)));
        assert_eq!(manifest.entry(&TreePath::from("a/b")).map(|entry| entry.mode), Some(0o700));
        assert_eq!(manifest.entry(&TreePath::from("a")), None);
    }

    #[test]
    fn a_subtree_is_a_directory_and_what_is_below() {
        let paths = ["", "a", "a/b", "a/b/c", "a-", "b"].map(directory);
        let manifest = LayerManifest::new(paths.to_vec());
        let below = |path: &str| manifest.subtree(&TreePath::from(path)).len();
        assert_eq!([below(""), below("a"), below("a/b"), below("b"), below("c")], [6, 3, 2, 1, 0]);
        let children = |path: &str| -> Vec<String> {
            let children = manifest.children(&TreePath::from(path));
            children.map(|entry| entry.path.to_string()).collect()
        };
        assert_eq!(children(""), ["/a", "/a-", "/b"]);
        assert_eq!(children("a"), ["/a/b"]);
        assert_eq!(children("b"), [""; 0]);
    }

    #[test]
    fn times_do_not_count_everything_else_does() {
        let base = LayerManifest::new(vec![directory("a")]);
        let hash = |change: &dyn Fn(&mut Entry)| {
            let mut entry = directory("a");
            change(&mut entry);
            LayerManifest::new(vec![entry]).content_hash()
        };
        assert_eq!(hash(&|entry| entry.mtime.seconds = 5), base.content_hash());
        let changes: [&dyn Fn(&mut Entry); 6] = [
            &|entry| entry.path = TreePath::from("b"),
            &|entry| entry.mode = 0o700,
            &|entry| entry.uid = 1,
            &|entry| entry.gid = 1,
            &|entry| entry.kind = Kind::Directory { opaque: true },
            &|entry| entry.xattrs = vec![crate::Xattr { name: b"user.a".into(), value: vec![] }],
        ];
        for (index, change) in changes.into_iter().enumerate() {
            assert_ne!(hash(change), base.content_hash(), "change {index}");
        }
    }

    #[test]
    fn damage_is_noticed() {
        let manifest = LayerManifest::new(vec![directory(""), directory("a")]);
        let bytes = manifest.encode().unwrap();
        assert_eq!(LayerManifest::decode(&bytes).unwrap(), manifest);
        for length in 0..bytes.len() {
            assert!(LayerManifest::decode(&bytes[..length]).is_err(), "{length}");
        }
        let disordered = LayerManifest { entries: vec![directory("b"), directory("a")] };
        let decoded = LayerManifest::decode(&disordered.encode().unwrap());
        assert!(matches!(decoded, Err(DecodeError::Order { path }) if path == "a".into()));
        let other = LayerManifest::decode(b"lapman9\n");
        assert!(matches!(other, Err(DecodeError::Magic)));
        let mut longer = LayerManifest::default().encode().unwrap();
        LayerManifest::decode(&longer).unwrap();
        longer.extend([0; 3]);
        let longer = LayerManifest::decode(&longer);
        assert!(matches!(longer, Err(DecodeError::Rest { bytes: 3 })));
    }
}
