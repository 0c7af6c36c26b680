//! Files of a context, a stage or an image, copied onto a root file system.

use std::error::Error as _;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use lapstrake_cache::{Layer, Staging, StepId};
use lapstrake_ids::Unmapped;
use lapstrake_parser::ignore_file::{Exclusion, IgnoreFile};
use lapstrake_parser::mode::Mode;
use lapstrake_parser::{Diagnostic, suggest};
use lapstrake_rootfs::context::ContextTree;
use lapstrake_rootfs::copy::{
    self, CopyError, CopySpec, Listed, OpenFile, Origin, Previous, Selection, Source,
};
use lapstrake_rootfs::writer::LayerWriter;
use lapstrake_rootfs::{LayerId, TreePath, View};

use super::layers::Stack;
use super::miss::Action;
use super::{Begin, Failure, Made, Rootfs, Value, Workshop, own, rootfs};
use crate::error::UNMAPPED;
use crate::event::Outcome;
use crate::graph::{CopyOp, CopySource, Graph, Op, Vertex, VertexId};
use crate::{Error, key};

/// What a copy reads from.
pub(super) enum Files {
    Layers(Arc<Stack>),
    Tree(Arc<ContextTree>),
    /// Everything stands in the Dockerfile.
    None(View),
}

/// Sources in a row that are read from one place, and what is to be done with them.
struct Part {
    /// Number of the first of them among all sources.
    first: usize,
    files: Files,
    spec: CopySpec,
    /// Whether they lie in a root file system, where paths begin with a slash.
    is_rootfs: bool,
}

/// A layer that holds what is copied, and is still to be finished.
struct Written {
    staging: Staging,
    writer: LayerWriter,
    step: StepId,
    /// The layer that the same step made before.
    previous: Option<LayerId>,
}

