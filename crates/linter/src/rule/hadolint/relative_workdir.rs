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
//! **Fix**: none: what is meant is for the author to say.

use lapstrake_parser::{Instruction, InstructionKind, Severity};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("relative-workdir", &["DL3000"], Severity::Error, Check::Instruction(check))
        .hadolint_only();

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let InstructionKind::Workdir(path) = &instruction.kind else { return };
    let text = path.as_str().trim_matches(['"', '\'']);
    let has_drive =
        text.get(1..2) == Some(":") && text.starts_with(|c: char| c.is_ascii_alphabetic());
    if !text.starts_with(['/', '$']) && !has_drive {
        findings.add(path.span(), format!("`{text}` counts from the directory before it"));
    }
}
