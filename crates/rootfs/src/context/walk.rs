//! Walks folders of a context, many at a time, each relative to the context's own descriptor.

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use lapstrake_parser::ignore_file::ParentMatch;
use rayon::prelude::*;
use rustix::fs::{AtFlags, FileType, RawDir, Stat, major, minor, readlinkat, statat};
use rustix::io::Errno;

use super::demand::{Demands, Wish};
use super::filter::Filter;
use super::index::{Record, StatIndex};
use super::leaf::{Leaf, Reader};
use super::stamp::Stamp;
use super::{ContextError, failed};
use crate::beneath::open_directory;
use crate::copy::part::Taking;
use crate::{ContentHash, Entry, Kind, Timestamp, TreePath};

/// Room for directory entries in one `getdents64`, in bytes.
const LISTING: usize = 16 * 1024;
/// So many entries of one folder are worth a second thread.
const GRAIN: usize = 256;

/// What all folders of one scan are read with.
pub(super) struct Walker<'a> {
    /// The context's root.
    pub(super) root: BorrowedFd<'a>,
    pub(super) filter: Filter<'a>,
    pub(super) known: &'a StatIndex,
    pub(super) settled_before: Timestamp,
}

/// One folder, read.
pub(super) struct Block {
    pub(super) folder: TreePath,
    /// Whether everything in it was wanted.
    pub(super) is_complete: bool,
    /// Sorted by name.
    pub(super) leaves: Vec<Leaf>,
}

/// What was found in a folder, or in a part of it.
#[derive(Default)]
struct Found {
    leaves: Vec<Leaf>,
    /// The folders among the leaves.
    folders: Vec<Folder>,
}

/// A folder that is to be read.
struct Folder {
    path: TreePath,
    /// What the ignore file says of it.
    known: ParentMatch,
    /// What is wanted in it.
    wish: Wish,
}

/// The names in a folder, each with a NUL behind it, and where they are, in byte order.
pub(super) struct Listing {
    bytes: Vec<u8>,
    names: Vec<(std::ops::Range<usize>, FileType)>,
}

/// A name of a folder with what the stat index has for it.
pub(super) struct Name<'a> {
    pub(super) name: &'a CStr,
    pub(super) kind: FileType,
    record: Option<Record<'a>>,
}

