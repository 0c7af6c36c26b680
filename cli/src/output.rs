//! The only module that prints.
//!
//! A reader that has gone away (`lap images | head -1`) is no failure: what it does not want is
//! dropped.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::failure::Failure;
use crate::text::harmless;

/// One of the two ways to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stdout => "standard output",
            Self::Stderr => "standard error",
        })
    }
}

/// Writes to standard output, without colours unless it is a terminal.
pub(crate) fn stdout(text: &str) -> Result<(), Failure> {
    // Most texts for programs have no colours that would have to be taken out.
    let written = match text.contains('\u{1b}') {
        true => write(&mut anstream::stdout().lock(), text),
        false => write(&mut io::stdout().lock(), text),
    };
    quiet_when_closed(written).map_err(|error| cannot_write(&error))
}

/// Writes what came from elsewhere to standard output: to a program as it is, to a terminal so that it is
/// [`harmless`].
pub(crate) fn foreign(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let shown = if stdout.is_terminal() { Cow::Owned(harmless(text)) } else { Cow::Borrowed(text) };
    let written = stdout.write_all(shown.as_bytes()).and_then(|()| stdout.flush());
    quiet_when_closed(written).map_err(|error| cannot_write(&error))
}

/// As [`foreign`], for bytes that may be cut anywhere.
pub(crate) fn foreign_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = match stdout.is_terminal() {
        true => stdout.write_all(harmless(&String::from_utf8_lossy(bytes)).as_bytes()),
        false => stdout.write_all(bytes),
    };
    let written = written.and_then(|()| stdout.flush());
    written.map_err(|error| Failure::of_writing(&error))
}

/// Writes to standard error, without colours unless it is a terminal. Nobody is left to be told
/// when that fails.
pub(crate) fn stderr(text: &str) {
    drop(anstream::stderr().lock().write_all(text.as_bytes()));
}

/// Writes to a terminal on standard error as it is, cursor movements included.
pub(crate) fn paint(frame: &str) {
    drop(io::stderr().lock().write_all(frame.as_bytes()));
}

/// Standard output for bytes that are no text: archives.
pub(crate) fn raw_stdout() -> impl Write {
    io::stdout().lock()
}

/// Passes on what a command wrote, at once: all of it, or an error.
pub(crate) fn pass_on(stream: Stream, bytes: &[u8]) -> io::Result<()> {
    // Nothing else is written in between.
    match stream {
        Stream::Stdout => write_all(io::stdout().lock().as_fd(), bytes),
        Stream::Stderr => write_all(io::stderr().lock().as_fd(), bytes),
    }
}

/// Whoever shares the stream may have said that nobody waits on it (`O_NONBLOCK`): this waits all the same.
fn write_all(to: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(to, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                match poll(&mut [PollFd::from_borrowed_fd(to, PollFlags::OUT)], None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Whether standard output is a terminal.
pub(crate) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether standard error is a terminal.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Whether standard error takes colours: a terminal that can, and nobody said `NO_COLOR`.
pub(crate) fn stderr_takes_colour() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// Height and width of the terminal on standard error.
pub(crate) fn stderr_size() -> (usize, usize) {
    let (height, width) = console::Term::stderr().size_checked().unwrap_or((24, 80));
    (usize::from(height), usize::from(width))
}

/// Whether standard output takes colours.
pub(crate) fn stdout_takes_colour() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// Height and width of the terminal on standard output.
pub(crate) fn stdout_size() -> (usize, usize) {
    let (height, width) = console::Term::stdout().size_checked().unwrap_or((24, 80));
    (usize::from(height), usize::from(width))
}

fn write(to: &mut dyn Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}

fn quiet_when_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn cannot_write(error: &io::Error) -> Failure {
    Failure::new("cannot write to standard output").because(error)
}
