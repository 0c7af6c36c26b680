//! Locks between processes: files that are locked, so that a lock dies with its process.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{ActionKey, Error};

/// How long a waiter sleeps between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// The right to execute the action of one key. Whoever waited for it must look the record up
/// again: the one before may have made it.
#[derive(Debug)]
pub struct ActionLock {
    path: PathBuf,
    _file: File,
}

impl ActionLock {
    /// Waits until no other holder, in this process or another, has the lock of `key`.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when `cancelled` says so while waiting.
    pub(crate) fn take(
        root: &Path,
        key: &ActionKey,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Self, Error> {
        let path = root.join("locks").join(key.to_string());
        loop {
            let file = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
                .map_err(Error::io("open", &path))?;
            while file.try_lock().is_err() {
                if cancelled() {
                    return Err(Error::Cancelled);
                }
                std::thread::sleep(PAUSE);
            }
            if is_current(&file, &path) {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

/// Whether `path` still names `file`: the holder before removes it.
fn is_current(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(named)) => held.ino() == named.ino() && held.dev() == named.dev(),
        _ => false,
    }
}

impl Drop for ActionLock {
    fn drop(&mut self) {
        // The name goes first, while the lock is held: a waiter sees that and starts over.
        drop(fs::remove_file(&self.path));
    }
}

/// Says that this process reads layers and blobs: nothing it may need is removed meanwhile.
#[derive(Debug)]
pub struct Use {
    _file: File,
}

impl Use {
    /// Joins the users of the store; waits for a removal that is under way.
    pub(crate) fn join(root: &Path) -> Result<Self, Error> {
        let (file, path) = open(root)?;
        file.lock_shared().map_err(Error::io("lock", path))?;
        Ok(Self { _file: file })
    }

    /// Keeps users out; `None` when there are any now.
    pub(crate) fn exclude(root: &Path) -> Result<Option<Self>, Error> {
        let (file, _) = open(root)?;
        Ok(file.try_lock().is_ok().then_some(Self { _file: file }))
    }
}

fn open(root: &Path) -> Result<(File, PathBuf), Error> {
    let path = root.join("locks/use");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(Error::io("open", &path))?;
    Ok((file, path))
}
