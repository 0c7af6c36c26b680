//! # Labels that are to be times are some
//!
//! Who reads the label needs a time as RFC 3339 has it. Only looks at labels that the `label-schema` of the project's configuration says this of; a value
//! with a variable in it is not looked at.
//!
//! With `built = "rfc3339"` in the schema:
//!
//! ```dockerfile
//! FROM debian:12
//! LABEL built="yesterday"
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! LABEL built="2025-01-02T03:04:05Z"
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
    Rule::hadolint("label-not-time", &["DL3053"], Severity::Warning, Check::Instruction(check))
        .recommended();

fn check(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    for label in misfits(subject, instruction, LabelKind::Time) {
        findings.add(label.value_span, format!("the label `{}` is no time of RFC 3339", label.key));
    }
}
