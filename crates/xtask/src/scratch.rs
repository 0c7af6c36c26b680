//! A folder that is gone when its owner is.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::failure::{Outcome, Subject};
use crate::project::Project;

static NEXT: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A new empty folder below the build folder: on a disk that has room, and never a tmpfs, which
    /// could hold no layers.
    pub(crate) fn new(project: &Project, name: &str) -> Outcome<Self> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = project
            .target()
            .join("scratch")
            .join(format!("{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).on("create", &path)?;
        Ok(Self(path))
    }

    /// A new empty folder that every user may enter, which the build folder need not be.
    pub(crate) fn for_all(name: &str) -> Outcome<Self> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("{name}-{}-{number}", std::process::id()));
        fs::create_dir(&path).on("create", &path)?;
        let scratch = Self(path);
        fs::set_permissions(&scratch.0, fs::Permissions::from_mode(0o755))
            .on("open", &scratch.0)?;
        Ok(scratch)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now lies below `target` and goes with the next `cargo clean`.
        let _ = fs::remove_dir_all(&self.0);
    }
}
