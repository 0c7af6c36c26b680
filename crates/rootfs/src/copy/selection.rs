//! What one COPY or ADD takes: items in order, everything resolved from manifests.

use crate::view::Shown;
use crate::{ContentHash, ContentHasher, Entry};

/// Hashed in pieces of about this many bytes.
const PIECE: usize = 1 << 20;

/// Everything that a COPY or ADD takes from its source.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    pub(super) items: Vec<Item<'a>>,
    /// Whether the sources' owners are in the result.
    pub(super) owners_count: bool,
}

/// One path that is copied, with what of it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where it lies in its source; of an inline file its name.
    pub path: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
    /// Stands for everything else: kind, content, link target, attributes, owner if it is kept. Not for which
    /// paths are names of one file.
    pub content: ContentHash,
}

/// A file, and where a copy puts it.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// The path below the destination.
    pub name: &'a [u8],
    /// The file where it lies in its source.
    pub entry: &'a Entry,
    /// It is named itself, and may take the name of the destination.
    pub is_named: bool,
}

/// One path that a source names, or one match of its wildcards.
#[derive(Clone, Debug)]
pub(super) struct Item<'a> {
    /// Which of the sources, from 0.
    pub(super) source: usize,
    pub(super) top: Top<'a>,
}

/// What is at that path.
#[derive(Clone, Debug)]
pub(super) enum Top<'a> {
    /// A here-document.
    Inline { name: &'a [u8], content: &'a [u8] },
    /// Anything but a directory, and the name that it was asked for by.
    Single { name: Vec<u8>, copied: Copied<'a> },
    /// A directory; its content is copied, not itself.
    Directory(Tree<'a>),
}

/// The content of a directory.
#[derive(Clone, Debug)]
pub(super) struct Tree<'a> {
    /// The directory itself; `None` for the root of a tree without an entry for it.
    pub(super) top: Option<&'a Entry>,
    /// Length of the part of the paths in `below` that leads to the directory, in bytes.
    pub(super) prefix: usize,
    /// In path order.
    pub(super) below: Vec<Copied<'a>>,
}

/// One path that is copied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copied<'a> {
    pub(super) shown: Shown<'a>,
    pub(super) what: What<'a>,
}

/// What it is, hard links settled within one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What<'a> {
    Directory,
    /// A directory that is not taken itself and leads to something that is.
    Passage,
    File {
        size: u64,
        content: ContentHash,
    },
    /// One more name of the file at this index of the tree.
    HardLink {
        first: usize,
    },
    Symlink {
        target: &'a [u8],
    },
    CharDevice {
        major: u32,
        minor: u32,
    },
    BlockDevice {
        major: u32,
        minor: u32,
    },
    Fifo,
}

impl<'a> Tree<'a> {
    /// The path of `copied` below the directory.
    pub(super) fn relative(&self, copied: &Copied<'a>) -> &'a [u8] {
        copied.shown.entry.path.as_bytes().get(self.prefix..).unwrap_or_default()
    }
}

impl<'a> Selection<'a> {
    /// Whether nothing is copied: wildcards without a match.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// What is copied, as it lies in its source; directories that are named themselves are not copied, and inline
    /// files lie nowhere.
    pub fn entries(&self) -> impl Iterator<Item = &'a Entry> + '_ {
        let copied = self.items.iter().flat_map(|item| match &item.top {
            Top::Inline { .. } => [].as_slice(),
            Top::Single { copied, .. } => std::slice::from_ref(copied),
            Top::Directory(tree) => &tree.below,
        });
        copied.filter(|copied| copied.what != What::Passage).map(|copied| copied.shown.entry)
    }

