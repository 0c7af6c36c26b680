//! The operations that set a sandbox up, each carried out by one function of `stage`.

use std::path::PathBuf;

use lapstrake_ids::IdMap;
use serde::{Deserialize, Serialize};

use crate::bytes::{self, Bytes};
use crate::spec::{Limit, Rootfs, Source, TerminalSize};

/// One operation of the set-up, carried out inside the new namespaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Step {
    /// Die when the thread that started the sandbox dies; fail if its process has already.
    TieToParent,
    /// Join the control groups of the order, which become the root of those that can be seen.
    JoinGroup,
    /// Show the groups that were joined in a file system at `/sys/fs/cgroup`, as version 1 does.
    ShowGroups {
        /// Options of it and of each group in it.
        attributes: Vec<Attribute>,
    },
    /// Join the network namespace of the order.
    JoinNetwork,
    /// Keep every mount from now on out of the host's mount namespace.
    MakeMountsPrivate,
    /// Mount a file system in memory for devices, masks and inline files over this directory of
    /// the host; it is out of reach after [`Step::EnterRootfs`].
    MountScratch {
        /// How many bytes it can hold; `None` for what the kernel gives.
        size: Option<u64>,
        /// Any directory of the host that is not needed any more.
        #[serde(with = "bytes::path")]
        on: PathBuf,
    },
    /// Mount the overlay over its own upper directory.
    MountRootfs {
        /// What is stacked.
        rootfs: Rootfs,
        /// Whether devices in it can be opened.
        devices: bool,
        /// Whether overlayfs writes its attributes as ordinary users may (`userxattr`).
        user_attributes: bool,
    },
    /// Mount something.
    Mount {
        /// What.
        mount: NewMount,
        /// Absolute path in the sandbox.
        target: Bytes,
        /// What is made of a target that is missing or a link.
        place: Place,
    },
    /// Make a device that can be opened at a path in `/dev`.
    MakeDevice {
        /// Path in `/dev`; a folder on the way is made.
        name: String,
        /// Whether it is a block device.
        block: bool,
        /// Device number, first half.
        major: u32,
        /// Device number, second half.
        minor: u32,
    },
    /// Bind a device of the host to the same path in `/dev`: where none can be made.
    BindDevice {
        /// Path in `/dev`; a folder on the way is made.
        name: String,
        /// Whether it has to be there.
        required: bool,
    },
    /// Make a symbolic link in `/dev`.
    MakeLink {
        /// File name in `/dev`.
        name: String,
        /// Where it leads.
        to: String,
    },
    /// Hide a file behind `/dev/null` or a directory behind an empty one; skip what is absent.
    Mask {
        /// Absolute path in `/proc` or `/sys`.
        path: String,
    },
    /// Make a path read-only, with all below it; skip what is absent.
    MakeReadOnly {
        /// Absolute path in `/proc`.
        path: String,
    },
    /// Open a terminal of the sandbox's own, bind it to `/dev/console` and send its other end out.
    OpenTerminal(TerminalSize),
    /// Make the overlay the root directory and let go of the host's.
    EnterRootfs,
    /// Set the host name.
    SetHostname(String),
    /// Raise the loopback interface.
    RaiseLoopback,
    /// Leave the session keyring of whoever started us, where the kernel has keyrings.
    JoinNewKeyring,
    /// Find the ids of the user, in the passwd and group files of the sandbox where need be.
    ResolveUser(String),
    /// Change to the working directory.
    ChangeDirectory {
        /// Absolute path in the sandbox.
        path: Bytes,
        /// Create what is missing of it.
        create: bool,
    },
    /// Set the umask.
    SetUmask(u32),
    /// Become leader of a new session, and take the terminal if there is one.
    StartSession,
    /// Limit what the process may use.
    SetLimits(Vec<Limit>),
    /// Privileges can no longer be gained by executing.
    RefuseNewPrivileges,
    /// Load the system call filter; needs privileges that the next steps give up.
    FilterSystemCalls,
    /// Have each socket wait for the parent that may lead out of the machine, when it is to be told: it connects
    /// the network then.
    TellOfSockets,
    /// Become the resolved user with its groups.
    BecomeUser {
        /// What it may do.
        capabilities: Capabilities,
        /// Which ids there are.
        ids: IdMap,
    },
    /// Become the command.
    Execute {
        /// Program and arguments.
        argv: Vec<Bytes>,
        /// The environment, as `NAME=value`; `HOME` is added when it is missing.
        env: Vec<Bytes>,
        /// Where to search a program without `/`.
        search: Bytes,
    },
}

/// What the command may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Capabilities {
    /// At most those of this bit mask, and none at all when the user is not root.
    AtMost(u64),
    /// All that this process has, whoever the user is; what it executes inherits them.
    All,
}

/// Something that can be mounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NewMount {
    /// A new file system.
    Filesystem {
        /// Its type, as in `/proc/filesystems`.
        kind: String,
        /// Its own options.
        options: Vec<(String, String)>,
        /// Options of the mount.
        attributes: Vec<Attribute>,
    },
    /// A new file system in memory, which is handed out: its room is looked at when the command has failed.
    Tmpfs {
        /// Limit in bytes.
        size: Option<u64>,
        /// Mode of its root directory; that of the directory that it covers, or 1777 where there
        /// is none.
        mode: Option<u32>,
        /// Options of the mount.
        attributes: Vec<Attribute>,
    },
    /// A part of another one.
    Bind {
        /// Which.
        source: Source,
        /// With the mounts below it.
        recursive: bool,
        /// Options of the mount.
        attributes: Vec<Attribute>,
    },
    /// A file in memory.
    File {
        /// What it holds.
        content: Bytes,
        /// Permission bits.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// Options of the mount.
        attributes: Vec<Attribute>,
    },
}

/// An option of a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "named after mount(8)'s options")]
pub enum Attribute {
    ReadOnly,
    NoSuid,
    NoDev,
    NoExec,
    StrictAtime,
}

/// What is made of a mount target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// A directory of the system: a link or file in its place is refused, a missing one is created
    /// and stays.
    System,
    /// Whatever is there, links followed inside the root; what is created for it is removed again
    /// after the command if it was not touched.
    Stub,
}
