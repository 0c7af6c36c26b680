//! What connects a command to the user: pipes or a terminal, and the loops that pass bytes on.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread::JoinHandle;

use lapstrake_executor::{Sandbox, Status, Stdio};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use crate::failure::Failure;
use crate::output::{self, Stream};
use crate::signal::{Command, Forwarding, SIGHUP, SIGPIPE};
use crate::terminal::{self, RawMode};

const BUFFER: usize = 64 * 1024;

/// The ends of a command's input and output that are ours.
pub(crate) struct Attached {
    input: Option<OwnedFd>,
    outputs: Vec<Output>,
}

/// Pipes for a command without a terminal. Never the user's own descriptors: a command must not
/// get hold of the terminal that `lap` runs in.
pub(crate) fn pipes(interactive: bool) -> Result<(Stdio, Attached), Failure> {
    let cannot = |error: io::Error| Failure::new("cannot make pipes").because(&error);
    let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(io::Error::from).map_err(cannot);
    let (stdout_end, stdout) = pipe()?;
    let (stderr_end, stderr) = pipe()?;
    let (stdin, input) = match interactive {
        true => {
            let (stdin, end) = pipe()?;
            (stdin, Some(end))
        }
        false => (null().map_err(cannot)?, None),
    };
    let outputs =
        vec![Output::new(stdout_end, Stream::Stdout), Output::new(stderr_end, Stream::Stderr)];
    Ok((Stdio::Given { stdin, stdout, stderr }, Attached { input, outputs }))
}

fn null() -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    Ok(rustix::fs::open("/dev/null", flags, Mode::empty())?)
}

/// A command's connections while it runs.
pub(crate) struct Running {
    outputs: Vec<Output>,
    terminal: Option<Arc<OwnedFd>>,
    raw: Option<RawMode>,
    command: Arc<Command>,
}

impl Attached {
    /// Begins to pass standard input on. That is not waited for: it may wait for the user for ever.
    pub(crate) fn start(self, sandbox: &Sandbox) -> Result<Running, Failure> {
        let command = Arc::new(Command::of(sandbox)?);
        if let Some(input) = self.input {
            std::thread::spawn(move || pass_in(&File::from(input)));
        }
        Ok(Running { outputs: self.outputs, terminal: None, raw: None, command })
    }
}

/// Begins to pass bytes on through the sandbox's terminal, what it shows to `to`.
pub(crate) fn start_terminal(
    sandbox: &Sandbox,
    interactive: bool,
    to: Stream,
) -> Result<Running, Failure> {
    let cannot = |error: io::Error| Failure::new("cannot use the terminal").because(&error);
    let terminal = sandbox.terminal().ok_or_else(|| Failure::new("there is no terminal"))?;
    let terminal = Arc::new(terminal.try_clone_to_owned().map_err(cannot)?);
    terminal::copy_size(&terminal);
    let output = Output::new(terminal.try_clone().map_err(cannot)?, to);
    let command = Arc::new(Command::of(sandbox)?);
    let raw = if interactive { RawMode::enter() } else { None };
    if interactive {
        let to = File::from(terminal.try_clone().map_err(cannot)?);
        std::thread::spawn(move || pass_in(&to));
    }
    Ok(Running { outputs: vec![output], terminal: Some(terminal), raw, command })
}

impl Running {
    /// Passes on what the command writes, and to it the signals that come, until it has ended.
    ///
    /// A thread for what it writes begins with the first byte: that takes longer than many a command which
    /// has nothing to say.
    pub(crate) fn attend(
        &mut self,
        pidfd: BorrowedFd<'_>,
        signals: &mut Forwarding,
    ) -> Result<(), Failure> {
        let resize = self.resizing();
        loop {
            let ends = [pidfd, signals.as_fd()].into_iter();
            let ends = ends.chain(self.outputs.iter().filter_map(Output::silent));
            let mut polled: Vec<_> =
                ends.map(|end| PollFd::from_borrowed_fd(end, PollFlags::IN)).collect();
            match rustix::event::poll(&mut polled, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => {
                    return Err(Failure::new("cannot watch the command").because(&error));
                }
            }
            let seen: Vec<_> = polled.iter().map(PollFd::revents).collect();
            let [ended, signalled, outputs @ ..] = seen.as_slice() else { continue };
            let (command, number) = (&self.command, self.hangup());
            let silent = self.outputs.iter_mut().filter(|output| output.silent().is_some());
            silent.zip(outputs).for_each(|(output, seen)| output.advance(*seen, (command, number)));
            if !signalled.is_empty() {
                signals.pass_on(pidfd, &resize);
            }
            if !ended.is_empty() {
                return Ok(());
            }
        }
    }

