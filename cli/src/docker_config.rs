//! Docker's `config.json` on disk: changed by one process at a time, there as a whole at any moment,
//! readable by its owner only.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use lapstrake_registry::{DockerConfig, DockerConfigEdit, Error, StoredCredentials};
use rustix::fs::{FlockOperation, Gid, Uid, fchown, flock};

use crate::bounded::{self, LIMIT};
use crate::failure::Failure;

/// The file, which no other `lap` changes until this is dropped.
pub(crate) struct Locked {
    /// Where the bytes are: behind a link, its target.
    path: PathBuf,
    bytes: Vec<u8>,
    owner: Option<(u32, u32)>,
    /// The lock, on the folder.
    _folder: File,
}

/// Reads the file; one that is missing is empty, and its folder is made.
pub(crate) fn lock(path: &Path) -> Result<Locked, Failure> {
    let failed = |operation: &str, path: &Path, error: &io::Error| {
        Failure::new(format!("cannot {operation} {}", path.display())).because(error)
    };
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| failed("create", folder, &error))?;
    let locked = File::open(folder).and_then(|folder| {
        flock(&folder, FlockOperation::LockExclusive)?;
        Ok(folder)
    });
    let folder = locked.map_err(|error| failed("lock", folder, &error))?;
    let (bytes, owner) =
        match bounded::file(&path, LIMIT).and_then(|bytes| Ok((bytes, fs::metadata(&path)?))) {
            Ok((bytes, found)) => (bytes, Some((found.uid(), found.gid()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Vec::new(), None),
            Err(error) => return Err(failed("read", &path, &error)),
        };
    Ok(Locked { path, bytes, owner, _folder: folder })
}

impl Locked {
    /// The program that keeps the credentials of `registry`, and how it calls that.
    pub(crate) fn helper(&self, registry: &str) -> Result<Option<(String, String)>, Failure> {
        let found = match self.bytes.is_empty() {
            true => Ok(None),
            false => DockerConfig::parse(&self.bytes).and_then(|config| config.helper(registry)),
        };
        match found.map_err(|error| self.unusable(&error))? {
            Some(StoredCredentials::Helper { program, server }) => Ok(Some((program, server))),
            _ => Ok(None),
        }
    }

    /// Changes the file.
    pub(crate) fn edit(
        self,
        edit: impl FnOnce(&mut DockerConfigEdit) -> Result<(), Error>,
    ) -> Result<(), Failure> {
        let parsed = DockerConfigEdit::parse(&self.bytes);
        let mut config = parsed.map_err(|error| self.unusable(&error))?;
        edit(&mut config).map_err(|error| self.unusable(&error))?;
        self.replace(&config.to_bytes()).map_err(|error| {
            Failure::new(format!("cannot write {}", self.path.display())).because(&error)
        })
    }

    fn unusable(&self, error: &Error) -> Failure {
        Failure::of(error).help(format!("look into {}", self.path.display()))
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut file = tempfile::Builder::new()
            .prefix(".config-")
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(bytes)?;
        if let Some((user, group)) = self.owner {
            // Root may change the file of somebody else, who has to be able to read it afterwards.
            // Others cannot give files away, and need not: it is theirs.
            let _ = fchown(file.as_file(), Some(Uid::from_raw(user)), Some(Gid::from_raw(group)));
        }
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        Ok(())
    }
}