    /// What is copied and is no directory, with its name in a destination that is a directory.
    pub fn placed(&self) -> impl Iterator<Item = Placed<'_>> {
        self.items.iter().flat_map(|item| {
            let placed: Vec<Placed<'_>> = match &item.top {
                Top::Inline { .. } => Vec::new(),
                Top::Single { name, copied } => {
                    vec![Placed { name, entry: copied.shown.entry, is_named: true }]
                }
                Top::Directory(tree) => {
                    let files = tree.below.iter().filter(|one| !one.shown.entry.is_directory());
                    let placed = files.map(|one| Placed {
                        name: tree.relative(one),
                        entry: one.shown.entry,
                        is_named: false,
                    });
                    placed.collect()
                }
            };
            placed
        })
    }

    /// What is named or matched itself, links followed; inline files lie nowhere.
    pub fn tops(&self) -> impl Iterator<Item = &'a crate::TreePath> + '_ {
        self.items.iter().filter_map(|item| match &item.top {
            Top::Inline { .. } => None,
            Top::Single { copied, .. } => Some(&copied.shown.entry.path),
            Top::Directory(tree) => tree.top.map(|top| &top.path),
        })
    }

    /// The sum of the sizes of all files that are copied, in bytes; each hard-linked file once.
    pub fn size(&self) -> u64 {
        let sizes = self.items.iter().flat_map(|item| match &item.top {
            Top::Inline { content, .. } => vec![content.len() as u64],
            Top::Single { copied, .. } => vec![copied.what.size()],
            Top::Directory(tree) => tree.below.iter().map(|copied| copied.what.size()).collect(),
        });
        sizes.fold(0, u64::saturating_add)
    }

    /// What stands for the selection in a cache key: equal hashes mean that the same spec writes
    /// the same, times aside.
    ///
    /// Of each item in order: the name of what is no directory, and relative path, kind, mode,
    /// attributes, content, link target and hard links of each entry; its owner only where that is
    /// kept. Neither times count, nor where the items lie in their source, nor mode and owner of
    /// a directory that is named itself.
    pub fn content_hash(&self) -> ContentHash {
        let mut record = Record::new("lapstrake copy 1", self.owners_count);
        record.number(self.items.len());
        for item in &self.items {
            match &item.top {
                Top::Inline { name, content } => record.inline(name, content),
                Top::Single { name, copied } => {
                    record.field(b"single");
                    record.copied(name, copied);
                }
                Top::Directory(tree) => {
                    record.field(b"directory");
                    record.number(tree.below.len());
                    for copied in &tree.below {
                        record.copied(tree.relative(copied), copied);
                    }
                }
            }
        }
        record.finish()
    }

    /// What is copied, path by path, so that two selections can be compared.
    pub fn listing(&self) -> Vec<Listed> {
        let blank = Record::new("lapstrake listed 1", self.owners_count);
        let listed = |copied: &Copied<'_>| blank.clone().listed(copied, &copied.what);
        let mut listing = Vec::new();
        for item in &self.items {
            match &item.top {
                Top::Inline { name, content } => listing.push(Listed {
                    path: name.to_vec(),
                    mode: super::select::INLINE_MODE,
                    content: ContentHash::of(content),
                }),
                Top::Single { copied, .. } => listing.push(listed(copied)),
                // Each name of a file stands for itself, however many others it has.
                Top::Directory(tree) => listing.extend(tree.below.iter().map(|copied| {
                    let file = match copied.what {
                        What::HardLink { first } => tree.below.get(first).unwrap_or(copied),
                        _ => copied,
                    };
                    blank.clone().listed(copied, &file.what)
                })),
            }
        }
        listing
    }
}

impl Selection<'_> {
    /// As [`Selection::content_hash`], but of what is seen where the items themselves are: their
    /// names do not count, mode and owner of a directory that is named itself do.
    pub(super) fn whole_hash(&self) -> ContentHash {
        let mut record = Record::new("lapstrake subtree 1", self.owners_count);
        for item in &self.items {
            match &item.top {
                Top::Inline { content, .. } => record.inline(b"", content),
                Top::Single { copied, .. } => record.copied(b"", copied),
                Top::Directory(tree) => {
                    record.field(b"directory");
                    if let Some(top) = tree.top {
                        record.attributes(top.mode, (top.uid, top.gid), &top.xattrs);
                    }
                    record.number(tree.below.len());
                    for copied in &tree.below {
                        record.copied(tree.relative(copied), copied);
                    }
                }
            }
        }
        record.finish()
    }
}

