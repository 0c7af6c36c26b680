//! # COPY to a known place
//!
//! A relative destination counts from the working directory, here the one of the base image, which its
//! next version may change.
//!
//! ```dockerfile
//! FROM debian:12
//! COPY app.py app/
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! WORKDIR /srv
//! COPY app.py app/
//! ```
//!
//! **Fix**: none: what is meant is for the author to say.

use lapstrake_parser::{Instruction, InstructionKind, Severity, Stage};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("copy-without-workdir", &["DL3045"], Severity::Warning, Check::Stage(check));

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let is_workdir = |one: &Instruction| matches!(one.kind, InstructionKind::Workdir(_));
    let mut has_workdir = subject.lineage(stage).iter().any(|base| base.instructions.iter().any(is_workdir));
    for instruction in stage.instructions {
        has_workdir = has_workdir || is_workdir(instruction);
        let InstructionKind::Copy(transfer) = &instruction.kind else { continue };
        let text = transfer.destination.as_str().trim_matches(['"', '\'']);
        let has_drive = text.get(1..2) == Some(":");
        if !has_workdir && !text.starts_with(['/', '$']) && !has_drive {
            let message = format!("`{text}` counts from the base image's directory");
            findings.add(transfer.destination.span(), message).help("set WORKDIR before");
        }
    }
}
