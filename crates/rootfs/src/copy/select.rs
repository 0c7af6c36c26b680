//! Finds what the sources name (A11.1).

use std::collections::HashMap;

use lapstrake_parser::glob::{BadPattern, Glob, has_wildcard};

use super::error::CopyError;
use super::part::Part;
use super::selection::{Copied, Item, Selection, Top, Tree, What};
use super::sift::{Sifted, sift};
use super::{CopySpec, Source, near, pattern};
use crate::view::Shown;
use crate::{Kind, TreePath, View};

/// The mode of a here-document.
pub(super) const INLINE_MODE: u32 = 0o644;

/// Finds everything that `spec`'s sources name in `source`, without touching a file.
///
/// Each source gives its matches in path order. Links are followed inside the root up to what is
/// named, and kept below it. A wildcard without a match gives nothing. What is excluded is looked
/// for below the directories that are named; what is named itself comes in any case.
///
/// # Errors
/// When a source without wildcards, or the path before them, names nothing; of a context only what
/// a build takes is there. When wildcards are not well formed.
pub fn select<'a>(source: &'a View, spec: &'a CopySpec) -> Result<Selection<'a>, CopyError> {
    let mut items = Vec::new();
    for (index, named) in spec.sources.iter().enumerate() {
        let part = Part::without(spec.exclude.clone());
        match named {
            Source::Inline { name, content } => {
                items.push(Item { source: index, top: Top::Inline { name, content } });
            }
            Source::Path(raw) => {
                items.extend(Finder { view: source, index, part }.find(raw)?);
            }
            Source::Below { base, pattern } => {
                let part = part.only(pattern).map_err(|error| CopyError::Pattern {
                    index,
                    source: BadPattern { pattern: error.pattern },
                })?;
                items.extend(Finder { view: source, index, part }.find_below(base, pattern)?);
            }
        }
    }
    let owners_count = spec.keep_owner && spec.owner.is_none();
    Ok(Selection { items, owners_count })
}

/// What `path` names in `view`, links followed up to it; wildcards mean themselves.
pub(super) fn item_at<'a>(view: &'a View, path: &TreePath) -> Result<Item<'a>, CopyError> {
    Finder { view, index: 0, part: Part::default() }.item(path)
}

/// Looks for one source.
struct Finder<'a> {
    view: &'a View,
    index: usize,
    /// What is taken of the directories that it names.
    part: Part,
}

