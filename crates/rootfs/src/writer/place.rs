//! What a new entry does to what was there: parents copied up, older entries of this layer
//! replaced, hard links kept together.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{Mode, OFlags, mkdirat, openat};

use super::{LayerWriter, Meta, WriteError, copied_up};
use crate::{Entry, Kind, TreePath, beneath, remove};

impl LayerWriter {
    /// What the layers below show at `path` through this one.
    pub(super) fn lower_entry(&self, path: &TreePath) -> Option<&Entry> {
        if !self.knows_lower() || self.hides_lower(path) {
            return None;
        }
        self.lower.entry(path).map(|shown| shown.entry)
    }

    /// Whether a directory of this layer above `path` hides what lower layers have there. Looked
    /// for from the root down: below a directory that this layer lacks it has nothing.
    pub(super) fn hides_lower(&self, path: &TreePath) -> bool {
        let own = |above: TreePath| self.entries.get(&above).map(|entry| &entry.kind);
        let mut kinds = path.ancestors().map_while(own);
        kinds.any(|kind| *kind != Kind::Directory { opaque: false })
    }

    /// Whether the lower layers are known; those of an image's layer are not.
    pub(super) fn knows_lower(&self) -> bool {
        !self.lower.layers().is_empty()
    }

    fn is_own_directory(&self, path: &TreePath) -> bool {
        self.entries.get(path).is_some_and(Entry::is_directory)
    }

    /// [`LayerWriter::raise`] for all directories above `path`, from the top down.
    pub(super) fn raise_parents(
        &mut self,
        path: &TreePath,
        missing: Option<&Meta>,
    ) -> Result<(), WriteError> {
        let mut absent = Vec::new();
        let mut ancestor = path.parent();
        while let Some(directory) = ancestor.filter(|path| !self.is_own_directory(path)) {
            ancestor = directory.parent();
            absent.push(directory);
        }
        absent.iter().rev().try_for_each(|directory| self.raise(directory, missing))
    }

    /// Makes the directory `path`, whose parents are there, part of this layer: copied up, or with
    /// `missing` when there is none.
    pub(super) fn raise(
        &mut self,
        path: &TreePath,
        missing: Option<&Meta>,
    ) -> Result<(), WriteError> {
        if self.is_own_directory(path) {
            return Ok(());
        }
        match (self.entry(path), missing) {
            (Some(lower), _) if lower.is_directory() => {
                let entry = copied_up(lower);
                self.make_directory(path)?;
                self.entries.insert(path.clone(), entry);
                Ok(())
            }
            (Some(_), _) => Err(WriteError::NotDirectory { path: path.clone() }),
            (None, Some(meta)) => self.directory(path, meta),
            (None, None) => Err(WriteError::NoDirectory { path: path.clone() }),
        }
    }

    /// Sees to it that there is a directory of this layer at `path`; the caller sets its entry.
    /// Returns whether it is, or has to be, opaque.
    pub(super) fn make_directory(&mut self, path: &TreePath) -> Result<bool, WriteError> {
        let hid = match self.entries.get(path).map(|entry| &entry.kind) {
            Some(Kind::Directory { opaque }) => return Ok(*opaque),
            Some(Kind::Whiteout) => true,
            Some(_) => {
                let lower = self.lower_entry(path);
                lower.is_some_and(Entry::is_directory)
            }
            None => false,
        };
        self.make_room(path)?;
        let parent = self.parent_of(path)?;
        mkdirat(parent, path.name(), Mode::RWXU).map_err(WriteError::io("make", path))?;
        Ok(hid)
    }

    /// Makes the directories above `path` part of this layer and removes what it has at `path`.
    pub(super) fn make_room(&mut self, path: &TreePath) -> Result<(), WriteError> {
        if path.is_root() {
            return Err(WriteError::Root);
        }
        if self.is_next(path) {
            return Ok(());
        }
        self.raise_parents(path, None)?;
        match self.entries.contains_key(path) {
            true => self.remove_own(path),
            false => Ok(()),
        }
    }

    /// Whether `path` comes behind everything in this layer and lies in or beside the last of it: then its
    /// parent is there and it is not. So it is with nearly every file of a copy.
    fn is_next(&self, path: &TreePath) -> bool {
        let last = self.entries.last_key_value();
        last.is_some_and(|(last, entry)| {
            let has_parent =
                path.is_beside(last) || (entry.is_directory() && path.is_directly_below(last));
            has_parent && path > last
        })
    }

    /// Creates an empty file for `entry`, open for reading and writing.
    pub(super) fn create(&mut self, entry: &Entry) -> Result<File, WriteError> {
        self.make_room(&entry.path)?;
        let mode = self.creator.create_mode(entry);
        let parent = self.parent_of(&entry.path)?;
        create_at(parent, &entry.path, mode)
    }

    /// The held directory above `path`, which must be there.
    pub(super) fn parent_of(&mut self, path: &TreePath) -> Result<BorrowedFd<'_>, WriteError> {
        let known = self.parent.as_ref().is_some_and(|(parent, _)| path.is_directly_below(parent));
        if !known {
            self.parent = None;
            let parent = path.parent().unwrap_or_default();
            let fd = beneath::open_directory(self.dir.as_fd(), &parent)
                .map_err(WriteError::io("open", &parent))?;
            self.parent = Some((parent, fd));
        }
        Ok(self.parent.as_ref().map_or(self.dir.as_fd(), |(_, fd)| fd.as_fd()))
    }

    /// Removes the entries of this layer at and below `path` (below only, for the root).
    pub(super) fn remove_own(&mut self, path: &TreePath) -> Result<(), WriteError> {
        let below = self.entries.range(path..).map(|(path, _)| path);
        let below = below.take_while(|below| below.starts_with(path));
        let gone: Vec<TreePath> = below.filter(|path| !path.is_root()).cloned().collect();
        if gone.is_empty() {
            return Ok(());
        }
        if gone.iter().any(|path| self.shared.contains_key(path)) {
            self.settle_links()?;
        }
        for path in &gone {
            self.forget(path);
        }
        self.parent = self.parent.take().filter(|(parent, _)| !parent.starts_with(path));
        if path.is_root() {
            let removed = remove::remove_content(self.dir.as_fd());
            return removed.map_err(WriteError::io("empty", path));
        }
        let parent = self.parent_of(path)?;
        remove::remove_tree(parent, path.name()).map_err(WriteError::io("replace", path))
    }

    /// Takes the entry at `path` out of all lists. When it was the name that has the content of a
    /// hard-linked file, the next name takes its place.
    fn forget(&mut self, path: &TreePath) {
        self.unqueue(path);
        let shared = self.shared.remove(path);
        match self.entries.remove(path).map(|entry| entry.kind) {
            Some(Kind::HardLink { target }) => {
                if let Some(names) = self.names.get_mut(&target) {
                    names.remove(path);
                }
            }
            Some(kind @ Kind::File { .. }) => {
                let mut names = self.names.remove(path).unwrap_or_default();
                if let Some(first) = names.pop_first() {
                    if let Some(layer) = shared {
                        self.shared.insert(first.clone(), layer);
                    }
                    self.promote(first, names, kind);
                }
            }
            _ => {}
        }
    }
}

/// Creates an empty file in `parent`, open for reading and writing.
pub(super) fn create_at(
    parent: BorrowedFd<'_>,
    path: &TreePath,
    mode: Mode,
) -> Result<File, WriteError> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, path.name(), flags, mode).map(File::from).map_err(WriteError::io("create", path))
}
