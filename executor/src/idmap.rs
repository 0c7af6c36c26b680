//! How user and group ids inside of a sandbox map to ids of the host.

use serde::{Deserialize, Serialize};

/// A mapping of ids. As root every id is itself; rootless will add ranges here and nowhere else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdMap {
    /// No user namespace: each id means the same on both sides.
    #[default]
    Identity,
}

impl IdMap {
    /// The id outside for an id inside; `None` where it is not mapped.
    pub fn to_host(self, inside: u32) -> Option<u32> {
        match self {
            Self::Identity => Some(inside),
        }
    }

    /// Whether the sandbox has a user namespace of its own.
    pub fn needs_user_namespace(self) -> bool {
        match self {
            Self::Identity => false,
        }
    }
}
