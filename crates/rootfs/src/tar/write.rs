//! Packing: a layer becomes its one canonical tar.
//!
//! The same layer gives the same bytes on every machine:
//! - members in the order of the manifest, whiteouts as `.wh.name`, `.wh..wh..opq` right after an
//!   opaque directory, hard links as links to the first name, directories with a slash at the end;
//! - ustar headers with numeric owners and no names, times in whole seconds; a PAX header in front
//!   only for what ustar cannot say (names of more than 100 bytes that cannot be split or are not
//!   ASCII, long link targets, large numbers, times before 1970, extended attributes);
//! - the root has a member `./` only when it is not root's with mode 0755 and without attributes:
//!   BuildKit and Docker never write one, but without it such a root would be lost;
//! - two empty blocks at the end.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{Receiver, SyncSender};

use rustix::buffer::spare_capacity;
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::retry_on_intr;

use super::header::Header;
use super::{BLOCK, OPAQUE, WHITEOUT};
use crate::read::open_quietly;
use crate::writer::whiteout_entry;
use crate::{Entry, Kind, LayerManifest, Merged, TreePath, beneath};

/// Bytes handed to the output at once.
pub(super) const CHUNK: usize = 1 << 20;

/// Why a layer could not be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file of the layer could not be read.
    #[error("cannot read {path} in the layer")]
    Read {
        /// Its path inside the image.
        path: TreePath,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// A file is not as long as the manifest says: the layer is damaged.
    #[error("{path} is not {expected} bytes long, as the layer's manifest says")]
    Size {
        /// Its path inside the image.
        path: TreePath,
        /// The manifest's size.
        expected: u64,
    },
    /// The name of a file begins with `.wh.`, which in an image's layer means a removed file.
    #[error(
        "{path} cannot be kept in an image: names that begin with .wh. stand for removed files"
    )]
    Reserved {
        /// Its path inside the image.
        path: TreePath,
    },
    /// Whoever asked wants it no more.
    #[error("stopped")]
    Stopped,
    /// The output took no more.
    #[error("cannot write the archive")]
    Write {
        /// What it said.
        #[source]
        source: io::Error,
    },
}

/// Writes the canonical tar of the layer in `dir` to `out`, in pieces of about 1 MiB.
///
/// # Errors
/// When a file cannot be read or is not as long as `manifest` says, a name is one that images
/// reserve, or `out` fails. The content hashes of the manifest are not checked.
pub fn write(
    dir: BorrowedFd<'_>,
    manifest: &LayerManifest,
    out: impl Write,
) -> Result<(), PackError> {
    let mut pack = Pack::new(out);
    for entry in manifest.entries() {
        pack.entry(entry, dir, &entry.path)?;
    }
    pack.finish()
}

/// A tree for [`write_merged`].
#[derive(Clone, Copy, Debug)]
pub struct Tree<'a> {
    /// What it holds.
    pub merged: &'a Merged,
    /// The directories of its layers, lowest first.
    pub layers: &'a [File],
    /// The directory in the archive that it is below; the root for none.
    pub below: &'a TreePath,
}

/// Writes trees as one tar to `out`, in the form of [`write()`].
///
/// # Errors
/// As [`write()`].
pub fn write_merged(trees: &[Tree<'_>], out: impl Write) -> Result<(), PackError> {
    let mut pack = Pack::new(out);
    for Tree { merged, layers, below } in trees {
        for (entry, layer) in &merged.entries {
            let missing = || PackError::Read {
                path: entry.path.clone(),
                source: io::ErrorKind::NotFound.into(),
            };
            let layer = layers.get(*layer).ok_or_else(missing)?.as_fd();
            match below.is_root() {
                true => pack.entry(entry, layer, &entry.path)?,
                false => pack.entry(&moved(entry, below), layer, &entry.path)?,
            }
        }
    }
    pack.finish()
}

/// The entry below another directory.
fn moved(entry: &Entry, below: &TreePath) -> Entry {
    let kind = match &entry.kind {
        Kind::HardLink { target } => Kind::HardLink { target: below.join_path(target) },
        kind => kind.clone(),
    };
    Entry { path: below.join_path(&entry.path), kind, ..entry.clone() }
}

/// Where finished pieces go.
pub(super) enum Output<W> {
    Writer(W),
    /// Another thread gets the buffers themselves, and gives them back. `None` ends a run.
    Thread {
        full: SyncSender<Option<Vec<u8>>>,
        empty: Receiver<Vec<u8>>,
    },
}

impl<W: Write> Output<W> {
    /// Takes what is in `buffer` and leaves an empty one.
    fn take(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Writer(out) => {
                let written = out.write_all(buffer);
                buffer.clear();
                written
            }
            Self::Thread { full, empty } => {
                let mut next = empty.try_recv().unwrap_or_else(|_| room());
                next.clear();
                let sent = full.send(Some(std::mem::replace(buffer, next)));
                sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
            }
        }
    }
}

/// A buffer for one piece.
fn room() -> Vec<u8> {
    Vec::with_capacity(CHUNK + BLOCK)
}

pub(super) struct Pack<W> {
    /// The directory that was opened last, and the layer that it is in.
    parent: Option<(i32, TreePath, OwnedFd)>,
    /// What is not handed to `out` yet.
    buffer: Vec<u8>,
    out: Output<W>,
}

impl<W: Write> Pack<W> {
    fn new(out: W) -> Self {
        Self::to(Output::Writer(out))
    }

    pub(super) fn to(out: Output<W>) -> Self {
        Self { parent: None, buffer: room(), out }
    }

