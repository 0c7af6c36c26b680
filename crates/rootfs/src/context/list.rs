//! What a context holds, from its folders alone: no file is opened, nothing is hashed.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lapstrake_parser::ignore_file::{IgnoreFile, ParentMatch};
use rayon::prelude::*;
use rustix::fs::{AtFlags, FileType, statat};
use rustix::io::Errno;

use super::filter::Filter;
use super::leaf::Leaf;
use super::walk::{Listing, Place, add_leaf};
use super::{Assembly, ContextError, failed};
use crate::beneath::open_directory;
use crate::{LayerManifest, TreePath, View};

/// What a context holds.
#[derive(Clone, Debug)]
pub struct ContextList {
    /// All that can be copied, as one layer. The hashes of files are those of nothing.
    pub view: View,
    /// What the ignore file leaves out, in path order. A folder of which nothing can be brought back
    /// stands for all that is in it; others are not named, what is left out of them is.
    pub hidden: Arc<[TreePath]>,
}

/// Where names are added up, and where that ends.
struct Budget {
    used: AtomicUsize,
    most: usize,
}

/// A folder that is to be listed.
struct Folder {
    path: TreePath,
    known: ParentMatch,
}

/// What was found in a folder.
#[derive(Default)]
struct Found {
    leaves: Vec<Leaf>,
    hidden: Vec<TreePath>,
    folders: Vec<Folder>,
}

/// Lists the context folder `root`, less what `ignore` leaves out; nothing when it holds more than
/// `most` paths, folders that nothing can be taken from counted as one.
///
/// # Errors
/// When a folder in it cannot be read.
pub fn list(
    root: BorrowedFd<'_>,
    ignore: &IgnoreFile,
    most: usize,
) -> Result<Option<ContextList>, ContextError> {
    let filter = Filter(ignore);
    let budget = Budget { used: AtomicUsize::new(0), most };
    let top = TreePath::root();
    let mut leaves = Vec::new();
    let stat = rustix::fs::fstat(root).map_err(|error| failed("stat", &top, error.into()))?;
    let place = Place { directory: root, name: b".", is_passage: false };
    add_leaf(place, top.clone(), None, &stat, &mut leaves)?;
    let mut hidden = Vec::new();
    let mut level = vec![Folder { known: filter.inside(&top), path: top }];
    // Level by level, so that no depth of nesting can exhaust the stack or descriptors.
    while !level.is_empty() {
        let visit = |folder: &Folder| visit(root, folder, filter, &budget);
        // Threads are not woken for a single folder.
        let visited: Vec<Found> = match level.as_slice() {
            [one] => vec![visit(one)?],
            many => many.par_iter().map(visit).collect::<Result<_, _>>()?,
        };
        if budget.used.load(Ordering::Relaxed) > most {
            return Ok(None);
        }
        level = Vec::new();
        for found in visited {
            leaves.extend(found.leaves);
            hidden.extend(found.hidden);
            level.extend(found.folders);
        }
    }
    leaves.sort_by(|a, b| a.entry.path.cmp(&b.entry.path));
    hidden.sort();
    let mut assembly = Assembly::with_capacity(leaves.len());
    leaves.into_iter().for_each(|leaf| assembly.add(Leaf { has_links: false, ..leaf }));
    let view = View::new(vec![Arc::new(LayerManifest::new(assembly.finish()))]);
    Ok(Some(ContextList { view, hidden: hidden.into() }))
}

fn visit(
    root: BorrowedFd<'_>,
    folder: &Folder,
    filter: Filter<'_>,
    budget: &Budget,
) -> Result<Found, ContextError> {
    let directory = open_directory(root, &folder.path);
    let directory = directory.map_err(|source| failed("open", &folder.path, source))?;
    let directory = directory.as_fd();
    let listing = Listing::read(directory);
    let listing = listing.map_err(|source| failed("list", &folder.path, source))?;
    let mut found = Found::default();
    let names = listing.with_records(std::iter::empty());
    if budget.used.fetch_add(names.len(), Ordering::Relaxed) > budget.most {
        return Ok(found);
    }
    for name in names {
        let path = folder.path.join(name.name.to_bytes());
        let (is_excluded, known) = filter.descend(&path, &folder.known);
        let may_be_folder = matches!(name.kind, FileType::Directory | FileType::Unknown);
        if is_excluded && (!may_be_folder || filter.prunes(&path)) {
            found.hidden.push(path);
            continue;
        }
        let stat = match statat(directory, name.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => continue,
            Err(error) => return Err(failed("stat", &path, error.into())),
        };
        let is_folder = FileType::from_raw_mode(stat.st_mode).is_dir();
        if is_folder {
            found.folders.push(Folder { path: path.clone(), known });
        } else if is_excluded {
            found.hidden.push(path);
            continue;
        }
        let place = Place { directory, name: name.name.to_bytes(), is_passage: is_excluded };
        add_leaf(place, path, None, &stat, &mut found.leaves)?;
    }
    Ok(found)
}
