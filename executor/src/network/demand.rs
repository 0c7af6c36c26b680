//! Connecting a network when its command first makes a socket.
//!
//! To connect a network takes the kernel and the program that does it far longer than a sandbox takes to start,
//! and most commands use none. A filter of the sandbox has every socket that may lead out of the machine wait
//! (`crate::seccomp::sockets_filter`); the first one has the network connected. Local sockets do not wait. What it
//! differs in for a command:
//! - What looks for interfaces without any socket, in `/sys` or `/proc/net`, sees none but the loopback interface
//!   until then.
//! - A signal whose handler restarts nothing interrupts a call that makes a socket in the microseconds until it is
//!   taken here.
//! - A filter of its own with a listener is refused (EBUSY): of the filters of a process one can have that.

use std::fs;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::Signal;

use super::connection::Connection;
use crate::error::{Error, Operation};
use crate::sandbox::pipe;
use crate::seccomp::sockets_filter;
use crate::sys;

/// What the kernel can do with calls that a filter is asked about.
const ACTIONS: &str = "/proc/sys/kernel/seccomp/actions_avail";

/// Enough for what connects a namespace.
const STACK_SIZE: usize = 512 << 10;

/// A thread that waits for the sockets of one sandbox, until that ends. Its result is why the network could not
/// be connected.
#[derive(Debug)]
pub(super) struct Demand(JoinHandle<Option<Error>>);

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
    let thread = std::thread::Builder::new().spawn(try_it);
    thread.is_ok_and(|thread| thread.join().unwrap_or(false))
}

impl Demand {
    /// Answers what `listener` tells until the sandbox whose process 1 `pidfd` is has ended. When `connection`
    /// cannot be connected, the sandbox is killed.
    pub(super) fn serve(
        connection: Arc<Connection>,
        listener: OwnedFd,
        pidfd: OwnedFd,
    ) -> Result<Self, Error> {
        let mut calls = Calls { connection, listener, pidfd: Arc::new(pidfd), waiting: Vec::new() };
        spawn(move || calls.serve()).map(Self)
    }

    /// Waits for its end, which is that of the sandbox.
    pub(super) fn end(self) -> Option<Error> {
        // Nobody is left to tell.
        self.0.join().ok().flatten()
    }
}

/// The calls of a sandbox that make sockets.
struct Calls {
    connection: Arc<Connection>,
    listener: OwnedFd,
    pidfd: Arc<OwnedFd>,
    /// Those that wait. Each is taken as soon as it is told of: until then a signal interrupts it.
    waiting: Vec<u64>,
}

/// How far the connection is.
enum Progress {
    /// Nobody has asked for it.
    Unasked,
    /// The descriptor is closed when the thread that connects has its result.
    Connecting(OwnedFd, JoinHandle<Result<(), Error>>),
    Connected,
}

impl Calls {
    fn serve(&mut self) -> Option<Error> {
        let mut progress = Progress::Unasked;
        loop {
            let Ready { ended, call, result } = self.wait(&progress);
            if ended {
                return None;
            }
            if call && let Ok(call) = sys::take_waiting_call(self.listener.as_fd()) {
                self.waiting.push(call);
            }
            progress = match progress {
                Progress::Unasked if !self.waiting.is_empty() => match self.begin() {
                    Ok(connecting) => connecting,
                    Err(error) => return Some(self.give_up(error)),
                },
                Progress::Connecting(_, thread) if result => match joined(thread) {
                    Ok(()) => Progress::Connected,
                    Err(error) => return Some(self.give_up(error)),
                },
                progress => progress,
            };
            if matches!(progress, Progress::Connected) {
                for call in self.waiting.drain(..) {
                    // Whoever waited may have ended.
                    let _ = sys::let_waiting_call_go_on(self.listener.as_fd(), call);
                }
            }
        }
    }

    /// Has a thread connect the network, so that this one takes calls meanwhile. It stops when the sandbox ends.
    fn begin(&self) -> Result<Progress, Error> {
        let (done, end) = pipe()?;
        let (connection, pidfd) = (Arc::clone(&self.connection), Arc::clone(&self.pidfd));
        let connect = move || {
            let result = connection.connect(Some(pidfd.as_fd()));
            // Before the other thread goes on, which looks who else has it.
            drop((connection, end));
            result
        };
        Ok(Progress::Connecting(done, spawn(connect)?))
    }

    /// Ends the sandbox. Nobody is told that a socket failed: the listener stays until then.
    fn give_up(&self, error: Error) -> Error {
        // It may have ended.
        let _ = rustix::process::pidfd_send_signal(&self.pidfd, Signal::KILL);
        let mut ended = [PollFd::new(&*self.pidfd, PollFlags::IN)];
        let _ = rustix::io::retry_on_intr(|| rustix::event::poll(&mut ended, None));
        error
    }

    fn wait(&self, progress: &Progress) -> Ready {
        let mut ends = vec![
            PollFd::new(&*self.pidfd, PollFlags::IN),
            PollFd::new(&self.listener, PollFlags::IN),
        ];
        if let Progress::Connecting(done, _) = progress {
            ends.push(PollFd::new(done, PollFlags::IN));
        }
        let polled = rustix::io::retry_on_intr(|| rustix::event::poll(&mut ends, None));
        let events = |at: usize| ends.get(at).map_or(PollFlags::empty(), PollFd::revents);
        // Without anybody left that has the filter, the listener says no more.
        let is_over = events(1).intersects(PollFlags::HUP | PollFlags::ERR);
        Ready {
            ended: polled.is_err() || !events(0).is_empty() || is_over,
            call: events(1).contains(PollFlags::IN),
            result: !events(2).is_empty(),
        }
    }
}

/// What there is to be done.
struct Ready {
    ended: bool,
    call: bool,
    result: bool,
}

fn spawn<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, Error> {
    let thread = std::thread::Builder::new().stack_size(STACK_SIZE).spawn(work);
    thread.map_err(Error::system(Operation::Create, "a thread for the network"))
}

fn joined(thread: JoinHandle<Result<(), Error>>) -> Result<(), Error> {
    let lost = |_| Err(Error::system(Operation::Create, "a network")(Errno::CANCELED));
    thread.join().unwrap_or_else(lost)
}
