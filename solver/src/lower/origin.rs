//! Where files come from: what a FROM, a COPY or a mount names.

use lapstrake_oci::{Platform, Reference};
use lapstrake_parser::{Diagnostic, Span};

use super::Options;
use super::fault::{fault, with_help};
use super::header::{self, Header};
use super::scope::Scope;
use super::stage::Build;
use crate::graph::{ImageOp, LocalOp, Op, VertexId};
use crate::image::{ImageName, Place};

/// Where the files of a root file system, a copy or a mount come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nowhere: the empty file system.
    Scratch,
    /// A stage of the Dockerfile, by number.
    Stage(usize),
    /// An image.
    Image(Box<ImageName>),
    /// A context of files by its name; the empty name is the build context.
    Context(String),
    /// Whatever a faulty FROM was meant to name. There will be no plan.
    Unknown,
}

/// The tree of an origin, as an input of a copy or mount.
pub(super) struct Tree {
    pub(super) vertex: VertexId,
    /// Whether it is a context: its owners do not count, and the graph has to be told what is
    /// wanted of it ([`crate::graph::Graph::want`]).
    pub(super) is_context: bool,
}

impl Origin {
    /// What the build context is.
    pub(super) const MAIN: Self = Self::Context(String::new());
}

/// What a name stands for that is no stage's: nothing, a named context, or an image.
pub(super) fn elsewhere(
    name: &str,
    span: Span,
    platform: &Platform,
    options: &Options,
) -> Result<Origin, Diagnostic> {
    if name == "scratch" {
        return Ok(Origin::Scratch);
    }
    let reference: Reference = name
        .parse()
        .map_err(|error: lapstrake_oci::Error| fault("image-reference", span, error.to_string()))?;
    Ok(options.contexts.of_image(&reference, platform).unwrap_or_else(|| {
        let place = Place::Registry(reference);
        Origin::Image(Box::new(ImageName { place, platform: platform.normalized() }))
    }))
}

/// What the `from` of a copy or mount in stage `number` names: an earlier stage by name or by
/// number, else as [`elsewhere`].
pub(super) fn named(
    name: &str,
    span: Span,
    number: usize,
    headers: &[Header<'_>],
    scope: &Scope<'_>,
) -> Result<Origin, Diagnostic> {
    if name.contains('$') {
        let message = "variables are not expanded in `from`";
        let help = "name a stage with `FROM … AS name`, where global ARGs are expanded";
        return Err(with_help(fault("copy-from-variable", span, message), help));
    }
    let stage = match name.parse::<usize>() {
        Ok(index) if index < headers.len() => Some(index),
        Ok(index) => {
            return Err(fault("unknown-stage", span, format!("there is no stage number {index}")));
        }
        Err(_) => header::find(headers, name),
    };
    match stage {
        Some(stage) if stage < number => Ok(Origin::Stage(stage)),
        Some(stage) => Err(not_earlier(headers, stage, number, name, span)),
        // Whatever the stage is for, what it takes from elsewhere is for the image's platform.
        None => elsewhere(name, span, &scope.platform, scope.options),
    }
}

/// The stage that the `from` of a copy means, wherever it stands.
pub(super) fn stage(headers: &[Header<'_>], name: &str) -> Option<usize> {
    match name.parse::<usize>() {
        Ok(index) => Some(index).filter(|index| *index < headers.len()),
        Err(_) => header::find(headers, name),
    }
}

/// The fault of taking files from a stage that is not earlier.
pub(super) fn not_earlier(
    headers: &[Header<'_>],
    stage: usize,
    number: usize,
    name: &str,
    span: Span,
) -> Diagnostic {
    if stage == number {
        return fault("circular-stage", span, format!("the stage {name} copies from itself"));
    }
    let message = format!("the stage {name} comes after this one: circular or out of order");
    let mut fault = fault("stage-order", span, message);
    if let Some(header) = headers.get(stage) {
        fault.labels.push((header.place, format!("{name} is defined here")));
    }
    fault.help = Some(format!("move the stage {name} in front of this one"));
    fault
}

impl Build<'_> {
    /// The tree of `origin`. A stage that a context of files replaces is that context.
    pub(super) fn tree(&mut self, origin: &Origin) -> Tree {
        let vertex = match origin {
            Origin::Scratch | Origin::Unknown => self.image_tree(None),
            Origin::Image(name) => self.image_tree(Some(name)),
            Origin::Context(name) => {
                let op = LocalOp { name: name.clone(), wanted: Vec::new() };
                return Tree { vertex: self.internal(Op::Local(op)), is_context: true };
            }
            Origin::Stage(stage) => match (self.headers.get(*stage), self.earlier(*stage)) {
                (Some(header), _) if header.is_replaced && header.base.is_context() => {
                    let base = header.base.clone();
                    return self.tree(&base);
                }
                (_, Some(stage)) => stage.rootfs,
                // The stage has faults of its own, and so there will be no plan.
                (_, None) => self.image_tree(None),
            },
        };
        Tree { vertex, is_context: false }
    }

    /// The root file system of an image, or the empty one.
    fn image_tree(&mut self, name: Option<&ImageName>) -> VertexId {
        let image = name.and_then(|name| self.image(name));
        let layers = image.map(|image| image.config.rootfs.diff_ids.clone()).unwrap_or_default();
        self.internal(Op::Image(ImageOp { layers }))
    }
}

impl Origin {
    fn is_context(&self) -> bool {
        matches!(self, Self::Context(_))
    }
}
