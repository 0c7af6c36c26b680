//! The parent's side of a running sandbox: waiting for it, and clearing up after it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus};

use crate::cancel::Cancel;
use crate::cgroup::{Exceeded, Group};
use crate::error::{Error, Operation};
use crate::network::Lease;
use crate::publish::{Listeners, Relay};
use crate::spec::SandboxSpec;
use crate::status::Status;
use crate::stubs::{self, Trace};
use crate::sys::Child;
use crate::tmpfs::MemoryMounts;
use crate::wire::Report;

/// What the command reads from and writes to. With [`SandboxSpec::terminal`] it is the terminal,
/// whatever is given here.
#[derive(Debug)]
pub enum Stdio {
    /// Nothing to read; what it writes to standard output and error comes, in order, to
    /// [`Sandbox::wait`]'s callback.
    Captured,
    /// Those of this process.
    Inherited,
    /// These; made for the sandbox, so its user becomes their owner.
    Given {
        /// Standard input.
        stdin: OwnedFd,
        /// Standard output.
        stdout: OwnedFd,
        /// Standard error.
        stderr: OwnedFd,
    },
}

/// A running command in its sandbox. Dropping it kills the sandbox.
///
/// The sandbox also dies with the thread that started it, so that thread has to stay; and with this process,
/// whatever its command does about that.
#[derive(Debug)]
pub struct Sandbox {
    pid: Pid,
    pidfd: OwnedFd,
    output: Option<OwnedFd>,
    terminal: Option<OwnedFd>,
    upper: PathBuf,
    timeout: Option<Duration>,
    max_output: Option<u64>,
    end: Mutex<End>,
}

/// What remains to be done when the command ends, once.
#[derive(Debug, Default)]
struct End {
    /// Known when it has been done.
    status: Option<Status>,
    traces: Vec<Trace>,
    group: Option<Group>,
    network: Option<Lease>,
    ports: Option<Relay>,
    memory_mounts: MemoryMounts,
    exceeded: Vec<Exceeded>,
}

impl Sandbox {
    /// One whose process waits for its order.
    pub(crate) fn new(child: Child, output: Option<OwnedFd>, network: Option<Lease>) -> Self {
        Self {
            pid: child.pid,
            pidfd: child.pidfd,
            output,
            terminal: None,
            upper: PathBuf::new(),
            timeout: None,
            max_output: None,
            end: Mutex::new(End { network, ..End::default() }),
        }
    }

    /// What has to be known of its description from now on.
    pub(crate) fn describe(&mut self, spec: &SandboxSpec, group: Option<Group>) {
        self.upper = spec.rootfs.upper.clone();
        self.timeout = spec.timeout;
        self.max_output = spec.max_output;
        self.end().group = group;
    }

    /// What the command may fill.
    pub(crate) fn hold(&self, memory_mounts: MemoryMounts) {
        self.end().memory_mounts = memory_mounts;
    }

    pub(crate) fn set_terminal(&mut self, terminal: OwnedFd) {
        self.terminal = Some(terminal);
    }

    /// Has the network connected when `listener` tells of a socket.
    pub(crate) fn connect_on_demand(&self, listener: OwnedFd) -> Result<(), Error> {
        match &mut self.end().network {
            Some(network) => network.connect_on_demand(listener, self.pidfd.as_fd()),
            None => Ok(()),
        }
    }

