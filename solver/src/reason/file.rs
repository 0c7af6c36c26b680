//! The files of a step as they are kept for the next build, and which of them changed.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::part::cut;
use super::{Reason, Subject};

/// Longer paths are cut when they are told.
const PATH: usize = 512;

/// Files that a step takes, and what for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// What it takes them for: [`Subject::Files`] or [`Subject::Mounted`].
    pub subject: Subject,
    /// The files.
    pub files: Vec<KnownFile>,
}

/// A file as it is kept for the next build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownFile {
    /// Where it lies in its source.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Stands for everything else of it.
    pub hash: u64,
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// It was not there.
    Added,
    /// It is not there any more.
    Removed,
    /// Its content or kind.
    Content,
    /// Its permission bits alone: before, now.
    Mode(u32, u32),
}

impl fmt::Display for FileChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added => f.write_str("is new"),
            Self::Removed => f.write_str("is gone"),
            Self::Content => f.write_str("changed"),
            Self::Mode(before, now) => write!(f, "has mode {now:o} instead of {before:o}"),
        }
    }
}

/// The first file of `subject` that differs; `None` where one of both does not say what there was. Where none does,
/// it is how those that are copied hang together.
pub(crate) fn compare_listings(
    before: &[Listing],
    now: &[Listing],
    subject: &Subject,
) -> Option<Reason> {
    let of =
        |listings: &'_ [Listing]| listings.iter().position(|listing| listing.subject == *subject);
    let (before, now) = (before.get(of(before)?)?, now.get(of(now)?)?);
    let links = || {
        let is_told = *subject == Subject::Files && !now.files.is_empty();
        is_told.then_some(Reason::Links)
    };
    compare_files(&before.files, &now.files).or_else(links)
}

/// The first file that differs, in path order.
pub(super) fn compare_files(before: &[KnownFile], now: &[KnownFile]) -> Option<Reason> {
    let (before, now) = without_common_ends(before, now);
    let known: HashMap<&str, &KnownFile> =
        before.iter().map(|file| (file.path.as_str(), file)).collect();
    let present: HashMap<&str, &KnownFile> =
        now.iter().map(|file| (file.path.as_str(), file)).collect();
    let changed = now.iter().filter_map(|file| {
        let change = match known.get(file.path.as_str()) {
            None => FileChange::Added,
            Some(earlier) if earlier.hash != file.hash => FileChange::Content,
            Some(earlier) if earlier.mode != file.mode => {
                FileChange::Mode(earlier.mode & 0o7777, file.mode & 0o7777)
            }
            Some(_) => return None,
        };
        Some((file.path.as_str(), change))
    });
    let gone = before.iter().filter(|file| !present.contains_key(file.path.as_str()));
    let gone = gone.map(|file| (file.path.as_str(), FileChange::Removed));
    let mut all: Vec<_> = changed.chain(gone).collect();
    all.sort_by_key(|(path, _)| *path);
    let (path, change) = *all.first()?;
    Some(Reason::File { path: cut(path, PATH), change, others: all.len() - 1 })
}

/// What is left of both when they begin, and end, with the same: mostly little.
fn without_common_ends<'f>(
    before: &'f [KnownFile],
    now: &'f [KnownFile],
) -> (&'f [KnownFile], &'f [KnownFile]) {
    let first = before.iter().zip(now).take_while(|(one, other)| one == other).count();
    let (before, now) = (before.split_at(first).1, now.split_at(first).1);
    let pairs = before.iter().rev().zip(now.iter().rev());
    let last = pairs.take_while(|(one, other)| one == other).count();
    (before.split_at(before.len() - last).0, now.split_at(now.len() - last).0)
}
