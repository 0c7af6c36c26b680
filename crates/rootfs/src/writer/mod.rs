//! The one engine through which every file of a layer is written.
//!
//! A [`LayerWriter`] owns an empty directory, which becomes a layer in overlayfs' form, and knows
//! what the layers below show. It never follows a link on the host: paths are the image's, links
//! in them are resolved beforehand by [`LayerWriter::resolve`] from what is known, and every
//! parent is opened below the directory without following anything.
//!
//! Nothing here is atomic. After an error the directory holds a part of the layer and the writer
//! should be dropped and the directory removed.
//!
//! Modules: `meta` (owner, mode, times), `content` (copying and hashing), `place` (what a new
//! entry does to older ones), `link` (files with several names), `linker` (those that other layers
//! have, linked in parallel), `queue` (files written later, in parallel), `finish` (directories'
//! metadata, the manifest).

mod content;
mod error;
mod finish;
mod link;
mod linker;
mod meta;
mod place;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{FileType, Mode, makedev, mknodat, symlinkat};

pub use error::WriteError;
pub use finish::Announced;
pub use meta::Meta;

use crate::view::{ResolveError, resolve_links};
use crate::{ContentHash, Entry, Kind, LayerManifest, Timestamp, TreePath, View};
use content::CopyError;
use linker::Linker;
pub(crate) use meta::Creator;
use queue::{Later, Source};

/// Opens a file whose content is copied later.
pub type Open = Box<dyn FnOnce() -> io::Result<File> + Send>;

/// Writes one layer. See the module's documentation for its contract.
#[derive(Debug)]
pub struct LayerWriter {
    /// Becomes the layer's directory.
    dir: OwnedFd,
    lower: View,
    entries: BTreeMap<TreePath, Entry>,
    /// Further names of a file of this layer, by the name that has [`Kind::File`].
    names: BTreeMap<TreePath, BTreeSet<TreePath>>,
    /// Files that share their inode with another layer, whose directory this is: their metadata must not
    /// be touched.
    shared: BTreeMap<TreePath, Arc<OwnedFd>>,
    linker: Linker,
    /// Whether all of `shared` is under the same paths there, and none had to be here before the end.
    is_linked_at_the_end: bool,
    queue: BTreeMap<TreePath, Later>,
    queued_bytes: u64,
    /// The directory that was opened last: most entries follow one of the same directory.
    parent: Option<(TreePath, OwnedFd)>,
    creator: Creator,
    buffer: Vec<u8>,
}

impl LayerWriter {
    /// Writes into `dir`, which must be empty and belong to the caller alone, above `lower`.
    ///
    /// The root takes the metadata of the lower root, or is root's with mode 0755 without one.
    ///
    /// # Errors
    /// When owner and mode of `dir` cannot be changed.
    pub fn new(dir: OwnedFd, lower: View) -> Result<Self, WriteError> {
        let root = TreePath::root();
        let creator = Creator::current();
        creator.prepare(dir.as_fd()).map_err(WriteError::io("prepare", &root))?;
        let entry = match lower.entry(&root) {
            Some(shown) => copied_up(shown.entry),
            None => Entry::directory(root.clone(), Timestamp::default()),
        };
        Ok(Self {
            dir,
            lower,
            entries: BTreeMap::from([(root, entry)]),
            names: BTreeMap::new(),
            shared: BTreeMap::new(),
            linker: Linker::default(),
            is_linked_at_the_end: true,
            queue: BTreeMap::new(),
            queued_bytes: 0,
            parent: None,
            creator,
            buffer: content::buffer(),
        })
    }

    /// What is at `path` in this layer over the lower ones, following no link. The content hash
    /// of a file that is still queued is the expected one, or zeros.
    pub fn entry(&self, path: &TreePath) -> Option<&Entry> {
        match self.entries.get(path) {
            Some(Entry { kind: Kind::Whiteout, .. }) => None,
            Some(entry) => Some(entry),
            None => self.lower_entry(path),
        }
    }

    /// What this layer itself has at `path`, whiteouts included.
    pub fn own_entry(&self, path: &TreePath) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Where `path` leads in the merged tree; as [`View::resolve`], of which this is the extension.
    ///
    /// # Errors
    /// As [`View::resolve`].
    pub fn resolve(&self, path: &TreePath, follow_last: bool) -> Result<TreePath, ResolveError> {
        resolve_links(path, follow_last, |path| self.entry(path).map(|entry| &entry.kind))
    }

    /// Makes every directory above `path` part of this layer: one that only lower layers have is
    /// copied up unchanged, a missing one is made with `meta`.
    ///
    /// # Errors
    /// When something else than a directory is in the way, or the file system refuses.
    pub fn make_parents(&mut self, path: &TreePath, meta: &Meta) -> Result<(), WriteError> {
        self.raise_parents(path, Some(meta))
    }