    /// The process id of the command on the host.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// A descriptor that polls readable when the command has ended.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// The outer end of the command's terminal, when the description asked for one.
    pub fn terminal(&self) -> Option<BorrowedFd<'_>> {
        self.terminal.as_ref().map(AsFd::as_fd)
    }

    /// Sends a signal to the command. One that it has no handler for is ignored, as it is process
    /// 1 of its namespace, except SIGKILL and SIGSTOP.
    pub fn kill(&self, signal: i32) -> Result<(), Error> {
        let fail = || Error::system(Operation::Signal, "the command");
        let Some(signal) = Signal::from_named_raw(signal) else {
            return Err(fail()(Errno::INVAL));
        };
        match rustix::process::pidfd_send_signal(&self.pidfd, signal) {
            // It has already ended.
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(fail()(error)),
        }
    }

    /// Makes ports of the sandbox reachable on the host until it ends; one that is called again takes the
    /// place of what was published.
    ///
    /// Fails for a sandbox that has ended or whose network is not [`Network::Private`].
    pub fn publish(&self, listeners: Listeners) -> Result<(), Error> {
        let mut end = self.end();
        let fail = Error::system(Operation::JoinNetwork, "a network of the sandbox's own");
        let network = end.network.as_ref().ok_or_else(|| fail(Errno::NOTCONN))?;
        // The addresses that are connected to are known then.
        network.connect()?;
        let relay = Relay::start(listeners, network.namespace())?;
        end.ports = Some(relay);
        Ok(())
    }

    /// The limits that the command came up against; known when it has been waited for.
    pub fn exceeded(&self) -> Vec<Exceeded> {
        self.end().exceeded.clone()
    }

    /// Waits for the command to end and passes on its captured output; what it left running is
    /// killed by the kernel. Afterwards nothing of the sandbox is left but the content of `upper`.
    ///
    /// Waiting again gives the same status at once. Output goes to whoever waits first. A command whose network
    /// cannot be connected when it makes a socket is killed, and waiting fails with [`Error::NotConnected`].
    pub fn wait(&self, cancel: &Cancel, on_output: &mut dyn FnMut(&[u8])) -> Result<Status, Error> {
        let mut stop = Stop::new(self.timeout);
        let mut output = self.output.as_ref();
        // Never filled in vain: most commands write little.
        let mut buffer = Vec::with_capacity(64 << 10);
        let mut room = self.max_output;
        loop {
            stop.advance(self, cancel)?;
            let ready = self.poll(output, cancel, &stop)?;
            // In this order: what was written before the end is there when the end is seen.
            if let Some(pipe) = output.filter(|_| ready.output) {
                match pass_on(pipe, &mut buffer, on_output)? {
                    Passed::Some => stop.count(self, &mut room, buffer.len())?,
                    Passed::NothingNow => {}
                    Passed::NothingEver => output = None,
                }
            }
            if ready.ended {
                let status = self.reap()?;
                // Not until its end: a process of another sandbox may hold it open.
                while let Some(Passed::Some) =
                    output.map(|pipe| pass_on(pipe, &mut buffer, on_output)).transpose()?
                {
                }
                return Ok(status);
            }
        }
    }

    /// Reads what the stage reports until the command has been executed.
    pub(crate) fn receive(&self, report: OwnedFd) -> Result<(), Error> {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::fs::File::from(report), &mut bytes)
            .map_err(Error::system(Operation::Receive, "report"))?;
        match Report::decode_last(&bytes)? {
            Some(Report::Ready { traces }) => {
                self.end().traces = traces;
                Ok(())
            }
            Some(Report::Failed { error, traces }) => {
                self.end().traces = traces;
                self.reap()?;
                Err(error)
            }
            None => Err(Error::Died { status: format!("{:?}", self.reap()?) }),
        }
    }

    fn end(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll(&self, output: Option<&OwnedFd>, cancel: &Cancel, stop: &Stop) -> Result<Ready, Error> {
        let mut polled = vec![PollFd::new(&self.pidfd, PollFlags::IN)];
        if matches!(stop, Stop::No { .. }) {
            polled.push(PollFd::new(cancel, PollFlags::IN));
        }
        polled.extend(output.map(|output| PollFd::new(output, PollFlags::IN)));
        match rustix::event::poll(&mut polled, stop.timeout().as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(Error::system(Operation::Poll, "sandbox")(error)),
        }
        let is_ready = |fd: Option<&PollFd<'_>>| fd.is_some_and(|fd| !fd.revents().is_empty());
        Ok(Ready {
            ended: is_ready(polled.first()),
            output: output.is_some() && is_ready(polled.last()),
        })
    }

    /// Takes the status of the ended command, once, and removes the traces of its mounts. Blocks
    /// until it has ended.
    fn reap(&self) -> Result<Status, Error> {
        let mut end = self.end();
        if let Some(status) = end.status {
            return Ok(status);
        }
        let wait =
            || rustix::process::waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED);
        let ended = rustix::io::retry_on_intr(wait)
            .map_err(Error::system(Operation::Wait, "the command"))?;
        let status = ended.map_or(Status::Signaled(libc::SIGKILL), |ended| status_of(&ended));
        end.status = Some(status);
        if let Some(group) = end.group.take() {
            end.exceeded.extend(group.exceeded());
        }
        let memory_mounts = std::mem::take(&mut end.memory_mounts);
        if !status.success() {
            end.exceeded.extend(memory_mounts.full());
        }
        // In this order: nobody is to be in a network that waits for the next.
        drop(end.ports.take());
        let unconnected = end.network.take().and_then(Lease::end);
        stubs::remove(&self.upper, &std::mem::take(&mut end.traces))?;
        unconnected.map_or(Ok(status), Err)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if self.end().status.is_none() {
            // Nobody is left to tell.
            let _ = self.kill(libc::SIGKILL);
            let _ = self.reap();
        }
    }
}