impl What<'_> {
    fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } => *size,
            _ => 0,
        }
    }
}

/// Collects fields, each behind its length, and hashes them in large pieces: field by field the
/// hash would cost more than all the rest of a warm build.
#[derive(Clone)]
struct Record {
    hasher: ContentHasher,
    bytes: Vec<u8>,
    owners_count: bool,
}

impl Record {
    fn new(domain: &str, owners_count: bool) -> Self {
        Self { hasher: ContentHasher::new(domain), bytes: Vec::new(), owners_count }
    }

    fn field(&mut self, field: &[u8]) {
        self.number(field.len());
        self.bytes.extend_from_slice(field);
    }

    fn number(&mut self, number: usize) {
        self.bytes.extend_from_slice(&(number as u64).to_le_bytes());
    }

    fn pair(&mut self, a: u32, b: u32) {
        self.bytes.extend_from_slice(&a.to_le_bytes());
        self.bytes.extend_from_slice(&b.to_le_bytes());
    }

    /// One path by itself, as being this, in a record that is blank.
    fn listed(mut self, copied: &Copied<'_>, what: &What<'_>) -> Listed {
        let entry = copied.shown.entry;
        self.what(what);
        self.attributes(0, (entry.uid, entry.gid), &entry.xattrs);
        Listed { path: entry.path.as_bytes().to_vec(), mode: entry.mode, content: self.finish() }
    }

    /// Not as a file of the same content: ADD would unpack that.
    fn inline(&mut self, name: &[u8], content: &[u8]) {
        self.field(b"inline");
        self.field(name);
        self.what(&What::File { size: content.len() as u64, content: ContentHash::of(content) });
        self.attributes(super::select::INLINE_MODE, (0, 0), &[]);
    }

    fn copied(&mut self, name: &[u8], copied: &Copied<'_>) {
        let entry = copied.shown.entry;
        self.field(name);
        self.what(&copied.what);
        self.attributes(entry.mode, (entry.uid, entry.gid), &entry.xattrs);
        if self.bytes.len() >= PIECE {
            self.hasher.field(&self.bytes);
            self.bytes.clear();
        }
    }

    /// A letter for the kind, then what distinguishes two of the same kind.
    fn what(&mut self, what: &What<'_>) {
        match what {
            What::Directory => self.bytes.push(b'd'),
            What::Passage => self.bytes.push(b'v'),
            What::File { size, content } => {
                self.bytes.push(b'f');
                self.bytes.extend_from_slice(&size.to_le_bytes());
                self.bytes.extend_from_slice(content.as_bytes());
            }
            What::HardLink { first } => {
                self.bytes.push(b'h');
                self.number(*first);
            }
            What::Symlink { target } => {
                self.bytes.push(b'l');
                self.field(target);
            }
            What::CharDevice { major, minor } => {
                self.bytes.push(b'c');
                self.pair(*major, *minor);
            }
            What::BlockDevice { major, minor } => {
                self.bytes.push(b'b');
                self.pair(*major, *minor);
            }
            What::Fifo => self.bytes.push(b'p'),
        }
    }

    fn attributes(&mut self, mode: u32, owner: (u32, u32), xattrs: &[crate::Xattr]) {
        self.bytes.extend_from_slice(&mode.to_le_bytes());
        if self.owners_count {
            self.pair(owner.0, owner.1);
        }
        self.number(xattrs.len());
        for xattr in xattrs {
            self.field(&xattr.name);
            self.field(&xattr.value);
        }
    }

    fn finish(mut self) -> ContentHash {
        self.hasher.field(&self.bytes);
        self.hasher.finish()
    }
}