    fn finish(mut self) -> Result<(), PackError> {
        self.buffer.resize(self.buffer.len() + 2 * BLOCK, 0);
        self.end_run()
    }

    /// Hands over what was appended so far.
    pub(super) fn end_run(&mut self) -> Result<(), PackError> {
        self.flush()?;
        let ended = match &mut self.out {
            Output::Writer(out) => out.flush(),
            Output::Thread { full, .. } => {
                full.send(None).map_err(|_| io::ErrorKind::BrokenPipe.into())
            }
        };
        ended.map_err(|source| PackError::Write { source })
    }

    /// Appends what is at `path` in the layer `dir` as `entry`.
    pub(super) fn entry(
        &mut self,
        entry: &Entry,
        dir: BorrowedFd<'_>,
        path: &TreePath,
    ) -> Result<(), PackError> {
        if entry.path.name().starts_with(WHITEOUT) {
            return Err(PackError::Reserved { path: entry.path.clone() });
        }
        if let Some(header) = header(entry) {
            header.write(&mut self.buffer);
        }
        match entry.kind {
            Kind::File { size, .. } => self.content(dir, path, size)?,
            Kind::Directory { opaque: true } => {
                let marker = whiteout_entry(&entry.path.join(OPAQUE));
                let name = marker.path.as_bytes().to_vec();
                plain(&marker, name).write(&mut self.buffer);
            }
            _ => {}
        }
        match self.buffer.len() >= CHUNK {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Appends a file's bytes, filled up to a block.
    fn content(
        &mut self,
        dir: BorrowedFd<'_>,
        path: &TreePath,
        size: u64,
    ) -> Result<(), PackError> {
        if size == 0 {
            return Ok(());
        }
        let mut file = self.open(dir, path)?;
        let failed = |source| PackError::Read { path: path.clone(), source };
        let wrong = || PackError::Size { path: path.clone(), expected: size };
        let mut rest = size;
        let mut at_end = false;
        while rest > 0 {
            if self.buffer.len() >= CHUNK {
                self.flush()?;
            }
            let room = self.buffer.capacity().saturating_sub(self.buffer.len());
            let read = retry_on_intr(|| rustix::io::read(&file, spare_capacity(&mut self.buffer)));
            let length = read.map_err(|error| failed(error.into()))?;
            if length == 0 {
                return Err(wrong());
            }
            rest = rest.checked_sub(length as u64).ok_or_else(wrong)?;
            // Of a regular file less than asked for comes only at its end.
            at_end = length < room;
        }
        if !at_end && file.read(&mut [0]).map_err(failed)? > 0 {
            return Err(wrong());
        }
        let padding = usize::try_from(size.wrapping_neg() % BLOCK as u64).unwrap_or(0);
        self.buffer.resize(self.buffer.len() + padding, 0);
        Ok(())
    }

    fn open(&mut self, dir: BorrowedFd<'_>, path: &TreePath) -> Result<File, PackError> {
        let failed = |source| PackError::Read { path: path.clone(), source };
        let layer = dir.as_raw_fd();
        let is_known = |(known, parent, _): &(i32, TreePath, OwnedFd)| {
            *known == layer && path.is_directly_below(parent)
        };
        if !self.parent.as_ref().is_some_and(is_known) {
            let parent = path.parent().unwrap_or_default();
            let fd = beneath::open_directory(dir, &parent).map_err(failed)?;
            self.parent = Some((layer, parent, fd));
        }
        let parent = self.parent.as_ref().map_or(dir, |(_, _, fd)| fd.as_fd());
        let open = |flags| {
            let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            Ok(openat(parent, path.name(), flags, Mode::empty())?)
        };
        open_quietly(open).map(File::from).map_err(failed)
    }

    fn flush(&mut self) -> Result<(), PackError> {
        self.out.take(&mut self.buffer).map_err(|source| PackError::Write { source })
    }
}

/// The header of `entry`; none for a root that is as every root.
fn header(entry: &Entry) -> Option<Header<'_>> {
    let mut header = plain(entry, entry.path.as_bytes().to_vec());
    match &entry.kind {
        Kind::Directory { .. } if entry.path.is_root() => {
            let usual = (entry.mode, entry.uid, entry.gid) == (0o755, 0, 0);
            if usual && entry.xattrs.is_empty() {
                return None;
            }
            (header.flag, header.name) = (b'5', b"./".to_vec());
        }
        Kind::Directory { .. } => {
            header.flag = b'5';
            header.name.push(b'/');
        }
        Kind::File { size, .. } => header.size = *size,
        Kind::HardLink { target } => (header.flag, header.link) = (b'1', target.as_bytes()),
        Kind::Symlink { target } => (header.flag, header.link) = (b'2', target),
        Kind::CharDevice { major, minor } => {
            (header.flag, header.device) = (b'3', (*major, *minor));
        }
        Kind::BlockDevice { major, minor } => {
            (header.flag, header.device) = (b'4', (*major, *minor));
        }
        Kind::Fifo => header.flag = b'6',
        Kind::Whiteout => {
            let name = [WHITEOUT, entry.path.name()].concat();
            header.name = entry.path.parent().unwrap_or_default().join(&name).as_bytes().to_vec();
        }
    }
    Some(header)
}

/// The header of an empty file with the metadata of `entry`.
fn plain(entry: &Entry, name: Vec<u8>) -> Header<'_> {
    Header { name, link: b"", flag: b'0', size: 0, device: (0, 0), entry, xattrs: &entry.xattrs }
}