enum Passed {
    Some,
    NothingNow,
    NothingEver,
}

/// Passes on one buffer of output, without waiting for it.
fn pass_on(
    pipe: &OwnedFd,
    buffer: &mut Vec<u8>,
    on_output: &mut dyn FnMut(&[u8]),
) -> Result<Passed, Error> {
    buffer.clear();
    match rustix::io::retry_on_intr(|| rustix::io::read(pipe, spare_capacity(buffer))) {
        Ok(0) => Ok(Passed::NothingEver),
        Ok(_) => {
            on_output(buffer);
            Ok(Passed::Some)
        }
        Err(Errno::AGAIN) => Ok(Passed::NothingNow),
        Err(error) => Err(Error::system(Operation::Read, "output")(error)),
    }
}

struct Ready {
    ended: bool,
    output: bool,
}

/// How far cancelling has gone.
enum Stop {
    No {
        /// When the command has taken too long.
        deadline: Option<Instant>,
    },
    /// Asked to end; killed at this time.
    Asked(Instant),
    Killed,
}

impl Stop {
    fn new(timeout: Option<Duration>) -> Self {
        // One that cannot be told is none.
        Self::No { deadline: timeout.and_then(|timeout| Instant::now().checked_add(timeout)) }
    }

    fn advance(&mut self, sandbox: &Sandbox, cancel: &Cancel) -> Result<(), Error> {
        match self {
            Self::No { .. } if cancel.is_cancelled() && !cancel.grace().is_zero() => {
                sandbox.kill(libc::SIGTERM)?;
                *self = Self::Asked(Instant::now() + cancel.grace());
            }
            Self::No { .. } if cancel.is_cancelled() => {
                sandbox.kill(libc::SIGKILL)?;
                *self = Self::Killed;
            }
            Self::No { deadline: Some(deadline) } if *deadline <= Instant::now() => {
                sandbox.kill(libc::SIGKILL)?;
                let limit = sandbox.timeout.unwrap_or_default();
                sandbox.end().exceeded.push(Exceeded::Time { limit });
                *self = Self::Killed;
            }
            Self::Asked(deadline) if *deadline <= Instant::now() => {
                sandbox.kill(libc::SIGKILL)?;
                *self = Self::Killed;
            }
            Self::No { .. } | Self::Asked(_) | Self::Killed => {}
        }
        Ok(())
    }

    /// Takes what was written off the room for it. Without any left the command is killed.
    fn count(
        &mut self,
        sandbox: &Sandbox,
        room: &mut Option<u64>,
        written: usize,
    ) -> Result<(), Error> {
        let (Some(left), Some(limit)) = (room.as_mut(), sandbox.max_output) else { return Ok(()) };
        match left.checked_sub(written as u64) {
            Some(rest) => *left = rest,
            None => {
                *room = None;
                sandbox.kill(libc::SIGKILL)?;
                sandbox.end().exceeded.push(Exceeded::Output { limit });
                *self = Self::Killed;
            }
        }
        Ok(())
    }

    fn timeout(&self) -> Option<Timespec> {
        match self {
            Self::No { deadline: None } | Self::Killed => None,
            Self::No { deadline: Some(deadline) } | Self::Asked(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                Timespec::try_from(left).ok()
            }
        }
    }
}

/// Reading end, writing end.
pub(crate) fn pipe() -> Result<(OwnedFd, OwnedFd), Error> {
    rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(Error::system(Operation::Create, "pipe"))
}

pub(crate) fn null(flags: OFlags) -> Result<OwnedFd, Error> {
    rustix::fs::open("/dev/null", flags | OFlags::CLOEXEC, Mode::empty())
        .map_err(Error::system(Operation::Open, "/dev/null"))
}

fn status_of(ended: &WaitIdStatus) -> Status {
    match (ended.exit_status(), ended.terminating_signal()) {
        (Some(code), _) => Status::Exited((code & 0xff) as u8),
        (None, signal) => Status::Signaled(signal.unwrap_or(libc::SIGKILL)),
    }
}
