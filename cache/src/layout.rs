//! The store's folders: made once; the version is checked at each start.

use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::Error;
use crate::temporary::replace_file;

/// The version of everything that the crate's documentation draws.
const VERSION: u32 = 1;

const FOLDERS: [&str; 13] = [
    "blobs",
    "blobs/sha256",
    "layers",
    "stat",
    "notes",
    "locks",
    "leases",
    "tmp",
    "stubs",
    "stubs/etc",
    "step-stubs",
    "step-stubs/etc",
    "cache",
];

/// Folders that are made when something is put there.
const LATER: [&str; 3] = ["groups", "ids", "logs"];

/// Everybody may make, rename and remove what is in a folder. See inode(7).
const OTHERS_WRITE: u32 = 0o002;

/// What makes an image layout of the store.
const MARKER: (&str, &[u8]) = ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);

/// Files that a sandbox mounts its own over, where the image has none.
const STUBS: [&str; 5] = [
    "stubs/etc/hosts",
    "stubs/etc/resolv.conf",
    "stubs/etc/hostname",
    "step-stubs/etc/hosts",
    "step-stubs/etc/resolv.conf",
];

/// Refuses a store that is not of this process's user or that everybody may write to, and one in which a link stands
/// for a folder: what is swept, made and removed there would be elsewhere, with the rights of whoever runs this. `root` itself may be a
/// link. What is missing is none.
pub(crate) fn check(root: &Path) -> Result<(), Error> {
    let Ok(metadata) = fs::metadata(root) else { return Ok(()) };
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user {
        return Err(Error::Owner { root: root.into(), owner: metadata.uid(), user });
    }
    if metadata.mode() & OTHERS_WRITE != 0 {
        return Err(Error::Open { root: root.into() });
    }
    for name in FOLDERS.iter().chain(&LATER) {
        let path = root.join(name);
        if fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink()) {
            return Err(Error::Link { path });
        }
    }
    Ok(())
}

/// Makes a new store below `root` or checks the version of the one that is there. A store is made
/// in an order that ends with its version file, so an interrupted start is made again.
///
/// Returns whether somebody removed the folder of the layers: then nothing of them is there that the
/// database speaks of.
pub(crate) fn open(root: &Path) -> Result<bool, Error> {
    check(root)?;
    match fs::read_to_string(root.join("version")) {
        Ok(found) if found.trim() == VERSION.to_string() => remake(root),
        // A power cut right after the store was made.
        Ok(found) if found.trim().is_empty() => create(root).map(|()| false),
        Ok(found) => Err(Error::Version {
            root: root.into(),
            found: found.trim().chars().take(20).collect(),
            known: VERSION,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(root).map(|()| false),
        Err(error) => Err(Error::io("read", root.join("version"))(error)),
    }
}

/// Whether a store of this version is below `root`. Makes nothing.
pub(crate) fn is_there(root: &Path) -> bool {
    let version = fs::read_to_string(root.join("version"));
    version.is_ok_and(|found| found.trim() == VERSION.to_string())
}

fn create(root: &Path) -> Result<(), Error> {
    complete(root)?;
    replace_file(root, &root.join(MARKER.0), MARKER.1)?;
    replace_file(root, &root.join("version"), format!("{VERSION}\n").as_bytes())
}

/// Makes the folders anew that somebody removed: what was in them is missed, and made again.
fn remake(root: &Path) -> Result<bool, Error> {
    let has_layers = root.join("layers").is_dir();
    if !FOLDERS.iter().all(|name| root.join(name).is_dir()) {
        complete(root)?;
    }
    if fs::read(root.join(MARKER.0)).ok().as_deref() != Some(MARKER.1) {
        // Only other programs read it: where there is no room it can be missing.
        drop(replace_file(root, &root.join(MARKER.0), MARKER.1));
    }
    Ok(!has_layers)
}

/// Makes what is missing of the folders and stubs: an earlier version of this program had fewer.
pub(crate) fn complete(root: &Path) -> Result<(), Error> {
    folder(root, 0o700)?;
    for name in FOLDERS {
        folder(&root.join(name), if name.contains("stubs") { 0o755 } else { 0o700 })?;
    }
    for name in STUBS {
        let path = root.join(name);
        fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o644)
            .open(&path)
            .and_then(|mut file| file.flush())
            .map_err(Error::io("create", &path))?;
    }
    Ok(())
}

pub(crate) fn folder(path: &Path, mode: u32) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(Error::io("create", path))
}
