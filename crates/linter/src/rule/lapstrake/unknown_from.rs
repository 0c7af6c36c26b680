//! # `from` names a stage that is there
//!
//! What `COPY --from` and `RUN --mount=from=` name is an earlier stage, or else an image that is fetched under that name. A
//! stage that is misspelt, or that stands further down, is looked for in a registry: somebody else's image, if there is one.
//! Looks at names without a tag. Those that are no stage's, nor nearly one's, may be an image or a build context:
//! of them there is a remark.
//!
//! ```dockerfile
//! FROM golang:1.24 AS builder
//! RUN make
//! FROM debian:12
//! COPY --from=biulder /out /
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM golang:1.24 AS builder
//! RUN make
//! FROM debian:12
//! COPY --from=builder /out /
//! ```
//!
//! **Fix**: doubtful: the nearest name of an earlier stage.

use lapstrake_parser::{Severity, Span, Stage, suggest};

use crate::finding::Findings;
use crate::from::named;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("unknown-from", Severity::Warning, Check::Stage(check)).confident(Confidence::Medium);

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    for instruction in stage.instructions {
        for (name, span) in named(instruction) {
            let is_bare = !name.is_empty() && !name.contains([':', '/', '$', '@', '.', '"', '\'']);
            let mut contexts = subject.known.callers.iter().flat_map(|caller| &caller.contexts);
            let is_context = contexts.any(|context| *context == name);
            if is_bare && !is_context && subject.stage_named(&name, stage.index).is_none() {
                judge(subject, stage, &name, span, findings);
            }
        }
    }
}

fn judge(
    subject: &Subject<'_>,
    stage: &Stage<'_>,
    name: &str,
    span: Span,
    findings: &mut Findings<'_>,
) {
    if let Ok(number) = name.parse::<usize>() {
        if number >= stage.index {
            let draft = findings.add(span, format!("no earlier stage has the number {number}"));
            draft.help("name the stage instead: numbers change when a stage comes in");
        }
        return;
    }
    let names_it = |one: &&Stage<'_>| {
        one.from.name.as_ref().is_some_and(|own| own.value.eq_ignore_ascii_case(name))
    };
    if let Some(later) = subject.stages.iter().skip(stage.index).find(names_it) {
        let place = later.from.name.as_ref().map_or(later.from.image.span(), |own| own.span);
        let message = format!("the stage `{name}` is no earlier one: an image `{name}` is fetched");
        findings.add(span, message).help("move that stage up").label(place, "it is this one");
        return;
    }
    let names: Vec<String> =
        subject.stages.iter().take(stage.index).filter_map(Stage::name).collect();
    let message = format!("there is no stage `{name}`: an image `{name}` is fetched");
    let draft = findings.add(span, message);
    match suggest(name, names.iter().map(String::as_str)) {
        Some(near) => drop(draft.suggest(span, Some(near))),
        None => {
            draft.remark().help(format!("if an image is meant, name its tag: `{name}:…`"));
        }
    }
}
