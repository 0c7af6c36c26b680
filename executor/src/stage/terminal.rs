//! The terminal of a sandbox, and the session that its command leads.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use crate::error::{Error, Operation, Refusal};
use crate::spec::TerminalSize;

use super::hand_out;
use super::mounts::clone_tree;
use super::rootfs::{Outside, attach};

/// `DEVPTS_SUPER_MAGIC`
const DEVPTS: i64 = 0x1cd1;

/// Opens a terminal in the sandbox's own devpts, makes it `/dev/console` and hands the outer
/// end out. Returns the inner end.
///
/// The inner end is never looked up by name (CVE-2025-52565).
pub(super) fn open(
    outside: &mut Outside,
    out: &OwnedFd,
    size: TerminalSize,
) -> Result<OwnedFd, Error> {
    let fail = || Error::system(Operation::OpenTerminal, "/dev/pts/ptmx");
    let pts = outside.tree.open_plain(b"/dev/pts", OFlags::DIRECTORY).map_err(fail())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let outer = rustix::fs::openat(&pts, "ptmx", flags, Mode::empty()).map_err(fail())?;
    rustix::pty::unlockpt(&outer).map_err(fail())?;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let inner = rustix::pty::ioctl_tiocgptpeer(&outer, flags).map_err(fail())?;
    if rustix::fs::fstatfs(&inner).map_err(fail())?.f_type != DEVPTS {
        let operation = Operation::OpenTerminal;
        return Err(Error::refused(operation, "/dev/console", Refusal::NotTerminal));
    }
    let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&inner, size).map_err(fail())?;
    bind_console(outside, &inner).map_err(Error::system(Operation::Mount, "/dev/console"))?;
    hand_out(out, &outer).map_err(Error::system(Operation::Send, "terminal"))?;
    Ok(inner)
}

fn bind_console(outside: &mut Outside, inner: &OwnedFd) -> Result<(), Errno> {
    let console = clone_tree(inner.as_fd(), "", false)?;
    let place = outside.device_place("console")?;
    attach(console.as_fd(), place.as_fd())
}

/// Starts a session; with a terminal, that becomes the controlling one and standard input and
/// output.
pub(super) fn start_session(terminal: Option<OwnedFd>) -> Result<(), Error> {
    rustix::process::setsid().map_err(Error::system(Operation::StartSession, "session"))?;
    let Some(terminal) = terminal else {
        return Ok(());
    };
    rustix::process::ioctl_tiocsctty(&terminal)
        .and_then(|()| rustix::stdio::dup2_stdin(&terminal))
        .and_then(|()| rustix::stdio::dup2_stdout(&terminal))
        .and_then(|()| rustix::stdio::dup2_stderr(&terminal))
        .map_err(Error::system(Operation::OpenTerminal, "/dev/console"))
}
