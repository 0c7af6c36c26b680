//! # Several sources go to a folder
//!
//! COPY with several sources fails unless its destination ends with `/`.
//!
//! ```dockerfile
//! FROM debian:12
//! COPY a.txt b.txt /dst
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! COPY a.txt b.txt /dst/
//! ```
//!
//! **Fix**: safe: without it the build fails.

use lapstrake_parser::{Instruction, InstructionKind, Safety, Severity, Span};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("copy-several-to-file", &["DL3021"], Severity::Error, Check::Instruction(check));

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let InstructionKind::Copy(transfer) = &instruction.kind else { return };
    let text = transfer.destination.as_str().trim_matches(['"', '\'']);
    if transfer.sources.len() < 2 || text.ends_with('/') {
        return;
    }
    let destination = &transfer.destination;
    let draft =
        findings.add(destination.span(), "several sources, and the destination is no folder");
    let draft = draft.help("end it with `/`");
    if !transfer.json && destination.as_str() == text {
        draft.fix(Safety::Safe, [(Span::point(destination.span().end), "/".to_owned())]);
    }
}
