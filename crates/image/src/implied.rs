//! Directories that a layer's tar does not name.
//!
//! A tar may hold `usr/bin/tool` without `usr` and `usr/bin`. Each layer is unpacked by itself, so
//! these get root's default metadata there, and overlayfs would show that instead of what a lower
//! layer says about them. Before such a layer is committed they take over the metadata of the
//! lower layers, as containerd and umoci have it.
//!
//! Which directories these are shows in the layer's manifest, with one doubt: a member for a
//! directory of root's with mode 0755 and time 0 looks the same. So when lower layers show another
//! directory there, the tar is read once more for its names. That is not done for the root alone,
//! which most layers do not name.
//!
//! A layer is known by its diff id. When two images have the same layer over different lower
//! layers, the directories that it does not name are as the first of them has it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use lapstrake_cache::Staging;
use lapstrake_ids::explained;
use lapstrake_rootfs::{Entry, Kind, LayerManifest, Timestamp, TreePath, View, decompress};
use rustix::fs::{
    Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags, fchmod, fchown, fsetxattr, futimens,
    openat,
};

use crate::LayerFault;

/// Gives the directories of `staging` that its tar does not name the metadata that `lower` shows
/// for them, on disk and in the manifest. `blob` opens the layer's blob.
///
/// # Errors
/// When the blob cannot be read again, or the file system refuses; then the layer is to be dropped.
pub(crate) fn inherit(
    staging: &Staging,
    manifest: LayerManifest,
    lower: &View,
    blob: impl FnOnce() -> Result<Option<File>, LayerFault>,
) -> Result<LayerManifest, LayerFault> {
    let mut changed = candidates(&manifest, lower);
    if changed.iter().any(|entry| !entry.path.is_root()) {
        let blob = blob()?.ok_or(LayerFault::Missing)?;
        let named = named(blob).map_err(|source| LayerFault::Read { source })?;
        changed.retain(|entry| !named.contains(&entry.path));
    }
    if changed.is_empty() {
        return Ok(manifest);
    }
    let root = staging.open_fs().map_err(LayerFault::Store)?;
    // Deepest first, so that a directory without permissions closes nothing that is still needed.
    for entry in changed.iter().rev() {
        set_metadata(&root, entry).map_err(|source| {
            let path = entry.path.to_string();
            LayerFault::Metadata { path, source }
        })?;
    }
    let entries = manifest.entries().iter().cloned().chain(changed);
    Ok(LayerManifest::new(entries.collect()))
}

/// The directories that could be implied and that `lower` shows with other metadata: their new
/// entries, in order.
fn candidates(manifest: &LayerManifest, lower: &View) -> Vec<Entry> {
    let mut hidden_below: Option<&TreePath> = None;
    let mut found = Vec::new();
    for entry in manifest.entries() {
        if hidden_below.is_some_and(|opaque| entry.path.starts_with(opaque)) {
            continue;
        }
        if entry.kind == (Kind::Directory { opaque: true }) {
            hidden_below = Some(&entry.path);
        }
        if !looks_implied(entry) {
            continue;
        }
        let shown = lower.entry(&entry.path).map(|shown| shown.entry);
        if let Some(below) = shown.filter(|below| below.is_directory()) {
            let inherited = Entry { kind: entry.kind.clone(), ..below.clone() };
            if inherited != *entry {
                found.push(inherited);
            }
        }
    }
    found
}

/// Whether it is as `tar::apply` makes directories that are not named.
fn looks_implied(entry: &Entry) -> bool {
    entry.is_directory()
        && entry.mode == 0o755
        && (entry.uid, entry.gid) == (0, 0)
        && entry.mtime == Timestamp::default()
        && entry.xattrs.is_empty()
}

/// The paths of all members that are directories.
fn named(blob: impl Read + Send) -> io::Result<BTreeSet<TreePath>> {
    let (_, plain) = decompress::reader(blob)?;
    let mut named = BTreeSet::new();
    for member in tar::Archive::new(plain).entries()? {
        let member = member?;
        if member.header().entry_type().is_dir() {
            named.insert(TreePath::clean(&member.path_bytes()));
        }
    }
    Ok(named)
}

/// In this order, because a change of owner takes bits of the mode away.
fn set_metadata(root: &OwnedFd, entry: &Entry) -> io::Result<()> {
    let directory = open(root, &entry.path)?;
    let (uid, gid) = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
    fchown(&directory, Some(uid), Some(gid))
        .map_err(|error| explained(error, entry.uid, entry.gid))?;
    fchmod(&directory, Mode::from_raw_mode(entry.mode))?;
    for xattr in &entry.xattrs {
        fsetxattr(&directory, xattr.name.as_slice(), &xattr.value, XattrFlags::empty())?;
    }
    let Timestamp { seconds, nanoseconds } = entry.mtime;
    let time = Timespec { tv_sec: seconds, tv_nsec: i64::from(nanoseconds) };
    Ok(futimens(&directory, &Timestamps { last_access: time, last_modification: time })?)
}

/// Opens a directory of the layer, name by name and through no link.
fn open(root: &OwnedFd, path: &TreePath) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut directory = openat(root.as_fd(), c".", flags, Mode::empty())?;
    for name in path.components() {
        directory = openat(&directory, name, flags, Mode::empty())?;
    }
    Ok(directory)
}
