//! What a command sees beside its root file system.

use lapstrake_cache::Sharing;
use serde::Serialize;

/// Where the tree of an [`crate::graph::Op::Subtree`] stands in its root file system.
pub const SUBTREE: &str = "/content";

/// Something that is mounted for a command. Nothing of it is in the command's layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mount {
    /// Where it appears: absolute, clean, not the root. Of two at one place the later one counts.
    pub target: String,
    /// What it is.
    pub kind: MountKind,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum MountKind {
    /// What an input has at a path.
    Bind(Bind),
    /// A directory that outlives the build. Its content does not count for the key.
    Cache(CacheMount),
    /// An empty directory in memory.
    Tmpfs(Tmpfs),
    /// A secret as a file. Its value does not count for the key.
    Secret(SecretFile),
    /// The socket of an ssh agent. Which agent that is does not count for the key.
    Agent(AgentSocket),
}

/// See [`MountKind::Bind`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bind {
    /// What is shown.
    pub source: MountSource,
    /// Otherwise it can be written to, and what is written is thrown away.
    pub read_only: bool,
}

/// A place in an input of the command. The content there counts for the key, not where it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MountSource {
    /// Which of the inputs behind the root file system, from 0.
    pub input: usize,
    /// A path in it; links are followed inside.
    pub path: String,
}

/// See [`MountKind::Cache`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CacheMount {
    /// Equal names mean one cache. It does not count for the key.
    pub name: String,
    /// Who may use it at one time. It does not count for the key.
    pub sharing: Sharing,
    /// What it starts from; nothing when `None`.
    pub seed: Option<MountSource>,
    /// What of it is shown; the whole when empty.
    pub path: String,
    /// Mode, user and group of the directory it starts from; those of the seed when `None`. Caches
    /// that differ in them are different ones.
    pub owner: Option<Ownership>,
    /// Whether it can only be read.
    pub read_only: bool,
}

/// See [`MountKind::Tmpfs`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tmpfs {
    /// Limit in bytes.
    pub size: Option<u64>,
    /// Whether it can only be read.
    pub read_only: bool,
    /// Whether programs in it can be started.
    pub executable: bool,
}

/// See [`MountKind::Secret`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SecretFile {
    /// Which secret.
    pub id: String,
    /// Whether the command fails without it; otherwise there is no file then.
    pub required: bool,
    /// Of the file.
    pub owner: Ownership,
}

/// See [`MountKind::Agent`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgentSocket {
    /// Which agent.
    pub id: String,
    /// Whether the command fails without it; otherwise there is no socket then.
    pub required: bool,
    /// Of the socket.
    pub owner: Ownership,
}

/// Mode, user and group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Ownership {
    /// Permission bits.
    pub mode: u32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// A secret as a variable. Its value does not count for the key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SecretVariable {
    /// The variable's name.
    pub name: String,
    /// Which secret.
    pub id: String,
    /// Whether the command fails without it; otherwise the variable is empty then.
    pub required: bool,
}
