//! Stages by name, and what each FROM stands for.

use lapstrake_oci::Platform;
use lapstrake_parser::{Diagnostic, Dockerfile, Instruction, Span, Stage, suggest};

use super::fault::{Faults, fault, with_help};
use super::origin::{self, Origin};
use super::scope::Scope;
use super::{Options, platform, word};

/// A stage before its instructions are looked at.
pub(super) struct Header<'a> {
    /// Its name in lower case, if it has one.
    pub(super) name: Option<String>,
    /// What it starts from.
    pub(super) base: Origin,
    /// Where the base is named.
    pub(super) span: Span,
    /// Where the stage is named; the FROM of one that has no name.
    pub(super) place: Span,
    /// The instructions after FROM; none when the stage is replaced.
    pub(super) instructions: &'a [Instruction],
    /// Whether a named context stands in the place of the whole stage.
    pub(super) is_replaced: bool,
    /// What its base is to run on: as it says, else what the image is built for.
    pub(super) platform: Platform,
}

/// The headers of all stages, in order.
pub(super) fn headers<'a>(
    dockerfile: &'a Dockerfile,
    scope: &Scope<'_>,
    faults: &mut Vec<Diagnostic>,
) -> Vec<Header<'a>> {
    let mut headers: Vec<Header<'a>> = Vec::new();
    for stage in dockerfile.stages() {
        let written = stage.from.platform.as_ref();
        let written = written.map(|platform| platform::written(platform, scope)).transpose();
        let platform = written.unwrap_or_else(|found| {
            faults.extend(found);
            None
        });
        let platform = platform.unwrap_or_else(|| scope.platform.clone());
        let base = base(&stage, &headers, scope, &platform).unwrap_or_else(|found| {
            faults.extend(found);
            Origin::Unknown
        });
        let name = stage.name();
        let contexts = &scope.options.contexts;
        let replacement = name.as_ref().and_then(|name| contexts.of_stage(name, &platform));
        let is_replaced = replacement.is_some();
        headers.push(Header {
            name,
            base: replacement.unwrap_or(base),
            span: stage.from.image.span(),
            place: stage.from.name.as_ref().map_or(stage.instruction.span, |name| name.span),
            instructions: if is_replaced { &[] } else { stage.instructions },
            is_replaced,
            platform,
        });
    }
    headers
}

fn base(
    stage: &Stage<'_>,
    earlier: &[Header<'_>],
    scope: &Scope<'_>,
    platform: &Platform,
) -> Result<Origin, Faults> {
    let written = &stage.from.image;
    if written.as_str().is_empty() {
        // Parsing has reported it.
        return Ok(Origin::Unknown);
    }
    let image = word::expand(written, &scope.arguments, scope.escape)?;
    if image.is_empty() {
        let message = format!("the base image {} is blank here", written.as_str());
        let help = "give the ARG a default, or a value with --build-arg";
        return Err(with_help(fault("blank-base-image", written.span(), message), help).into());
    }
    match find(earlier, &image) {
        Some(stage) => Ok(Origin::Stage(stage)),
        None => Ok(origin::elsewhere(&image, written.span(), platform, scope.options)?),
    }
}

/// The last stage of that name.
pub(super) fn find(headers: &[Header<'_>], name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    headers.iter().rposition(|header| header.name.as_deref() == Some(&name))
}

/// The stage that is to be built: that of the name, without one the last.
///
/// # Errors
/// There is no such stage.
pub(super) fn target(headers: &[Header<'_>], options: &Options) -> Result<usize, Diagnostic> {
    let last = headers.len().saturating_sub(1);
    let Some(wanted) = &options.target else {
        return Ok(last);
    };
    if let Some(stage) = find(headers, wanted) {
        return Ok(stage);
    }
    let names: Vec<&str> = headers.iter().filter_map(|header| header.name.as_deref()).collect();
    let near = suggest(wanted, names.iter().copied());
    let stage = near.and_then(|near| find(headers, near));
    let stage = stage.and_then(|stage| headers.get(stage)).or(headers.last());
    let span = stage.map(|header| header.place).unwrap_or_default();
    let unknown = fault("unknown-target", span, format!("there is no stage named {wanted}"));
    let help = match (near, &names[..]) {
        (Some(near), _) => format!("did you mean {near}?"),
        (None, []) => "no stage has a name: give it one with `FROM … AS name`".to_owned(),
        (None, _) => format!("the stages are: {}", names.join(", ")),
    };
    Err(with_help(unknown, help))
}
