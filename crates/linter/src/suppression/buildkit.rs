//! `# check=skip=RULE,…`: BuildKit's.

use std::cell::Cell;

use lapstrake_parser::check::{CheckOptions, RuleSelection};
use lapstrake_parser::{Diagnostic, Directive, DirectiveKind, Dockerfile, Instruction, Span};

use super::{Dialect, Place, Suppression, comment_lines};

/// The options of the `check` directive; those of a file without it are the defaults.
pub fn checks(dockerfile: &Dockerfile) -> CheckOptions {
    directive(dockerfile).map(|(_, options)| options.clone()).unwrap_or_default()
}

/// The options that the build argument `BUILDKIT_DOCKERFILE_CHECK` puts in place of the directive.
///
/// # Errors
/// What is not understood. Spans count from the start of `text`.
pub fn checks_from_argument(text: &str) -> Result<CheckOptions, Vec<Diagnostic>> {
    let (options, faults) = CheckOptions::parse(text.trim(), 0);
    if faults.is_empty() { Ok(options) } else { Err(faults) }
}

fn directive(dockerfile: &Dockerfile) -> Option<(&Directive, &CheckOptions)> {
    dockerfile.directives.iter().find_map(|directive| match &directive.kind {
        DirectiveKind::Check(options) => Some((directive, options)),
        _ => None,
    })
}

/// Adds what `checks` skips, and what comments above instructions skip.
pub(super) fn read<'a>(
    source: &str,
    dockerfile: &'a Dockerfile,
    checks: &CheckOptions,
    all: &mut Vec<Suppression<'a>>,
) {
    // What the command line says in the place of the directive stands nowhere in the file.
    let own = directive(dockerfile).filter(|(_, options)| *options == checks);
    all.extend(skip(checks, own.map(|(directive, _)| directive.span), Place::File));
    if !comment_lines(source).any(|(_, line)| may_be_check(line)) {
        return;
    }
    for one in &dockerfile.instructions {
        let Some((place, options)) = comment(one) else { continue };
        all.extend(skip(&options, Some(place), Place::Instruction(one)));
    }
}

/// True if the line may be a comment with options. Few files have one, and comments take time to read.
fn may_be_check(line: &str) -> bool {
    let comment = line.trim_start().strip_prefix('#');
    let word = comment.and_then(|comment| comment.trim_start().get(..5));
    word.is_some_and(|word| word.eq_ignore_ascii_case("check"))
}

/// What the options skip. Without a place in the file nobody can be told that it was not needed.
fn skip<'a>(
    options: &CheckOptions,
    comment: Option<Span>,
    place: Place<'a>,
) -> Option<Suppression<'a>> {
    let (names, is_for_all) = match &options.skip {
        RuleSelection::All => (Vec::new(), true),
        RuleSelection::Named(names) => {
            (names.iter().map(|name| (name.clone(), Cell::new(comment.is_none()))).collect(), false)
        }
    };
    let comment = comment.unwrap_or_default();
    let dialect = Dialect::BuildKit;
    (is_for_all || !names.is_empty()).then_some(Suppression {
        dialect,
        comment,
        names,
        is_for_all,
        place,
    })
}

/// The options of the comments above an instruction. Only the first such comment counts, and none if
/// that one is not understood: so does BuildKit.
pub(super) fn comment_options(instruction: &Instruction) -> Option<CheckOptions> {
    comment(instruction).map(|(_, options)| options)
}

/// The same, and where the comment stands.
fn comment(instruction: &Instruction) -> Option<(Span, CheckOptions)> {
    let (place, (options, faults)) = instruction.comments().into_iter().find_map(|comment| {
        let place = comment.span;
        Some((place, CheckOptions::from_comment(comment)?))
    })?;
    faults.is_empty().then_some((place, options))
}
