//! A part of a tree as a root file system of its own: what a command sees of a build context.
//!
//! The folder itself is not mounted: it may change while the command runs, its owners are this
//! machine's, and the ignore file hides a part of it. So what is named is laid into a layer, by its
//! content, which the next build finds again.

use std::error::Error as _;

use lapstrake_parser::{Diagnostic, Span};
use lapstrake_rootfs::TreePath;
use lapstrake_rootfs::copy::{self, CopyError, Origin, Previous};
use lapstrake_rootfs::writer::LayerWriter;

use super::copy::{Files, absent};
use super::miss::Action;
use super::{Begin, Failure, Made, Rootfs, Value, Workshop};
use crate::event::Outcome;
use crate::graph::{SUBTREE, SubtreeOp, Vertex, VertexId};
use crate::{Error, key};

impl Workshop<'_> {
    pub(super) fn subtree(
        &self,
        id: VertexId,
        vertex: &Vertex,
        op: &SubtreeOp,
        inputs: &[Value],
        begin: Begin<'_>,
    ) -> Result<(Value, Outcome), Failure> {
        let files = self.files(inputs.first())?;
        let path = TreePath::clean(op.path.as_bytes());
        let span = vertex.words.first().copied().or(vertex.span);
        let subtree = copy::subtree(files.view(), &path)
            .map_err(|error| fault(span, &error, near(&error, &files)))?;
        let key = key::subtree(&subtree.content_hash());
        self.recorded(id, vertex, &Rootfs::default(), &Action::internal(key), begin, || {
            let step = key::subtree_step(op, &files.identity()?);
            let previous = self.previous(&step)?;
            let previous = previous
                .as_ref()
                .map(|(layer, directory)| Previous { manifest: &layer.manifest, directory });
            let staging = self.store.stage_layer()?;
            let mut writer = LayerWriter::new(staging.open_fs()?, Default::default())?;
            let layers = files.directories();
            let origin = Origin { open: files.opener(), layers, previous };
            let place = TreePath::clean(SUBTREE.as_bytes());
            subtree
                .write(&place, &origin, &mut writer)
                .map_err(|error| fault(span, &error, None))?;
            let manifest = writer.finish()?.into();
            Ok(Made { staging, manifest, step: Some(step), is_recorded: true })
        })
    }
}

/// What to do about a part of a context that is not there.
fn near(error: &CopyError, files: &Files) -> Option<String> {
    match (error, files) {
        (CopyError::Missing { path, .. }, Files::Tree(tree)) => absent(tree, path),
        _ => None,
    }
}

/// What cannot be shown is a fault of the Dockerfile, at the word that names it.
pub(super) fn fault(span: Option<Span>, error: &CopyError, hint: Option<String>) -> Failure {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        message = format!("{message}: {next}");
        cause = next.source();
    }
    let mut fault = Diagnostic::error("mount-source", span.unwrap_or_default(), message);
    fault.help = error.hint().or(hint);
    Failure::Build(Error::Faults(vec![fault]))
}
