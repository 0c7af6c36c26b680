//! One network namespace, and connecting it.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapstrake_ids::IdMap;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use super::namespace::new_namespace;
use super::program::Program;
use super::proof;
use super::relocation::relocate;
use super::{Connector, ConnectorKind, TUN};
use crate::cause::lacks_files;
use crate::error::{Error, Operation};
use crate::guard;
use crate::handed;
use crate::lasting::spawn_lasting;
use crate::memory::sealed;
use crate::sandbox::{null, pipe};
use crate::wire::{self, CONNECTOR_NAME, descriptor};

/// How long the program may take; far more than it does on a busy machine.
const LIMIT: Duration = Duration::from_secs(10);

const REPORT: &str = "the report of a connection";

/// Whom the program runs as for root: who has no rights but everybody's.
const NOBODY: u32 = 65534;

/// A network namespace and, from when it is connected on, the program that does that. Dropping it ends the
/// program, and with it the namespace when nobody is in it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) connector: Connector,
    pub(super) namespace: OwnedFd,
    program: Mutex<Option<Program>>,
}

/// Who the program is, which may enter the namespace that it connects.
enum Owner<'a> {
    /// This process's user, whose the namespace is.
    Ours(&'a OwnedFd),
    /// That of a user namespace of its own. It says when it is there; told who it is, it makes a namespace
    /// and sends it, and its interface goes from there to the one that is ours. Our end, its end.
    Nobody(OwnedFd, OwnedFd),
}

/// What became of a program that was given leave.
enum Entered {
    /// It has ended.
    Ended,
    /// It works in the namespace that is ours.
    Ours,
    /// It works in this one, of its own.
    Own(OwnedFd),
}

impl Connection {
    /// One that is not connected yet.
    pub(super) fn new(connector: &Connector) -> Result<Self, Error> {
        // The program would say the same in its own way, later.
        rustix::fs::open(TUN, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
            .map_err(Error::system(Operation::Open, TUN))?;
        let (connector, namespace) = (connector.clone(), new_namespace()?);
        Ok(Self { connector, namespace, program: Mutex::default() })
    }

    /// Returns once the namespace is connected, or `stop` can be read; then with [`Errno::CANCELED`].
    pub(super) fn connect(&self, stop: Option<BorrowedFd<'_>>) -> Result<(), Error> {
        let mut program = self.program();
        if program.is_none() {
            let connected = connect(&self.connector, &self.namespace, &Patience { stop });
            if connected.as_ref().is_err_and(|error| !is_stopped(error)) {
                proof::forget();
            }
            *program = Some(connected?);
        }
        Ok(())
    }

    pub(super) fn is_connected(&self) -> bool {
        self.program().is_some()
    }

    /// Whether nothing has ended the program.
    pub(super) fn is_usable(&self) -> bool {
        self.program().as_ref().is_none_or(Program::is_alive)
    }

    /// Asks the program to end; dropping waits for that.
    pub(super) fn kill(&self) {
        if let Some(program) = &*self.program() {
            program.kill();
        }
    }

    fn program(&self) -> MutexGuard<'_, Option<Program>> {
        self.program.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the program, and returns once it connects `namespace`.
fn connect(
    connector: &Connector,
    namespace: &OwnedFd,
    patience: &Patience<'_>,
) -> Result<Program, Error> {
    let owner = Owner::new(namespace)?;
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
    let entered = owner.enter(&program, leave, patience);
    let entered = match entered.and_then(|entered| Ok((patience.is_ready(&ready)?, entered))) {
        Err(error) if is_late(&error) => return Err(program.late(LIMIT)),
        entered => entered?,
    };
    let (true, entered) = entered else { return Err(program.failure()) };
    if let Entered::Own(own) = entered {
        relocate(&own, namespace)?;
    }
    Ok(program)
}

impl<'a> Owner<'a> {
    /// Root's program is not to read what comes out of a sandbox with root's rights.
    fn new(namespace: &'a OwnedFd) -> Result<Self, Error> {
        match IdMap::own().is_namespace() {
            true => Ok(Self::Ours(namespace)),
            false => handed::socket_pair().map(|(socket, end)| Self::Nobody(socket, end)),
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
            Self::Nobody(_, end) => (end, descriptor::OUT),
        }
    }

    /// Gives the program leave, and says who it is.
    fn enter(
        self,
        program: &Program,
        leave: OwnedFd,
        patience: &Patience<'_>,
    ) -> Result<Entered, Error> {
        // Whether there is still somebody to take it.
        let give_leave = || match rustix::io::write(&leave, b"l") {
            Err(Errno::PIPE) => Ok(false),
            given => given.map(|_| true).map_err(Error::system(Operation::Send, "leave")),
        };
        let (socket, end) = match self {
            Self::Ours(_) => {
                return Ok(if give_leave()? { Entered::Ours } else { Entered::Ended });
            }
            Self::Nobody(socket, end) => (socket, end),
        };
        // Else its end is not seen.
        drop(end);
        if !patience.is_ready(&socket)? {
            return Ok(Entered::Ended);
        }
        for name in ["uid_map", "gid_map"] {
            let path = format!("/proc/{}/{name}", program.id());
            fs::write(&path, format!("0 {NOBODY} 1"))
                .map_err(Error::system(Operation::Write, path))?;
        }
        if !give_leave()? {
            return Ok(Entered::Ended);
        }
        patience.wait(&socket)?;
        match handed::receive(socket.as_fd(), "a network namespace") {
            Ok(own) => Ok(Entered::Own(own)),
            Err(error) if lacks_files(&error) => Err(error),
            Err(_) => Ok(Entered::Ended),
        }
    }
}

/// How long the program is waited for.
struct Patience<'a> {
    /// What ends the wait at once.
    stop: Option<BorrowedFd<'a>>,
}

impl Patience<'_> {
    /// Waits until there is something to read, or the program has ended.
    fn wait(&self, end: &OwnedFd) -> Result<(), Error> {
        let fail = || Error::system(Operation::Receive, REPORT);
        let limit = Timespec { tv_sec: LIMIT.as_secs().cast_signed(), tv_nsec: 0 };
        let mut ends = vec![PollFd::new(end, PollFlags::IN)];
        ends.extend(self.stop.as_ref().map(|stop| PollFd::new(stop, PollFlags::IN)));
        let wait = || rustix::event::poll(&mut ends, Some(&limit));
        let ready = rustix::io::retry_on_intr(wait).map_err(fail())?;
        match ends.first().is_some_and(|end| !end.revents().is_empty()) {
            true => Ok(()),
            false if ready == 0 => Err(fail()(Errno::TIMEDOUT)),
            false => Err(fail()(Errno::CANCELED)),
        }
    }

    /// Waits for the first byte, or the end of the program.
    fn is_ready(&self, ready: &OwnedFd) -> Result<bool, Error> {
        self.wait(ready)?;
        let mut byte = [0; 1];
        let read = rustix::io::retry_on_intr(|| rustix::io::read(ready, &mut byte));
        Ok(read.map_err(Error::system(Operation::Receive, REPORT))? > 0)
    }
}

fn is_late(error: &Error) -> bool {
    is(error, Errno::TIMEDOUT)
}

/// Whether nobody waits for it any more.
fn is_stopped(error: &Error) -> bool {
    is(error, Errno::CANCELED)
}

fn is(error: &Error, errno: Errno) -> bool {
    let Error::System { operation: Operation::Receive, source, .. } = error else { return false };
    source.raw() == errno.raw_os_error()
}
