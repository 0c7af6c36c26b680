//! The root file system of a stage, as far as it is known: the image below, and what its instructions did to
//! that.

use std::sync::Arc;

use lapstrake_parser::{Instruction, InstructionKind, Keyword, Stage};
use lapstrake_rootfs::{Entry, Kind, LayerManifest, TreePath, View};

use crate::files::Files;
use crate::subject::Subject;

/// A root file system.
pub(crate) struct Root<'s> {
    view: View,
    /// Where the files of its layers can be read, each with the number of the first layer above.
    sources: Vec<(usize, Files<'s>)>,
    /// Where copies put something that is not known.
    copied: Vec<TreePath>,
    /// A command ran, and nobody knows what it wrote.
    is_open: bool,
}

/// What is at a path.
pub(crate) enum Found<'r> {
    /// This, where the path leads.
    There(TreePath, &'r Entry),
    /// Nothing.
    Absent,
    /// It is not known.
    Unknown,
}

/// Instructions whose layers are empty.
const SETTINGS: [Keyword; 14] = [
    Keyword::Arg,
    Keyword::Cmd,
    Keyword::Entrypoint,
    Keyword::Env,
    Keyword::Expose,
    Keyword::From,
    Keyword::Healthcheck,
    Keyword::Label,
    Keyword::Maintainer,
    Keyword::Onbuild,
    Keyword::Shell,
    Keyword::Stopsignal,
    Keyword::User,
    Keyword::Volume,
];

impl<'s> Root<'s> {
    /// What the image under a stage holds; nothing if that is not known.
    pub(crate) fn of_base(subject: &'s Subject<'_>, stage: &Stage<'_>) -> Option<Self> {
        let ground = subject.lineage(stage).pop().map_or(stage.index, |ground| ground.index);
        let known = subject.known.stage(ground);
        let (view, sources) = match known.files {
            Some(files) => {
                let view = (files.tree)()?;
                let count = view.layers().len();
                (view, vec![(count, files)])
            }
            None if subject.stages.get(ground)?.from.image.as_str() == "scratch" => {
                (View::default(), Vec::new())
            }
            None => return None,
        };
        // What the image has behind ONBUILD has run.
        let is_open = known.base.is_some_and(|base| !base.config.on_build.is_empty());
        Some(Self { view, sources, copied: Vec::new(), is_open })
    }

    /// What is there in front of an instruction of a stage, or at its end.
    pub(crate) fn before(
        subject: &'s Subject<'_>,
        stage: &Stage<'_>,
        instruction: Option<&Instruction>,
    ) -> Option<Self> {
        let mut root = Self::of_base(subject, stage)?;
        let mut lineage = subject.lineage(stage);
        lineage.reverse();
        let above = lineage.iter().flat_map(|stage| stage.instructions);
        let own = stage.instructions.iter();
        let own =
            own.take_while(|one| instruction.is_none_or(|end| one.span.start < end.span.start));
        above.chain(own).for_each(|one| root.apply(one, subject));
        Some(root)
    }

    fn apply(&mut self, instruction: &Instruction, subject: &'s Subject<'_>) {
        if let Some(made) = subject.made(instruction)
            && let Some(layer) = (made.files.tree)()
            && self.is_sure()
        {
            for manifest in layer.layers() {
                self.view = self.view.with(Arc::clone(manifest));
            }
            self.sources.push((self.view.layers().len(), made.files));
            return;
        }
        match &instruction.kind {
            InstructionKind::Copy(transfer) | InstructionKind::Add(transfer) => {
                self.copied.push(destination(transfer.destination.as_str()));
            }
            // An empty folder.
            InstructionKind::Workdir(_) => {}
            kind if SETTINGS.contains(&kind.keyword()) => {}
            _ => self.is_open = true,
        }
    }

    /// What it looks like below these layers, the lowest first.
    pub(crate) fn with<'l>(self, layers: impl Iterator<Item = &'l Arc<LayerManifest>>) -> View {
        layers.fold(self.view, |view, layer| view.with(Arc::clone(layer)))
    }

    /// True if all that was done to it is known.
    fn is_sure(&self) -> bool {
        self.copied.is_empty() && !self.is_open
    }

    /// What the path leads to.
    pub(crate) fn find(&self, path: &str) -> Found<'_> {
        let path = TreePath::clean(path.as_bytes());
        let Ok(end) = self.view.resolve(&path, true) else { return Found::Unknown };
        if self.is_open || self.copied.iter().any(|to| end.starts_with(to) || path.starts_with(to))
        {
            return Found::Unknown;
        }
        match self.view.entry(&end) {
            Some(shown) => Found::There(end, shown.entry),
            None => Found::Absent,
        }
    }

    /// True if both paths lead to one file, or to equal ones.
    pub(crate) fn are_same(&self, one: &str, other: &str) -> bool {
        let content = |path: &str| {
            let Found::There(end, entry) = self.find(path) else { return None };
            let entry = match &entry.kind {
                Kind::HardLink { target } => {
                    let layer = self.view.layers().get(self.view.entry(&end)?.layer)?;
                    layer.entry(target)?
                }
                _ => entry,
            };
            match &entry.kind {
                Kind::File { content, .. } => Some(*content),
                _ => None,
            }
        };
        content(one).is_some_and(|found| content(other) == Some(found))
    }

    /// The beginning of the file at the path, if it is known.
    pub(crate) fn head(&self, path: &str) -> Option<Vec<u8>> {
        let Found::There(path, entry) = self.find(path) else { return None };
        let is_file = matches!(entry.kind, Kind::File { .. } | Kind::HardLink { .. });
        let layer = self.view.entry(&path).filter(|_| is_file)?.layer;
        let (_, files) = self.sources.iter().find(|(end, _)| layer < *end)?;
        (files.head)(&path)
    }
}

/// Where a copy puts its files: at the path or below. A path that is not sure could be any.
fn destination(text: &str) -> TreePath {
    let text = text.trim_matches(['"', '\'']);
    match text.starts_with('/') && !text.contains(['$', '\\']) {
        true => TreePath::clean(text.as_bytes()),
        false => TreePath::root(),
    }
}