impl Workshop<'_> {
    pub(super) fn copy(
        &self,
        id: VertexId,
        vertex: &Vertex,
        op: &CopyOp,
        inputs: &[Value],
        begin: Begin<'_>,
    ) -> Result<(Value, Outcome), Failure> {
        let below = rootfs(inputs);
        let trees = inputs.get(1..).unwrap_or_default();
        let whole = whole(trees).map(|trees| key::copy_from_whole(op, &trees, &below.layers));
        if let Some(key) = &whole
            && let Some(found) = self.cached(id, vertex, &below, key)?
        {
            return Ok(found);
        }
        let parts = self.parts(vertex, op, trees)?;
        let selections = parts.iter().map(|part| select(vertex, part));
        let selections = selections.collect::<Result<Vec<_>, _>>()?;
        let contents = parts.iter().zip(&selections);
        let contents: Vec<_> = contents
            .map(|(part, selection)| (selection.content_hash(), part.spec.unpack))
            .collect();
        let key = key::copy(op, &contents, &below.layers);
        let own = || own::copy(op, &contents, listed(&parts, &selections));
        let action = Action { key, own: Some(&own) };
        let result = self.recorded(id, vertex, &below, &action, begin, || {
            let written = self.write_copy(vertex, op, (&parts, &selections), &below)?;
            let Written { staging, writer, step, previous } = written;
            let announce = |layer| self.digests.announce(id, layer, previous);
            let manifest = writer.finish_announced(announce)?;
            Ok(Made { staging, manifest, step: Some(step), is_recorded: true })
        })?;
        if let (Some(whole), Some(record)) = (whole, self.store.record(&key)?) {
            self.store.put_record(&whole, &record)?;
        }
        Ok(result)
    }

    /// The sources in their order, cut where the place or the treatment changes.
    fn parts(&self, vertex: &Vertex, op: &CopyOp, trees: &[Value]) -> Result<Vec<Part>, Failure> {
        let mut first = 0;
        let mut parts = Vec::new();
        for sources in op.sources.chunk_by(|one, next| place(one) == place(next)) {
            let (tree, unpack) = sources.first().and_then(place).unzip();
            let files = self.files(tree.and_then(|tree| trees.get(tree)))?;
            let spec = specification(op, sources, unpack.unwrap_or(false))?;
            let input = tree.and_then(|tree| vertex.inputs.get(tree.saturating_add(1)));
            let input = input.and_then(|input| self.graph.vertex(*input)).map(|input| &input.op);
            let is_rootfs = !matches!(input, None | Some(Op::Local(_) | Op::Http(_) | Op::Git(_)));
            parts.push(Part { first, files, spec, is_rootfs });
            first += sources.len();
        }
        Ok(parts)
    }

    pub(super) fn files(&self, tree: Option<&Value>) -> Result<Files, Failure> {
        match tree {
            Some(Value::Rootfs(Rootfs { layers, .. })) => {
                Ok(Files::Layers(Arc::new(self.layers.stack(layers)?)))
            }
            Some(Value::Tree(tree)) => Ok(Files::Tree(tree.clone())),
            None => Ok(Files::None(View::default())),
        }
    }

    /// All but the end.
    fn write_copy(
        &self,
        vertex: &Vertex,
        op: &CopyOp,
        (parts, selections): (&[Part], &[Selection<'_>]),
        below: &Rootfs,
    ) -> Result<Written, Failure> {
        let stack = self.layers.stack(&below.layers)?;
        let owner = op.owner.as_ref().map(|owner| self.owner(vertex, &stack, owner)).transpose()?;
        let identities: Vec<Vec<u8>> =
            parts.iter().map(|part| part.files.identity()).collect::<Result<_, _>>()?;
        let step = key::copy_step(op, &identities);
        let previous = self.previous(&step)?;
        let linked = previous
            .as_ref()
            .map(|(layer, directory)| Previous { manifest: &layer.manifest, directory });
        let made = self.made();
        let staging = self.store.stage_layer()?;
        let mut writer = LayerWriter::new(staging.open_fs()?, stack.view.clone())?;
        for (part, selection) in parts.iter().zip(selections) {
            let spec = CopySpec { owner, made, ..part.spec.clone() };
            let layers = part.files.directories();
            let origin = Origin { open: part.files.opener(), layers, previous: linked };
            copy::write(selection, &spec, &origin, &mut writer)
                .map_err(|error| fault(vertex, part, error, None))?;
        }
        let previous = previous.map(|(layer, _)| layer.id);
        Ok(Written { staging, writer, step, previous })
    }

    /// What the same step made before, and its directory, if it is still here.
    pub(super) fn previous(&self, step: &StepId) -> Result<Option<(Layer, Arc<OwnedFd>)>, Failure> {
        let Some(id) = self.store.previous(step)? else { return Ok(None) };
        let Some(layer) = self.layers.here(&id).map_err(Failure::Build)? else { return Ok(None) };
        let directory = Arc::new(File::open(&layer.path)?.into());
        Ok(Some((layer, directory)))
    }
}

/// Everything that is copied, as the user knows it.
fn listed(parts: &[Part], selections: &[Selection<'_>]) -> Vec<Listed> {
    let all = parts.iter().zip(selections).flat_map(|(part, selection)| {
        let mut listing = selection.listing();
        if part.is_rootfs {
            listing.iter_mut().for_each(|one| one.path.insert(0, b'/'));
        }
        listing
    });
    all.collect()
}

/// The layers of all trees, when all of them are root file systems.
fn whole(trees: &[Value]) -> Option<Vec<&[LayerId]>> {
    let layers = trees.iter().map(|tree| match tree {
        Value::Rootfs(rootfs) => Some(rootfs.layers.as_slice()),
        Value::Tree(_) => None,
    });
    layers.collect::<Option<Vec<_>>>().filter(|trees| !trees.is_empty())
}

/// The tree that a source is looked for in, and whether its archives are unpacked.
fn place(source: &CopySource) -> Option<(usize, bool)> {
    match source {
        CopySource::Path { tree, unpack, .. } => Some((*tree, *unpack)),
        CopySource::Below { tree, .. } => Some((*tree, false)),
        CopySource::Inline { .. } => None,
    }
}

impl Files {
    pub(super) fn view(&self) -> &View {
        match self {
            Self::Layers(stack) => &stack.view,
            Self::Tree(tree) => &tree.view,
            Self::None(view) => view,
        }
    }

    pub(super) fn opener(&self) -> OpenFile {
        match self {
            Self::Layers(stack) => {
                let stack = stack.clone();
                Arc::new(move |layer, path| stack.open(layer, path))
            }
            Self::Tree(tree) => {
                let tree = tree.clone();
                Arc::new(move |_, path| tree.open(path))
            }
            Self::None(_) => Arc::new(|_, _| Err(io::ErrorKind::NotFound.into())),
        }
    }

    /// Directories whose files never change and may be linked to.
    pub(super) fn directories(&self) -> &[Arc<OwnedFd>] {
        match self {
            Self::Layers(stack) => stack.directories(),
            Self::Tree(_) | Self::None(_) => &[],
        }
    }

    /// Which folder of this machine it is; nothing for what is known by its content.
    pub(super) fn identity(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Tree(tree) => {
                let (device, inode) = tree.identity()?;
                Ok([device.to_le_bytes(), inode.to_le_bytes()].concat())
            }
            Self::Layers(_) | Self::None(_) => Ok(Vec::new()),
        }
    }
}

/// The faults of all copies that name something which the context `id`, read as `value`, lacks. Told
/// as soon as it has been read: nobody has to wait for a long command to learn of a missing file.
pub(super) fn lacking(graph: &Graph, id: VertexId, value: &Value) -> Vec<Diagnostic> {
    let Value::Tree(files) = value else { return Vec::new() };
    let mut faults = Vec::new();
    for (_, vertex) in graph.iter() {
        let Op::Copy(op) = &vertex.op else { continue };
        let Some(own) = vertex.inputs.iter().skip(1).position(|input| *input == id) else {
            continue;
        };
        for (first, source) in op.sources.iter().enumerate() {
            let (tree, path) = match source {
                CopySource::Path { tree, path, .. } => (tree, path.clone()),
                CopySource::Below { tree, base, pattern } => (tree, format!("{base}/{pattern}")),
                CopySource::Inline { .. } => continue,
            };
            if *tree != own || is_there(files, &path) {
                continue;
            }
            let source = std::slice::from_ref(source);
            let Ok(spec) = specification(op, source, false) else { continue };
            let files = Files::Tree(files.clone());
            let part = Part { first, files, spec, is_rootfs: false };
            if let Err(Failure::Build(Error::Faults(found))) = select(vertex, &part) {
                faults.extend(found);
            }
        }
    }
    faults.sort_by_key(|fault| fault.span);
    faults.dedup_by_key(|fault| fault.span);
    faults
}

/// Whether a source has wildcards, and so may match nothing, or names something that is there.
fn is_there(files: &ContextTree, path: &str) -> bool {
    let clean = TreePath::clean(path.as_bytes());
    path.contains(['*', '?', '[', '\\'])
        || clean.is_root()
        || files.view.find(&clean).is_ok_and(|found| found.is_some())
}

fn select<'p>(vertex: &Vertex, part: &'p Part) -> Result<Selection<'p>, Failure> {
    copy::select(part.files.view(), &part.spec).map_err(|error| missing(vertex, part, error))
}

