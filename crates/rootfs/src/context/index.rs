//! The stat index: what the files of a context contained when they were last read.
//!
//! Encoded form, all numbers little-endian:
//!
//! ```text
//! index  = "lapstat1" folder* blake3(everything before): 32 bytes
//! folder = path length: u16, path, length of the records in bytes: u32, record*
//! record = name length: u16, name, stamp: 52 bytes, content hash: 32 bytes
//! ```
//!
//! Folders are sorted by the bytes of their path, records by the bytes of their name. Only files
//! that were settled when they were read are in it (git's "racily clean" files never are), so a
//! record can be believed whenever its stamp is the file's.

use std::collections::HashSet;
use std::ops::Range;

use super::leaf::Leaf;
use super::stamp::{STAMP_BYTES, Stamp};
use crate::{ContentHash, Kind, TreePath};

/// Format name and version.
const MAGIC: &[u8; 8] = b"lapstat1";
/// Of the checksum at the end and of a content hash.
const HASH_BYTES: usize = 32;

/// Content hashes of files by path and stamp. Belongs to one context folder; an empty one is
/// always right, only slow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatIndex {
    encoded: Vec<u8>,
    folders: Vec<Folder>,
}

/// Where in the encoded bytes a folder is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Folder {
    path: Range<usize>,
    records: Range<usize>,
}

/// One file of a folder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) name: &'a [u8],
    stamp: &'a [u8],
    content: &'a [u8; HASH_BYTES],
}

/// What a scan learned about one folder.
pub(super) struct Visit<'a> {
    pub(super) folder: &'a [u8],
    /// Whether every file of the folder was looked at, so that a name not listed is gone.
    pub(super) complete: bool,
    /// What was found, sorted by name.
    pub(super) leaves: Vec<&'a Leaf>,
}

impl StatIndex {
    /// Reads what [`StatIndex::encode`] wrote. Anything else, damaged bytes included, is an empty
    /// index.
    pub fn decode(encoded: Vec<u8>) -> Self {
        match folders_of(&encoded) {
            Some(folders) => Self { encoded, folders },
            None => Self::default(),
        }
    }

    /// The bytes that [`StatIndex::decode`] reads; empty for an empty index.
    pub fn encode(&self) -> &[u8] {
        &self.encoded
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty()
    }

    /// The records of a folder, sorted by name.
    pub(super) fn records(&self, folder: &[u8]) -> impl Iterator<Item = Record<'_>> + Clone {
        let found = self
            .folders
            .binary_search_by(|known| self.bytes(&known.path).cmp(folder))
            .ok()
            .and_then(|index| self.folders.get(index));
        self.records_of(found)
    }

    /// This index after a scan that walked everything at and below `walked` and otherwise made
    /// `visits`; `None` when it stays as it is.
    pub(super) fn updated(&self, walked: &[TreePath], mut visits: Vec<Visit<'_>>) -> Option<Self> {
        visits.sort_by(|a, b| a.folder.cmp(b.folder));
        let seen: HashSet<&[u8]> = visits.iter().map(|visit| visit.folder).collect();
        let is_gone = |folder: &&Folder| {
            let path = self.bytes(&folder.path);
            !seen.contains(path) && walked.iter().any(|root| is_below(path, root))
        };
        let gone = self.folders.iter().any(|folder| is_gone(&folder));
        if !gone && visits.iter().all(|visit| self.holds(visit)) {
            return None;
        }
        let untouched = self.folders.iter().filter(|folder| !is_gone(folder));
        let untouched = untouched.filter(|folder| !seen.contains(self.bytes(&folder.path)));
        Some(self.rewritten(untouched, &visits))
    }

    /// Merges the folders that stay with those that were visited, in path order.
    fn rewritten<'a>(&self, kept: impl Iterator<Item = &'a Folder>, visits: &[Visit<'_>]) -> Self {
        let mut writer = Writer::with_capacity(self.encoded.len());
        let mut visits = visits.iter().peekable();
        for folder in kept {
            let path = self.bytes(&folder.path);
            while let Some(visit) = visits.next_if(|visit| visit.folder < path) {
                self.write_visit(&mut writer, visit);
            }
            writer.folder(path, |records| records.extend_from_slice(self.bytes(&folder.records)));
        }
        for visit in visits {
            self.write_visit(&mut writer, visit);
        }
        writer.finish()
    }

    fn write_visit(&self, writer: &mut Writer, visit: &Visit<'_>) {
        writer.folder(visit.folder, |records| {
            if visit.complete {
                visit.files().for_each(|leaf| write_leaf(records, leaf));
            } else {
                self.write_merged(records, visit);
            }
        });
    }

    /// Old records and visited files in name order; a visited name takes the old record's place.
    fn write_merged(&self, records: &mut Vec<u8>, visit: &Visit<'_>) {
        let mut files = visit.files().peekable();
        for old in self.records(visit.folder) {
            while let Some(leaf) = files.next_if(|leaf| leaf.entry.path.name() < old.name) {
                write_leaf(records, leaf);
            }
            if files.peek().is_none_or(|leaf| leaf.entry.path.name() != old.name) {
                write_record(records, old.name, old.stamp, old.content);
            }
        }
        files.for_each(|leaf| write_leaf(records, leaf));
    }

    /// Whether the index already says all that `visit` found and, if that was all there is, no
    /// more.
    fn holds(&self, visit: &Visit<'_>) -> bool {
        let kept = visit.leaves.iter().filter(|leaf| leaf.is_known).count();
        let is_new = visit.files().count() != kept;
        let has_surplus = visit.complete && self.records(visit.folder).count() != kept;
        !is_new && !has_surplus
    }

    fn records_of(&self, folder: Option<&Folder>) -> impl Iterator<Item = Record<'_>> + Clone {
        let mut rest = folder.map(|folder| self.bytes(&folder.records)).unwrap_or_default();
        std::iter::from_fn(move || read_record(&mut rest))
    }

    fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.encoded.get(range.clone()).unwrap_or_default()
    }
}

