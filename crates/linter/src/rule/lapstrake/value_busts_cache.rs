//! # What changes often stands low
//!
//! A RUN is executed again when a variable that is set above it has another value, also one that it does not
//! use. Looks at what the cache knows of the last builds, if they were made here: which steps were executed
//! again because of a value, and which of them do not mention it.
//!
//! ```dockerfile
//! FROM debian:12
//! ARG VERSION
//! RUN apt-get update && apt-get install -y build-essential
//! RUN ./build --version "$VERSION"
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update && apt-get install -y build-essential
//! ARG VERSION
//! RUN ./build --version "$VERSION"
//! ```
//!
//! **Fix**: none: a program may read the variable without a word of that in the file.

use std::time::Duration;

use lapstrake_parser::{Instruction, InstructionKind, Severity, Span, Stage};

use crate::amount;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::{Subject, mentions};

pub(super) static RULE: Rule =
    Rule::own("value-busts-cache", Severity::Warning, Check::Stage(check))
        .instead_of(&["volatile-arg-early"]);

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    if subject.known.stages.iter().all(|stage| stage.made.is_empty()) {
        return;
    }
    for (at, instruction) in stage.instructions.iter().enumerate() {
        for (name, place) in set_by(instruction) {
            let below = stage.instructions.get(at + 1..).unwrap_or_default();
            look(subject, (name, place), below, findings);
        }
    }
}

/// The names that an ARG or ENV sets.
fn set_by(instruction: &Instruction) -> Vec<(&str, Span)> {
    match &instruction.kind {
        InstructionKind::Arg(names) => {
            names.iter().map(|arg| (arg.name.as_str(), arg.name.span())).collect()
        }
        InstructionKind::Env(pairs) => {
            pairs.iter().map(|pair| (pair.key.as_str(), pair.key.span())).collect()
        }
        _ => Vec::new(),
    }
}

fn look(
    subject: &Subject<'_>,
    (name, place): (&str, Span),
    below: &[Instruction],
    findings: &mut Findings<'_>,
) {
    let text = |one: &Instruction| subject.source.get(one.span.range()).unwrap_or_default();
    // From the first use on it has to stand above.
    let unused = below.iter().take_while(|one| !mentions(text(one), name));
    let again = unused.filter_map(|one| {
        let made = subject.made(one)?;
        let changed = made.changed.as_ref().filter(|changed| changed.name == name)?;
        Some((one, made, changed))
    });
    let again: Vec<_> = again.collect();
    let Some((last, _, changed)) = again.last() else { return };
    let took: Duration = again.iter().filter_map(|(_, made, _)| made.took).sum();
    let steps = amount::count(again.len(), "step");
    let what = format!("{steps} below ran again because `{name}` changed, and do not use it");
    let what = if again.len() == 1 { what.replace("and do not", "and does not") } else { what };
    let help = format!(
        "in the last builds: {} → {}, which cost {}; set it further down",
        shown(&changed.before),
        shown(&changed.after),
        amount::seconds(took)
    );
    findings.add(place, what).help(help).label(last.keyword().span, "it is not used up to here");
}

fn shown(value: &str) -> &str {
    if value.is_empty() { "nothing" } else { value }
}
