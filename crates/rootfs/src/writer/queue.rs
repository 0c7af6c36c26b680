//! Files that are written later, by several threads.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use rayon::prelude::*;

use super::content::{self, Copied};
use super::meta::Creator;
use super::place::create_at;
use super::{LayerWriter, Meta, Open, WriteError, copy_failed};
use crate::{ContentHash, Entry, Kind, LayerManifest, TreePath, beneath};

/// At most this many bytes wait in memory.
const QUEUED_BYTES: u64 = 8 << 20;

/// At most this many files wait.
const QUEUED_FILES: usize = 32 * 1024;

/// Files of one directory that one thread writes in a row.
const BATCH: usize = 128;

/// Stands for the hash of a file that was not read yet.
pub(super) const UNKNOWN: ContentHash = ContentHash::from_bytes([0; 32]);

/// A file that is not written yet.
#[derive(Debug)]
pub(super) struct Later {
    pub(super) source: Source,
    pub(super) expected: Option<ContentHash>,
}

/// Where its content comes from.
pub(super) enum Source {
    Open(Open),
    Bytes(Vec<u8>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(_) => f.write_str("Open"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
        }
    }
}

/// Files of one directory, in order.
struct Batch {
    parent: TreePath,
    files: Vec<(TreePath, Later)>,
}

type Written = Vec<(TreePath, Copied)>;

impl LayerWriter {
    /// Notes a file to be written later; writes all of them when too many wait.
    pub(super) fn enqueue(
        &mut self,
        path: &TreePath,
        meta: &Meta,
        size: u64,
        later: Later,
    ) -> Result<(), WriteError> {
        self.make_room(path)?;
        let content = later.expected.unwrap_or(UNKNOWN);
        self.entries.insert(path.clone(), meta.entry(path, Kind::File { size, content }));
        self.queued_bytes = self.queued_bytes.saturating_add(later.held_bytes());
        self.queue.insert(path.clone(), later);
        if self.queued_bytes > QUEUED_BYTES || self.queue.len() >= QUEUED_FILES {
            self.write_copies()?;
        }
        Ok(())
    }

    /// The file at `path` need not be written any more.
    pub(super) fn unqueue(&mut self, path: &TreePath) {
        if let Some(later) = self.queue.remove(path) {
            self.queued_bytes = self.queued_bytes.saturating_sub(later.held_bytes());
        }
    }

    /// Writes everything that waits. The error is the first one in path order.
    pub(super) fn write_queued(&mut self) -> Result<(), WriteError> {
        self.settle_links()?;
        self.write_copies()
    }

    /// Writes what waits and is not linked.
    pub(super) fn write_copies(&mut self) -> Result<(), WriteError> {
        let queue = std::mem::take(&mut self.queue);
        self.write_all(queue)
    }

    /// Waits for links; what cannot be linked is written later.
    pub(super) fn settle_links(&mut self) -> Result<(), WriteError> {
        if self.linker.is_idle() {
            return Ok(());
        }
        self.is_linked_at_the_end = false;
        let unlinked = self.linker.settle(self.dir.as_fd())?;
        self.queue.extend(unlinked);
        Ok(())
    }

    /// Waits for the links of a layer that will be as `manifest` says. What cannot be linked is copied, and
    /// has the content that it has to have.
    pub(super) fn finish_links(&mut self, manifest: &LayerManifest) -> Result<(), WriteError> {
        let unlinked = self.linker.settle(self.dir.as_fd())?;
        let unlinked = unlinked.into_iter().collect();
        self.write_batches(unlinked, |path| manifest.entry(path)).map(|_| ())
    }

    fn write_all(&mut self, queue: BTreeMap<TreePath, Later>) -> Result<(), WriteError> {
        self.queued_bytes = 0;
        if queue.is_empty() {
            return Ok(());
        }
        let written = self.write_batches(queue, |path| self.entries.get(path))?;
        for (path, Copied { size, content }) in written {
            if let Some(entry) = self.entries.get_mut(&path) {
                entry.kind = Kind::File { size, content };
            }
        }
        Ok(())
    }

    /// What was copied, in path order.
    fn write_batches<'e>(
        &self,
        queue: BTreeMap<TreePath, Later>,
        entry: impl Fn(&TreePath) -> Option<&'e Entry> + Sync,
    ) -> Result<Written, WriteError> {
        let (dir, creator) = (self.dir.as_fd(), self.creator);
        let write = |batch: Batch| write_batch(dir, batch, creator, &entry);
        let written: Vec<Result<Written, WriteError>> =
            batches(queue).into_par_iter().map(write).collect();
        let written: Vec<Written> = written.into_iter().collect::<Result<_, _>>()?;
        Ok(written.into_iter().flatten().collect())
    }
}

impl Later {
    fn held_bytes(&self) -> u64 {
        match &self.source {
            Source::Open(_) => 0,
            Source::Bytes(bytes) => bytes.len() as u64,
        }
    }
}

fn batches(queue: impl IntoIterator<Item = (TreePath, Later)>) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for (path, later) in queue {
        match batches.last_mut() {
            Some(batch) if batch.files.len() < BATCH && path.is_directly_below(&batch.parent) => {
                batch.files.push((path, later));
            }
            _ => {
                let parent = path.parent().unwrap_or_default();
                batches.push(Batch { parent, files: vec![(path, later)] });
            }
        }
    }
    batches
}

fn write_batch<'a>(
    dir: BorrowedFd<'_>,
    batch: Batch,
    creator: Creator,
    entry: impl Fn(&TreePath) -> Option<&'a Entry>,
) -> Result<Written, WriteError> {
    let parent = beneath::open_directory(dir, &batch.parent)
        .map_err(WriteError::io("open", &batch.parent))?;
    let mut buffer = content::buffer();
    let mut written = Vec::with_capacity(batch.files.len());
    for (path, later) in batch.files {
        let Some(entry) = entry(&path) else { continue };
        let mut file = create_at(parent.as_fd(), &path, creator.create_mode(entry))?;
        let copied = write_content(&path, later, &mut file, &mut buffer)?;
        let set = creator.finish_created(file.as_fd(), entry);
        set.map_err(WriteError::io("set owner, mode and attributes of", &path))?;
        written.push((path, copied));
    }
    Ok(written)
}

fn write_content(
    path: &TreePath,
    later: Later,
    file: &mut File,
    buffer: &mut [u8],
) -> Result<Copied, WriteError> {
    let copied = match later.source {
        Source::Bytes(bytes) => content::copy(&mut bytes.as_slice(), file, buffer),
        Source::Open(open) => {
            let source = open();
            let mut source =
                source.map_err(|source| WriteError::Content { path: path.clone(), source })?;
            content::copy_file(&mut source, file, buffer)
        }
    };
    let copied = copied.map_err(|error| copy_failed(error, path))?;
    match later.expected {
        Some(expected) if expected != copied.content => {
            Err(WriteError::Changed { path: path.clone() })
        }
        _ => Ok(copied),
    }
}
