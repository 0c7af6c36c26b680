//! Files with several names: in this layer, and shared with an earlier one.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags, linkat, openat, renameat};

use super::linker::Link;
use super::place::create_at;
use super::{LayerWriter, Meta, Open, WriteError, content, copy_failed, meta};
use crate::{Entry, Kind, TreePath, beneath, read, remove};

/// Name of a copy that is about to replace its original; no layer can have such a name.
const TEMPORARY: &[u8] = b".wh.lapstrake-copy";

impl LayerWriter {
    /// Queues a name in this layer for the regular file `entry` of the layer directory `layer`,
    /// for which no byte is copied: its kind, mode, owner, time and attributes stay as `entry`
    /// says. The file may later be replaced or removed here, not changed. Where the file system
    /// cannot link (another file system, too many links), what `copy` opens is copied.
    ///
    /// # Errors
    /// When `entry` is no regular file or the parent is no directory. Later, as
    /// [`LayerWriter::file_later`].
    pub fn link_later(
        &mut self,
        path: &TreePath,
        layer: &Arc<OwnedFd>,
        entry: &Entry,
        copy: Open,
    ) -> Result<(), WriteError> {
        let Kind::File { size, content } = entry.kind else {
            let target = entry.path.clone();
            return Err(WriteError::LinkTarget { path: path.clone(), target });
        };
        self.make_room(path)?;
        let file = Meta::of(entry).entry(path, Kind::File { size, content });
        self.entries.insert(path.clone(), file);
        self.shared.insert(path.clone(), layer.clone());
        self.is_linked_at_the_end &= entry.path == *path;
        let (path, layer, from) = (path.clone(), layer.clone(), entry.path.clone());
        self.linker.add(Link { path, layer, from, copy, content }, self.dir.as_fd())
    }

    /// Gives the file `target` of this layer one more name. `meta`, when given, is put on the
    /// file, and so on all of its names. A target that is no regular file is made once more.
    ///
    /// # Errors
    /// When this layer has no such file or it is a directory, or the file system refuses.
    pub fn hard_link(
        &mut self,
        path: &TreePath,
        target: &TreePath,
        meta: Option<&Meta>,
    ) -> Result<(), WriteError> {
        let missing = || WriteError::LinkTarget { path: path.clone(), target: target.clone() };
        let found = self.entries.get(target).ok_or_else(missing)?;
        let meta = meta.cloned().unwrap_or_else(|| Meta::of(found));
        match found.kind.clone() {
            Kind::Directory { .. } | Kind::Whiteout => Err(missing()),
            Kind::Symlink { target } => self.symlink(path, &meta, &target),
            Kind::CharDevice { major, minor } => self.char_device(path, &meta, major, minor),
            Kind::BlockDevice { major, minor } => self.block_device(path, &meta, major, minor),
            Kind::Fifo => self.fifo(path, &meta),
            Kind::File { .. } => self.link_file(path, target.clone(), &meta),
            Kind::HardLink { target: first } => self.link_file(path, first, &meta),
        }
    }

    /// Makes `first` the name that has the content of a file which is also called `names`.
    pub(super) fn promote(&mut self, first: TreePath, names: BTreeSet<TreePath>, kind: Kind) {
        for name in &names {
            if let Some(entry) = self.entries.get_mut(name) {
                entry.kind = Kind::HardLink { target: first.clone() };
            }
        }
        if let Some(entry) = self.entries.get_mut(&first) {
            entry.kind = kind;
        }
        if !names.is_empty() {
            self.names.insert(first, names);
        }
    }

    /// Gives the file of this layer whose content is noted under `first` the name `path`.
    pub(super) fn link_file(
        &mut self,
        path: &TreePath,
        first: TreePath,
        meta: &Meta,
    ) -> Result<(), WriteError> {
        let is_linked = self.shared.contains_key(&first) && !self.linker.is_idle();
        if is_linked || self.queue.contains_key(&first) {
            self.flush()?;
        }
        let named = self.names.get(&first).is_some_and(|names| names.contains(path));
        if first != *path && !named {
            self.link_new_name(path, &first)?;
        }
        self.change_file(&first, meta)
    }

    fn link_new_name(&mut self, path: &TreePath, first: &TreePath) -> Result<(), WriteError> {
        if first.starts_with(path) {
            // Making room for the name would remove the file.
            let target = first.clone();
            return Err(WriteError::LinkTarget { path: path.clone(), target });
        }
        self.make_room(path)?;
        let from = first.parent().unwrap_or_default();
        let from = beneath::open_directory(self.dir.as_fd(), &from);
        let from = from.map_err(WriteError::io("open", first))?;
        let to = self.parent_of(path)?;
        linkat(from, first.name(), to, path.name(), AtFlags::empty())
            .map_err(WriteError::io("link", path))?;
        let Some(file) = self.entries.get(first) else {
            let target = first.clone();
            return Err(WriteError::LinkTarget { path: path.clone(), target });
        };
        let kind = Kind::HardLink { target: first.clone() };
        self.entries.insert(path.clone(), Entry { path: path.clone(), kind, ..file.clone() });
        self.names.entry(first.clone()).or_default().insert(path.clone());
        Ok(())
    }

    /// Puts `meta` on the written file `first`, and so on all of its names.
    fn change_file(&mut self, first: &TreePath, meta: &Meta) -> Result<(), WriteError> {
        let Some(file) = self.entries.get(first) else { return Ok(()) };
        let changed = meta.entry(first, file.kind.clone());
        if changed == *file {
            return Ok(());
        }
        if self.shared.contains_key(first) {
            self.unshare(first)?;
        }
        let parent = self.parent_of(first)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = openat(parent, first.name(), flags, Mode::empty())
            .map_err(WriteError::io("open", first))?;
        meta::replace_xattrs(fd.as_fd(), &changed)
            .and_then(|()| meta::change_open(fd.as_fd(), &changed))
            .map_err(WriteError::io("set owner, mode and attributes of", first))?;
        let names = self.names.get(first).cloned().unwrap_or_default();
        for name in std::iter::once(first).chain(&names) {
            if let Some(entry) = self.entries.get_mut(name) {
                let (path, kind) = (entry.path.clone(), entry.kind.clone());
                *entry = Entry { path, kind, ..changed.clone() };
            }
        }
        Ok(())
    }

    /// Replaces a file that another layer has as well by a copy, under all of its names.
    fn unshare(&mut self, first: &TreePath) -> Result<(), WriteError> {
        let mut source =
            read::open_file(self.dir.as_fd(), first).map_err(WriteError::io("open", first))?;
        let temporary = first.parent().unwrap_or_default().join(TEMPORARY);
        let mut copy = create_at(self.parent_of(first)?, &temporary, Mode::RUSR | Mode::WUSR)?;
        content::copy_file(&mut source, &mut copy, &mut self.buffer)
            .map_err(|error| copy_failed(error, first))?;
        let parent = self.parent_of(first)?;
        renameat(parent, TEMPORARY, parent, first.name())
            .map_err(WriteError::io("replace", first))?;
        for name in self.names.get(first).cloned().unwrap_or_default() {
            let from =
                beneath::open_directory(self.dir.as_fd(), &first.parent().unwrap_or_default())
                    .map_err(WriteError::io("open", first))?;
            let to = self.parent_of(&name)?;
            remove::remove_tree(to, name.name()).map_err(WriteError::io("replace", &name))?;
            linkat(&from, first.name(), to, name.name(), AtFlags::empty())
                .map_err(WriteError::io("link", &name))?;
        }
        self.shared.remove(first);
        Ok(())
    }
}
