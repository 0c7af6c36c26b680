//! The parts of a context that a build asks for, and where they lead.

use lapstrake_parser::glob::Glob;

use super::demand::Demand;
use crate::TreePath;
use crate::copy::{Part, pattern};

/// Something that a COPY, ADD or bind mount takes from a context. Only what is wanted is walked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where it begins; wherever its own links lead.
    path: TreePath,
    /// Below `path`, what this matches is named, and links among that are followed; without one
    /// `path` itself is.
    pattern: Option<Glob>,
    /// What is wanted below each folder that is named.
    part: Part,
}

impl Wanted {
    /// The whole context.
    pub fn everything() -> Self {
        Self::path(TreePath::root())
    }

    /// `path` and all below it.
    pub fn path(path: TreePath) -> Self {
        Self { path, pattern: None, part: Part::default() }
    }

    /// What a COPY or ADD source takes, as written after expansion: it may hold wildcards. The
    /// selection is what complains of malformed ones.
    pub fn source(raw: &[u8]) -> Self {
        let (path, pattern) = pattern::split(raw);
        let pattern = pattern.and_then(|pattern| Glob::new(&pattern).ok());
        Self { path, pattern, part: Part::default() }
    }

    /// Of the folders that this names only a part.
    #[must_use]
    pub fn part(self, part: Part) -> Self {
        Self { part, ..self }
    }

    /// Whether this wants the whole context.
    pub(super) fn is_everything(&self) -> bool {
        *self == Self::everything()
    }

    /// Where the walk begins, links not yet followed.
    pub(super) fn start(&self) -> &TreePath {
        &self.path
    }

    /// What is wanted of the folder `base`, to which [`Wanted::start`] led.
    pub(super) fn of(&self, base: TreePath) -> Demand {
        Demand { base, pattern: self.pattern.clone(), part: self.part.clone() }
    }
}
