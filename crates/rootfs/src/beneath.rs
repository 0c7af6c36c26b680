//! Opening paths below a held directory, whatever their length, through no link of any kind.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

use crate::TreePath;

/// Longest piece of a path given to the kernel at once (its limit is 4,095 bytes).
const LONGEST_PIECE: usize = 4000;

/// Opens the directory at `path` below `root`.
///
/// # Errors
/// `ELOOP` when a component is a symbolic link, else what openat2(2) says.
pub(crate) fn open_directory(root: BorrowedFd<'_>, path: &TreePath) -> io::Result<OwnedFd> {
    open(root, path, OFlags::RDONLY | OFlags::DIRECTORY)
}

/// Opens what is at `path` below `root` with `flags`, never waiting (no FIFO blocks).
///
/// # Errors
/// As [`open_directory`].
pub(crate) fn open(root: BorrowedFd<'_>, path: &TreePath, flags: OFlags) -> io::Result<OwnedFd> {
    let mut held: Option<OwnedFd> = None;
    let mut rest = path.as_bytes();
    while rest.len() > LONGEST_PIECE {
        let head = rest.get(..LONGEST_PIECE).unwrap_or_default();
        let cut = head.iter().rposition(|byte| *byte == b'/');
        let (piece, tail) = cut
            .and_then(|at| Some((rest.get(..at)?, rest.get(at + 1..)?)))
            .ok_or(io::Error::from(rustix::io::Errno::NAMETOOLONG))?;
        let from = held.as_ref().map_or(root, AsFd::as_fd);
        held = Some(step(from, piece, OFlags::PATH | OFlags::DIRECTORY)?);
        rest = tail;
    }
    let last = if rest.is_empty() { b".".as_slice() } else { rest };
    Ok(step(held.as_ref().map_or(root, AsFd::as_fd), last, flags | OFlags::NONBLOCK)?)
}

fn step(from: BorrowedFd<'_>, piece: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    openat2(from, piece, flags, Mode::empty(), resolve)
}
