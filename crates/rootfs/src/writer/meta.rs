//! What every entry has beside its kind, and how it is put on what was created.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use lapstrake_ids::explained;
use rustix::fs::{
    AtFlags, Gid, Mode, Timespec, Timestamps, Uid, chmodat, chownat, fchmod, fchown, futimens,
    utimensat,
};
use rustix::io::Errno;

use crate::attribute::{self, Place};
use crate::{Entry, Kind, Timestamp, Xattr};

/// Mode, owner, time and attributes of an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Permission, setuid, setgid and sticky bits; other bits do not count.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change of the content.
    pub mtime: Timestamp,
    /// Extended attributes in any order. overlayfs' own are not written.
    pub xattrs: Vec<Xattr>,
}

impl Meta {
    /// Of a file or directory of root's, changed at `mtime`, without attributes.
    pub fn of_root(mode: u32, mtime: Timestamp) -> Self {
        Self { mode, uid: 0, gid: 0, mtime, xattrs: Vec::new() }
    }

    /// The same with another owner.
    #[must_use]
    pub fn owned_by(self, uid: u32, gid: u32) -> Self {
        Self { uid, gid, ..self }
    }

    /// That of `entry`.
    pub fn of(entry: &Entry) -> Self {
        let Entry { mode, uid, gid, mtime, ref xattrs, .. } = *entry;
        Self { mode, uid, gid, mtime, xattrs: xattrs.clone() }
    }

    /// The entry of `kind` that has this, in the form that a manifest keeps.
    pub(crate) fn entry(&self, path: &crate::TreePath, kind: Kind) -> Entry {
        let attributed = !matches!(kind, Kind::Whiteout);
        let link = matches!(kind, Kind::Symlink { .. });
        let plain = !matches!(kind, Kind::File { .. } | Kind::Directory { .. });
        let kept = |xattr: &&Xattr| {
            let allowed = !(plain && xattr.name.starts_with(b"user."));
            attributed && allowed && attribute::is_content(&xattr.name)
        };
        // Of several with one name the last one stays.
        let mut xattrs: Vec<Xattr> = self.xattrs.iter().rev().filter(kept).cloned().collect();
        xattrs.sort_by(|a, b| a.name.cmp(&b.name));
        xattrs.dedup_by(|later, first| later.name == first.name);
        Entry {
            path: path.clone(),
            mode: if link { 0o777 } else { self.mode & 0o7777 },
            uid: self.uid,
            gid: self.gid,
            mtime: self.mtime,
            xattrs,
            kind,
        }
    }
}

/// What the kernel gives to files that this process creates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Creator {
    uid: u32,
    gid: u32,
    /// Bits that a new file's mode loses.
    umask: u32,
}

impl Creator {
    pub(crate) fn current() -> Self {
        let uid = rustix::process::geteuid().as_raw();
        Self { uid, gid: rustix::process::getegid().as_raw(), umask: umask() }
    }

    /// User and group.
    pub(crate) fn ids(self) -> (u32, u32) {
        (self.uid, self.gid)
    }

    /// The mode to create the file `entry` with: the final one where the kernel keeps it as it
    /// is, so that it need not be set again.
    pub(super) fn create_mode(self, entry: &Entry) -> Mode {
        match self.keeps_mode(entry) {
            true => Mode::from_raw_mode(entry.mode),
            false => Mode::RUSR | Mode::WUSR,
        }
    }

    fn keeps_mode(self, entry: &Entry) -> bool {
        self.owns(entry) && entry.mode & (self.umask | 0o7000) == 0
    }

    /// [`Creator::finish_open`] for a file created with [`Creator::create_mode`].
    pub(super) fn finish_created(self, fd: BorrowedFd<'_>, entry: &Entry) -> io::Result<()> {
        match self.keeps_mode(entry) {
            true => set_xattrs_and_time(fd, entry),
            false => self.finish_open(fd, entry),
        }
    }

    /// Puts all but the kind of `entry` on a file or directory that this process has created.
    pub(crate) fn finish_open(self, fd: BorrowedFd<'_>, entry: &Entry) -> io::Result<()> {
        match self.owns(entry) {
            true => set_mode_and_rest(fd, entry),
            false => change_open(fd, entry),
        }
    }

