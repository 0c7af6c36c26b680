//! One connected network namespace.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::program::Program;
use super::relocation::relocate;
use super::{Connector, ConnectorKind};
use crate::error::{Error, Operation};
use crate::guard;
use crate::lasting::spawn_lasting;
use crate::memory::sealed;
use crate::sandbox::{facts, null, pipe};
use crate::terminal;
use crate::wire::{self, CONNECTOR_NAME, descriptor};

/// How long the program may take; far more than it does on a busy machine.
const PATIENCE: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };

/// Whom the program runs as for root: who has no rights but everybody's.
const NOBODY: u32 = 65534;

const TUN: &str = "/dev/net/tun";

/// A network namespace and the program that connects it. Dropping it ends the program, and with it the
/// namespace when nobody is in it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) program: Program,
    pub(super) namespace: OwnedFd,
}

/// Whose the namespace is that the program connects, and so who the program is, which may enter it.
enum Owner {
    /// This process's user namespace; it has made the namespace.
    Ours(OwnedFd),
    /// A user namespace of the program's own. It says when it is there; told who it is, it makes the
    /// namespace and sends it, and its interface goes from there to one that is ours. Our end, its end.
    Nobody(OwnedFd, OwnedFd),
}

impl Connection {
    /// Returns once the namespace can be used.
    pub(super) fn new(connector: &Connector) -> Result<Self, Error> {
        // The program would say the same in its own way, later.
        rustix::fs::open(TUN, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
            .map_err(Error::system(Operation::Open, TUN))?;
        let owner = Owner::new()?;
        let (log, log_end) = pipe()?;
        for end in [&log, &log_end] {
            rustix::io::ioctl_fionbio(end, true)
                .map_err(Error::system(Operation::Configure, "a pipe"))?;
        }
        let (ready, ready_end) = pipe()?;
        owner.give(&ready_end)?;
        let (leave_end, leave) = pipe()?;
        let order = sealed("lap-connect", &wire::encode_command(&connector.command())?)?;
        let null = null(OFlags::RDWR)?;
        let output = match connector.kind {
            ConnectorKind::Pasta => &ready_end,
            // It chats before it is ready.
            ConnectorKind::Slirp4netns => &null,
        };
        let mut descriptors = vec![
            (output, 1),
            (&log_end, 2),
            (&order, descriptor::ORDER),
            (&ready_end, descriptor::REPORT),
            (&leave_end, descriptor::LEAVE),
        ];
        descriptors.push(owner.place());
        let child = spawn_lasting(CONNECTOR_NAME, &descriptors)?;
        drop((ready_end, log_end, leave_end));
        let program = Program::new(connector.clone(), child, log);
        guard::watch(program.pidfd())?;
        let is_nobodys = matches!(owner, Owner::Nobody(..));
        let Some(namespace) = owner.enter(&program, leave)? else { return Err(program.failure()) };
        if !is_ready(&ready)? {
            return Err(program.failure());
        }
        if !is_nobodys {
            return Ok(Self { program, namespace });
        }
        let own = new_namespace()?;
        relocate(&namespace, &own)?;
        Ok(Self { program, namespace: own })
    }
}

impl Owner {
    /// Root's program is not to read what comes out of a sandbox with root's rights.
    fn new() -> Result<Self, Error> {
        match facts().id_map.is_namespace() {
            true => Ok(Self::Ours(new_namespace()?)),
            false => terminal::socket_pair().map(|(socket, end)| Self::Nobody(socket, end)),
        }
    }

    /// Lets the program open a pipe again.
    fn give(&self, end: &OwnedFd) -> Result<(), Error> {
        match self {
            Self::Ours(_) => Ok(()),
            Self::Nobody(..) => {
                let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
                rustix::fs::fchown(end, Some(user), Some(group))
                    .map_err(Error::system(Operation::ChangeOwner, "a pipe"))
            }
        }
    }

    /// The descriptor by which the namespace gets to the program, or to us.
    fn place(&self) -> (&OwnedFd, i32) {
        match self {
            Self::Ours(namespace) => (namespace, 0),
            Self::Nobody(_, end) => (end, descriptor::TERMINAL),
        }
    }

    /// Gives the program leave, and says who it is; `None` when it has ended.
    fn enter(self, program: &Program, leave: OwnedFd) -> Result<Option<OwnedFd>, Error> {
        let give_leave = || {
            let given = rustix::io::write(&leave, b"l");
            given.map_err(Error::system(Operation::Send, "leave"))
        };
        let (socket, end) = match self {
            Self::Ours(namespace) => return give_leave().map(|_| Some(namespace)),
            Self::Nobody(socket, end) => (socket, end),
        };
        // Else its end is not seen.
        drop(end);
        if !is_ready(&socket)? {
            return Ok(None);
        }
        for name in ["uid_map", "gid_map"] {
            let path = format!("/proc/{}/{name}", program.id());
            fs::write(&path, format!("0 {NOBODY} 1"))
                .map_err(Error::system(Operation::Write, path))?;
        }
        give_leave()?;
        wait(&socket)?;
        let what = "a network namespace";
        let received = terminal::receive_descriptor(socket.as_fd(), what, RecvFlags::DONTWAIT);
        Ok(received.ok())
    }
}

/// Waits until there is something to read, or the program has ended.
fn wait(end: &OwnedFd) -> Result<(), Error> {
    let fail = || Error::system(Operation::Receive, "a connection's report");
    let wait = || rustix::event::poll(&mut [PollFd::new(end, PollFlags::IN)], Some(&PATIENCE));
    match rustix::io::retry_on_intr(wait).map_err(fail())? {
        0 => Err(fail()(Errno::TIMEDOUT)),
        _ => Ok(()),
    }
}

/// Waits for the first byte, or the end of the program.
fn is_ready(ready: &OwnedFd) -> Result<bool, Error> {
    wait(ready)?;
    let mut byte = [0; 1];
    let read = rustix::io::retry_on_intr(|| rustix::io::read(ready, &mut byte));
    Ok(read.map_err(Error::system(Operation::Receive, "a connection's report"))? > 0)
}

/// The lowest port that users other than root may listen on; Docker's is 0, as nobody else has ports
/// there.
const LOWEST_PORT: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

/// A namespace without anybody in it. A thread of its own makes it, as who makes one is in it.
pub(crate) fn new_namespace() -> Result<OwnedFd, Error> {
    fn fail<E: Into<crate::error::Errno>>() -> impl FnOnce(E) -> Error {
        Error::system(Operation::Create, "a network namespace")
    }
    let make = || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).map_err(fail())?;
        // Where it cannot be set, as in some containers, root alone listens there.
        let _ = fs::write(LOWEST_PORT, "0");
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        rustix::fs::open("/proc/thread-self/ns/net", flags, Mode::empty()).map_err(fail())
    };
    std::thread::scope(|scope| {
        let maker = std::thread::Builder::new().spawn_scoped(scope, make).map_err(fail())?;
        maker.join().unwrap_or_else(|_| Err(fail()(Errno::CANCELED)))
    })
}