    /// [`LayerWriter::make_parents`] for `path` itself as well.
    ///
    /// # Errors
    /// As [`LayerWriter::make_parents`].
    pub fn make_all(&mut self, path: &TreePath, meta: &Meta) -> Result<(), WriteError> {
        self.raise_parents(path, Some(meta))?;
        self.raise(path, Some(meta))
    }

    /// Makes `path` a directory with `meta`: a directory of this layer takes the metadata over and
    /// keeps its content, anything else of this layer is replaced. What lower layers have in a
    /// directory there shows through, unless this layer had hidden it before.
    ///
    /// # Errors
    /// When the parent is no directory, or the file system refuses.
    pub fn directory(&mut self, path: &TreePath, meta: &Meta) -> Result<(), WriteError> {
        let opaque = self.make_directory(path)?;
        let entry = meta.entry(path, Kind::Directory { opaque });
        self.entries.insert(path.clone(), entry);
        Ok(())
    }

    /// Makes the directory `path` of a lower layer, and those above it, part of this layer as they
    /// are, as overlayfs does before it changes something below. One of this layer stays.
    ///
    /// # Errors
    /// When there is no such directory, or the file system refuses.
    pub fn touch_up(&mut self, path: &TreePath) -> Result<(), WriteError> {
        self.raise_parents(path, None)?;
        self.raise(path, None)
    }

    /// Writes a regular file now and returns the hash of its bytes. Long runs of zeros become
    /// holes.
    ///
    /// # Errors
    /// When the parent is no directory, `content` cannot be read, or the file system refuses.
    pub fn file(
        &mut self,
        path: &TreePath,
        meta: &Meta,
        content: &mut dyn Read,
    ) -> Result<ContentHash, WriteError> {
        let mut entry = meta.entry(path, Kind::File { size: 0, content: queue::UNKNOWN });
        let mut file = self.create(&entry)?;
        let copied = content::copy(content, &mut file, &mut self.buffer)
            .map_err(|error| copy_failed(error, path))?;
        entry.kind = Kind::File { size: copied.size, content: copied.content };
        let set = self.creator.finish_created(file.as_fd(), &entry);
        set.map_err(WriteError::io("set owner, mode and attributes of", path))?;
        self.entries.insert(path.clone(), entry);
        Ok(copied.content)
    }

    /// Queues a regular file that is opened, copied and hashed by several threads, at the latest
    /// in [`LayerWriter::finish`]. `size` is a hint. Until then nothing may change at `path` on
    /// the host but through this writer.
    ///
    /// # Errors
    /// When the parent is no directory. Here or later: when opening, reading or writing fails, or
    /// the bytes do not have the hash `expected` ([`WriteError::Changed`]).
    pub fn file_later(
        &mut self,
        path: &TreePath,
        meta: &Meta,
        size: u64,
        open: Open,
        expected: Option<ContentHash>,
    ) -> Result<(), WriteError> {
        self.enqueue(path, meta, size, Later { source: Source::Open(open), expected })
    }

    /// As [`LayerWriter::file_later`], with the bytes at hand.
    ///
    /// # Errors
    /// As [`LayerWriter::file_later`].
    pub fn bytes_later(
        &mut self,
        path: &TreePath,
        meta: &Meta,
        bytes: Vec<u8>,
    ) -> Result<(), WriteError> {
        let size = bytes.len() as u64;
        self.enqueue(path, meta, size, Later { source: Source::Bytes(bytes), expected: None })
    }

    /// Writes a symbolic link to `target`, which is not looked at. The mode of `meta` does not
    /// count.
    ///
    /// # Errors
    /// When the parent is no directory, or the file system refuses (an empty target).
    pub fn symlink(
        &mut self,
        path: &TreePath,
        meta: &Meta,
        target: &[u8],
    ) -> Result<(), WriteError> {
        self.make_room(path)?;
        let parent = self.parent_of(path)?;
        symlinkat(target, parent, path.name()).map_err(WriteError::io("link", path))?;
        self.named(path, meta, Kind::Symlink { target: target.to_vec() })
    }

    /// Makes a character device; 0:0 is refused, it would be a whiteout.
    ///
    /// # Errors
    /// For impossible numbers, when the parent is no directory, or when the file system or a lack
    /// of privilege refuses.
    pub fn char_device(
        &mut self,
        path: &TreePath,
        meta: &Meta,
        major: u32,
        minor: u32,
    ) -> Result<(), WriteError> {
        if (major, minor) == (0, 0) {
            return Err(WriteError::Device { path: path.clone(), major, minor });
        }
        self.node(path, FileType::CharacterDevice, major, minor)?;
        self.named(path, meta, Kind::CharDevice { major, minor })
    }

    /// Makes a block device.
    ///
    /// # Errors
    /// As [`LayerWriter::char_device`].
    pub fn block_device(
        &mut self,
        path: &TreePath,
        meta: &Meta,
        major: u32,
        minor: u32,
    ) -> Result<(), WriteError> {
        self.node(path, FileType::BlockDevice, major, minor)?;
        self.named(path, meta, Kind::BlockDevice { major, minor })
    }

