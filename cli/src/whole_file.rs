//! Files that are there as a whole or not at all.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
use rustix::io::Errno;
use tempfile::NamedTempFile;

/// What the name of a file begins with that is not yet, or not any more, what it is to be.
const UNFINISHED: &str = ".lap-";

/// A file on its way to a path. Until it is kept it has no name where the file system can do that, so that
/// not even a command that is killed leaves it.
pub(crate) struct WholeFile {
    form: Form,
    folder: PathBuf,
}

enum Form {
    Nameless(File),
    Named(NamedTempFile),
}

impl WholeFile {
    /// A new file that comes to `destination`, with the permissions that the umask leaves of `0666`.
    pub(crate) fn new(destination: &Path) -> io::Result<Self> {
        let folder = destination.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let form = match open(&folder, flags, Mode::from_raw_mode(0o666)) {
            Ok(file) => Form::Nameless(file.into()),
            // The file system, or the kernel, has none such (open(2)).
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Form::Named(
                tempfile::Builder::new()
                    .prefix(UNFINISHED)
                    .permissions(Permissions::from_mode(0o666))
                    .tempfile_in(&folder)?,
            ),
            Err(error) => return Err(error.into()),
        };
        Ok(Self { form, folder })
    }

    pub(crate) fn file(&mut self) -> &mut File {
        match &mut self.form {
            Form::Nameless(file) => file,
            Form::Named(file) => file.as_file_mut(),
        }
    }

    /// Puts the file at `destination`, in the place of what is there.
    pub(crate) fn keep(self, destination: &Path) -> io::Result<()> {
        let file = match self.form {
            Form::Named(file) => return Ok(file.persist(destination).map(drop)?),
            Form::Nameless(file) => file,
        };
        let source = format!("/proc/self/fd/{}", file.as_raw_fd());
        let link = |path: &Path| linkat(CWD, &*source, CWD, path, AtFlags::SYMLINK_FOLLOW);
        match link(destination) {
            Err(Errno::EXIST) => {}
            linked => return Ok(linked?),
        }
        // Only a rename replaces what is there, and it needs a name.
        let named = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .make_in(&self.folder, |path| Ok(link(path)?))?;
        Ok(named.into_temp_path().persist(destination)?)
    }
}