    /// The same for a name that cannot be opened: link, device, pipe. The layer's directory must
    /// belong to the caller alone.
    pub(crate) fn finish_named(
        self,
        parent: BorrowedFd<'_>,
        name: &[u8],
        entry: &Entry,
    ) -> io::Result<()> {
        let nofollow = AtFlags::SYMLINK_NOFOLLOW;
        if !self.owns(entry) {
            change_owner(entry, |uid, gid| chownat(parent, name, uid, gid, nofollow))?;
        }
        if !matches!(entry.kind, Kind::Symlink { .. }) {
            chmodat(parent, name, Mode::from_raw_mode(entry.mode), AtFlags::empty())?;
        }
        for xattr in &entry.xattrs {
            attribute::write(Place::Named { parent, name }, &xattr.name, &xattr.value)?;
        }
        Ok(utimensat(parent, name, &times(entry.mtime), nofollow)?)
    }

    /// Makes `directory` one in which new files belong to their creator and inherit nothing:
    /// neither a group (setgid) nor a default access list.
    pub(super) fn prepare(self, directory: BorrowedFd<'_>) -> io::Result<()> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        fchown(directory.as_fd(), Some(uid), Some(gid))?;
        fchmod(directory.as_fd(), Mode::RWXU)?;
        for list in [c"system.posix_acl_default", c"system.posix_acl_access"] {
            match rustix::fs::fremovexattr(directory.as_fd(), list) {
                Ok(()) | Err(Errno::NODATA | Errno::NOTSUP) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn owns(self, entry: &Entry) -> bool {
        (self.uid, self.gid) == (entry.uid, entry.gid)
    }
}

/// This process' umask, which nothing here changes; all bits when it cannot be known.
fn umask() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    line.and_then(|digits| u32::from_str_radix(digits.trim(), 8).ok()).unwrap_or(0o7777)
}

/// Puts all but the kind of `entry` on any open file or directory, whoever owned it.
///
/// In this order, because a change of owner takes setuid bits and capabilities away.
pub(super) fn change_open(fd: BorrowedFd<'_>, entry: &Entry) -> io::Result<()> {
    change_owner(entry, |uid, gid| fchown(fd, uid, gid))?;
    set_mode_and_rest(fd, entry)
}

fn set_mode_and_rest(fd: BorrowedFd<'_>, entry: &Entry) -> io::Result<()> {
    fchmod(fd, Mode::from_raw_mode(entry.mode))?;
    set_xattrs_and_time(fd, entry)
}

fn set_xattrs_and_time(fd: BorrowedFd<'_>, entry: &Entry) -> io::Result<()> {
    for xattr in &entry.xattrs {
        attribute::write(Place::Open(fd), &xattr.name, &xattr.value)?;
    }
    Ok(futimens(fd, &times(entry.mtime))?)
}

/// The highest id means "leave it" to the kernel: nothing may be owned by whoever runs us only
/// because an archive says so.
fn change_owner(
    entry: &Entry,
    change: impl FnOnce(Option<Uid>, Option<Gid>) -> Result<(), Errno>,
) -> io::Result<()> {
    let changed = match (entry.uid, entry.gid) {
        (u32::MAX, _) | (_, u32::MAX) => Err(Errno::INVAL),
        (uid, gid) => change(Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))),
    };
    changed.map_err(|error| explained(error, entry.uid, entry.gid))
}

/// The access time is set as well: it is no part of a layer, and so no clock shows in it.
fn times(mtime: Timestamp) -> Timestamps {
    let time =
        Timespec { tv_sec: mtime.seconds, tv_nsec: i64::from(mtime.nanoseconds.min(999_999_999)) };
    Timestamps { last_access: time, last_modification: time }
}

/// Removes the attributes of an open file that `entry` does not have.
pub(super) fn replace_xattrs(fd: BorrowedFd<'_>, entry: &Entry) -> io::Result<()> {
    for old in attribute::read(Place::Open(fd))?.kept {
        if !entry.xattrs.iter().any(|xattr| xattr.name == old.name) {
            rustix::fs::fremovexattr(fd, old.name)?;
        }
    }
    Ok(())
}
