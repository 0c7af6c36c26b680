//! Stages by name, and what each FROM stands for.

use lapstrake_parser::{Diagnostic, Dockerfile, Instruction, Span, Stage};

use super::fault::{fault, suggestion, with_help};
use super::origin::{self, Origin};
use super::scope::Scope;
use super::{Options, platform, word};

/// A stage before its instructions are looked at.
pub(super) struct Header<'a> {
    /// Its name in lower case, if it has one.
    pub(super) name: Option<String>,
    /// What it starts from.
    pub(super) base: Origin,
    /// The FROM instruction.
    pub(super) from: &'a Instruction,
    /// Where the base is named.
    pub(super) span: Span,
    /// The instructions after FROM; none when the stage is replaced.
    pub(super) instructions: &'a [Instruction],
    /// Whether a named context stands in the place of the whole stage.
    pub(super) is_replaced: bool,
}

/// The headers of all stages, in order.
pub(super) fn headers<'a>(
    dockerfile: &'a Dockerfile,
    scope: &Scope,
    options: &Options,
    faults: &mut Vec<Diagnostic>,
) -> Vec<Header<'a>> {
    let mut headers: Vec<Header<'a>> = Vec::new();
    for stage in dockerfile.stages() {
        let platform = stage.from.platform.as_ref();
        let platform = platform.map(|platform| platform::check(platform, scope, options));
        faults.extend(platform.and_then(Result::err));
        let base = base(&stage, &headers, scope, options).unwrap_or_else(|fault| {
            faults.push(fault);
            Origin::Unknown
        });
        let name = stage.name();
        let replacement = name.as_ref();
        let replacement =
            replacement.and_then(|name| options.contexts.of_stage(name, &options.platform));
        let is_replaced = replacement.is_some();
        headers.push(Header {
            name,
            base: replacement.unwrap_or(base),
            from: stage.instruction,
            span: stage.from.image.span,
            instructions: if is_replaced { &[] } else { stage.instructions },
            is_replaced,
        });
    }
    headers
}

fn base(
    stage: &Stage<'_>,
    earlier: &[Header<'_>],
    scope: &Scope,
    options: &Options,
) -> Result<Origin, Diagnostic> {
    let written = &stage.from.image;
    if written.as_str().is_empty() {
        // Parsing has reported it.
        return Ok(Origin::Unknown);
    }
    let image = word::expand(written, &scope.arguments, scope.escape)?;
    if image.is_empty() {
        let message = format!("the base image {} is blank here", written.as_str());
        let help = "give the ARG a default, or a value with --build-arg";
        return Err(with_help(fault("blank-base-image", written.span, message), help));
    }
    let platform = &options.platform;
    match find(earlier, &image) {
        Some(stage) => Ok(Origin::Stage(stage)),
        None => origin::elsewhere(&image, written.span, platform, options),
    }
}

/// The last stage of that name.
pub(super) fn find(headers: &[Header<'_>], name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    headers.iter().rposition(|header| header.name.as_deref() == Some(&name))
}

/// The stage that is to be built: by name, else by number, else the last one.
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
    if let Some(stage) = wanted.parse().ok().filter(|number| *number <= last) {
        return Ok(stage);
    }
    let names: Vec<&str> = headers.iter().filter_map(|header| header.name.as_deref()).collect();
    let span = headers.last().map(|header| header.from.span).unwrap_or_default();
    let unknown = fault("unknown-target", span, format!("there is no stage named {wanted}"));
    let help = suggestion(wanted, names.iter().copied()).unwrap_or_else(|| match &names[..] {
        [] => format!("no stage has a name; their numbers go from 0 to {last}"),
        _ => format!("the stages are: {}", names.join(", ")),
    });
    Err(with_help(unknown, help))
}
