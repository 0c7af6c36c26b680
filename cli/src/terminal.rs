//! The user's terminal, as far as a command in a sandbox takes it over.

use std::io::{self, IsTerminal as _, Read as _};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use lapstrake_executor::TerminalSize;
use rustix::termios::{
    LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize,
};
use signal_hook::consts::SIGINT;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

/// More than anybody types at a prompt.
const MAX_LINE: usize = 4096;
const INTERRUPT: u8 = 3;
const END: u8 = 4;

/// Whether standard input is a terminal.
pub(crate) fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// The line that the user types after a prompt.
pub(crate) fn ask(prompt: &str) -> Result<String, Failure> {
    output::paint(prompt);
    read_line().map(|line| line.trim().to_owned())
}

/// As [`ask`], but what is typed is not shown, and Ctrl-C does not leave the terminal that way.
pub(crate) fn ask_secret(prompt: &str) -> Result<String, Failure> {
    output::paint(prompt);
    let quiet = Quiet::enter();
    let line = read_line();
    drop(quiet);
    output::paint("\n");
    line
}

/// Also understands what a terminal does not turn into signals and line ends when it is [`Quiet`].
fn read_line() -> Result<String, Failure> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while line.len() < MAX_LINE {
        let count = io::stdin().lock().read(&mut byte);
        let count =
            count.map_err(|error| Failure::new("cannot read from the terminal").because(&error))?;
        match byte {
            _ if count == 0 => break,
            [INTERRUPT] => return Err(Failure::told(Exit::signal(SIGINT))),
            [END | b'\n' | b'\r'] => break,
            [0x7f | 0x08] => erase_last(&mut line),
            [byte] => line.push(byte),
        }
    }
    String::from_utf8(line).map_err(|_| Failure::new("what was typed is no UTF-8 text"))
}

/// Takes the last letter away, which in UTF-8 can be several bytes.
fn erase_last(line: &mut Vec<u8>) {
    while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
}

/// Standard input without echo and without signals from keys. Dropping it brings the former mode
/// back.
struct Quiet(Option<Termios>);

impl Quiet {
    fn enter() -> Self {
        let stdin = io::stdin();
        let Ok(before) = tcgetattr(&stdin) else { return Self(None) };
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        let entered = tcsetattr(&stdin, OptionalActions::Flush, &quiet);
        Self(entered.ok().map(|()| before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // When the terminal is gone there is nothing to bring back.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// Standard input in raw mode: keys go to the command as they are, Ctrl-C too. Dropping it brings
/// the former mode back.
pub(crate) struct RawMode(());

/// What the user's terminal was like before it was in raw mode.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

impl RawMode {
    /// `None` when standard input is no terminal.
    pub(crate) fn enter() -> Option<Self> {
        let stdin = io::stdin();
        let before = tcgetattr(&stdin).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&stdin, OptionalActions::Now, &raw).ok()?;
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        Some(Self(()))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
    }
}

/// Ends raw mode, for whoever ends the process in the midst of it.
pub(crate) fn restore() {
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // When the terminal is gone there is nothing to bring back.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
}

/// The size of the user's terminal; zero when there is none.
pub(crate) fn size() -> TerminalSize {
    let size = tcgetwinsize(io::stdin()).or_else(|_| tcgetwinsize(io::stdout()));
    size.map_or_else(
        |_| TerminalSize::default(),
        |size| TerminalSize { rows: size.ws_row, columns: size.ws_col },
    )
}

/// Gives the sandbox's terminal the size of the user's.
pub(crate) fn copy_size(to: &OwnedFd) {
    let size = tcgetwinsize(io::stdin()).or_else(|_| tcgetwinsize(io::stdout()));
    if let Ok(size) = size {
        // A terminal whose command has ended needs no size.
        let _ = tcsetwinsize(to.as_fd(), size);
    }
}
