//! What connects a command to the user: pipes or a terminal, and the loops that pass bytes on.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;

use lapstrake_executor::{Sandbox, Stdio};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use crate::failure::Failure;
use crate::output;
use crate::terminal::{self, RawMode};

const BUFFER: usize = 64 * 1024;

/// The ends of a command's input and output that are ours.
pub(crate) struct Attached {
    /// Passes standard input on; not waited for, it may wait for the user for ever.
    input: Option<OwnedFd>,
    outputs: Vec<JoinHandle<()>>,
}

/// Pipes for a command without a terminal. Never the user's own descriptors: a command must not
/// get hold of the terminal that `lap` runs in. What comes out is passed on from now on, so that the
/// threads that do it begin while the sandbox is made.
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
    let outputs = [(stdout_end, false), (stderr_end, true)]
        .map(|(from, to_stderr)| std::thread::spawn(move || pass_out(&from, to_stderr)));
    let attached = Attached { input, outputs: outputs.into() };
    Ok((Stdio::Given { stdin, stdout, stderr }, attached))
}

fn null() -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    Ok(rustix::fs::open("/dev/null", flags, Mode::empty())?)
}

/// A command's connections while it runs.
pub(crate) struct Running {
    outputs: Vec<JoinHandle<()>>,
    terminal: Option<Arc<OwnedFd>>,
    raw: Option<RawMode>,
}

impl Attached {
    /// Begins to pass standard input on.
    pub(crate) fn start(self) -> Running {
        if let Some(input) = self.input {
            std::thread::spawn(move || pass_in(&File::from(input)));
        }
        Running { outputs: self.outputs, terminal: None, raw: None }
    }
}

/// Begins to pass bytes on through the sandbox's terminal.
pub(crate) fn start_terminal(sandbox: &Sandbox, interactive: bool) -> Result<Running, Failure> {
    let cannot = |error: io::Error| Failure::new("cannot use the terminal").because(&error);
    let terminal = sandbox.terminal().ok_or_else(|| Failure::new("there is no terminal"))?;
    let terminal = Arc::new(terminal.try_clone_to_owned().map_err(cannot)?);
    terminal::copy_size(&terminal);
    let raw = if interactive { RawMode::enter() } else { None };
    if interactive {
        let to = File::from(terminal.try_clone().map_err(cannot)?);
        std::thread::spawn(move || pass_in(&to));
    }
    let from = terminal.try_clone().map_err(cannot)?;
    let output = std::thread::spawn(move || pass_out(&from, false));
    Ok(Running { outputs: vec![output], terminal: Some(terminal), raw })
}

impl Running {
    /// What to do when the user's terminal changes its size.
    pub(crate) fn resize(&self) -> impl Fn() + Send + 'static {
        let terminal = self.terminal.clone();
        move || {
            if let Some(terminal) = &terminal {
                terminal::copy_size(terminal);
            }
        }
    }

    /// Waits for the last output of a command that has ended.
    pub(crate) fn finish(self) {
        for output in self.outputs {
            // It only passes bytes on; when it panicked, the rest of them is lost.
            drop(output.join());
        }
        drop(self.raw);
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

/// The command's output to the user, until either ends. When the user's end is closed, so is the
/// command's: it learns of it as it would without us.
fn pass_out(from: &OwnedFd, to_stderr: bool) {
    // Never filled in vain: most commands write little.
    let mut buffer = Vec::with_capacity(BUFFER);
    loop {
        buffer.clear();
        match rustix::io::read(from, rustix::buffer::spare_capacity(&mut buffer)) {
            Ok(0) => return,
            Ok(_) => {
                if output::pass_on(to_stderr, &buffer).is_err() {
                    return;
                }
            }
            Err(Errno::INTR) => {}
            // A terminal says EIO when nobody is left on its other side.
            Err(_) => return,
        }
    }
}
