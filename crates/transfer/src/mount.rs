//! A cache mount as an archive: a tar of its folder, with owners, modes, attributes and links, from one
//! store and into another.
//!
//! The archive is any tar; it says nothing of the store. Its root directory, where it has one, is the
//! folder itself.

use std::fs::{self, File};
use std::io::{self, Cursor, Read, Write};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use lapstrake_cache::{CacheFolder, Store};
use lapstrake_image::{Bounded, Packing};
use lapstrake_rootfs::copy::{Origin, subtree};
use lapstrake_rootfs::scan::scan;
use lapstrake_rootfs::tar::{Extract, Tree, extract, write_merged};
use lapstrake_rootfs::{
    ContentHash, Entry, Kind, LayerWriter, Merged, Meta, Timestamp, TreePath, View, read,
};

use crate::Error;

/// What the step sees, in the folder of a cache mount and in one that is to become it.
const DATA: &str = "data";

/// A cache mount that is to take what an archive holds.
#[derive(Clone, Copy, Debug)]
pub struct MountImport<'a> {
    /// Which, and which number it has; it is made where there is none.
    pub mount: (&'a ContentHash, u32),
    /// What the key stands for.
    pub about: &'a str,
    /// Whether what is in the mount stays, but for what the archive has under the same name.
    pub merge: bool,
}

/// What is in a cache mount after an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MountImported {
    /// What is no directory.
    pub files: u64,
    /// Bytes of the files, as they are read.
    pub bytes: u64,
}

/// Writes the cache mount of `key` with this number as a tar, packed as `packing` says: the form in
/// which layers leave, so the same files give the same bytes. Times are whole seconds; sockets are left
/// out, and removed. Waits until nobody uses the mount, and keeps others waiting meanwhile.
///
/// # Errors
/// When the mount is gone, a file, or cannot be read, or `out` fails: then a part is written.
/// [`lapstrake_cache::Error::Cancelled`] when `cancelled` says so while waiting.
pub fn export_mount(
    store: &Store,
    (key, number): (&ContentHash, u32),
    packing: Packing,
    out: &mut dyn Write,
    cancelled: &dyn Fn() -> bool,
) -> Result<(), Error> {
    let held = store.cache_folder_alone(key, number, cancelled)?;
    let (folder, merged) = listed(&held)?.ok_or(Error::NoMount)?;
    let (layers, below) = ([folder], TreePath::root());
    let tree = Tree { merged: &merged, layers: &layers, below: &below };
    packing
        .compress(out, |out| write_merged(&[tree], out).map_err(io::Error::other))
        .map_err(|source| Error::PackMount { source })
}

/// Puts what `archive`, a tar, compressed or not, holds into a cache mount. The archive is not trusted:
/// nothing of it is written elsewhere, devices are refused, and it is bounded as layers are. The mount
/// changes at once, when everything was read and written; before, and when that fails, it is as it was.
/// Waits until nobody uses the mount: to replace it at the end, else at the beginning.
///
/// # Errors
/// When the archive is empty, damaged, hostile or too large, or the store cannot be written.
/// [`lapstrake_cache::Error::Cancelled`] when `cancelled` says so while waiting.
pub fn import_mount(
    store: &Store,
    import: &MountImport<'_>,
    archive: impl Read + Send,
    cancelled: &dyn Fn() -> bool,
) -> Result<MountImported, Error> {
    let archive = beginning(archive)?;
    let (key, number) = import.mount;
    let hold = || store.cache_folder_alone(key, number, cancelled);
    let held = if import.merge { Some(hold()?) } else { None };
    let staging = store.temporary()?;
    let folder = File::open(staging.path()).map_err(Error::io("open a folder of the store"))?;
    let writing = |source| Error::WriteMount { source };
    let mut writer = LayerWriter::new(folder.into(), View::default()).map_err(writing)?;
    let data = TreePath::from(DATA);
    let present = held.as_ref().map(listed).transpose()?.flatten();
    match present {
        Some((folder, merged)) => copy(folder, merged, &data, &mut writer)?,
        None => {
            let meta = meta(&store.root().join("cache").join(format!("{key}.{number}")));
            writer.directory(&data, &meta).map_err(writing)?;
        }
    }
    let archive = Bounded::new(archive).map_err(Error::io("read the archive"))?;
    let options = Extract { whole: true, ..Extract::default() };
    extract(archive, &mut writer, &data, options)
        .map_err(|source| Error::UnpackMount { source })?;
    let manifest = writer.finish().map_err(writing)?;
    let held = match held {
        Some(held) => held,
        None => hold()?,
    };
    held.replace(staging.path(), import.about)?;
    Ok(counted(manifest.entries()))
}

/// The folder of a cache mount and what is in it; `None` when it was never filled.
fn listed(held: &CacheFolder) -> Result<Option<(File, Merged)>, Error> {
    let path = held.data();
    let reading = Error::io("open the cache mount");
    let metadata = match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata.map_err(Error::io("examine the cache mount"))?,
    };
    if !metadata.is_dir() {
        return Err(Error::FileMount);
    }
    let folder = File::open(&path).map_err(reading)?;
    let manifest = scan(folder.as_fd()).map_err(|source| Error::ScanMount { source })?;
    let merged = Merged::of(&View::new(vec![Arc::new(manifest)]));
    Ok(Some((folder, merged)))
}

/// Writes what the mount holds to `data`. Files are copied: those of the mount may be written to.
fn copy(
    folder: File,
    merged: Merged,
    data: &TreePath,
    writer: &mut LayerWriter,
) -> Result<(), Error> {
    let entries: Vec<Entry> = merged.entries().map(|(entry, _)| entry.clone()).collect();
    let view = View::new(vec![Arc::new(lapstrake_rootfs::LayerManifest::new(entries))]);
    let origin = Origin::copying(move |_, path| read::open_file(folder.as_fd(), path));
    let copying = |source| Error::CopyMount { source };
    let whole = subtree(&view, &TreePath::root()).map_err(copying)?;
    whole.write(data, &origin, writer).map_err(copying)
}

/// Mode and owner of what the folder shows now; those that an empty mount begins with where it shows
/// nothing.
fn meta(folder: &Path) -> Meta {
    let meta = Meta::of_root(0o755, Timestamp::default());
    match fs::symlink_metadata(folder.join(DATA)).ok().filter(fs::Metadata::is_dir) {
        Some(found) => {
            Meta { mode: found.mode() & 0o7777, ..meta }.owned_by(found.uid(), found.gid())
        }
        None => meta,
    }
}

/// The same archive, which has a beginning.
fn beginning<R: Read>(mut archive: R) -> Result<impl Read + use<R>, Error> {
    let mut first = Vec::with_capacity(1);
    let read = archive.by_ref().take(1).read_to_end(&mut first);
    match read.map_err(Error::io("read the archive"))? {
        0 => Err(Error::EmptyArchive),
        _ => Ok(Cursor::new(first).chain(archive)),
    }
}

fn counted(entries: &[Entry]) -> MountImported {
    let mut imported = MountImported { files: 0, bytes: 0 };
    for entry in entries {
        imported.files += u64::from(!matches!(entry.kind, Kind::Directory { .. }));
        if let Kind::File { size, .. } = entry.kind {
            imported.bytes = imported.bytes.saturating_add(size);
        }
    }
    imported
}
