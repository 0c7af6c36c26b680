//! The parts of a context that a build asks for, and where they lead.

use lapstrake_parser::glob::Glob;

use crate::TreePath;
use crate::copy::pattern;

/// Something that a COPY, ADD or bind mount takes from a context. Only what is wanted is walked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Everything at and below this path, and wherever its own links lead.
    path: TreePath,
    /// Below `path`, these also count as named themselves, so that links among them are followed.
    pattern: Option<Glob>,
}

impl Wanted {
    /// The whole context.
    pub fn everything() -> Self {
        Self::path(TreePath::root())
    }

    /// `path` and all below it.
    pub fn path(path: TreePath) -> Self {
        Self { path, pattern: None }
    }

    /// What a COPY or ADD source takes, as written after expansion: it may hold wildcards. The
    /// selection is what complains of malformed ones.
    pub fn source(raw: &[u8]) -> Self {
        let (path, pattern) = pattern::split(raw);
        let pattern = pattern.and_then(|pattern| Glob::new(&pattern).ok());
        Self { path, pattern }
    }

    /// Where the walk begins, links not yet followed.
    pub(super) fn start(&self) -> &TreePath {
        &self.path
    }

    /// Whether more than the start can be named by this.
    pub(super) fn has_pattern(&self) -> bool {
        self.pattern.is_some()
    }

    /// Whether `path`, found below `base` to which [`Wanted::start`] led, is a source itself.
    pub(super) fn names(&self, base: &TreePath, path: &TreePath) -> bool {
        let Some(pattern) = &self.pattern else { return false };
        path.below(base).is_some_and(|below| pattern.matches(below.as_bytes()))
    }
}
