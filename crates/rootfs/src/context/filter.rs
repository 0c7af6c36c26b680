//! The ignore file as the walk asks it.

use lapstrake_parser::ignore_file::{IgnoreFile, ParentMatch};

use crate::TreePath;

/// Says what a context leaves out.
#[derive(Clone, Copy)]
pub(super) struct Filter<'a>(pub(super) &'a IgnoreFile);

impl Filter<'_> {
    /// What is known about the folder `path`, for what is in it.
    pub(super) fn inside(self, path: &TreePath) -> ParentMatch {
        let mut place = TreePath::root();
        let mut known = self.0.root();
        for component in path.components() {
            place = place.join(component);
            known = self.0.descend(place.as_bytes(), &known).1;
        }
        known
    }

    /// Whether `path` is left out, given what is known about the folder it is in; and what is
    /// known about `path` itself.
    pub(super) fn descend(self, path: &TreePath, folder: &ParentMatch) -> (bool, ParentMatch) {
        match self.0.is_empty() {
            true => (false, ParentMatch::default()),
            false => self.0.descend(path.as_bytes(), folder),
        }
    }

    /// Whether `path` itself is left out. The root never is.
    pub(super) fn excludes(self, path: &TreePath) -> bool {
        self.0.matches(path.as_bytes())
    }

    /// Whether nothing below the excluded folder `path` can be brought back.
    pub(super) fn prunes(self, path: &TreePath) -> bool {
        !self.0.may_keep_below(path.as_bytes())
    }
}
