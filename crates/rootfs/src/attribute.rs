//! Extended attributes: which of them belong to a layer, reading and writing them.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fsetxattr, lgetxattr, llistxattr, lsetxattr};
use rustix::io::Errno;

use crate::Xattr;

/// Prefixes of overlayfs' own attributes, as root and with `userxattr`.
const OVERLAY: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];

/// Attributes that say something about this machine, not about the content: labels and
/// measurements of its security modules, and NFS' view of access lists.
const OF_THE_MACHINE: [&[u8]; 4] =
    [b"security.selinux", b"security.evm", b"system.nfs4_acl", b"security.nfs4_acl"];

/// Something whose attributes can be asked for.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// An open file or directory.
    Open(BorrowedFd<'a>),
    /// A name in an open directory: links, devices, pipes, which cannot be opened.
    Named { parent: BorrowedFd<'a>, name: &'a [u8] },
}

/// The attributes of one file, sorted by whom they belong to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// The layer's content, sorted by name.
    pub(crate) kept: Vec<Xattr>,
    /// overlayfs marked the directory opaque.
    pub(crate) opaque: bool,
    /// overlayfs' redirect or metacopy: the entry cannot be understood without its lower layers.
    pub(crate) unsupported: Option<Vec<u8>>,
}

/// Whether `name` is overlayfs' own.
pub(crate) fn is_overlay(name: &[u8]) -> bool {
    OVERLAY.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether an attribute of this name is part of a layer's content.
pub(crate) fn is_content(name: &[u8]) -> bool {
    !is_overlay(name) && !OF_THE_MACHINE.contains(&name)
}

/// All attributes of `place`; none where the file system has no attributes.
pub(crate) fn read(place: Place<'_>) -> io::Result<Attributes> {
    let mut attributes = Attributes::default();
    for name in list(place)?.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        match OVERLAY.iter().find_map(|prefix| name.strip_prefix(*prefix)) {
            Some(b"opaque") => attributes.opaque = value(place, name)? == b"y",
            Some(b"redirect" | b"metacopy") => attributes.unsupported = Some(name.to_vec()),
            Some(_) => {}
            None if is_content(name) => {
                attributes.kept.push(Xattr { name: name.to_vec(), value: value(place, name)? });
            }
            None => {}
        }
    }
    attributes.kept.sort();
    Ok(attributes)
}

/// Sets one attribute.
pub(crate) fn write(place: Place<'_>, name: &[u8], value: &[u8]) -> io::Result<()> {
    let flags = XattrFlags::empty();
    match place {
        Place::Open(fd) => fsetxattr(fd, name, value, flags)?,
        Place::Named { parent, name: file } => {
            lsetxattr(proc_path(parent, file), name, value, flags)?;
        }
    }
    Ok(())
}

/// Marks a directory opaque for overlayfs: `trusted.overlay.opaque`, or the `user.` form where
/// the process may not write trusted attributes (in a user namespace).
pub(crate) fn mark_opaque(directory: BorrowedFd<'_>) -> io::Result<()> {
    match write(Place::Open(directory), b"trusted.overlay.opaque", b"y") {
        Err(error) if error.raw_os_error() == Some(Errno::PERM.raw_os_error()) => {
            write(Place::Open(directory), b"user.overlay.opaque", b"y")
        }
        other => other,
    }
}

/// The names, each followed by a zero byte.
fn list(place: Place<'_>) -> io::Result<Vec<u8>> {
    let proc = place.proc_path();
    let mut buffer = [0; 1024];
    let answer = match (place, &proc) {
        (Place::Open(fd), _) => flistxattr(fd, &mut buffer),
        (_, path) => llistxattr(path.as_slice(), &mut buffer),
    };
    match answer {
        Ok(length) => Ok(buffer.get(..length).unwrap_or_default().to_vec()),
        Err(Errno::RANGE) => Ok(sized(|buffer| match place {
            Place::Open(fd) => flistxattr(fd, buffer),
            Place::Named { .. } => llistxattr(proc.as_slice(), buffer),
        })?),
        Err(Errno::NOTSUP) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn value(place: Place<'_>, name: &[u8]) -> io::Result<Vec<u8>> {
    let proc = place.proc_path();
    Ok(sized(|buffer| match place {
        Place::Open(fd) => fgetxattr(fd, name, buffer),
        Place::Named { .. } => lgetxattr(proc.as_slice(), name, buffer),
    })?)
}

/// Calls `get` with a growing buffer; the kernel's own limit for a value and for a list is 64 KiB.
fn sized(
    mut get: impl FnMut(&mut [u8]) -> rustix::io::Result<usize>,
) -> rustix::io::Result<Vec<u8>> {
    let mut buffer = vec![0; 256];
    loop {
        match get(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(Errno::RANGE) if buffer.len() <= 65_536 => buffer.resize(buffer.len() * 4, 0),
            Err(error) => return Err(error),
        }
    }
}

impl Place<'_> {
    /// Where a name in an open directory is found by the calls that take only paths. The
    /// descriptor is held, so this leads to the same directory whatever it is called by now.
    fn proc_path(&self) -> Vec<u8> {
        match self {
            Self::Open(_) => Vec::new(),
            Self::Named { parent, name } => proc_path(*parent, name),
        }
    }
}

fn proc_path(parent: BorrowedFd<'_>, name: &[u8]) -> Vec<u8> {
    let mut path = format!("/proc/self/fd/{}/", parent.as_raw_fd()).into_bytes();
    path.extend_from_slice(name);
    path
}
