//! # One CMD in a stage
//!
//! Only the last CMD of a stage counts. This is hadolint's form of MultipleInstructionsDisallowed: it
//! points at the later one.
//!
//! ```dockerfile
//! FROM debian:12
//! CMD ["a"]
//! CMD ["b"]
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! CMD ["b"]
//! ```
//!
//! **Fix**: safe: the one that does nothing is taken out, and only the image's history tells. None below a comment that
//! silences rules, which would then be about what follows.

use lapstrake_parser::{Instruction, InstructionKind, Safety, Severity, Stage};

use crate::amend;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("second-cmd", &["DL4003"], Severity::Warning, Check::Stage(check))
        .hadolint_only();

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let all = stage.instructions.iter();
    let all = all.filter(|one| matches!(one.kind, InstructionKind::Cmd(_)));
    let mut before: Option<&Instruction> = None;
    for instruction in all {
        if let Some(before) = before {
            let draft =
                findings.add(instruction.keyword().span, "only the last CMD of a stage counts");
            draft
                .label(before.keyword().span, "this one does nothing")
                .fix_all(Safety::Safe, amend::take_out(subject, before));
        }
        before = Some(instruction);
    }
}
