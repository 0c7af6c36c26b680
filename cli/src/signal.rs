//! Signals that the user or the system sends to `lap`.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use lapstrake_executor::{Cancel, Sandbox, Status};
use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;
pub(crate) use signal_hook::consts::{SIGHUP, SIGPIPE};
use signal_hook::consts::{SIGINT, SIGKILL, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

/// Those that ask for an end.
const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];
/// How often a command that does not end may be asked to before it is killed, as with Docker.
const PATIENCE: u32 = 3;
/// How long a build may take to end after it was asked to.
const GRACE: Duration = Duration::from_millis(1500);
/// How long a command may whose terminal has gone.
const GRACE_OF_COMMANDS: Duration = Duration::from_secs(5);

/// Whether [`Forwarding`] has begun.
static FORWARDS: AtomicBool = AtomicBool::new(false);
/// Whether a signal is ending this process.
static ENDS: AtomicBool = AtomicBool::new(false);

/// Signals are watched until this is dropped.
pub(crate) struct Watch {
    handle: Handle,
    first: Arc<AtomicI32>,
}

impl Watch {
    /// What the process exits with after the signal that came, if one came.
    pub(crate) fn exit(&self) -> Option<Exit> {
        match self.first.load(Ordering::Acquire) {
            0 => None,
            number => Some(Exit::signal(number)),
        }
    }

    fn start(
        numbers: &[i32],
        mut on_signal: impl FnMut(i32) + Send + 'static,
    ) -> Result<Self, Failure> {
        let mut signals = Signals::new(Ignored::signals().without(numbers))
            .map_err(|error| Failure::new("cannot watch for signals").because(&error))?;
        let handle = signals.handle();
        let first = Arc::new(AtomicI32::new(0));
        let seen = Arc::clone(&first);
        std::thread::spawn(move || {
            for number in &mut signals {
                if ENDING.contains(&number) {
                    // Only the first one counts: it is why everything ends.
                    let _ = seen.compare_exchange(0, number, Ordering::AcqRel, Ordering::Acquire);
                }
                on_signal(number);
            }
        });
        Ok(Self { handle, first })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.handle.close();
    }
}

/// Cancels at the first signal that asks for an end. The second one ends the process at once, and so
/// does a time of grace, for what cannot be cancelled (a registry that does not answer). Its
/// sandboxes die with it, and nothing of it stays in the store.
pub(crate) fn cancel_on_signal(cancel: Cancel) -> Result<Watch, Failure> {
    let mut signals = 0;
    Watch::start(&ENDING, move |number| {
        signals += 1;
        if signals > 1 {
            force(number);
        }
        cancel.cancel();
        std::thread::spawn(move || {
            std::thread::sleep(GRACE);
            force(number);
        });
    })
}

/// From now on a signal that asks for an end leaves nothing of this process in a store, and then ends it as ever. When
/// [`Forwarding`] begins, that has them.
pub(crate) fn leave_nothing() -> Result<(), Failure> {
    let watch = Watch::start(&ENDING, |number| {
        if !FORWARDS.load(Ordering::Acquire) {
            leave();
            // It does not return for these.
            drop(emulate_default_handler(number));
        }
    });
    // It is never over.
    watch.map(std::mem::forget)
}

/// Takes away what the command works in, so what it says from now on is to be heard by nobody.
fn leave() {
    ENDS.store(true, Ordering::Release);
    lapstrake_cache::remove_passing();
}

/// The command is over. Where a signal ends this process, it does so with its own code.
pub(crate) fn heed_end() {
    while ENDS.load(Ordering::Acquire) {
        std::thread::park();
    }
}

fn force(number: i32) -> ! {
    leave();
    output::stderr(&Failure::new("cancelled").text());
    std::process::exit(Exit::signal(number).code());
}

/// Signals that are passed on to a command. From its beginning on they end this process no more: those that come
/// before there is a command wait for it, so that one which has begun is never left alone.
pub(crate) struct Forwarding {
    signals: SignalDelivery<UnixStream, SignalOnly>,
    /// How often the command was asked to end.
    asked: u32,
    had_terminal: bool,
}

impl Forwarding {
    pub(crate) fn begin(ignored: &Ignored) -> Result<Self, Failure> {
        let numbers = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH];
        let cannot = |error| Failure::new("cannot watch for signals").because(&error);
        let (read, write) = UnixStream::pair().map_err(cannot)?;
        let watched = ignored.without(&numbers);
        let signals = SignalDelivery::with_pipe(read, write, SignalOnly, watched);
        let had_terminal = has_terminal();
        FORWARDS.store(true, Ordering::Release);
        Ok(Self { signals: signals.map_err(cannot)?, asked: 0, had_terminal })
    }

    /// Passes on what has come; a change of the terminal's size to `resize`.
    pub(crate) fn pass_on(&mut self, command: BorrowedFd<'_>, resize: &dyn Fn()) {
        for number in self.signals.pending() {
            if number == SIGWINCH {
                resize();
                continue;
            }
            if number == SIGHUP && self.had_terminal && !has_terminal() {
                kill_after_grace(command);
            }
            self.asked += u32::from(number == SIGINT || number == SIGTERM);
            let number = if self.asked >= PATIENCE { SIGKILL } else { number };
            if let Some(signal) = Signal::from_named_raw(number) {
                // When it has ended there is nobody to tell.
                let _ = rustix::process::pidfd_send_signal(command, signal);
            }
        }
    }
}

