//! The terminal of a sandbox, and the session that its command leads.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use crate::error::{Error, Operation, Refusal};
use crate::spec::TerminalSize;
use crate::sys;
use crate::wire::descriptor;

use super::mounts::clone_tree;
use super::rootfs::{Outside, attach};

/// `DEVPTS_SUPER_MAGIC`
const DEVPTS: i64 = 0x1cd1;

/// Opens a terminal in the sandbox's own devpts, makes it `/dev/console` and sends the outer end
/// to the parent. Returns the inner end.
///
/// The inner end is never looked up by name (CVE-2025-52565).
pub(super) fn open(outside: &mut Outside, size: TerminalSize) -> Result<OwnedFd, Error> {
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
    let socket = sys::take_inherited(descriptor::TERMINAL);
    let socket = socket.map_err(|error| Errno::from_raw_os_error(error.raw()));
    socket
        .and_then(|socket| send(&socket, &outer))
        .map_err(Error::system(Operation::Send, "terminal"))?;
    Ok(inner)
}

fn bind_console(outside: &mut Outside, inner: &OwnedFd) -> Result<(), Errno> {
    let console = clone_tree(inner.as_fd(), "", false)?;
    let place = outside.device_place("console")?;
    attach(console.as_fd(), place.as_fd())
}

/// Sends a descriptor to the parent.
pub(super) fn send(socket: &OwnedFd, sent: &OwnedFd) -> Result<(), Errno> {
    let descriptors = [sent.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    rustix::net::sendmsg(socket, &[IoSlice::new(b"t")], &mut ancillary, SendFlags::empty())?;
    Ok(())
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
