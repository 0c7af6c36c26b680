//! Where the bytes of selected files come from.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use crate::{LayerManifest, TreePath};

/// Opens the file at a path of one layer, given by its index in the view that was selected from.
pub type OpenFile = Arc<dyn Fn(usize, &TreePath) -> io::Result<File> + Send + Sync>;

/// The files behind a view.
#[derive(Clone)]
pub struct Origin<'a> {
    /// Opens a file for reading.
    pub open: OpenFile,
    /// The directories of the view's layers, where files that are copied with all of their
    /// metadata to the same path may be hard-linked from: they must never change. Empty for a
    /// build context.
    pub layers: &'a [Arc<OwnedFd>],
    /// A layer that a copy like this one wrote before. Files that would be written again just as
    /// they are there, at the same path, are hard-linked from it.
    pub previous: Option<Previous<'a>>,
}

/// An earlier layer of the same step.
#[derive(Clone, Copy, Debug)]
pub struct Previous<'a> {
    /// What it holds.
    pub manifest: &'a LayerManifest,
    /// Its directory, which must never change.
    pub directory: &'a Arc<OwnedFd>,
}

impl Origin<'_> {
    /// Files that can only be copied.
    pub fn copying(
        open: impl Fn(usize, &TreePath) -> io::Result<File> + Send + Sync + 'static,
    ) -> Self {
        Self { open: Arc::new(open), layers: &[], previous: None }
    }
}

impl fmt::Debug for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("layers", &self.layers.len()).finish_non_exhaustive()
    }
}
