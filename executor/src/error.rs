//! What can go wrong, on either side of the sandbox.

use std::fmt;

use lapstrake_ids::Unmapped;
use serde::{Deserialize, Serialize};

use crate::bytes::Bytes;
use crate::cgroup::Unenforceable;

/// What to do where no process can be started (EAGAIN).
pub const MORE_PROCESSES: &str = "let more processes run: `ulimit -u` counts all of the user's, and \
    pids.max of a control group those of the session, service or container";

/// Why a sandbox could not be set up, started or waited for.
///
/// The same type is used inside the sandbox before the command is executed and sent to the caller,
/// hence the [`Errno`] and the owned strings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Error {
    /// The description cannot be meant.
    #[error("sandbox {field} {subject:?} is invalid: {reason}")]
    InvalidSpec {
        /// Which part of the description.
        field: String,
        /// What it holds.
        subject: Bytes,
        /// Why it is refused.
        reason: Refusal,
    },
    /// A system call failed.
    #[error("cannot {operation} {}", subject.display())]
    System {
        /// What was attempted.
        operation: Operation,
        /// On what.
        subject: Bytes,
        /// What the kernel said.
        source: Errno,
    },
    /// Something in the image is not what it has to be.
    #[error("refusing to {operation} {}: {reason}", subject.display())]
    Refused {
        /// What was attempted.
        operation: Operation,
        /// On what.
        subject: Bytes,
        /// Why it is refused.
        reason: Refusal,
    },
    /// The user of the description cannot be resolved.
    #[error("cannot resolve user {user:?}")]
    User {
        /// What the description says.
        user: String,
        /// Why.
        source: crate::user::UserError,
    },
    /// The user namespace has no such user or group.
    #[error("cannot {operation} {}", subject.display())]
    Unmapped {
        /// What was attempted.
        operation: Operation,
        /// On what.
        subject: Bytes,
        /// Which one.
        source: Unmapped,
    },
    /// A limit that was asked for cannot be kept.
    #[error("cannot enforce the limit on {subject}")]
    Limit {
        /// What is to be limited.
        subject: String,
        /// Why not.
        source: Unenforceable,
    },
    /// The program is not in the sandbox (a shell would exit with 127).
    #[error("executable file {} not found in the sandbox", program.display())]
    NotFound {
        /// The first argument.
        program: Bytes,
    },
    /// The program cannot be executed (a shell would exit with 126).
    #[error("cannot execute {}", program.display())]
    NotExecutable {
        /// The first argument.
        program: Bytes,
        /// What the kernel said.
        source: Errno,
    },
    /// The sandbox ended before it executed the command and without saying why.
    #[error("the sandbox ended during its set-up: {status}")]
    Died {
        /// How it ended.
        status: String,
    },
    /// The program that was to connect a network failed.
    #[error("{program} cannot connect a network: {reason}")]
    NotConnected {
        /// Where the program is.
        program: String,
        /// What it said.
        reason: String,
    },
    /// A port of the host cannot be had.
    #[error("cannot publish {port}")]
    Port {
        /// Address, port or range of ports, and protocol, as in `0.0.0.0:80/tcp`.
        port: String,
        /// What the kernel said.
        source: Errno,
    },
    /// What the two sides say to each other could not be understood.
    #[error("cannot {operation} the sandbox's {subject}: {reason}")]
    Protocol {
        /// What was attempted.
        operation: Operation,
        /// Which message.
        subject: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// Whether the kernel knows no way to run a file like the program: it may be made for another
    /// machine.
    pub fn is_unknown_format(&self) -> bool {
        let unknown = Errno::from(nix::errno::Errno::ENOEXEC);
        matches!(self, Self::NotExecutable { source, .. } if *source == unknown)
    }

    /// Whether all that is lacking is what somebody holds for a while, such as descriptors or processes: the
    /// same may succeed later.
    pub fn is_passing(&self) -> bool {
        use nix::errno::Errno::{EAGAIN, EMFILE, ENFILE, ENOMEM};
        match self {
            Self::System { source, .. } => {
                [EAGAIN, EMFILE, ENFILE, ENOMEM].map(Errno::from).contains(source)
            }
            // The program says it in the C library's words.
            Self::NotConnected { reason, .. } => {
                [EAGAIN, EMFILE, ENFILE, ENOMEM].iter().any(|lack| reason.contains(lack.desc()))
            }
            _ => false,
        }
    }

    /// What the user can do about it, beside what [`crate::remedy_of_limit`] says.
    pub fn hint(&self) -> Option<&'static str> {
        let is_refused = |errno: &Errno| *errno == Errno::from(nix::errno::Errno::EPERM);
        let is = |errno: &Errno, known| *errno == Errno::from(known);
        Some(match self {
            Self::System { operation: Operation::Clone | Operation::Create, source, .. }
                if is(source, nix::errno::Errno::EAGAIN) =>
            {
                MORE_PROCESSES
            }
            Self::System { operation: Operation::Clone, source, .. }
                if is(source, nix::errno::Errno::ENOSPC) =>
            {
                "allow more namespaces: /proc/sys/user/max_*_namespaces, for each kind"
            }
            Self::System { operation: Operation::Limit, source, .. } if is_refused(source) => {
                "ask for at most the hard limit that lap itself has (`ulimit -H`); only root with \
                 CAP_SYS_RESOURCE goes beyond, and for nofile nobody beyond /proc/sys/fs/nr_open"
            }
            Self::Refused { reason: Refusal::NotForOverlay, .. } => {
                "have the store on another file system, with --root or LAPSTRAKE_ROOT: in a container, on a volume"
            }
            Self::Limit { source: Unenforceable::Value { .. }, .. } => {
                "ask for what this machine has, or leave the limit out"
            }
            Self::Limit { source: Unenforceable::Group { .. }, .. } => {
                "name a control group that lap may make groups in with --cgroup-parent, or, as a user, \
                 start lap with systemd-run --user --scope -p Delegate=yes"
            }
            Self::Limit { .. } => {
                "leave the limit out, or have the machine's control groups mounted with what keeps it"
            }
            _ => return None,
        })
    }

    /// Makes the closure for `map_err`: which operation failed, on what.
    pub(crate) fn system<S: Into<Bytes>, E: Into<Errno>>(
        operation: Operation,
        subject: S,
    ) -> impl FnOnce(E) -> Self {
        let subject = subject.into();
        move |source| Self::System { operation, subject, source: source.into() }
    }

    /// The same for an id that is not there.
    pub(crate) fn unmapped<S: Into<Bytes>>(
        operation: Operation,
        subject: S,
    ) -> impl FnOnce(Unmapped) -> Self {
        let subject = subject.into();
        move |source| Self::Unmapped { operation, subject, source }
    }

    pub(crate) fn refused<S: Into<Bytes>>(
        operation: Operation,
        subject: S,
        reason: Refusal,
    ) -> Self {
        Self::Refused { operation, subject: subject.into(), reason }
    }

    pub(crate) fn invalid<S: Into<Bytes>>(field: &str, subject: S, reason: Refusal) -> Self {
        Self::InvalidSpec { field: field.to_owned(), subject: subject.into(), reason }
    }
}

