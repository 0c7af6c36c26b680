//! Looking at all that lies in a folder of the store, however deep a command made it.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use lapstrake_rootfs::TreePath;
use lapstrake_rootfs::read::open_directory;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, openat, statat};
use rustix::io::Errno;

use crate::Error;

/// The unit of `st_blocks` in bytes, whatever the file system's own is.
const BLOCK: u64 = 512;

/// A file or folder that was come to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Device and inode.
    pub(crate) inode: (u64, u64),
    /// Bytes on disk.
    pub(crate) size: u64,
    /// How many names it has.
    pub(crate) links: u64,
    pub(crate) is_directory: bool,
}

/// Visits `path` and all below it. Follows no link; what is gone when it is come to is left out.
/// What is below may have paths of any length; two descriptors are held.
pub(crate) fn walk(path: &Path, visit: &mut dyn FnMut(&Seen)) -> Result<(), Error> {
    let Some(top) = unless_gone(statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW))
        .map_err(Error::io("examine", path))?
    else {
        return Ok(());
    };
    let top = Seen::of(&top);
    visit(&top);
    if !top.is_directory {
        return Ok(());
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match unless_gone(openat(CWD, path, flags, Mode::empty())) {
        Ok(Some(top)) => below(&top, visit).map_err(Error::io("look into", path)),
        Ok(None) => Ok(()),
        Err(error) => Err(Error::io("list", path)(error)),
    }
}

/// Visits what is below `top`. Of the directories that are left only names are kept, each with the length of
/// the path that it is in: whole paths of a deep tree would be larger than the tree.
fn below(top: &OwnedFd, visit: &mut dyn FnMut(&Seen)) -> io::Result<()> {
    let mut left: Vec<(usize, Vec<u8>)> = Vec::new();
    let mut path = Vec::new();
    loop {
        let directory = open_directory(top.as_fd(), &TreePath::clean(&path));
        if let Some(directory) = unless_gone(directory.map_err(errno))? {
            for name in names(&directory, visit)? {
                left.push((path.len(), name));
            }
        }
        let Some((length, name)) = left.pop() else { return Ok(()) };
        path.truncate(length);
        path.push(b'/');
        path.extend(name);
    }
}

/// Visits what lies in `directory`, and returns the names of the directories.
fn names(directory: &OwnedFd, visit: &mut dyn FnMut(&Seen)) -> io::Result<Vec<Vec<u8>>> {
    let mut directories = Vec::new();
    for entry in Dir::read_from(directory)? {
        let Some(entry) = unless_gone(entry)? else { break };
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let Some(stat) = unless_gone(statat(directory, name, AtFlags::SYMLINK_NOFOLLOW))? else {
            continue;
        };
        let seen = Seen::of(&stat);
        visit(&seen);
        if seen.is_directory {
            directories.push(name.to_bytes().to_owned());
        }
    }
    Ok(directories)
}

impl Seen {
    fn of(stat: &Stat) -> Self {
        Self {
            inode: (stat.st_dev, stat.st_ino),
            size: u64::try_from(stat.st_blocks).unwrap_or_default().saturating_mul(BLOCK),
            links: stat.st_nlink,
            is_directory: FileType::from_raw_mode(stat.st_mode) == FileType::Directory,
        }
    }
}

fn errno(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

/// `None` for what is gone, or is something else by now.
fn unless_gone<T>(found: rustix::io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
