//! Locks between processes: files that are locked, so that a lock dies with its process.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::OFlags;

use crate::Error;
use crate::lease::Lease;
use crate::passing::Passing;

/// How long a waiter sleeps between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// Locks that are always the same ones. Who takes them does not look whether the name still stands for them.
const KEPT: [&str; 5] = ["use", "gate", "tmp", "index", "salt"];

/// How many times a lock is tried that somebody may hold for long, or only looks at.
const PATIENCE: usize = 10;

/// The right to make one thing: what the action of a key comes to, or a layer. Whoever waited must
/// look for it again: the one before may have made it.
#[derive(Debug)]
pub struct ActionLock {
    name: Passing,
    _file: File,
}

impl ActionLock {
    /// Waits until no other holder, in this process or another, has the lock `name`.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when `cancelled` says so while waiting.
    pub(crate) fn take(
        root: &Path,
        name: &str,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Self, Error> {
        let path = root.join("locks").join(name);
        loop {
            let file = lock_file(&path)?;
            while file.try_lock().is_err() {
                if cancelled() {
                    return Err(Error::Cancelled);
                }
                std::thread::sleep(PAUSE);
            }
            if is_current(&file, &path) {
                return Ok(Self { name: Passing::new(path), _file: file });
            }
        }
    }

    /// The lock `name`, if nobody has it.
    pub(crate) fn try_take(root: &Path, name: &str) -> Result<Option<Self>, Error> {
        let path = root.join("locks").join(name);
        let file = lock_file(&path)?;
        let is_ours = file.try_lock().is_ok() && is_current(&file, &path);
        Ok(is_ours.then(|| Self { name: Passing::new(path), _file: file }))
    }
}

/// Locks `file`, if nobody holds it for more than a moment.
pub(crate) fn take_patiently(file: &File) -> bool {
    (0..PATIENCE).any(|tries| {
        if tries > 0 {
            std::thread::sleep(PAUSE);
        }
        file.try_lock().is_ok()
    })
}

/// Whether `path` still names `file`: the holder before removes it.
pub(crate) fn is_current(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(named)) => held.ino() == named.ino() && held.dev() == named.dev(),
        _ => false,
    }
}

impl Drop for ActionLock {
    fn drop(&mut self) {
        // The name goes first, while the lock is held: a waiter sees that and starts over.
        drop(fs::remove_file(self.name.path()));
    }
}

/// Removes what killed processes left of action locks. Whoever waits for one sees that it has gone. Errors are left
/// for the next try: sweeping never stops a command.
pub(crate) fn sweep(root: &Path) {
    let Ok(entries) = fs::read_dir(root.join("locks")) else { return };
    let is_kept = |name: &std::ffi::OsStr| KEPT.iter().any(|kept| name == *kept);
    for entry in entries.flatten().filter(|entry| !is_kept(&entry.file_name())) {
        let path = entry.path();
        let Ok(file) = look(&path) else { continue };
        if file.try_lock().is_ok() && is_current(&file, &path) {
            drop(fs::remove_file(&path));
        }
    }
}

/// Says that this process reads layers and blobs: nothing that it looked up is removed meanwhile.
#[derive(Debug)]
pub struct Use {
    _file: File,
    _lease: Option<Arc<Lease>>,
}

impl Use {
    /// Joins the users of the store; waits for whoever has it alone.
    pub(crate) fn join(root: &Path) -> Result<Self, Error> {
        let (file, path) = open(root)?;
        file.lock_shared().map_err(Error::io("lock", path))?;
        Ok(Self { _file: file, _lease: None })
    }

    /// The same with notes of what is used.
    pub(crate) fn with(self, lease: Arc<Lease>) -> Self {
        Self { _lease: Some(lease), ..self }
    }
}

/// Says that no other process uses the store.
#[derive(Debug)]
pub(crate) struct Exclusive {
    _file: File,
}

impl Exclusive {
    /// Keeps users out; `None` when there are any, this process among them. Waits a moment for
    /// those that are just leaving: a process between fork and exec has its parent's locks too.
    pub(crate) fn take(root: &Path) -> Result<Option<Self>, Error> {
        let (file, _) = open(root)?;
        Ok(take_patiently(&file).then_some(Self { _file: file }))
    }
}

fn open(root: &Path) -> Result<(File, PathBuf), Error> {
    let path = root.join("locks/use");
    let file = lock_file(&path)?;
    Ok((file, path))
}

/// Opens what may have been left by a killed process, to see whether anybody has it locked. A pipe that somebody put
/// there is not waited for, and a link not followed.
pub(crate) fn look(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// A file of `locks/`, made when it is not there. It is only locked, never read or written.
pub(crate) fn lock_file(path: &Path) -> Result<File, Error> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(Error::io("open", path))
}
