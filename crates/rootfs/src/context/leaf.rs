//! One path that a scan came across, and how a file's content is read.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rayon::prelude::*;
use rustix::fs::fstat;

use super::stamp::Stamp;
use super::{ContextError, failed};
use crate::read::open_file;
use crate::{ContentHash, Entry, Kind, Timestamp, TreePath};

/// How often a file may change under the reader before the scan gives up on it.
const ATTEMPTS: usize = 3;
/// Files are read in pieces of at most this many bytes.
const PIECE: usize = 1 << 20;

/// A path of the context and what the scan needs to know of it beside its entry.
pub(super) struct Leaf {
    pub(super) entry: Entry,
    pub(super) stamp: Stamp,
    /// More names of the same file may be elsewhere.
    pub(super) has_links: bool,
    /// Excluded or not wanted itself: it stays only if something below it does.
    pub(super) is_passage: bool,
    /// A file whose content is not known yet; its entry has the hash of nothing.
    pub(super) is_unread: bool,
    /// A file whose hash the stat index had.
    pub(super) is_known: bool,
    /// A file whose hash may go into the next stat index.
    pub(super) is_remembered: bool,
}

/// Reads files of one context.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    /// The context's root.
    pub(super) root: BorrowedFd<'a>,
    /// See [`Stamp::is_settled`].
    pub(super) settled_before: Timestamp,
}

impl Reader<'_> {
    /// Reads all unread files among `leaves`.
    ///
    /// # Errors
    /// When a file cannot be read or keeps changing.
    pub(super) fn read_all(&self, leaves: &mut [Leaf]) -> Result<(), ContextError> {
        let mut unread: Vec<&mut Leaf> = leaves.iter_mut().filter(|leaf| leaf.is_unread).collect();
        // Threads are not woken for nothing or a single file.
        if let [] | [_] = unread.as_slice() {
            return unread.iter_mut().try_for_each(|leaf| self.read(leaf, &mut Vec::new()));
        }
        unread.into_par_iter().try_for_each_init(Vec::new, |buffer, leaf| self.read(leaf, buffer))
    }

    /// Reads one file and puts what it found into `leaf`: stamps are taken before and after, and
    /// only when they agree the content counts.
    fn read(&self, leaf: &mut Leaf, buffer: &mut Vec<u8>) -> Result<(), ContextError> {
        for _ in 0..ATTEMPTS {
            let attempt = read_once(self.root, &leaf.entry.path, buffer);
            let attempt = attempt.map_err(|error| failed("read", &leaf.entry.path, error))?;
            if let Some((stamp, content)) = attempt {
                self.settle(leaf, stamp, content);
                return Ok(());
            }
        }
        Err(ContextError::Changed { path: leaf.entry.path.clone() })
    }

    fn settle(&self, leaf: &mut Leaf, stamp: Stamp, content: ContentHash) {
        leaf.entry.kind = Kind::File { size: stamp.size, content };
        leaf.entry.mode = stamp.mode & 0o7777;
        leaf.entry.mtime = stamp.modified;
        leaf.stamp = stamp;
        leaf.is_unread = false;
        leaf.is_remembered = stamp.is_settled(self.settled_before);
    }
}

/// The stamp and content of a regular file; `None` when it changed meanwhile.
fn read_once(
    root: BorrowedFd<'_>,
    path: &TreePath,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<(Stamp, ContentHash)>> {
    let file = open_file(root, path)?;
    let before = Stamp::of(&fstat(&file)?);
    let Some(content) = hash(file.as_fd(), before.size, buffer)? else { return Ok(None) };
    let after = Stamp::of(&fstat(&file)?);
    Ok((before == after).then_some((before, content)))
}

/// The hash of `file`, or `None` when it does not have exactly `size` bytes.
fn hash(file: BorrowedFd<'_>, size: u64, buffer: &mut Vec<u8>) -> io::Result<Option<ContentHash>> {
    let mut hasher = blake3::Hasher::new();
    let mut total = 0_u64;
    buffer.resize(usize::try_from(size).unwrap_or(PIECE).saturating_add(1).min(PIECE), 0);
    loop {
        let length = fill(file, buffer)?;
        let piece = buffer.get(..length).unwrap_or_default();
        total = total.saturating_add(length as u64);
        match length {
            PIECE => hasher.update_rayon(piece),
            _ => hasher.update(piece),
        };
        if total > size {
            return Ok(None);
        }
        if length < buffer.len() {
            break;
        }
    }
    let content = ContentHash::from_bytes(*hasher.finalize().as_bytes());
    Ok((total == size).then_some(content))
}

/// Reads until the buffer is full or the file ends; returns the number of bytes.
fn fill(file: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match rustix::io::read(file, rest) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}
