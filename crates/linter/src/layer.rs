//! The layers that a file came to when it was built last.

use std::collections::BTreeMap;
use std::sync::Arc;

use lapstrake_parser::{Instruction, Span, Stage};
use lapstrake_rootfs::{Kind, LayerManifest, TreePath};

use crate::amount;
use crate::known::Made;
use crate::root::Root;
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

impl Made<'_> {
    /// Its size, and how long it took if that is known: `20.5 MB, 3.2 s`.
    pub fn summary(&self) -> String {
        let took = self.took.map(|took| format!(", {}", amount::seconds(took)));
        amount::bytes(self.size) + &took.unwrap_or_default()
    }

    /// Up to `most` folders with most in them, two levels deep, the largest first: `/usr/share 12.0 MB`.
    pub fn largest(&self, most: usize) -> Vec<String> {
        let layer = (self.files.tree)().and_then(|view| view.layers().first().cloned());
        let mut folders: BTreeMap<String, u64> = BTreeMap::new();
        for entry in layer.iter().flat_map(|layer| layer.entries()) {
            let Kind::File { size, .. } = entry.kind else { continue };
            let parts = entry.path.components().take(2).map(String::from_utf8_lossy);
            let folder = format!("/{}", parts.collect::<Vec<_>>().join("/"));
            *folders.entry(folder).or_default() += size;
        }
        let mut folders: Vec<_> = folders.into_iter().filter(|(_, size)| *size > 0).collect();
        folders.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
        let named = folders.into_iter().take(most);
        named.map(|(path, size)| format!("{path} {}", amount::bytes(size))).collect()
    }
}

/// A file as it is at the end of a stage.
pub(crate) struct Written {
    pub(crate) content: Vec<u8>,
    /// The instruction that wrote it last, or the image in FROM.
    pub(crate) place: Span,
    pub(crate) is_of_base: bool,
}

/// The file at a path, if it is known: as the last build left it, or as the base image has it where nothing was done to that.
pub(crate) fn last_written(
    subject: &Subject<'_>,
    stage: &Stage<'_>,
    path: &str,
) -> Option<Written> {
    let target = TreePath::clean(path.as_bytes());
    let layers = Layer::all(subject, stage);
    let last = layers.iter().rev().find(|layer| layer.manifest.entry(&target).is_some());
    if let Some(layer) = last {
        let content = (layer.made.files.head)(&target)?;
        return Some(Written { content, place: layer.place(), is_of_base: false });
    }
    let content = Root::before(subject, stage, None)?.head(path)?;
    let place = subject.ground(stage).0.from.image.span();
    Some(Written { content, place, is_of_base: true })
}
