//! Finding and making the places in the root file system that something is mounted on.
//!
//! Every path is resolved relative to a held descriptor of the root directory. What is missing is
//! created one component at a time below a held descriptor, with links resolved by hand, since
//! `openat2` does not create directories.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, StatxFlags};
use rustix::io::Errno;

use crate::error::{Error, Operation, Refusal};
use crate::inside;
use crate::stubs::{self, Trace, TraceKind, Version};

/// As many links as the kernel follows.
const MAX_LINKS: usize = 40;

const PATH: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// A root directory and the notes on what was created below it.
pub(super) struct Tree {
    root: OwnedFd,
    /// Which mount the root directory is in.
    mount: u64,
    /// The directory of the host that takes what is written to that mount.
    upper: OwnedFd,
    created: Vec<(Vec<u8>, TraceKind)>,
}

/// What has to be created where nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
}

/// A directory on the way, and its name in the one before.
struct Level {
    directory: OwnedFd,
    name: Vec<u8>,
}

impl Tree {
    pub(super) fn new(root: OwnedFd, upper: OwnedFd) -> Result<Self, Errno> {
        let mount = mount_id(root.as_fd())?;
        Ok(Self { root, mount, upper, created: Vec::new() })
    }

    pub(super) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Opens what exists at a path, links followed inside the root.
    pub(super) fn open(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        inside::open(&self.root, path, PATH, resolve)
    }

    /// Opens what exists at a path without any link in it.
    pub(super) fn open_plain(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
        inside::open(&self.root, path, PATH | flags, resolve)
    }

    /// Opens a directory of the system, created with mode 0755 where it is missing.
    pub(super) fn system_directory(&self, path: &[u8]) -> Result<OwnedFd, Error> {
        let refused = |reason| Error::refused(Operation::MountOn, path, reason);
        match self.open_plain(path, OFlags::DIRECTORY) {
            Ok(directory) => return Ok(directory),
            Err(Errno::LOOP) => return Err(refused(Refusal::IsSymlink)),
            Err(Errno::NOTDIR) => return Err(refused(self.why_no_directory(path))),
            Err(Errno::NOENT) => {}
            Err(error) => return Err(Error::system(Operation::Open, path)(error)),
        }
        rustix::fs::mkdirat(&self.root, relative(path), Mode::from_raw_mode(0o755))
            .map_err(Error::system(Operation::Create, path))?;
        self.open_plain(path, OFlags::DIRECTORY).map_err(Error::system(Operation::Open, path))
    }

    fn why_no_directory(&self, path: &[u8]) -> Refusal {
        match rustix::fs::readlinkat(&self.root, relative(path), Vec::new()) {
            Ok(_) => Refusal::IsSymlink,
            Err(_) => Refusal::NotDirectory,
        }
    }

    /// Opens what a path leads to, created where it is missing and noted for removal.
    pub(super) fn open_or_create(&mut self, path: &[u8], kind: Kind) -> Result<OwnedFd, Error> {
        match self.open(path) {
            Ok(place) => Ok(place),
            Err(Errno::NOENT) => self.walk(path, kind),
            Err(error) => Err(Error::system(Operation::Open, path)(error)),
        }
    }

    /// The mode of the directory that a path leads to, if it does.
    pub(super) fn directory_mode(&self, path: &[u8]) -> Option<u32> {
        let stat = rustix::fs::fstat(self.open(path).ok()?).ok()?;
        let is_directory = FileType::from_raw_mode(stat.st_mode).is_dir();
        is_directory.then_some(stat.st_mode & 0o7777)
    }

    /// What was created in `upper`, in this order, as it is now.
    pub(super) fn traces(&self) -> Vec<Trace> {
        let trace = |(path, kind): &(Vec<u8>, TraceKind)| {
            let version = Version::of(self.upper.as_fd(), path).ok()?;
            Some(Trace { path: path.as_slice().into(), kind: *kind, version })
        };
        self.created.iter().filter_map(trace).collect()
    }

