//! # Labels that are to be mail addresses are some
//!
//! Who writes to it needs an address as RFC 5322 has it. Only looks at labels that the `label-schema` of the project's configuration says this of; a value
//! with a variable in it is not looked at.
//!
//! With `contact = "email"` in the schema:
//!
//! ```dockerfile
//! FROM debian:12
//! LABEL contact="nobody"
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! LABEL contact="a@example.com"
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
    Rule::hadolint("label-not-email", &["DL3058"], Severity::Warning, Check::Instruction(check))
        .recommended();

fn check(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    for label in misfits(subject, instruction, LabelKind::Email) {
        findings.add(label.value_span, format!("the label `{}` is no mail address", label.key));
    }
}
