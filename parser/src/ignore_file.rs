//! `.dockerignore` files, and the patterns of `--exclude` (A13).
//!
//! The last pattern that matches a path, or a directory it is in, decides; one with `!` in front
//! keeps the path. Patterns are anchored at the root; `**` stands for any number of directories.
//!
//! [`IgnoreFile::matches`] answers for a path alone. A walk uses [`IgnoreFile::descend`], which
//! knows what was found for the directory above: it is faster, and it is what BuildKit transfers
//! by. The two differ in one case: `!dir` behind a pattern that does not match `dir` keeps what is
//! in `dir` for the first, and does nothing for the second.

mod pattern;
mod wild;

use crate::ignore_file::pattern::Pattern;
use std::fmt;

/// The patterns of a file, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IgnoreFile {
    patterns: Vec<Pattern>,
    name: String,
}

/// The pattern that leaves a path out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion<'a> {
    /// The file, as [`IgnoreFile::named`] was told; empty for patterns that are in none.
    pub file: &'a str,
    /// Line, from 1; number in the list for patterns that are in no file; 0 for [`IgnoreFile::without`].
    pub line: usize,
    /// The pattern as written, without blanks around it.
    pub pattern: &'a str,
}

/// A line that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoreError {
    /// Line, from 1; number in the list for patterns that are in no file.
    pub line: usize,
    /// The pattern as written.
    pub pattern: String,
    /// What is wrong: lower case, no full stop.
    pub reason: &'static str,
}

impl fmt::Display for IgnoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: the pattern `{}` {}", self.line, self.pattern, self.reason)
    }
}

impl std::error::Error for IgnoreError {}

/// What is known about a directory, for the paths in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParentMatch {
    matched: Vec<bool>,
}

impl IgnoreFile {
    /// Reads the text of a `.dockerignore`.
    ///
    /// A byte order mark, blank lines and lines that start with `#` do not count.
    ///
    /// # Errors
    /// The first line that is no pattern.
    pub fn parse(text: &[u8]) -> Result<Self, IgnoreError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let lines = (1..).zip(text.split(|byte| *byte == b'\n'));
        Self::collect(lines.filter(|(_, line)| !line.starts_with(b"#")), Pattern::of_file)
    }

    /// Takes patterns from a list, such as those of `--exclude`.
    ///
    /// Other than in a file, a `/` in front is part of the pattern, which then matches nothing: all
    /// paths are relative.
    ///
    /// # Errors
    /// The first that is no pattern.
    pub fn from_patterns<'a>(
        patterns: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, IgnoreError> {
        Self::collect((1..).zip(patterns.into_iter().map(str::as_bytes)), Pattern::of_list)
    }

    /// The same patterns, known to be those of the file `name`.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// The same, but for a path that is left out in any case, with all that is in it.
    #[must_use]
    pub fn without(mut self, path: &[u8]) -> Self {
        self.patterns.push(Pattern::of_path(trimmed(path)));
        self
    }

    /// True if the path is to be left out.
    ///
    /// The path is relative to the root, with `/` between its parts and none at its ends. The root
    /// itself is never left out.
    pub fn matches(&self, path: &[u8]) -> bool {
        self.decisive(path).is_some()
    }

    /// What leaves the path out, if it is to be left out. See [`IgnoreFile::matches`].
    pub fn exclusion(&self, path: &[u8]) -> Option<Exclusion<'_>> {
        let Pattern { line, text, .. } = self.decisive(path)?;
        Some(Exclusion { file: &self.name, line: *line, pattern: text })
    }

    /// The pattern that leaves the path out.
    fn decisive(&self, path: &[u8]) -> Option<&Pattern> {
        let path = trimmed(path);
        if path.is_empty() || path == b"." {
            return None;
        }
        let mut decisive: Option<&Pattern> = None;
        for pattern in &self.patterns {
            if pattern.keeps == decisive.is_some() && pattern.matches_or_parent(path) {
                decisive = (!pattern.keeps).then_some(pattern);
            }
        }
        decisive
    }

    /// True if the directory is left out with all that is, or could be, in it.
    pub fn can_prune(&self, directory: &[u8]) -> bool {
        self.matches(directory) && !self.may_keep_below(directory)
    }

    /// True if a pattern with `!` may match something in the directory.
    ///
    /// A walk that uses [`IgnoreFile::descend`] need not enter a directory that is left out and
    /// for which this is false.
    pub fn may_keep_below(&self, directory: &[u8]) -> bool {
        let directory = trimmed(directory);
        self.patterns.iter().any(|pattern| pattern.keeps && pattern.may_match_below(directory))
    }

    /// True if a pattern without `!` may match something in the directory.
    ///
    /// A walk for which the patterns say what to take need not enter a directory that none of them
    /// matches and for which this is false.
    pub fn may_match_below(&self, directory: &[u8]) -> bool {
        let directory = trimmed(directory);
        self.patterns.iter().any(|pattern| !pattern.keeps && pattern.may_match_below(directory))
    }

    /// True if there is no pattern: nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// True if a pattern begins with `!`.
    pub fn has_exceptions(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.keeps)
    }

    /// True if a pattern stands for everything in the root: `*`, `**` or `**/*`.
    pub fn has_all_of_root(&self) -> bool {
        self.patterns.iter().any(|pattern| !pattern.keeps && pattern.is_all_of_root)
    }

    /// What is known about the root.
    pub fn root(&self) -> ParentMatch {
        ParentMatch { matched: vec![false; self.patterns.len()] }
    }

    /// True if the path is to be left out, given what is known about the directory it is in; and
    /// what to hand to the paths in it, if it is a directory.
    pub fn descend(&self, path: &[u8], parent: &ParentMatch) -> (bool, ParentMatch) {
        let path = trimmed(path);
        let mut excluded = false;
        let mut matched = Vec::with_capacity(self.patterns.len());
        for (at, pattern) in self.patterns.iter().enumerate() {
            let inherited = parent.matched.get(at).copied().unwrap_or(false);
            let found = inherited || (pattern.keeps == excluded && pattern.matches(path));
            if found {
                excluded = !pattern.keeps;
            }
            matched.push(found);
        }
        (excluded, ParentMatch { matched })
    }

    fn collect<'a>(
        lines: impl Iterator<Item = (usize, &'a [u8])>,
        read: fn(usize, &[u8]) -> Result<Option<Pattern>, &'static str>,
    ) -> Result<Self, IgnoreError> {
        let mut patterns = Vec::new();
        for (line, text) in lines {
            let fault = |reason| {
                let pattern = String::from_utf8_lossy(text.trim_ascii()).into_owned();
                IgnoreError { line, pattern, reason }
            };
            patterns.extend(read(line, text).map_err(fault)?);
        }
        Ok(Self { patterns, name: String::new() })
    }
}

fn trimmed(path: &[u8]) -> &[u8] {
    let start = path.iter().position(|byte| *byte != b'/').unwrap_or(path.len());
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(start, |at| at + 1);
    path.get(start..end).unwrap_or(&[])
}
