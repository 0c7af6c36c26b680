//! Connecting a network when its command first makes a socket.
//!
//! To connect a network takes the kernel and the program that does it far longer than a sandbox takes to start,
//! and most commands use none. A filter of the sandbox has every socket that may lead out of the machine wait
//! (`crate::seccomp::sockets_filter`); the first one has the network connected. Local sockets do not wait. What
//! looks for interfaces without any socket, in `/sys` or `/proc/net`, sees none but the loopback interface
//! until then.

use std::fs;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags};
use rustix::process::Signal;

use super::connection::Connection;
use super::proof;
use crate::error::{Error, Operation};
use crate::seccomp::sockets_filter;
use crate::sys;

/// What the kernel can do with calls that a filter is asked about.
const ACTIONS: &str = "/proc/sys/kernel/seccomp/actions_avail";

/// Enough for what connects a namespace.
const STACK_SIZE: usize = 512 << 10;

/// A thread that waits for the sockets of one sandbox, until that ends.
#[derive(Debug)]
pub(super) struct Demand {
    thread: JoinHandle<()>,
    /// Why the network could not be connected.
    failure: Arc<OnceLock<Error>>,
}

/// Whether sandboxes can be made to wait: of the filters of a process, with those of the processes around it,
/// one can have a listener.
pub(super) fn is_possible() -> bool {
    static POSSIBLE: OnceLock<bool> = OnceLock::new();
    *POSSIBLE.get_or_init(|| {
        let has = |path, word: &str| {
            fs::read_to_string(path)
                .is_ok_and(|text| text.split_whitespace().any(|one| one == word))
        };
        let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
        let is_free = status.lines().any(|line| line.split_whitespace().eq(["Seccomp:", "0"]));
        has(ACTIONS, "user_notif") && (is_free || is_listener_free())
    })
}

/// Tries it in a thread of its own, as a filter stays.
fn is_listener_free() -> bool {
    let try_it = || {
        rustix::thread::set_no_new_privs(true).is_ok()
            && sys::load_filter_with_listener(&sockets_filter()).is_ok()
    };
    std::thread::spawn(try_it).join().unwrap_or(false)
}

impl Demand {
    /// Answers what `listener` tells until the sandbox whose process 1 `pidfd` is has ended. When `connection`
    /// cannot be connected, the sandbox is killed.
    pub(super) fn serve(
        connection: Arc<Connection>,
        listener: OwnedFd,
        pidfd: OwnedFd,
    ) -> Result<Self, Error> {
        let failure = Arc::new(OnceLock::new());
        let said = Arc::clone(&failure);
        let serve = move || {
            while wait(&listener, &pidfd) {
                let Ok(call) = sys::take_waiting_call(listener.as_fd()) else { continue };
                if let Err(error) = connection.connect() {
                    proof::forget();
                    // The first one counts.
                    let _ = said.set(error);
                    // It may have ended.
                    let _ = rustix::process::pidfd_send_signal(&pidfd, Signal::KILL);
                    return;
                }
                // Whoever waited may have ended.
                let _ = sys::let_waiting_call_go_on(listener.as_fd(), call);
            }
        };
        let thread = std::thread::Builder::new().stack_size(STACK_SIZE).spawn(serve);
        let thread =
            thread.map_err(Error::system(Operation::Create, "a thread for the network"))?;
        Ok(Self { thread, failure })
    }

    /// Waits for its end, which is that of the sandbox.
    pub(super) fn end(self) -> Option<Error> {
        // Nobody is left to tell.
        let _ = self.thread.join();
        self.failure.get().cloned()
    }
}

/// Waits for a call; false when the sandbox has ended.
fn wait(listener: &OwnedFd, pidfd: &OwnedFd) -> bool {
    let mut ends = [PollFd::new(pidfd, PollFlags::IN), PollFd::new(listener, PollFlags::IN)];
    let polled = rustix::io::retry_on_intr(|| rustix::event::poll(&mut ends, None));
    let [pidfd, listener] = ends;
    polled.is_ok() && pidfd.revents().is_empty() && listener.revents().contains(PollFlags::IN)
}
