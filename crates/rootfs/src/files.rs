//! A merged tree as plain files in a folder of the user's.
//!
//! What is in the folder and not in the tree stays. Of a path that both have, a directory stays with
//! what is in it and takes over mode and time; everything else is replaced as a whole: a file is
//! written under another name and moved there. No link in the folder is followed. Everything
//! belongs to who runs this, so extended attributes that only root may set are left out for others.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, linkat, makedev, mkdirat, mknodat, openat, renameat, statat,
    symlinkat, unlinkat,
};
use rustix::io::Errno;

use crate::read::open_file;
use crate::remove::remove_tree;
use crate::writer::Creator;
use crate::{Entry, Kind, Merged, TreePath, beneath};

/// Why a tree could not be written as files.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A file of a layer cannot be read, or is not as long as the layer's manifest says.
    #[error("cannot read {path} of the image")]
    Read {
        /// Its path in the image.
        path: TreePath,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The folder takes no more.
    #[error("cannot write {path} into the folder")]
    Write {
        /// Its path in the folder.
        path: TreePath,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
}

/// Writes `tree`, whose layers are in the directories `layers`, into `folder`. Not atomic: after an
/// error a part is there, each file of it whole.
///
/// # Errors
/// When a layer cannot be read or the folder not be written.
pub fn write(tree: &Merged, layers: &[File], folder: BorrowedFd<'_>) -> Result<(), FilesError> {
    let mut writing =
        Writing { layers, folder, parent: None, creator: Creator::current(), is_root: is_root() };
    for (entry, layer) in tree.entries.iter().filter(|(entry, _)| !entry.path.is_root()) {
        if let Err(error) = writing.entry(entry, *layer) {
            writing.parent_of(&entry.path).and_then(discard).ok();
            return Err(error);
        }
    }
    // Last, and deepest first: writing changes the time, and a mode may close the way.
    for (entry, _) in tree.entries.iter().rev() {
        if entry.is_directory() && !entry.path.is_root() {
            writing.finish_directory(entry)?;
        }
    }
    Ok(())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The name of what is not finished.
const UNFINISHED: &[u8] = b".lap-unfinished";

struct Writing<'a> {
    layers: &'a [File],
    folder: BorrowedFd<'a>,
    /// The directory that was opened last.
    parent: Option<(TreePath, OwnedFd)>,
    creator: Creator,
    is_root: bool,
}

impl Writing<'_> {
    fn entry(&mut self, entry: &Entry, layer: usize) -> Result<(), FilesError> {
        let path = &entry.path;
        let own = self.owned(entry);
        match &entry.kind {
            Kind::Directory { .. } => self.directory(path).map_err(unwritten(path)),
            Kind::File { size, .. } => self.file(&own, layer, *size),
            Kind::HardLink { target } => self.hard_link(path, target).map_err(unwritten(path)),
            kind => self.special(&own, kind).map_err(unwritten(path)),
        }
    }

    /// The entry as it is when it belongs to who runs this.
    fn owned(&self, entry: &Entry) -> Entry {
        let (uid, gid) = self.creator.ids();
        let mut own = Entry { uid, gid, ..entry.clone() };
        own.xattrs.retain(|xattr| self.is_root || xattr.name.starts_with(b"user."));
        own
    }

    fn directory(&mut self, path: &TreePath) -> io::Result<()> {
        let parent = self.parent_of(path)?;
        match mkdirat(parent, path.name(), Mode::RWXU) {
            Ok(()) => return Ok(()),
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let found = statat(parent, path.name(), AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(found.st_mode).is_dir() {
            return Ok(());
        }
        unlinkat(parent, path.name(), AtFlags::empty())?;
        Ok(mkdirat(parent, path.name(), Mode::RWXU)?)
    }

    fn file(&mut self, entry: &Entry, layer: usize, size: u64) -> Result<(), FilesError> {
        let path = &entry.path;
        let unread = |source| FilesError::Read { path: path.clone(), source };
        let missing = || unread(io::ErrorKind::NotFound.into());
        let directory = self.layers.get(layer).ok_or_else(missing)?;
        let mut source = open_file(directory.as_fd(), path).map_err(unread)?;
        let creator = self.creator;
        let parent = self.parent_of(path).map_err(unwritten(path))?;
        let mut file = create(parent).map_err(unwritten(path))?;
        // Reading and writing are one call of the kernel's, which says no more than what failed.
        let copied = io::copy(&mut source, &mut file).map_err(unwritten(path))?;
        if copied != size {
            let message = format!("it has {copied} bytes in place of {size}");
            return Err(unread(io::Error::new(io::ErrorKind::InvalidData, message)));
        }
        creator.finish_open(file.as_fd(), entry).map_err(unwritten(path))?;
        settle(parent, path.name()).map_err(unwritten(path))
    }

    fn hard_link(&mut self, path: &TreePath, target: &TreePath) -> io::Result<()> {
        let from = beneath::open_directory(self.folder, &target.parent().unwrap_or_default())?;
        let parent = self.parent_of(path)?;
        discard(parent)?;
        linkat(&from, target.name(), parent, UNFINISHED, AtFlags::empty())?;
        settle(parent, path.name())?;
        // Moving a link over another one of the same file does nothing.
        discard(parent)
    }

    /// A link, device or pipe.
    fn special(&mut self, entry: &Entry, kind: &Kind) -> io::Result<()> {
        let creator = self.creator;
        let parent = self.parent_of(&entry.path)?;
        discard(parent)?;
        let node =
            |kind, device| mknodat(parent, UNFINISHED, kind, Mode::RUSR | Mode::WUSR, device);
        match kind {
            Kind::Symlink { target } => symlinkat(target.as_slice(), parent, UNFINISHED)?,
            Kind::CharDevice { major, minor } => {
                node(FileType::CharacterDevice, makedev(*major, *minor))?;
            }
            Kind::BlockDevice { major, minor } => {
                node(FileType::BlockDevice, makedev(*major, *minor))?;
            }
            Kind::Fifo => node(FileType::Fifo, 0)?,
            // A merged tree has none, and the others are seen to elsewhere.
            Kind::Whiteout | Kind::Directory { .. } | Kind::File { .. } | Kind::HardLink { .. } => {
                return Ok(());
            }
        }
        creator.finish_named(parent, UNFINISHED, entry)?;
        settle(parent, entry.path.name())
    }

    fn finish_directory(&self, entry: &Entry) -> Result<(), FilesError> {
        let unwritten = unwritten(&entry.path);
        let open = beneath::open_directory(self.folder, &entry.path);
        open.and_then(|fd| self.creator.finish_open(fd.as_fd(), &self.owned(entry)))
            .map_err(unwritten)
    }

    fn parent_of(&mut self, path: &TreePath) -> io::Result<BorrowedFd<'_>> {
        let known = self.parent.as_ref().is_some_and(|(parent, _)| path.is_directly_below(parent));
        if !known {
            self.parent = None;
            let parent = path.parent().unwrap_or_default();
            let fd = beneath::open_directory(self.folder, &parent)?;
            self.parent = Some((parent, fd));
        }
        Ok(self.parent.as_ref().map_or(self.folder, |(_, fd)| fd.as_fd()))
    }
}

fn create(parent: BorrowedFd<'_>) -> io::Result<File> {
    discard(parent)?;
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(parent, UNFINISHED, flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// Removes what an earlier run did not finish.
fn discard(parent: BorrowedFd<'_>) -> io::Result<()> {
    match unlinkat(parent, UNFINISHED, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Moves what is finished to its place, over whatever is there.
fn settle(parent: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    match renameat(parent, UNFINISHED, parent, name) {
        Err(Errno::ISDIR) => {}
        moved => return Ok(moved?),
    }
    remove_tree(parent, name)?;
    Ok(renameat(parent, UNFINISHED, parent, name)?)
}

fn unwritten(path: &TreePath) -> impl FnOnce(io::Error) -> FilesError {
    let path = path.clone();
    |source| FilesError::Write { path, source }
}

#[cfg(test)]
mod tests;
