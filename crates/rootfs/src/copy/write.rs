//! Writes a selection into a layer (A11.2 to A11.5).

use std::io::Seek;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::land::{Destination, Ground};
use super::origin::Origin;
use super::select::INLINE_MODE;
use super::selection::{Copied, Item, Selection, Top, Tree, What};
use super::{CopyError, CopySpec, unpack};
use crate::decompress::is_archive;
use crate::tar::{Extract, Limits};
use crate::{Entry, Kind, LayerWriter, Meta, TreePath, WriteError};

/// Writes what was selected for `spec` to its destination in `writer`'s image, item by item, so
/// that a later one sees, and may replace, what an earlier one wrote. Files may be written only
/// when the writer finishes.
///
/// # Errors
/// When a file and a directory meet, links of the destination loop, an archive is damaged, or
/// reading or writing fails. A part may be written then.
pub fn write(
    selection: &Selection<'_>,
    spec: &CopySpec,
    origin: &Origin<'_>,
    writer: &mut LayerWriter,
) -> Result<(), CopyError> {
    let destination = Destination::of(&spec.destination);
    for item in &selection.items {
        let ground = Ground { writer, index: Some(item.source) };
        let mut lander = Lander { ground, spec, origin, destination: &destination, near: 0 };
        lander.land(item)?;
    }
    Ok(())
}

/// Writes one item.
struct Lander<'a> {
    ground: Ground<'a>,
    spec: &'a CopySpec,
    origin: &'a Origin<'a>,
    destination: &'a Destination,
    /// Where in the previous layer's manifest something was found last.
    near: usize,
}

impl<'a> Lander<'a> {
    fn land(&mut self, item: &Item<'_>) -> Result<(), CopyError> {
        match &item.top {
            Top::Inline { name, content } => {
                let meta = self.spec.changed(Meta::of_root(INLINE_MODE, self.spec.made), false);
                let path = self.place_of_single(name, item.source)?;
                self.ground.written(|writer| writer.bytes_later(&path, &meta, content.to_vec()))
            }
            Top::Single { copied, .. } if self.unpack(copied, item.source)? => Ok(()),
            Top::Single { name, copied } => {
                let path = self.place_of_single(name, item.source)?;
                self.put(&path, copied, None)
            }
            Top::Directory(tree) => self.land_tree(tree, item.source),
        }
    }

    /// Makes the place for something that is no directory and has this `name` at its source.
    fn place_of_single(&mut self, name: &[u8], index: usize) -> Result<TreePath, CopyError> {
        let place = self.reach()?;
        let has_directory =
            place.is_root() || self.ground.writer.entry(&place).is_some_and(Entry::is_directory);
        let place = if has_directory { place.join(name) } else { place };
        self.ground.make_parents(&place, &self.spec.parents())?;
        self.clear(&place, index)?;
        Ok(place)
    }

    /// Makes the destination if it is written as a directory, or else what is above it, and
    /// returns where the destination leads.
    fn reach(&mut self) -> Result<TreePath, CopyError> {
        let Destination { path, is_directory } = self.destination;
        let parents = self.spec.parents();
        let parent = path.parent().filter(|_| !is_directory);
        self.ground.make_directory(parent.as_ref().unwrap_or(path), &parents)?;
        self.ground.resolve(path)
    }

    /// Anything but a directory may be replaced.
    fn clear(&self, place: &TreePath, index: usize) -> Result<(), CopyError> {
        match self.ground.writer.entry(place).is_some_and(Entry::is_directory) {
            true => Err(CopyError::IsDirectory { index, path: place.clone() }),
            false => Ok(()),
        }
    }

    fn land_tree(&mut self, tree: &Tree<'_>, index: usize) -> Result<(), CopyError> {
        let (top, is_new) = self.make_top(tree)?;
        for copied in &tree.below {
            let place = top.join(tree.relative(copied));
            if !is_new {
                self.check(&place, copied, index)?;
            }
            let first = match copied.what {
                What::HardLink { first } => tree.below.get(first),
                _ => None,
            };
            let first = first.map(|first| top.join(tree.relative(first)));
            self.put(&place, copied, first.as_ref())?;
        }
        Ok(())
    }

    /// Makes the destination a directory with the time of the source, and returns where it is and
    /// whether it is new. An existing one stays as it is otherwise.
    fn make_top(&mut self, tree: &Tree<'_>) -> Result<(TreePath, bool), CopyError> {
        let mtime = tree.top.map_or(self.spec.made, |top| top.mtime);
        let parents = self.spec.parents();
        let parent = self.destination.path.parent().unwrap_or_default();
        self.ground.make_directory(&parent, &parents)?;
        let top = self.ground.resolve(&self.destination.path)?;
        let is_new = !self.ground.has_directory(&top)?;
        let meta = match self.ground.writer.entry(&top) {
            Some(existing) => Meta { mtime, ..Meta::of(existing) },
            None => self.spec.destination_directory(mtime),
        };
        self.ground.make_parents(&top, &parents)?;
        self.ground.written(|writer| writer.directory(&top, &meta))?;
        Ok((top, is_new))
    }

    /// A directory stays a directory, and anything else does not become one.
    fn check(&self, place: &TreePath, copied: &Copied<'_>, index: usize) -> Result<(), CopyError> {
        match copied.what {
            What::Directory | What::Passage => self.ground.has_directory(place).map(|_| ()),
            _ => self.clear(place, index),
        }
    }

