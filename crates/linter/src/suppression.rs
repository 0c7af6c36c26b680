//! What a file does not want to hear, and what it asks for (A2.5, A2.6).

use lapstrake_parser::check::CheckOptions;
use lapstrake_parser::{Diagnostic, Dockerfile, Instruction};

use crate::finding::Owned;

/// The options of the `check` directive; those of a file without it are the defaults.
pub fn checks(dockerfile: &Dockerfile) -> CheckOptions {
    let directives = dockerfile.directives.iter();
    let checks = directives.filter_map(|directive| match &directive.kind {
        lapstrake_parser::DirectiveKind::Check(options) => Some(options.clone()),
        _ => None,
    });
    checks.take(1).next().unwrap_or_default()
}

/// The options that the build argument `BUILDKIT_DOCKERFILE_CHECK` puts in place of the directive.
///
/// # Errors
/// What is not understood. Spans count from the start of `text`.
pub fn checks_from_argument(text: &str) -> Result<CheckOptions, Vec<Diagnostic>> {
    let (options, faults) = CheckOptions::parse(text.trim(), 0);
    if faults.is_empty() { Ok(options) } else { Err(faults) }
}

/// True if the finding is to be reported.
pub(crate) fn wants(found: &Owned<'_>, checks: &CheckOptions) -> bool {
    let rule = found.finding.rule;
    let above = found.owner.and_then(comment_options);
    let is_named = |options: &CheckOptions| {
        let names = if rule.experimental { &options.experimental } else { &options.skip };
        names.contains(rule.name)
    };
    let is_named = is_named(checks) || above.as_ref().is_some_and(is_named);
    is_named == rule.experimental
}

/// The options of the comments above an instruction. Only the first such comment counts, and none if
/// that one is not understood: so does BuildKit.
fn comment_options(instruction: &Instruction) -> Option<CheckOptions> {
    let (options, faults) = instruction.comments.iter().find_map(CheckOptions::from_comment)?;
    faults.is_empty().then_some(options)
}
