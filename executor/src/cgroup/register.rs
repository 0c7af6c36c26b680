//! Where groups are noted, so that those of a killed process are found and removed.
//!
//! An entry is a file with the path of a folder in each line. The process that works with the groups
//! holds a lock on it, which dies with the process.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bytes::Bytes;
use crate::error::{Error, Operation};

/// An entry is read up to here.
const LARGEST: u64 = 64 << 10;

/// How often the removal of a group is tried whose processes are just ending.
const ATTEMPTS: u32 = 100;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// How deep groups may be nested that a command made in its own.
const DEEPEST: u32 = 32;

/// The entry of a group that is there. Dropping it only unlocks it.
#[derive(Debug)]
pub(super) struct Entry {
    path: PathBuf,
    file: File,
}

impl Entry {
    /// Makes an empty entry of this name, locked.
    pub(super) fn new(register: &Path, name: &str) -> Result<Self, Error> {
        let path = register.join(name);
        let failed = |error| Error::system(Operation::Create, path.as_os_str().as_bytes())(error);
        DirBuilder::new().recursive(true).mode(0o700).create(register).map_err(failed)?;
        loop {
            let options = OpenOptions::new().write(true).create(true).truncate(true).open(&path);
            let file = options.map_err(failed)?;
            file.lock().map_err(failed)?;
            // Somebody who removes what is left may have met it before it was locked.
            let is_there = fs::metadata(&path)
                .is_ok_and(|found| file.metadata().is_ok_and(|own| own.ino() == found.ino()));
            if is_there {
                return Ok(Self { path, file });
            }
        }
    }

    /// Notes a folder that is about to be made.
    pub(super) fn note(&self, folder: &Path) -> Result<(), Error> {
        let line = [folder.as_os_str().as_bytes(), b"\n"].concat();
        let subject = Bytes::from(self.path.as_os_str().as_bytes());
        (&self.file).write_all(&line).map_err(Error::system(Operation::Write, subject))
    }

    /// Removes the entry when nothing that it names is left.
    pub(super) fn forget(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// Removes the groups that are noted in a register and whose process has ended. Errors are left for
/// the next try; a folder that is no group is not touched. Costs one system call where nothing is
/// noted.
pub fn remove_stale_groups(register: &Path) {
    let Ok(entries) = fs::read_dir(register) else { return };
    for entry in entries.flatten() {
        let Ok(file) = File::open(entry.path()) else { continue };
        if file.try_lock().is_err() {
            continue;
        }
        let mut noted = Vec::new();
        if (&file).take(LARGEST).read_to_end(&mut noted).is_err() {
            continue;
        }
        let folders = noted.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let folders: Vec<&Path> =
            folders.map(|line| Path::new(std::ffi::OsStr::from_bytes(line))).collect();
        let is_removed = folders.iter().rev().all(|folder| remove(folder, ATTEMPTS).is_ok());
        if is_removed {
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// Removes a group with those in it. One that is not there, is no group, or has become another's
/// parent counts as removed.
pub(super) fn remove(folder: &Path, attempts: u32) -> io::Result<()> {
    if !is_group(folder) {
        return Ok(());
    }
    // Version 2 can end what a killed process left; in version 1 the kernel is doing it.
    drop(fs::write(folder.join("cgroup.kill"), "1"));
    for _ in 1..attempts {
        match remove_tree(folder, 0) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => std::thread::sleep(PAUSE),
            result => return result,
        }
    }
    remove_tree(folder, 0)
}

fn remove_tree(folder: &Path, depth: u32) -> io::Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && depth < DEEPEST {
            remove_tree(&entry.path(), depth + 1)?;
        }
    }
    fs::remove_dir(folder)
}

fn is_group(folder: &Path) -> bool {
    const CGROUP_SUPER_MAGIC: i64 = 0x0027_e0eb;
    const CGROUP2_SUPER_MAGIC: i64 = 0x6367_7270;
    let kind = rustix::fs::statfs(folder).map(|found| found.f_type);
    matches!(kind, Ok(CGROUP_SUPER_MAGIC | CGROUP2_SUPER_MAGIC))
}
