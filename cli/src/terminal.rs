//! The user's terminal, as far as a command in a sandbox takes it over.

use std::io::{self, IsTerminal as _};
use std::os::fd::{AsFd, OwnedFd};

use lapstrake_executor::TerminalSize;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};

/// Whether standard input is a terminal.
pub(crate) fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Standard input in raw mode: keys go to the command as they are, Ctrl-C too. Dropping it brings
/// the former mode back.
pub(crate) struct RawMode {
    before: Termios,
}

impl RawMode {
    /// `None` when standard input is no terminal.
    pub(crate) fn enter() -> Option<Self> {
        let stdin = io::stdin();
        let before = tcgetattr(&stdin).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&stdin, OptionalActions::Now, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // When the terminal is gone there is nothing to bring back.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
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