/// What was attempted when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each says what its name says")]
#[non_exhaustive]
pub enum Operation {
    Open,
    Create,
    Read,
    Write,
    Seal,
    Stat,
    ChangeOwner,
    Mount,
    MountOn,
    Configure,
    Mask,
    MakeReadOnly,
    EnterRoot,
    DetachOldRoot,
    ChangeDirectory,
    SetHostname,
    RaiseInterface,
    JoinKeyring,
    SetUmask,
    Limit,
    FilterSystemCalls,
    DropCapabilities,
    SetGroups,
    SetGroup,
    SetUser,
    TieToParent,
    JoinGroup,
    JoinNetwork,
    StartSession,
    OpenTerminal,
    Send,
    Receive,
    CloseDescriptors,
    ResetSignals,
    Clone,
    Wait,
    Poll,
    Signal,
    Remove,
    Decode,
    Encode,
    Execute,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Create => "create",
            Self::Read => "read",
            Self::Write => "write",
            Self::Seal => "seal",
            Self::Stat => "examine",
            Self::ChangeOwner => "change the owner of",
            Self::Mount => "mount",
            Self::MountOn => "mount on",
            Self::Configure => "configure",
            Self::Mask => "mask",
            Self::MakeReadOnly => "make read-only",
            Self::EnterRoot => "enter",
            Self::DetachOldRoot => "detach",
            Self::ChangeDirectory => "change directory to",
            Self::SetHostname => "set the host name",
            Self::RaiseInterface => "raise network interface",
            Self::JoinKeyring => "join",
            Self::SetUmask => "set umask",
            Self::Limit => "limit",
            Self::FilterSystemCalls => "filter",
            Self::DropCapabilities => "drop",
            Self::SetGroups => "set supplementary groups",
            Self::SetGroup => "set group",
            Self::SetUser => "set user",
            Self::TieToParent => "tie to its parent",
            Self::JoinNetwork => "join",
            Self::JoinGroup => "join",
            Self::StartSession => "start",
            Self::OpenTerminal => "open terminal",
            Self::Send => "send",
            Self::Receive => "receive",
            Self::CloseDescriptors => "close",
            Self::ResetSignals => "reset",
            Self::Clone => "clone",
            Self::Wait => "wait for",
            Self::Poll => "poll",
            Self::Signal => "signal",
            Self::Remove => "remove",
            Self::Decode => "decode",
            Self::Encode => "encode",
            Self::Execute => "execute",
        })
    }
}

