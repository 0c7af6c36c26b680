//! A cache in a folder: opening what may be hostile, and changing what others change as well.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lapstrake_oci::{Descriptor, Digest, Index, MAX_DOCUMENT_SIZE, MediaType};
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use tempfile::NamedTempFile;

use crate::Error;
use crate::place::document;

/// What names a manifest in the index of a layout (image-spec, annotations.md).
pub(crate) const NAME: &str = "org.opencontainers.image.ref.name";

/// What makes a folder a layout (image-spec, image-layout.md).
const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

const LAYOUT_FILE: &str = "oci-layout";
const INDEX_FILE: &str = "index.json";

/// What fails, as an infinitive.
pub(crate) const WRITE: &str = "write the cache";

/// Between two looks whether a lock is free. It is held for one small file.
const PAUSE: Duration = Duration::from_millis(10);

pub(crate) fn blobs(folder: &Path) -> PathBuf {
    folder.join("blobs/sha256")
}

pub(crate) fn blob_path(folder: &Path, digest: &Digest) -> PathBuf {
    blobs(folder).join(digest.hex())
}

/// Opens a blob. Never waits: a pipe, device or socket in its place is an error.
pub(crate) fn open_blob(folder: &Path, digest: &Digest) -> Result<File, Error> {
    open(&blob_path(folder, digest), OpenOptions::new().read(true))?
        .map_err(|source| Error::Read { digest: *digest, source })
}

/// Whether a blob of that size is there.
pub(crate) fn has(folder: &Path, blob: &Descriptor) -> bool {
    let found = fs::metadata(blob_path(folder, &blob.digest));
    found.is_ok_and(|found| found.is_file() && found.len() == blob.size)
}

/// Makes the folder a layout if it is none.
pub(crate) fn begin(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(blobs(folder)).map_err(Error::io(WRITE))?;
    let path = folder.join(LAYOUT_FILE);
    if path.exists() {
        return Ok(());
    }
    // Who comes second leaves it alone: the first one may have locked it already.
    match written(folder, LAYOUT)?.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => {
            Err(Error::io(WRITE)(error.error))
        }
        _ => Ok(()),
    }
}

/// The index of a layout.
pub(crate) fn index(folder: &Path) -> Result<Index, Error> {
    let file = match open(&folder.join(INDEX_FILE), OpenOptions::new().read(true))? {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::NotThere { folder: folder.to_owned(), tag: INDEX_FILE.to_owned() });
        }
        file => file.map_err(Error::io("open index.json"))?,
    };
    let mut bytes = Vec::new();
    let limit = MAX_DOCUMENT_SIZE as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).map_err(Error::io("read index.json"))?;
    Index::parse(&bytes).map_err(document(INDEX_FILE))
}

/// Lets `tag` stand for the manifest `entry`; other tags stay, also those that other processes write
/// at the same time. Atomic. [`begin`] was called.
///
/// # Errors
/// [`Error::Cancelled`] when `cancelled` says so while another process has the lock.
pub(crate) fn name(
    folder: &Path,
    tag: &str,
    mut entry: Descriptor,
    cancelled: &dyn Fn() -> bool,
) -> Result<(), Error> {
    entry.annotations.insert(NAME.to_owned(), tag.to_owned());
    let _lock = lock(folder, cancelled)?;
    let mut index = match index(folder) {
        Err(Error::NotThere { .. }) => Index::new(MediaType::OciIndex, Vec::new()),
        other => other?,
    };
    index.manifests.retain(|known| known.annotations.get(NAME).is_none_or(|name| name != tag));
    index.manifests.push(entry);
    let bytes = index.to_bytes().map_err(document(INDEX_FILE))?;
    let file = written(folder, &bytes)?;
    file.persist(folder.join(INDEX_FILE)).map_err(|error| Error::io(WRITE)(error.error))?;
    Ok(())
}

/// Waits until nobody else changes the index. Dropped, the lock is free again.
///
/// It lies on `oci-layout`: every layout has one and nothing replaces it, so that no further file
/// stays behind in the folder. On the folder itself a script might have one around the whole build
/// (`flock DIRECTORY lap build …`), which would wait for itself.
fn lock(folder: &Path, cancelled: &dyn Fn() -> bool) -> Result<File, Error> {
    const LOCK: &str = "lock the cache";
    let path = folder.join(LAYOUT_FILE);
    loop {
        // NFS locks what is open for writing only.
        let file = match open(&path, OpenOptions::new().read(true).write(true))? {
            Err(_) => open(&path, OpenOptions::new().read(true))?.map_err(Error::io(LOCK))?,
            Ok(file) => file,
        };
        while let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if !matches!(error, Errno::WOULDBLOCK | Errno::INTR) {
                return Err(Error::io(LOCK)(error.into()));
            }
            if cancelled() {
                return Err(Error::Cancelled);
            }
            std::thread::sleep(PAUSE);
        }
        // Another program may have written the layout anew meanwhile.
        let (held, found) = (file.metadata(), fs::metadata(&path));
        let (held, found) = (held.map_err(Error::io(LOCK))?, found.map_err(Error::io(LOCK))?);
        if (held.dev(), held.ino()) == (found.dev(), found.ino()) {
            return Ok(file);
        }
        if cancelled() {
            return Err(Error::Cancelled);
        }
    }
}

/// A regular file. Whoever writes the folder may have put anything there: to open a pipe waits for
/// its other end, and to open a device may do something, so both are not even tried.
fn open(path: &Path, options: &mut OpenOptions) -> Result<io::Result<File>, Error> {
    let refused = || Error::NotRegular { path: path.to_owned() };
    let regular = |found: fs::Metadata| if found.is_file() { Ok(()) } else { Err(refused()) };
    match fs::metadata(path) {
        Ok(found) => regular(found)?,
        Err(error) => return Ok(Err(error)),
    }
    // It may have been exchanged since. O_CLOEXEC is always set.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let opened = options.custom_flags(flags).open(path);
    let opened = opened.and_then(|file| Ok((file.metadata()?, file)));
    match opened {
        Ok((found, file)) => regular(found).map(|()| Ok(file)),
        Err(error) => Ok(Err(error)),
    }
}

/// A file with these bytes that has no name for others yet.
fn written(folder: &Path, bytes: &[u8]) -> Result<NamedTempFile, Error> {
    let mut file =
        tempfile::Builder::new().prefix(".lap-").tempfile_in(folder).map_err(Error::io(WRITE))?;
    file.write_all(bytes).map_err(Error::io(WRITE))?;
    let readable = Permissions::from_mode(0o644);
    file.as_file().set_permissions(readable).map_err(Error::io(WRITE))?;
    Ok(file)
}

#[cfg(test)]
mod tests;
