//! A fresh, journalled ext4 in a file: on a file system that has seen mass deletes, creating files
//! can get several times slower, and no two runs are alike.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::failure::{Outcome, Subject};
use crate::process;
use crate::project::Project;
use crate::scratch::Scratch;

/// Apparent size; the file is sparse.
const SIZE: u64 = 24 << 30;

/// A tree of 200,000 small files lies there several times for each builder.
const BYTES_PER_FILE: &str = "4096";

/// Mounted for as long as this lives.
pub(crate) struct Disk {
    mount: PathBuf,
    _scratch: Scratch,
}

impl Disk {
    pub(crate) fn new(project: &Project) -> Outcome<Self> {
        let scratch = Scratch::new(project, "bench")?;
        let (image, mount) = (scratch.join("disk.ext4"), scratch.join("disk"));
        let file = fs::File::create(&image).on("create", &image)?;
        file.set_len(SIZE).on("size", &image)?;
        fs::create_dir(&mount).on("create", &mount)?;
        let flags = ["-q", "-F", "-E", "lazy_itable_init=0", "-i", BYTES_PER_FILE];
        process::quiet(Command::new("mkfs.ext4").args(flags).arg(&image))?;
        process::quiet(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&mount))?;
        Ok(Self { mount, _scratch: scratch })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.mount.join(name)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // buildah leaves a mount of its own store behind: all below goes too. If something still
        // uses it, it goes when that ends.
        let _ =
            process::quiet(Command::new("umount").args(["--recursive", "--lazy"]).arg(&self.mount));
    }
}