    /// Writes one entry to `place`, where it may be. A hard link is one to `first`.
    fn put(
        &mut self,
        place: &TreePath,
        copied: &Copied<'_>,
        first: Option<&TreePath>,
    ) -> Result<(), CopyError> {
        let entry = copied.shown.entry;
        let is_directory = matches!(copied.what, What::Directory | What::Passage);
        let mut meta = self.spec.of_entry(entry, is_directory);
        match copied.what {
            What::File { size, content } => {
                return self.put_file(place, &meta, copied, (size, content));
            }
            What::Directory => self.keep_attributes(place, &mut meta),
            What::Passage => self.keep_all_but_mode(place, entry, &mut meta),
            _ => {}
        }
        self.ground.written(|writer| match copied.what {
            What::Directory | What::Passage | What::File { .. } => writer.directory(place, &meta),
            What::HardLink { .. } => writer.hard_link(place, first.unwrap_or(place), None),
            What::Symlink { target } => writer.symlink(place, &meta, target),
            What::CharDevice { major, minor } => writer.char_device(place, &meta, major, minor),
            What::BlockDevice { major, minor } => writer.block_device(place, &meta, major, minor),
            What::Fifo => writer.fifo(place, &meta),
        })
    }

    /// Attributes that an existing directory has and the copied one has not stay.
    fn keep_attributes(&self, place: &TreePath, meta: &mut Meta) {
        let Some(existing) = self.ground.writer.entry(place) else { return };
        for xattr in &existing.xattrs {
            if !meta.xattrs.iter().any(|copied| copied.name == xattr.name) {
                meta.xattrs.push(xattr.clone());
            }
        }
    }

    /// An existing directory that only leads to what is copied takes the mode of `entry` as it is
    /// in the source, and nothing else.
    fn keep_all_but_mode(&self, place: &TreePath, entry: &Entry, meta: &mut Meta) {
        if let Some(existing) = self.ground.writer.entry(place) {
            *meta = Meta { mode: entry.mode, ..Meta::of(existing) };
        }
    }

    /// Links a file that a layer has just as it will be; else it is copied when there is time.
    fn put_file(
        &mut self,
        place: &TreePath,
        meta: &Meta,
        copied: &Copied<'_>,
        (size, content): (u64, crate::ContentHash),
    ) -> Result<(), CopyError> {
        let (entry, layer) = (copied.shown.entry, copied.shown.layer);
        if size == 0 {
            // Nothing to read: it may be a socket, which cannot be opened.
            return self.ground.written(|writer| writer.bytes_later(place, meta, Vec::new()));
        }
        let (open, path) = (self.origin.open.clone(), entry.path.clone());
        let copy = Box::new(move || open(layer, &path));
        let file = meta.entry(place, Kind::File { size, content });
        if let Some(directory) = self.twin(&file, entry, layer) {
            return self.ground.written(|writer| writer.link_later(place, directory, &file, copy));
        }
        self.ground.written(|writer| writer.file_later(place, meta, size, copy, Some(content)))
    }

    /// The directory of a layer that has `file` already: its source, or what the same step wrote before.
    ///
    /// Only under the same path: both layers may come to lie in one stack, where overlayfs shows
    /// the inode of either. Under two paths they would look like one file with two names, and
    /// whatever keeps hard links (`tar`, `rsync -H`) would make them one.
    fn twin(&mut self, file: &Entry, source: &Entry, layer: usize) -> Option<&'a Arc<OwnedFd>> {
        if let Some(directory) = self.origin.layers.get(layer)
            && source.path == file.path
            && Meta::of(source) == Meta::of(file)
        {
            return Some(directory);
        }
        let previous = self.origin.previous?;
        let found = previous.manifest.find_near(&file.path, self.near)?;
        self.near = found;
        let is_same = previous.manifest.entries().get(found).is_some_and(|known| known == file);
        is_same.then_some(previous.directory)
    }

    /// Extracts a local archive into the destination, which it makes a directory. Returns whether
    /// `copied` was one: a regular file that begins like an archive, whatever its name (A11.5).
    fn unpack(&mut self, copied: &Copied<'_>, index: usize) -> Result<bool, CopyError> {
        let What::File { size, content } = copied.what else { return Ok(false) };
        if !self.spec.unpack || size == 0 {
            return Ok(false);
        }
        let path = &copied.shown.entry.path;
        let open = |source| CopyError::Open { index, path: path.clone(), source };
        let mut file = (self.origin.open)(copied.shown.layer, path).map_err(open)?;
        if !is_archive(&file) {
            return Ok(false);
        }
        file.rewind().map_err(open)?;
        let place =
            self.ground.make_directory(&self.destination.path, &self.spec.archive_root())?;
        let limits = Limits::for_compressed(size);
        let options = Extract { owner: self.spec.owner, limits, whole: false };
        let read = unpack::extract_hashed(file, self.ground.writer, &place, options);
        match read.map_err(|source| CopyError::Unpack { index, path: path.clone(), source })?
            == content
        {
            true => Ok(true),
            false => {
                let source = WriteError::Changed { path: path.clone() };
                Err(CopyError::Write { index: Some(index), source })
            }
        }
    }
}

impl CopySpec {
    /// What a copy of `entry` has.
    fn of_entry(&self, entry: &Entry, is_directory: bool) -> Meta {
        let meta = Meta::of(entry);
        let meta = if self.keep_owner { meta } else { meta.owned_by(0, 0) };
        self.changed(meta, is_directory)
    }

    /// `meta` after `--chown` and `--chmod`.
    fn changed(&self, meta: Meta, is_directory: bool) -> Meta {
        let (uid, gid) = self.owner.unwrap_or((meta.uid, meta.gid));
        let mode = self.mode.as_ref();
        let mode = mode.map_or(meta.mode, |mode| mode.apply(meta.mode, is_directory));
        Meta { mode, uid, gid, ..meta }
    }
}
