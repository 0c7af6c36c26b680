//! Why an archive could not be unpacked.

use std::io;

use crate::WriteError;

/// Why an archive could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The archive's bytes could not be read or decompressed.
    #[error("cannot read the archive")]
    Read {
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The archive ends within a member.
    #[error("the archive is cut off")]
    Truncated,
    /// A header that cannot be right, or that readers understand differently.
    #[error("damaged archive: {what} of {member}")]
    Malformed {
        /// Which part.
        what: &'static str,
        /// The member's name as far as it is known.
        member: String,
    },
    /// More than is taken from anyone.
    #[error("the archive exceeds the limit of {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        limit: u64,
    },
    /// A kind of member that has no place in a file tree.
    #[error("the archive has a member of the unknown type {kind:?}: {member}")]
    Kind {
        /// Its type flag.
        kind: char,
        /// Its name.
        member: String,
    },
    /// A device, where none may be.
    #[error("the archive has the device {member}, and there may be none here")]
    Device {
        /// Its name.
        member: String,
    },
    /// A name that stands for a whiteout where none can be.
    #[error("the archive has a member with the reserved name {member}")]
    Reserved {
        /// Its name.
        member: String,
    },
    /// A member could not be written.
    #[error("cannot unpack {member}")]
    Write {
        /// Its name.
        member: String,
        /// What went wrong.
        #[source]
        source: WriteError,
    },
    /// The layer could not be completed.
    #[error(transparent)]
    Finish(WriteError),
}
