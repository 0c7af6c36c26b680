//! What this process has in the store for a moment only: folders of `tmp/`, leases and locks. Who ends a process in
//! the middle removes it before.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

static OWN: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// How often a folder is tried that another thread still writes to.
const TRIES: usize = 100;

/// A name of this process in the store, as long as it lives.
#[derive(Debug)]
pub(crate) struct Passing {
    path: PathBuf,
}

impl Passing {
    pub(crate) fn new(path: PathBuf) -> Self {
        own().push(path.clone());
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        own().retain(|path| *path != self.path);
    }
}

/// Removes from all stores what this process has there for a moment only, for a process that is about to end
/// without further ado. Whatever of it goes on meanwhile fails, or waits for ever.
pub fn remove_passing() {
    // Not given back: nothing new begins.
    let own = std::mem::ManuallyDrop::new(own());
    for path in own.iter() {
        remove(path);
    }
}

/// What cannot be removed is swept by the next command.
fn remove(path: &Path) {
    for _ in 0..TRIES {
        let removed = match path.is_dir() {
            true => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        };
        if removed.is_ok() || !path.exists() {
            return;
        }
    }
}

/// Nothing panics while it is locked.
fn own() -> MutexGuard<'static, Vec<PathBuf>> {
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}
