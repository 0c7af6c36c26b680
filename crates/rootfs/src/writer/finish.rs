//! The end of a layer: directories get their metadata, the entries become the manifest.

use std::os::fd::AsFd;

use super::{LayerWriter, WriteError};
use crate::{Entry, Kind, LayerManifest, TreePath, attribute, beneath};

impl LayerWriter {
    /// Nothing may be created any more after this.
    pub(super) fn into_manifest(mut self) -> Result<LayerManifest, WriteError> {
        self.remove_idle_whiteouts()?;
        self.first_names_have_the_content();
        self.parent = None;
        for entry in self.entries.values().rev().filter(|entry| entry.is_directory()) {
            self.finish_directory(entry)?;
        }
        Ok(LayerManifest::new(self.entries.into_values().collect()))
    }

    /// A whiteout in an opaque directory hides nothing, but overlayfs lists its name there.
    fn remove_idle_whiteouts(&mut self) -> Result<(), WriteError> {
        let whiteouts = self.entries.values().filter(|entry| entry.kind == Kind::Whiteout);
        let idle = whiteouts.filter(|entry| self.hides_lower(&entry.path));
        let idle: Vec<TreePath> = idle.map(|entry| entry.path.clone()).collect();
        idle.iter().try_for_each(|path| self.remove_own(path))
    }

    /// Deepest first, so that a directory without permissions closes nothing that is still needed.
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
