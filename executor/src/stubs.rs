//! Mount points that were made for a sandbox, and removing them without a trace.
//!
//! A target that the image lacks has to be created in the overlay, and so in `upper`, where it
//! would end up in the layer. The stage reports what it created and which directories that copied
//! up; when the command has ended, whatever it did not touch since is removed from `upper` again,
//! and the times of the directories around it are as the command left them (bk#3148). "Not
//! touched" means: the same inode with the same change time.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, StatxFlags, Timespec, Timestamps};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::bytes::Bytes;
use crate::error::{Error, Operation};
use crate::inside;

/// Something in `upper` that is there only because something was mounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trace {
    /// Relative to `upper`; resolved, without links.
    pub(crate) path: Bytes,
    pub(crate) kind: TraceKind,
    pub(crate) version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TraceKind {
    File,
    Directory,
}

/// Tells a changed inode, or another one of the same name, from what was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    inode: u64,
    changed: (i64, u32),
}

impl Version {
    /// The version of a name below `directory`; a link is not followed.
    pub(crate) fn of(directory: BorrowedFd<'_>, path: &[u8]) -> Result<Self, Errno> {
        let wanted = StatxFlags::INO | StatxFlags::CTIME;
        let stat = rustix::fs::statx(directory, path, AtFlags::SYMLINK_NOFOLLOW, wanted)?;
        let changed = (stat.stx_ctime.tv_sec, stat.stx_ctime.tv_nsec);
        Ok(Self { inode: stat.stx_ino, changed })
    }
}

/// Fills an existing directory with the constant layer that saves most sandboxes from creating
/// mount points: `etc/{hosts,resolv.conf}`, empty, modification time 0.
///
/// Give the directory as the bottom-most of [`crate::Rootfs::lower`]. Idempotent, not atomic.
pub fn create_stubs(directory: &Path) -> Result<(), Error> {
    let root = open_directory(directory)?;
    make_directory(root.as_fd(), "etc")?;
    let etc = open_beneath(root.as_fd(), b"etc").map_err(Error::system(Operation::Open, "etc"))?;
    for name in ["hosts", "resolv.conf"] {
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::openat(&etc, name, flags, Mode::from_raw_mode(0o644))
            .map_err(Error::system(Operation::Create, name))?;
        rustix::fs::fchmod(&file, Mode::from_raw_mode(0o644))
            .and_then(|()| rustix::fs::futimens(&file, &epoch()))
            .map_err(Error::system(Operation::Write, name))?;
    }
    for name in ["etc", "."] {
        rustix::fs::utimensat(&root, name, &epoch(), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(Error::system(Operation::Write, name))?;
    }
    Ok(())
}

fn epoch() -> Timestamps {
    let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
    Timestamps { last_access: zero, last_modification: zero }
}

fn make_directory(root: BorrowedFd<'_>, name: &str) -> Result<(), Error> {
    match rustix::fs::mkdirat(root, name, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(Error::system(Operation::Create, name)(error)),
    }
    rustix::fs::chmodat(root, name, Mode::from_raw_mode(0o755), AtFlags::empty())
        .map_err(Error::system(Operation::Write, name))
}

/// Removes from `upper` what the command has not touched. Call it when nothing is mounted on it
/// any more.
pub(crate) fn remove(upper: &Path, traces: &[Trace]) -> Result<(), Error> {
    if traces.is_empty() {
        return Ok(());
    }
    let root = open_directory(upper)?;
    // Decide on all of them first: removing one changes the directory it is in.
    let untouched: Vec<&Trace> = traces
        .iter()
        .filter(|trace| Version::of(root.as_fd(), &trace.path) == Ok(trace.version))
        .collect();
    for trace in untouched.into_iter().rev() {
        remove_one(root.as_fd(), trace)
            .map_err(Error::system(Operation::Remove, trace.path.clone()))?;
    }
    Ok(())
}

fn remove_one(upper: BorrowedFd<'_>, trace: &Trace) -> Result<(), Errno> {
    let (parent, name) = match trace.path.iter().rposition(|&byte| byte == b'/') {
        Some(at) => (trace.path.get(..at), trace.path.get(at + 1..)),
        None => (Some(&b"."[..]), Some(&trace.path[..])),
    };
    let (Some(parent), Some(name)) = (parent, name) else {
        return Ok(());
    };
    let parent = open_beneath(upper, parent)?;
    let before = times(parent.as_fd())?;
    let removed = match trace.kind {
        TraceKind::Directory => rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR),
        TraceKind::File => match is_empty_file(parent.as_fd(), name)? {
            true => rustix::fs::unlinkat(&parent, name, AtFlags::empty()),
            false => Ok(()),
        },
    };
    match removed {
        // The command has put something there.
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
        Err(error) => Err(error),
        Ok(()) => rustix::fs::futimens(&parent, &before),
    }
}

fn is_empty_file(directory: BorrowedFd<'_>, name: &[u8]) -> Result<bool, Errno> {
    let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let kind = rustix::fs::FileType::from_raw_mode(stat.st_mode);
    Ok(kind.is_file() && stat.st_size == 0)
}

/// Access and modification time, to be set again.
pub(crate) fn times(file: BorrowedFd<'_>) -> Result<Timestamps, Errno> {
    let wanted = StatxFlags::ATIME | StatxFlags::MTIME;
    let stat = rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, wanted)?;
    let time = |time: rustix::fs::StatxTimestamp| Timespec {
        tv_sec: time.tv_sec,
        tv_nsec: time.tv_nsec.into(),
    };
    Ok(Timestamps { last_access: time(stat.stx_atime), last_modification: time(stat.stx_mtime) })
}

fn open_directory(path: &Path) -> Result<OwnedFd, Error> {
    use std::os::unix::ffi::OsStrExt;
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
        .map_err(Error::system(Operation::Open, path.as_os_str().as_bytes()))
}

fn open_beneath(root: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    inside::open(root, path, flags, resolve)
}
