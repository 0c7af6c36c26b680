//! Locks on parts of a layout. They die with their process.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use super::file::open;
use crate::Error;

/// Between two looks whether a lock is free. It is held for one small file.
pub(super) const PAUSE: Duration = Duration::from_millis(10);

/// How long a lock is waited for. Whoever has one for longer is not just changing a file.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

const LOCK: &str = "lock the image layout";

/// Waits until nobody else changes the index. Dropped, the lock is free again.
///
/// It lies on `oci-layout` (`path`): every layout has one and nothing replaces it, so that no further file
/// stays behind in the folder. On the folder itself a script might have one around the whole build
/// (`flock DIRECTORY lap build …`), which would wait for itself.
pub(super) fn index(
    path: &Path,
    patience: Duration,
    cancelled: &dyn Fn() -> bool,
) -> Result<File, Error> {
    let begin = Instant::now();
    loop {
        // NFS locks what is open for writing only.
        let file = match open(path, File::options().read(true).write(true))? {
            Err(_) => open(path, File::options().read(true))?.map_err(Error::io(LOCK))?,
            Ok(file) => file,
        };
        let wait = Wait { path, begin, patience, cancelled };
        wait.until_free(&file, FlockOperation::NonBlockingLockExclusive)?;
        // Another program may have written the layout anew meanwhile.
        let (held, found) = (file.metadata(), fs::metadata(path));
        let (held, found) = (held.map_err(Error::io(LOCK))?, found.map_err(Error::io(LOCK))?);
        if (held.dev(), held.ino()) == (found.dev(), found.ino()) {
            return Ok(file);
        }
        wait.pause()?;
    }
}

/// Says to others that blobs are on their way that the index does not lead to yet.
#[derive(Debug)]
pub struct Writing {
    /// `None` on a file system that has no locks on directories: then nobody removes anything.
    _shared: Option<File>,
}

impl Writing {
    /// Waits for whoever removes.
    pub(super) fn join(blobs: &Path, cancelled: &dyn Fn() -> bool) -> Result<Self, Error> {
        let Ok(file) = directory(blobs) else { return Ok(Self { _shared: None }) };
        let wait = Wait { path: blobs, begin: Instant::now(), patience: PATIENCE, cancelled };
        match wait.until_free(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(Self { _shared: Some(file) }),
            Err(Error::Io { .. }) => Ok(Self { _shared: None }),
            Err(error) => Err(error),
        }
    }
}

/// Nobody writes blobs while this lives.
pub(super) struct Alone {
    _file: File,
}

impl Alone {
    /// `None` while somebody writes, or where that cannot be known.
    pub(super) fn take(blobs: &Path) -> Option<Self> {
        let file = directory(blobs).ok()?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
        Some(Self { _file: file })
    }
}

fn directory(path: &Path) -> std::io::Result<File> {
    File::options().read(true).custom_flags(OFlags::DIRECTORY.bits().cast_signed()).open(path)
}

/// How a lock is waited for.
struct Wait<'a> {
    path: &'a Path,
    begin: Instant,
    patience: Duration,
    cancelled: &'a dyn Fn() -> bool,
}

impl Wait<'_> {
    fn until_free(&self, file: &File, operation: FlockOperation) -> Result<(), Error> {
        while let Err(error) = flock(file, operation) {
            if !matches!(error, Errno::WOULDBLOCK | Errno::INTR) {
                return Err(Error::io(LOCK)(error.into()));
            }
            self.pause()?;
        }
        Ok(())
    }

    fn pause(&self) -> Result<(), Error> {
        if (self.cancelled)() {
            return Err(Error::Cancelled);
        }
        if self.begin.elapsed() > self.patience {
            return Err(Error::Locked { path: self.path.to_owned(), waited: self.patience });
        }
        std::thread::sleep(PAUSE);
        Ok(())
    }
}
