//! What can go wrong in the store.

use std::io;
use std::path::{Path, PathBuf};

use lapstrake_oci::Digest;
use lapstrake_rootfs::LayerId;
use lapstrake_rootfs::manifest::DecodeError;
use rustix::fs::{Access, access};
use rustix::io::Errno;

use crate::Room;

/// A failed operation on the store, with its subject and cause.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A system call on a path of the store.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was tried, as an infinitive.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The store was made by a version that writes another layout.
    #[error(
        "the store {} has layout version {found}, this program knows version {known}",
        root.display()
    )]
    Version {
        /// The store's root.
        root: PathBuf,
        /// What its version file says.
        found: String,
        /// What this program writes.
        known: u32,
    },
    /// The store's database was made by a version that writes another one.
    #[error(
        "the store {} was written by a newer lap: its database has version {found}, this one knows \
         version {known}",
        root.display()
    )]
    Newer {
        /// The store's root.
        root: PathBuf,
        /// The version of its database.
        found: i64,
        /// What this program writes.
        known: i64,
    },
    /// The store is another user's: what is written there with this one's rights could be anywhere, and belong to
    /// anybody.
    #[error(
        "the store {} belongs to {}, and this is uid {user}",
        root.display(), named(*owner)
    )]
    Owner {
        /// The store's root.
        root: PathBuf,
        /// Who owns it, as this process sees it.
        owner: u32,
        /// Who this process is.
        user: u32,
    },
    /// Everybody may put into the store what it is then trusted for.
    #[error("everybody may write to the store {}", root.display())]
    Open {
        /// The store's root.
        root: PathBuf,
    },
    /// A link is where the store has a folder.
    #[error("{} is a symbolic link, where the store has a folder", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// Under the map of ids that this process has, files of the store belong to others than they did.
    #[error(
        "the store {} was written by a user with the ids {written}, who has {own} now: owners of files would be others",
        root.display()
    )]
    Ids {
        /// The store's root.
        root: PathBuf,
        /// The ids outside that it was written with.
        written: String,
        /// Those of this process.
        own: String,
    },
    /// There is no room for anything.
    #[error("the disk of the store {} is full: {room}", root.display())]
    Full {
        /// The store's root.
        root: PathBuf,
        /// What room there is.
        room: Box<Room>,
        /// What could not be written.
        #[source]
        source: Box<Error>,
    },
    /// Nothing may be written.
    #[error("the store {} cannot be written: {}", root.display(), unwritable(*errno))]
    ReadOnly {
        /// The store's root.
        root: PathBuf,
        /// Why not.
        errno: Errno,
    },
    /// The embedded database refused.
    #[error("cannot {operation} in the store's database")]
    Database {
        /// What was tried, as an infinitive.
        operation: &'static str,
        /// Why not.
        #[source]
        source: rusqlite::Error,
    },
    /// Bytes that were to become a blob are not those that were asked for.
    #[error("got {found} ({size} bytes) instead of {expected} ({expected_size} bytes)")]
    BlobMismatch {
        /// Digest asked for.
        expected: Digest,
        /// Size asked for.
        expected_size: u64,
        /// Digest of what came.
        found: Digest,
        /// Size of what came.
        size: u64,
    },
    /// A blob on disk no longer has the content that its name says.
    #[error("the stored blob {digest} is damaged; remove it and pull or build again")]
    BlobDamaged {
        /// The blob.
        digest: Digest,
    },
    /// A blob is larger than its kind may be.
    #[error(
        "the stored blob {digest} has {size} bytes, more than the {limit} that are allowed here"
    )]
    BlobTooLarge {
        /// The blob.
        digest: Digest,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A layer's manifest cannot be read back.
    #[error("the manifest of layer {layer} is damaged")]
    Manifest {
        /// The layer.
        layer: LayerId,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// A value cannot be written in its stored form.
    #[error("cannot encode {what}")]
    Encode {
        /// The value's kind.
        what: &'static str,
        /// Why not.
        #[source]
        source: postcard::Error,
    },
    /// `index.json` was changed by something else.
    #[error("{} is not an OCI image index", path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The work was cancelled while it waited for another process.
    #[error("cancelled while waiting for another step or process")]
    Cancelled,
}

impl Error {
    /// Why the store at `root` cannot be opened, if it is the disk's fault and no more.
    pub(crate) fn explained(self, root: &Path) -> Self {
        if !matches!(self, Self::Io { .. } | Self::Database { .. }) {
            return self;
        }
        if let Err(errno @ (Errno::ROFS | Errno::ACCESS | Errno::PERM)) =
            access(root, Access::WRITE_OK)
        {
            return Self::ReadOnly { root: root.into(), errno };
        }
        match Room::of(root) {
            Ok(room) if room.is_full() => {
                Self::Full { root: root.into(), room: Box::new(room), source: Box::new(self) }
            }
            _ => self,
        }
    }

    /// Whether the disk had no room. Not where [`Error::Full`] says so already.
    pub fn lacks_room(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() == io::ErrorKind::StorageFull,
            Self::Database { source: rusqlite::Error::SqliteFailure(failure, _), .. } => {
                failure.code == rusqlite::ErrorCode::DiskFull
                    || failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE
            }
            _ => false,
        }
    }

    /// For `map_err`: an I/O error of `operation` on `path`.
    pub(crate) fn io(
        operation: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { operation, path, source }
    }

    /// For `map_err`: a database error of `operation`.
    pub(crate) fn database(operation: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Database { operation, source }
    }
}

/// What the kernel shows of every user who is not in the map of a user namespace.
const UNMAPPED: u32 = 65534;

fn named(owner: u32) -> String {
    match owner {
        UNMAPPED => "another user".to_owned(),
        _ => format!("another user, uid {owner}"),
    }
}

fn unwritable(errno: Errno) -> &'static str {
    match errno {
        Errno::ROFS => "its file system is mounted read-only",
        _ => "it belongs to somebody else",
    }
}