    /// Passes on what the command writes beside what the caller does.
    pub(crate) fn begin(&mut self) {
        let (command, number) = (&self.command, self.hangup());
        self.outputs.iter_mut().for_each(|output| output.begin((command, number)));
    }

    /// The signal that a command gets which writes what nobody takes.
    fn hangup(&self) -> i32 {
        if self.terminal.is_some() { SIGHUP } else { SIGPIPE }
    }

    /// How the command ended, with the signal that it was killed in the place of.
    pub(crate) fn meant(&self, status: Status) -> Status {
        self.command.meant(status)
    }

    /// What to do when the user's terminal changes its size.
    pub(crate) fn resizing(&self) -> impl Fn() + Send + 'static {
        let terminal = self.terminal.clone();
        move || {
            if let Some(terminal) = &terminal {
                terminal::copy_size(terminal);
            }
        }
    }

    /// Waits for the last output of a command that has ended. An error when the user did not get all that it
    /// wrote, unless whoever read it had enough.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.begin();
        let mut lost = None;
        for output in self.outputs {
            if let Output::Passing(stream, thread) = output {
                let cannot =
                    || Failure::new(format!("cannot write the command's output to {stream}"));
                match thread.join() {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => _ = lost.get_or_insert(cannot().because_outside(&error)),
                    Err(_) => _ = lost.get_or_insert(cannot()),
                }
            }
        }
        drop(self.raw);
        lost.map_or(Ok(()), Err)
    }
}

/// One of the ways from the command to the user.
enum Output {
    Silent {
        from: OwnedFd,
        to: Stream,
    },
    /// A thread passes on what comes.
    Passing(Stream, JoinHandle<io::Result<()>>),
    Ended,
}

impl Output {
    fn new(from: OwnedFd, to: Stream) -> Self {
        Self::Silent { from, to }
    }

    fn silent(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Silent { from, .. } => Some(from.as_fd()),
            Self::Passing(..) | Self::Ended => None,
        }
    }

    /// What to do when this is seen of one that is silent.
    fn advance(&mut self, seen: PollFlags, hangup: (&Arc<Command>, i32)) {
        if seen.contains(PollFlags::IN) {
            self.begin(hangup);
        } else if !seen.is_empty() {
            *self = Self::Ended;
        }
    }

    fn begin(&mut self, (command, number): (&Arc<Command>, i32)) {
        *self = match std::mem::replace(self, Self::Ended) {
            Self::Silent { from, to } => {
                let command = Arc::clone(command);
                let pass_out = move || pass_out(from, to, &|| command.end_by(number));
                Self::Passing(to, std::thread::spawn(pass_out))
            }
            begun => begun,
        };
    }
}

/// Standard input to the command, until either ends.
fn pass_in(mut to: &File) {
    let mut buffer = vec![0; BUFFER];
    let mut stdin = io::stdin().lock();
    loop {
        let read = match stdin.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        if to.write_all(buffer.get(..read).unwrap_or_default()).is_err() {
            return;
        }
    }
}

/// The command's output to the user, until either ends. When the user's end takes no more, the command is
/// told by `hang_up`, and its end is closed: it learns of it as it would without us.
fn pass_out(from: OwnedFd, to: Stream, hang_up: &dyn Fn()) -> io::Result<()> {
    let passed = pass_all(&from, to);
    if passed.is_err() {
        hang_up();
    }
    drop(from);
    match passed {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        passed => passed,
    }
}

/// Until the command's end ends, or an error of the user's.
fn pass_all(from: &OwnedFd, to: Stream) -> io::Result<()> {
    // Never filled in vain: most commands write little.
    let mut buffer = Vec::with_capacity(BUFFER);
    loop {
        buffer.clear();
        match rustix::io::read(from, rustix::buffer::spare_capacity(&mut buffer)) {
            Ok(0) => return Ok(()),
            Ok(_) => output::pass_on(to, &buffer)?,
            Err(Errno::INTR) => {}
            // A terminal says EIO when nobody is left on its other side.
            Err(_) => return Ok(()),
        }
    }
}
