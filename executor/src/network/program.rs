//! The running program that connects a network namespace.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Signal, WaitId, WaitIdOptions};

use super::Connector;
use crate::error::Error;
use crate::sys::Child;

/// What is shown of what the program says when it fails.
const MAX_REASON: usize = 1 << 10;

/// Ends when it is dropped.
#[derive(Debug)]
pub(super) struct Program {
    connector: Connector,
    child: Child,
    /// What the program says beyond it, when the pipe is full, is lost: it is not to wait for us.
    log: OwnedFd,
}

impl Program {
    pub(super) fn new(connector: Connector, child: Child, log: OwnedFd) -> Self {
        Self { connector, child, log }
    }

    pub(super) fn id(&self) -> i32 {
        self.child.pid.as_raw_nonzero().get()
    }

    pub(super) fn pidfd(&self) -> BorrowedFd<'_> {
        self.child.pidfd.as_fd()
    }

    /// Whether it still runs.
    pub(super) fn is_alive(&self) -> bool {
        let mut ended = [PollFd::new(&self.child.pidfd, PollFlags::IN)];
        matches!(rustix::event::poll(&mut ended, Some(&Timespec::default())), Ok(0))
    }

    /// Asks it to end; dropping waits for that.
    pub(super) fn kill(&self) {
        // It may have ended.
        let _ = rustix::process::pidfd_send_signal(&self.child.pidfd, Signal::KILL);
    }

    fn wait(&self, options: WaitIdOptions) {
        let wait = || {
            let id = WaitId::PidFd(self.child.pidfd.as_fd());
            rustix::process::waitid(id, WaitIdOptions::EXITED | options)
        };
        // Nobody is left to tell.
        let _ = rustix::io::retry_on_intr(wait);
    }

    /// It says nothing, and is ended.
    pub(super) fn late(self, limit: Duration) -> Error {
        Error::NotConnected {
            program: self.connector.program.display().to_string(),
            reason: format!("it was not ready within {} s", limit.as_secs()),
        }
    }

    /// What it said about its end; its last line, as it may chat before.
    pub(super) fn failure(self) -> Error {
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

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
        self.wait(WaitIdOptions::empty());
    }
}
