//! The end of a layer: directories get their metadata, the entries become the manifest.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use super::{LayerWriter, WriteError};
use crate::{Entry, Kind, LayerManifest, TreePath, attribute, beneath, tar};

/// A layer all of whose bytes are somewhere, though not yet in its own directory: files that it
/// shares with other layers are still to be linked. Its digest can be computed meanwhile.
#[derive(Debug)]
pub struct Announced {
    /// What the layer will hold.
    pub manifest: Arc<LayerManifest>,
    /// Its directory, with all files that are not linked.
    directory: OwnedFd,
    /// Where the others are, under the same paths.
    linked: BTreeMap<TreePath, Arc<OwnedFd>>,
}

impl Announced {
    /// As [`tar::digest`] of the finished layer.
    ///
    /// # Errors
    /// As [`tar::digest`]; also when the layer was given up and its directory removed.
    pub fn digest(
        &self,
        earlier: Option<tar::Earlier<'_>>,
        stop: tar::Stop<'_>,
    ) -> Result<tar::Digested, tar::PackError> {
        let place = |path: &TreePath| match self.linked.get(path) {
            Some(layer) => layer.as_fd(),
            None => self.directory.as_fd(),
        };
        tar::digest(&self.manifest, earlier, place, stop)
    }
}

impl LayerWriter {
    /// As [`LayerWriter::finish`]. A layer of which files are linked from others is handed to
    /// `announce` before they are: linking many takes long, and what else is to be done with their
    /// bytes can be done at the same time. It may still fail to be finished after that.
    ///
    /// # Errors
    /// As [`LayerWriter::finish`].
    pub fn finish_announced(
        mut self,
        announce: impl FnOnce(Announced),
    ) -> Result<Arc<LayerManifest>, WriteError> {
        self.write_copies()?;
        if self.linker.is_idle() {
            return self.finish().map(Arc::new);
        }
        self.settle()?;
        let entries = std::mem::take(&mut self.entries);
        let manifest = Arc::new(LayerManifest::new(entries.into_values().collect()));
        if let Some(announced) = self.announced(&manifest)? {
            announce(announced);
        }
        self.finish_links(&manifest)?;
        self.finish_directories(&manifest)?;
        Ok(manifest)
    }

    /// `None` when a linked file has another path where it comes from, or is here already.
    fn announced(
        &mut self,
        manifest: &Arc<LayerManifest>,
    ) -> Result<Option<Announced>, WriteError> {
        if !self.is_linked_at_the_end {
            return Ok(None);
        }
        let directory = self.dir.try_clone();
        let directory = directory.map_err(WriteError::io("open", &TreePath::root()))?;
        let linked = std::mem::take(&mut self.shared);
        Ok(Some(Announced { manifest: manifest.clone(), directory, linked }))
    }

    /// Makes the entries those of the manifest. Nothing may be added any more after this.
    pub(super) fn settle(&mut self) -> Result<(), WriteError> {
        self.remove_idle_whiteouts()?;
        self.first_names_have_the_content();
        Ok(())
    }

    /// Nothing may be created any more after this. Deepest first, so that a directory without
    /// permissions closes nothing that is still needed.
    pub(super) fn finish_directories(
        &mut self,
        manifest: &LayerManifest,
    ) -> Result<(), WriteError> {
        self.parent = None;
        let mut directories = manifest.entries().iter().rev().filter(|entry| entry.is_directory());
        directories.try_for_each(|entry| self.finish_directory(entry))
    }

    /// A whiteout in an opaque directory hides nothing, but overlayfs lists its name there.
    fn remove_idle_whiteouts(&mut self) -> Result<(), WriteError> {
        let whiteouts = self.entries.values().filter(|entry| entry.kind == Kind::Whiteout);
        let idle = whiteouts.filter(|entry| self.hides_lower(&entry.path));
        let idle: Vec<TreePath> = idle.map(|entry| entry.path.clone()).collect();
        idle.iter().try_for_each(|path| self.remove_own(path))
    }

    fn finish_directory(&self, entry: &Entry) -> Result<(), WriteError> {
        let fd = beneath::open_directory(self.dir.as_fd(), &entry.path)
            .map_err(WriteError::io("open", &entry.path))?;
        if entry.kind == (Kind::Directory { opaque: true }) {
            attribute::mark_opaque(fd.as_fd()).map_err(WriteError::io("hide", &entry.path))?;
        }
        self.creator
            .finish_open(fd.as_fd(), entry)
            .map_err(WriteError::io("set owner, mode and attributes of", &entry.path))
    }

    /// A manifest keeps a file under the first of its names.
    fn first_names_have_the_content(&mut self) {
        for (current, mut names) in std::mem::take(&mut self.names) {
            let Some(file) = self.entries.get(&current) else { continue };
            let kind = file.kind.clone();
            names.insert(current);
            let first: Option<TreePath> = names.pop_first();
            if let Some(first) = first {
                self.promote(first, names, kind);
            }
        }
    }
}
