//! Work in progress: folders in `tmp/` that vanish with their process, and files that are replaced
//! as a whole.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::lock::lock_file;

/// A folder in `tmp/` that this process alone works in. Dropping it removes the folder; when the
/// process is killed, the next one that opens the store does.
#[derive(Debug)]
pub struct Temporary {
    path: PathBuf,
    /// Open and locked for as long as the folder is in use.
    _lock: File,
}

impl Temporary {
    /// Makes an empty folder, mode 0700.
    pub(crate) fn new(root: &Path) -> Result<Self, Error> {
        let gate = gate(root)?;
        gate.lock_shared().map_err(Error::io("lock", root.join("locks/tmp")))?;
        let folder = tempfile::Builder::new()
            .prefix("")
            .rand_bytes(12)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(root.join("tmp"))
            .map_err(Error::io("create a folder in", root.join("tmp")))?;
        let path = folder.keep();
        let lock = File::open(&path).map_err(Error::io("open", &path))?;
        lock.try_lock().map_err(|error| Error::io("lock", &path)(into_io(error)))?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the folder to `to`, which must not exist or be an empty folder. Atomic. On failure
    /// the folder is removed and the error tells why.
    pub(crate) fn move_to(mut self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)?;
        self.path = PathBuf::new();
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let moved = self.path.as_os_str().is_empty();
        if !moved {
            // What cannot be removed now is removed by the next process.
            drop(fs::remove_dir_all(&self.path));
        }
    }
}

/// Removes every folder of `tmp/` whose process is gone. Does nothing while another process is
/// just making one. Errors are left for the next try: sweeping never stops a command.
pub(crate) fn sweep(root: &Path) {
    let Ok(mut entries) = fs::read_dir(root.join("tmp")) else {
        return;
    };
    let Some(first) = entries.next() else { return };
    let Ok(gate) = gate(root) else { return };
    if gate.try_lock().is_err() {
        return;
    }
    for entry in std::iter::once(first).chain(entries).flatten() {
        let path = entry.path();
        let Ok(folder) = File::open(&path) else {
            continue;
        };
        if folder.try_lock().is_ok() {
            drop(fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path)));
        }
    }
}

/// The lock that keeps sweepers away between the making of a folder and its locking.
fn gate(root: &Path) -> Result<File, Error> {
    lock_file(&root.join("locks/tmp"))
}

/// A new file that nobody but its owner may write, whatever the umask is.
///
/// # Errors
/// When it cannot be made, also because there is one.
pub(crate) fn new_file(path: &Path) -> io::Result<File> {
    File::options().create_new(true).write(true).mode(0o644).open(path)
}

/// Replaces `path` by a file with `content`: readers see the old or the new one, whole. Not
/// flushed to disk.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file =
        tempfile::NamedTempFile::new_in(folder).map_err(Error::io("create a file in", folder))?;
    file.write_all(content).map_err(Error::io("write", path))?;
    file.persist(path).map_err(|error| Error::io("replace", path)(error.error))?;
    Ok(())
}

fn into_io(error: TryLockError) -> io::Error {
    match error {
        TryLockError::Error(error) => error,
        TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
    }
}