impl Walker<'_> {
    /// Reads what is demanded of `start` and the folders below it; parents before children, those
    /// in name order. Works level by level, so that no depth of nesting can exhaust the stack or
    /// descriptors.
    ///
    /// # Errors
    /// When a folder or file cannot be read.
    pub(super) fn walk(
        &self,
        start: TreePath,
        demands: &Demands,
    ) -> Result<Vec<Block>, ContextError> {
        let mut blocks = Vec::new();
        let (known, wish) = (self.filter.inside(&start), demands.at_root(&start));
        let mut level = vec![Folder { path: start, known, wish }];
        while !level.is_empty() {
            let visit = |folder| self.visit(folder, demands);
            // Threads are not woken for a single folder.
            let visited: Vec<_> = match <[Folder; 1]>::try_from(level) {
                Ok([one]) => vec![visit(one)?],
                Err(many) => many.into_par_iter().map(visit).collect::<Result<_, _>>()?,
            };
            level = Vec::new();
            for (block, folders) in visited {
                blocks.push(block);
                level.extend(folders);
            }
        }
        Ok(blocks)
    }

    /// What is at `path`, following no link, like the entries of a folder but not read yet;
    /// `None` when nothing is there.
    ///
    /// # Errors
    /// When it cannot be told, or a link not be read.
    pub(super) fn single(&self, path: &TreePath) -> Result<Option<Leaf>, ContextError> {
        let Some((parent, name)) = self.open_parent(path)? else { return Ok(None) };
        let stat = match statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(failed("stat", path, error.into())),
        };
        let is_excluded = self.filter.excludes(path);
        let is_folder = FileType::from_raw_mode(stat.st_mode).is_dir();
        if is_excluded && (!is_folder || self.filter.prunes(path)) {
            return Ok(None);
        }
        let mut records = self.known.records(folder_of(path));
        let record = records.find(|record| record.name == name);
        let place = Place { directory: parent.as_fd(), name, is_passage: is_excluded };
        let mut leaves = Vec::with_capacity(1);
        add_leaf(place, path.clone(), record, &stat, &mut leaves)?;
        Ok(leaves.pop())
    }

    /// Reads all files among `leaves` whose content is not known yet.
    ///
    /// # Errors
    /// When a file cannot be read or keeps changing.
    pub(super) fn read(&self, leaves: &mut [Leaf]) -> Result<(), ContextError> {
        let reader = Reader { root: self.root, settled_before: self.settled_before };
        reader.read_all(leaves)
    }

    /// The folder that holds `path`, and the name there; `None` when there is no such folder.
    fn open_parent<'p>(
        &self,
        path: &'p TreePath,
    ) -> Result<Option<(OwnedFd, &'p [u8])>, ContextError> {
        let name = if path.is_root() { b".".as_slice() } else { path.name() };
        match open_directory(self.root, &path.parent().unwrap_or_default()) {
            Ok(parent) => Ok(Some((parent, name))),
            Err(error) => match Errno::from_io_error(&error) {
                Some(Errno::NOENT | Errno::NOTDIR) => Ok(None),
                _ => Err(failed("open the folder of", path, error)),
            },
        }
    }

    /// Reads one folder; also returns the folders in it that are to be walked next.
    fn visit(
        &self,
        folder: Folder,
        demands: &Demands,
    ) -> Result<(Block, Vec<Folder>), ContextError> {
        let directory = open_directory(self.root, &folder.path);
        let directory = directory.map_err(|source| failed("open", &folder.path, source))?;
        let directory = directory.as_fd();
        let listing = Listing::read(directory);
        let listing = listing.map_err(|source| failed("list", &folder.path, source))?;
        let names = listing.with_records(self.known.records(folder.path.as_bytes()));
        let look = |names| self.look(directory, &folder, demands, names);
        let mut found = if names.len() < 2 * GRAIN {
            look(&names)?
        } else {
            let parts = names.par_chunks(GRAIN).map(look);
            Found::joined(parts.collect::<Result<_, _>>()?)
        };
        self.read(&mut found.leaves)?;
        let is_complete = matches!(folder.wish, Wish::All);
        let block = Block { folder: folder.path, is_complete, leaves: found.leaves };
        Ok((block, found.folders))
    }

    /// Looks at some names of a folder, without what is not wanted, excluded or gone.
    fn look(
        &self,
        directory: BorrowedFd<'_>,
        folder: &Folder,
        demands: &Demands,
        names: &[Name<'_>],
    ) -> Result<Found, ContextError> {
        let mut found = Found { leaves: Vec::with_capacity(names.len()), folders: Vec::new() };
        for name in names {
            let path = folder.path.join(name.name.to_bytes());
            let (is_excluded, known) = self.filter.descend(&path, &folder.known);
            let (taking, wish) = demands.descend(&path, &folder.wish);
            let may_be_folder = matches!(name.kind, FileType::Directory | FileType::Unknown);
            let is_passage = is_excluded || taking == Taking::Passed;
            if taking == Taking::Left
                || is_passage && !may_be_folder
                || is_excluded && self.filter.prunes(&path)
            {
                continue;
            }
            let stat = match statat(directory, name.name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(failed("stat", &path, error.into())),
            };
            if FileType::from_raw_mode(stat.st_mode).is_dir() {
                found.folders.push(Folder { path: path.clone(), known, wish });
            } else if is_passage {
                continue;
            }
            let place = Place { directory, name: name.name.to_bytes(), is_passage };
            add_leaf(place, path, name.record, &stat, &mut found.leaves)?;
        }
        Ok(found)
    }
}

impl Found {
    fn joined(parts: Vec<Self>) -> Self {
        let mut parts = parts.into_iter();
        let mut joined = parts.next().unwrap_or_default();
        for part in parts {
            joined.leaves.extend(part.leaves);
            joined.folders.extend(part.folders);
        }
        joined
    }
}

/// A name in an open directory, and whether it only leads to what may be wanted.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) directory: BorrowedFd<'a>,
    pub(super) name: &'a [u8],
    pub(super) is_passage: bool,
}

/// Adds what `stat` describes; files whose record does not hold are left unread. A socket is an
/// empty file, as in BuildKit; a whiteout of overlayfs is nothing.
pub(super) fn add_leaf(
    place: Place<'_>,
    path: TreePath,
    record: Option<Record<'_>>,
    stat: &Stat,
    leaves: &mut Vec<Leaf>,
) -> Result<(), ContextError> {
    let stamp = Stamp::of(stat);
    let known = record.and_then(|record| record.content(&stamp));
    let (major, minor) = (major(stat.st_rdev), minor(stat.st_rdev));
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Kind::Directory { opaque: false },
        FileType::RegularFile => {
            let content = known.unwrap_or_else(|| ContentHash::from_bytes([0; 32]));
            Kind::File { size: stamp.size, content }
        }
        FileType::Symlink => {
            let Some(target) = read_link(place, &path)? else { return Ok(()) };
            Kind::Symlink { target }
        }
        FileType::Socket => Kind::File { size: 0, content: ContentHash::of(&[]) },
        FileType::Fifo => Kind::Fifo,
        FileType::BlockDevice => Kind::BlockDevice { major, minor },
        FileType::CharacterDevice if (major, minor) != (0, 0) => Kind::CharDevice { major, minor },
        _ => return Ok(()),
    };
    let is_file = FileType::from_raw_mode(stat.st_mode).is_file();
    let is_link = matches!(kind, Kind::Symlink { .. });
    let mode = if is_link { 0o777 } else { stamp.mode & 0o7777 };
    let mtime = stamp.modified;
    leaves.push(Leaf {
        entry: Entry { path, kind, mode, uid: 0, gid: 0, mtime, xattrs: Vec::new() },
        stamp,
        has_links: is_file && stat.st_nlink > 1,
        is_passage: place.is_passage,
        is_unread: is_file && known.is_none(),
        is_known: is_file && known.is_some(),
        is_remembered: is_file && known.is_some(),
    });
    Ok(())
}

