//! # Global arguments are declared again where they are used
//!
//! What ARG declares above the first FROM, and what the builder declares itself, such as `TARGETARCH`, is for FROM alone.
//! In a stage it has no value until the stage declares it again: a RUN puts in nothing. Quiet where the stage, what it is
//! built on or the RUN itself sets the name.
//!
//! ```dockerfile
//! ARG VERSION=1.2
//! FROM debian:12
//! RUN curl -fO https://example.com/$VERSION.tar
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! ARG VERSION=1.2
//! FROM debian:12
//! ARG VERSION
//! RUN curl -fO https://example.com/$VERSION.tar
//! ```
//!
//! **Fix**: unsafe: `ARG NAME` in front of the RUN, which from then on runs with another value.

use lapstrake_parser::{InstructionKind, Safety, Severity, Span};

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::shell::{Piece, PieceKind};

pub(super) static RULE: Rule =
    Rule::own("out-of-scope-var", Severity::Warning, Check::Shell(check))
        .confident(Confidence::Medium);

/// What the builder declares for FROM (Dockerfile reference, "Automatic platform ARGs in the global scope").
const PLATFORM: [&str; 8] = [
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
];

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    let subject = run.run.subject;
    if run.run.is_trigger {
        return;
    }
    let text = subject.source.get(run.owner().span.range()).unwrap_or_default();
    let mut seen: Vec<&str> = Vec::new();
    for Piece { span, kind } in run.texts().flat_map(|(text, _)| text.pieces.iter().copied()) {
        let PieceKind::Parameter(parameter) = kind else { continue };
        let name = parameter.name.as_str();
        let is_global = subject.globals.declared.iter().any(|declared| declared == name);
        if !(is_global || PLATFORM.contains(&name)) || seen.contains(&name) {
            continue;
        }
        seen.push(name);
        // `${NAME:-default}` is ready for nothing.
        let is_ready = parameter.modifier.starts_with([':', '-', '+', '?', '=']);
        if is_ready || run.has_variable(name) || sets(text, name) || base_sets(run, name) {
            continue;
        }
        report(run, name, *span, findings);
    }
}

fn report(run: &ShellRun<'_>, name: &str, span: Span, findings: &mut Findings<'_>) {
    let message = format!("`{name}` has no value here: this stage does not declare it");
    let draft = findings.add(span, message).help(format!("declare it in this stage: `ARG {name}`"));
    let draft = match declared(run, name) {
        Some(place) => draft.label(place, "this is for FROM alone"),
        None => draft,
    };
    let start = run.owner().span.start;
    let above = run.run.subject.source.get(..start).unwrap_or_default();
    let is_commented = above.lines().next_back().is_some_and(|line| line.starts_with('#'));
    // A comment may be about the RUN.
    if !is_commented && above.ends_with('\n') && !above.ends_with("\r\n") {
        draft.fix(Safety::Unsafe, [(Span::point(start), format!("ARG {name}\n"))]);
    }
}

/// True if the script may set the variable in one way or another.
fn sets(text: &str, name: &str) -> bool {
    let mut places = text.match_indices(name).map(|(at, _)| (at, at + name.len()));
    places.any(|(start, end)| {
        let before = text.get(..start).unwrap_or_default();
        let behind = text.get(end..).unwrap_or_default();
        let assigns = behind.starts_with('=') || behind.starts_with("+=");
        let is_word = !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let word = before.trim_end_matches([' ', '\t']).rsplit([' ', '\t', '\n', ';']).next();
        // `read -r NAME` as well.
        let is_named = matches!(word, Some("read" | "for" | "getopts" | "-r" | "-v"));
        is_word && (assigns || is_named)
    })
}

/// True if what the stage is built on sets the variable, or may well do so: most images with a program set
/// its version, and stages may be named by a variable.
fn base_sets(run: &ShellRun<'_>, name: &str) -> bool {
    let subject = run.run.subject;
    let Some(stage) = run.stage() else { return false };
    let (ground, known) = subject.ground(stage);
    if let Some(base) = known.base {
        let mut names = base.config.env.iter().filter_map(|pair| pair.split_once('='));
        return names.any(|(own, _)| own == name);
    }
    let Some(image) = subject.global_value(&ground.from.image) else { return true };
    if subject.stage_named(&image.text, ground.index).is_some() {
        return true;
    }
    let last = image.text.rsplit('/').next().unwrap_or_default();
    let program = last.split([':', '@']).next().unwrap_or_default();
    let begin = program.to_ascii_uppercase().replace('-', "_");
    !begin.is_empty() && name.strip_prefix(&begin).is_some_and(|rest| rest.starts_with('_'))
}

fn declared(run: &ShellRun<'_>, name: &str) -> Option<Span> {
    let globals = run.run.subject.dockerfile.global_instructions().iter();
    let mut names = globals.filter_map(|one| match &one.kind {
        InstructionKind::Arg(names) => Some(names),
        _ => None,
    });
    names.find_map(|names| {
        names.iter().find(|arg| arg.name.as_str() == name).map(|arg| arg.name.span())
    })
}