impl<'a> Visit<'a> {
    /// Whether nothing of this belongs into an index.
    pub(super) fn is_empty(&self) -> bool {
        self.files().next().is_none()
    }

    /// The leaves that belong into an index.
    fn files(&self) -> impl Iterator<Item = &'a Leaf> {
        self.leaves.iter().copied().filter(|leaf| leaf.is_remembered)
    }
}

impl Record<'_> {
    /// The content of the file, if it still carries the stamp it had.
    pub(super) fn content(&self, stamp: &Stamp) -> Option<ContentHash> {
        (self.stamp == stamp.encode()).then(|| ContentHash::from_bytes(*self.content))
    }
}

/// Builds the encoded form.
struct Writer {
    encoded: Vec<u8>,
    folders: Vec<Folder>,
}

impl Writer {
    fn with_capacity(capacity: usize) -> Self {
        let mut encoded = Vec::with_capacity(capacity);
        encoded.extend_from_slice(MAGIC);
        Self { encoded, folders: Vec::new() }
    }

    /// Appends a folder with what `fill` writes; nothing when that is nothing or too long to be
    /// written down.
    fn folder(&mut self, path: &[u8], fill: impl FnOnce(&mut Vec<u8>)) {
        let Ok(length) = u16::try_from(path.len()) else { return };
        let start = self.encoded.len();
        self.encoded.extend_from_slice(&length.to_le_bytes());
        self.encoded.extend_from_slice(path);
        let path = start + 2..self.encoded.len();
        self.encoded.extend_from_slice(&[0; 4]);
        let records = self.encoded.len();
        fill(&mut self.encoded);
        let size = u32::try_from(self.encoded.len() - records).unwrap_or(0);
        if size == 0 {
            self.encoded.truncate(start);
            return;
        }
        if let Some(place) = self.encoded.get_mut(path.end..records) {
            place.copy_from_slice(&size.to_le_bytes());
        }
        self.folders.push(Folder { path, records: records..self.encoded.len() });
    }

    fn finish(mut self) -> StatIndex {
        let checksum = checksum(&self.encoded);
        self.encoded.extend_from_slice(checksum.as_bytes());
        StatIndex { encoded: self.encoded, folders: self.folders }
    }
}

fn write_leaf(records: &mut Vec<u8>, leaf: &Leaf) {
    if let Kind::File { content, .. } = &leaf.entry.kind {
        write_record(records, leaf.entry.path.name(), &leaf.stamp.encode(), content.as_bytes());
    }
}

/// A name is at most 255 bytes on every Linux file system; a longer one is left out.
fn write_record(records: &mut Vec<u8>, name: &[u8], stamp: &[u8], content: &[u8]) {
    let Ok(length) = u16::try_from(name.len()) else { return };
    for part in [length.to_le_bytes().as_slice(), name, stamp, content] {
        records.extend_from_slice(part);
    }
}

fn checksum(bytes: &[u8]) -> blake3::Hash {
    blake3::Hasher::new().update_rayon(bytes).finalize()
}

/// Checks an encoded index and finds its folders.
fn folders_of(encoded: &[u8]) -> Option<Vec<Folder>> {
    let (body, sum) = encoded.split_last_chunk::<HASH_BYTES>()?;
    if !body.starts_with(MAGIC) || checksum(body) != *sum {
        return None;
    }
    let mut folders = Vec::new();
    let mut rest = body.get(MAGIC.len()..)?;
    let position = |rest: &[u8]| body.len() - rest.len();
    while !rest.is_empty() {
        let length = usize::from(u16::from_le_bytes(*take_chunk(&mut rest)?));
        let start = position(rest);
        take(&mut rest, length)?;
        let path = start..position(rest);
        let length = usize::try_from(u32::from_le_bytes(*take_chunk(&mut rest)?)).ok()?;
        let start = position(rest);
        take(&mut rest, length)?;
        folders.push(Folder { path, records: start..position(rest) });
    }
    Some(folders)
}

fn read_record<'a>(rest: &mut &'a [u8]) -> Option<Record<'a>> {
    let length = usize::from(u16::from_le_bytes(*take_chunk(rest)?));
    let name = take(rest, length)?;
    let stamp = take(rest, STAMP_BYTES)?;
    let content = take_chunk(rest)?;
    Some(Record { name, stamp, content })
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

fn take_chunk<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(head)
}

/// Whether the path with these bytes is `root` or below it.
fn is_below(path: &[u8], root: &TreePath) -> bool {
    root.is_root()
        || path
            .strip_prefix(root.as_bytes())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}
