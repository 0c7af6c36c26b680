//! The lines of an ignore file, each with what it matches.

use std::sync::Arc;

use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_parser::{OtherFile, Span};
use lapstrake_rootfs::{TreePath, View};

use crate::files::{Context, IgnoreText};

/// The most pairs of a line and a path that are looked at: nobody waits for more.
const MOST_PAIRS: usize = 2_000_000;

/// A line that is a pattern.
pub(crate) struct Line {
    /// From 1.
    pub(crate) number: usize,
    /// It takes in what others leave out.
    pub(crate) keeps: bool,
    /// Its pattern, without `!`.
    pub(crate) pattern: String,
    /// The paths of the context that it matches.
    pub(crate) matched: Vec<TreePath>,
    /// The same as a file.
    alone: IgnoreFile,
}

/// An ignore file, line by line, with the paths of its context.
pub(crate) struct Lines<'a> {
    pub(crate) ignore: IgnoreText<'a>,
    pub(crate) file: Arc<OtherFile>,
    pub(crate) lines: Vec<Line>,
    /// What is left out.
    pub(crate) hidden: Arc<[TreePath]>,
    /// What is there, left out or not.
    pub(crate) paths: Vec<TreePath>,
}

impl<'a> Lines<'a> {
    /// Nothing if there is no ignore file, the context is not known, or it is too large.
    pub(crate) fn of(context: Context<'a>) -> Option<Self> {
        let ignore = context.ignore?;
        let view: View = (context.files.tree)()?;
        let hidden = (context.hidden)();
        let shown = view.subtree(&TreePath::root()).into_iter().map(|shown| &shown.entry.path);
        let paths = shown.chain(hidden.iter()).filter(|path| !path.is_root()).cloned();
        let mut paths: Vec<TreePath> = paths.collect();
        paths.sort();
        paths.dedup();
        let mut lines: Vec<Line> = (1..).zip(ignore.text.split('\n')).filter_map(line).collect();
        if lines.len().saturating_mul(paths.len()) > MOST_PAIRS {
            return None;
        }
        for line in &mut lines {
            let matches = |path: &&TreePath| line.alone.matches(path.as_bytes());
            line.matched = paths.iter().filter(matches).cloned().collect();
        }
        Some(Self { file: ignore.file(), ignore, lines, hidden, paths })
    }

    /// True if the path, or a folder that it is in, is left out.
    pub(crate) fn leaves_out(&self, path: &TreePath) -> bool {
        let is_hidden = |path: &TreePath| self.hidden.binary_search(path).is_ok();
        is_hidden(path) || path.ancestors().any(|above| is_hidden(&above))
    }

    /// True if the line may match something that is in a folder of which nothing is known.
    pub(crate) fn may_match_more(&self, line: &Line) -> bool {
        self.hidden.iter().any(|folder| line.alone.may_match_below(folder.as_bytes()))
    }
}

fn line((number, text): (usize, &str)) -> Option<Line> {
    let text = text.trim_start_matches('\u{feff}');
    if text.starts_with('#') {
        return None;
    }
    let text = text.trim();
    let (keeps, pattern) = match text.strip_prefix('!') {
        Some(pattern) => (true, pattern.trim()),
        None => (false, text),
    };
    let alone = IgnoreFile::parse(pattern.as_bytes()).ok().filter(|alone| !alone.is_empty())?;
    Some(Line { number, keeps, pattern: pattern.to_owned(), matched: Vec::new(), alone })
}

impl IgnoreText<'_> {
    /// The file, to point into.
    pub(crate) fn file(&self) -> Arc<OtherFile> {
        Arc::new(OtherFile { name: self.name.to_owned(), text: self.text.to_owned() })
    }

    /// A line, counted from 1, without blanks around it.
    pub(crate) fn span(&self, line: usize) -> Span {
        let mut start = 0;
        for (number, one) in (1..).zip(self.text.split('\n')) {
            if number == line {
                let trimmed = one.trim();
                let start = start + one.len() - one.trim_start().len();
                return Span::new(start, start + trimmed.len());
            }
            start += one.len() + 1;
        }
        Span::new(self.text.len(), self.text.len())
    }
}
