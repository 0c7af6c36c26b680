//! Reading files of a layer, by path and through no link.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{FileType, OFlags, fstat};
use rustix::io::Errno;

use crate::{TreePath, beneath};

/// Opens the regular file at `path` in the layer directory `layer` for reading. No component may
/// be a symbolic link, and the path may be longer than the kernel takes at once. That it is read is noted
/// nowhere, unless it is somebody else's.
///
/// # Errors
/// `ELOOP` for a link, `EINVAL` for anything else that is no regular file (a FIFO never blocks),
/// else what openat2(2) says.
pub fn open_file(layer: BorrowedFd<'_>, path: &TreePath) -> io::Result<File> {
    let fd = open_quietly(|flags| beneath::open(layer, path, flags))?;
    if FileType::from_raw_mode(fstat(&fd)?.st_mode) != FileType::RegularFile {
        return Err(Errno::INVAL.into());
    }
    Ok(File::from(fd))
}

/// Has a file opened for reading without a note of it in the file where that can be. The time of the last reading
/// is noted by default when it is older than the last change (`relatime`, mount(8)): a file that was just
/// written or linked would be written to disk once more.
///
/// # Errors
/// Those of `open`.
pub(crate) fn open_quietly(open: impl Fn(OFlags) -> io::Result<OwnedFd>) -> io::Result<OwnedFd> {
    match open(OFlags::RDONLY | OFlags::NOATIME) {
        // Only for who owns the file, or may do what the owner may (open(2)).
        Err(error) if error.raw_os_error() == Some(Errno::PERM.raw_os_error()) => {
            open(OFlags::RDONLY)
        }
        opened => opened,
    }
}

/// Opens the directory at `path` in the layer directory `layer` for reading, as [`open_file`].
///
/// # Errors
/// `ELOOP` for a link, else what openat2(2) says.
pub fn open_directory(layer: BorrowedFd<'_>, path: &TreePath) -> io::Result<OwnedFd> {
    beneath::open_directory(layer, path)
}

/// The bytes of the regular file at `path`, when there are at most `limit` of them.
///
/// # Errors
/// As [`open_file`]; `EFBIG` when the file is longer than `limit`.
pub fn read_file(layer: BorrowedFd<'_>, path: &TreePath, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_file(layer, path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(Errno::FBIG.into());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::testing::{Scratch, open_path};

    #[test]
    fn reading_leaves_no_trace() {
        let scratch = Scratch::new();
        scratch.shell("mkdir l; echo text > l/file; touch -a -d @1 l/file");
        let layer = open_path(&scratch.path().join("l"));
        assert_eq!(read_file(layer.as_fd(), &TreePath::from("file"), 9).unwrap(), b"text\n");
        assert_eq!(scratch.shell("stat -c %X l/file"), "1\n");
    }

    #[test]
    fn regular_files_only_and_no_link_on_the_way() {
        let scratch = Scratch::new();
        scratch.shell(
            "mkdir -p l/etc; echo root > l/etc/passwd; ln -s etc l/link; ln -s passwd l/etc/p
            ln -s /etc/passwd l/host; mkfifo l/pipe; mknod l/zero c 1 5; truncate -s 50G l/huge",
        );
        let layer = open_path(&scratch.path().join("l"));
        let read = |path: &str| read_file(layer.as_fd(), &TreePath::from(path), 1 << 10);
        let code = |path: &str| read(path).unwrap_err().raw_os_error().unwrap();
        assert_eq!(read("etc/passwd").unwrap(), b"root\n");
        assert_eq!(read("../../etc/passwd").unwrap(), b"root\n");
        for (path, errno) in [
            ("link/passwd", Errno::LOOP),
            ("etc/p", Errno::LOOP),
            ("host", Errno::LOOP),
            ("pipe", Errno::INVAL),
            ("zero", Errno::INVAL),
            ("etc", Errno::INVAL),
            ("", Errno::INVAL),
            ("huge", Errno::FBIG),
            ("none", Errno::NOENT),
        ] {
            assert_eq!(code(path), errno.raw_os_error(), "{path}");
        }
        assert_eq!(read_file(layer.as_fd(), &TreePath::from("etc/passwd"), 5).unwrap().len(), 5);
        assert!(read_file(layer.as_fd(), &TreePath::from("etc/passwd"), 4).is_err());
    }
}
