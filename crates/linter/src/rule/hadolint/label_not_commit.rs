//! # Labels that are to be commits are some
//!
//! Who looks for the commit needs its id in full, or its first seven digits. Only looks at labels that the `label-schema` of the project's configuration says this of; a value
//! with a variable in it is not looked at.
//!
//! With `revision = "hash"` in the schema:
//!
//! ```dockerfile
//! FROM debian:12
//! LABEL revision="main"
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! LABEL revision="abcdef1"
//! ```
//!
//! **Fix**: none: what is meant is not known.

use lapstrake_parser::{Instruction, Severity};

use crate::finding::Findings;
use crate::label::misfits;
use crate::policy::LabelKind;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("label-not-commit", &["DL3055"], Severity::Warning, Check::Instruction(check))
        .recommended();

fn check(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    for label in misfits(subject, instruction, LabelKind::Commit) {
        findings.add(label.value_span, format!("the label `{}` is no id of a commit", label.key));
    }
}