/// Why something is refused that the kernel would have let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[allow(missing_docs, reason = "each says what its message says")]
#[non_exhaustive]
pub enum Refusal {
    #[error("it is empty")]
    Empty,
    #[error("it has a NUL byte")]
    NulByte,
    #[error("it has to be absolute")]
    NotAbsolute,
    #[error("it must not be the root directory")]
    IsRoot,
    #[error("it has a `=` or is empty")]
    BadVariableName,
    #[error("it is longer than 64 bytes or has a character that is not allowed")]
    BadHostname,
    #[error("there are more than 500")]
    TooMany,
    #[error("they are more than this kernel mounts; Linux 6.5 mounts 500")]
    TooManyForKernel,
    #[error("it is a symbolic link")]
    IsSymlink,
    #[error("it is not a directory")]
    NotDirectory,
    #[error("it is a directory")]
    IsDirectory,
    #[error("it is not a regular file")]
    NotRegularFile,
    #[error("it is too large")]
    TooLarge,
    #[error("it has too many symbolic links")]
    TooManyLinks,
    #[error("it is inside a file system of the kernel's")]
    InsideProc,
    #[error("it is outside of the sandbox")]
    OutsideRoot,
    #[error("it leads out of the tree of control groups")]
    OutsideGroups,
    #[error("it is on a file system that overlayfs cannot write to, as another overlayfs is")]
    NotForOverlay,
    #[error("it is not a device of the terminal file system")]
    NotTerminal,
    #[error("its parent process has ended")]
    ParentEnded,
    #[error("a program needs at least one file that can be open")]
    NoOpenFiles,
    #[error("the description is of another one")]
    OtherShape,
}

/// An error number of the kernel that can be sent between processes.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errno(i32);

impl Errno {
    /// The number, such as 2 for ENOENT.
    pub fn raw(self) -> i32 {
        self.0
    }

    /// Whether arguments and environment together were more than execve(2) takes: E2BIG.
    pub fn is_too_much_text(self) -> bool {
        self == Self::from(nix::errno::Errno::E2BIG)
    }
}

impl std::error::Error for Errno {}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", nix::errno::Errno::from_raw(self.0))
    }
}

impl From<rustix::io::Errno> for Errno {
    fn from(error: rustix::io::Errno) -> Self {
        Self(error.raw_os_error())
    }
}

impl From<nix::errno::Errno> for Errno {
    fn from(error: nix::errno::Errno) -> Self {
        Self(error as i32)
    }
}

impl From<std::io::Error> for Errno {
    fn from(error: std::io::Error) -> Self {
        Self(error.raw_os_error().unwrap_or(nix::libc::EIO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_lacks_is_known_by_the_kernels_error() {
        use nix::errno::Errno as Known;
        let hint = |errno: Known| {
            let error = Error::system::<_, Known>(Operation::Clone, "the sandbox")(errno);
            error.hint().unwrap_or_default()
        };
        assert!(hint(Known::EAGAIN).contains("ulimit -u"));
        let thread = Error::system::<_, Known>(Operation::Create, "a thread")(Known::EAGAIN);
        assert_eq!(thread.hint(), Some(MORE_PROCESSES));
        assert!(hint(Known::ENOSPC).contains("/proc/sys/user/max_"));
        assert_eq!(hint(Known::EPERM), "");
        let wait = Error::system::<_, Known>(Operation::Wait, "the command")(Known::EAGAIN);
        assert_eq!(wait.hint(), None);
    }
}