impl<'a> Finder<'a> {
    fn find(&self, raw: &[u8]) -> Result<Vec<Item<'a>>, CopyError> {
        let (literal, pattern) = pattern::split(raw);
        let Some(pattern) = pattern else {
            return Ok(vec![self.item(&literal)?]);
        };
        let pattern = Glob::new(&pattern)
            .map_err(|source| CopyError::Pattern { index: self.index, source })?;
        let base = self.follow(&literal).map_err(|error| match error {
            CopyError::Missing { index, path, near } => CopyError::NoMatch { index, path, near },
            error => error,
        })?;
        self.matches(&base, &pattern).iter().map(|path| self.item(path)).collect()
    }

    /// What `pattern` matches below the directories that `base` names, and the files that it names
    /// themselves; something below one directory, when neither holds wildcards. A backslash in
    /// such a path stands for itself, which no file that is found by it can have.
    fn find_below(&self, base: &[u8], pattern: &str) -> Result<Vec<Item<'a>>, CopyError> {
        let items = self.find(base)?;
        if has_wildcard(base) || has_wildcard(pattern.as_bytes()) {
            return Ok(items);
        }
        let is_found = |item: &Item<'_>| match &item.top {
            Top::Directory(tree) => !tree.below.is_empty(),
            Top::Single { .. } | Top::Inline { .. } => false,
        };
        match !pattern.contains('\\') && items.iter().all(is_found) {
            true => Ok(items),
            false => {
                let below = TreePath::clean(pattern.as_bytes());
                Err(self.missing(&pattern::split(base).0.join_path(&below)))
            }
        }
    }

    /// The topmost paths below `base` that match: what is below a matching directory comes with it.
    fn matches(&self, base: &TreePath, pattern: &Glob) -> Vec<TreePath> {
        let prefix = prefix(base);
        let mut matches: Vec<TreePath> = Vec::new();
        for shown in self.view.subtree(base) {
            let path = &shown.entry.path;
            let below = path.as_bytes().get(prefix..).unwrap_or_default();
            let is_covered = matches.last().is_some_and(|last| path.starts_with(last));
            if !below.is_empty() && !is_covered && pattern.matches(below) {
                matches.push(path.clone());
            }
        }
        matches
    }

    /// The item that `path` names; links are followed to it, its last component included.
    fn item(&self, path: &TreePath) -> Result<Item<'a>, CopyError> {
        let place = self.follow(path)?;
        let top = match self.view.entry(&place) {
            Some(shown) if !shown.entry.is_directory() => {
                let copied = Copied { shown, what: self.settle(shown)? };
                Top::Single { name: path.name().to_vec(), copied }
            }
            top => Top::Directory(self.tree(&place, top)?),
        };
        Ok(Item { source: self.index, top })
    }

    fn tree(&self, place: &TreePath, top: Option<Shown<'a>>) -> Result<Tree<'a>, CopyError> {
        let mut shown = self.view.subtree(place);
        shown.retain(|shown| shown.entry.path != *place);
        let below = self.settle_all(sift(shown, place, &self.part))?;
        Ok(Tree { top: top.map(|top| top.entry), prefix: prefix(place), below })
    }

    /// Where `path` leads. Something is there: the root always is.
    fn follow(&self, path: &TreePath) -> Result<TreePath, CopyError> {
        let place = match self.view.resolve(path, true) {
            Ok(place) => place,
            Err(crate::view::ResolveError::NotDirectory { .. }) => return Err(self.missing(path)),
            Err(source) => {
                return Err(CopyError::Resolve { index: self.index, path: path.clone(), source });
            }
        };
        match place.is_root() || self.view.entry(&place).is_some() {
            true => Ok(place),
            false => Err(self.missing(path)),
        }
    }

    fn missing(&self, path: &TreePath) -> CopyError {
        let near = near::suggestion(self.view, path);
        CopyError::Missing { index: self.index, path: path.clone(), near }
    }

    /// Turns hard links whose first name is not among `shown` into files of their own; the next
    /// names link to that one.
    fn settle_all(&self, sifted: Vec<Sifted<'a>>) -> Result<Vec<Copied<'a>>, CopyError> {
        let is_link = |one: &Sifted<'_>| matches!(one.shown.entry.kind, Kind::HardLink { .. });
        let has_links = sifted.iter().any(is_link);
        let mut first_names: HashMap<(usize, &TreePath), usize> = HashMap::new();
        let mut copied = Vec::with_capacity(sifted.len());
        for (index, Sifted { shown, is_passage }) in sifted.into_iter().enumerate() {
            let file = match &shown.entry.kind {
                Kind::HardLink { target } => (shown.layer, target),
                _ => (shown.layer, &shown.entry.path),
            };
            let first = match has_links {
                true => *first_names.entry(file).or_insert(index),
                false => index,
            };
            let what = match first == index {
                true if is_passage => What::Passage,
                true => self.settle(shown)?,
                false => What::HardLink { first },
            };
            copied.push(Copied { shown, what });
        }
        Ok(copied)
    }

    /// What `shown` is, seen alone.
    fn settle(&self, shown: Shown<'a>) -> Result<What<'a>, CopyError> {
        let broken = || CopyError::Broken { index: self.index, path: shown.entry.path.clone() };
        let kind = match &shown.entry.kind {
            Kind::HardLink { target } => {
                let layer = self.view.layers().get(shown.layer).ok_or_else(broken)?;
                &layer.entry(target).ok_or_else(broken)?.kind
            }
            kind => kind,
        };
        Ok(match kind {
            Kind::Directory { .. } => What::Directory,
            Kind::File { size, content } => What::File { size: *size, content: *content },
            Kind::Symlink { target } => What::Symlink { target },
            Kind::CharDevice { major, minor } => What::CharDevice { major: *major, minor: *minor },
            Kind::BlockDevice { major, minor } => {
                What::BlockDevice { major: *major, minor: *minor }
            }
            Kind::Fifo => What::Fifo,
            Kind::HardLink { .. } | Kind::Whiteout => return Err(broken()),
        })
    }
}

/// How many bytes of the path of something below `place` lead to `place`.
pub(super) fn prefix(place: &TreePath) -> usize {
    match place.is_root() {
        true => 0,
        false => place.as_bytes().len() + 1,
    }
}
