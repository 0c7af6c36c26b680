//! Which of the paths below a named directory are taken: `--exclude` and `--parents`.
//!
//! Selecting from manifests and scanning a context both ask [`Part::descend`], from the named
//! directory down, so what a selection takes is what a scan has read.

use lapstrake_parser::ignore_file::{IgnoreError, IgnoreFile, ParentMatch};

/// A choice among the paths below a directory; all of them by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Only what matches, or lies in a directory that does.
    include: Option<IgnoreFile>,
    /// Nothing that matches.
    exclude: IgnoreFile,
}

/// What the way to a directory says about the paths in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    include: ParentMatch,
    exclude: ParentMatch,
}

/// What becomes of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Taking {
    /// It is left out, and all that is below it.
    Left,
    /// It is left out by itself; if it is a directory, something below it may be taken.
    Passed,
    /// It is taken.
    Taken,
}

impl Part {
    /// All but what is excluded.
    pub fn without(exclude: IgnoreFile) -> Self {
        Self { include: None, exclude }
    }

    /// Of this only what matches `pattern`, which is relative to the directory and may hold `**`;
    /// nothing when it is empty.
    ///
    /// # Errors
    /// When the pattern is not well formed.
    pub fn only(self, pattern: &str) -> Result<Self, IgnoreError> {
        Ok(Self { include: Some(IgnoreFile::from_patterns([pattern])?), ..self })
    }

    /// Whether everything is taken.
    pub(crate) fn is_whole(&self) -> bool {
        self.include.is_none() && self.exclude.is_empty()
    }

    /// What becomes of `below`, a path below the directory, given what is known of the directory
    /// that it is in; and what is then known of `below` itself.
    pub(crate) fn descend(&self, below: &[u8], parent: &Known) -> (Taking, Known) {
        let (excluded, exclude) = self.exclude.descend(below, &parent.exclude);
        let (included, include) = match &self.include {
            Some(include) => include.descend(below, &parent.include),
            None => (true, ParentMatch::default()),
        };
        let may_include = || match &self.include {
            Some(include) => included || include.may_match_below(below),
            None => true,
        };
        let taking = if included && !excluded {
            Taking::Taken
        } else if may_include() && (!excluded || self.exclude.may_keep_below(below)) {
            Taking::Passed
        } else {
            Taking::Left
        };
        (taking, Known { include, exclude })
    }
}
