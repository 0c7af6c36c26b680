//! Files of a context, a stage or an image, copied onto a root file system.

use std::error::Error as _;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use lapstrake_parser::mode::Mode;
use lapstrake_parser::{Diagnostic, suggest};
use lapstrake_rootfs::View;
use lapstrake_rootfs::context::ContextTree;
use lapstrake_rootfs::copy::{self, CopyError, CopySpec, OpenFile, Origin, Selection, Source};
use lapstrake_rootfs::writer::LayerWriter;

use super::layers::Stack;
use super::owner::Owners;
use super::{Failure, Made, Rootfs, Value, Workshop, rootfs};
use crate::event::Outcome;
use crate::graph::{CopyOp, CopySource, Vertex, VertexId};
use crate::{Error, key};

/// What a copy reads from.
enum Files {
    Layers(Arc<Stack>),
    Tree(Arc<ContextTree>),
    /// Everything stands in the Dockerfile.
    None(View),
}

impl Workshop<'_> {
    pub(super) fn copy(
        &self,
        id: VertexId,
        vertex: &Vertex,
        op: &CopyOp,
        inputs: &[Value],
    ) -> Result<(Value, Outcome), Failure> {
        let below = rootfs(inputs);
        let whole = match inputs.get(1) {
            Some(Value::Rootfs(source)) => {
                Some(key::copy_from_whole(op, &source.layers, &below.layers))
            }
            _ => None,
        };
        if let Some(key) = &whole
            && let Some(found) = self.cached(vertex, &below, key)?
        {
            return Ok(found);
        }
        let source = self.source(inputs.get(1))?;
        let spec = specification(op)?;
        let selection = copy::select(source.view(), &spec)
            .map_err(|error| self.missing(vertex, &source, error))?;
        let key = key::copy(op, &selection.content_hash(), &below.layers);
        let result = self.recorded(id, vertex, &below, &key, || {
            self.make_copy(vertex, op, spec.clone(), &selection, &source, &below)
        })?;
        if let (Some(whole), Some(record)) = (whole, self.store.record(&key)?) {
            self.store.put_record(&whole, &record)?;
        }
        Ok(result)
    }

    fn source(&self, input: Option<&Value>) -> Result<Files, Failure> {
        match input {
            Some(Value::Rootfs(Rootfs { layers, .. })) => {
                Ok(Files::Layers(Arc::new(self.layers.stack(layers)?)))
            }
            Some(Value::Tree(tree)) => Ok(Files::Tree(tree.clone())),
            None => Ok(Files::None(View::default())),
        }
    }

    /// Only what is wanted of a context is read, so what may have been meant is looked for here.
    fn missing(&self, vertex: &Vertex, source: &Files, error: CopyError) -> Failure {
        let hint = match (&error, source) {
            (CopyError::Missing { path, .. }, Files::Tree(_)) => {
                let names = self.contexts.names("");
                suggest(&path.to_string(), names.iter().map(String::as_str))
                    .map(|name| format!("did you mean {name}?"))
            }
            _ => None,
        };
        fault(vertex, error, hint)
    }

    fn make_copy(
        &self,
        vertex: &Vertex,
        op: &CopyOp,
        mut spec: CopySpec,
        selection: &Selection<'_>,
        source: &Files,
        below: &Rootfs,
    ) -> Result<Made, Failure> {
        let stack = self.layers.stack(&below.layers)?;
        if let Some(owner) = &op.owner {
            spec.owner = Some(Owners::of(&stack).resolve(owner)?);
        }
        let staging = self.store.stage_layer()?;
        let mut writer = LayerWriter::new(staging.open_fs()?, stack.view.clone())?;
        let layers = source.directories();
        let origin = Origin { open: source.opener(), layers: &layers };
        copy::write(selection, &spec, &origin, &mut writer)
            .map_err(|error| fault(vertex, error, None))?;
        let manifest = writer.finish()?;
        Ok(Made { staging, manifest })
    }
}

impl Files {
    fn view(&self) -> &View {
        match self {
            Self::Layers(stack) => &stack.view,
            Self::Tree(tree) => &tree.view,
            Self::None(view) => view,
        }
    }

    fn opener(&self) -> OpenFile {
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
    fn directories(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Self::Layers(stack) => stack.directories(),
            Self::Tree(_) | Self::None(_) => Vec::new(),
        }
    }
}

fn specification(op: &CopyOp) -> Result<CopySpec, Failure> {
    let sources = op.sources.iter().map(|source| match source {
        CopySource::Path(path) => Source::Path(path.clone().into_bytes()),
        CopySource::Inline { name, content } => Source::Inline {
            name: name.clone().into_bytes(),
            content: content.clone().into_bytes(),
        },
    });
    Ok(CopySpec {
        sources: sources.collect(),
        destination: op.destination.clone().into_bytes(),
        owner: None,
        keep_owner: op.keep_owner,
        mode: op
            .mode
            .as_deref()
            .map(Mode::parse)
            .transpose()
            .map_err(|text| Failure::Cause(text.into()))?,
        unpack: op.unpack,
        made: super::now(),
    })
}

/// A copy that cannot be is a fault of the Dockerfile, at the word that names the source.
fn fault(vertex: &Vertex, error: CopyError, hint: Option<String>) -> Failure {
    let word = error.source_index().and_then(|index| vertex.words.get(index)).copied();
    let Some(span) = word.or(vertex.span) else { return Failure::Cause(Box::new(error)) };
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        message = format!("{message}: {next}");
        cause = next.source();
    }
    let mut fault = Diagnostic::error("copy", span, message);
    fault.help = error.hint().or(hint);
    Failure::Build(Error::Faults(vec![fault]))
}
