//! Why something could not be copied.

use std::io;

use lapstrake_ids::Unmapped;
use lapstrake_parser::glob::BadPattern;

use crate::tar::ApplyError;
use crate::view::ResolveError;
use crate::{TreePath, WriteError};

/// A COPY, ADD or WORKDIR that failed. `index` says which of the sources it is about, from 0.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A source without wildcards names nothing.
    #[error("{path} not found")]
    Missing {
        /// Which source.
        index: usize,
        /// What was looked for.
        path: TreePath,
        /// What may have been meant.
        near: Option<TreePath>,
    },
    /// The folder in which a source's wildcards are to match is not there.
    #[error("{path} not found, or nothing in it matches")]
    NoMatch {
        /// Which source.
        index: usize,
        /// The folder.
        path: TreePath,
        /// What may have been meant.
        near: Option<TreePath>,
    },
    /// A source's wildcards are not well formed.
    #[error("cannot look for a source")]
    Pattern {
        /// Which source.
        index: usize,
        /// What is wrong.
        source: BadPattern,
    },
    /// A source's links lead nowhere.
    #[error("cannot find {path}")]
    Resolve {
        /// Which source.
        index: usize,
        /// What was looked for.
        path: TreePath,
        /// Why it was not found.
        source: ResolveError,
    },
    /// A manifest names a hard link whose file it does not have.
    #[error("damaged layer manifest: {path} links to a file that is not there")]
    Broken {
        /// Which source.
        index: usize,
        /// The link.
        path: TreePath,
    },
    /// The links of the destination lead nowhere.
    #[error("cannot find the destination {path}")]
    Destination {
        /// Which source; none for WORKDIR.
        index: Option<usize>,
        /// The destination as asked for.
        path: TreePath,
        /// Why it was not found.
        source: ResolveError,
    },
    /// Something that is no directory is where a directory is to be.
    #[error("cannot replace {path} with a directory: it is not one")]
    NotDirectory {
        /// Which source; none for WORKDIR.
        index: Option<usize>,
        /// What is in the way.
        path: TreePath,
    },
    /// A directory is where something else is to be.
    #[error("cannot replace the directory {path} with a file")]
    IsDirectory {
        /// Which source.
        index: usize,
        /// The directory.
        path: TreePath,
    },
    /// A source could not be opened.
    #[error("cannot open {path}")]
    Open {
        /// Which source.
        index: usize,
        /// Where it is in the source's tree.
        path: TreePath,
        /// How it failed.
        source: io::Error,
    },
    /// An archive could not be extracted.
    #[error("cannot extract {path}")]
    Unpack {
        /// Which source.
        index: usize,
        /// Where the archive is in the source's tree.
        path: TreePath,
        /// How it failed.
        source: ApplyError,
    },
    /// The layer could not be written.
    #[error("cannot copy into the image")]
    Write {
        /// Which source; none for WORKDIR, and for files that are written in one go at the end.
        index: Option<usize>,
        /// How it failed.
        source: WriteError,
    },
}

impl CopyError {
    /// Which of the sources the error is about, from 0; `None` when it is about none of them or
    /// that cannot be told.
    pub fn source_index(&self) -> Option<usize> {
        match self {
            Self::Missing { index, .. }
            | Self::NoMatch { index, .. }
            | Self::Pattern { index, .. }
            | Self::Resolve { index, .. }
            | Self::Broken { index, .. }
            | Self::IsDirectory { index, .. }
            | Self::Open { index, .. }
            | Self::Unpack { index, .. } => Some(*index),
            Self::Destination { index, .. }
            | Self::NotDirectory { index, .. }
            | Self::Write { index, .. } => *index,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { near: Some(near), .. } | Self::NoMatch { near: Some(near), .. } => {
                Some(format!("did you mean {near}?"))
            }
            Self::NotDirectory { .. } | Self::IsDirectory { .. } => {
                Some("remove it in an earlier RUN, or choose another destination".to_owned())
            }
            Self::Unpack { source, .. } if Unmapped::among(source).is_none() => Some(
                "ADD extracts local archives; COPY, or ADD --unpack=false, copies them".to_owned(),
            ),
            _ => None,
        }
    }
}