impl AsFd for Forwarding {
    /// Readable when something has come.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signals.get_read().as_fd()
    }
}

/// Whether this process has a controlling terminal that is still there.
fn has_terminal() -> bool {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open("/dev/tty", flags, Mode::empty()).is_ok()
}

/// A command whose terminal has gone is nobody's any more: without a daemon it could not be found again.
/// Process 1 of a sandbox does not end by SIGHUP unless it has a handler for it.
fn kill_after_grace(command: BorrowedFd<'_>) {
    let Ok(command) = command.try_clone_to_owned() else { return };
    std::thread::spawn(move || {
        std::thread::sleep(GRACE_OF_COMMANDS);
        // When it has ended there is nobody to tell.
        let _ = rustix::process::pidfd_send_signal(&command, Signal::KILL);
    });
}

/// The command of a sandbox, for signals that it would get outside of one.
pub(crate) struct Command {
    pidfd: OwnedFd,
    pid: i32,
    /// The signal that it was killed in the place of.
    ended_by: AtomicI32,
}

impl Command {
    pub(crate) fn of(sandbox: &Sandbox) -> Result<Self, Failure> {
        let pidfd = sandbox.pidfd().try_clone_to_owned();
        let pidfd = pidfd.map_err(|error| Failure::new("cannot watch the command").because(&error));
        Ok(Self { pidfd: pidfd?, pid: sandbox.pid(), ended_by: AtomicI32::new(0) })
    }

    /// Ends it as SIGPIPE or SIGHUP would outside of a sandbox, in which process 1 gets no signal that it has no
    /// handler for. It has written what nobody takes, or has no terminal any more.
    pub(crate) fn end_by(&self, number: i32) {
        let process = self.pid.to_string();
        let has = |field| contains(mask(&process, field), number);
        let has_own = has("SigIgn") || has("SigCgt");
        match (number, has_own) {
            // It is told by what its next write says.
            (SIGPIPE, true) => return,
            (_, true) => self.send(number),
            // Another process may be who wrote: it has no such protection, and process 1 may have more to do.
            (SIGPIPE, false) if !is_alone(&process) => {
                self.ended_by.store(number, Ordering::Release)
            }
            (_, false) => {
                self.ended_by.store(number, Ordering::Release);
                self.send(SIGKILL);
            }
        }
        kill_after_grace(self.pidfd.as_fd());
    }

    fn send(&self, number: i32) {
        if let Some(signal) = Signal::from_named_raw(number) {
            // When it has ended there is nobody to tell.
            let _ = rustix::process::pidfd_send_signal(&self.pidfd, signal);
        }
    }

    /// How it ended, with the signal that it was killed in the place of.
    pub(crate) fn meant(&self, status: Status) -> Status {
        match (status, self.ended_by.load(Ordering::Acquire)) {
            (Status::Signaled(SIGKILL), number @ 1..) => Status::Signaled(number),
            (status, _) => status,
        }
    }
}

/// Tells when the user's terminal changes its size.
pub(crate) fn on_resize(resize: impl Fn() + Send + 'static) -> Result<Watch, Failure> {
    Watch::start(&[SIGWINCH], move |_| resize())
}

/// Signals that are to be ignored because whoever started this process says so: `nohup`, `&`.
pub(crate) struct Ignored {
    /// Bit n is signal n + 1.
    mask: u64,
}

impl Ignored {
    /// Those of this process now.
    pub(crate) fn signals() -> Self {
        Self { mask: mask("self", "SigIgn") }
    }

    /// Those of `numbers` that are not ignored.
    fn without(&self, numbers: &[i32]) -> Vec<i32> {
        numbers.iter().copied().filter(|number| !contains(self.mask, *number)).collect()
    }
}

/// Signals of a process as the kernel tells them, bit n for signal n + 1; none when it has ended.
fn mask(process: &str, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Whether a process has no child; those of process 1 are all others of its sandbox.
fn is_alone(process: &str) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task"));
    let children = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("children"));
    threads.is_ok_and(|mut threads| {
        threads.all(|thread| thread.and_then(children).is_ok_and(|children| children.is_empty()))
    })
}

fn contains(mask: u64, number: i32) -> bool {
    mask & (1 << (number - 1)) != 0
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::process::{Pid, PidfdFlags, kill_process, pidfd_open};

    use super::*;

    #[test]
    fn what_comes_before_the_command_waits_for_it() {
        let mut forwarding = Forwarding::begin(&Ignored::signals()).unwrap();
        kill_process(rustix::process::getpid(), Signal::USR1).unwrap();
        let mut command = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::from_raw(command.id().try_into().unwrap()).unwrap();
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).unwrap();
        let mut polled = [PollFd::new(&forwarding, PollFlags::IN)];
        assert_eq!(poll(&mut polled, None).unwrap(), 1);
        forwarding.pass_on(pidfd.as_fd(), &|| {});
        assert_eq!(command.wait().unwrap().signal(), Some(SIGUSR1));
    }
}
