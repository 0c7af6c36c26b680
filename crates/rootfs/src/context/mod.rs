//! The build context: a folder of the host as one layer that can be copied from.
//!
//! A scan looks only at what is wanted, leaves out what the ignore file excludes, and reads only
//! files that the stat index does not know as they are. It takes no part of the context on trust:
//! every path is opened relative to the context's own descriptor without following links, nothing
//! is waited for, and a file that changes while it is read is read again.
//!
//! Owners and extended attributes of context files do not count; sockets are empty files (A11.3).
//!
//! Reading order: [`Wanted`], `demand`, `gather`, `walk`, `leaf`, [`StatIndex`]; [`list`](list()) for who wants to
//! know what is there and no more.

mod demand;
mod filter;
mod gather;
mod index;
mod leaf;
mod list;
mod stamp;
mod walk;
mod wanted;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use lapstrake_parser::ignore_file::{Exclusion, IgnoreFile};
use rustix::fs::{AtFlags, statat};

use self::filter::Filter;
use self::gather::Gathered;
use self::leaf::Leaf;
use self::walk::Walker;
use crate::beneath;
use crate::read::open_file;
use crate::{Entry, Kind, LayerManifest, Timestamp, TreePath, View};

pub use self::index::StatIndex;
pub use self::list::{ContextList, list};
pub use self::wanted::Wanted;

/// What a scan found of a context, and the folder to read it from.
#[derive(Debug)]
pub struct ContextTree {
    /// One layer, the manifest of what was wanted; owners are 0:0, without extended attributes.
    pub view: View,
    dir: OwnedFd,
    ignore: IgnoreFile,
}

/// Why a context could not be scanned.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// A system call failed.
    #[error("cannot {operation} {path} in the build context")]
    Io {
        /// What was tried: a verb.
        operation: &'static str,
        /// On what.
        path: TreePath,
        /// How it failed.
        source: io::Error,
    },
    /// A file did not hold still.
    #[error("{path} in the build context keeps changing while it is read")]
    Changed {
        /// That file.
        path: TreePath,
    },
}

impl ContextError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("make it readable, or list it in .dockerignore if the build does not need it")
            }
            Self::Changed { .. } => Some(
                "stop what writes to it, or list it in .dockerignore if the build does not need it",
            ),
            Self::Io { .. } => None,
        }
    }
}

/// Reads what is `wanted` of the context folder `dir`, less what `ignore` excludes.
///
/// Parents of everything found are in the tree too; what is wanted but does not exist is not. A
/// wanted path that leads through links brings the links and their targets, inside the context.
/// The second result is the stat index to keep for the next scan, when it differs from `known`.
///
/// # Errors
/// When something wanted cannot be read.
pub fn scan(
    dir: OwnedFd,
    wanted: &[Wanted],
    ignore: &IgnoreFile,
    known: &StatIndex,
) -> Result<(ContextTree, Option<StatIndex>), ContextError> {
    scan_at(dir, wanted, ignore, known, stamp::settled_before())
}

/// [`scan`] where the files that were left alone since `settled_before` are remembered.
fn scan_at(
    dir: OwnedFd,
    wanted: &[Wanted],
    ignore: &IgnoreFile,
    known: &StatIndex,
    settled_before: Timestamp,
) -> Result<(ContextTree, Option<StatIndex>), ContextError> {
    let walker = Walker { root: dir.as_fd(), filter: Filter(ignore), known, settled_before };
    let gathered = Gathered::of(&walker, wanted)?;
    let (walked, visits) = gathered.visits();
    let index = known.updated(walked, visits);
    let mut assembly = Assembly::with_capacity(gathered.len());
    gathered.into_leaves().for_each(|leaf| assembly.add(leaf));
    let mut entries = assembly.finish();
    if let Some(root) = entries.first_mut().filter(|entry| entry.path.is_root()) {
        // Of the folder itself only what is in it comes along, as in BuildKit.
        root.mode = 0o755;
    }
    let view = View::new(vec![Arc::new(LayerManifest::new(entries))]);
    Ok((ContextTree { view, dir, ignore: ignore.clone() }, index))
}

