//! `# hadolint [global|stage] ignore=RULE,… # why`: hadolint's; and `# hadolint shell=NAME`, which silences nothing.

use lapstrake_parser::{Dockerfile, Instruction, InstructionKind, Span};

use super::{Dialect, Names, Place, Suppression, comment_lines, list};

/// What a comment holds for.
#[derive(Clone, Copy)]
enum Scope {
    File,
    Stage,
    Instruction,
}

struct Pragma {
    /// The line with its end.
    line: Span,
    scope: Scope,
    comment: Span,
    names: Names,
}

/// Adds what the comments of hadolint silence.
pub(super) fn read<'a>(
    source: &'a str,
    dockerfile: &'a Dockerfile,
    all: &mut Vec<Suppression<'a>>,
) {
    if !source.contains("hadolint") {
        return;
    }
    for Pragma { line, scope, comment, names } in pragmas(source, dockerfile) {
        let place = place(source, dockerfile, line, scope);
        let dialect = Dialect::Hadolint;
        all.push(Suppression { dialect, comment, names, is_for_all: false, place });
    }
}

fn place<'a>(source: &str, dockerfile: &Dockerfile, line: Span, scope: Scope) -> Place<'a> {
    let begins_below = |one: &&Instruction| {
        let line_start = source.get(..one.span.start).and_then(|text| text.rfind('\n'));
        line_start.map_or(0, |at| at + 1) == line.end
    };
    let below = dockerfile.instructions.iter().find(begins_below);
    match (scope, below) {
        (Scope::File, _) => Place::File,
        (Scope::Instruction, Some(one)) => Place::Inside(one.span.start..one.span.end + 1),
        (Scope::Stage, Some(one)) if matches!(one.kind, InstructionKind::From(_)) => {
            let stages = dockerfile.stages();
            let later = stages.iter().map(|stage| stage.instruction.span.start);
            let next = later.filter(|at| *at > one.span.start).min();
            Place::Inside(one.span.start..next.unwrap_or(source.len() + 1))
        }
        _ => Place::Nothing,
    }
}

/// The lines, with their ends, in which a comment of hadolint stands that holds for an instruction.
pub(crate) fn comments_for_instructions(source: &str, dockerfile: &Dockerfile) -> Vec<Span> {
    let pragmas = pragmas(source, dockerfile).into_iter();
    let of_instructions = pragmas.filter(|pragma| matches!(pragma.scope, Scope::Instruction));
    of_instructions.map(|pragma| pragma.line).collect()
}

/// Where the comments `# hadolint shell=NAME` stand, and the names, in file order.
pub(crate) fn shells<'a>(source: &'a str, dockerfile: &Dockerfile) -> Vec<(usize, &'a str)> {
    if !source.contains("hadolint") {
        return Vec::new();
    }
    let shell = |(line, text): (Span, &'a str)| {
        let rest = own(text)?.strip_prefix("shell")?.trim_start().strip_prefix('=')?;
        let name = rest.split('#').next().unwrap_or_default().trim();
        (!name.is_empty() && !name.contains(char::is_whitespace)).then_some((line.start, name))
    };
    lines(source, dockerfile).into_iter().filter_map(shell).collect()
}

/// hadolint's comments that silence something.
fn pragmas(source: &str, dockerfile: &Dockerfile) -> Vec<Pragma> {
    let found = lines(source, dockerfile).into_iter().filter_map(|(line, text)| {
        let (scope, names) = pragma(text, line.start)?;
        let comment = line.start + text.len() - text.trim_start().len();
        let comment = Span::new(comment, comment + text.trim().len());
        Some(Pragma { line, scope, comment, names })
    });
    found.collect()
}

/// The lines, with their ends, that begin as hadolint's comments do. What looks like one in the text of a heredoc is
/// none.
fn lines<'a>(source: &'a str, dockerfile: &Dockerfile) -> Vec<(Span, &'a str)> {
    let heredocs = dockerfile.instructions.iter().flat_map(|one| &one.heredocs);
    let bodies: Vec<Span> = heredocs.map(|heredoc| heredoc.body).collect();
    let is_text = |start: usize| {
        let next = bodies.partition_point(|body| body.end <= start);
        bodies.get(next).is_some_and(|body| body.range().contains(&start))
    };
    let is_own = |(line, text): &(Span, &str)| own(text).is_some() && !is_text(line.start);
    comment_lines(source).filter(is_own).collect()
}

/// What stands behind `# hadolint `.
fn own(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix('#')?.trim_start().strip_prefix("hadolint")?;
    Some(rest.strip_prefix([' ', '\t'])?.trim_start())
}

/// What the comment holds for, and the names. `start` is where the line starts.
fn pragma(line: &str, start: usize) -> Option<(Scope, Names)> {
    let rest = own(line)?;
    let (scope, rest) = match rest.split_once([' ', '\t']) {
        Some(("global", rest)) => (Scope::File, rest),
        Some(("stage", rest)) => (Scope::Stage, rest),
        _ => (Scope::Instruction, rest),
    };
    let names = rest.trim_start().strip_prefix("ignore")?.trim_start().strip_prefix('=')?;
    let at = start + line.len() - names.len();
    let names = names.split('#').next().unwrap_or_default();
    Some((scope, list(names, at)))
}