    fn walk(&mut self, path: &[u8], kind: Kind) -> Result<OwnedFd, Error> {
        let mut stack: Vec<Level> = Vec::new();
        let mut rest = components(path);
        let mut links = 0;
        while let Some(name) = rest.pop_front() {
            if name == b".." {
                stack.pop();
                continue;
            }
            let kind = if rest.is_empty() { kind } else { Kind::Directory };
            let found = self.step(&stack, &name, kind);
            let found = found.map_err(Error::system(Operation::Create, path))?;
            match file_type(found.as_fd()).map_err(Error::system(Operation::Stat, path))? {
                FileType::Directory => stack.push(Level { directory: found, name }),
                FileType::Symlink => {
                    links += 1;
                    if links > MAX_LINKS {
                        let operation = Operation::Create;
                        return Err(Error::refused(operation, path, Refusal::TooManyLinks));
                    }
                    let link = rustix::fs::readlinkat(&found, "", Vec::new())
                        .map_err(Error::system(Operation::Read, path))?;
                    if link.as_bytes().starts_with(b"/") {
                        stack.clear();
                    }
                    let mut target = components(link.as_bytes());
                    target.append(&mut rest);
                    rest = target;
                }
                _ if rest.is_empty() => return Ok(found),
                _ => return Err(Error::refused(Operation::Open, path, Refusal::NotDirectory)),
            }
        }
        match stack.pop() {
            Some(level) => Ok(level.directory),
            None => Err(Error::refused(Operation::MountOn, path, Refusal::IsRoot)),
        }
    }

    /// One component: opened without following it, created where it is missing.
    fn step(&mut self, stack: &[Level], name: &[u8], kind: Kind) -> Result<OwnedFd, Errno> {
        let parent = stack.last().map_or(self.root.as_fd(), |level| level.directory.as_fd());
        let open = || {
            let flags = PATH | OFlags::NOFOLLOW;
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
            rustix::fs::openat2(parent, name, flags, Mode::empty(), resolve)
        };
        match open() {
            Err(Errno::NOENT) => {}
            found => return found,
        }
        let noted = mount_id(parent)? == self.mount;
        let copied_up = if noted { self.missing_in_upper(stack) } else { Vec::new() };
        let before = stubs::times(parent)?;
        let made = match kind {
            Kind::Directory => rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o755)),
            Kind::File => {
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
                rustix::fs::openat(parent, name, flags, Mode::from_raw_mode(0o644)).map(drop)
            }
        };
        match made {
            Ok(()) => {}
            // Another sandbox was faster, in a folder that both have mounted.
            Err(Errno::EXIST) => return open(),
            Err(error) => return Err(error),
        }
        let made = open()?;
        if noted {
            rustix::fs::utimensat(parent, "", &before, AtFlags::EMPTY_PATH)?;
            self.created.extend(copied_up);
            let kind = match kind {
                Kind::File => TraceKind::File,
                Kind::Directory => TraceKind::Directory,
            };
            self.created.push((path_of(stack, Some(name)), kind));
        }
        Ok(made)
    }

    /// The directories on the way that creating something in the last of them will copy up.
    fn missing_in_upper(&self, stack: &[Level]) -> Vec<(Vec<u8>, TraceKind)> {
        (1..=stack.len())
            .filter_map(|depth| stack.get(..depth))
            .map(|levels| path_of(levels, None))
            .filter(|path| {
                let found = rustix::fs::statat(&self.upper, path, AtFlags::SYMLINK_NOFOLLOW);
                found.is_err_and(|error| error == Errno::NOENT)
            })
            .map(|path| (path, TraceKind::Directory))
            .collect()
    }
}

/// Whether a place is in a procfs.
pub(super) fn is_in_proc(place: BorrowedFd<'_>) -> Result<bool, Errno> {
    Ok(rustix::fs::fstatfs(place)?.f_type == rustix::fs::PROC_SUPER_MAGIC)
}

/// The type of what a descriptor was opened for.
pub(super) fn file_type(file: BorrowedFd<'_>) -> Result<FileType, Errno> {
    Ok(FileType::from_raw_mode(rustix::fs::fstat(file)?.st_mode))
}

fn mount_id(file: BorrowedFd<'_>) -> Result<u64, Errno> {
    Ok(rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?.stx_mnt_id)
}

/// The names of a path; `.` and empty ones are left out.
fn components(path: &[u8]) -> VecDeque<Vec<u8>> {
    path.split(|&byte| byte == b'/')
        .filter(|name| !matches!(*name, b"" | b"."))
        .map(<[u8]>::to_vec)
        .collect()
}

fn path_of(stack: &[Level], name: Option<&[u8]>) -> Vec<u8> {
    let names: Vec<&[u8]> = stack.iter().map(|level| level.name.as_slice()).chain(name).collect();
    names.join(&b'/')
}

/// A path for system calls that are relative to the root directory.
fn relative(path: &[u8]) -> &[u8] {
    let start = path.iter().position(|&byte| byte != b'/');
    start.and_then(|start| path.get(start..)).unwrap_or(b".")
}
