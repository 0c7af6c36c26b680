//! What a sandbox is to be: inert data, without a handle on anything.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bytes::{self, Bytes};
use crate::cgroup::ControlGroup;
use crate::network::Connector;

/// The hostname of a build step when nothing else is asked for (BuildKit's).
pub const DEFAULT_HOSTNAME: &str = "buildkitsandbox";

/// The program search path of an image that sets none (containerd's).
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// One command and the sandbox it runs in.
///
/// The same description yields the same sandbox: nothing is taken from the caller's environment,
/// working directory or umask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxSpec {
    /// The root file system.
    pub rootfs: Rootfs,
    /// Program and arguments; must not be empty. A program without `/` is searched in the `PATH`
    /// of [`SandboxSpec::env`], else in [`DEFAULT_PATH`], inside the sandbox.
    pub argv: Vec<Bytes>,
    /// The whole environment, in order. Only `HOME` is added (from the sandbox's passwd file, or
    /// `/`) when it is missing.
    pub env: Vec<(Bytes, Bytes)>,
    /// Absolute working directory; symbolic links are followed inside the root, magic links never.
    pub cwd: Bytes,
    /// Create the working directory (mode 0755, root) where it is missing, as `docker run -w` does.
    pub create_cwd: bool,
    /// `""`, `user`, `user:group`, `uid`, `uid:gid` or a mixture; names are looked up in the
    /// passwd and group files of the sandbox.
    pub user: String,
    /// Host name, also written to `/etc/hosts`, and `/etc/hostname` where there is one.
    pub hostname: String,
    /// Which files of `/etc` the sandbox is given.
    pub etc: EtcFiles,
    /// Further lines of `/etc/hosts`, in order.
    pub hosts: Vec<(String, IpAddr)>,
    /// Content of `/etc/resolv.conf`, see [`crate::resolv_conf`].
    pub resolv_conf: Bytes,
    /// What the sandbox sees of the network.
    pub network: Network,
    /// How far the sandbox is locked down.
    pub security: Security,
    /// Resource limits of the process; those that are not named stay as they are.
    pub limits: Vec<Limit>,
    /// Mounted in this order; a later one hides an earlier one on the same target.
    pub mounts: Vec<Mount>,
    /// Give the process a terminal of its own (also as `/dev/console`), of this size.
    pub terminal: Option<TerminalSize>,
    /// Refuse privileges gained by executing (setuid programs, file capabilities). Docker's
    /// default is `false`.
    pub no_new_privileges: bool,
    /// Limits on all its processes together.
    pub group: Option<ControlGroup>,
    /// How long the command may take until it is killed, from when it is waited for.
    pub timeout: Option<Duration>,
    /// How many bytes of captured output it may write until it is killed.
    pub max_output: Option<u64>,
}

/// The files of `/etc` that say where a sandbox is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EtcFiles {
    /// `/etc/hosts` and `/etc/resolv.conf`, read-only: those of a build step (BuildKit's
    /// `executor/oci`). `/etc/hostname` is the image's.
    Step,
    /// These and `/etc/hostname`, and the command can write to them: those of a container (Docker's).
    Container,
}

impl SandboxSpec {
    /// A description with Docker's defaults: root, `/`, host network, locked down.
    pub fn new(rootfs: Rootfs, argv: Vec<Bytes>) -> Self {
        Self {
            rootfs,
            argv,
            env: Vec::new(),
            cwd: Bytes::from("/"),
            create_cwd: false,
            user: String::new(),
            hostname: DEFAULT_HOSTNAME.to_owned(),
            etc: EtcFiles::Step,
            hosts: Vec::new(),
            resolv_conf: Bytes::default(),
            network: Network::Host,
            security: Security::Sandbox,
            limits: Vec::new(),
            mounts: Vec::new(),
            terminal: None,
            no_new_privileges: false,
            group: None,
            timeout: None,
            max_output: None,
        }
    }
}

/// A writable root file system: layers below, one directory on top that takes what is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rootfs {
    /// Overlayfs lower directories, bottom to top; must not be empty, at most 500. Give
    /// [`crate::create_stubs`]'s directory as the bottom-most one: then the files of `/etc` that the
    /// sandbox is given need not be created in `upper`.
    #[serde(with = "bytes::paths")]
    pub lower: Vec<PathBuf>,
    /// Takes what the command writes, in overlayfs form. The caller owns it; use it for one
    /// sandbox at a time.
    #[serde(with = "bytes::path")]
    pub upper: PathBuf,
    /// Overlayfs' work directory: empty, on the file system of `upper`. What overlayfs leaves in
    /// it is the caller's to delete.
    #[serde(with = "bytes::path")]
    pub work: PathBuf,
    /// Leave syncing `upper` to the caller. Without it every unmount syncs its whole file system.
    pub volatile: bool,
}

