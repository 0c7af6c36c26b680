//! An OCI image layout in a folder, which may hold anything and which others may write at the same time.
//!
//! ```text
//! oci-layout       locked by whoever changes index.json, for as long as that takes
//! index.json       replaced as a whole
//! blobs/sha256/    a blob is there as a whole or not at all; locked (shared) by whoever writes blobs that
//!                  index.json does not lead to yet, and (alone) by whoever removes such blobs
//! ```

mod file;
mod lock;
mod reset;

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use lapstrake_oci::{Descriptor, Digest, Index, MAX_DOCUMENT_SIZE, MediaType};
use tempfile::NamedTempFile;

use crate::Error;
use lock::PATIENCE;

pub use lock::Writing;
pub use reset::Reset;

/// What makes a folder a layout (image-spec, image-layout.md).
pub(crate) const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

const LAYOUT_FILE: &str = "oci-layout";
const INDEX_FILE: &str = "index.json";

/// What names a manifest in the index of a layout (image-spec, annotations.md).
const NAME: &str = "org.opencontainers.image.ref.name";
/// The whole name, with the registry, as containerd writes it.
const FULL_NAME: &str = "io.containerd.image.name";

/// What the names of files begin with that are none yet.
const UNFINISHED: &str = ".lap-";

/// What fails, as an infinitive.
const WRITE: &str = "write the image layout";

/// A folder that is a layout, or is to be one. Nothing is opened before it is asked for.
#[derive(Clone, Debug)]
pub struct LayoutFolder {
    path: PathBuf,
}

/// Reading. Never waits: a pipe, device or socket in the place of a file is an error.
impl LayoutFolder {
    /// The one at `path`.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its index; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn index(&self) -> Result<Option<Index>, Error> {
        let path = self.path.join(INDEX_FILE);
        let file = match file::open(&path, File::options().read(true))? {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(Error::io("open the folder's index.json"))?,
        };
        let mut bytes = Vec::new();
        file.take(MAX_DOCUMENT_SIZE as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(Error::io("read the folder's index.json"))?;
        let index = Index::parse(&bytes);
        index.map(Some).map_err(Error::document("the folder's index.json"))
    }

    /// Opens a blob, which is not checked.
    ///
    /// # Errors
    /// When it is not there, or no regular file.
    pub fn open_blob(&self, digest: &Digest) -> Result<io::Result<File>, Error> {
        file::open(&self.blob(digest), File::options().read(true))
    }

    /// Whether a blob of that size is there.
    pub fn has(&self, blob: &Descriptor) -> bool {
        let found = fs::metadata(self.blob(&blob.digest));
        found.is_ok_and(|found| found.is_file() && found.len() == blob.size)
    }

    fn blobs(&self) -> PathBuf {
        self.path.join("blobs/sha256")
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }
}

/// Writing: blobs first, their name last.
impl LayoutFolder {
    /// Makes the folder a layout if it is none. While the result lives, nobody who uses this type removes
    /// blobs that have no name yet.
    ///
    /// # Errors
    /// When it cannot be made; [`Error::Cancelled`] when `cancelled` says so while somebody removes.
    pub fn begin(&self, cancelled: &dyn Fn() -> bool) -> Result<Writing, Error> {
        fs::create_dir_all(self.blobs()).map_err(Error::io(WRITE))?;
        let writing = Writing::join(&self.blobs(), cancelled)?;
        let path = self.path.join(LAYOUT_FILE);
        if path.exists() {
            return Ok(writing);
        }
        // Who comes second leaves it alone: the first one may have locked it already.
        match self.written(LAYOUT)?.persist_noclobber(path) {
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => {
                Err(Error::io(WRITE)(error.error))
            }
            _ => Ok(writing),
        }
    }

    /// A file that can become a blob. Dropped, it is gone.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn scratch(&self) -> Result<NamedTempFile, Error> {
        unfinished(&self.blobs())
    }

    /// Makes the file the blob `digest`, whose bytes it has, in the place of one that is there. Atomic.
    ///
    /// # Errors
    /// When it cannot be renamed.
    pub fn put(&self, file: NamedTempFile, digest: &Digest) -> Result<(), Error> {
        readable(&file)?;
        file.persist(self.blob(digest)).map_err(|error| Error::io(WRITE)(error.error))?;
        Ok(())
    }

    /// Adds entries to the index, in the place of those that have their names; others stay, also those that
    /// other processes write at the same time. Atomic. [`LayoutFolder::begin`] was called.
    ///
    /// # Errors
    /// When there is an index that is none, or it cannot be written; [`Error::Cancelled`] when `cancelled`
    /// says so while another process has the lock, [`Error::Locked`] when it has it for long.
    pub fn name(
        &self,
        entries: Vec<Descriptor>,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        let _lock = lock::index(&self.path.join(LAYOUT_FILE), PATIENCE, cancelled)?;
        let index = self.index()?;
        let mut index = index.unwrap_or_else(|| Index::new(MediaType::OciIndex, Vec::new()));
        index.manifests.retain(|known| !entries.iter().any(|entry| replaces(entry, known)));
        index.manifests.extend(entries);
        let bytes = index.to_bytes().map_err(Error::document("the folder's index.json"))?;
        let file = self.written(&bytes)?;
        file.persist(self.path.join(INDEX_FILE)).map_err(|error| Error::io(WRITE)(error.error))?;
        Ok(())
    }

    /// A file with these bytes that has no name for others yet.
    fn written(&self, bytes: &[u8]) -> Result<NamedTempFile, Error> {
        let mut file = unfinished(&self.path)?;
        file.write_all(bytes).map_err(Error::io(WRITE))?;
        readable(&file)?;
        Ok(file)
    }
}

/// The entry with which a manifest has the name `tag` in an index.
pub fn tagged(mut manifest: Descriptor, tag: &str) -> Descriptor {
    manifest.annotations.insert(NAME.to_owned(), tag.to_owned());
    manifest
}

/// Whether an entry of an index has the name `tag`.
pub fn has_tag(entry: &Descriptor, tag: &str) -> bool {
    entry.annotations.get(NAME).is_some_and(|name| name == tag)
}

/// Whether an entry is for the name that another one has; of those without a name, for the same
/// image.
fn replaces(entry: &Descriptor, known: &Descriptor) -> bool {
    let name =
        |entry: &Descriptor| [FULL_NAME, NAME].map(|key| entry.annotations.get(key).cloned());
    match (name(entry), name(known)) {
        ([None, None], [None, None]) => entry.digest == known.digest,
        ([Some(full), _], [Some(other), _]) => full == other,
        ([None, tag], [_, other]) | ([_, tag], [None, other]) => tag.is_some() && tag == other,
    }
}

fn unfinished(folder: &Path) -> Result<NamedTempFile, Error> {
    let file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder);
    file.map_err(Error::io(WRITE))
}

/// Gives a temporary file, which is its maker's alone, the mode of files that others may read.
fn readable(file: &NamedTempFile) -> Result<(), Error> {
    let mode = Permissions::from_mode(0o644);
    file.as_file().set_permissions(mode).map_err(Error::io(WRITE))
}

#[cfg(test)]
mod tests;