impl ContextTree {
    /// Device and inode of the folder.
    ///
    /// # Errors
    /// When the folder cannot be looked at.
    pub fn identity(&self) -> io::Result<(u64, u64)> {
        let found = rustix::fs::fstat(&self.dir)?;
        Ok((found.st_dev, found.st_ino))
    }

    /// Opens the file at `path` for reading: what is there now, following no link and waiting for
    /// nothing. The caller compares its content with the manifest's hash.
    ///
    /// # Errors
    /// When it cannot be opened, or is no regular file any more.
    pub fn open(&self, path: &TreePath) -> io::Result<File> {
        open_file(self.dir.as_fd(), path)
    }

    /// What leaves `path` out of the tree, if it is in the folder and is left out.
    pub fn exclusion(&self, path: &TreePath) -> Option<Exclusion<'_>> {
        let exclusion = self.ignore.exclusion(path.as_bytes())?;
        let folder = beneath::open_directory(self.dir.as_fd(), &path.parent()?).ok()?;
        let found = statat(folder, path.name(), AtFlags::SYMLINK_NOFOLLOW);
        found.is_ok().then_some(exclusion)
    }

    /// The paths directly in the folder as `/name`, wanted or not; none when it cannot be read.
    pub fn names(&self) -> Vec<String> {
        let entries = rustix::fs::Dir::read_from(&self.dir).into_iter().flatten().flatten();
        let names =
            entries.filter_map(|entry| Some(format!("/{}", entry.file_name().to_str().ok()?)));
        names.filter(|name| !matches!(name.as_str(), "/." | "/..")).collect()
    }
}

/// Makes entries of leaves that come in path order.
struct Assembly {
    entries: Vec<Entry>,
    /// Where in `entries` folders are that only lead to what is wanted.
    passages: Vec<usize>,
    first_names: HashMap<(u64, u64), TreePath>,
}

impl Assembly {
    fn with_capacity(capacity: usize) -> Self {
        let entries = Vec::with_capacity(capacity);
        Self { entries, passages: Vec::new(), first_names: HashMap::new() }
    }

    /// Adds a leaf; all but the first name of a file become hard links.
    fn add(&mut self, leaf: Leaf) {
        let Leaf { mut entry, stamp, has_links, is_passage, .. } = leaf;
        if is_passage {
            self.passages.push(self.entries.len());
        }
        if has_links {
            match self.first_names.entry((stamp.device, stamp.inode)) {
                Occupied(first) => entry.kind = Kind::HardLink { target: first.get().clone() },
                Vacant(place) => {
                    place.insert(entry.path.clone());
                }
            }
        }
        self.entries.push(entry);
    }

    /// The entries, without the passages below which nothing is.
    fn finish(mut self) -> Vec<Entry> {
        if self.passages.is_empty() {
            return self.entries;
        }
        let mut stays = vec![true; self.entries.len()];
        let mut passages = self.passages.into_iter().rev().peekable();
        let mut next: Option<&TreePath> = None;
        for (index, (entry, stays)) in self.entries.iter().zip(&mut stays).enumerate().rev() {
            let is_passage = passages.next_if_eq(&index).is_some();
            *stays = !is_passage || next.is_some_and(|next| next.starts_with(&entry.path));
            if *stays {
                next = Some(&entry.path);
            }
        }
        let mut stays = stays.into_iter();
        self.entries.retain(|_| stays.next().unwrap_or(true));
        self.entries
    }
}

/// An I/O error with its subject.
fn failed(operation: &'static str, path: &TreePath, source: io::Error) -> ContextError {
    ContextError::Io { operation, path: path.clone(), source }
}