/// The size of a terminal in characters, as the command finds it when it starts. Zero is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

/// What the sandbox sees of the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// The host's interfaces, ports and abstract sockets.
    Host,
    /// Its own network namespace, with only a loopback interface that is up.
    None,
    /// A network namespace that no other sandbox is in at the time, which this program connects: hosts
    /// that this machine reaches can be reached, but nothing that listens on its loopback interface or on
    /// an abstract socket.
    Private(Connector),
}

/// How far the sandbox is locked down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Security {
    /// Docker's default capabilities, seccomp profile, masked and read-only paths.
    Sandbox,
    /// `RUN --security=insecure`: every capability of this process, also for users other than
    /// root, no system call filter, nothing masked or read-only, the devices of the host that
    /// BuildKit names, and devices in the root file system and in binds can be opened.
    Insecure,
}

/// A limit on what the process may use, as setrlimit(2) sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// What is limited, and so in which unit.
    pub resource: Resource,
    /// What applies; no limit when `None`.
    pub soft: Option<u64>,
    /// How far the process may raise it.
    pub hard: Option<u64>,
}

/// What can be limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "named after setrlimit(2)'s RLIMIT_ constants")]
pub enum Resource {
    Core,
    Cpu,
    Data,
    Fsize,
    Locks,
    Memlock,
    Msgqueue,
    Nice,
    Nofile,
    Nproc,
    Rss,
    Rtprio,
    Rttime,
    Sigpending,
    Stack,
}

impl Resource {
    /// Every resource.
    pub const ALL: [Self; 15] = [
        Self::Core,
        Self::Cpu,
        Self::Data,
        Self::Fsize,
        Self::Locks,
        Self::Memlock,
        Self::Msgqueue,
        Self::Nice,
        Self::Nofile,
        Self::Nproc,
        Self::Rss,
        Self::Rtprio,
        Self::Rttime,
        Self::Sigpending,
        Self::Stack,
    ];

    /// Its name in `--ulimit`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Cpu => "cpu",
            Self::Data => "data",
            Self::Fsize => "fsize",
            Self::Locks => "locks",
            Self::Memlock => "memlock",
            Self::Msgqueue => "msgqueue",
            Self::Nice => "nice",
            Self::Nofile => "nofile",
            Self::Nproc => "nproc",
            Self::Rss => "rss",
            Self::Rtprio => "rtprio",
            Self::Rttime => "rttime",
            Self::Sigpending => "sigpending",
            Self::Stack => "stack",
        }
    }
}

/// Something mounted into the sandbox beside its root file system.
///
/// Targets are absolute, other than `/`, and resolved inside the root. Where a target does not
/// exist it is created, and removed again afterwards if nothing has been put there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mount {
    /// A file or directory of the host.
    Bind {
        /// What is mounted.
        source: Source,
        /// Where it appears.
        target: Bytes,
        /// Writing fails with EROFS.
        read_only: bool,
        /// Take the mounts below the source along.
        recursive: bool,
    },
    /// An empty file system in memory.
    Tmpfs {
        /// Where it appears.
        target: Bytes,
        /// Limit in bytes; the kernel's default is half of the memory.
        size: Option<u64>,
        /// Mode of its root directory. `None` is that of the directory that it covers, or 1777 where
        /// there is none (runc's rule).
        mode: Option<u32>,
        /// Writing fails with EROFS.
        read_only: bool,
        /// Programs in it can be started.
        executable: bool,
    },
    /// A file with the given content, in memory: secrets and here-document scripts.
    File {
        /// Where it appears.
        target: Bytes,
        /// What it holds.
        content: Bytes,
        /// Permission bits.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// Writing fails with EROFS.
        read_only: bool,
    },
}

/// Where a bind mount comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// A path that the user of this machine chose; opened as it is.
    Host(#[serde(with = "bytes::path")] PathBuf),
    /// A path below a directory; symbolic links cannot lead out of it.
    Within {
        /// The directory, chosen by us or by the user.
        #[serde(with = "bytes::path")]
        directory: PathBuf,
        /// The path from a Dockerfile, image or context.
        path: Bytes,
    },
    /// A path inside a stack of layers.
    Layers {
        /// As [`Rootfs::lower`].
        #[serde(with = "bytes::paths")]
        lower: Vec<PathBuf>,
        /// Where writes go, for a mount that is not read-only.
        scratch: Option<Scratch>,
        /// The path from a Dockerfile.
        path: Bytes,
    },
}

/// Where what is written to a stack of layers goes; the caller throws it away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scratch {
    /// As [`Rootfs::upper`].
    #[serde(with = "bytes::path")]
    pub upper: PathBuf,
    /// As [`Rootfs::work`].
    #[serde(with = "bytes::path")]
    pub work: PathBuf,
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        Self::Host(path)
    }
}
