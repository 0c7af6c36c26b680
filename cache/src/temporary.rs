//! Work in progress: folders and files in `tmp/` that vanish with their process, and files that are replaced as a
//! whole.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use crate::Error;
use crate::lock::{self, lock_file};
use crate::passing::Passing;

/// A folder in `tmp/` that this process alone works in. Dropping it removes the folder; when the
/// process is killed, the next one that opens the store does.
#[derive(Debug)]
pub struct Temporary {
    /// `None` when it was moved.
    made: Option<Passing>,
    /// Open and locked for as long as the folder is in use.
    _lock: File,
}

impl Temporary {
    /// Makes an empty folder, mode 0700.
    pub(crate) fn new(root: &Path) -> Result<Self, Error> {
        let _gate = shared_gate(root)?;
        let folder = tempfile::Builder::new()
            .prefix("")
            .rand_bytes(12)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(root.join("tmp"))
            .map_err(Error::io("create a folder in", root.join("tmp")))?;
        let made = Passing::new(folder.keep());
        let lock = File::open(made.path()).map_err(Error::io("open", made.path()))?;
        own(&lock, made.path())?;
        Ok(Self { made: Some(made), _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.made.as_ref().map_or(Path::new(""), Passing::path)
    }

    /// Moves the folder to `to`, which must not exist or be an empty folder. Atomic. On failure
    /// the folder is removed and the error tells why.
    pub(crate) fn move_to(mut self, to: &Path) -> io::Result<()> {
        fs::rename(self.path(), to)?;
        self.made = None;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(made) = &self.made {
            // What cannot be removed now is removed by the next process.
            drop(fs::remove_dir_all(made.path()));
        }
    }
}

/// Removes every folder and file of `tmp/` whose process is gone. Does nothing while another process is
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
        let Ok(folder) = lock::look(&path) else {
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

/// Sweepers stay away while it lives.
fn shared_gate(root: &Path) -> Result<File, Error> {
    let gate = gate(root)?;
    gate.lock_shared().map_err(Error::io("lock", root.join("locks/tmp")))?;
    Ok(gate)
}

/// Says that this process lives that works in what was just made.
fn own(made: &File, path: &Path) -> Result<(), Error> {
    made.try_lock().map_err(|error| Error::io("lock", path)(error.into()))
}

/// A new file that nobody but its owner may write, whatever the umask is.
///
/// # Errors
/// When it cannot be made, also because there is one.
pub(crate) fn new_file(path: &Path) -> io::Result<File> {
    File::options().create_new(true).write(true).mode(0o644).open(path)
}

/// Replaces `path`, which is in the store at `root`, by a file with `content`: readers see the old or the new one,
/// whole. Not flushed to disk. A killed process leaves nothing beside it, but in `tmp/`.
pub(crate) fn replace_file(root: &Path, path: &Path, content: &[u8]) -> Result<(), Error> {
    let mut file = {
        let _gate = shared_gate(root)?;
        let folder = root.join("tmp");
        let file = tempfile::NamedTempFile::new_in(&folder)
            .map_err(Error::io("create a file in", folder))?;
        own(file.as_file(), file.path())?;
        file
    };
    file.write_all(content).map_err(Error::io("write", path))?;
    file.persist(path).map_err(|error| Error::io("replace", path)(error.error))?;
    Ok(())
}
