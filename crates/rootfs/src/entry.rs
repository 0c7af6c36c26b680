//! One entry of a layer: a path and everything about it that the layer keeps.

use serde::{Deserialize, Serialize};

use crate::{ContentHash, ContentHasher, TreePath};

/// A point in time, as a file system keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z, negative before.
    pub seconds: i64,
    /// Nanoseconds after that second, below 1,000,000,000.
    pub nanoseconds: u32,
}

impl Timestamp {
    /// The time of something that a build makes up in that second. An odd nanosecond, which no tar
    /// keeps, tells it from times that were copied.
    pub fn made(seconds: i64) -> Self {
        Self { seconds, nanoseconds: 1 }
    }

    /// Whether [`Timestamp::made`] gave this time.
    pub fn is_made(self) -> bool {
        self.nanoseconds == 1
    }
}

/// An extended attribute that belongs to the layer's content (never overlayfs' own).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Xattr {
    /// The full name, e.g. `security.capability`.
    pub name: Vec<u8>,
    /// The value's bytes.
    pub value: Vec<u8>,
}

/// One path of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it is.
    pub path: TreePath,
    /// What it is.
    pub kind: Kind,
    /// Permission, setuid, setgid and sticky bits: `0o0000..=0o7777`. 0o777 for links.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change of the content; not part of any hash.
    pub mtime: Timestamp,
    /// Sorted by name.
    pub xattrs: Vec<Xattr>,
}

/// What a path is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A directory. An opaque one hides everything that lower layers have below it.
    Directory {
        /// Whether lower layers' content is hidden.
        opaque: bool,
    },
    /// A regular file.
    File {
        /// In bytes.
        size: u64,
        /// Of its bytes.
        content: ContentHash,
    },
    /// One more name of a file of the same layer; `target` is the first name in manifest order.
    /// Mode, owner, time and attributes repeat those of the target.
    HardLink {
        /// The first name.
        target: TreePath,
    },
    /// A symbolic link.
    Symlink {
        /// As written, not resolved.
        target: Vec<u8>,
    },
    /// A character device. 0:0 cannot be kept in a layer: overlayfs reads it as a whiteout.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// The path of lower layers that this layer takes away.
    Whiteout,
}

impl Entry {
    /// A directory owned by root, mode 0755, not opaque.
    pub fn directory(path: TreePath, mtime: Timestamp) -> Self {
        let kind = Kind::Directory { opaque: false };
        Self { path, kind, mode: 0o755, uid: 0, gid: 0, mtime, xattrs: Vec::new() }
    }

    /// Whether this is a directory.
    pub fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory { .. })
    }

    /// Adds everything but path and mtime to `hasher`.
    pub fn hash_content(&self, hasher: &mut ContentHasher) {
        self.kind.hash_content(hasher);
        hasher.number(u64::from(self.mode));
        hasher.number(u64::from(self.uid) << 32 | u64::from(self.gid));
        hasher.number(self.xattrs.len() as u64);
        for xattr in &self.xattrs {
            hasher.field(&xattr.name).field(&xattr.value);
        }
    }
}

impl Kind {
    /// A letter for the kind, then what distinguishes two of the same kind.
    fn hash_content(&self, hasher: &mut ContentHasher) {
        let device = |major: &u32, minor: &u32| u64::from(*major) << 32 | u64::from(*minor);
        match self {
            Self::Directory { opaque } => hasher.field(b"d").number(u64::from(*opaque)),
            Self::File { size, content } => {
                hasher.field(b"f").number(*size).field(content.as_bytes())
            }
            Self::HardLink { target } => hasher.field(b"h").field(target.as_bytes()),
            Self::Symlink { target } => hasher.field(b"l").field(target),
            Self::CharDevice { major, minor } => hasher.field(b"c").number(device(major, minor)),
            Self::BlockDevice { major, minor } => hasher.field(b"b").number(device(major, minor)),
            Self::Fifo => hasher.field(b"p"),
            Self::Whiteout => hasher.field(b"w"),
        };
    }
}
