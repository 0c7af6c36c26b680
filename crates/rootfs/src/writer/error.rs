//! Why a layer could not be written.

use std::io;

use crate::TreePath;
use crate::view::ResolveError;

/// Why something could not be written into a layer.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file system refused.
    #[error("cannot {operation} {path} in the layer")]
    Io {
        /// What was done, as a verb.
        operation: &'static str,
        /// The path inside the image.
        path: TreePath,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The bytes of a file could not be read where they come from.
    #[error("cannot read the content of {path}")]
    Content {
        /// The path inside the image.
        path: TreePath,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// A file that was hashed earlier held other bytes when it was copied.
    #[error("the content of {path} changed while it was copied")]
    Changed {
        /// The path inside the image.
        path: TreePath,
    },
    /// Something else than a directory is where a directory is needed.
    #[error("{path} is not a directory")]
    NotDirectory {
        /// That path.
        path: TreePath,
    },
    /// A link to a directory that must be there is one to nothing.
    #[error("the link {path} leads nowhere: no such file or directory")]
    Dangling {
        /// The link.
        path: TreePath,
    },
    /// A directory that must be there is not.
    #[error("there is no directory {path}")]
    NoDirectory {
        /// That path.
        path: TreePath,
    },
    /// The root can only be a directory.
    #[error("the root of an image can only be a directory")]
    Root,
    /// A hard link to something that this layer does not hold, or to a directory.
    #[error("cannot link {path} to {target}: this layer has no such file")]
    LinkTarget {
        /// The new name.
        path: TreePath,
        /// The name it should share a file with.
        target: TreePath,
    },
    /// Numbers that no device has, or 0:0, which stands for a removed file.
    #[error("{path} cannot be a device with the numbers {major}:{minor}")]
    Device {
        /// The path inside the image.
        path: TreePath,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// Links on the way that lead nowhere.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
}

impl WriteError {
    /// For `map_err`: an [`WriteError::Io`].
    pub(super) fn io<E: Into<io::Error>>(
        operation: &'static str,
        path: &TreePath,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::Io { operation, path: path.clone(), source: source.into() }
    }
}