/// The link's target; `None` when the link is gone or something else by now.
fn read_link(place: Place<'_>, path: &TreePath) -> Result<Option<Vec<u8>>, ContextError> {
    match readlinkat(place.directory, place.name, Vec::new()) {
        Ok(target) => Ok(Some(target.into_bytes())),
        Err(Errno::NOENT | Errno::INVAL) => Ok(None),
        Err(error) => Err(failed("read the link", path, error.into())),
    }
}

/// The bytes of the path of the folder that holds `path`.
pub(super) fn folder_of(path: &TreePath) -> &[u8] {
    let folder = path.as_bytes().strip_suffix(path.name()).unwrap_or_default();
    folder.strip_suffix(b"/").unwrap_or(folder)
}

impl Block {
    /// Whether `path`, which is directly in the folder, was found.
    pub(super) fn has(&self, path: &TreePath) -> bool {
        self.leaves.binary_search_by(|leaf| leaf.entry.path.name().cmp(path.name())).is_ok()
    }
}

/// The leaves of the blocks of one [`Walker::walk`], in path order.
pub(super) struct Flatten {
    /// The rest of each block, and the block of the next folder among that rest.
    blocks: Vec<(std::vec::IntoIter<Leaf>, usize)>,
    /// The blocks of the folders that the walk is in.
    open: Vec<usize>,
}

impl Flatten {
    pub(super) fn new(blocks: Vec<Block>) -> Self {
        // The folders of a block, in order, are the next blocks that no earlier block has claimed.
        let mut claimed = 1;
        let blocks = blocks.into_iter().map(|block| {
            let folders = block.leaves.iter().filter(|leaf| leaf.entry.is_directory()).count();
            let first = claimed;
            claimed += folders;
            (block.leaves.into_iter(), first)
        });
        Self { blocks: blocks.collect(), open: vec![0] }
    }
}

impl Iterator for Flatten {
    type Item = Leaf;

    fn next(&mut self) -> Option<Leaf> {
        loop {
            let (rest, folder) = self.blocks.get_mut(*self.open.last()?)?;
            let Some(leaf) = rest.next() else {
                self.open.pop();
                continue;
            };
            if leaf.entry.is_directory() {
                self.open.push(*folder);
                *folder += 1;
            }
            return Some(leaf);
        }
    }
}

impl Listing {
    pub(super) fn read(directory: BorrowedFd<'_>) -> io::Result<Self> {
        let mut space = [const { MaybeUninit::<u8>::uninit() }; LISTING];
        let mut entries = RawDir::new(directory, &mut space);
        let mut listing = Self { bytes: Vec::with_capacity(1024), names: Vec::with_capacity(32) };
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let start = listing.bytes.len();
            listing.bytes.extend_from_slice(name.to_bytes_with_nul());
            listing.names.push((start..listing.bytes.len(), entry.file_type()));
        }
        let Self { bytes, names } = &mut listing;
        names.sort_unstable_by(|a, b| bytes.get(a.0.clone()).cmp(&bytes.get(b.0.clone())));
        Ok(listing)
    }

    /// The names beside the records of the same names, both being sorted.
    pub(super) fn with_records<'a>(
        &'a self,
        records: impl Iterator<Item = Record<'a>>,
    ) -> Vec<Name<'a>> {
        let mut records = records.peekable();
        let names = self.names.iter().filter_map(|(range, kind)| {
            let name = CStr::from_bytes_with_nul(self.bytes.get(range.clone())?).ok()?;
            while records.next_if(|record| record.name < name.to_bytes()).is_some() {}
            let record = records.next_if(|record| record.name == name.to_bytes());
            Some(Name { name, kind: *kind, record })
        });
        names.collect()
    }
}
