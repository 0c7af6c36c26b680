//! One connected network namespace.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Signal, WaitId, WaitIdOptions};

use super::{Connector, ConnectorKind};
use crate::error::{Error, Operation};
use crate::guard;
use crate::sandbox::{null, pipe, spawn_stage};
use crate::stage_file::sealed;
use crate::sys::Child;
use crate::wire::{self, CONNECTOR_NAME, descriptor};

/// How long the program may take; far more than it does on a busy machine.
const PATIENCE: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };

/// What is shown of what the program says when it fails.
const MAX_REASON: usize = 1 << 10;

const TUN: &str = "/dev/net/tun";

/// A network namespace and the program that connects it. Dropping it ends the program, and with it the
/// namespace when nobody is in it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) connector: Connector,
    pub(super) namespace: OwnedFd,
    program: Child,
    /// What the program says beyond it, when the pipe is full, is lost: it is not to wait for us.
    log: OwnedFd,
}

impl Connection {
    /// Returns once the namespace can be used.
    pub(super) fn new(connector: &Connector) -> Result<Self, Error> {
        // The program would say the same in its own way, later.
        rustix::fs::open(TUN, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
            .map_err(Error::system(Operation::Open, TUN))?;
        let namespace = new_namespace()?;
        let (log, log_end) = pipe()?;
        for end in [&log, &log_end] {
            rustix::io::ioctl_fionbio(end, true)
                .map_err(Error::system(Operation::Configure, "a pipe"))?;
        }
        let (ready, ready_end) = pipe()?;
        let (leave_end, leave) = pipe()?;
        let order = sealed("lap-connect", &wire::encode_command(&connector.command())?)?;
        let null = null(OFlags::RDWR)?;
        let output = match connector.kind {
            ConnectorKind::Pasta => &ready_end,
            // It chats before it is ready.
            ConnectorKind::Slirp4netns => &null,
        };
        let program = spawn_stage(
            CONNECTOR_NAME,
            0,
            &[
                (&namespace, 0),
                (output, 1),
                (&log_end, 2),
                (&order, descriptor::ORDER),
                (&ready_end, descriptor::REPORT),
                (&leave_end, descriptor::LEAVE),
            ],
        )?;
        drop((ready_end, log_end));
        let connection = Self { connector: connector.clone(), namespace, program, log };
        guard::watch(connection.program.pidfd.as_fd())?;
        rustix::io::write(&leave, b"l").map_err(Error::system(Operation::Send, "leave"))?;
        drop((leave, leave_end));
        match is_ready(&ready)? {
            true => Ok(connection),
            false => Err(connection.failure()),
        }
    }

    /// Whether the program still runs.
    pub(super) fn is_alive(&self) -> bool {
        let mut ended = [PollFd::new(&self.program.pidfd, PollFlags::IN)];
        matches!(rustix::event::poll(&mut ended, Some(&Timespec::default())), Ok(0))
    }

    /// Asks the program to end; dropping waits for that.
    pub(super) fn kill(&self) {
        // It may have ended.
        let _ = rustix::process::pidfd_send_signal(&self.program.pidfd, Signal::KILL);
    }

    fn wait(&self, options: WaitIdOptions) {
        let wait = || {
            let id = WaitId::PidFd(self.program.pidfd.as_fd());
            rustix::process::waitid(id, WaitIdOptions::EXITED | options)
        };
        // Nobody is left to tell.
        let _ = rustix::io::retry_on_intr(wait);
    }

    /// What the program said about it; its last line, as it may chat before.
    fn failure(self) -> Error {
        // It has closed its side of the pipe for the report, which its end does.
        self.wait(WaitIdOptions::NOWAIT);
        let mut said = Vec::new();
        if let Ok(log) = self.log.try_clone() {
            // A pipe that does not wait: what is there is all.
            let _ = File::from(log).take(64 << 10).read_to_end(&mut said);
        }
        let said = String::from_utf8_lossy(&said);
        let mut lines = said.lines().map(str::trim).filter(|line| {
            // Where no system logger runs, pasta tells that of every line.
            !line.is_empty() && !line.starts_with("Failed to send")
        });
        let reason = lines.next_back().unwrap_or("it ended without a word");
        Error::NotConnected {
            program: self.connector.program.display().to_string(),
            reason: reason.chars().take(MAX_REASON).collect(),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.kill();
        self.wait(WaitIdOptions::empty());
    }
}

/// Waits for the first byte, or the end of the program.
fn is_ready(ready: &OwnedFd) -> Result<bool, Error> {
    let fail = || Error::system(Operation::Receive, "a connection's report");
    let wait = || rustix::event::poll(&mut [PollFd::new(ready, PollFlags::IN)], Some(&PATIENCE));
    if rustix::io::retry_on_intr(wait).map_err(fail())? == 0 {
        return Err(fail()(Errno::TIMEDOUT));
    }
    let mut byte = [0; 1];
    let read = rustix::io::retry_on_intr(|| rustix::io::read(ready, &mut byte)).map_err(fail())?;
    Ok(read > 0)
}

/// A namespace without anybody in it. A thread of its own makes it, as who makes one is in it.
fn new_namespace() -> Result<OwnedFd, Error> {
    fn fail<E: Into<crate::error::Errno>>() -> impl FnOnce(E) -> Error {
        Error::system(Operation::Create, "a network namespace")
    }
    let make = || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).map_err(fail())?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        rustix::fs::open("/proc/thread-self/ns/net", flags, Mode::empty()).map_err(fail())
    };
    std::thread::scope(|scope| {
        let maker = std::thread::Builder::new().spawn_scoped(scope, make).map_err(fail())?;
        maker.join().unwrap_or_else(|_| Err(fail()(Errno::CANCELED)))
    })
}