/// A source that is not there is a fault of the Dockerfile.
fn missing(vertex: &Vertex, part: &Part, error: CopyError) -> Failure {
    let hint = match (&error, &part.files) {
        (CopyError::Missing { path, .. } | CopyError::NoMatch { path, .. }, Files::Tree(tree)) => {
            absent(tree, path)
        }
        _ => None,
    };
    fault(vertex, part, error, hint)
}

/// What to do about a path that is wanted of a context and is not in its tree: it is left out, or
/// another was meant. Only what is wanted is read, so the latter is looked for in the folder.
pub(super) fn absent(tree: &ContextTree, path: &TreePath) -> Option<String> {
    if let Some(Exclusion { file, line, pattern }) = tree.exclusion(path) {
        if line == 0 {
            return Some(format!("{pattern} is the store of lap, which is no part of a context"));
        }
        let keep = String::from_utf8_lossy(path.as_bytes());
        return Some(format!(
            "`{pattern}` in {file}:{line} leaves it out: add `!{keep}` below that line"
        ));
    }
    let names = tree.names();
    let name = suggest(&path.to_string(), names.iter().map(String::as_str))?;
    Some(format!("did you mean {name}?"))
}

fn specification(op: &CopyOp, sources: &[CopySource], unpack: bool) -> Result<CopySpec, Failure> {
    let sources = sources.iter().map(|source| match source {
        CopySource::Path { path, .. } => Source::Path(path.clone().into_bytes()),
        CopySource::Below { base, pattern, .. } => {
            Source::Below { base: base.clone().into_bytes(), pattern: pattern.clone() }
        }
        CopySource::Inline { name, content } => Source::Inline {
            name: name.clone().into_bytes(),
            content: content.clone().into_bytes(),
        },
    });
    Ok(CopySpec {
        sources: sources.collect(),
        destination: op.destination.clone().into_bytes(),
        exclude: IgnoreFile::from_patterns(op.exclude.iter().map(String::as_str))?,
        owner: None,
        keep_owner: op.keep_owner,
        mode: op
            .mode
            .as_deref()
            .map(Mode::parse)
            .transpose()
            .map_err(|text| Failure::Cause(text.into()))?,
        unpack,
        made: lapstrake_rootfs::Timestamp::default(),
    })
}

/// A copy that cannot be is a fault of the Dockerfile, at the word that names the source.
fn fault(vertex: &Vertex, part: &Part, error: CopyError, hint: Option<String>) -> Failure {
    let index = error.source_index().map(|index| part.first + index);
    let word = index.and_then(|index| vertex.words.get(index)).copied();
    let Some(span) = word.or(vertex.span) else { return Failure::Cause(Box::new(error)) };
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        message = format!("{message}: {next}");
        cause = next.source();
    }
    let unmapped = Unmapped::among(&error);
    let mut fault = Diagnostic::error(unmapped.map_or("copy", |_| UNMAPPED), span, message);
    fault.help = unmapped.map(Unmapped::hint).or(error.hint()).or(hint);
    Failure::Build(Error::Faults(vec![fault]))
}
