//! Room that is kept for the command that makes room.
//!
//! ```text
//! reserve     bytes that mean nothing, there while the disk has room for them
//! ```
//! On a disk that is full to the last byte nothing could be removed any more: even to forget a layer the
//! database writes.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use crate::Room;

/// What it takes: the journal of the removal of some layers, and a few files.
const SIZE: u64 = 512 << 10;

/// It is made where more is free.
const PLENTY: u64 = 8 << 20;

fn path(root: &Path) -> PathBuf {
    root.join("reserve")
}

/// Makes it if there is none. Whatever fails is left for the next time: it is no reason for a command to
/// fail.
pub(crate) fn keep(root: &Path) {
    let path = path(root);
    if path.exists() || Room::of(root).is_ok_and(|room| room.free < PLENTY) {
        return;
    }
    let made = File::options().create_new(true).write(true).mode(0o600).open(&path);
    // Perhaps another process is making it.
    let Ok(mut file) = made else { return };
    let filled = match fallocate(&file, FallocateFlags::empty(), 0, SIZE) {
        Err(Errno::OPNOTSUPP) => io::copy(&mut io::repeat(0).take(SIZE), &mut file).is_ok(),
        filled => filled.is_ok(),
    };
    if !filled {
        drop(fs::remove_file(path));
    }
}

/// Gives it up, on a disk that has hardly room for anything else.
pub(crate) fn release(root: &Path) {
    if Room::of(root).is_ok_and(|room| room.lacks_inodes || room.free < SIZE) {
        drop(fs::remove_file(path(root)));
    }
}

/// Removes what can go without a word to the database.
pub(crate) fn strip(root: &Path) {
    for name in ["logs", "stat"] {
        let entries = fs::read_dir(root.join(name)).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            drop(fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn it_takes_room_and_is_made_once() {
        let root = tempfile::tempdir().unwrap();
        keep(root.path());
        let made = fs::metadata(path(root.path())).unwrap();
        assert_eq!(made.len(), SIZE);
        assert!(made.blocks() * 512 >= SIZE, "{}", made.blocks());
        keep(root.path());
        assert_eq!(fs::metadata(path(root.path())).unwrap().ino(), made.ino());
        // There is room.
        release(root.path());
        assert!(path(root.path()).exists());
    }
}
