//! # No blank lines inside of an instruction
//!
//! A blank line behind a `\` looks like the end of the instruction and is none: what follows still
//! belongs to it. Builders accept that only for old files' sake. Comment lines are fine.
//!
//! ```dockerfile
//! FROM alpine
//! RUN apk add \
//!
//!     git
//! ```
//!
//! Take the line out, or make it a comment:
//!
//! ```dockerfile
//! FROM alpine
//! RUN apk add \
//!     git
//! ```
//!
//! **Fix**: safe, blank lines there mean nothing.

use lapstrake_parser::{Instruction, Safety, Span};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::buildkit("NoEmptyContinuation", Check::File(check));

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for instruction in &subject.dockerfile.instructions {
        if let Some((first, others)) = instruction.blank_lines().split_first() {
            report(subject, instruction, *first, others, findings);
        }
    }
}

/// One finding for each instruction, as in BuildKit.
fn report(
    subject: &Subject<'_>,
    instruction: &Instruction,
    first: Span,
    others: &[Span],
    findings: &mut Findings<'_>,
) {
    let mut draft = findings
        .add(first, "blank line inside of an instruction")
        .label(instruction.keyword().span, "the instruction goes on behind it")
        .help("take the line out, or put a `#` on it");
    for other in others {
        draft = draft.label(*other, "and here");
    }
    let lines = [first].into_iter().chain(others.iter().copied());
    let edits = lines.map(|line| (with_line_end(subject.source, line), String::new()));
    draft.fix_all(Safety::Safe, edits);
}

/// The line with what ends it.
fn with_line_end(source: &str, line: Span) -> Span {
    let rest = source.get(line.end..).unwrap_or_default();
    let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
    Span::new(line.start, line.end + end)
}
