//! The layers that a file came to when it was built last.

use std::sync::Arc;

use lapstrake_parser::{Instruction, Span, Stage};
use lapstrake_rootfs::{Kind, LayerManifest, TreePath};

use crate::known::Made;
use crate::subject::Subject;

/// The layer of an instruction.
pub(crate) struct Layer<'s> {
    pub(crate) instruction: &'s Instruction,
    pub(crate) made: &'s Made<'s>,
    pub(crate) manifest: Arc<LayerManifest>,
}

impl<'s> Layer<'s> {
    /// The layers that the instructions of a stage, and of those that it goes back to, came to; the lowest
    /// first. Those that are not known are left out.
    pub(crate) fn all(subject: &'s Subject<'_>, stage: &'s Stage<'_>) -> Vec<Self> {
        if subject.known.stages.iter().all(|stage| stage.made.is_empty()) {
            return Vec::new();
        }
        let mut lineage = subject.lineage(stage);
        lineage.reverse();
        let above = lineage.into_iter().flat_map(|stage| stage.instructions);
        let layers = above.chain(stage.instructions).filter_map(|instruction| {
            let made = subject.made(instruction)?;
            let manifest = Arc::clone((made.files.tree)()?.layers().first()?);
            Some(Self { instruction, made, manifest })
        });
        layers.collect()
    }

    /// The name of its instruction.
    pub(crate) fn place(&self) -> Span {
        self.instruction.keyword().span
    }

    /// The files at and below a path, with their sizes.
    pub(crate) fn files(&self, path: &TreePath) -> impl Iterator<Item = (&TreePath, u64)> {
        self.manifest.subtree(path).iter().filter_map(|entry| match entry.kind {
            Kind::File { size, .. } => Some((&entry.path, size)),
            _ => None,
        })
    }
}
