//! # WORKDIR is absolute
//!
//! A relative WORKDIR counts from the one before it. This is hadolint's rule: unlike
//! WorkdirRelativePath it looks at all of them, not at the first one only.
//!
//! ```dockerfile
//! FROM debian:12
//! WORKDIR app
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! WORKDIR /app
//! ```
//!
//! **Fix**: safe where the directory before it is known: the path that it comes to is written down. Else none.

use lapstrake_parser::{Instruction, InstructionKind, Safety, Severity, Stage};

use crate::copied;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("relative-workdir", &["DL3000"], Severity::Error, Check::Instruction(check))
        .hadolint_only();

fn check(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let InstructionKind::Workdir(path) = &instruction.kind else { return };
    let text = path.as_str().trim_matches(['"', '\'']);
    let has_drive =
        text.get(1..2) == Some(":") && text.starts_with(|c: char| c.is_ascii_alphabetic());
    if !text.starts_with(['/', '$']) && !has_drive {
        let draft =
            findings.add(path.span(), format!("`{text}` counts from the directory before it"));
        let is_here = |one: &&Stage<'_>| one.instruction.span.start < instruction.span.start;
        let stage = subject.stages.iter().rev().find(is_here);
        let place = instruction.span.start;
        let directory = stage.and_then(|stage| copied::directory_at(subject, stage, place));
        // Without quotes and variables it can be put behind the other one.
        let is_plain = path.as_str() == text && !text.contains(['$', '\\', ' ', '"', '\'']);
        if let Some(directory) = directory.filter(|_| is_plain) {
            let whole = format!("{}/{text}", directory.trim_end_matches('/'));
            let draft = draft.help(format!("write `WORKDIR {whole}`"));
            draft.fix(Safety::Safe, [(path.span(), whole)]);
        }
    }
}
