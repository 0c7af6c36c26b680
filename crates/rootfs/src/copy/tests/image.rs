//! An image made of layers in temporary folders, and one made step by step.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use tempfile::TempDir;

use crate::copy::{CopyError, Origin};
use crate::read::open_file;
use crate::{Entry, LayerManifest, LayerWriter, Meta, Timestamp, TreePath, View};

/// A stack of layers on disk.
#[derive(Clone, Default)]
pub(super) struct Image {
    pub(super) view: View,
    folders: Vec<Arc<(Arc<OwnedFd>, TempDir)>>,
}

impl Image {
    /// Writes one more layer; nothing is added when that fails.
    pub(super) fn step(
        &mut self,
        write: impl FnOnce(&mut LayerWriter) -> Result<(), CopyError>,
    ) -> Result<(), CopyError> {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || OwnedFd::from(std::fs::File::open(folder.path()).expect("the folder"));
        let mut writer = LayerWriter::new(open(), self.view.clone()).expect("a writer");
        write(&mut writer)?;
        let manifest = writer.finish();
        let manifest = manifest.map_err(|source| CopyError::Write { index: None, source })?;
        self.view = self.view.with(Arc::new(manifest));
        self.folders.push(Arc::new((Arc::new(open()), folder)));
        Ok(())
    }

    /// Does something with the image's files as the source of a copy.
    pub(super) fn with_origin<T>(&self, links: bool, run: impl FnOnce(&Origin<'_>) -> T) -> T {
        let folders = self.folders.clone();
        let mut origin = Origin::copying(move |layer, path: &TreePath| {
            let folder = folders.get(layer).ok_or(std::io::ErrorKind::NotFound)?;
            open_file(folder.0.as_fd(), path)
        });
        let layers: Vec<_> = self.folders.iter().map(|folder| folder.0.clone()).collect();
        origin.layers = if links { &layers } else { &[] };
        run(&origin)
    }

    /// The topmost layer's manifest and directory.
    pub(super) fn top(&self) -> (&LayerManifest, &Arc<OwnedFd>) {
        let manifest = self.view.layers().last().expect("a layer");
        (manifest, &self.folders.last().expect("a layer").0)
    }

    /// The bytes of the file at `path`, read from its layer.
    pub(super) fn read(&self, path: &TreePath) -> Vec<u8> {
        let shown = self.view.entry(path).expect("an entry");
        let folder = &self.folders[shown.layer].0;
        crate::read::read_file(folder.as_fd(), path, 1 << 20).expect("a file")
    }

    /// Device and inode of the file at `path`.
    pub(super) fn inode(&self, path: &TreePath) -> (u64, u64) {
        use std::os::unix::fs::MetadataExt;
        let shown = self.view.entry(path).expect("an entry");
        let file = open_file(self.folders[shown.layer].0.as_fd(), path).expect("a file");
        let metadata = file.metadata().expect("metadata");
        (metadata.dev(), metadata.ino())
    }

    pub(super) fn entry(&self, path: &str) -> Option<&Entry> {
        self.view.entry(&TreePath::from(path)).map(|shown| shown.entry)
    }
}

/// A small busybox: a few of its folders and files, the way the recorded cases need them.
pub(super) fn busybox() -> Image {
    let mut image = Image::default();
    let time = Timestamp { seconds: 1_400_000_000, nanoseconds: 0 };
    let base = image.step(|writer| {
        let written = (|| {
            for (path, mode) in [("bin", 0o755), ("etc", 0o755), ("tmp", 0o1777), ("var", 0o755)] {
                writer.directory(&TreePath::from(path), &Meta::of_root(mode, time))?;
            }
            for path in ["bin/busybox", "etc/passwd", "etc/group"] {
                let meta = Meta::of_root(0o644, time);
                writer.file(&TreePath::from(path), &meta, &mut path.as_bytes())?;
            }
            Ok(())
        })();
        written.map_err(|source| CopyError::Write { index: None, source })
    });
    base.expect("the base");
    image
}