    /// Makes a named pipe.
    ///
    /// # Errors
    /// When the parent is no directory, or the file system refuses.
    pub fn fifo(&mut self, path: &TreePath, meta: &Meta) -> Result<(), WriteError> {
        self.node(path, FileType::Fifo, 0, 0)?;
        self.named(path, meta, Kind::Fifo)
    }

    /// Hides what lower layers have at `path`. What this layer has there stays, as the image
    /// specification asks: a directory becomes opaque, anything else hides them already. Nothing
    /// is written when nothing would be hidden, as far as the lower layers are known.
    ///
    /// # Errors
    /// For the root, when the parent is no directory, or the file system refuses.
    pub fn whiteout(&mut self, path: &TreePath) -> Result<(), WriteError> {
        match self.entries.get_mut(path) {
            Some(Entry { kind: Kind::Directory { opaque }, .. }) if !path.is_root() => {
                *opaque = true;
                return Ok(());
            }
            Some(_) if !path.is_root() => return Ok(()),
            _ => {}
        }
        if self.hides_lower(path) || (self.knows_lower() && self.lower_entry(path).is_none()) {
            return Ok(());
        }
        self.node(path, FileType::CharacterDevice, 0, 0)?;
        self.entries.insert(path.clone(), whiteout_entry(path));
        Ok(())
    }

    /// Hides everything that lower layers have below the directory `path`, which is made part of
    /// this layer first when it is not.
    ///
    /// # Errors
    /// When it is no directory, or the file system refuses.
    pub fn opaque(&mut self, path: &TreePath) -> Result<(), WriteError> {
        self.touch_up(path)?;
        if let Some(Entry { kind: Kind::Directory { opaque }, .. }) = self.entries.get_mut(path) {
            *opaque = true;
        }
        Ok(())
    }

    /// Takes away what this layer itself wrote at and below `path`, whiteouts included; what lower
    /// layers have there shows again. The root stays, emptied. Nothing there is no error.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn remove(&mut self, path: &TreePath) -> Result<(), WriteError> {
        self.remove_own(path)
    }

    /// Writes all queued files now.
    ///
    /// # Errors
    /// The first of the failures that [`LayerWriter::file_later`] names, in path order.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        self.write_queued()
    }

    /// Writes what is queued, gives the directories their metadata and returns the manifest, which
    /// is the one that [`crate::scan::scan`] would find. Nothing is synced to disk.
    ///
    /// # Errors
    /// As [`LayerWriter::flush`], or when the file system refuses.
    pub fn finish(mut self) -> Result<LayerManifest, WriteError> {
        self.write_queued()?;
        self.settle()?;
        let entries = std::mem::take(&mut self.entries);
        let manifest = LayerManifest::new(entries.into_values().collect());
        self.finish_directories(&manifest)?;
        Ok(manifest)
    }

    /// Creates a device, pipe or whiteout at `path`.
    fn node(
        &mut self,
        path: &TreePath,
        kind: FileType,
        major: u32,
        minor: u32,
    ) -> Result<(), WriteError> {
        const MAJOR_LIMIT: u32 = 1 << 12;
        const MINOR_LIMIT: u32 = 1 << 20;
        if major >= MAJOR_LIMIT || minor >= MINOR_LIMIT {
            return Err(WriteError::Device { path: path.clone(), major, minor });
        }
        self.make_room(path)?;
        let mode = Mode::RUSR | Mode::WUSR;
        let parent = self.parent_of(path)?;
        mknodat(parent, path.name(), kind, mode, makedev(major, minor))
            .map_err(WriteError::io("make the device", path))
    }

    /// Puts the metadata on what was just created at `path`, and notes the entry.
    fn named(&mut self, path: &TreePath, meta: &Meta, kind: Kind) -> Result<(), WriteError> {
        let entry = meta.entry(path, kind);
        let creator = self.creator;
        let set = creator.finish_named(self.parent_of(path)?, path.name(), &entry);
        set.map_err(WriteError::io("set owner, mode and attributes of", path))?;
        self.entries.insert(path.clone(), entry);
        Ok(())
    }
}

/// A lower directory's entry as the entry of the layer that copies it up.
fn copied_up(lower: &Entry) -> Entry {
    Entry { kind: Kind::Directory { opaque: false }, ..lower.clone() }
}

/// A whiteout has no metadata of its own: root's, mode 0, time 0.
pub(crate) fn whiteout_entry(path: &TreePath) -> Entry {
    Entry {
        path: path.clone(),
        kind: Kind::Whiteout,
        mode: 0,
        uid: 0,
        gid: 0,
        mtime: Timestamp::default(),
        xattrs: Vec::new(),
    }
}

fn copy_failed(error: CopyError, path: &TreePath) -> WriteError {
    match error {
        CopyError::Read(source) => WriteError::Content { path: path.clone(), source },
        CopyError::Write(source) => WriteError::io("write", path)(source),
    }
}
