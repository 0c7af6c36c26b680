//! # Labels that are to be versions are some
//!
//! Who compares versions needs three numbers, as Semantic Versioning has it. Only looks at labels that the `label-schema` of the project's configuration says this of; a value
//! with a variable in it is not looked at.
//!
//! With `version = "semver"` in the schema:
//!
//! ```dockerfile
//! FROM debian:12
//! LABEL version="1.2"
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! LABEL version="1.2.3"
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
    Rule::hadolint("label-not-version", &["DL3056"], Severity::Warning, Check::Instruction(check))
        .recommended();

fn check(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    for label in misfits(subject, instruction, LabelKind::Version) {
        findings.add(label.value_span, format!("the label `{}` is no semantic version", label.key));
    }
}
